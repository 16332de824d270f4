/* The batch: rows put and deleted since the last commit, and their commit. The entry of the change
 * log is built while they come and holds their records; a map from ids to places in it answers what
 * a row is as of the batch. Nothing of it is given up before the transaction has committed. */
#include <stdlib.h>
#include <string.h>

#include "index/change.h"
#include "index/index.h"
#include "index/record.h"
#include "index/writer.h"

#define KEEP_ROOM     ((size_t)1 << 20) /* of an entry's memory, between batches */
#define TRIM_STEPS    64                /* entries that one commit takes off the log, at most */
#define FULL_ATTEMPTS 4

int rc_batch_init(rc_index *ix, rc_error *err)
{
    ix->rows = rc_idmap_new(sizeof(rc_pending_row));
    ix->nets = rc_idmap_new(sizeof(rc_pending_net));
    ix->arena = rc_arena_new(0, 0);
    ix->keys = rc_arena_new(0, 0);
    if (!ix->rows || !ix->nets || !ix->arena || !ix->keys)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    return RC_OK;
}

void rc_batch_clear(rc_index *ix)
{
    if (ix->entry.cap > KEEP_ROOM)
        rc_buf_release(&ix->entry);
    rc_buf_clear(&ix->entry);
    rc_idmap_clear(ix->rows);
    ix->steps = 0;
}

void rc_batch_free(rc_index *ix)
{
    rc_networks_free(ix);
    rc_buf_release(&ix->entry);
    rc_buf_release(&ix->scratch);
    rc_idmap_free(ix->rows);
    rc_arena_free(ix->arena);
    rc_arena_free(ix->keys);
}

/* Looking up */

/* A record of the last commit, not validated. */
static int stored_record(rc_index *ix, const rc_id *id, rc_str *out, rc_error *err)
{
    char hex[RC_ID_LEN + 1];
    rc_kv_txn *txn;
    int code = rc_writer_reading(ix, &txn, err);
    if (code)
        return code;
    rc_id_format(id, hex);
    return rc_kv_get(txn, ix->env.tables.containers, rc_str_n(hex, RC_ID_LEN), out, err);
}

static int current_record(rc_index *ix, const rc_id *id, rc_str *out, rc_error *err)
{
    const rc_pending_row *p = rc_idmap_get(ix->rows, id);
    if (!p)
        return stored_record(ix, id, out, err);
    if (p->deleted)
        return RC_NOTFOUND;
    *out = rc_str_n(ix->entry.data + p->at, p->len);
    return RC_OK;
}

static int valid_record(rc_index *ix, const rc_id *id, rc_str *out, rc_error *err)
{
    int code = current_record(ix, id, out, err);
    return code ? code : rc_record_validate(*out, err);
}

int rc_index_get(rc_index *ix, const rc_id *id, rc_row *out, rc_error *err)
{
    rc_str record;
    int code = current_record(ix, id, &record, err);
    if (code)
        return code;
    rc_arena_reset(ix->arena);
    return rc_record_decode(record, ix->arena, out, err);
}

/* Gathering */

/* Makes sure that the step and its map entry will fit, so that nothing can fail half-way. */
static int append_step(rc_index *ix, const rc_id *id, const rc_change *step, rc_error *err)
{
    uint64_t size = ix->entry.len + rc_change_size(step);
    if (size + RC_CHANGE_HEADER > RC_INDEX_BATCH_MAX)
        return rc_fail(err, RC_FULL, "index: the batch is larger than %u bytes",
                       RC_INDEX_BATCH_MAX);
    bool added = false;
    rc_pending_row *p = rc_idmap_add(ix->rows, id, &added);
    if (!p)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    if (ix->entry.len == 0)
        rc_change_begin(&ix->entry);
    size_t at = rc_change_append(&ix->entry, step);
    if (rc_buf_failed(&ix->entry)) {
        ix->entry.failed = false; /* what was there before still is */
        if (added)
            rc_idmap_remove(ix->rows, id);
        return rc_fail(err, RC_NOMEM, "index: no memory for a batch of %llu bytes",
                       (unsigned long long)size);
    }
    p->deleted = step->op == RC_CHANGE_DEL;
    p->at = at;
    p->len = step->body.len;
    ix->steps++;
    return RC_OK;
}

int rc_index_put(rc_index *ix, const rc_row *row, enum rc_change_cause cause, rc_str action,
                 bool *ret_changed, rc_error *err)
{
    rc_id id;
    rc_str old = RC_STR_EMPTY;
    if (!rc_id_parse(row->id, &id))
        return rc_fail(err, RC_INVALID, "index: a row whose id is not 64 hex digits");
    rc_row next = *row;
    next.rev = ix->env.meta.rev + 1;
    rc_buf_clear(&ix->scratch);
    int code = rc_record_encode(&next, &ix->scratch, err);
    if (code)
        return code;
    rc_str record = rc_buf_view(&ix->scratch);
    code = valid_record(ix, &id, &old, err);
    if (code && code != RC_NOTFOUND)
        return code;
    bool changed = code == RC_NOTFOUND || !rc_record_same(old, record);
    if (changed) {
        enum rc_state prev = code == RC_NOTFOUND ? RC_STATE_UNKNOWN : rc_record_state(old);
        code = append_step(ix, &id, &(rc_change){RC_CHANGE_PUT, cause, prev, action, record}, err);
        if (code)
            return code;
    }
    if (ret_changed)
        *ret_changed = changed;
    return RC_OK;
}

