/* The feed: what the change log says, filtered, as the lines that `GET /v1/watch` and `rollcall
 * watch --json` both write. A feed is a cursor's companion and belongs to one thread; it costs
 * memory only for the rows that it has told its reader of, and only where there is a filter.
 *
 * Lines end in '\n' and appends to the buffer are sticky: check rc_buf_failed. */
#ifndef RC_READER_FEED_H
#define RC_READER_FEED_H

#include "base/buf.h"
#include "base/json.h"
#include "model/filter.h"
#include "reader/reader.h"

typedef struct rc_feed rc_feed;

/* A step as the feed's reader sees it. */
typedef struct rc_feed_step {
    enum rc_change_op op;
    const char *cause; /* rc_change_cause_name, or "filter": a row that fits the filter no more */
    rc_str action;
    enum rc_state prev_state;
    rc_str id;         /* "" for a placeholder */
    const rc_row *row; /* NULL with DEL, but for cause "filter"; valid in the callback */
} rc_feed_step;

/* filter is borrowed; NULL: everything. NULL when out of memory.
 *
 * Which rows its reader has seen before is not known: of a row that does not fit, it says once that
 * it has left, lest a reader that resumed keep it for ever. rc_feed_seed ends that. */
rc_feed *rc_feed_new(const rc_filter *filter);
rc_feed *rc_feed_free(rc_feed *feed);

/* The reader has seen the snapshot's rows that fit, and no others. */
int rc_feed_seed(rc_feed *feed, rc_snapshot *s, rc_error *err);

/* Calls each for every step of a revision that the filter lets through, in order; a non-zero return
 * stops it and is returned. The entry is out of s. RC_CORRUPT, RC_NOMEM. */
int rc_feed_each(rc_feed *feed, rc_snapshot *s, rc_change_reader *entry,
                 int (*each)(void *arg, const rc_feed_step *step), void *arg, rc_error *err);

/* Appends the revision's line: {"rev","time","changes":[…]}. Nothing where a filter lets nothing
 * through. row writes a row: wire/encode.h's. As rc_feed_each, RC_FULL, too: the line passes the
 * buffer's cap. */
int rc_feed_line(rc_feed *feed, rc_snapshot *s, uint64_t rev, rc_change_reader *entry,
                 void (*row)(rc_json *j, const rc_row *row), rc_buf *out, rc_error *err);

/* {"epoch","rev","synced","mirror"}: the first line */
void rc_feed_hello(const rc_snapshot *s, uint64_t rev, rc_buf *out);

/* {"rev","bookmark":true,"synced","mirror"} */
void rc_feed_bookmark(const rc_snapshot *s, uint64_t rev, rc_buf *out);

/* {"error","oldest","current","epoch"}: the last line of one that cannot go on. error:
 * "revision_too_old" or "epoch_changed". */
void rc_feed_end(rc_snapshot *s, const char *error, rc_buf *out);

#define RC_EPOCH_LEN 16

/* 16 lower-case hex digits and a NUL. */
void rc_epoch_format(char out[RC_EPOCH_LEN + 1], uint64_t epoch);

/* Exactly 16 hex digits, either case. */
bool rc_epoch_parse(rc_str s, uint64_t *out);

#endif
