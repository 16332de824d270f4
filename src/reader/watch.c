/* The pollable descriptor: an epoll set with inotify on the live page and a timer. The timer runs
 * where inotify cannot be had, and while the page is gone and its successor is waited for. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "index/layout.h"
#include "reader/inside.h"

#define POLL_NS     (20 * RC_NS_PER_MS)  /* instead of inotify */
#define GONE_NS     (100 * RC_NS_PER_MS) /* while the page is gone */
#define WATCHED     (IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define EVENTS_ROOM 4096

struct rc_watch {
    int epoll;
    int timer;
    int inotify; /* -1: cannot be had */
    int id;      /* of the watched file; -1: none */
    bool alarmed;
};

static void set_timer(const rc_watch *w, int64_t every_ns)
{
    const struct itimerspec t = {{0, every_ns}, {0, every_ns}};
    timerfd_settime(w->timer, 0, &t, NULL);
}

void rc_watch_follow(rc_watch *w, const char *path)
{
    RC_AUTO_FREE char *file = rc_path_join(path, RC_LIVE_FILE_NAME);
    if (w->inotify < 0)
        return;
    if (w->id >= 0)
        inotify_rm_watch(w->inotify, w->id);
    w->id = file ? inotify_add_watch(w->inotify, file, WATCHED) : -1;
    set_timer(w, w->id < 0 ? POLL_NS : 0);
    w->alarmed = false;
}

void rc_watch_calm(rc_watch *w)
{
    if (w->alarmed)
        set_timer(w, 0);
    w->alarmed = false;
}

static int add_to_set(const rc_watch *w, int fd, rc_error *err)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
        return rc_fail_errno(err, RC_IO, errno, "index: cannot watch it");
    return RC_OK;
}

int rc_watch_open(const char *path, rc_watch **out, rc_error *err)
{
    rc_watch *w = calloc(1, sizeof(*w));
    if (!w)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    *w = (rc_watch){.epoll = epoll_create1(EPOLL_CLOEXEC),
                    .timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                    .inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
                    .id = -1};
    int code = w->epoll < 0 || w->timer < 0
                   ? rc_fail_errno(err, RC_IO, errno, "index: cannot watch it")
                   : add_to_set(w, w->timer, err);
    if (!code && w->inotify >= 0)
        code = add_to_set(w, w->inotify, err);
    if (code) {
        rc_watch_close(w);
        return code;
    }
    set_timer(w, POLL_NS);
    rc_watch_follow(w, path);
    *out = w;
    return RC_OK;
}

rc_watch *rc_watch_close(rc_watch *w)
{
    if (!w)
        return NULL;
    if (w->epoll >= 0)
        close(w->epoll);
    if (w->timer >= 0)
        close(w->timer);
    if (w->inotify >= 0)
        close(w->inotify);
    free(w);
    return NULL;
}

int rc_watch_fd(const rc_watch *w)
{
    return w->epoll;
}

bool rc_watch_drain(rc_watch *w)
{
    _Alignas(struct inotify_event) char room[EVENTS_ROOM];
    uint64_t ticks = 0;
    ssize_t n = read(w->timer, &ticks, sizeof(ticks));
    bool look = n == (ssize_t)sizeof(ticks);
    while (w->inotify >= 0 && (n = read(w->inotify, room, sizeof(room))) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *e = (const void *)(room + at);
            if (e->wd == w->id && e->mask & ~(uint32_t)IN_MODIFY) {
                set_timer(w, GONE_NS);
                w->alarmed = look = true;
            }
            at += (ssize_t)(sizeof(*e) + e->len);
        }
    }
    return look;
}
