/* Walking rows and networks. A secondary table only names candidates: each row is asked whether it
 * is one, for long parts of keys are hashed. */
#include <stdlib.h>
#include <string.h>

#include "base/idmap.h"
#include "index/network_record.h"
#include "reader/inside.h"

struct rc_rows {
    rc_snapshot *s;
    rc_kv_iter *it;
    char after[RC_ID_LEN];
    size_t after_len;
    bool by_key; /* the table holds keys, not rows */
    bool (*is_one)(const rc_rows *rows, const rc_row *row);
    rc_str first, second;
    uint16_t port;
};

static int open_rows(rc_snapshot *s, rc_kv_table table, rc_str prefix, rc_str from,
                     const rc_rows *like, rc_rows **out, rc_error *err)
{
    rc_rows *rows = malloc(sizeof(*rows));
    if (!rows)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    *rows = *like;
    rows->s = s;
    int code = rc_kv_iter_open(s->txn, table, prefix, from, &rows->it, err);
    if (code) {
        free(rows);
        return code;
    }
    *out = rows;
    return RC_OK;
}

int rc_rows_open(rc_snapshot *s, rc_str after, rc_rows **out, rc_error *err)
{
    rc_rows like = {.it = NULL};
    if (after.len > sizeof(like.after))
        return rc_fail(err, RC_INVALID, "no id has %zu characters", after.len);
    memcpy(like.after, after.ptr, after.len);
    like.after_len = after.len;
    return open_rows(s, s->env->tables.containers, RC_STR_EMPTY, after, &like, out, err);
}

static bool has_role(const rc_rows *rows, const rc_row *row)
{
    return rc_str_eq(row->workload_id, rows->first) && rc_str_eq(row->workload_role, rows->second);
}

int rc_rows_by_role(rc_snapshot *s, rc_str workload, rc_str role, rc_rows **out, rc_error *err)
{
    char room[RC_PREFIX_MAX];
    const rc_rows like = {.by_key = true, .is_one = has_role, .first = workload, .second = role};
    return open_rows(s, s->env->tables.by[RC_BY_WORKLOAD], rc_prefix_role(workload, role, room),
                     RC_STR_EMPTY, &like, out, err);
}

static bool has_port(const rc_rows *rows, const rc_row *row)
{
    for (uint32_t i = 0; i < row->n_ports; i++)
        if (row->ports[i].public_port == rows->port &&
            (rows->first.len == 0 || rc_str_eq(row->ports[i].protocol, rows->first)))
            return true;
    return false;
}

int rc_rows_by_port(rc_snapshot *s, uint16_t public_port, rc_str protocol, rc_rows **out,
                    rc_error *err)
{
    char room[RC_PREFIX_MAX];
    const rc_rows like = {
        .by_key = true, .is_one = has_port, .first = protocol, .port = public_port};
    if (public_port == 0)
        return rc_fail(err, RC_INVALID, "port 0 cannot be published");
    return open_rows(s, s->env->tables.by[RC_BY_PORT], rc_prefix_port(public_port, room),
                     RC_STR_EMPTY, &like, out, err);
}

static int next_by_key(rc_rows *rows, rc_row *out, rc_error *err)
{
    rc_str key, value;
    rc_row row;
    int code;
    while (!(code = rc_kv_iter_next(rows->it, &key, &value, err))) {
        code = rc_snapshot_get(rows->s, rc_key_id(key), &row, err);
        if (code)
            return code == RC_NOTFOUND ? rc_fail(err, RC_CORRUPT, "index: a key leads to no row")
                                       : code;
        if (rows->is_one(rows, &row)) {
            *out = row;
            return RC_OK;
        }
    }
    return code;
}

int rc_rows_next(rc_rows *rows, rc_row *out, rc_error *err)
{
    rc_str key, record;
    if (rows->by_key)
        return next_by_key(rows, out, err);
    int code = rc_kv_iter_next(rows->it, &key, &record, err);
    if (!code && rc_str_eq(key, rc_str_n(rows->after, rows->after_len)))
        code = rc_kv_iter_next(rows->it, &key, &record, err);
    return code ? code : rc_snapshot_row(rows->s, record, out, err);
}

rc_rows *rc_rows_close(rc_rows *rows)
{
    if (rows)
        rc_kv_iter_close(rows->it);
    free(rows);
    return NULL;
}

/* Networks */

struct rc_nets {
    rc_snapshot *s;
    rc_kv_iter *it;
};

int rc_nets_open(rc_snapshot *s, rc_nets **out, rc_error *err)
{
    rc_nets *nets = calloc(1, sizeof(*nets));
    if (!nets)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    nets->s = s;
    int code = rc_kv_iter_open(s->txn, s->env->tables.networks, RC_STR_EMPTY, RC_STR_EMPTY,
                               &nets->it, err);
    if (code) {
        free(nets);
        return code;
    }
    *out = nets;
    return RC_OK;
}

int rc_nets_next(rc_nets *nets, rc_network *out, rc_error *err)
{
    rc_str key, record;
    int code = rc_kv_iter_next(nets->it, &key, &record, err);
    if (code)
        return code;
    rc_arena_reset(nets->s->arena);
    return rc_network_decode(record, nets->s->arena, out, err);
}

rc_nets *rc_nets_close(rc_nets *nets)
{
    if (nets)
        rc_kv_iter_close(nets->it);
    free(nets);
    return NULL;
}
