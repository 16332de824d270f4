/* A growing byte buffer with a cap. Failure is sticky: appends after a failed one do nothing, so
 * that a builder checks rc_buf_failed() once at its end. Not thread-safe. */
#ifndef RC_BASE_BUF_H
#define RC_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

typedef struct rc_buf {
    char *data; /* NULL until the first append */
    size_t len;
    size_t cap;
    size_t max; /* an append that would pass it fails; 0 = no cap */
    bool failed;
} rc_buf;

#define RC_BUF_INIT(max_bytes)         \
    {                                  \
        NULL, 0, 0, (max_bytes), false \
    }

void rc_buf_append(rc_buf *b, const void *p, size_t n);
void rc_buf_str(rc_buf *b, rc_str s);
void rc_buf_puts(rc_buf *b, const char *s);
void rc_buf_putc(rc_buf *b, char c);
void rc_buf_printf(rc_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for n bytes at the end and returns it (len grows by n), or NULL on failure. */
void *rc_buf_extend(rc_buf *b, size_t n);

/* Drops the first n bytes (memmove). */
void rc_buf_consume(rc_buf *b, size_t n);

/* Empty again, failure forgotten, memory kept. */
void rc_buf_clear(rc_buf *b);

/* Frees the memory; the buffer is as after RC_BUF_INIT with the same cap. */
void rc_buf_release(rc_buf *b);

static inline bool rc_buf_failed(const rc_buf *b)
{
    return b->failed;
}

static inline rc_str rc_buf_view(const rc_buf *b)
{
    return rc_str_n(b->data, b->len);
}

#endif
