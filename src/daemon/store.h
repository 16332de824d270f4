/* The mirror's store is the index: the adaptor between the two. */
#ifndef RC_DAEMON_STORE_H
#define RC_DAEMON_STORE_H

#include "index/index.h"
#include "mirror/mirror.h"

/* Zero-initialise but for the first three, which are borrowed. */
typedef struct rc_index_store {
    rc_index *ix;
    /* So many steps that they should be committed now. What it returns, the put or del returns that
     * was one too many; the mirror is in the middle of something, so it must not be called back. */
    int (*on_many)(void *arg, rc_error *err);
    void *arg;
    unsigned steps; /* put since the last commit: set to 0 there */
} rc_index_store;

/* A store over s, which must outlive it. */
rc_store rc_index_store_ops(rc_index_store *s);

#endif
