/* The map from container IDs: a dense array of entries, and over it a table of u32 slots (index +
 * 1, 0 is free) probed linearly. Removal shifts the cluster back, so that no tombstones gather
 * however long the daemon runs. Large arrays grow by mremap inside realloc, and their untouched end
 * costs no memory. */
#include "base/idmap.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_SLOTS = 16, FIRST_ENTRIES = 8 };

struct rc_idmap {
    size_t entry_size;
    unsigned char *entries;
    size_t count;
    size_t cap;
    uint32_t *slots;
    size_t mask; /* number of slots - 1; the number is a power of two */
};

static inline int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool rc_id_parse(rc_str hex, rc_id *out)
{
    if (hex.len != RC_ID_LEN)
        return false;
    rc_id id;
    for (size_t i = 0; i < sizeof(id.b); i++) {
        int hi = hex_digit((unsigned char)hex.ptr[2 * i]);
        int lo = hex_digit((unsigned char)hex.ptr[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        id.b[i] = (uint8_t)(hi * 16 + lo);
    }
    *out = id;
    return true;
}

void rc_id_format(const rc_id *id, char out[RC_ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(id->b); i++) {
        out[2 * i] = digits[id->b[i] >> 4];
        out[2 * i + 1] = digits[id->b[i] & 15];
    }
    out[RC_ID_LEN] = '\0';
}

/* The engine draws IDs at random, so nobody can aim at this; but all bytes count, for those of
 * tests and simulations differ in a few places only. */
static uint64_t hash_id(const rc_id *id)
{
    uint64_t w[4];
    memcpy(w, id->b, sizeof(w));
    uint64_t h = 0;
    for (int i = 0; i < 4; i++) {
        h = (h ^ w[i]) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    h *= UINT64_C(0xd6e8feb86659fd93);
    return h ^ (h >> 32);
}

static inline void *entry(const rc_idmap *m, size_t i)
{
    return m->entries + i * m->entry_size;
}

/* The slot that holds id, or the free one where it belongs. */
static size_t find(const rc_idmap *m, const rc_id *id)
{
    size_t s = (size_t)hash_id(id) & m->mask;
    while (m->slots[s] != 0 && !rc_id_eq(entry(m, m->slots[s] - 1), id))
        s = (s + 1) & m->mask;
    return s;
}

rc_idmap *rc_idmap_new(size_t entry_size)
{
    assert(entry_size >= sizeof(rc_id));
    rc_idmap *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->entry_size = entry_size;
    m->slots = calloc(FIRST_SLOTS, sizeof(*m->slots));
    if (!m->slots) {
        free(m);
        return NULL;
    }
    m->mask = FIRST_SLOTS - 1;
    return m;
}

rc_idmap *rc_idmap_free(rc_idmap *m)
{
    if (!m)
        return NULL;
    free(m->entries);
    free(m->slots);
    free(m);
    return NULL;
}

void *rc_idmap_get(const rc_idmap *m, const rc_id *id)
{
    uint32_t slot = m->slots[find(m, id)];
    return slot ? entry(m, slot - 1) : NULL;
}

static bool grow_entries(rc_idmap *m)
{
    if (m->count < m->cap)
        return true;
    size_t cap = m->cap ? m->cap * 2 : FIRST_ENTRIES;
    if (cap >= UINT32_MAX || cap > SIZE_MAX / m->entry_size)
        return false;
    unsigned char *p = realloc(m->entries, cap * m->entry_size);
    if (!p)
        return false;
    m->entries = p;
    m->cap = cap;
    return true;
}

/* Keeps the table at most three quarters full once one more is in it. */
static bool grow_slots(rc_idmap *m)
{
    size_t n = m->mask + 1;
    if (m->count + 1 <= n - n / 4)
        return true;
    uint32_t *slots = calloc(n * 2, sizeof(*slots));
    if (!slots)
        return false;
    free(m->slots);
    m->slots = slots;
    m->mask = n * 2 - 1;
    for (size_t i = 0; i < m->count; i++) {
        size_t s = (size_t)hash_id(entry(m, i)) & m->mask;
        while (slots[s] != 0)
            s = (s + 1) & m->mask;
        slots[s] = (uint32_t)i + 1;
    }
    return true;
}

void *rc_idmap_add(rc_idmap *m, const rc_id *id, bool *ret_added)
{
    size_t s = find(m, id);
    if (m->slots[s] != 0) {
        if (ret_added)
            *ret_added = false;
        return entry(m, m->slots[s] - 1);
    }
    /* id may lie in an entry that a growth moves. */
    rc_id key = *id;
    size_t mask = m->mask;
    if (!grow_entries(m) || !grow_slots(m))
        return NULL;
    if (m->mask != mask)
        s = find(m, &key);
    unsigned char *e = entry(m, m->count);
    memset(e, 0, m->entry_size);
    memcpy(e, &key, sizeof(key));
    m->count++;
    m->slots[s] = (uint32_t)m->count;
    if (ret_added)
        *ret_added = true;
    return e;
}

/* Frees slot s and moves back what was pushed past it, so that every probe still ends at its entry.
 */
static void free_slot(rc_idmap *m, size_t s)
{
    size_t next = s;
    for (;;) {
        next = (next + 1) & m->mask;
        uint32_t slot = m->slots[next];
        if (slot == 0)
            break;
        size_t home = (size_t)hash_id(entry(m, slot - 1)) & m->mask;
        if (((next - home) & m->mask) >= ((next - s) & m->mask)) {
            m->slots[s] = slot;
            s = next;
        }
    }
    m->slots[s] = 0;
}

bool rc_idmap_remove(rc_idmap *m, const rc_id *id)
{
    size_t s = find(m, id);
    if (m->slots[s] == 0)
        return false;
    size_t i = m->slots[s] - 1;
    size_t last = m->count - 1;
    free_slot(m, s);
    if (i != last) {
        /* Found before the move: its slot still names the old place, where its bytes still are. */
        size_t moved = find(m, entry(m, last));
        memcpy(entry(m, i), entry(m, last), m->entry_size);
        m->slots[moved] = (uint32_t)i + 1;
    }
    m->count = last;
    return true;
}

void rc_idmap_clear(rc_idmap *m)
{
    memset(m->slots, 0, (m->mask + 1) * sizeof(*m->slots));
    m->count = 0;
}

size_t rc_idmap_count(const rc_idmap *m)
{
    return m->count;
}

void *rc_idmap_at(const rc_idmap *m, size_t i)
{
    assert(i < m->count);
    return entry(m, i);
}
