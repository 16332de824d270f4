/* Requests and answers on evhttp; the only file that knows it. */
#include "serve/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "serve/guard.h"

#define HTTPD_MAGIC  0x52434844u
#define ERROR_MAX    4096
#define EVERY_METHOD 0xffff /* words that evhttp does not know have a bit, too */

struct rc_httpd {
    unsigned magic;
    rc_httpd_options options;
    struct evhttp *evhttp;
    struct evconnlistener *listener; /* evhttp's */
    struct event *resume;
    rc_guard *guard;
    LIST_ENTRY(rc_httpd) link;
};

struct rc_httpd_request {
    rc_httpd *server;
    rc_conn *conn;
    struct evhttp_request *ev;
    enum rc_httpd_method method;
    rc_target target;
    bool replied;
    bool close; /* what follows on this connection cannot be trusted to be a request */
};

static rc_httpd *checked(void *arg)
{
    rc_httpd *server = arg;
    if (!server || server->magic != HTTPD_MAGIC)
        abort();
    return server;
}

static int fd_of(struct evhttp_request *ev)
{
    struct evhttp_connection *con = evhttp_request_get_connection(ev);
    /* The client may be gone by now, and its connection with it. */
    return con ? bufferevent_getfd(evhttp_connection_get_bufferevent(con)) : -1;
}

/* ---- Answering ---- */

static void on_answered(struct evhttp_request *ev, void *arg)
{
    /* Asked for by its descriptor: it may have been told to go while the answer was under way. */
    rc_conn *conn = rc_guard_find(checked(arg)->guard, fd_of(ev));
    if (conn)
        rc_conn_answered(conn);
}

void rc_httpd_header(rc_httpd_request *r, const char *name, const char *value)
{
    (void)evhttp_add_header(evhttp_request_get_output_headers(r->ev), name, value);
}

static bool set_body(rc_httpd_request *r, const char *content_type, rc_str body)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(r->ev);
    char length[24];
    (void)snprintf(length, sizeof(length), "%zu", body.len);
    if (evhttp_add_header(headers, "Content-Type", content_type) != 0 ||
        evhttp_add_header(headers, "Content-Length", length) != 0)
        return false;
    return r->method == RC_HTTPD_HEAD ||
           evbuffer_add(evhttp_request_get_output_buffer(r->ev), body.ptr, body.len) == 0;
}

void rc_httpd_reply(rc_httpd_request *r, int status, const char *content_type, rc_str body)
{
    if (r->replied)
        abort();
    r->replied = true;
    if (!set_body(r, content_type, body)) {
        /* Out of memory: no answer is better than a torn one. */
        rc_conn_drop(r->conn);
        evhttp_send_reply(r->ev, 503, NULL, NULL);
        return;
    }
    if (r->close)
        rc_httpd_header(r, "Connection", "close");
    evhttp_request_set_on_complete_cb(r->ev, on_answered, r->server);
    evhttp_send_reply(r->ev, status, NULL, NULL);
    rc_conn_answering(r->conn);
}

void rc_httpd_error(rc_httpd_request *r, int status, const char *code, const char *message)
{
    rc_buf text = RC_BUF_INIT(ERROR_MAX);
    rc_json j;
    rc_json_init(&j, &text);
    rc_json_object(&j);
    RC_JSON_KEY(&j, "error");
    rc_json_str(&j, rc_str_c(code));
    RC_JSON_KEY(&j, "message");
    rc_json_str(&j, rc_str_c(message));
    rc_json_object_end(&j);
    rc_buf_putc(&text, '\n');
    rc_str body = rc_buf_failed(&text) ? RC_STR("{\"error\":\"internal\",\"message\":\"\"}\n")
                                       : rc_buf_view(&text);
    rc_httpd_reply(r, status, "application/json", body);
    rc_buf_release(&text);
}

/* ---- What a handler sees ---- */

enum rc_httpd_method rc_httpd_method(const rc_httpd_request *r)
{
    return r->method;
}

const rc_target *rc_httpd_target(const rc_httpd_request *r)
{
    return &r->target;
}

rc_str rc_httpd_body(const rc_httpd_request *r)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(r->ev);
    const unsigned char *bytes = evbuffer_pullup(in, -1);
    return bytes ? rc_str_n((const char *)bytes, evbuffer_get_length(in)) : RC_STR_EMPTY;
}

