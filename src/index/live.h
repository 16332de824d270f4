/* The `live` page beside the index's environment: what moves all the time, in 4 KiB of shared
 * memory. Fields are read under a sequence lock, counters one by one; an open-file-description lock
 * on the file proves that the writer lives. docs/index-format.md describes every byte.
 *
 * The file is made once and never replaced or cut, so a reader may keep it mapped over restarts of
 * the daemon. After each commit the writer also write(2)s its revision into it: that, and only
 * that, is what inotify's IN_MODIFY on the file reports. */
#ifndef RC_INDEX_LIVE_H
#define RC_INDEX_LIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "model/mirror_state.h"
#include "model/stats.h"

#define RC_LIVE_VERSION   1
#define RC_LIVE_SIZE      4096
#define RC_LIVE_TEXT_MAX  256 /* bytes of a text, with its NUL; longer ones are cut */
#define RC_LIVE_FILE_NAME "live"

typedef struct rc_live_info {
    uint32_t pid;                    /* of the writer, in its own PID namespace */
    int64_t started_ns;              /* real time */
    uint64_t epoch;                  /* of the index; 0: not known yet */
    rc_mirror_status mirror;         /* as of the last commit */
    int64_t mirror_beat_ns;          /* CLOCK_MONOTONIC: the mirror loop's last sign of life */
    int64_t serve_beat_ns;           /* the serve loop's; 0: it does not run */
    int64_t resync_ns;               /* real time of the last committed full list; 0: none */
    int64_t resync_mono_ns;          /* the same, CLOCK_MONOTONIC */
    int64_t resync_took_ns;          /* from its request to its commit */
    int64_t resync_every_ns;         /* mirror.resync_interval */
    int64_t event_ns;                /* engine's time of the last event */
    uint64_t used_bytes;             /* of the environment's data, free pages among them */
    uint64_t map_bytes;              /* address space set aside for it */
    uint64_t max_used_bytes;         /* index.max_used */
    uint64_t oldest_rev;             /* that the change log still has; 0: it is empty */
    uint64_t oldest_reader_rev;      /* 0: no reader holds a snapshot, or not known */
    uint32_t readers;                /* slots in use */
    uint64_t containers[16];         /* by enum rc_state */
    char endpoint[RC_LIVE_TEXT_MAX]; /* "unix:///var/run/docker.sock" */
    char engine_version[RC_LIVE_TEXT_MAX]; /* "20.10.24", "" before the first connect */
    char api_version[RC_LIVE_TEXT_MAX];    /* as negotiated */
    char version[RC_LIVE_TEXT_MAX];        /* of the daemon */
    char last_error[RC_LIVE_TEXT_MAX];     /* why the mirror is not live; "" while it is */
} rc_live_info;

typedef struct rc_live rc_live;

/* The writer's side: makes the file below dir if it is not there, takes its lock, sets pid, start
 * and version, and begins all counters at 0. RC_EXISTS: another writer lives. RC_PERM, RC_IO,
 * RC_NOMEM. mode and gid ((gid_t)-1: leave) are the file's. */
int rc_live_create(const char *dir, mode_t mode, gid_t gid, rc_live **out, rc_error *err);

/* Writer: the last sign of life (CLOCK_MONOTONIC, of this boot or another) that the writer before
 * this one left in the page; 0: none. */
int64_t rc_live_beat_before(const rc_live *live);

/* A reader's side: RC_NOTFOUND where there is none (yet), RC_VERSION, RC_CORRUPT, RC_PERM, RC_IO.
 */
int rc_live_open(const char *dir, rc_live **out, rc_error *err);
rc_live *rc_live_close(rc_live *live);

/* Writer: changes fields. update gets the page as it stands and is called once, under a mutex of
 * this process (the two loops may both write) and the sequence lock. It must not block. */
void rc_live_update(rc_live *live, void (*update)(rc_live_info *info, void *arg), void *arg);

/* Writer: publishes that a revision was committed (wakes watchers). */
void rc_live_committed(rc_live *live, uint64_t rev);

/* A consistent copy. RC_BUSY where the writer died in mid-update (*out is then as good as can be
 * had, and is filled). Any thread. */
int rc_live_read(const rc_live *live, rc_live_info *out, rc_error *err);

/* The last committed revision, and the number of the environment's switches: one atomic load
 * each. */
uint64_t rc_live_rev(const rc_live *live);
uint64_t rc_live_generation(const rc_live *live);
void rc_live_set_generation(rc_live *live, uint64_t generation); /* writer */

rc_stats *rc_live_stats(rc_live *live);                /* writer */
const rc_stats *rc_live_counters(const rc_live *live); /* reader */

/* Has the file been removed since it was opened (with its whole folder, for nobody removes it
 * alone)? A system call. */
bool rc_live_removed(const rc_live *live);

/* Does a writer hold the lock? Asked from within the writer's own process: true. */
bool rc_live_writer_holds(const rc_live *live);

#endif
