/* Connections of the simulated engine; see http.h. A connection never frees itself inside a call
 * of somebody else's: it asks its deferred event to. */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "encode.h"

#define CONN_MAGIC    0x53494d43u
#define OUTPUT_LOW    ((size_t)64 << 10)
#define OUTPUT_HIGH   ((size_t)256 << 10)
#define PLAIN_MAX     2048 /* Go sends what is shorter with a Content-Length */
#define PIECE_MAX     ((size_t)128 << 20)
#define BODY_SKIP_MAX 1048576

enum phase {
    PHASE_HEAD,   /* a request is being read */
    PHASE_WAIT,   /* its answer is made, but held, delayed or never to be sent */
    PHASE_BODY,   /* the answer is going out */
    PHASE_STREAM, /* an endless one is */
    PHASE_ENDING, /* what is left goes out, then the connection ends */
};

struct sim_conn {
    unsigned magic;
    TAILQ_ENTRY(sim_conn) link;
    sim_http *http;
    struct bufferevent *bev;
    struct event *later; /* ends the connection, from the loop */
    struct event *timer; /* delays: the first read, a delayed answer, the subscription */
    struct event *dribble;
    struct evbuffer *staged; /* what dribbles */
    enum phase phase;
    bool dead;
    bool close_after; /* the client asked, or HTTP/1.0 */
    bool head_only;
    bool chunked;
    size_t skip; /* bytes of a request's body still to come */
    enum sim_kind kind;
    sim_answer_fault fault;
    int status;
    const char *content_type;
    sim_body body;
    bool has_body, body_ended;
    size_t body_sent;
    rc_buf piece;
    sim_conn_stream stream;
    bool has_stream, stream_ready;
};

struct sim_http {
    sim *s;
    sim_http_handler *handler;
    enum sim_http_mode mode;
    char unix_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct sockaddr_in tcp; /* sin_port 0 = none */
    struct evconnlistener *unix_listener;
    struct evconnlistener *tcp_listener;
    TAILQ_HEAD(, sim_conn) conns;
    unsigned n_conns;
};

static void process_input(sim_conn *c);
static void pump(sim_conn *c);

static sim_conn *checked(void *arg)
{
    sim_conn *c = arg;
    if (!c || c->magic != CONN_MAGIC)
        abort();
    return c;
}

static struct timeval milliseconds(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* ---- ending ---- */

static void drop_body(sim_conn *c)
{
    if (c->has_body)
        c->body.done(c->body.arg);
    c->has_body = false;
}

static void conn_free(sim_conn *c)
{
    if (c->has_stream && c->stream.closed)
        c->stream.closed(c->stream.arg);
    drop_body(c);
    TAILQ_REMOVE(&c->http->conns, c, link);
    c->http->n_conns--;
    rc_buf_release(&c->piece);
    if (c->staged)
        evbuffer_free(c->staged);
    if (c->later)
        event_free(c->later);
    if (c->timer)
        event_free(c->timer);
    if (c->dribble)
        event_free(c->dribble);
    if (c->bev)
        bufferevent_free(c->bev);
    c->magic = 0;
    free(c);
}

/* Nothing is sent or read from here on. */
static void die(sim_conn *c)
{
    if (c->dead)
        return;
    c->dead = true;
    (void)bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    event_active(c->later, EV_TIMEOUT, 1);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    conn_free(checked(arg));
}

size_t sim_conn_backlog(const sim_conn *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->bev)) +
           (c->staged ? evbuffer_get_length(c->staged) : 0);
}

/* Ends the connection once what was written is out. */
static void end_after_output(sim_conn *c)
{
    c->phase = PHASE_ENDING;
    bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
    if (sim_conn_backlog(c) == 0)
        die(c);
}

/* ---- writing ---- */

static void put(sim_conn *c, const void *bytes, size_t n)
{
    struct evbuffer *to = c->staged ? c->staged : bufferevent_get_output(c->bev);
    if (!c->dead && evbuffer_add(to, bytes, n) != 0)
        die(c);
}

static void on_dribble(evutil_socket_t fd, short what, void *arg)
{
    sim_conn *c = checked(arg);
    (void)fd, (void)what;
    if (!c->dead)
        (void)evbuffer_remove_buffer(c->staged, bufferevent_get_output(c->bev), c->fault.dribble);
}

