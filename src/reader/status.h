/* How index, mirror and daemon stand, gathered once and written as one JSON object: what
 * `GET /v1/status` and `rollcall status --json` both answer. docs/http-api.md explains the fields.
 */
#ifndef RC_READER_STATUS_H
#define RC_READER_STATUS_H

#include "base/json.h"
#include "reader/reader.h"

typedef struct rc_status {
    const char *path; /* index.path, borrowed: the caller's to set; NULL: not said */
    enum rc_writer_state writer;
    bool ready;         /* as rc_reader_ready */
    rc_error not_ready; /* why not; empty when ready */
    uint64_t epoch;     /* these four are of one snapshot */
    uint64_t rev;
    uint64_t oldest_rev; /* that the change log still has; 0: it is empty */
    rc_mirror_status mirror;
    int64_t now_mono_ns; /* CLOCK_MONOTONIC when it was read: ages count from here */
    rc_live_info live;
    uint64_t counters[RC_STAT_COUNT]; /* by enum rc_stat */
} rc_status;

/* Takes a snapshot and the live page; path is left NULL. Counters are read one by one and may be
 * newer than the snapshot. As rc_snapshot_begin. The reader's thread. */
int rc_status_read(rc_reader *reader, rc_status *out, rc_error *err);

/* What is not known is null. Every key is always there, so that who scripts against it need not
 * ask. */
void rc_status_encode(rc_json *j, const rc_status *status);

/* "live", "gone", "hung"; "unknown" out of range. Static. */
const char *rc_writer_state_name(enum rc_writer_state state);

#endif
