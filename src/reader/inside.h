/* The reader's inside, shared by its files: reader.c finds and follows the index, snapshot.c looks
 * up, rows.c walks, log.c reads the change log, watch.c waits. Nobody else includes it. */
#ifndef RC_READER_INSIDE_H
#define RC_READER_INSIDE_H

#include "base/arena.h"
#include "index/kv.h"
#include "index/tables.h"
#include "reader/reader.h"

/* An open environment; snapshots of one that is no longer current keep it. */
typedef struct rc_reader_env {
    rc_kv *kv;
    rc_tables tables;
    uint64_t generation; /* of the live page when `current` was read */
    unsigned refs;
} rc_reader_env;

typedef struct rc_watch rc_watch;

struct rc_reader {
    char *path;
    rc_live *live;
    rc_reader_env *env;
    rc_snapshot *spare; /* ended, parked, of env */
    rc_watch *watch;    /* NULL until somebody asks for it */
    int64_t
        looked_ns; /* monotonic: when the live page was last found to be the one in the folder */
};

struct rc_snapshot {
    rc_reader *reader;
    rc_reader_env *env;
    rc_kv_txn *txn;
    rc_meta meta;
    rc_arena *arena; /* of the row handed out last */
};

/* Decodes into the snapshot's arena, which is emptied before. */
int rc_snapshot_row(rc_snapshot *s, rc_str record, rc_row *out, rc_error *err);

/* watch.c */
int rc_watch_open(const char *path, rc_watch **out, rc_error *err);
rc_watch *rc_watch_close(rc_watch *w);
int rc_watch_fd(const rc_watch *w);

/* True where the file may have been removed: then the descriptor wakes now and then, until calm
 * says that it was not, or follow has the new one. */
bool rc_watch_drain(rc_watch *w);
void rc_watch_calm(rc_watch *w);
void rc_watch_follow(rc_watch *w, const char *path);

#endif