static void start_dribble(sim_conn *c)
{
    struct timeval tv = milliseconds(c->fault.dribble_ms > 0 ? c->fault.dribble_ms : 1);
    if (c->fault.dribble == 0 || c->staged)
        return;
    c->staged = evbuffer_new();
    c->dribble = event_new(c->http->s->base, -1, EV_PERSIST, on_dribble, c);
    if (!c->staged || !c->dribble || event_add(c->dribble, &tv) != 0)
        die(c);
}

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    default:
        return "Unknown";
    }
}

static void http_date(const sim *s, char out[40])
{
    struct tm tm;
    time_t now = (time_t)(sim_now(s) / RC_NS_PER_SEC);
    (void)gmtime_r(&now, &tm);
    (void)strftime(out, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

/* content_length < 0: chunked. */
static void put_head(sim_conn *c, int64_t content_length)
{
    const sim *s = c->http->s;
    const sim_profile *p = s->profile;
    char date[40], api[8];
    char head[1024];
    int n;
    http_date(s, date);
    n = snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\nApi-Version: %s\r\n", c->status,
                 reason(c->status), sim_api_text(p->api, api));
    if (c->kind == SIM_PING)
        n += snprintf(head + n, sizeof(head) - (size_t)n,
                      p->podman ? "Cache-Control: no-cache\r\nPragma: no-cache\r\n"
                                : "Cache-Control: no-cache, no-store, must-revalidate\r\n"
                                  "Pragma: no-cache\r\n");
    n += snprintf(head + n, sizeof(head) - (size_t)n, "Content-Type: %s\r\n", c->content_type);
    if (p->podman)
        n += snprintf(head + n, sizeof(head) - (size_t)n, "Libpod-Api-Version: %s\r\n", p->version);
    else
        n += snprintf(head + n, sizeof(head) - (size_t)n,
                      "Docker-Experimental: false\r\nOstype: linux\r\n");
    n += snprintf(head + n, sizeof(head) - (size_t)n, "Server: %s\r\n", p->server);
    if (!s->settings.no_date)
        n += snprintf(head + n, sizeof(head) - (size_t)n, "Date: %s\r\n", date);
    if (c->close_after)
        n += snprintf(head + n, sizeof(head) - (size_t)n, "Connection: close\r\n");
    if (content_length >= 0)
        n += snprintf(head + n, sizeof(head) - (size_t)n, "Content-Length: %lld\r\n\r\n",
                      (long long)content_length);
    else
        n += snprintf(head + n, sizeof(head) - (size_t)n, "Transfer-Encoding: chunked\r\n\r\n");
    put(c, head, (size_t)n);
}

static void put_chunk_head(sim_conn *c, size_t n)
{
    char size[24];
    int len = snprintf(size, sizeof(size), "%zx\r\n", n);
    put(c, size, (size_t)len);
}

/* Body bytes, framed; stops at the byte where the answer is to be cut. */
static void put_body(sim_conn *c, rc_str bytes)
{
    size_t n = bytes.len;
    bool cut = c->fault.truncates && c->body_sent + n >= c->fault.truncate;
    if (n == 0)
        return;
    if (c->chunked)
        put_chunk_head(c, n);
    if (cut)
        n = c->fault.truncate - c->body_sent;
    put(c, bytes.ptr, n);
    c->body_sent += n;
    if (cut)
        end_after_output(c);
    else if (c->chunked)
        put(c, "\r\n", 2);
}

/* ---- answers ---- */

static void wait_ms(sim_conn *c, int64_t ms)
{
    struct timeval tv = milliseconds(ms);
    if (evtimer_add(c->timer, &tv) != 0)
        die(c);
}

static void next_request(sim_conn *c)
{
    drop_body(c);
    if (c->close_after) {
        end_after_output(c);
        return;
    }
    c->phase = PHASE_HEAD;
    bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
    /* Not from here: a thousand requests in one packet would be as many frames deep. */
    if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
        wait_ms(c, 0);
}

static void finish_body(sim_conn *c)
{
    if (c->fault.no_last || (c->fault.truncates && c->chunked)) {
        end_after_output(c);
        return;
    }
    if (c->chunked)
        put(c, "0\r\n\r\n", 5);
    next_request(c);
}

/* Makes pieces for as long as the reader takes them. */
static void pump(sim_conn *c)
{
    while (c->phase == PHASE_BODY && !c->dead && sim_conn_backlog(c) < OUTPUT_HIGH) {
        rc_buf_clear(&c->piece);
        c->body_ended = !c->body.more(c->body.arg, &c->piece);
        if (rc_buf_failed(&c->piece)) {
            die(c);
            return;
        }
        put_body(c, rc_buf_view(&c->piece));
        if (c->phase == PHASE_BODY && c->body_ended)
            finish_body(c);
    }
}

static void start_body(sim_conn *c)
{
    rc_buf_clear(&c->piece);
    c->body_ended = !c->body.more(c->body.arg, &c->piece);
    c->chunked = !c->body_ended || c->piece.len > PLAIN_MAX || c->fault.no_last;
    c->phase = PHASE_BODY;
    bufferevent_setwatermark(c->bev, EV_WRITE, OUTPUT_LOW, 0);
    put_head(c, c->chunked ? -1 : (int64_t)(c->head_only ? 0 : c->piece.len));
    if (c->head_only) {
        next_request(c);
        return;
    }
    put_body(c, rc_buf_view(&c->piece));
    if (c->phase != PHASE_BODY)
        return;
    if (c->body_ended)
        finish_body(c);
    else
        pump(c);
}

static void start_stream(sim_conn *c)
{
    c->chunked = true;
    c->phase = PHASE_STREAM;
    bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
    put_head(c, -1);
}

static void start_answer(sim_conn *c)
{
    if (c->dead)
        return;
    start_dribble(c);
    if (c->has_stream)
        start_stream(c);
    else
        start_body(c);
}

static void stream_ready(sim_conn *c)
{
    if (c->stream_ready || c->dead)
        return;
    c->stream_ready = true;
    c->stream.ready(c->stream.arg, c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    sim_conn *c = checked(arg);
    (void)fd, (void)what;
    if (c->dead)
        return;
    if (c->phase == PHASE_HEAD) {
        (void)bufferevent_enable(c->bev, EV_READ);
        process_input(c);
    } else if (c->phase == PHASE_WAIT) {
        start_answer(c);
    } else if (c->phase == PHASE_STREAM) {
        stream_ready(c);
    }
}

/* Now, later, at `release`, or never. */
static void schedule_answer(sim_conn *c)
{
    c->phase = PHASE_WAIT;
    if (c->fault.hang || c->fault.hold)
        return;
    if (c->fault.delay_ms > 0)
        wait_ms(c, c->fault.delay_ms);
    else
        start_answer(c);
}

const sim_answer_fault *sim_conn_fault(sim_conn *c, enum sim_kind kind)
{
    c->kind = kind;
    c->fault = sim_faults_take(c->http->s->faults, kind);
    return &c->fault;
}

void sim_conn_answer(sim_conn *c, int status, const char *content_type, const sim_body *body)
{
    c->status = status;
    c->content_type = content_type;
    c->body = *body;
    c->has_body = true;
    schedule_answer(c);
}

static bool more_of_buf(void *arg, rc_buf *out)
{
    rc_buf *whole = arg;
    rc_buf_str(out, rc_buf_view(whole));
    return false;
}

static void free_buf(void *arg)
{
    rc_buf_release(arg);
    free(arg);
}

void sim_conn_answer_buf(sim_conn *c, int status, const char *content_type, rc_buf *body)
{
    rc_buf *moved = malloc(sizeof(*moved));
    if (!moved || rc_buf_failed(body)) {
        free(moved);
        rc_buf_release(body);
        die(c);
        return;
    }
    *moved = *body;
    *body = (rc_buf)RC_BUF_INIT(body->max);
    sim_conn_answer(c, status, content_type,
                    &(sim_body){.more = more_of_buf, .done = free_buf, .arg = moved});
}

void sim_conn_stream_begin(sim_conn *c, const sim_conn_stream *stream)
{
    c->status = 200;
    c->content_type = "application/json";
    c->stream = *stream;
    c->has_stream = true;
    schedule_answer(c);
}

void sim_conn_chunk(sim_conn *c, rc_str bytes)
{
    if (c->dead || c->phase != PHASE_STREAM)
        return;
    put_chunk_head(c, bytes.len);
    put(c, bytes.ptr, bytes.len);
    put(c, "\r\n", 2);
}

void sim_conn_chunk_cut(sim_conn *c, rc_str bytes, size_t n)
{
    if (c->dead || c->phase != PHASE_STREAM)
        return;
    put_chunk_head(c, bytes.len);
    put(c, bytes.ptr, n < bytes.len ? n : bytes.len);
    end_after_output(c);
}

void sim_conn_end(sim_conn *c, bool last_chunk)
{
    if (c->dead || c->phase != PHASE_STREAM)
        return;
    if (last_chunk)
        put(c, "0\r\n\r\n", 5);
    end_after_output(c);
}

/* ---- requests ---- */

static void refuse(sim_conn *c, int status, const char *why)
{
    rc_buf body = RC_BUF_INIT(0);
    c->http->s->stats.bad_requests++;
    c->kind = SIM_OTHER;
    c->fault = (sim_answer_fault){0};
    c->close_after = true;
    sim_encode_error(&body, c->http->s, status, why);
    sim_conn_answer_buf(c, status, "application/json", &body);
}

static bool header_is(const char *line, const char *name, const char **ret_value)
{
    size_t n = strlen(name);
    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return false;
    line += n + 1;
    while (*line == ' ' || *line == '\t')
        line++;
    *ret_value = line;
    return true;
}

/* False when the request cannot be served on this connection. */
static bool take_header(sim_conn *c, const char *line)
{
    const char *value;
    if (header_is(line, "Connection", &value)) {
        c->close_after |= strcasecmp(value, "close") == 0;
    } else if (header_is(line, "Content-Length", &value)) {
        char *end;
        errno = 0;
        unsigned long long n = strtoull(value, &end, 10);
        if (errno || *end || end == value || n > BODY_SKIP_MAX)
            return false;
        c->skip = (size_t)n;
    } else if (header_is(line, "Transfer-Encoding", &value)) {
        return false;
    }
    return true;
}

static bool read_headers(sim_conn *c, struct evbuffer *in)
{
    bool fine = true;
    for (;;) {
        char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF);
        if (!line)
            return false;
        bool last = line[0] == '\0';
        fine = (last || take_header(c, line)) && fine;
        free(line);
        if (last)
            return fine;
    }
}

static bool split_request_line(char *line, char **method, char **target, char **version)
{
    char *save = NULL;
    *method = strtok_r(line, " ", &save);
    *target = strtok_r(NULL, " ", &save);
    *version = strtok_r(NULL, " ", &save);
    return *version && !strtok_r(NULL, " ", &save) && (*target)[0] == '/' &&
           strncmp(*version, "HTTP/1.", 7) == 0;
}

static void serve(sim_conn *c, char *line, bool headers_fine)
{
    sim *s = c->http->s;
    char *method, *target, *version;
    if (!split_request_line(line, &method, &target, &version) || !headers_fine) {
        refuse(c, 400, "this is no request that is understood");
        return;
    }
    sim_request request = {.get = strcmp(method, "GET") == 0, .head = strcmp(method, "HEAD") == 0};
    if (!request.get && !request.head)
        s->stats.non_get++;
    if (strcmp(version, "HTTP/1.0") == 0)
        c->close_after = true;
    c->head_only = request.head;
    request.path = target;
    char *query = strchr(target, '?');
    if (query)
        *query++ = '\0';
    request.query = query ? query : target + strlen(target);
    c->http->handler(s, c, &request);
}

static void begin_request(sim_conn *c)
{
    c->close_after = c->head_only = c->chunked = c->body_ended = false;
    c->skip = c->body_sent = 0;
    c->status = 0;
    c->fault = (sim_answer_fault){0};
    if (c->dribble)
        (void)event_del(c->dribble);
    if (c->staged) {
        /* What a dribbled answer still owes goes before the next one. */
        (void)evbuffer_add_buffer(bufferevent_get_output(c->bev), c->staged);
        evbuffer_free(c->staged);
        c->staged = NULL;
        event_free(c->dribble);
        c->dribble = NULL;
    }
}

static void process_input(sim_conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    if (c->dead || c->phase != PHASE_HEAD || c->http->mode == SIM_HTTP_HANG)
        return;
    if (c->skip > 0) {
        size_t have = evbuffer_get_length(in);
        size_t n = have < c->skip ? have : c->skip;
        (void)evbuffer_drain(in, n);
        c->skip -= n;
        if (c->skip > 0)
            return;
    }
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    if (end.pos < 0) {
        if (evbuffer_get_length(in) >= SIM_HEAD_MAX)
            refuse(c, 431, "the request's head is too long");
        return;
    }
    if (c->staged && evbuffer_get_length(c->staged) > 0)
        return; /* on_write comes back here */
    begin_request(c);
    char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF);
    if (!line) {
        die(c);
        return;
    }
    bool fine = read_headers(c, in);
    serve(c, line, fine);
    free(line);
}

