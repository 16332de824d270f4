/* The writer's inside, shared by its files: index.c opens and replaces environments, batch.c
 * gathers and commits rows, networks.c networks, upkeep.c compacts and measures. Nobody else
 * includes it. */
#ifndef RC_INDEX_WRITER_H
#define RC_INDEX_WRITER_H

#include "base/buf.h"
#include "base/idmap.h"
#include "index/folder.h"
#include "index/index.h"
#include "index/kv.h"
#include "index/tables.h"

/* An open environment. */
typedef struct rc_writer_env {
    rc_env_name name;
    rc_kv *kv;
    rc_tables tables;
    rc_meta meta;             /* as of the last commit */
    uint64_t txn_before_revs; /* LMDB's number of a commit less its revision */
    uint64_t containers[RC_STATE_COUNT];
} rc_writer_env;

/* A row as of the batch. */
typedef struct rc_pending_row {
    rc_id id;
    bool deleted;
    size_t at; /* of its record in the log entry */
    size_t len;
} rc_pending_row;

/* A network that was put or swept, or only seen by the running round. */
typedef struct rc_pending_net {
    rc_id key; /* a hash of its id: ids of networks are not all hexadecimal */
    uint64_t round;
    bool dirty;
    char *record; /* NULL: it is deleted, or not dirty */
    size_t len;
    size_t id_len;
    char id[RC_KV_KEY_MAX];
} rc_pending_net;

struct rc_index {
    rc_folder *folder;
    rc_live *live;
    size_t map_size;
    size_t max_used;
    uint64_t history;
    uint64_t history_bytes;
    mode_t mode;

    rc_writer_env env;
    rc_kv_txn *read; /* parked between batches */
    bool reading;
    bool may_compact; /* a full map or disk is worth a try: once between two calls of housekeep */

    rc_mirror_status mirror; /* as of the batch */
    rc_buf entry;            /* the batch's entry in the change log; it holds the rows' records */
    uint32_t steps;
    rc_idmap *rows; /* of rc_pending_row */
    rc_idmap *nets; /* of rc_pending_net */
    uint64_t net_round;
    size_t dirty_nets;
    size_t net_bytes; /* of their records */

    rc_buf scratch;
    rc_arena *arena; /* of the row that get handed out, and of a row while it is compared */
    rc_arena *keys;  /* of a row's keys while it is written */
};

/* index.c. open_env checks everything in it, but a fresh copy. adopt_env puts it in the place of
 * the one in use; it takes env in any case and removes it on failure. */
int rc_writer_open_env(rc_index *ix, const rc_env_name *name, bool is_copy, rc_writer_env *out,
                       rc_error *err);
void rc_writer_close_env(rc_writer_env *env);
int rc_writer_adopt_env(rc_index *ix, rc_writer_env *env, rc_error *err);
int rc_writer_numbers(rc_writer_env *env, rc_error *err);

/* The read transaction that sees the last commit, renewed if it is parked; and parking it. */
int rc_writer_reading(rc_index *ix, rc_kv_txn **out, rc_error *err);
void rc_writer_park(rc_index *ix);

/* batch.c */
int rc_batch_init(rc_index *ix, rc_error *err);
void rc_batch_clear(rc_index *ix);
void rc_batch_free(rc_index *ix);
void rc_batch_publish(rc_index *ix, uint64_t rev);
int rc_batch_trim_one(rc_index *ix, rc_kv_txn *txn, rc_meta *meta, rc_error *err);

/* networks.c */
void rc_networks_clear(rc_index *ix); /* forgets what is not committed */
void rc_networks_free(rc_index *ix);
int rc_networks_write(rc_index *ix, rc_kv_txn *txn, rc_error *err);

/* upkeep.c. RC_NOTFOUND: a copy would not be worth it. */
int rc_writer_compact(rc_index *ix, size_t worth_pages, rc_error *err);
int rc_writer_shed_history(rc_index *ix, rc_error *err);

#endif
