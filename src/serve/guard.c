/* The table of connections, by descriptor, with their deadlines. */
#include "serve/guard.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define GUARD_MAGIC 0x52434755u
#define CONN_MAGIC  0x5243434eu

enum phase {
    PHASE_IDLE,      /* between requests */
    PHASE_READING,   /* the first byte of one was read */
    PHASE_ANSWERING, /* it is whole */
};

struct rc_conn {
    unsigned magic;
    rc_guard *guard;
    int fd;
    dev_t dev; /* of the descriptor: whose it is as long as they fit */
    ino_t ino;
    struct bufferevent *bev; /* evhttp's: to be touched only while alive() */
    struct event *deadline;
    enum phase phase;
    bool unasked; /* on the list of those */
    LIST_ENTRY(rc_conn) unasked_link;
};

struct rc_guard {
    unsigned magic;
    struct event_base *base;
    rc_guard_options options;
    struct bufferevent
        *pending; /* admitted, its descriptor not yet looked at; we hold a reference */
    struct event *deferred;
    rc_conn **by_fd;
    size_t n_fds;
    unsigned count;               /* entries in by_fd, dead ones among them */
    LIST_HEAD(, rc_conn) unasked; /* evhttp began to answer by itself */
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

/* ---- What a client is told that no handler answers ---- */

struct refusal {
    int status;
    const char *reason;
    const char *code;
    const char *message;
};

static const struct refusal refusals[] = {
    {408, "Request Timeout", "timeout", "the request was not whole in time"},
    {413, "Content Too Large", "too_large", "the body is too large, or its chunks are malformed"},
    {417, "Expectation Failed", "expectation_failed", "only 100-continue may be expected"},
    {503, "Service Unavailable", "busy", "too many connections"},
    {400, "Bad Request", "bad_request", "not a well-formed request, or its header is too large"},
};

#define REFUSAL_MAX 512

static size_t format_refusal(int status, char out[REFUSAL_MAX])
{
    const struct refusal *r = refusals;
    char body[REFUSAL_MAX / 2];
    while (r->status != status && r->status != 400)
        r++;
    int n = snprintf(body, sizeof(body), "{\"error\":\"%s\",\"message\":\"%s\"}\n", r->code,
                     r->message);
    n = snprintf(out, REFUSAL_MAX,
                 "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                 "Connection: close\r\n\r\n%s",
                 r->status, r->reason, n, body);
    return (size_t)n;
}

/* Past the bufferevent: into the socket if it takes it, for nobody is to be waited for. */
static void refuse(rc_guard *g, int fd, int status)
{
    char text[REFUSAL_MAX];
    if (status) {
        size_t n = format_refusal(status, text);
        (void)send(fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    (void)shutdown(fd, SHUT_RDWR);
    rc_stat_add(g->options.stats, RC_STAT_HTTP_REJECTED, 1);
}

/* ---- One connection ---- */

static bool alive(const rc_conn *conn)
{
    struct stat st;
    return fstat(conn->fd, &st) == 0 && st.st_dev == conn->dev && st.st_ino == conn->ino;
}

static void on_input(struct evbuffer *buf, const struct evbuffer_cb_info *info, void *arg);
static void on_output(struct evbuffer *buf, const struct evbuffer_cb_info *info, void *arg);

static void forget(rc_conn *conn)
{
    rc_guard *g = conn->guard;
    if (conn->unasked)
        LIST_REMOVE(conn, unasked_link);
    g->by_fd[conn->fd] = NULL;
    g->count--;
    event_free(conn->deadline);
    conn->magic = 0;
    free(conn);
}

/* Its bufferevent lives on until evhttp notices. */
static void dismiss(rc_conn *conn, int status)
{
    (void)evbuffer_remove_cb(bufferevent_get_input(conn->bev), on_input, conn);
    (void)evbuffer_remove_cb(bufferevent_get_output(conn->bev), on_output, conn);
    refuse(conn->guard, conn->fd, status);
    forget(conn);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    rc_conn *conn = checked(arg, CONN_MAGIC);
    (void)fd, (void)what;
    if (!alive(conn))
        forget(conn);
    else
        dismiss(conn, conn->phase == PHASE_READING ? 408 : 0);
}

static void start_deadline(rc_conn *conn)
{
    unsigned ms = conn->guard->options.deadline_ms;
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    /* Without a deadline there is no limit, so that a connection whose timer cannot be had ends. */
    if (evtimer_add(conn->deadline, &tv) != 0)
        (void)shutdown(conn->fd, SHUT_RDWR);
}

/* The deadline of the first request runs since the connection was made.
 *
 * evhttp takes out what it can use before more is read, so that a buffer which grows all the same
 * holds no request but a line without an end. A read high-watermark would not do: while the buffer
 * is at it, libevent calls the reader over and over, and one such client would have the loop to
 * itself. */
static void on_input(struct evbuffer *buf, const struct evbuffer_cb_info *info, void *arg)
{
    rc_conn *conn = checked(arg, CONN_MAGIC);
    if (info->n_added == 0)
        return;
    if (evbuffer_get_length(buf) > conn->guard->options.input_max) {
        dismiss(conn, 413);
        return;
    }
    if (conn->phase != PHASE_IDLE)
        return;
    conn->phase = PHASE_READING;
    if (!evtimer_pending(conn->deadline, NULL))
        start_deadline(conn);
}

/* evhttp answers what it cannot read by itself, in HTML. */
static void on_output(struct evbuffer *buf, const struct evbuffer_cb_info *info, void *arg)
{
    rc_conn *conn = checked(arg, CONN_MAGIC);
    rc_guard *g = conn->guard;
    (void)buf;
    if (info->n_added == 0 || info->orig_size || conn->phase == PHASE_ANSWERING || conn->unasked)
        return;
    conn->unasked = true;
    LIST_INSERT_HEAD(&g->unasked, conn, unasked_link);
    event_active(g->deferred, EV_TIMEOUT, 1);
}

/* Says it as all errors are said, and ends the connection, as such an answer does. Nothing of
 * evhttp's own can have been written yet, for sockets are looked at after what is deferred; if it
 * was all the same, what is left does not begin with a status line and goes its way. */
static void replace_answer(rc_conn *conn)
{
    char head[17] = "";
    int status = 0;
    if (evbuffer_copyout(bufferevent_get_output(conn->bev), head, 16) == 16 &&
        sscanf(head, "HTTP/%*d.%*d %3d", &status) == 1 && status >= 400)
        dismiss(conn, status);
    /* else it is 100 Continue */
}

/* ---- All of them ---- */

static void replace_unasked(rc_guard *g)
{
    rc_conn *conn;
    while ((conn = LIST_FIRST(&g->unasked))) {
        LIST_REMOVE(conn, unasked_link);
        conn->unasked = false;
        if (alive(conn))
            replace_answer(conn);
        else
            forget(conn);
    }
}

static void forget_dead(rc_guard *g)
{
    for (size_t i = 0; i < g->n_fds; i++)
        if (g->by_fd[i] && !alive(g->by_fd[i]))
            forget(g->by_fd[i]);
}

static bool make_room(rc_guard *g, size_t fd)
{
    if (fd < g->n_fds)
        return true;
    size_t n = fd + 64;
    rc_conn **grown = reallocarray(g->by_fd, n, sizeof(rc_conn *));
    if (!grown)
        return false;
    for (size_t i = g->n_fds; i < n; i++)
        grown[i] = NULL;
    g->by_fd = grown;
    g->n_fds = n;
    return true;
}

/* False: out of memory. */
static bool watch(rc_guard *g, struct bufferevent *bev, int fd, const struct stat *st)
{
    rc_conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        return false;
    *conn = (rc_conn){.magic = CONN_MAGIC, .guard = g, .fd = fd, .bev = bev};
    conn->dev = st->st_dev;
    conn->ino = st->st_ino;
    conn->deadline = evtimer_new(g->base, on_deadline, conn);
    struct evbuffer_cb_entry *in =
        conn->deadline ? evbuffer_add_cb(bufferevent_get_input(bev), on_input, conn) : NULL;
    if (!in || !evbuffer_add_cb(bufferevent_get_output(bev), on_output, conn)) {
        if (in)
            (void)evbuffer_remove_cb_entry(bufferevent_get_input(bev), in);
        if (conn->deadline)
            event_free(conn->deadline);
        free(conn);
        return false;
    }
    g->by_fd[fd] = conn;
    g->count++;
    start_deadline(conn);
    return true;
}

static void adopt(rc_guard *g, struct bufferevent *bev)
{
    bufferevent_event_cb event_cb = NULL;
    int fd = bufferevent_getfd(bev);
    struct stat st;

    bufferevent_getcb(bev, NULL, NULL, &event_cb, NULL);
    if (!event_cb || fd < 0 || fstat(fd, &st) != 0) {
        /* Freed before it began: nothing of ours may go on looking at its descriptor. */
        (void)bufferevent_disable(bev, EV_READ | EV_WRITE);
        return;
    }
    if ((size_t)fd < g->n_fds && g->by_fd[fd])
        forget(g->by_fd[fd]); /* its number was given to this one, so it is dead */
    if (g->count >= g->options.max_connections)
        forget_dead(g);
    if (g->count >= g->options.max_connections || !make_room(g, (size_t)fd) ||
        !watch(g, bev, fd, &st))
        refuse(g, fd, 503);
}

static void adopt_pending(rc_guard *g)
{
    struct bufferevent *bev = g->pending;
    if (!bev)
        return;
    g->pending = NULL;
    adopt(g, bev);
    (void)bufferevent_decref(bev);
}

static void on_deferred(evutil_socket_t fd, short what, void *arg)
{
    rc_guard *g = checked(arg, GUARD_MAGIC);
    (void)fd, (void)what;
    adopt_pending(g);
    replace_unasked(g);
}

rc_guard *rc_guard_new(struct event_base *base, const rc_guard_options *options)
{
    rc_guard *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    *g = (rc_guard){.magic = GUARD_MAGIC, .base = base, .options = *options};
    LIST_INIT(&g->unasked);
    g->deferred = event_new(base, -1, 0, on_deferred, g);
    if (!g->deferred) {
        free(g);
        return NULL;
    }
    return g;
}

rc_guard *rc_guard_free(rc_guard *g)
{
    if (!g)
        return NULL;
    if (g->pending) {
        (void)bufferevent_disable(g->pending, EV_READ | EV_WRITE);
        (void)bufferevent_decref(g->pending);
    }
    for (size_t i = 0; i < g->n_fds; i++)
        if (g->by_fd[i])
            forget(g->by_fd[i]);
    event_free(g->deferred);
    free(g->by_fd);
    g->magic = 0;
    free(g);
    return NULL;
}

struct bufferevent *rc_guard_admit(rc_guard *g)
{
    adopt_pending(g); /* several may be accepted before the loop gets to what is deferred */
    struct bufferevent *bev = bufferevent_socket_new(g->base, -1, 0);
    if (!bev)
        return NULL;
    bufferevent_incref(bev);
    g->pending = bev;
    event_active(g->deferred, EV_TIMEOUT, 1);
    return bev;
}

rc_conn *rc_guard_find(rc_guard *g, int fd)
{
    return fd >= 0 && (size_t)fd < g->n_fds ? g->by_fd[fd] : NULL;
}

void rc_conn_whole(rc_conn *conn)
{
    conn->phase = PHASE_ANSWERING;
    (void)evtimer_del(conn->deadline);
}

void rc_conn_answering(rc_conn *conn)
{
    /* evhttp would go on reading to notice a client that leaves, and takes one that has only
     * finished sending for gone. The answer's own writing tells them apart. */
    (void)bufferevent_disable(conn->bev, EV_READ);
    start_deadline(conn);
}

void rc_conn_answered(rc_conn *conn)
{
    (void)evtimer_del(conn->deadline);
    /* The next request may be here already: nothing will be added that could tell. */
    bool more = evbuffer_get_length(bufferevent_get_input(conn->bev)) > 0;
    conn->phase = more ? PHASE_READING : PHASE_IDLE;
    if (more)
        start_deadline(conn);
}

void rc_conn_drop(rc_conn *conn)
{
    dismiss(conn, 0);
}