/* ---- a connection's events ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    process_input(checked(arg));
}

static void on_write(struct bufferevent *bev, void *arg)
{
    sim_conn *c = checked(arg);
    (void)bev;
    switch (c->phase) {
    case PHASE_BODY:
        pump(c);
        break;
    case PHASE_ENDING:
        if (sim_conn_backlog(c) == 0)
            die(c);
        break;
    case PHASE_STREAM:
        if (!c->stream_ready && sim_conn_backlog(c) == 0 && !evtimer_pending(c->timer, NULL))
            wait_ms(c, c->http->s->settings.subscribe_delay_ms);
        break;
    case PHASE_HEAD:
        process_input(c);
        break;
    case PHASE_WAIT:
        break;
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    sim_conn *c = checked(arg);
    (void)bev;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    if (c->phase == PHASE_BODY || c->phase == PHASE_WAIT)
        c->http->s->stats.answers_cut++;
    die(c);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int len, void *arg)
{
    sim_http *h = arg;
    sim_conn *c = h->n_conns < SIM_CONNECTIONS_MAX ? calloc(1, sizeof(*c)) : NULL;
    (void)listener, (void)address, (void)len;
    if (!c) {
        (void)close(fd);
        return;
    }
    c->magic = CONN_MAGIC;
    c->http = h;
    c->piece = (rc_buf)RC_BUF_INIT(PIECE_MAX);
    TAILQ_INSERT_TAIL(&h->conns, c, link);
    h->n_conns++;
    h->s->stats.connections++;
    c->later = evtimer_new(h->s->base, on_later, c);
    c->timer = evtimer_new(h->s->base, on_timer, c);
    c->bev = bufferevent_socket_new(h->s->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c->later || !c->timer || !c->bev) {
        if (!c->bev)
            (void)close(fd);
        conn_free(c);
        return;
    }
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, (size_t)SIM_HEAD_MAX * 2);
    /* The default of 16 KiB a write is a system call for every 30 events. */
    (void)bufferevent_set_max_single_write(c->bev, (size_t)1 << 20);
    if (h->s->settings.read_delay_ms > 0) {
        (void)bufferevent_disable(c->bev, EV_READ);
        wait_ms(c, h->s->settings.read_delay_ms);
    } else if (bufferevent_enable(c->bev, EV_READ | EV_WRITE) != 0) {
        die(c);
    }
}

