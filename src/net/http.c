/* curl's multi handle on the caller's event base; the only file that knows curl.
 *
 * curl must not be re-entered from its own callbacks, and users call us from theirs. So starting
 * and stopping only queue the request, and the deferred event does the work outside curl; freeing
 * the client from inside waits until the outermost event handler leaves. */
#include "net/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/queue.h>

#define HTTP_MAGIC   0x52434854u
#define CALL_MAGIC   0x52434843u
#define SOCKET_MAGIC 0x52434853u

enum stop {
    STOP_NONE = 0,
    STOP_CANCELLED,
    STOP_BY_BODY,
    STOP_HEADER_TIMEOUT,
    STOP_IDLE_TIMEOUT,
    STOP_BROKEN,
};

static const struct {
    enum rc_http_outcome outcome;
    int code;
    const char *msg;
} stops[] = {
    [STOP_NONE] = {RC_HTTP_FAILED, RC_INTERNAL, "stopped without a reason"},
    [STOP_CANCELLED] = {RC_HTTP_ABORTED, RC_CANCELLED, "request cancelled"},
    [STOP_BY_BODY] = {RC_HTTP_ABORTED, RC_CANCELLED, "response called off by its reader"},
    [STOP_HEADER_TIMEOUT] = {RC_HTTP_TIMED_OUT, RC_TIMEOUT, "no response headers in time"},
    [STOP_IDLE_TIMEOUT] = {RC_HTTP_TIMED_OUT, RC_TIMEOUT, "no bytes for too long"},
    [STOP_BROKEN] = {RC_HTTP_FAILED, RC_IO, "the HTTP client cannot go on"},
};

struct value {
    char bytes[RC_HTTP_VALUE_MAX];
    size_t len;
};

struct rc_http_call {
    unsigned magic;
    rc_http *http;
    rc_http_request_options options; /* path and body are curl's copies: never read again */
    CURL *easy;
    struct curl_slist *request_headers;
    struct event *header_timer;
    struct event *idle_timer;
    struct value date, api_version, server;
    int status;
    bool added;   /* curl has it */
    bool waiting; /* on the queue of those that start */
    bool doomed;  /* on the queue of those that stop */
    bool turning; /* on the list of those that this turn gave bytes */
    bool paused;
    uint32_t turn; /* bytes of this turn */
    bool headers_done;
    bool ended; /* no callback but on_done from here on */
    enum stop stop;
    char curl_error[CURL_ERROR_SIZE];
    TAILQ_ENTRY(rc_http_call) all_link;
    TAILQ_ENTRY(rc_http_call) queue_link; /* starting or stopping, never both */
    TAILQ_ENTRY(rc_http_call) turn_link;
};

TAILQ_HEAD(call_list, rc_http_call);

struct watched_socket {
    unsigned magic;
    rc_http *http;
    struct event *event;
    LIST_ENTRY(watched_socket) link;
};

struct rc_http {
    unsigned magic;
    struct event_base *base;
    CURLM *multi;
    struct event *timer;
    struct event *deferred;
    struct event *resume; /* those that are paused: a timer, so that the loop looks around first */
    LIST_HEAD(, watched_socket) sockets;
    struct call_list calls;
    struct call_list starting;
    struct call_list stopping;
    struct call_list turning;
    unsigned count;
    unsigned depth; /* event handlers of this client on the stack */
    bool dying;
    bool tls;
    bool verify;
    int priority;
    char *unix_path;
    char *base_url;
    char *ca_file;
    char *cert_file;
    char *key_file;
};

static void *checked(void *arg, unsigned magic)
{
    unsigned found = 0;
    if (arg)
        memcpy(&found, arg, sizeof(found)); /* the magic is each struct's first member */
    if (found != magic)
        abort();
    return arg;
}