int rc_httpd_peer(const rc_httpd_request *r, uid_t *ret_uid, rc_error *err)
{
    struct ucred cred;
    socklen_t size = sizeof(cred);
    int fd = fd_of(r->ev);
    if (fd < 0)
        return rc_fail(err, RC_CLOSED, "the client is gone");
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0 || cred.uid == (uid_t)-1)
        return rc_fail(err, RC_UNSUPPORTED, "this connection does not tell who its peer is");
    *ret_uid = cred.uid;
    return RC_OK;
}

/* ---- Requests ---- */

static enum rc_httpd_method method_of(struct evhttp_request *ev)
{
    switch (evhttp_request_get_command(ev)) {
    case EVHTTP_REQ_GET:
        return RC_HTTPD_GET;
    case EVHTTP_REQ_HEAD:
        return RC_HTTPD_HEAD;
    case EVHTTP_REQ_POST:
        return RC_HTTPD_POST;
    case EVHTTP_REQ_PUT:
        return RC_HTTPD_PUT;
    case EVHTTP_REQ_DELETE:
        return RC_HTTPD_DELETE;
    default:
        return RC_HTTPD_OTHER;
    }
}

/* evhttp's parser takes any integers, and echoes them in its status line. */
static bool version_is_known(struct evhttp_request *ev)
{
    bool known = ev->major == 1 && ev->minor >= 0 && ev->minor <= 9;
    if (!known) {
        ev->major = 1;
        ev->minor = 1;
    }
    return known;
}

/* Does the request end where evhttp took its end to be? Where a length is said twice, or in a way
 * that it does not read, the rest of a body would be taken for the next request. */
static bool framing_is_plain(struct evhttp_request *ev)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(ev);
    unsigned lengths = 0, codings = 0;
    bool chunked = true, zero = true;
    const struct evkeyval *h;
    TAILQ_FOREACH(h, evhttp_request_get_input_headers(ev), next)
    {
        if (strcasecmp(h->key, "Content-Length") == 0) {
            lengths++;
            zero = zero && strcmp(h->value, "0") == 0;
        } else if (strcasecmp(h->key, "Transfer-Encoding") == 0) {
            codings++;
            chunked = chunked && strcasecmp(h->value, "chunked") == 0;
        }
    }
    if (lengths + codings > 1 || !chunked)
        return false;
    bool body_is_read = method & (EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                  EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    return body_is_read || (codings == 0 && zero);
}

/* False: it has been answered. */
static bool read_request(rc_httpd_request *r)
{
    rc_error err = RC_ERROR_INIT;
    if (!version_is_known(r->ev)) {
        r->close = true;
        rc_httpd_error(r, 505, "version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0");
        return false;
    }
    if (!framing_is_plain(r->ev)) {
        r->close = true;
        rc_httpd_error(r, 400, "bad_request",
                       "Content-Length and Transfer-Encoding do not say plainly where it ends");
        return false;
    }
    const char *target = evhttp_request_get_uri(r->ev);
    int code = rc_target_parse(rc_str_c(target), &r->target, &err);
    if (code == RC_OK)
        return true;
    if (code == RC_NOTFOUND)
        rc_httpd_error(r, 404, "not_found", err.msg);
    else
        rc_httpd_error(r, 400, "bad_request", err.msg);
    return false;
}

static void on_request(struct evhttp_request *ev, void *arg)
{
    rc_httpd *server = checked(arg);
    rc_httpd_request r = {.server = server, .ev = ev, .method = method_of(ev)};

    r.conn = rc_guard_find(server->guard, fd_of(ev));
    if (!r.conn) {
        /* Its socket is shut down already; this only lets evhttp find out. */
        evhttp_send_reply(ev, 503, NULL, NULL);
        return;
    }
    rc_conn_whole(r.conn);
    rc_stat_add(server->options.stats, RC_STAT_HTTP_REQUESTS, 1);
    if (!read_request(&r))
        return;
    server->options.handler(&r, server->options.arg);
    if (!r.replied)
        rc_httpd_error(&r, 500, "internal", "nothing answered this request");
}

static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
    (void)base;
    return rc_guard_admit(checked(arg)->guard);
}