/* ---- listening ---- */

#define LISTEN_FLAGS (LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE)

static int open_unix(sim_http *h, rc_error *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    memcpy(sa.sun_path, h->unix_path, sizeof(sa.sun_path));
    /* The file is ours since the first time. */
    (void)unlink(h->unix_path);
    h->unix_listener = evconnlistener_new_bind(h->s->base, on_accept, h, LISTEN_FLAGS, 256,
                                               (struct sockaddr *)&sa, sizeof(sa));
    if (!h->unix_listener)
        return rc_fail_errno(err, RC_IO, errno, "listening on %s", h->unix_path);
    return RC_OK;
}

static int open_tcp(sim_http *h, rc_error *err)
{
    socklen_t len = sizeof(h->tcp);
    h->tcp_listener = evconnlistener_new_bind(h->s->base, on_accept, h, LISTEN_FLAGS, 256,
                                              (struct sockaddr *)&h->tcp, sizeof(h->tcp));
    if (!h->tcp_listener ||
        getsockname(evconnlistener_get_fd(h->tcp_listener), (struct sockaddr *)&h->tcp, &len) != 0)
        return rc_fail_errno(err, RC_IO, errno, "listening on port %u",
                             (unsigned)ntohs(h->tcp.sin_port));
    return RC_OK;
}

