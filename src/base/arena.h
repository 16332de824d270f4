/* A bump allocator for what lives as long as one event, one list element or one batch: many small
 * allocations, freed together by a reset that keeps the memory. Not thread-safe. */
#ifndef RC_BASE_ARENA_H
#define RC_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

typedef struct rc_arena rc_arena;

typedef struct rc_arena_mark {
    void *block;
    size_t used;
} rc_arena_mark;

/* first_block: bytes of the first block (0 = 16 KiB); max: cap on all blocks together (0 = none).
 * NULL when out of memory. */
rc_arena *rc_arena_new(size_t first_block, size_t max);

/* Takes NULL, returns NULL. */
rc_arena *rc_arena_free(rc_arena *a);

/* 16-byte aligned, not zeroed; NULL at the cap or out of memory (rc_arena_failed() then tells).
 * n = 0 gives a unique valid pointer. */
void *rc_arena_alloc(rc_arena *a, size_t n);

/* Zeroed array; NULL on overflow, too. */
void *rc_arena_calloc(rc_arena *a, size_t count, size_t size);

/* A terminated copy of s; .ptr is NULL when out of memory. */
rc_str rc_arena_dup(rc_arena *a, rc_str s);

/* Has any allocation failed since the last reset? Lets a builder check once at its end. */
int rc_arena_failed(const rc_arena *a);

/* Frees all but the first block, so that one huge element does not stay resident for ever. */
void rc_arena_reset(rc_arena *a);

rc_arena_mark rc_arena_save(const rc_arena *a);
void rc_arena_restore(rc_arena *a, rc_arena_mark mark);

/* Bytes handed out since the last reset and not restored, each allocation rounded up to 16. */
size_t rc_arena_used(const rc_arena *a);

#endif
