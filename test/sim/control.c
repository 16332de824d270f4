/* Framing of the control channel; see control.h. While a connection waits, its further commands
 * wait too, so answers come in the order of the commands. */
#include "control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "commands.h"

#define ANSWER_MAX   ((size_t)1 << 30)
#define WAIT_TICK_US 1000

struct channel {
    TAILQ_ENTRY(channel) link;
    sim_control *control;
    struct bufferevent *in;
    struct bufferevent *out; /* the same as in for a socket */
    struct event *tick;      /* looks whether the condition is met */
    sim_wait wait;
    int64_t wait_until; /* 0 = not waiting */
    bool stdio;
    bool quitting;
};

struct sim_control {
    sim *s;
    struct evconnlistener *listener;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    TAILQ_HEAD(, channel) channels;
    unsigned n_channels;
};

static void channel_free(struct channel *ch)
{
    TAILQ_REMOVE(&ch->control->channels, ch, link);
    ch->control->n_channels--;
    if (ch->out && ch->out != ch->in)
        bufferevent_free(ch->out);
    if (ch->in)
        bufferevent_free(ch->in);
    if (ch->tick)
        event_free(ch->tick);
    free(ch);
}

static void answer(struct channel *ch, const rc_buf *text)
{
    static const char failed[] = "{\"error\":\"out of memory for the answer\"}";
    if (rc_buf_failed(text))
        (void)bufferevent_write(ch->out, failed, strlen(failed));
    else
        (void)bufferevent_write(ch->out, text->data, text->len);
    (void)bufferevent_write(ch->out, "\n", 1);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    (void)bev;
    (void)event_base_loopbreak(((struct channel *)arg)->control->s->base);
}

static void on_event(struct bufferevent *bev, short what, void *arg);

/* The end comes when the answer is out, or its reader gone. */
static void quit(struct channel *ch)
{
    (void)bufferevent_disable(ch->in, EV_READ);
    bufferevent_setcb(ch->out, NULL, on_written, on_event, ch);
    ch->quitting = true;
}

static void start_wait(struct channel *ch)
{
    struct timeval now = {0};
    ch->wait_until = rc_clock_mono() + ch->wait.timeout_ms * RC_NS_PER_MS;
    (void)evtimer_add(ch->tick, &now);
}

