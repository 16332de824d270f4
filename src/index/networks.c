/* Networks in the batch. A round lists all that the engine has; what it did not name is swept. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "index/index.h"
#include "index/network_record.h"
#include "index/writer.h"

#define NETWORKS_MAX 16384

/* Ids are of any length, the map's keys are not. */
static rc_id key_of(rc_str id)
{
    rc_id key;
    for (uint64_t i = 0; i < sizeof(key.b) / 8; i++) {
        uint64_t h = rc_siphash(i, ~i, id.ptr, id.len);
        memcpy(key.b + 8 * i, &h, sizeof(h));
    }
    return key;
}

/* What is known of a network, made if absent. */
static int pending_of(rc_index *ix, rc_str id, rc_pending_net **out, rc_error *err)
{
    rc_id key = key_of(id);
    bool added = false;
    rc_pending_net *p = rc_idmap_get(ix->nets, &key);
    if (!p && rc_idmap_count(ix->nets) >= NETWORKS_MAX)
        return rc_fail(err, RC_FULL, "index: more than %d networks", NETWORKS_MAX);
    if (!p)
        p = rc_idmap_add(ix->nets, &key, &added);
    if (!p)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    if (added) {
        memcpy(p->id, id.ptr, id.len);
        p->id_len = id.len;
    } else if (!rc_str_eq(rc_str_n(p->id, p->id_len), id)) {
        return rc_fail(err, RC_INTERNAL, "index: two networks with one hash");
    }
    *out = p;
    return RC_OK;
}

static void drop_record(rc_index *ix, rc_pending_net *p)
{
    ix->net_bytes -= p->len;
    free(p->record);
    p->record = NULL;
    p->len = 0;
}

static void mark_dirty(rc_index *ix, rc_pending_net *p, bool dirty)
{
    ix->dirty_nets += (size_t)dirty - (size_t)p->dirty;
    p->dirty = dirty;
}

/* As it stands in the last commit. */
static int stored(rc_index *ix, rc_str id, rc_str *out, rc_error *err)
{
    rc_kv_txn *txn;
    int code = rc_writer_reading(ix, &txn, err);
    return code ? code : rc_kv_get(txn, ix->env.tables.networks, id, out, err);
}

/* Whatever an older round saw is of no use any more. */
void rc_index_begin_networks(rc_index *ix)
{
    ix->net_round++;
    for (size_t i = rc_idmap_count(ix->nets); i-- > 0;) {
        const rc_pending_net *p = rc_idmap_at(ix->nets, i);
        if (!p->dirty) {
            rc_id key = p->key;
            rc_idmap_remove(ix->nets, &key);
        }
    }
}

int rc_index_put_network(rc_index *ix, const rc_network *net, rc_error *err)
{
    rc_str old;
    rc_pending_net *p = NULL;
    rc_buf_clear(&ix->scratch);
    int code = rc_network_encode(net, &ix->scratch, err);
    if (code)
        return code;
    code = stored(ix, net->id, &old, err);
    if (code && code != RC_NOTFOUND)
        return code;
    rc_str record = rc_buf_view(&ix->scratch);
    bool differs = code == RC_NOTFOUND || !rc_str_eq(old, record);
    if (ix->net_bytes + record.len > RC_INDEX_BATCH_MAX)
        return rc_fail(err, RC_FULL, "index: the batch is larger than %u bytes",
                       RC_INDEX_BATCH_MAX);
    code = pending_of(ix, net->id, &p, err);
    if (code)
        return code;
    char *copy = differs ? malloc(record.len + 1) : NULL;
    if (differs && !copy)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    drop_record(ix, p);
    if (differs) {
        memcpy(copy, record.ptr, record.len);
        p->record = copy;
        p->len = record.len;
        ix->net_bytes += record.len;
    }
    mark_dirty(ix, p, differs);
    p->round = ix->net_round;
    return RC_OK;
}

/* What was put in this batch, but before this round. */
static void sweep_pending(rc_index *ix)
{
    for (size_t i = 0; i < rc_idmap_count(ix->nets); i++) {
        rc_pending_net *p = rc_idmap_at(ix->nets, i);
        if (p->round != ix->net_round && p->record) {
            drop_record(ix, p);
            mark_dirty(ix, p, false);
        }
    }
}

int rc_index_sweep_networks(rc_index *ix, rc_error *err)
{
    rc_kv_txn *txn;
    rc_kv_iter *it = NULL;
    rc_str key, value;
    rc_pending_net *p = NULL;
    sweep_pending(ix);
    int code = rc_writer_reading(ix, &txn, err);
    if (!code)
        code = rc_kv_iter_open(txn, ix->env.tables.networks, RC_STR_EMPTY, RC_STR_EMPTY, &it, err);
    while (!code && !(code = rc_kv_iter_next(it, &key, &value, err))) {
        code = pending_of(ix, key, &p, err);
        if (!code && p && p->round != ix->net_round)
            mark_dirty(ix, p, true);
    }
    rc_kv_iter_close(it);
    return code == RC_NOTFOUND ? RC_OK : code;
}

int rc_networks_write(rc_index *ix, rc_kv_txn *txn, rc_error *err)
{
    int code = RC_OK;
    for (size_t i = 0; !code && ix->dirty_nets && i < rc_idmap_count(ix->nets); i++) {
        const rc_pending_net *p = rc_idmap_at(ix->nets, i);
        rc_str id = rc_str_n(p->id, p->id_len);
        if (!p->dirty)
            continue;
        if (p->record) {
            code = rc_kv_put(txn, ix->env.tables.networks, id, rc_str_n(p->record, p->len), err);
        } else {
            code = rc_kv_del(txn, ix->env.tables.networks, id, err);
            code = code == RC_NOTFOUND ? RC_OK : code;
        }
    }
    return code;
}

/* Which were seen stays known for as long as their round runs over several commits. */
void rc_networks_clear(rc_index *ix)
{
    for (size_t i = 0; ix->dirty_nets && i < rc_idmap_count(ix->nets); i++) {
        rc_pending_net *p = rc_idmap_at(ix->nets, i);
        drop_record(ix, p);
        mark_dirty(ix, p, false);
    }
}

void rc_networks_free(rc_index *ix)
{
    for (size_t i = 0; ix->nets && i < rc_idmap_count(ix->nets); i++)
        drop_record(ix, rc_idmap_at(ix->nets, i));
    rc_idmap_free(ix->nets);
}
