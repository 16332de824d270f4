/* Tables, keys, and the fixed record of `meta`. A composite key is made of parts, each with its
 * length in front, so that no two lists of parts make the same key, whatever a container calls
 * itself. */
#include "index/tables.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/idmap.h"

#define PART_MAX    200 /* bytes; a longer part is hashed */
#define PART_HASHED 0xFFFF
#define PART_ROOM   (2 + PART_MAX)
#define KEY_ROOM    (2 * PART_ROOM + RC_ID_LEN)
_Static_assert(KEY_ROOM <= RC_KV_KEY_MAX, "every key fits");
_Static_assert(2 * PART_ROOM <= RC_PREFIX_MAX, "every prefix fits");

/* Fixed, for the keys are stored. That somebody can aim at them costs a look at the row. */
#define HASH_K0 UINT64_C(0x726f6c6c63616c6c)
#define HASH_K1 UINT64_C(0x6b657973206f6e65)
#define HASH_K2 UINT64_C(0x6b6579732074776f)

#define META_KEY     RC_STR("state")
#define IDENTITY_KEY RC_STR("identity")

enum meta_offset {
    AT_VERSION = 0,
    AT_SIZE = 4,
    AT_EPOCH = 8,
    AT_REV = 16,
    AT_OLDEST = 24,
    AT_LOG_BYTES = 32,
    AT_STALE_SINCE = 40,
    AT_MIRROR = 48,
    AT_SYNCED = 49,
    AT_RESERVED = 50,
    META_SIZE = 64
};

int rc_tables_open(rc_kv *kv, rc_tables *out, rc_error *err)
{
    rc_tables t;
    const struct {
        const char *name;
        rc_kv_table *table;
    } all[] = {
        {"meta", &t.meta},
        {"containers", &t.containers},
        {"names", &t.by[RC_BY_NAME]},
        {"workloads", &t.by[RC_BY_WORKLOAD]},
        {"ports", &t.by[RC_BY_PORT]},
        {"changes", &t.changes},
        {"networks", &t.networks},
    };
    for (size_t i = 0; i < RC_ARRAY_LEN(all); i++) {
        int code = rc_kv_table_open(kv, all[i].name, all[i].table, err);
        if (code) {
            rc_error_wrap(err, "table %s", all[i].name);
            return code;
        }
    }
    *out = t;
    return RC_OK;
}

/* meta */

static void store64(char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof(v));
}

static uint64_t load64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static uint32_t load32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

int rc_meta_put(rc_kv_txn *txn, const rc_tables *t, const rc_meta *meta, rc_error *err)
{
    char r[META_SIZE] = {0};
    const uint32_t head[2] = {htole32(RC_FORMAT_VERSION), htole32(META_SIZE)};
    memcpy(r + AT_VERSION, head, sizeof(head));
    store64(r + AT_EPOCH, meta->epoch);
    store64(r + AT_REV, meta->rev);
    store64(r + AT_OLDEST, meta->oldest_rev);
    store64(r + AT_LOG_BYTES, meta->log_bytes);
    store64(r + AT_STALE_SINCE, (uint64_t)meta->mirror.stale_since_ns);
    r[AT_MIRROR] = (char)meta->mirror.state;
    r[AT_SYNCED] = meta->mirror.synced;
    return rc_kv_put(txn, t->meta, META_KEY, rc_str_n(r, sizeof(r)), err);
}

static const char *what_is_wrong(rc_str r)
{
    if (load32(r.ptr + AT_SIZE) != META_SIZE || r.len != META_SIZE)
        return "size";
    if (load64(r.ptr + AT_EPOCH) == 0)
        return "epoch";
    if (load64(r.ptr + AT_OLDEST) > load64(r.ptr + AT_REV))
        return "oldest revision";
    if ((uint8_t)r.ptr[AT_MIRROR] >= RC_MIRROR_STATE_COUNT)
        return "mirror's state";
    if ((uint8_t)r.ptr[AT_SYNCED] > 1)
        return "synced";
    for (size_t i = AT_RESERVED; i < META_SIZE; i++)
        if (r.ptr[i])
            return "reserved";
    return NULL;
}

int rc_meta_get(rc_kv_txn *txn, const rc_tables *t, rc_meta *out, rc_error *err)
{
    rc_str r;
    int code = rc_kv_get(txn, t->meta, META_KEY, &r, err);
    if (code == RC_NOTFOUND)
        return rc_fail(err, RC_CORRUPT, "index: it has no epoch");
    if (code)
        return code;
    if (r.len < AT_EPOCH)
        return rc_fail(err, RC_CORRUPT, "index: meta is cut off");
    if (load32(r.ptr + AT_VERSION) != RC_FORMAT_VERSION)
        return rc_fail(err, RC_VERSION, "index: format version %u, not %d",
                       load32(r.ptr + AT_VERSION), RC_FORMAT_VERSION);
    const char *wrong = r.len == META_SIZE ? what_is_wrong(r) : "size";
    if (wrong)
        return rc_fail(err, RC_CORRUPT, "index: meta: %s is wrong", wrong);
    out->epoch = load64(r.ptr + AT_EPOCH);
    out->rev = load64(r.ptr + AT_REV);
    out->oldest_rev = load64(r.ptr + AT_OLDEST);
    out->log_bytes = load64(r.ptr + AT_LOG_BYTES);
    out->mirror.stale_since_ns = (int64_t)load64(r.ptr + AT_STALE_SINCE);
    out->mirror.state = (enum rc_mirror_state)(uint8_t)r.ptr[AT_MIRROR];
    out->mirror.synced = r.ptr[AT_SYNCED];
    return RC_OK;
}

