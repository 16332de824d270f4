/* The serve loop's thread. It shares nothing with the mirror loop but the index, the live page, the
 * command queue and the eventfd that ends it. */
#include "daemon/serve_loop.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "serve/api.h"

struct rc_serve_loop {
    struct event_base *base;
    rc_api *api;
    rc_live *live;
    rc_commands *commands;
    rc_log *log;
    struct event *beat;
    struct event *stop;
    int stop_fd;
    pthread_t thread;
    bool running;
};

static void fill_beat(rc_live_info *info, void *arg)
{
    info->serve_beat_ns = *(const int64_t *)arg;
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    rc_serve_loop *s = arg;
    int64_t now = rc_clock_mono();
    (void)fd, (void)what;
    rc_live_update(s->live, fill_beat, &now);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    rc_serve_loop *s = arg;
    (void)fd, (void)what;
    event_base_loopbreak(s->base);
}

static int on_resync(void *arg, rc_error *err)
{
    rc_serve_loop *s = arg;
    return rc_commands_push(s->commands, RC_COMMAND_RESYNC, err);
}

static void *run(void *arg)
{
    rc_serve_loop *s = arg;
    if (event_base_dispatch(s->base) < 0)
        rc_logf(s->log, RC_LOG_ERROR, "api", "the serve loop ended");
    return NULL;
}

static int set_up(rc_serve_loop *s, const rc_config *c, rc_error *err)
{
    static const struct timeval second = {.tv_sec = 1};
    rc_api_options options = {.index_path = c->index.path,
                              .socket = c->api.socket,
                              .mode = c->api.mode,
                              .gid = c->api.gid,
                              .writers = c->api.writers,
                              .n_writers = c->api.n_writers,
                              .max_connections = c->api.max_connections,
                              .stats = rc_live_stats(s->live),
                              .resync = on_resync,
                              .arg = s};
    s->base = event_base_new();
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!s->base || s->stop_fd < 0)
        return rc_fail(err, RC_NOMEM, "cannot make the serve loop");
    s->beat = event_new(s->base, -1, EV_PERSIST, on_beat, s);
    s->stop = event_new(s->base, s->stop_fd, EV_READ, on_stop, s);
    if (!s->beat || !s->stop || event_add(s->beat, &second) || event_add(s->stop, NULL))
        return rc_fail(err, RC_NOMEM, "cannot make the serve loop's events");
    return rc_api_new(s->base, &options, &s->api, err);
}

/* Signals are the mirror loop's business. */
static int start_thread(rc_serve_loop *s, rc_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errnum = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errnum)
        return rc_fail_errno(err, RC_IO, errnum, "cannot start the serve loop");
    s->running = true;
    return RC_OK;
}

int rc_serve_loop_start(const rc_config *config, rc_live *live, rc_commands *commands, rc_log *log,
                        rc_serve_loop **out, rc_error *err)
{
    rc_serve_loop *s = calloc(1, sizeof(*s));
    if (!s)
        return rc_fail(err, RC_NOMEM, "no memory for the serve loop");
    s->live = live;
    s->commands = commands;
    s->log = log;
    s->stop_fd = -1;
    int code = set_up(s, config, err);
    if (!code) {
        on_beat(-1, 0, s);
        code = start_thread(s, err);
    }
    if (code) {
        rc_serve_loop_stop(s);
        return code;
    }
    *out = s;
    return RC_OK;
}

rc_serve_loop *rc_serve_loop_stop(rc_serve_loop *s)
{
    uint64_t one = 1;
    if (!s)
        return NULL;
    if (s->running) {
        if (write(s->stop_fd, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN)
            pthread_join(s->thread, NULL);
    }
    rc_api_free(s->api);
    if (s->beat)
        event_free(s->beat);
    if (s->stop)
        event_free(s->stop);
    if (s->base)
        event_base_free(s->base);
    if (s->stop_fd >= 0)
        close(s->stop_fd);
    free(s);
    return NULL;
}
