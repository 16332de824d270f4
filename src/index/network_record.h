/* A network as bytes: the value in the index's `networks` table. Canonical, as the row's record:
 * equal networks have equal records. Records may lie at any alignment. */
#ifndef RC_INDEX_NETWORK_RECORD_H
#define RC_INDEX_NETWORK_RECORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/row.h"

#define RC_NETWORK_VERSION 1
#define RC_NETWORK_HEADER  32
#define RC_NETWORK_MAX     (1U << 20) /* bytes; a larger one is RC_FULL */

/* Appends the record. RC_INVALID: its ID is empty or longer than a key can be. RC_FULL, RC_NOMEM.
 * On failure the buffer is as it was. */
int rc_network_encode(const rc_network *net, rc_buf *out, rc_error *err);

/* Checks every byte, then fills *out with views into bytes (each string terminated there) and
 * labels from the arena. *out is untouched on failure: RC_VERSION, RC_CORRUPT, RC_NOMEM. */
int rc_network_decode(rc_str bytes, rc_arena *arena, rc_network *out, rc_error *err);

#endif