int rc_identity_get(rc_kv_txn *txn, const rc_tables *t, rc_str *out, rc_error *err)
{
    return rc_kv_get(txn, t->meta, IDENTITY_KEY, out, err);
}

int rc_identity_put(rc_kv_txn *txn, const rc_tables *t, rc_str identity, rc_error *err)
{
    return rc_kv_put(txn, t->meta, IDENTITY_KEY, identity, err);
}

/* Keys */

rc_str rc_rev_key(uint64_t rev, char out[RC_REV_KEY])
{
    rev = htobe64(rev);
    memcpy(out, &rev, RC_REV_KEY);
    return rc_str_n(out, RC_REV_KEY);
}

bool rc_rev_parse(rc_str key, uint64_t *out)
{
    uint64_t rev;
    if (key.len != RC_REV_KEY)
        return false;
    memcpy(&rev, key.ptr, RC_REV_KEY);
    *out = be64toh(rev);
    return true;
}

static char *put16(char *p, unsigned v)
{
    p[0] = (char)(v >> 8);
    p[1] = (char)(v & 0xFF);
    return p + 2;
}

static char *put_bytes(char *p, rc_str s)
{
    if (s.len)
        memcpy(p, s.ptr, s.len);
    return p + s.len;
}

static char *put_part(char *p, rc_str s)
{
    if (s.len <= PART_MAX)
        return put_bytes(put16(p, (unsigned)s.len), s);
    p = put16(p, PART_HASHED);
    store64(p, rc_siphash(HASH_K0, HASH_K1, s.ptr, s.len));
    store64(p + 8, rc_siphash(HASH_K0, HASH_K2, s.ptr, s.len));
    return p + 16;
}

rc_str rc_prefix_name(rc_str name, char out[RC_PREFIX_MAX])
{
    return rc_str_n(out, (size_t)(put_part(out, name) - out));
}

rc_str rc_prefix_role(rc_str workload, rc_str role, char out[RC_PREFIX_MAX])
{
    return rc_str_n(out, (size_t)(put_part(put_part(out, workload), role) - out));
}

rc_str rc_prefix_port(uint16_t public_port, char out[RC_PREFIX_MAX])
{
    return rc_str_n(out, (size_t)(put16(out, public_port) - out));
}

rc_str rc_key_id(rc_str key)
{
    return key.len < RC_ID_LEN ? RC_STR_EMPTY : rc_str_n(key.ptr + key.len - RC_ID_LEN, RC_ID_LEN);
}

/* Adds prefix + id. */
static void add_key(rc_row_keys *keys, rc_arena *arena, enum rc_secondary table, rc_str prefix,
                    rc_str id)
{
    char *p = rc_arena_alloc(arena, prefix.len + id.len);
    if (!p)
        return;
    put_bytes(put_bytes(p, prefix), id);
    keys->at[keys->n++] = (rc_row_key){table, rc_str_n(p, prefix.len + id.len)};
}

int rc_row_key_cmp(const rc_row_key *a, const rc_row_key *b)
{
    return a->table != b->table ? (a->table < b->table ? -1 : 1) : rc_str_cmp(a->key, b->key);
}

static int cmp_for_sort(const void *a, const void *b)
{
    return rc_row_key_cmp(a, b);
}

static void drop_equals(rc_row_keys *keys)
{
    size_t n = 0;
    for (size_t i = 0; i < keys->n; i++)
        if (n == 0 || rc_row_key_cmp(&keys->at[n - 1], &keys->at[i]) != 0)
            keys->at[n++] = keys->at[i];
    keys->n = n;
}

bool rc_row_keys_of(const rc_row *row, rc_arena *arena, rc_row_keys *out)
{
    char room[RC_PREFIX_MAX];
    rc_row_keys keys = {rc_arena_calloc(arena, (size_t)row->n_ports + 2, sizeof(*keys.at)), 0};
    if (!keys.at)
        return false;
    bool there = row->state != RC_STATE_MISSING;
    if (there && row->name.len)
        add_key(&keys, arena, RC_BY_NAME, rc_prefix_name(row->name, room), row->id);
    if (row->workload_id.len)
        add_key(&keys, arena, RC_BY_WORKLOAD,
                rc_prefix_role(row->workload_id, row->workload_role, room), row->id);
    for (uint32_t i = 0; there && i < row->n_ports; i++) {
        uint16_t port = row->ports[i].public_port;
        if (port)
            add_key(&keys, arena, RC_BY_PORT, rc_prefix_port(port, room), row->id);
    }
    if (rc_arena_failed(arena))
        return false;
    qsort(keys.at, keys.n, sizeof(*keys.at), cmp_for_sort);
    drop_equals(&keys);
    *out = keys;
    return true;
}
