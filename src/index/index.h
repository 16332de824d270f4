/* The index's writer: rows in, revisions out. What is put between two commits is one batch and
 * becomes visible in one transaction: rows, secondary tables, change log and revision together, or
 * none of it. A batch is held in memory until it is committed, so that a full map or disk never
 * loses one. docs/index-format.md describes the tables.
 *
 * It counts its commits, failures, steps, compactions and freed slots in the live page, and keeps
 * there epoch, mirror status, sizes, oldest revisions and the number of containers by state.
 *
 * One thread, one writer a folder (a second is RC_EXISTS). Readers of the same process must be
 * opened after it (or it is RC_BUSY). On disk below the path:
 *     live             the live page (index/live.h)
 *     current          symbolic link to the environment's folder
 *     env.N            on tmpfs: the LMDB environment
 *     env.BOOTID.N     elsewhere, where one from another boot is never opened
 *     aside.N          the last one that was set aside, for a look at what was wrong */
#ifndef RC_INDEX_INDEX_H
#define RC_INDEX_INDEX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/idmap.h"
#include "index/live.h"
#include "model/change.h"
#include "model/mirror_state.h"
#include "model/row.h"

/* What a batch may hold, in bytes, while commits fail; a put beyond it is RC_FULL. */
#define RC_INDEX_BATCH_MAX (64U << 20)

typedef struct rc_index rc_index;

typedef struct rc_index_options {
    const char *path;       /* made, with its parents, if absent */
    size_t map_size;        /* address space, bytes */
    size_t max_used;        /* bytes of used pages that start a compaction */
    uint64_t history;       /* change log entries kept, at least 1 */
    uint64_t history_bytes; /* and their bytes */
    gid_t gid;              /* the readers' group; (gid_t)-1: leave */
    mode_t mode;            /* of the data file: 0 is 0640 */
} rc_index_options;

enum rc_index_origin {
    RC_INDEX_KEPT,  /* opened as it was: epoch and revision go on */
    RC_INDEX_NEW,   /* there was none */
    RC_INDEX_ASIDE, /* there was one that could not be used: set aside, made anew */
};

/* ret_reason (may be NULL): with RC_INDEX_ASIDE, why. RC_EXISTS: another daemon holds it. RC_PERM,
 * RC_IO, RC_FULL, RC_NOMEM. Whatever is wrong with an index that is there is not an error: it is
 * set aside. */
int rc_index_open(const rc_index_options *options, rc_index **out, enum rc_index_origin *ret_origin,
                  rc_error *ret_reason, rc_error *err);

/* Drops an uncommitted batch. Takes NULL, returns NULL. */
rc_index *rc_index_close(rc_index *ix);

uint64_t rc_index_epoch(const rc_index *ix);
uint64_t rc_index_rev(const rc_index *ix); /* of the last commit */
rc_live *rc_index_live(rc_index *ix);

/* Whose containers these are. The first identity is kept; another one sets the index aside and
 * makes it anew under a new epoch (*ret_rebuilt), the batch dropped. */
int rc_index_identify(rc_index *ix, rc_str identity, bool *ret_rebuilt, rc_error *err);

/* Sets the index aside and makes it anew, keeping the identity: after RC_CORRUPT. */
int rc_index_rebuild(rc_index *ix, const char *reason, rc_error *err);

/* The row as of the batch. RC_NOTFOUND; RC_CORRUPT. Views valid until the next call on ix. */
int rc_index_get(rc_index *ix, const rc_id *id, rc_row *out, rc_error *err);

/* Every row of the last commit, in the order of ids; each may not call ix. Non-zero stops it and is
 * returned. The batch must be empty. */
int rc_index_each(rc_index *ix, int (*each)(void *arg, const rc_row *row), void *arg,
                  rc_error *err);

/* The row, which must be normalised, is as it will be; its rev is set by the commit. *ret_changed:
 * does it differ from the row as of the batch? If not, nothing is done. action: the event's word,
 * or
 * "". RC_FULL: the row or the batch is too large. RC_INVALID, RC_CORRUPT, RC_NOMEM. */
int rc_index_put(rc_index *ix, const rc_row *row, enum rc_change_cause cause, rc_str action,
                 bool *ret_changed, rc_error *err);

/* RC_NOTFOUND where there is no such row. */
int rc_index_del(rc_index *ix, const rc_id *id, enum rc_change_cause cause, rc_error *err);

/* Networks: as rows, but not in the change log. rc_index_sweep_networks deletes all that were not
 * put since the last rc_index_begin_networks. A change of networks alone is a revision without
 * steps. */
void rc_index_begin_networks(rc_index *ix);
int rc_index_put_network(rc_index *ix, const rc_network *net, rc_error *err);
int rc_index_sweep_networks(rc_index *ix, rc_error *err);

/* Part of the batch where it differs from what stands. */
void rc_index_set_mirror(rc_index *ix, const rc_mirror_status *status);

/* Is there anything to commit? */
bool rc_index_dirty(const rc_index *ix);

/* Commits the batch as one revision; nothing where it is empty. now_ns: real time. On failure the
 * batch is kept and goes with the next commit: RC_FULL (map or disk, even after a compaction and
 * without most of the history), RC_IO, RC_NOMEM, RC_CORRUPT (rebuild). Then updates the live page's
 * rev and wakes watchers. */
int rc_index_commit(rc_index *ix, int64_t now_ns, rc_error *err);

/* Call every second or so: frees the slots of dead readers, compacts when used pages reach
 * max_used and that gives back a quarter of them, and puts sizes into the live page. The old
 * environment leaves the folder at once; its memory is given back when the last reader that has it
 * open moves on or dies. */
int rc_index_housekeep(rc_index *ix, rc_error *err);

#endif