static struct timeval milliseconds(long ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

/* ---- Stopping ---- */

static void doom(rc_http_call *call, enum stop why)
{
    rc_http *http = call->http;
    if (call->ended || call->stop)
        return;
    call->stop = why;
    if (call->waiting) {
        TAILQ_REMOVE(&http->starting, call, queue_link);
        call->waiting = false;
    }
    TAILQ_INSERT_TAIL(&http->stopping, call, queue_link);
    call->doomed = true;
    event_active(http->deferred, EV_TIMEOUT, 1);
}

static void doom_all(rc_http *http, enum stop why)
{
    rc_http_call *call;
    TAILQ_FOREACH(call, &http->calls, all_link)
    doom(call, why);
}

static enum rc_http_outcome explain(const rc_http_call *call, CURLcode result, rc_error *err)
{
    enum rc_http_outcome outcome = RC_HTTP_FAILED;
    int code = RC_IO;
    long errnum = 0;
    char text[CURL_ERROR_SIZE];

    if (call->stop) {
        (void)rc_fail(err, stops[call->stop].code, "%s", stops[call->stop].msg);
        return stops[call->stop].outcome;
    }
    if (result == CURLE_OK) {
        if (call->headers_done)
            return RC_HTTP_COMPLETE;
        /* For curl, headers that break off are an answer without a body. */
        (void)rc_fail(err, RC_CLOSED, "the connection ended within the response's headers");
        return RC_HTTP_CLOSED_EARLY;
    }

    /* curl quotes the peer here and there. */
    (void)snprintf(text, sizeof(text), "%s",
                   call->curl_error[0] ? call->curl_error : curl_easy_strerror(result));
    for (char *p = text; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';

    switch ((int)result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        outcome = RC_HTTP_REFUSED;
        code = RC_CLOSED;
        break;
    case CURLE_COULDNT_CONNECT:
        (void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &errnum);
        outcome = RC_HTTP_REFUSED;
        code = errnum == EACCES || errnum == EPERM ? RC_PERM : RC_CLOSED;
        break;
    case CURLE_RECV_ERROR:
        /* curl has no code of its own for a malformed chunk, nor for a certificate of ours that TLS
         * 1.3's peer refuses after the handshake. */
        if (strstr(text, "chunked-encoding")) {
            code = RC_PROTOCOL;
            break;
        }
        if (strstr(text, " alert ")) {
            code = RC_PERM;
            break;
        }
        outcome = RC_HTTP_CLOSED_EARLY;
        code = RC_CLOSED;
        break;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
        outcome = RC_HTTP_CLOSED_EARLY;
        code = RC_CLOSED;
        break;
    case CURLE_OPERATION_TIMEDOUT:
        outcome = RC_HTTP_TIMED_OUT;
        code = RC_TIMEOUT;
        break;
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer in HTTP/0.9, which is no answer */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        code = RC_PROTOCOL;
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        code = RC_PERM;
        break;
    case CURLE_OUT_OF_MEMORY:
        code = RC_NOMEM;
        break;
    default:
        break;
    }
    if (errnum)
        (void)rc_fail_errno(err, code, (int)errnum, "%s", text);
    else
        (void)rc_fail(err, code, "%s", text);
    return outcome;
}

static void free_call(rc_http_call *call)
{
    if (call->easy)
        curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->request_headers);
    if (call->header_timer)
        event_free(call->header_timer);
    if (call->idle_timer)
        event_free(call->idle_timer);
    call->magic = 0;
    free(call);
}

/* The one way out of a request. Not from inside curl. */
static void finish(rc_http_call *call, CURLcode result)
{
    rc_http *http = call->http;
    rc_error err = RC_ERROR_INIT;
    rc_http_result report = {.status = call->status, .err = &err};

    report.outcome = explain(call, result, &err);
    call->ended = true;
    if (call->added)
        (void)curl_multi_remove_handle(http->multi, call->easy);
    if (call->waiting)
        TAILQ_REMOVE(&http->starting, call, queue_link);
    if (call->doomed)
        TAILQ_REMOVE(&http->stopping, call, queue_link);
    TAILQ_REMOVE(&http->calls, call, all_link);
    http->count--;
    call->options.on_done(call, &report, call->options.arg);
    free_call(call);
}

/* ---- The client's life ---- */

static void destroy(rc_http *http)
{
    struct watched_socket *s;

    if (http->multi)
        (void)curl_multi_cleanup(http->multi);
    while ((s = LIST_FIRST(&http->sockets))) {
        LIST_REMOVE(s, link);
        event_free(s->event);
        free(s);
    }
    if (http->timer)
        event_free(http->timer);
    if (http->deferred)
        event_free(http->deferred);
    if (http->resume)
        event_free(http->resume);
    free(http->unix_path);
    free(http->base_url);
    free(http->ca_file);
    free(http->cert_file);
    free(http->key_file);
    http->magic = 0;
    free(http);
}

static void tear_down(rc_http *http)
{
    rc_http_call *call;

    http->depth++; /* a callback that frees the client again must find it busy */
    doom_all(http, STOP_CANCELLED);
    /* The analyzer does not see that finish() takes the request off its lists. */
    while ((call = TAILQ_FIRST(&http->calls)))
        finish(call, CURLE_OK); /* NOLINT(clang-analyzer-unix.Malloc) */
    destroy(http);
}

static void enter(rc_http *http)
{
    http->depth++;
}

static void leave(rc_http *http)
{
    if (--http->depth == 0 && http->dying)
        tear_down(http);
}

rc_http *rc_http_free(rc_http *http)
{
    if (!http)
        return NULL;
    (void)checked(http, HTTP_MAGIC);
    if (http->dying)
        return NULL;
    http->dying = true;
    if (http->depth)
        doom_all(http, STOP_CANCELLED);
    else
        tear_down(http);
    return NULL;
}

/* ---- Between curl and the event base ---- */

static void reap(rc_http *http)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(http->multi, &left))) {
        CURLcode result = msg->data.result;
        char *private = NULL;

        if (msg->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
        finish(checked(private, CALL_MAGIC), result);
    }
}

