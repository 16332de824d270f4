/* The row record: encoding, validation of hostile bytes, decoding. All three walk the same tables,
 * which say where a row's strings and arrays lie; what docs/index-format.md promises about offsets
 * follows from the order in which the tables are walked. */
#include "index/record.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/idmap.h"
#include "index/bytes.h"

enum header_offset {
    AT_VERSION = 0,
    AT_HEADER_SIZE = 2,
    AT_TOTAL_SIZE = 4,
    AT_REV = 8,
    AT_TIMES = 16,
    AT_EXIT_CODE = 48,
    AT_RESTART_COUNT = 52,
    AT_PID = 56,
    AT_ENUMS = 60,
    AT_FLAGS = 64,
    AT_ARRAYS = 68,
    AT_STRINGS = 100,
    AT_RESERVED = 196,
};

enum flag { FLAG_EXIT_CODE = 1, FLAG_OOM = 2, FLAG_MANAGED = 4, FLAG_PARTIAL = 8, FLAGS_ALL = 15 };

#define REF_SIZE      (size_t)8 /* a string's offset and length */
#define ENTRY_STRINGS 5         /* at most, of an array's entry */
#define FIELD(type, member)             \
    {                                   \
#member, offsetof(type, member) \
    }

struct field {
    const char *name;
    size_t at; /* in the C struct */
};

static const struct field row_strings[] = {
    FIELD(rc_row, id),
    FIELD(rc_row, name),
    FIELD(rc_row, image),
    FIELD(rc_row, image_id),
    FIELD(rc_row, command),
    FIELD(rc_row, engine_state),
    FIELD(rc_row, network_mode),
    FIELD(rc_row, restart_policy),
    FIELD(rc_row, workload_id),
    FIELD(rc_row, workload_kind),
    FIELD(rc_row, workload_role),
    FIELD(rc_row, reservation),
};

static const struct field row_times[] = {
    FIELD(rc_row, created_ns),
    FIELD(rc_row, started_ns),
    FIELD(rc_row, finished_ns),
    FIELD(rc_row, missing_since_ns),
};

static const struct {
    const char *name;
    uint8_t count;
} row_enums[] = {
    {"state", RC_STATE_COUNT},
    {"health", RC_HEALTH_UNHEALTHY + 1},
    {"missing_cause", RC_MISSING_VANISHED + 1},
    {"scheme", RC_SCHEME_STACK + 1},
};

enum array_kind { LABELS, PORTS, NETWORKS, MOUNTS, ARRAY_KINDS };

struct array {
    const char *name;
    size_t entry_size; /* in the record: string references, then numbers */
    size_t c_size;
    size_t n_strings;
    struct field strings[ENTRY_STRINGS];
};

static const struct array arrays[ARRAY_KINDS] = {
    [LABELS] = {"labels", 16, sizeof(rc_label), 2, {FIELD(rc_label, key), FIELD(rc_label, value)}},
    [PORTS] = {"ports", 20, sizeof(rc_port), 2, {FIELD(rc_port, ip), FIELD(rc_port, protocol)}},
    [NETWORKS] = {"networks",
                  40,
                  sizeof(rc_netif),
                  5,
                  {FIELD(rc_netif, network), FIELD(rc_netif, id), FIELD(rc_netif, ip),
                   FIELD(rc_netif, ip6), FIELD(rc_netif, mac)}},
    [MOUNTS] = {"mounts",
                36,
                sizeof(rc_mount),
                4,
                {FIELD(rc_mount, type), FIELD(rc_mount, name), FIELD(rc_mount, source),
                 FIELD(rc_mount, destination)}},
};

_Static_assert(AT_STRINGS + RC_ARRAY_LEN(row_strings) * REF_SIZE == AT_RESERVED, "strings fit");
_Static_assert(AT_ARRAYS + ARRAY_KINDS * REF_SIZE == AT_STRINGS, "arrays fit");
_Static_assert(AT_RESERVED + 4 == RC_RECORD_HEADER, "the header's size");

static rc_str str_at(const void *base, size_t at)
{
    rc_str s;
    memcpy(&s, (const char *)base + at, sizeof(s));
    return s;
}

