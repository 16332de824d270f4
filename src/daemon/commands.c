/* A ring under a mutex, and an eventfd. */
#include "daemon/commands.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct rc_commands {
    pthread_mutex_t lock;
    enum rc_command ring[RC_COMMANDS_MAX];
    unsigned first, count;
    int fd;
};

int rc_commands_new(rc_commands **out, rc_error *err)
{
    rc_commands *c = calloc(1, sizeof(*c));
    if (!c)
        return rc_fail(err, RC_NOMEM, "no memory for the command queue");
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->fd < 0) {
        int errnum = errno;
        free(c);
        return rc_fail_errno(err, RC_IO, errnum, "no eventfd for the command queue");
    }
    pthread_mutex_init(&c->lock, NULL);
    *out = c;
    return RC_OK;
}

rc_commands *rc_commands_free(rc_commands *c)
{
    if (!c)
        return NULL;
    close(c->fd);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

int rc_commands_push(rc_commands *c, enum rc_command command, rc_error *err)
{
    uint64_t one = 1;
    pthread_mutex_lock(&c->lock);
    bool full = c->count == RC_COMMANDS_MAX;
    if (!full)
        c->ring[(c->first + c->count++) % RC_COMMANDS_MAX] = command;
    pthread_mutex_unlock(&c->lock);
    if (full)
        return rc_fail(err, RC_BUSY, "%d commands wait already", RC_COMMANDS_MAX);
    /* Cannot overflow: 64 at most are waiting. */
    if (write(c->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        return rc_fail_errno(err, RC_IO, errno, "cannot ring for the command");
    return RC_OK;
}

int rc_commands_fd(const rc_commands *c)
{
    return c->fd;
}

unsigned rc_commands_take(rc_commands *c, enum rc_command *out, unsigned max)
{
    uint64_t rung = 0;
    unsigned n = 0;
    /* Before the look at the ring: what is pushed in between rings again. */
    if (read(c->fd, &rung, sizeof(rung)) < 0 && errno != EAGAIN)
        return 0;
    pthread_mutex_lock(&c->lock);
    while (n < max && c->count > 0) {
        out[n++] = c->ring[c->first];
        c->first = (c->first + 1) % RC_COMMANDS_MAX;
        c->count--;
    }
    bool more = c->count > 0;
    pthread_mutex_unlock(&c->lock);
    rung = 1;
    if (more && write(c->fd, &rung, sizeof(rung)) < 0)
        return n;
    return n;
}