/* finish(), which no callback reaches, thus never meets a request that is still on the list. */
static void end_turns(rc_http *http)
{
    const struct timeval at_once = {0, 0};
    rc_http_call *call;

    while ((call = TAILQ_FIRST(&http->turning))) {
        TAILQ_REMOVE(&http->turning, call, turn_link);
        call->turning = false;
        call->turn = 0;
        if (call->paused && evtimer_add(http->resume, &at_once) != 0)
            doom(call, STOP_BROKEN);
        if (!call->stop && call->options.on_batch)
            call->options.on_batch(call, call->options.arg);
    }
}

static void drive(rc_http *http, curl_socket_t fd, int what)
{
    int running;

    enter(http);
    if (curl_multi_socket_action(http->multi, fd, what, &running) != CURLM_OK)
        doom_all(http, STOP_BROKEN);
    end_turns(http);
    reap(http);
    leave(http);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    drive(checked(arg, HTTP_MAGIC), CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
    struct watched_socket *s = checked(arg, SOCKET_MAGIC);
    int action = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    drive(s->http, fd, action); /* s may be gone after this */
}

static int on_curl_timer(CURLM *multi, long ms, void *arg)
{
    rc_http *http = checked(arg, HTTP_MAGIC);
    struct timeval tv = milliseconds(ms);

    (void)multi;
    return ms < 0 ? evtimer_del(http->timer) : evtimer_add(http->timer, &tv);
}

static struct event *new_event(rc_http *http, evutil_socket_t fd, short what, event_callback_fn fn,
                               void *arg)
{
    struct event *event = event_new(http->base, fd, what, fn, arg);
    if (event && event_priority_set(event, http->priority) != 0) {
        event_free(event);
        return NULL;
    }
    return event;
}

static int unwatch(rc_http *http, curl_socket_t fd, struct watched_socket *s)
{
    if (!s)
        return 0;
    (void)curl_multi_assign(http->multi, fd, NULL);
    LIST_REMOVE(s, link);
    event_free(s->event);
    s->magic = 0;
    free(s);
    return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    rc_http *http = checked(arg, HTTP_MAGIC);
    struct watched_socket *s = socket_arg ? checked(socket_arg, SOCKET_MAGIC) : NULL;
    short events = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
                           (what & CURL_POLL_OUT ? EV_WRITE : 0));

    (void)easy;
    if (what == CURL_POLL_REMOVE)
        return unwatch(http, fd, s);

    bool fresh = !s;
    if (fresh) {
        s = calloc(1, sizeof(*s));
        if (!s)
            return -1;
        s->magic = SOCKET_MAGIC;
        s->http = http;
    }
    struct event *event = new_event(http, fd, events, on_socket_ready, s);
    if (!event) {
        if (fresh)
            free(s);
        return -1;
    }
    if (fresh) {
        LIST_INSERT_HEAD(&http->sockets, s, link);
        (void)curl_multi_assign(http->multi, fd, s);
    } else {
        event_free(s->event); /* before the add: one fd, one registration */
    }
    s->event = event;
    return event_add(event, NULL);
}