/* ---- The listener's rest when there are no descriptors ---- */

/* The error callback is given evhttp's own pointer; this finds the server that it belongs to. The
 * lock is for servers on different loops. */
static struct {
    pthread_mutex_t lock;
    LIST_HEAD(, rc_httpd) list;
} servers = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    static const struct timeval pause = {.tv_usec = RC_HTTPD_PAUSE_MS * 1000L};
    rc_httpd *server;
    (void)arg;
    pthread_mutex_lock(&servers.lock);
    LIST_FOREACH(server, &servers.list, link)
    {
        if (server->listener == listener)
            break;
    }
    pthread_mutex_unlock(&servers.lock);
    /* It stays readable, so that without a rest this would be called again at once, for ever. */
    if (server && evtimer_add(server->resume, &pause) == 0)
        (void)evconnlistener_disable(listener);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    (void)evconnlistener_enable(checked(arg)->listener);
}

/* ---- The server's life ---- */

static bool sigpipe_is_ignored(void)
{
    struct sigaction action;
    return sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
}

static bool set_up(rc_httpd *server, struct event_base *base)
{
    rc_guard_options limits = {.max_connections = server->options.max_connections,
                               .deadline_ms = server->options.deadline_ms,
                               .input_max = RC_HTTPD_INPUT_MAX,
                               .stats = server->options.stats};
    server->guard = rc_guard_new(base, &limits);
    server->resume = evtimer_new(base, on_resume, server);
    server->evhttp = evhttp_new(base);
    if (!server->guard || !server->resume || !server->evhttp)
        return false;
    evhttp_set_max_headers_size(server->evhttp, RC_HTTPD_HEADER_MAX);
    evhttp_set_max_body_size(server->evhttp, RC_HTTPD_BODY_MAX);
    evhttp_set_timeout(server->evhttp, RC_HTTPD_IDLE_S);
    evhttp_set_allowed_methods(server->evhttp, EVERY_METHOD);
    evhttp_set_bevcb(server->evhttp, on_accept, server);
    evhttp_set_gencb(server->evhttp, on_request, server);
    return true;
}

static bool start_listening(rc_httpd *server, struct event_base *base, int fd)
{
    /* backlog 0: it listens already */
    server->listener =
        evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!server->listener) {
        close(fd);
        return false;
    }
    evconnlistener_set_error_cb(server->listener, on_accept_failed);
    if (!evhttp_bind_listener(server->evhttp, server->listener)) {
        evconnlistener_free(server->listener);
        return false;
    }
    pthread_mutex_lock(&servers.lock);
    LIST_INSERT_HEAD(&servers.list, server, link);
    pthread_mutex_unlock(&servers.lock);
    return true;
}

static void tear_down(rc_httpd *server)
{
    if (server->evhttp)
        evhttp_free(server->evhttp);
    rc_guard_free(server->guard);
    if (server->resume)
        event_free(server->resume);
    server->magic = 0;
    free(server);
}

int rc_httpd_new(struct event_base *base, int fd, const rc_httpd_options *options, rc_httpd **out,
                 rc_error *err)
{
    if (!sigpipe_is_ignored()) {
        close(fd);
        return rc_fail(err, RC_INVALID, "SIGPIPE must be ignored by a process that serves HTTP");
    }
    rc_httpd *server = calloc(1, sizeof(*server));
    if (!server) {
        close(fd);
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    *server = (rc_httpd){.magic = HTTPD_MAGIC, .options = *options};
    if (server->options.deadline_ms == 0)
        server->options.deadline_ms = RC_HTTPD_DEADLINE_MS;
    bool ready = set_up(server, base);
    if (!ready)
        close(fd);
    if (!ready || !start_listening(server, base, fd)) {
        tear_down(server);
        return rc_fail(err, RC_NOMEM, "setting up the HTTP server: out of memory");
    }
    *out = server;
    return RC_OK;
}

rc_httpd *rc_httpd_free(rc_httpd *server)
{
    if (!server)
        return NULL;
    (void)checked(server);
    pthread_mutex_lock(&servers.lock);
    LIST_REMOVE(server, link);
    pthread_mutex_unlock(&servers.lock);
    tear_down(server);
    return NULL;
}
