/* The mirror's store is the index: the adaptor between the two. */
#ifndef RC_DAEMON_STORE_H
#define RC_DAEMON_STORE_H

#include "index/index.h"
#include "mirror/mirror.h"

/* Zero-initialise but for the first three, which are borrowed. */
typedef struct rc_index_store {
    rc_index *ix;
    void (*on_many)(void *arg); /* so many steps that they should be committed now */
    void *arg;
    unsigned steps; /* put since the last commit: set to 0 there */
} rc_index_store;

/* A store over s, which must outlive it. */
rc_store rc_index_store_ops(rc_index_store *s);

#endif