static void start(rc_http_call *call)
{
    struct timeval tv = milliseconds(call->options.header_timeout_ms);

    call->added = curl_multi_add_handle(call->http->multi, call->easy) == CURLM_OK;
    if (!call->added || (call->header_timer && evtimer_add(call->header_timer, &tv) != 0))
        doom(call, STOP_BROKEN);
}

static void on_deferred(evutil_socket_t fd, short what, void *arg)
{
    rc_http *http = checked(arg, HTTP_MAGIC);
    rc_http_call *call;

    (void)fd, (void)what;
    enter(http);
    while ((call = TAILQ_FIRST(&http->starting))) {
        TAILQ_REMOVE(&http->starting, call, queue_link);
        call->waiting = false;
        start(call);
    }
    while ((call = TAILQ_FIRST(&http->stopping)))
        finish(call, CURLE_OK); /* NOLINT(clang-analyzer-unix.Malloc): as in tear_down */
    leave(http);
}

/* Hands out what curl had read already when it was paused; it then reads on by a timer of its own.
 */
static void resume(rc_http_call *call)
{
    if (curl_easy_pause(call->easy, CURLPAUSE_CONT) != CURLE_OK)
        doom(call, STOP_BROKEN);
    call->paused = false; /* only now: no pause while curl ends one */
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    rc_http *http = checked(arg, HTTP_MAGIC);
    rc_http_call *call;

    (void)fd, (void)what;
    enter(http);
    TAILQ_FOREACH(call, &http->calls, all_link)
    {
        if (call->paused && !call->stop)
            resume(call);
    }
    end_turns(http);
    leave(http);
}

/* ---- The response ---- */

static void on_header_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    doom(checked(arg, CALL_MAGIC), STOP_HEADER_TIMEOUT);
}

static void on_idle_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    doom(checked(arg, CALL_MAGIC), STOP_IDLE_TIMEOUT);
}

static void heard(rc_http_call *call)
{
    struct timeval tv = milliseconds(call->options.idle_timeout_ms);
    if (call->idle_timer && evtimer_add(call->idle_timer, &tv) != 0)
        doom(call, STOP_BROKEN);
}

static void take_value(struct value *value, const char *name, const char *line, size_t n)
{
    size_t name_len = strlen(name);

    if (n <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return;
    line += name_len + 1;
    n -= name_len + 1;
    while (n && (*line == ' ' || *line == '\t'))
        line++, n--;
    while (n && strchr(" \t\r\n", line[n - 1]))
        n--;
    value->len = n < sizeof(value->bytes) ? n : sizeof(value->bytes);
    memcpy(value->bytes, line, value->len);
}

static void headers_whole(rc_http_call *call)
{
    long status = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200) {
        call->date.len = call->api_version.len = call->server.len = 0;
        return;
    }
    call->headers_done = true;
    call->status = (int)status;
    if (call->header_timer)
        (void)evtimer_del(call->header_timer);
    heard(call);
    rc_http_headers headers = {
        .status = call->status,
        .date = rc_str_n(call->date.bytes, call->date.len),
        .api_version = rc_str_n(call->api_version.bytes, call->api_version.len),
        .server = rc_str_n(call->server.bytes, call->server.len),
    };
    if (call->options.on_headers)
        call->options.on_headers(call, &headers, call->options.arg);
}