struct view {
    const void *entries;
    uint32_t n;
};

static struct view array_view(const rc_row *row, int kind)
{
    switch (kind) {
    case LABELS:
        return (struct view){row->labels, row->n_labels};
    case PORTS:
        return (struct view){row->ports, row->n_ports};
    case NETWORKS:
        return (struct view){row->networks, row->n_networks};
    default:
        return (struct view){row->mounts, row->n_mounts};
    }
}

static bool id_valid(rc_str id)
{
    if (id.len != 0 && id.len != RC_ID_LEN)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

/* Encoding */

/* Adds to a size that is at most RC_RECORD_MAX, or sticks just above it; no sum can overflow. */
static void size_add(size_t *size, size_t n)
{
    *size = n > RC_RECORD_MAX - (*size > RC_RECORD_MAX ? RC_RECORD_MAX : *size)
                ? (size_t)RC_RECORD_MAX + 1
                : *size + n;
}

static size_t record_size(const rc_row *row)
{
    size_t size = RC_RECORD_HEADER;
    for (size_t i = 0; i < RC_ARRAY_LEN(row_strings); i++) {
        size_add(&size, str_at(row, row_strings[i].at).len);
        size_add(&size, 1);
    }
    for (int k = 0; k < ARRAY_KINDS; k++) {
        const struct array *a = &arrays[k];
        struct view v = array_view(row, k);
        for (uint32_t i = 0; i < v.n && size <= RC_RECORD_MAX; i++) {
            size_add(&size, a->entry_size);
            for (size_t s = 0; s < a->n_strings; s++) {
                rc_str str = str_at((const char *)v.entries + i * a->c_size, a->strings[s].at);
                size_add(&size, str.len);
                size_add(&size, 1);
            }
        }
    }
    if (size > RC_RECORD_MAX)
        return size;
    return (size + 7) & ~(size_t)7;
}

/* Writes the string at *end and its reference at ref. */
static void put_str(char *rec, size_t ref, size_t *end, rc_str s)
{
    store32(rec + ref, (uint32_t)*end);
    store32(rec + ref + 4, (uint32_t)s.len);
    if (s.len)
        memcpy(rec + *end, s.ptr, s.len);
    *end += s.len + 1; /* the record was zeroed: the terminator is there */
}

static void put_header(char *rec, const rc_row *row, size_t size)
{
    const uint8_t enums[] = {(uint8_t)row->state, (uint8_t)row->health, (uint8_t)row->missing_cause,
                             (uint8_t)row->scheme};
    uint32_t flags = (row->has_exit_code ? FLAG_EXIT_CODE : 0U) |
                     (row->oom_killed ? FLAG_OOM : 0U) | (row->managed ? FLAG_MANAGED : 0U) |
                     (row->partial ? FLAG_PARTIAL : 0U);

    store16(rec + AT_VERSION, RC_RECORD_VERSION);
    store16(rec + AT_HEADER_SIZE, RC_RECORD_HEADER);
    store32(rec + AT_TOTAL_SIZE, (uint32_t)size);
    store64(rec + AT_REV, row->rev);
    for (size_t i = 0; i < RC_ARRAY_LEN(row_times); i++) {
        int64_t t;
        memcpy(&t, (const char *)row + row_times[i].at, sizeof(t));
        store64(rec + AT_TIMES + 8 * i, (uint64_t)t);
    }
    store32(rec + AT_EXIT_CODE, row->has_exit_code ? (uint32_t)row->exit_code : 0);
    store32(rec + AT_RESTART_COUNT, row->restart_count);
    store32(rec + AT_PID, row->pid);
    memcpy(rec + AT_ENUMS, enums, sizeof(enums));
    store32(rec + AT_FLAGS, flags);
}

/* The numbers that follow an entry's strings. */
static void put_entry_numbers(char *p, int kind, const void *entry)
{
    if (kind == PORTS) {
        const rc_port *port = entry;
        store16(p, port->private_port);
        store16(p + 2, port->public_port);
    } else if (kind == MOUNTS) {
        store32(p, ((const rc_mount *)entry)->read_only ? 1 : 0);
    }
}

static void put_arrays(char *rec, const rc_row *row, size_t at, size_t *end)
{
    for (int k = 0; k < ARRAY_KINDS; k++) {
        const struct array *a = &arrays[k];
        struct view v = array_view(row, k);
        store32(rec + AT_ARRAYS + REF_SIZE * k, v.n);
        store32(rec + AT_ARRAYS + REF_SIZE * k + 4, (uint32_t)at);
        for (uint32_t i = 0; i < v.n; i++, at += a->entry_size) {
            const char *entry = (const char *)v.entries + i * a->c_size;
            for (size_t s = 0; s < a->n_strings; s++)
                put_str(rec, at + REF_SIZE * s, end, str_at(entry, a->strings[s].at));
            put_entry_numbers(rec + at + REF_SIZE * a->n_strings, k, entry);
        }
    }
}

static int check_row(const rc_row *row, rc_error *err)
{
    const unsigned enums[] = {row->state, row->health, row->missing_cause, row->scheme};
    for (size_t i = 0; i < RC_ARRAY_LEN(row_enums); i++)
        if (enums[i] >= row_enums[i].count)
            return rc_fail(err, RC_INVALID, "row cannot be stored: %s is %u", row_enums[i].name,
                           enums[i]);
    if (!id_valid(row->id))
        return rc_fail(err, RC_INVALID, "row cannot be stored: id is not 64 hex digits");
    return RC_OK;
}

int rc_record_encode(const rc_row *row, rc_buf *out, rc_error *err)
{
    int code = check_row(row, err);
    if (code)
        return code;
    size_t size = record_size(row);
    if (size > RC_RECORD_MAX)
        return rc_fail(err, RC_FULL, "row is larger than %u bytes", RC_RECORD_MAX);
    if (out->failed)
        return rc_fail(err, RC_NOMEM, "no room for a record: its buffer failed before");
    if (out->max && (out->len > out->max || size > out->max - out->len))
        return rc_fail(err, RC_FULL, "no room for a record of %zu bytes in its buffer", size);
    char *rec = rc_buf_extend(out, size);
    if (!rec)
        return rc_fail(err, RC_NOMEM, "no memory for a record of %zu bytes", size);

    memset(rec, 0, size);
    put_header(rec, row, size);
    size_t end = RC_RECORD_HEADER;
    for (int k = 0; k < ARRAY_KINDS; k++)
        end += array_view(row, k).n * arrays[k].entry_size;
    for (size_t i = 0; i < RC_ARRAY_LEN(row_strings); i++)
        put_str(rec, AT_STRINGS + REF_SIZE * i, &end, str_at(row, row_strings[i].at));
    put_arrays(rec, row, RC_RECORD_HEADER, &end);
    return RC_OK;
}

/* Validation: there is one place for everything, so a check is a comparison with that place. */

static int corrupt(rc_error *err, const char *what, const char *why)
{
    return rc_fail(err, RC_CORRUPT, "record: %s %s", what, why);
}

static int check_header(rc_str r, rc_error *err)
{
    if (r.len < RC_RECORD_HEADER)
        return corrupt(err, "header", "is cut off");
    unsigned version = load16(r.ptr + AT_VERSION);
    if (version != RC_RECORD_VERSION)
        return rc_fail(err, RC_VERSION, "record: format version %u, not %d", version,
                       RC_RECORD_VERSION);
    if (load16(r.ptr + AT_HEADER_SIZE) != RC_RECORD_HEADER)
        return corrupt(err, "header_size", "is wrong");
    if (r.len > RC_RECORD_MAX || r.len % 8 || load32(r.ptr + AT_TOTAL_SIZE) != r.len)
        return corrupt(err, "total_size", "is not the record's");
    for (size_t i = 0; i < RC_ARRAY_LEN(row_enums); i++)
        if ((uint8_t)r.ptr[AT_ENUMS + i] >= row_enums[i].count)
            return corrupt(err, row_enums[i].name, "is out of range");
    uint32_t flags = load32(r.ptr + AT_FLAGS);
    if (flags & ~(uint32_t)FLAGS_ALL)
        return corrupt(err, "flags", "has unknown bits");
    if (!(flags & FLAG_EXIT_CODE) && load32(r.ptr + AT_EXIT_CODE) != 0)
        return corrupt(err, "exit_code", "is set without its flag");
    if (load32(r.ptr + AT_RESERVED) != 0)
        return corrupt(err, "reserved", "is not zero");
    return RC_OK;
}

/* The string referred to at ref must lie at *end, whole and terminated. */
static int check_str(rc_str r, size_t ref, size_t *end, const char *of, const char *name,
                     rc_error *err)
{
    size_t at = load32(r.ptr + ref);
    size_t len = load32(r.ptr + ref + 4);
    const char *why = NULL;
    if (at != *end)
        why = "offset is wrong";
    else if (at >= r.len || len >= r.len - at)
        why = "reaches beyond the end";
    else if (r.ptr[at + len] != '\0')
        why = "is not terminated";
    if (why)
        return rc_fail(err, RC_CORRUPT, "record: %s%s%s %s", of, *of ? "." : "", name, why);
    *end = at + len + 1;
    return RC_OK;
}

/* The four arrays lie one after the other behind the header; *ret_end is where strings begin. */
static int check_array_bounds(rc_str r, size_t *ret_end, rc_error *err)
{
    size_t at = RC_RECORD_HEADER;
    for (int k = 0; k < ARRAY_KINDS; k++) {
        uint32_t n = load32(r.ptr + AT_ARRAYS + REF_SIZE * k);
        if (load32(r.ptr + AT_ARRAYS + REF_SIZE * k + 4) != at)
            return corrupt(err, arrays[k].name, "offset is wrong");
        if (n > (r.len - at) / arrays[k].entry_size)
            return corrupt(err, arrays[k].name, "count reaches beyond the end");
        at += n * arrays[k].entry_size;
    }
    *ret_end = at;
    return RC_OK;
}

static int check_entries(rc_str r, int kind, size_t *end, rc_error *err)
{
    const struct array *a = &arrays[kind];
    uint32_t n = load32(r.ptr + AT_ARRAYS + REF_SIZE * kind);
    size_t at = load32(r.ptr + AT_ARRAYS + REF_SIZE * kind + 4);
    for (uint32_t i = 0; i < n; i++, at += a->entry_size) {
        for (size_t s = 0; s < a->n_strings; s++) {
            int code = check_str(r, at + REF_SIZE * s, end, a->name, a->strings[s].name, err);
            if (code)
                return code;
        }
        if (kind == MOUNTS && load32(r.ptr + at + REF_SIZE * a->n_strings) > 1)
            return corrupt(err, "mounts.flags", "has unknown bits");
    }
    return RC_OK;
}

int rc_record_validate(rc_str r, rc_error *err)
{
    size_t end = 0;
    int code = check_header(r, err);
    if (!code)
        code = check_array_bounds(r, &end, err);
    for (size_t i = 0; !code && i < RC_ARRAY_LEN(row_strings); i++)
        code = check_str(r, AT_STRINGS + REF_SIZE * i, &end, "", row_strings[i].name, err);
    for (int k = 0; !code && k < ARRAY_KINDS; k++)
        code = check_entries(r, k, &end, err);
    if (code)
        return code;
    rc_str id = rc_str_n(r.ptr + load32(r.ptr + AT_STRINGS), load32(r.ptr + AT_STRINGS + 4));
    if (!id_valid(id))
        return corrupt(err, "id", "is not 64 hex digits");
    if (r.len - end >= 8)
        return corrupt(err, "padding", "is too long");
    for (; end < r.len; end++)
        if (r.ptr[end] != '\0')
            return corrupt(err, "padding", "is not zero");
    return RC_OK;
}

/* Decoding, after validation */

static void get_str(rc_str r, size_t ref, void *base, size_t at)
{
    rc_str s = {r.ptr + load32(r.ptr + ref), load32(r.ptr + ref + 4)};
    memcpy((char *)base + at, &s, sizeof(s));
}

static void get_header(rc_str r, rc_row *row)
{
    const uint8_t *enums = (const uint8_t *)r.ptr + AT_ENUMS;
    uint32_t flags = load32(r.ptr + AT_FLAGS);

    row->rev = load64(r.ptr + AT_REV);
    for (size_t i = 0; i < RC_ARRAY_LEN(row_times); i++) {
        int64_t t = (int64_t)load64(r.ptr + AT_TIMES + 8 * i);
        memcpy((char *)row + row_times[i].at, &t, sizeof(t));
    }
    row->exit_code = (int32_t)load32(r.ptr + AT_EXIT_CODE);
    row->restart_count = load32(r.ptr + AT_RESTART_COUNT);
    row->pid = load32(r.ptr + AT_PID);
    row->state = (enum rc_state)enums[0];
    row->health = (enum rc_health)enums[1];
    row->missing_cause = (enum rc_missing)enums[2];
    row->scheme = (enum rc_scheme)enums[3];
    row->has_exit_code = flags & FLAG_EXIT_CODE;
    row->oom_killed = flags & FLAG_OOM;
    row->managed = flags & FLAG_MANAGED;
    row->partial = flags & FLAG_PARTIAL;
    for (size_t i = 0; i < RC_ARRAY_LEN(row_strings); i++)
        get_str(r, AT_STRINGS + REF_SIZE * i, row, row_strings[i].at);
}

/* NULL where the arena is exhausted, or the array is empty. */
static void *get_array(rc_str r, int kind, rc_arena *arena, uint32_t *ret_n)
{
    const struct array *a = &arrays[kind];
    uint32_t n = load32(r.ptr + AT_ARRAYS + REF_SIZE * kind);
    size_t at = load32(r.ptr + AT_ARRAYS + REF_SIZE * kind + 4);
    *ret_n = n;
    char *entries = n ? rc_arena_calloc(arena, n, a->c_size) : NULL;
    for (uint32_t i = 0; entries && i < n; i++, at += a->entry_size) {
        char *entry = entries + i * a->c_size;
        const char *numbers = r.ptr + at + REF_SIZE * a->n_strings;
        for (size_t s = 0; s < a->n_strings; s++)
            get_str(r, at + REF_SIZE * s, entry, a->strings[s].at);
        if (kind == PORTS) {
            ((rc_port *)(void *)entry)->private_port = load16(numbers);
            ((rc_port *)(void *)entry)->public_port = load16(numbers + 2);
        } else if (kind == MOUNTS) {
            ((rc_mount *)(void *)entry)->read_only = load32(numbers) != 0;
        }
    }
    return entries;
}

int rc_record_decode(rc_str bytes, rc_arena *arena, rc_row *out, rc_error *err)
{
    int code = rc_record_validate(bytes, err);
    if (code)
        return code;
    rc_row row;
    memset(&row, 0, sizeof(row));
    get_header(bytes, &row);
    row.labels = get_array(bytes, LABELS, arena, &row.n_labels);
    row.ports = get_array(bytes, PORTS, arena, &row.n_ports);
    row.networks = get_array(bytes, NETWORKS, arena, &row.n_networks);
    row.mounts = get_array(bytes, MOUNTS, arena, &row.n_mounts);
    if ((row.n_labels && !row.labels) || (row.n_ports && !row.ports) ||
        (row.n_networks && !row.networks) || (row.n_mounts && !row.mounts))
        return rc_fail(err, RC_NOMEM, "no memory for a record's arrays");
    *out = row;
    return RC_OK;
}

bool rc_record_same(rc_str a, rc_str b)
{
    const size_t after = AT_REV + 8;
    return a.len == b.len && a.len >= after && memcmp(a.ptr, b.ptr, AT_REV) == 0 &&
           memcmp(a.ptr + after, b.ptr + after, a.len - after) == 0;
}

enum rc_state rc_record_state(rc_str record)
{
    return (enum rc_state)(uint8_t)record.ptr[AT_ENUMS];
}

uint64_t rc_record_rev(rc_str record)
{
    return load64(record.ptr + AT_REV);
}

void rc_record_set_rev(char *record, uint64_t rev)
{
    store64(record + AT_REV, rev);
}