int sim_http_listen_unix(sim_http *h, const char *path, rc_error *err)
{
    struct stat st;
    if (strlen(path) >= sizeof(h->unix_path))
        return rc_fail(err, RC_INVALID, "a unix socket's path has at most %zu bytes: %s",
                       sizeof(h->unix_path) - 1, path);
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return rc_fail(err, RC_EXISTS, "%s exists and is no socket", path);
    (void)snprintf(h->unix_path, sizeof(h->unix_path), "%s", path);
    return open_unix(h, err);
}

int sim_http_listen_tcp(sim_http *h, const char *address, uint16_t port, uint16_t *ret_port,
                        rc_error *err)
{
    h->tcp.sin_family = AF_INET;
    h->tcp.sin_port = htons(port);
    if (inet_pton(AF_INET, address, &h->tcp.sin_addr) != 1)
        return rc_fail(err, RC_INVALID, "%s is no IPv4 address", address);
    int rc = open_tcp(h, err);
    if (rc == RC_OK)
        *ret_port = ntohs(h->tcp.sin_port);
    return rc;
}

static void stop_listening(sim_http *h)
{
    if (h->unix_listener)
        evconnlistener_free(h->unix_listener);
    if (h->tcp_listener)
        evconnlistener_free(h->tcp_listener);
    h->unix_listener = h->tcp_listener = NULL;
}