static size_t on_curl_header(char *line, size_t size, size_t n, void *arg)
{
    rc_http_call *call = checked(arg, CALL_MAGIC);

    n *= size;
    if (call->ended || call->stop)
        return 0;
    if (call->headers_done) /* a trailer */
        return n;
    if (n && (*line == '\r' || *line == '\n')) {
        headers_whole(call);
        return call->stop ? 0 : n;
    }
    take_value(&call->date, "Date", line, n);
    take_value(&call->api_version, "Api-Version", line, n);
    take_value(&call->server, "Server", line, n);
    return n;
}

/* curl reads on for as long as there are bytes, be it for seconds: only a pause stops it. */
static void count_turn(rc_http_call *call, size_t n)
{
    if (!call->turning) {
        TAILQ_INSERT_TAIL(&call->http->turning, call, turn_link);
        call->turning = true;
    }
    call->turn += (uint32_t)n;
    if (call->paused || call->turn < call->options.turn_max)
        return;
    call->paused = true;
    if (curl_easy_pause(call->easy, CURLPAUSE_RECV) != CURLE_OK)
        doom(call, STOP_BROKEN);
}

static size_t on_curl_body(char *bytes, size_t size, size_t n, void *arg)
{
    rc_http_call *call = checked(arg, CALL_MAGIC);

    n *= size;
    if (call->ended || call->stop)
        return CURL_WRITEFUNC_ERROR;
    heard(call);
    count_turn(call, n);
    if (n && call->options.on_body && call->options.on_body(call, bytes, n, call->options.arg))
        doom(call, STOP_BY_BODY);
    return call->stop ? CURL_WRITEFUNC_ERROR : n;
}