int rc_index_del(rc_index *ix, const rc_id *id, enum rc_change_cause cause, rc_error *err)
{
    char hex[RC_ID_LEN + 1];
    rc_str old;
    int code = valid_record(ix, id, &old, err);
    if (code)
        return code;
    rc_id_format(id, hex);
    const rc_change step = {RC_CHANGE_DEL, cause, rc_record_state(old), RC_STR_EMPTY,
                            rc_str_n(hex, RC_ID_LEN)};
    return append_step(ix, id, &step, err);
}

static bool mirror_differs(const rc_index *ix)
{
    const rc_mirror_status *a = &ix->mirror, *b = &ix->env.meta.mirror;
    return a->state != b->state || a->synced != b->synced || a->stale_since_ns != b->stale_since_ns;
}

void rc_index_set_mirror(rc_index *ix, const rc_mirror_status *status)
{
    ix->mirror = *status;
}

bool rc_index_dirty(const rc_index *ix)
{
    return ix->steps || ix->dirty_nets || mirror_differs(ix);
}

/* Writing */

/* Two sorted sets: what only the old has is deleted, what only the new has is added. */
static int write_keys(rc_index *ix, rc_kv_txn *txn, const rc_row_keys *old, const rc_row_keys *new,
                      rc_error *err)
{
    int code = RC_OK;
    size_t o = 0, n = 0;
    while (!code && (o < old->n || n < new->n)) {
        int cmp = o == old->n ? 1 : n == new->n ? -1 : rc_row_key_cmp(&old->at[o], &new->at[n]);
        if (cmp < 0) {
            const rc_row_key *k = &old->at[o++];
            code = rc_kv_del(txn, ix->env.tables.by[k->table], k->key, err);
            if (code == RC_NOTFOUND)
                code = rc_fail(err, RC_CORRUPT, "index: a secondary key is not there");
        } else if (cmp > 0) {
            const rc_row_key *k = &new->at[n++];
            code = rc_kv_put(txn, ix->env.tables.by[k->table], k->key, RC_STR_EMPTY, err);
        } else {
            o++;
            n++;
        }
    }
    return code;
}

/* The keys of a record, copied; none where there is no record. */
static int keys_of(rc_index *ix, rc_str record, rc_row_keys *out, rc_error *err)
{
    rc_row row;
    *out = (rc_row_keys){NULL, 0};
    if (record.len == 0)
        return RC_OK;
    rc_arena_reset(ix->arena);
    int code = rc_record_decode(record, ix->arena, &row, err);
    if (!code && !rc_row_keys_of(&row, ix->keys, out))
        code = rc_fail(err, RC_NOMEM, "index: no memory");
    return code;
}

static int write_row(rc_index *ix, rc_kv_txn *txn, const rc_pending_row *p, uint64_t *containers,
                     rc_error *err)
{
    char hex[RC_ID_LEN + 1];
    rc_row_keys old_keys, new_keys;
    rc_str old = RC_STR_EMPTY, new = RC_STR_EMPTY;
    rc_id_format(&p->id, hex);
    rc_str key = rc_str_n(hex, RC_ID_LEN);
    int code = rc_kv_get(txn, ix->env.tables.containers, key, &old, err);
    if (code && code != RC_NOTFOUND)
        return code;
    if (!p->deleted)
        new = rc_str_n(ix->entry.data + p->at, p->len);
    rc_arena_reset(ix->keys);
    code = keys_of(ix, old, &old_keys, err);
    if (!code)
        code = keys_of(ix, new, &new_keys, err);
    if (code)
        return code;
    if (old.len)
        containers[rc_record_state(old)]--;
    if (new.len)
        containers[rc_record_state(new)]++;
    bool was = old.len != 0; /* the view ends with the first change */
    code = write_keys(ix, txn, &old_keys, &new_keys, err);
    if (code)
        return code;
    if (new.len)
        return rc_kv_put(txn, ix->env.tables.containers, key, new, err);
    return was ? rc_kv_del(txn, ix->env.tables.containers, key, err) : RC_OK;
}

/* Takes the oldest entry off. */
int rc_batch_trim_one(rc_index *ix, rc_kv_txn *txn, rc_meta *meta, rc_error *err)
{
    char room[RC_REV_KEY];
    rc_str entry, key = rc_rev_key(meta->oldest_rev, room);
    int code = rc_kv_get(txn, ix->env.tables.changes, key, &entry, err);
    if (code == RC_NOTFOUND || (!code && entry.len > meta->log_bytes))
        return rc_fail(err, RC_CORRUPT, "index: the change log has a gap");
    if (code)
        return code;
    meta->log_bytes -= entry.len;
    meta->oldest_rev++;
    return rc_kv_del(txn, ix->env.tables.changes, key, err);
}

