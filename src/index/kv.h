/* An ordered key-value store with snapshots: LMDB behind one door, the only user of lmdb.h.
 *
 * Handles of one process on one folder share its environment (LMDB itself must not open one twice),
 * so a reader may live beside the writer; the other way round, a folder that this process has open
 * for reading cannot be opened for writing (RC_BUSY). A handle may be used by several threads, a
 * transaction by one at a time; a process has at most one write transaction. After a fork() the
 * child can only close what the parent opened: all else is RC_UNSUPPORTED there. (A child that
 * neither ends nor execs keeps the writer's lock alive.)
 *
 * What get and iterators hand out is valid until the transaction ends or, in a write transaction,
 * until its next change. Keys are 1 to 511 bytes long. */
#ifndef RC_INDEX_KV_H
#define RC_INDEX_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

#define RC_KV_KEY_MAX 511

typedef struct rc_kv rc_kv;
typedef struct rc_kv_txn rc_kv_txn;
typedef struct rc_kv_iter rc_kv_iter;
typedef unsigned rc_kv_table;

typedef struct rc_kv_options {
    const char *dir; /* exists already */
    size_t map_size; /* of a writer: address space, and the most the data may ever take */
    bool write;      /* takes the writer's lock for as long as the handle lives */
    bool check;      /* of a writer: looks at every page first; damage is RC_CORRUPT, not a crash */
    bool nosync;     /* of a writer: commits do not wait for the disk */
    mode_t data_mode; /* of a writer: 0 is 0640 */
    mode_t lock_mode; /* of a writer: 0 is 0660; readers need to write the lock file */
} rc_kv_options;

typedef struct rc_kv_stat {
    size_t page_size;
    size_t used_pages; /* that the data file spans, free ones among them */
    size_t map_size;
    unsigned readers;       /* slots in use */
    uint64_t last_txn;      /* number of the last commit that changed something */
    uint64_t oldest_reader; /* number of the commit that the oldest open snapshot sees; 0: none */
} rc_kv_stat;

/* RC_EXISTS: another writer lives. RC_CORRUPT: set it aside and make it anew. RC_UNSUPPORTED: a
 * reader on a read-only file system, where LMDB would read without a lock, and wrongly.
 * RC_NOTFOUND: nothing there to read. RC_PERM, RC_IO, RC_NOMEM, RC_BUSY as they say. */
int rc_kv_open(const rc_kv_options *options, rc_kv **out, rc_error *err);

/* All transactions must have ended. Takes NULL, returns NULL. */
rc_kv *rc_kv_close(rc_kv *kv);

/* RC_BUSY: every reader's slot is taken, even after those of dead readers were freed. */
int rc_kv_begin(rc_kv *kv, bool write, rc_kv_txn **out, rc_error *err);

/* Ends the transaction in any case. On failure (RC_FULL: map or disk; RC_IO) nothing of it is kept.
 */
int rc_kv_commit(rc_kv_txn *txn, rc_error *err);

/* Takes NULL, returns NULL. */
rc_kv_txn *rc_kv_abort(rc_kv_txn *txn);

/* Parks a read transaction: it keeps its reader's slot, but sees and pins nothing until it is
 * renewed, which is cheaper than to begin another. On failure it stays parked. */
void rc_kv_reset(rc_kv_txn *txn);
int rc_kv_renew(rc_kv_txn *txn, rc_error *err);

/* A table by name (31 bytes at most), made by a writer if absent (else RC_NOTFOUND), valid for the
 * handle's life. Not while this thread has a write transaction. Read transactions begun before do
 * not see it until they are renewed. */
int rc_kv_table_open(rc_kv *kv, const char *name, rc_kv_table *out, rc_error *err);

int rc_kv_get(rc_kv_txn *txn, rc_kv_table t, rc_str key, rc_str *out, rc_error *err);
int rc_kv_put(rc_kv_txn *txn, rc_kv_table t, rc_str key, rc_str value, rc_error *err);

/* As put, quicker, of a key greater than all in the table; RC_EXISTS if it is not. */
int rc_kv_append(rc_kv_txn *txn, rc_kv_table t, rc_str key, rc_str value, rc_error *err);

/* RC_NOTFOUND where there is none. */
int rc_kv_del(rc_kv_txn *txn, rc_kv_table t, rc_str key, rc_error *err);

/* The entry with the greatest key; RC_NOTFOUND in an empty table. */
int rc_kv_last(rc_kv_txn *txn, rc_kv_table t, rc_str *key, rc_str *value, rc_error *err);

/* Walks, in bytewise order, the keys that start with prefix and are not less than from (either may
 * be empty). Close it before its transaction ends. */
int rc_kv_iter_open(rc_kv_txn *txn, rc_kv_table t, rc_str prefix, rc_str from, rc_kv_iter **out,
                    rc_error *err);

/* RC_NOTFOUND after the last one. */
int rc_kv_iter_next(rc_kv_iter *it, rc_str *key, rc_str *value, rc_error *err);
rc_kv_iter *rc_kv_iter_close(rc_kv_iter *it);

/* Frees the slots of readers that died. ret_dead may be NULL. */
int rc_kv_reader_check(rc_kv *kv, int *ret_dead, rc_error *err);
int rc_kv_stats(rc_kv *kv, rc_kv_stat *out, rc_error *err);

/* Pages that a compact copy would take, about: those of the free list and of all tables that this
 * process has opened. */
int rc_kv_live_pages(rc_kv *kv, size_t *out, rc_error *err);

/* A compact copy of the last commit into a new file (RC_EXISTS if it is there). */
int rc_kv_copy(rc_kv *kv, const char *file, rc_error *err);

#endif