/* ---- Setting up ---- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void init_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool plain_text(const char *s)
{
    for (; *s; s++)
        if (*s <= ' ' || *s > '~')
            return false;
    return true;
}

static int check_url(const char *url, bool *tls, rc_error *err)
{
    const char *host;

    if (strncmp(url, "https://", 8) == 0) {
        host = url + 8;
        *tls = true;
    } else if (strncmp(url, "http://", 7) == 0) {
        host = url + 7;
        *tls = false;
    } else {
        return rc_fail(err, RC_INVALID, "the engine's URL must begin with http:// or https://");
    }
    if (!*host || !plain_text(host) || strpbrk(host, "/?#@"))
        return rc_fail(err, RC_INVALID, "the engine's URL must be scheme://host:port, no more");
    return RC_OK;
}

static int check_options(struct event_base *base, const rc_http_options *o, bool *tls,
                         rc_error *err)
{
    bool wants_tls = o->ca_file || o->cert_file || o->key_file || o->tls_no_verify;

    *tls = false;
    if (!o->unix_path == !o->base_url) {
        if (o->unix_path && strncmp(o->base_url, "https://", 8) == 0)
            return rc_fail(err, RC_UNSUPPORTED, "https over a unix socket is not supported");
        return rc_fail(err, RC_INVALID, "give either a unix socket or a URL");
    }
    if (o->priority < 0 || o->priority >= event_base_get_npriorities(base))
        return rc_fail(err, RC_INVALID, "the event base has no priority %d", o->priority);
    if (!o->cert_file != !o->key_file)
        return rc_fail(err, RC_INVALID, "a client certificate and its key go together");
    if (o->unix_path) {
        size_t len = strlen(o->unix_path);
        if (len == 0)
            return rc_fail(err, RC_INVALID, "the unix socket's path is empty");
        if (len > RC_HTTP_UNIX_PATH_MAX)
            return rc_fail(err, RC_INVALID, "the unix socket's path has %zu bytes, %d are the most",
                           len, RC_HTTP_UNIX_PATH_MAX);
        if (wants_tls)
            return rc_fail(err, RC_UNSUPPORTED, "https over a unix socket is not supported");
        return RC_OK;
    }
    if (check_url(o->base_url, tls, err))
        return RC_INVALID;
    if (wants_tls && !*tls)
        return rc_fail(err, RC_INVALID, "TLS options need an https:// URL");
    return RC_OK;
}

static bool copy(char **out, const char *s)
{
    return !s || (*out = strdup(s));
}

static bool set_up_client(rc_http *http, const rc_http_options *o)
{
    http->multi = curl_multi_init();
    http->timer = new_event(http, -1, 0, on_timer, http);
    http->deferred = new_event(http, -1, 0, on_deferred, http);
    http->resume = new_event(http, -1, 0, on_resume, http);
    return http->multi && http->timer && http->deferred && http->resume &&
           copy(&http->unix_path, o->unix_path) &&
           copy(&http->base_url, o->base_url ? o->base_url : "http://localhost") &&
           copy(&http->ca_file, o->ca_file) && copy(&http->cert_file, o->cert_file) &&
           copy(&http->key_file, o->key_file) &&
           !curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) &&
           !curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) &&
           !curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) &&
           !curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
}

rc_http *rc_http_new(struct event_base *base, const rc_http_options *options, rc_error *err)
{
    bool tls;

    if (check_options(base, options, &tls, err))
        return NULL;
    (void)pthread_once(&curl_once, init_curl);
    rc_http *http = curl_ready == CURLE_OK ? calloc(1, sizeof(*http)) : NULL;
    if (!http) {
        (void)rc_fail(err, RC_NOMEM, "cannot set up the HTTP client");
        return NULL;
    }
    http->magic = HTTP_MAGIC;
    http->base = base;
    http->tls = tls;
    http->verify = !options->tls_no_verify;
    http->priority = options->priority;
    LIST_INIT(&http->sockets);
    TAILQ_INIT(&http->calls);
    TAILQ_INIT(&http->starting);
    TAILQ_INIT(&http->stopping);
    TAILQ_INIT(&http->turning);
    if (!set_up_client(http, options)) {
        (void)rc_fail(err, RC_NOMEM, "cannot set up the HTTP client");
        destroy(http);
        return NULL;
    }
    return http;
}

static int check_request(const rc_http *http, const rc_http_request_options *o, rc_error *err)
{
    if (http->dying)
        return rc_fail(err, RC_CANCELLED, "the HTTP client is being freed");
    if (!o->path || o->path[0] != '/' || !plain_text(o->path) || strchr(o->path, '#'))
        return rc_fail(err, RC_INVALID, "a request needs a percent-encoded path");
    if (!o->on_done)
        return rc_fail(err, RC_INVALID, "a request needs an on_done");
    if (o->method != RC_HTTP_GET && o->method != RC_HTTP_POST)
        return rc_fail(err, RC_INVALID, "no such HTTP method: %d", (int)o->method);
    if (o->method == RC_HTTP_GET && o->body.len)
        return rc_fail(err, RC_INVALID, "a GET has no body");
    if (o->stream && o->total_timeout_ms)
        return rc_fail(err, RC_INVALID, "a stream has no total timeout");
    if (o->turn_max && (o->turn_max < RC_HTTP_TURN_MIN || o->turn_max > RC_HTTP_TURN_MAX))
        return rc_fail(err, RC_INVALID, "turns of %u bytes are not between %d and %d", o->turn_max,
                       RC_HTTP_TURN_MIN, RC_HTTP_TURN_MAX);
    if (http->count >= RC_HTTP_REQUESTS_MAX)
        return rc_fail(err, RC_FULL, "%d HTTP requests are under way", RC_HTTP_REQUESTS_MAX);
    return RC_OK;
}

static bool add_header(rc_http_call *call, const char *line)
{
    struct curl_slist *list = curl_slist_append(call->request_headers, line);
    if (list)
        call->request_headers = list;
    return list;
}

static bool set_up_post(rc_http_call *call, rc_str body)
{
    /* Known sizes and no Expect: the engine gets a Content-Length, never chunks, in one go. */
    return add_header(call, body.len ? "Content-Type: application/json" : "Content-Type:") &&
           add_header(call, "Expect:") && !curl_easy_setopt(call->easy, CURLOPT_POST, 1L) &&
           !curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) &&
           !curl_easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS, body.len ? body.ptr : "") &&
           !curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->request_headers);
}

static bool set_up_tls(const rc_http *http, CURL *easy)
{
    return !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, http->verify ? 1L : 0L) &&
           !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, http->verify ? 2L : 0L) &&
           (!http->ca_file || !curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file)) &&
           (!http->cert_file || !curl_easy_setopt(easy, CURLOPT_SSLCERT, http->cert_file)) &&
           (!http->key_file || !curl_easy_setopt(easy, CURLOPT_SSLKEY, http->key_file));
}

