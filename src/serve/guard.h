/* Holds the connections of a server to their limits: how many there are, and how long a request or
 * the taking in of an answer may last.
 *
 * evhttp owns the connections and does not tell when one ends, and there are limits that it does
 * not have. So this watches from outside: a connection is known by its descriptor and that
 * descriptor's inode (which a reused number does not share), bytes are noticed by callbacks on its
 * buffers, and to end one its socket is shut down, upon which evhttp frees it. */
#ifndef RC_SERVE_GUARD_H
#define RC_SERVE_GUARD_H

#include <stddef.h>

#include "model/stats.h"

struct bufferevent;
struct event_base;
typedef struct rc_guard rc_guard;
typedef struct rc_conn rc_conn;

typedef struct rc_guard_options {
    unsigned max_connections;
    unsigned deadline_ms;
    size_t input_max; /* bytes that may wait for the rest of their request */
    rc_stats *stats;  /* HTTP_REJECTED */
} rc_guard_options;

/* NULL when out of memory. */
rc_guard *rc_guard_new(struct event_base *base, const rc_guard_options *options);

/* After the connections were freed. */
rc_guard *rc_guard_free(rc_guard *g);

/* A bufferevent for a connection that was just accepted; its descriptor is set by the caller before
 * control returns to the loop. It is the caller's. NULL when out of memory. */
struct bufferevent *rc_guard_admit(rc_guard *g);

/* NULL: not a connection that may ask anything (over the cap, or already told to go). */
rc_conn *rc_guard_find(rc_guard *g, int fd);

/* The request is whole. */
void rc_conn_whole(rc_conn *conn);

/* Its answer is in the bufferevent's hands: nothing more is read, and it has to be taken in in
 * time. */
void rc_conn_answering(rc_conn *conn);

/* It was taken in, and the connection may go on. */
void rc_conn_answered(rc_conn *conn);

/* Ends it now, without a word. conn is gone. */
void rc_conn_drop(rc_conn *conn);

#endif
