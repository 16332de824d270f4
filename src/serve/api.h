/* The HTTP API, on the serve loop. It reads the index like any other reader; what it may ask of the
 * rest of the daemon are the callbacks here. */
#ifndef RC_SERVE_API_H
#define RC_SERVE_API_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "model/stats.h"

struct event_base;
typedef struct rc_api rc_api;

typedef struct rc_api_options {
    const char *index_path;
    const char *socket;   /* path of the unix socket, at most 107 bytes; a stale one is replaced */
    mode_t mode;          /* of the socket */
    gid_t gid;            /* (gid_t)-1: leave */
    const uid_t *writers; /* who may write beside root and the daemon's own user */
    size_t n_writers;
    unsigned max_connections;
    rc_stats *stats; /* counts requests */
    /* Asks the mirror for a full list. From the serve loop; must not block. RC_BUSY: too many are
     * asked for. */
    int (*resync)(void *arg, rc_error *err);
    void *arg;
} rc_api_options;

/* RC_EXISTS: somebody answers at the socket. RC_INVALID, RC_PERM, RC_IO, RC_NOMEM. The process must
 * ignore SIGPIPE. */
int rc_api_new(struct event_base *base, const rc_api_options *options, rc_api **out, rc_error *err);

/* Closes every connection and removes the socket. Before the base is freed. */
rc_api *rc_api_free(rc_api *api);

#endif
