/* Look-ups in a snapshot. */
#include "base/idmap.h"
#include "index/record.h"
#include "reader/inside.h"

int rc_snapshot_row(rc_snapshot *s, rc_str record, rc_row *out, rc_error *err)
{
    rc_arena_reset(s->arena);
    return rc_record_decode(record, s->arena, out, err);
}

int rc_snapshot_decode(rc_snapshot *s, rc_str record, rc_row *out, rc_error *err)
{
    return rc_snapshot_row(s, record, out, err);
}

int rc_snapshot_get(rc_snapshot *s, rc_str id, rc_row *out, rc_error *err)
{
    rc_str record;
    if (id.len != RC_ID_LEN)
        return RC_NOTFOUND;
    int code = rc_kv_get(s->txn, s->env->tables.containers, id, &record, err);
    return code ? code : rc_snapshot_row(s, record, out, err);
}

static int find_by_name(rc_snapshot *s, rc_str name, rc_row *out, rc_error *err)
{
    char room[RC_PREFIX_MAX];
    rc_kv_iter *it = NULL;
    rc_str key, value;
    rc_str found = RC_STR_EMPTY;
    rc_row row;
    unsigned n = 0;
    rc_row_init(&row);
    int code = rc_kv_iter_open(s->txn, s->env->tables.by[RC_BY_NAME], rc_prefix_name(name, room),
                               RC_STR_EMPTY, &it, err);
    while (!code && n < 2 && !(code = rc_kv_iter_next(it, &key, &value, err))) {
        code = rc_snapshot_get(s, rc_key_id(key), &row, err);
        if (code == RC_NOTFOUND)
            code = rc_fail(err, RC_CORRUPT, "index: a name leads to no row");
        if (!code && rc_str_eq(row.name, name)) { /* not only of the same hash */
            found = row.id;
            n++;
        }
    }
    rc_kv_iter_close(it);
    if (n == 2)
        return rc_fail(err, RC_AMBIGUOUS, "several containers have this name");
    if (code == RC_NOTFOUND && n == 1) {
        /* decoded again: a row of the same hash may have come after it */
        return rc_snapshot_get(s, found, out, err);
    }
    return code;
}

static bool is_hex(rc_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
            return false;
    return true;
}

static int find_by_prefix(rc_snapshot *s, rc_str prefix, rc_row *out, rc_error *err)
{
    rc_kv_iter *it = NULL;
    rc_str key, record = RC_STR_EMPTY, second;
    if (prefix.len == 0 || prefix.len >= RC_ID_LEN || !is_hex(prefix))
        return RC_NOTFOUND;
    int code = rc_kv_iter_open(s->txn, s->env->tables.containers, prefix, RC_STR_EMPTY, &it, err);
    if (!code)
        code = rc_kv_iter_next(it, &key, &record, err);
    if (!code) {
        int more = rc_kv_iter_next(it, &key, &second, err);
        if (more == RC_OK)
            code = rc_fail(err, RC_AMBIGUOUS, "several containers' ids begin like this");
        else if (more != RC_NOTFOUND)
            code = more;
    }
    rc_kv_iter_close(it);
    return code ? code : rc_snapshot_row(s, record, out, err);
}

int rc_snapshot_find(rc_snapshot *s, rc_str key, rc_row *out, rc_error *err)
{
    int code = rc_snapshot_get(s, key, out, err);
    if (code != RC_NOTFOUND)
        return code;
    rc_str name = key;
    if (name.len && name.ptr[0] == '/')
        name = rc_str_n(name.ptr + 1, name.len - 1);
    code = find_by_name(s, name, out, err);
    return code == RC_NOTFOUND ? find_by_prefix(s, key, out, err) : code;
}
