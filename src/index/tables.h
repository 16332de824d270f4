/* The tables of an index: their names, the record of what every commit writes, and the keys by
 * which the secondary tables find rows. The writer and the readers share it; docs/index-format.md
 * describes every byte. */
#ifndef RC_INDEX_TABLES_H
#define RC_INDEX_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "index/kv.h"
#include "model/mirror_state.h"
#include "model/row.h"

#define RC_FORMAT_VERSION 1

enum rc_secondary { RC_BY_NAME, RC_BY_WORKLOAD, RC_BY_PORT, RC_SECONDARIES };

typedef struct rc_tables {
    rc_kv_table containers;
    rc_kv_table by[RC_SECONDARIES];
    rc_kv_table changes;
    rc_kv_table networks;
    rc_kv_table meta;
} rc_tables;

/* A writer makes them; for a reader, RC_NOTFOUND where one is missing. */
int rc_tables_open(rc_kv *kv, rc_tables *out, rc_error *err);

/* What every commit writes. */
typedef struct rc_meta {
    uint64_t epoch;
    uint64_t rev;
    uint64_t oldest_rev; /* in the change log; 0: it is empty */
    uint64_t log_bytes;  /* of its entries */
    rc_mirror_status mirror;
} rc_meta;

int rc_meta_put(rc_kv_txn *txn, const rc_tables *t, const rc_meta *meta, rc_error *err);

/* RC_VERSION: of another format. RC_CORRUPT: none, or one that cannot be. */
int rc_meta_get(rc_kv_txn *txn, const rc_tables *t, rc_meta *out, rc_error *err);

/* Whose containers these are. RC_NOTFOUND: nobody said yet. The view lives as the transaction. */
int rc_identity_get(rc_kv_txn *txn, const rc_tables *t, rc_str *out, rc_error *err);
int rc_identity_put(rc_kv_txn *txn, const rc_tables *t, rc_str identity, rc_error *err);

/* A revision as the key in `changes`. */
#define RC_REV_KEY 8
rc_str rc_rev_key(uint64_t rev, char out[RC_REV_KEY]);
bool rc_rev_parse(rc_str key, uint64_t *out);

/* The keys of a row in the secondary tables, sorted, none twice. From the arena; false when it is
 * exhausted. */
typedef struct rc_row_key {
    enum rc_secondary table;
    rc_str key;
} rc_row_key;

typedef struct rc_row_keys {
    rc_row_key *at;
    size_t n;
} rc_row_keys;

bool rc_row_keys_of(const rc_row *row, rc_arena *arena, rc_row_keys *out);
int rc_row_key_cmp(const rc_row_key *a, const rc_row_key *b);

/* The beginning that all keys of a name, of a workload's role, or of a public port share. What
 * follows it is the container's ID; rc_key_id takes that. Long parts are hashed: whoever finds a
 * row this way looks whether it is the right one. */
#define RC_PREFIX_MAX 448
rc_str rc_prefix_name(rc_str name, char out[RC_PREFIX_MAX]);
rc_str rc_prefix_role(rc_str workload, rc_str role, char out[RC_PREFIX_MAX]);
rc_str rc_prefix_port(uint16_t public_port, char out[RC_PREFIX_MAX]);
rc_str rc_key_id(rc_str key);

#endif
