/* What one revision changed, as bytes: the value in the index's `changes` table, keyed by the
 * revision (8 bytes, big-endian). Every step of a batch in its order, each with its after-image.
 * docs/index-format.md describes every byte. */
#ifndef RC_INDEX_CHANGE_H
#define RC_INDEX_CHANGE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/change.h"
#include "model/row.h"

#define RC_CHANGE_VERSION 1

typedef struct rc_change {
    enum rc_change_op op;
    enum rc_change_cause cause;
    enum rc_state prev_state; /* UNKNOWN where there was no row */
    rc_str action;            /* the event's, or "" */
    rc_str body;              /* put: the row's record; del: the container's ID */
} rc_change;

/* Bytes that an entry begins with, and those that a step adds. */
#define RC_CHANGE_HEADER 24
uint64_t rc_change_size(const rc_change *step);

/* Starts an entry at the buffer's end (so buffers hold one entry), appends a step to it, and closes
 * it with the time of the commit. The entry is good if the buffer has not failed after the last
 * call. A step's record must be valid. append returns where in the buffer the step's body lies. */
void rc_change_begin(rc_buf *entry);
size_t rc_change_append(rc_buf *entry, const rc_change *step);
void rc_change_end(rc_buf *entry, int64_t time_ns);

/* A cursor over the steps of an entry of unknown origin. */
typedef struct rc_change_reader {
    rc_str rest;
    uint32_t left;
    int64_t time_ns;
} rc_change_reader;

/* RC_VERSION, or RC_CORRUPT naming the field. */
int rc_change_open(rc_str entry, rc_change_reader *out, rc_error *err);

/* RC_NOTFOUND after the last step; RC_CORRUPT, with *out untouched, for one that cannot be. Views
 * into the entry; a put's record has been validated. */
int rc_change_next(rc_change_reader *r, rc_change *out, rc_error *err);

#endif