static bool set_up_url(const rc_http *http, CURL *easy, const char *path)
{
    size_t size = strlen(http->base_url) + strlen(path) + 1;
    char *url = malloc(size);

    if (!url)
        return false;
    (void)snprintf(url, size, "%s%s", http->base_url, path);
    bool ok = !curl_easy_setopt(easy, CURLOPT_URL, url);
    free(url);
    return ok && !curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) &&
           (!http->unix_path || !curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, http->unix_path));
}

static uint32_t turn_max(const rc_http_request_options *o)
{
    return o->turn_max ? o->turn_max : RC_HTTP_TURN_USUAL;
}

static bool set_up_connection(CURL *easy, const rc_http_request_options *o)
{
    /* QUICK_EXIT: a resolver that hangs is left to its thread, not waited for at the end. */
    return !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") &&
           !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           !curl_easy_setopt(easy, CURLOPT_USERAGENT, "rollcall/" ROLLCALL_VERSION) &&
           !curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)turn_max(o)) &&
           !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms) &&
           !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)o->total_timeout_ms) &&
           !curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, o->stream ? 1L : 0L) &&
           !curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, o->stream ? 1L : 0L);
}

static bool set_up_callbacks(rc_http_call *call)
{
    return !curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call) &&
           !curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->curl_error) &&
           !curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_curl_header) &&
           !curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call) &&
           !curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_curl_body) &&
           !curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
}

static bool set_up_call(rc_http_call *call, const rc_http_request_options *o)
{
    rc_http *http = call->http;

    if (o->header_timeout_ms &&
        !(call->header_timer = new_event(http, -1, 0, on_header_timeout, call)))
        return false;
    if (o->idle_timeout_ms && !(call->idle_timer = new_event(http, -1, 0, on_idle_timeout, call)))
        return false;
    call->easy = curl_easy_init();
    return call->easy && set_up_url(http, call->easy, o->path) &&
           set_up_connection(call->easy, o) && set_up_callbacks(call) &&
           (!http->tls || set_up_tls(http, call->easy)) &&
           (o->method != RC_HTTP_POST || set_up_post(call, o->body));
}

rc_http_call *rc_http_request(rc_http *http, const rc_http_request_options *options, rc_error *err)
{
    (void)checked(http, HTTP_MAGIC);
    if (check_request(http, options, err))
        return NULL;
    rc_http_call *call = calloc(1, sizeof(*call));
    if (!call) {
        (void)rc_fail(err, RC_NOMEM, "cannot set up an HTTP request");
        return NULL;
    }
    call->magic = CALL_MAGIC;
    call->http = http;
    call->options = *options;
    call->options.path = NULL;
    call->options.body = RC_STR_EMPTY;
    call->options.turn_max = turn_max(options);
    if (!set_up_call(call, options)) {
        (void)rc_fail(err, RC_NOMEM, "cannot set up an HTTP request");
        free_call(call);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&http->calls, call, all_link);
    TAILQ_INSERT_TAIL(&http->starting, call, queue_link);
    call->waiting = true;
    http->count++;
    event_active(http->deferred, EV_TIMEOUT, 1);
    return call;
}

void rc_http_cancel(rc_http_call *call)
{
    if (call)
        doom(checked(call, CALL_MAGIC), STOP_CANCELLED);
}

int rc_http_limit_idle(rc_http_call *call, uint32_t ms, rc_error *err)
{
    (void)checked(call, CALL_MAGIC);
    if (ms == 0)
        return rc_fail(err, RC_INVALID, "an idle timeout of 0 is none");
    if (!call->idle_timer)
        call->idle_timer = new_event(call->http, -1, 0, on_idle_timeout, call);
    if (!call->idle_timer)
        return rc_fail(err, RC_NOMEM, "cannot set up a timer");
    call->options.idle_timeout_ms = ms;
    if (call->headers_done)
        heard(call);
    return RC_OK;
}