static void take_line(struct channel *ch, char *line, size_t len)
{
    rc_buf out = RC_BUF_INIT(ANSWER_MAX);
    switch (sim_command(ch->control->s, line, len, &out, &ch->wait)) {
    case SIM_COMMAND_ANSWERED:
        answer(ch, &out);
        break;
    case SIM_COMMAND_WAIT:
        start_wait(ch);
        break;
    case SIM_COMMAND_QUIT:
        answer(ch, &out);
        quit(ch);
        break;
    }
    rc_buf_release(&out);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct channel *ch = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    while (ch->wait_until == 0 && !ch->quitting) {
        size_t len;
        char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
        if (!line)
            break;
        take_line(ch, line, len);
        free(line);
    }
    if (ch->wait_until == 0 && evbuffer_get_length(in) >= SIM_LINE_MAX) {
        static const char text[] = "{\"error\":\"the command is too long\"}\n";
        (void)bufferevent_write(ch->out, text, strlen(text));
        (void)evbuffer_drain(in, evbuffer_get_length(in));
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct channel *ch = arg;
    const sim *s = ch->control->s;
    struct timeval again = {.tv_usec = WAIT_TICK_US};
    uint64_t value = ch->wait.value(s, ch->wait.what);
    bool met = ch->wait.at_most ? value <= ch->wait.at_least : value >= ch->wait.at_least;
    char text[120];
    (void)fd, (void)what;
    if (!met && rc_clock_mono() < ch->wait_until) {
        (void)evtimer_add(ch->tick, &again);
        return;
    }
    if (met)
        (void)snprintf(text, sizeof(text), "{\"ok\":true,\"value\":%llu}\n",
                       (unsigned long long)value);
    else
        (void)snprintf(text, sizeof(text), "{\"error\":\"timed out\",\"value\":%llu}\n",
                       (unsigned long long)value);
    (void)bufferevent_write(ch->out, text, strlen(text));
    ch->wait_until = 0;
    on_read(ch->in, ch);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct channel *ch = arg;
    (void)bev;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    if (ch->stdio || ch->quitting)
        (void)event_base_loopbreak(ch->control->s->base);
    else
        channel_free(ch);
}

static struct channel *channel_new(sim_control *c, int in_fd, int out_fd)
{
    struct channel *ch = c->n_channels < SIM_CONTROLS_MAX ? calloc(1, sizeof(*ch)) : NULL;
    if (!ch)
        return NULL;
    ch->control = c;
    ch->stdio = in_fd != out_fd;
    TAILQ_INSERT_TAIL(&c->channels, ch, link);
    c->n_channels++;
    int flags = ch->stdio ? 0 : BEV_OPT_CLOSE_ON_FREE;
    ch->tick = evtimer_new(c->s->base, on_tick, ch);
    ch->in = bufferevent_socket_new(c->s->base, in_fd, flags);
    ch->out = ch->stdio ? bufferevent_socket_new(c->s->base, out_fd, flags) : ch->in;
    if (!ch->tick || !ch->in || !ch->out) {
        channel_free(ch);
        return NULL;
    }
    if (ch->stdio)
        bufferevent_setcb(ch->out, NULL, NULL, on_event, ch);
    bufferevent_setcb(ch->in, on_read, NULL, on_event, ch);
    bufferevent_setwatermark(ch->in, EV_READ, 0, SIM_LINE_MAX);
    if (bufferevent_enable(ch->in, EV_READ) != 0 || bufferevent_enable(ch->out, EV_WRITE) != 0) {
        channel_free(ch);
        return NULL;
    }
    return ch;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int len, void *arg)
{
    (void)listener, (void)address, (void)len;
    if (!channel_new(arg, fd, fd))
        (void)close(fd);
}

int sim_control_listen(sim_control *c, const char *path, rc_error *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof(sa.sun_path))
        return rc_fail(err, RC_INVALID, "a unix socket's path has at most %zu bytes: %s",
                       sizeof(sa.sun_path) - 1, path);
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return rc_fail(err, RC_EXISTS, "%s exists and is no socket", path);
    (void)unlink(path);
    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    c->listener = evconnlistener_new_bind(c->s->base, on_accept, c,
                                          LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16,
                                          (struct sockaddr *)&sa, sizeof(sa));
    if (!c->listener)
        return rc_fail_errno(err, RC_IO, errno, "listening on %s", path);
    memcpy(c->path, sa.sun_path, sizeof(c->path));
    return RC_OK;
}

int sim_control_stdio(sim_control *c, rc_error *err)
{
    for (int fd = 0; fd <= 1; fd++) {
        struct stat st;
        if (fstat(fd, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
            return rc_fail(err, RC_UNSUPPORTED,
                           "--stdio needs a pipe, a socket or a terminal as stdin and stdout");
        if (evutil_make_socket_nonblocking(fd) != 0)
            return rc_fail_errno(err, RC_IO, errno, "making fd %d non-blocking", fd);
    }
    if (!channel_new(c, 0, 1))
        return rc_fail(err, RC_NOMEM, "out of memory for the control channel");
    return RC_OK;
}

sim_control *sim_control_new(sim *s)
{
    sim_control *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->s = s;
    TAILQ_INIT(&c->channels);
    return c;
}

sim_control *sim_control_free(sim_control *c)
{
    if (!c)
        return NULL;
    struct channel *ch, *next;
    for (ch = TAILQ_FIRST(&c->channels); ch; ch = next) {
        next = TAILQ_NEXT(ch, link);
        channel_free(ch);
    }
    if (c->listener)
        evconnlistener_free(c->listener);
    if (c->path[0])
        (void)unlink(c->path);
    free(c);
    return NULL;
}
