/* The JSON writer. Most of what it writes is plain ASCII that needs no escape, so strings are
 * scanned eight bytes at a time and copied whole. */
#include "base/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/escape.h"

/* Deeper than RC_JSON_DEPTH is still counted, so that the ends balance; the buffer has failed by
 * then. */
static bool in_range(rc_json *j)
{
    if (j->depth >= 0 && j->depth < RC_JSON_DEPTH)
        return true;
    j->out->failed = true;
    return false;
}

static void before_value(rc_json *j)
{
    if (!in_range(j))
        return;
    if (j->need_comma[j->depth])
        rc_buf_putc(j->out, ',');
    j->need_comma[j->depth] = true;
}

static void open_scope(rc_json *j, char c)
{
    before_value(j);
    rc_buf_putc(j->out, c);
    j->depth++;
    if (in_range(j))
        j->need_comma[j->depth] = false;
}

static void close_scope(rc_json *j, char c)
{
    rc_buf_putc(j->out, c);
    j->depth--;
    (void)in_range(j);
}

void rc_json_init(rc_json *j, rc_buf *out)
{
    *j = (rc_json){.out = out};
}

void rc_json_object(rc_json *j)
{
    open_scope(j, '{');
}

void rc_json_object_end(rc_json *j)
{
    close_scope(j, '}');
}

void rc_json_array(rc_json *j)
{
    open_scope(j, '[');
}

void rc_json_array_end(rc_json *j)
{
    close_scope(j, ']');
}

static inline bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* How many bytes from s[i] on are ASCII that JSON takes as it is. */
static size_t plain_run(rc_str s, size_t i)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = UINT64_C(0x8080808080808080);
    size_t from = i;
    for (; s.len - i >= 8; i += 8) {
        uint64_t w = 0;
        memcpy(&w, s.ptr + i, sizeof(w));
        /* A zero byte borrows into its high bit. Borrows reach only bytes above a hit, so "no hit
         * at all" is exact, and the loop below finds which byte it was. */
        uint64_t quote = w ^ (ones * '"');
        uint64_t slash = w ^ (ones * '\\');
        if ((w | (w - ones * 0x20) | (quote - ones) | (slash - ones)) & highs)
            break;
    }
    while (i < s.len && is_plain((unsigned char)s.ptr[i]))
        i++;
    return i - from;
}

static void put_escaped(rc_buf *out, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    char esc[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    switch (c) {
    case '"':
    case '\\':
        esc[1] = (char)c;
        break;
    case '\n':
        esc[1] = 'n';
        break;
    case '\r':
        esc[1] = 'r';
        break;
    case '\t':
        esc[1] = 't';
        break;
    case '\b':
        esc[1] = 'b';
        break;
    case '\f':
        esc[1] = 'f';
        break;
    default:
        rc_buf_append(out, esc, 6);
        return;
    }
    rc_buf_append(out, esc, 2);
}

static void put_string(rc_buf *out, rc_str s)
{
    size_t i = plain_run(s, 0);
    if (i == s.len && s.len <= SIZE_MAX - 2) {
        char *to = rc_buf_extend(out, s.len + 2);
        if (!to)
            return;
        to[0] = '"';
        if (s.len)
            memcpy(to + 1, s.ptr, s.len);
        to[s.len + 1] = '"';
        return;
    }
    rc_buf_putc(out, '"');
    size_t from = 0; /* of what waits to be copied as it is */
    while (i < s.len && !out->failed) {
        unsigned char c = (unsigned char)s.ptr[i];
        size_t at = i;
        if (c < 0x80) {
            rc_buf_append(out, s.ptr + from, at - from);
            put_escaped(out, c);
            from = ++i;
        } else if (rc_utf8_next(s, &i) < 0) {
            rc_buf_append(out, s.ptr + from, at - from);
            rc_buf_puts(out, "\xEF\xBF\xBD");
            from = i;
        }
        i += plain_run(s, i);
    }
    rc_buf_append(out, s.ptr + from, s.len - from);
    rc_buf_putc(out, '"');
}

void rc_json_key(rc_json *j, rc_str key)
{
    before_value(j);
    put_string(j->out, key);
    rc_buf_putc(j->out, ':');
    if (in_range(j))
        j->need_comma[j->depth] = false;
}

void rc_json_str(rc_json *j, rc_str s)
{
    before_value(j);
    put_string(j->out, s);
}

static void put_u64(rc_buf *out, uint64_t v, bool negative)
{
    char digits[21];
    size_t i = sizeof(digits);
    do {
        digits[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    if (negative)
        digits[--i] = '-';
    rc_buf_append(out, digits + i, sizeof(digits) - i);
}

void rc_json_i64(rc_json *j, int64_t v)
{
    before_value(j);
    put_u64(j->out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

void rc_json_u64(rc_json *j, uint64_t v)
{
    before_value(j);
    put_u64(j->out, v, false);
}

void rc_json_double(rc_json *j, double v)
{
    if (!isfinite(v)) {
        rc_json_null(j);
        return;
    }
    before_value(j);
    /* 15 digits always survive the way to a double and back, so fewer need no trial: %g drops the
     * zeros. Only subnormal numbers hold fewer. */
    char text[40];
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    /* A caller's locale may have its own decimal point. */
    for (char *p = text; *p; p++) {
        if (*p == ',')
            *p = '.';
    }
    rc_buf_puts(j->out, text);
}

void rc_json_bool(rc_json *j, bool v)
{
    before_value(j);
    rc_buf_puts(j->out, v ? "true" : "false");
}

void rc_json_null(rc_json *j)
{
    before_value(j);
    rc_buf_puts(j->out, "null");
}

void rc_json_time(rc_json *j, int64_t ns)
{
    if (ns == 0) {
        rc_json_null(j);
        return;
    }
    char text[RC_TIME_MAX];
    size_t n = rc_time_format(text, ns);
    rc_json_str(j, rc_str_n(text, n));
}

void rc_json_raw(rc_json *j, rc_str json)
{
    before_value(j);
    rc_buf_str(j->out, json);
}
