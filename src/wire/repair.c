/* Repair of JSON text before parsing. cJSON ends a string at \u0000 (and so would let a label hide
 * what follows), refuses lone surrogates, and passes on invalid UTF-8 and raw control characters.
 */
#include "wire/repair.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Plain ASCII without control characters and backslashes, eight bytes at a time: nearly all of an
 * event. */
static size_t skip_plain(const char *s, size_t i, size_t len)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    const uint64_t ones = UINT64_C(0x0101010101010101);
    while (len - i >= 8) {
        uint64_t w;
        memcpy(&w, s + i, 8);
        uint64_t control = (w - ones * 0x20) & ~w;
        uint64_t x = w ^ (ones * '\\');
        uint64_t backslash = (x - ones) & ~x;
        if ((w | control | backslash) & high)
            break;
        i += 8;
    }
    return i;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of a \uXXXX at s[i], or -1. */
static int unicode_escape(const char *s, size_t i, size_t len)
{
    if (len - i < 6 || s[i] != '\\' || s[i + 1] != 'u')
        return -1;
    int unit = 0;
    for (size_t k = i + 2; k < i + 6; k++) {
        int digit = hex_digit(s[k]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* s[i] is a backslash. Mends the escape in place; returns where the next character starts. */
static size_t mend_escape(char *s, size_t i, size_t len)
{
    int unit = unicode_escape(s, i, len);
    if (unit < 0) {
        /* What a backslash takes with it is never looked into; anything else is, for itself. */
        bool pair = len - i >= 2 && (s[i + 1] == '\\' || s[i + 1] == '"');
        return pair ? i + 2 : i + 1;
    }
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        int low = unicode_escape(s, i + 6, len);
        if (low >= 0xDC00 && low <= 0xDFFF)
            return i + 12;
    }
    if (unit == 0 || (unit >= 0xD800 && unit <= 0xDFFF))
        memcpy(s + i + 2, "fffd", 4);
    return i + 6;
}

int rc_repair(char **json, size_t *len, rc_buf *spare)
{
    char *s = *json;
    const size_t n = *len;
    const rc_str text = rc_str_n(s, n);
    size_t copied = 0; /* what spare has of s */
    rc_buf_clear(spare);
    for (size_t i = skip_plain(s, 0, n); i < n;) {
        unsigned char c = (unsigned char)s[i];
        size_t next = i + 1;
        bool bad = false;
        if (c == '\\')
            next = mend_escape(s, i, n);
        else if (c < 0x20)
            bad = c != '\t' && c != '\n' && c != '\r';
        else if (c >= 0x80) {
            next = i;
            bad = rc_utf8_next(text, &next) < 0;
        }
        if (bad) {
            rc_buf_append(spare, s + copied, i - copied);
            rc_buf_puts(spare, REPLACEMENT);
            copied = next;
        }
        /* Only a byte that ended a plain run is worth a try at another one. */
        i = (c < 0x20 || c >= 0x80 || c == '\\') ? skip_plain(s, next, n) : next;
    }
    if (copied == 0)
        return RC_OK;
    rc_buf_append(spare, s + copied, n - copied);
    if (rc_buf_failed(spare))
        return RC_NOMEM;
    *json = spare->data;
    *len = spare->len;
    return RC_OK;
}
