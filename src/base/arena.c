/* The bump allocator: a chain of blocks, the newest first, of which only the newest is bumped.
 * Under AddressSanitizer what is not handed out is poisoned, so that an overrun shows as it would
 * with malloc. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { ALIGN = 16, FIRST_DEFAULT = 16 * 1024 };

/* Blocks double up to here; past it a larger one is made only for a request that needs it. */
#define BLOCK_GROW_MAX ((size_t)1024 * 1024)

struct block {
    struct block *prev;
    size_t size; /* of data */
    size_t used;
    alignas(ALIGN) unsigned char data[];
};

struct rc_arena {
    struct block *top;
    size_t max;
    size_t total; /* the blocks' sizes together */
    int failed;
};

static struct block *block_new(size_t size)
{
    if (size > PTRDIFF_MAX - sizeof(struct block))
        return NULL;
    struct block *b = malloc(sizeof(*b) + size);
    if (!b)
        return NULL;
    b->prev = NULL;
    b->size = size;
    b->used = 0;
    POISON(b->data, size);
    return b;
}

static void block_rewind(struct block *b, size_t used)
{
    b->used = used;
    POISON(b->data + used, b->size - used);
}

static void pop(rc_arena *a)
{
    struct block *b = a->top;
    a->top = b->prev;
    a->total -= b->size;
    free(b);
}

rc_arena *rc_arena_new(size_t first_block, size_t max)
{
    size_t size = first_block ? first_block : FIRST_DEFAULT;
    if (max && size > max)
        size = max;
    rc_arena *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->top = block_new(size);
    if (!a->top) {
        free(a);
        return NULL;
    }
    a->max = max;
    a->total = size;
    return a;
}

rc_arena *rc_arena_free(rc_arena *a)
{
    if (!a)
        return NULL;
    while (a->top)
        pop(a);
    free(a);
    return NULL;
}

/* Puts a block with room for n on top. */
static struct block *grow(rc_arena *a, size_t n)
{
    size_t size = a->top->size < BLOCK_GROW_MAX / 2 ? a->top->size * 2 : BLOCK_GROW_MAX;
    if (size < n)
        size = n;
    if (a->max) {
        size_t left = a->max - a->total;
        if (n > left)
            return NULL;
        if (size > left)
            size = left;
    }
    struct block *b = block_new(size);
    if (!b)
        return NULL;
    b->prev = a->top;
    a->top = b;
    a->total += size;
    return b;
}

void *rc_arena_alloc(rc_arena *a, size_t n)
{
    if (n > PTRDIFF_MAX - ALIGN) {
        a->failed = 1;
        return NULL;
    }
    size_t rounded = n ? (n + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
    struct block *b = a->top;
    if (rounded > b->size - b->used) {
        b = grow(a, rounded);
        if (!b) {
            a->failed = 1;
            return NULL;
        }
    }
    void *p = b->data + b->used;
    b->used += rounded;
    UNPOISON(p, n);
    return p;
}

void *rc_arena_calloc(rc_arena *a, size_t count, size_t size)
{
    size_t n = 0;
    if (__builtin_mul_overflow(count, size, &n)) {
        a->failed = 1;
        return NULL;
    }
    void *p = rc_arena_alloc(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}

rc_str rc_arena_dup(rc_arena *a, rc_str s)
{
    if (s.len == SIZE_MAX) {
        a->failed = 1;
        return (rc_str){NULL, 0};
    }
    char *p = rc_arena_alloc(a, s.len + 1);
    if (!p)
        return (rc_str){NULL, 0};
    if (s.len)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return (rc_str){p, s.len};
}

int rc_arena_failed(const rc_arena *a)
{
    return a->failed;
}

void rc_arena_reset(rc_arena *a)
{
    while (a->top->prev)
        pop(a);
    block_rewind(a->top, 0);
    a->failed = 0;
}

rc_arena_mark rc_arena_save(const rc_arena *a)
{
    return (rc_arena_mark){a->top, a->top->used};
}

void rc_arena_restore(rc_arena *a, rc_arena_mark mark)
{
    /* The first block is never popped, so that a mark of another arena cannot empty this one. */
    while (a->top != mark.block && a->top->prev)
        pop(a);
    if (a->top == mark.block && mark.used <= a->top->used)
        block_rewind(a->top, mark.used);
}

size_t rc_arena_used(const rc_arena *a)
{
    size_t sum = 0;
    for (const struct block *b = a->top; b; b = b->prev)
        sum += b->used;
    return sum;
}
