/* A hash map from 64-digit container IDs (kept as 32 bytes) to fixed-size entries, for 100,000 of
 * them: open addressing over a dense array, so an entry costs its own size plus about 8 bytes.
 * Iteration order is that of the dense array. Pointers to entries are valid until the next add or
 * remove. */
#ifndef RC_BASE_IDMAP_H
#define RC_BASE_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define RC_ID_LEN 64

typedef struct rc_id {
    uint8_t b[32];
} rc_id;

/* Exactly 64 lower-case hex digits, else false and *out untouched. */
bool rc_id_parse(rc_str hex, rc_id *out);

/* Writes 64 digits and a NUL. */
void rc_id_format(const rc_id *id, char out[RC_ID_LEN + 1]);

static inline bool rc_id_eq(const rc_id *a, const rc_id *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

typedef struct rc_idmap rc_idmap;

/* entry_size: bytes of an entry, whose first member must be its rc_id. NULL when out of memory. */
rc_idmap *rc_idmap_new(size_t entry_size);
rc_idmap *rc_idmap_free(rc_idmap *m);

/* NULL if absent. */
void *rc_idmap_get(const rc_idmap *m, const rc_id *id);

/* The entry, made (zeroed but for its id) if absent; *ret_added (may be NULL) tells. NULL when out
 * of memory, with the map as it was. */
void *rc_idmap_add(rc_idmap *m, const rc_id *id, bool *ret_added);

/* The last entry takes the removed one's place. False if absent. */
bool rc_idmap_remove(rc_idmap *m, const rc_id *id);

void rc_idmap_clear(rc_idmap *m);
size_t rc_idmap_count(const rc_idmap *m);

/* i < count. Iterate downwards when removing on the way. */
void *rc_idmap_at(const rc_idmap *m, size_t i);

#endif
