/* Reading the index: snapshots, look-ups, the change log, a pollable fd, and whether the writer
 * lives. LMDB and libc only; never logs, exits or blocks the writer. include/rollcall/rollcall.h
 * will be this, with opaque rows.
 *
 * A reader belongs to one thread at a time; it does not survive fork(). It notices by itself when
 * the writer made the index anew or switched to a compact copy, at its next snapshot. Readers and
 * the writer may be in one process. */
#ifndef RC_READER_READER_H
#define RC_READER_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "index/change.h"
#include "index/live.h"
#include "model/row.h"

typedef struct rc_reader rc_reader;
typedef struct rc_snapshot rc_snapshot;

/* path: index.path. RC_NOTFOUND: no index there (yet). RC_UNSUPPORTED: a read-only file system.
 * RC_VERSION: of another format version. RC_PERM, RC_BUSY (no reader slot, or a second reader that
 * is PID 1, too), RC_CORRUPT, RC_IO, RC_NOMEM. */
int rc_reader_open(const char *path, rc_reader **out, rc_error *err);
rc_reader *rc_reader_close(rc_reader *reader); /* snapshots must have ended */

enum rc_writer_state {
    RC_WRITER_LIVE,
    RC_WRITER_GONE, /* ended or killed: nobody holds the live page's lock */
    RC_WRITER_HUNG, /* stopped or stuck: holds it, but gives no sign of life for 10 s */
};
#define RC_WRITER_HUNG_NS (INT64_C(10) * 1000000000)
enum rc_writer_state rc_reader_writer(rc_reader *reader);

/* The live page. As rc_live_read. The counters are valid until the next rc_snapshot_begin. */
int rc_reader_live(rc_reader *reader, rc_live_info *out, rc_error *err);
const rc_stats *rc_reader_counters(rc_reader *reader);

/* Was a full list committed within the last two resync intervals, and does the writer live? What
 * /readyz and healthcheck ask. On false, why (may be NULL) says so. */
bool rc_reader_ready(rc_reader *reader, rc_error *ret_why);

/* One consistent state of everything. Hold it briefly: it pins the pages it sees. */
int rc_snapshot_begin(rc_reader *reader, rc_snapshot **out, rc_error *err);
rc_snapshot *rc_snapshot_end(rc_snapshot *s);
uint64_t rc_snapshot_epoch(const rc_snapshot *s);
uint64_t rc_snapshot_rev(const rc_snapshot *s);
const rc_mirror_status *rc_snapshot_mirror(const rc_snapshot *s);

/* Rows are views, valid until the snapshot's next call or its end. id: 64 digits. RC_NOTFOUND. */
int rc_snapshot_get(rc_snapshot *s, rc_str id, rc_row *out, rc_error *err);

/* By full id, exact name (a leading '/' is dropped), or unique prefix of an id, in this order, as
 * Docker does. Several of one name: the one that is not missing, else RC_AMBIGUOUS. RC_NOTFOUND. */
int rc_snapshot_find(rc_snapshot *s, rc_str key, rc_row *out, rc_error *err);

/* All rows, ordered by id, from the first after `after` ("" = all). RC_NOTFOUND after the last. */
typedef struct rc_rows rc_rows;
int rc_rows_open(rc_snapshot *s, rc_str after, rc_rows **out, rc_error *err);
int rc_rows_next(rc_rows *rows, rc_row *out, rc_error *err);
rc_rows *rc_rows_close(rc_rows *rows);

/* The rows of a workload's role, or that publish a port (protocol "": any), ordered by id and
 * walked as above. The strings must live as long as rows. */
int rc_rows_by_role(rc_snapshot *s, rc_str workload, rc_str role, rc_rows **out, rc_error *err);
int rc_rows_by_port(rc_snapshot *s, uint16_t public_port, rc_str protocol, rc_rows **out,
                    rc_error *err);

/* Networks, ordered by id. */
typedef struct rc_nets rc_nets;
int rc_nets_open(rc_snapshot *s, rc_nets **out, rc_error *err);
int rc_nets_next(rc_nets *nets, rc_network *out, rc_error *err);
rc_nets *rc_nets_close(rc_nets *nets);

/* The revisions after `since`, in order, out of this snapshot. RC_TOOOLD: the log begins later.
 * RC_INVALID: since is from the future. next gives one revision's entry (index/change.h reads it);
 * RC_NOTFOUND after the last. The entry is valid until the next call or the snapshot's end. */
typedef struct rc_log_cursor rc_log_cursor;
int rc_log_open(rc_snapshot *s, uint64_t since, rc_log_cursor **out, rc_error *err);
int rc_log_next(rc_log_cursor *c, uint64_t *ret_rev, rc_change_reader *ret_entry, rc_error *err);
rc_log_cursor *rc_log_close(rc_log_cursor *c);
uint64_t rc_snapshot_oldest(rc_snapshot *s); /* oldest revision that the log still has; 0: none */

/* A descriptor that is readable when a revision may have been committed (spurious wakeups happen;
 * where inotify cannot be had it is a timer). Owned by the reader; rc_reader_drain makes it
 * unreadable again: drain first, then take a snapshot. */
int rc_reader_fd(rc_reader *reader, int *ret_fd, rc_error *err);
void rc_reader_drain(rc_reader *reader);

/* The row in a put's body, decoded; valid until the snapshot's next call. */
int rc_snapshot_decode(rc_snapshot *s, rc_str record, rc_row *out, rc_error *err);

#endif