int sim_http_mode(sim_http *h, enum sim_http_mode mode, rc_error *err)
{
    sim_conn *c, *next;
    int rc = RC_OK;
    h->mode = mode;
    if (mode == SIM_HTTP_REFUSE || mode == SIM_HTTP_GONE) {
        stop_listening(h);
        if (mode == SIM_HTTP_GONE && h->unix_path[0])
            (void)unlink(h->unix_path);
        return RC_OK;
    }
    if (!h->unix_listener && h->unix_path[0])
        rc = open_unix(h, err);
    if (rc == RC_OK && !h->tcp_listener && h->tcp.sin_port)
        rc = open_tcp(h, err);
    for (c = TAILQ_FIRST(&h->conns); c && mode == SIM_HTTP_SERVE; c = next) {
        next = TAILQ_NEXT(c, link);
        process_input(c);
    }
    return rc;
}

void sim_http_cut_all(sim_http *h)
{
    sim_conn *c;
    TAILQ_FOREACH(c, &h->conns, link)
    die(c);
}

unsigned sim_http_release(sim_http *h, enum sim_kind kind)
{
    sim_conn *c, *next;
    unsigned n = 0;
    for (c = TAILQ_FIRST(&h->conns); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->phase == PHASE_WAIT && c->fault.hold && c->kind == kind && !c->dead) {
            start_answer(c);
            n++;
        }
    }
    return n;
}

unsigned sim_http_held(const sim_http *h)
{
    const sim_conn *c;
    unsigned n = 0;
    TAILQ_FOREACH(c, &h->conns, link)
    n += c->phase == PHASE_WAIT && c->fault.hold && !c->dead;
    return n;
}

unsigned sim_http_open(const sim_http *h)
{
    return h->n_conns;
}

sim_http *sim_http_new(sim *s, sim_http_handler *handler)
{
    sim_http *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->s = s;
    h->handler = handler;
    TAILQ_INIT(&h->conns);
    return h;
}

sim_http *sim_http_free(sim_http *h)
{
    if (!h)
        return NULL;
    stop_listening(h);
    if (h->unix_path[0])
        (void)unlink(h->unix_path);
    sim_conn *c, *next;
    for (c = TAILQ_FIRST(&h->conns); c; c = next) {
        next = TAILQ_NEXT(c, link);
        conn_free(c);
    }
    free(h);
    return NULL;
}
