/* Decoding UTF-8 strictly, and making foreign text safe to print. What is escaped: anything that
 * moves a cursor, ends a line, reorders it, or hides in it. */
#include "base/escape.h"

#include <assert.h>

#include "base/cleanup.h"
#include "base/width_table.h"

enum { UNIT_MAX = 10 }; /* \u{10FFFF} */

int32_t rc_utf8_next(rc_str s, size_t *i)
{
    const unsigned char *p = (const unsigned char *)s.ptr + *i;
    size_t left = s.len - *i;
    uint32_t c = p[0];
    (*i)++;
    if (c < 0x80)
        return (int32_t)c;
    /* The second byte's range rules out overlong forms, surrogates and what is past U+10FFFF. */
    size_t more = 0;
    unsigned char low = 0x80, high = 0xBF;
    if (c >= 0xC2 && c <= 0xDF) {
        more = 1;
        c &= 0x1F;
    } else if (c >= 0xE0 && c <= 0xEF) {
        more = 2;
        if (c == 0xE0)
            low = 0xA0;
        else if (c == 0xED)
            high = 0x9F;
        c &= 0x0F;
    } else if (c >= 0xF0 && c <= 0xF4) {
        more = 3;
        if (c == 0xF0)
            low = 0x90;
        else if (c == 0xF4)
            high = 0x8F;
        c &= 0x07;
    } else {
        return -1;
    }
    if (left <= more || p[1] < low || p[1] > high)
        return -1;
    for (size_t k = 1; k <= more; k++) {
        if ((p[k] & 0xC0) != 0x80)
            return -1;
        c = c << 6 | (p[k] & 0x3F);
    }
    *i += more;
    return (int32_t)c;
}

bool rc_utf8_valid(rc_str s)
{
    for (size_t i = 0; i < s.len;) {
        if (rc_utf8_next(s, &i) < 0)
            return false;
    }
    return true;
}

static bool in_ranges(const struct width_range *r, size_t n, uint32_t c)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c > r[mid].last)
            lo = mid + 1;
        else if (c < r[mid].first)
            hi = mid;
        else
            return true;
    }
    return false;
}

/* Of the invisible characters only the joiners stay: scripts and emoji need them. */
static bool is_unsafe(uint32_t c)
{
    static const struct width_range ranges[] = {
        {0x0000, 0x001F}, /* C0 */
        {0x007F, 0x009F}, /* DEL and C1 */
        {0x061C, 0x061C}, /* Arabic letter mark */
        {0x180E, 0x180E}, /* Mongolian vowel separator */
        {0x200B, 0x200B}, /* zero width space */
        {0x200E, 0x200F}, /* left-to-right and right-to-left marks */
        {0x2028,
         0x202E}, /* line and paragraph separators, bidirectional embeddings and overrides */
        {0x2060, 0x206F},   /* invisible operators, bidirectional isolates, deprecated controls */
        {0xFDD0, 0xFDEF},   /* noncharacters */
        {0xFEFF, 0xFEFF},   /* byte order mark */
        {0xFFF0, 0xFFFB},   /* unassigned, interlinear annotation */
        {0xFFFE, 0xFFFF},   /* noncharacters */
        {0xE0000, 0xE0FFF}, /* tags */
    };
    if (c >= 0x20 && c < 0x7F)
        return false;
    return (c & 0xFFFE) == 0xFFFE || in_ranges(ranges, RC_ARRAY_LEN(ranges), c);
}

/* Writes the safe form of the character at s[*i] and moves past it. Returns its length. */
static size_t next_unit(rc_str s, size_t *i, bool keep_backslash, char out[UNIT_MAX])
{
    static const char digits[] = "0123456789abcdef";
    size_t from = *i;
    int32_t c = rc_utf8_next(s, i);
    if (c == '\\' && !keep_backslash) {
        memcpy(out, "\\\\", 2);
        return 2;
    }
    if (c >= 0 && !is_unsafe((uint32_t)c)) {
        memcpy(out, s.ptr + from, *i - from);
        return *i - from;
    }
    if (c < 0x80) {
        unsigned char byte = (unsigned char)s.ptr[from];
        memcpy(out, "\\x", 2);
        out[2] = digits[byte >> 4];
        out[3] = digits[byte & 15];
        return 4;
    }
    size_t n = 3;
    memcpy(out, "\\u{", 3);
    for (int shift = c > 0xFFFFF ? 20 : c > 0xFFFF ? 16 : 12; shift >= 0; shift -= 4)
        out[n++] = digits[(uint32_t)c >> shift & 15];
    out[n++] = '}';
    return n;
}

/* How many bytes from s[i] on are printable ASCII that stays as it is. */
static size_t plain_run(rc_str s, size_t i)
{
    size_t from = i;
    while (i < s.len && s.ptr[i] >= 0x20 && s.ptr[i] < 0x7F && s.ptr[i] != '\\')
        i++;
    return i - from;
}

void rc_escape(rc_buf *out, rc_str s)
{
    for (size_t i = 0; i < s.len;) {
        size_t run = plain_run(s, i);
        rc_buf_append(out, s.ptr + i, run);
        i += run;
        if (i == s.len)
            break;
        char unit[UNIT_MAX];
        size_t n = next_unit(s, &i, false, unit);
        rc_buf_append(out, unit, n);
    }
}

static char *into(char *out, size_t size, rc_str s, bool keep_backslash)
{
    static const char more[] = "\xE2\x80\xA6"; /* … */
    const size_t more_len = sizeof(more) - 1;
    assert(size >= 8);
    size_t n = 0;
    size_t cut = 0; /* the last whole character behind which the ellipsis still fits */
    for (size_t i = 0; i < s.len;) {
        char unit[UNIT_MAX];
        size_t len = next_unit(s, &i, keep_backslash, unit);
        if (len > size - 1 - n) {
            memcpy(out + cut, more, more_len);
            n = cut + more_len;
            break;
        }
        memcpy(out + n, unit, len);
        n += len;
        if (n + more_len <= size - 1)
            cut = n;
    }
    out[n] = '\0';
    return out;
}

char *rc_escape_into(char *out, size_t size, rc_str s)
{
    return into(out, size, s, false);
}

char *rc_escape_rest_into(char *out, size_t size, rc_str s)
{
    return into(out, size, s, true);
}

size_t rc_text_width(rc_str escaped)
{
    size_t width = 0;
    for (size_t i = 0; i < escaped.len;) {
        int32_t c = rc_utf8_next(escaped, &i);
        bool narrow = c < 0x300; /* quickly, and the byte that is no character */
        if (!narrow && in_ranges(width_two, RC_ARRAY_LEN(width_two), (uint32_t)c))
            width += 2;
        else if (narrow || !in_ranges(width_zero, RC_ARRAY_LEN(width_zero), (uint32_t)c))
            width++;
    }
    return width;
}