/* The newest entry stays, however large it is. */
static int trim_log(rc_index *ix, rc_kv_txn *txn, rc_meta *meta, rc_error *err)
{
    int code = RC_OK;
    for (int i = 0; !code && i < TRIM_STEPS && meta->oldest_rev < meta->rev; i++) {
        if (meta->rev - meta->oldest_rev < ix->history && meta->log_bytes <= ix->history_bytes)
            break;
        code = rc_batch_trim_one(ix, txn, meta, err);
    }
    return code;
}

static int write_log(rc_index *ix, rc_kv_txn *txn, rc_meta *meta, rc_error *err)
{
    char room[RC_REV_KEY];
    int code = rc_kv_append(txn, ix->env.tables.changes, rc_rev_key(meta->rev, room),
                            rc_buf_view(&ix->entry), err);
    if (code == RC_EXISTS)
        return rc_fail(err, RC_CORRUPT, "index: the change log is ahead of its revision");
    if (code)
        return code;
    meta->log_bytes += ix->entry.len;
    if (!meta->oldest_rev)
        meta->oldest_rev = meta->rev;
    return trim_log(ix, txn, meta, err);
}

static int write_all(rc_index *ix, rc_kv_txn *txn, rc_meta *meta, uint64_t *containers,
                     rc_error *err)
{
    int code = RC_OK;
    for (size_t i = 0; !code && i < rc_idmap_count(ix->rows); i++)
        code = write_row(ix, txn, rc_idmap_at(ix->rows, i), containers, err);
    if (!code)
        code = rc_networks_write(ix, txn, err);
    if (!code)
        code = write_log(ix, txn, meta, err);
    return code ? code : rc_meta_put(txn, &ix->env.tables, meta, err);
}

/* One transaction; what the writer knows changes only with it. */
static int try_commit(rc_index *ix, rc_error *err)
{
    rc_kv_txn *txn = NULL;
    rc_meta meta = ix->env.meta;
    uint64_t containers[RC_STATE_COUNT];
    memcpy(containers, ix->env.containers, sizeof(containers));
    meta.rev++;
    meta.mirror = ix->mirror;
    int code = rc_kv_begin(ix->env.kv, true, &txn, err);
    if (code)
        return code;
    code = write_all(ix, txn, &meta, containers, err);
    if (code) {
        rc_kv_abort(txn);
        return code;
    }
    code = rc_kv_commit(txn, err);
    if (code)
        return code;
    ix->env.meta = meta;
    memcpy(ix->env.containers, containers, sizeof(containers));
    return RC_OK;
}

/* Of a full map or disk: a compact copy gives back what stuck readers hold, and the log's older
 * half is worth less than the rows. */
static int commit_or_make_room(rc_index *ix, rc_error *err)
{
    int code = try_commit(ix, err);
    if (code == RC_FULL && ix->may_compact) {
        ix->may_compact = false;
        if (rc_writer_compact(ix, 1, NULL) == RC_OK)
            code = try_commit(ix, err);
    }
    for (int i = 0; code == RC_FULL && i < FULL_ATTEMPTS; i++) {
        if (rc_writer_shed_history(ix, NULL) != RC_OK)
            break;
        code = try_commit(ix, err);
    }
    return code;
}

static void show(rc_live_info *info, void *arg)
{
    const rc_index *ix = arg;
    info->epoch = ix->env.meta.epoch;
    info->mirror = ix->env.meta.mirror;
    info->oldest_rev = ix->env.meta.oldest_rev;
    for (size_t i = 0; i < RC_STATE_COUNT; i++)
        info->containers[i] = ix->env.containers[i];
}

void rc_batch_publish(rc_index *ix, uint64_t rev)
{
    rc_live_update(ix->live, show, ix);
    rc_live_committed(ix->live, rev);
}

int rc_index_commit(rc_index *ix, int64_t now_ns, rc_error *err)
{
    rc_stats *stats = rc_live_stats(ix->live);
    if (!rc_index_dirty(ix))
        return RC_OK;
    if (ix->entry.len == 0)
        rc_change_begin(&ix->entry);
    rc_change_end(&ix->entry, now_ns);
    if (rc_buf_failed(&ix->entry)) { /* not even the header of an empty entry */
        rc_buf_clear(&ix->entry);
        return rc_fail(err, RC_NOMEM, "index: no memory");
    }
    rc_writer_park(ix);
    int code = commit_or_make_room(ix, err);
    if (code) {
        rc_stat_add(stats, RC_STAT_COMMIT_FAILURES, 1);
        return code;
    }
    rc_stat_add(stats, RC_STAT_COMMITS, 1);
    rc_stat_add(stats, RC_STAT_STEPS, ix->steps);
    rc_batch_clear(ix);
    rc_networks_clear(ix);
    rc_batch_publish(ix, ix->env.meta.rev);
    return RC_OK;
}
