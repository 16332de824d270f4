/* The growing byte buffer. One byte more than cap is always allocated: vsnprintf's NUL then fits
 * even where the text ends exactly at the cap. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAP = 256 };

/* Room for n more bytes behind len, or the sticky failure. */
static bool reserve(rc_buf *b, size_t n)
{
    if (b->failed)
        return false;
    if (b->data && n <= b->cap - b->len)
        return true;
    size_t limit = b->max && b->max < PTRDIFF_MAX ? b->max : PTRDIFF_MAX - 1;
    if (b->len > limit || n > limit - b->len) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + n;
    size_t cap = b->cap > limit / 2 ? limit : b->cap * 2;
    if (cap < FIRST_CAP)
        cap = FIRST_CAP < limit ? FIRST_CAP : limit;
    if (cap < need)
        cap = need;
    char *data = realloc(b->data, cap + 1);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void *rc_buf_extend(rc_buf *b, size_t n)
{
    if (!reserve(b, n))
        return NULL;
    void *p = b->data + b->len;
    b->len += n;
    return p;
}

void rc_buf_append(rc_buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    void *to = rc_buf_extend(b, n);
    if (to)
        memcpy(to, p, n);
}

void rc_buf_str(rc_buf *b, rc_str s)
{
    rc_buf_append(b, s.ptr, s.len);
}

void rc_buf_puts(rc_buf *b, const char *s)
{
    rc_buf_append(b, s, strlen(s));
}

void rc_buf_putc(rc_buf *b, char c)
{
    char *to = rc_buf_extend(b, 1);
    if (to)
        *to = c;
}

void rc_buf_printf(rc_buf *b, const char *fmt, ...)
{
    if (!reserve(b, 0))
        return;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = b->cap - b->len;
    int n = vsnprintf(b->data + b->len, room + 1, fmt, ap);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n <= room) {
        b->len += (size_t)n;
    } else if (reserve(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

void rc_buf_consume(rc_buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

void rc_buf_clear(rc_buf *b)
{
    b->len = 0;
    b->failed = false;
}

void rc_buf_release(rc_buf *b)
{
    free(b->data);
    *b = (rc_buf)RC_BUF_INIT(b->max);
}
