/* Finds one top-level member of a JSON object without parsing the rest: cJSON keeps numbers as
 * doubles, and a timeNano has 61 bits. Depth aware, for an attribute may be called timeNano, too.
 */
#include "wire/exact.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* i is behind the opening quote; returns where the closing one is, or len. */
static size_t string_end(rc_str json, size_t i)
{
    while (i < json.len) {
        const char *quote = memchr(json.ptr + i, '"', json.len - i);
        if (!quote)
            break;
        size_t at = (size_t)(quote - json.ptr);
        size_t slashes = 0;
        while (at - slashes > i && json.ptr[at - slashes - 1] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return at;
        i = at + 1;
    }
    return json.len;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_space(rc_str json, size_t i)
{
    while (i < json.len && is_space(json.ptr[i]))
        i++;
    return i;
}

static bool ends_value(rc_str json, size_t i)
{
    return i >= json.len || json.ptr[i] == ',' || json.ptr[i] == '}' || is_space(json.ptr[i]);
}

static enum rc_exact read_value(rc_str json, size_t i, int64_t *out)
{
    if (rc_str_starts(rc_str_n(json.ptr + i, json.len - i), RC_STR("null")))
        return RC_EXACT_ABSENT;
    size_t start = i;
    int64_t v = 0;
    for (; i < json.len && json.ptr[i] >= '0' && json.ptr[i] <= '9'; i++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, json.ptr[i] - '0', &v))
            return RC_EXACT_BAD;
    if (i == start || !ends_value(json, i))
        return RC_EXACT_BAD;
    *out = v;
    return RC_EXACT_FOUND;
}

enum rc_exact rc_exact_member(rc_str json, rc_str key, int64_t *out)
{
    int depth = 0;
    for (size_t i = 0; i < json.len; i++) {
        switch (json.ptr[i]) {
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            depth--;
            break;
        case '"': {
            size_t start = i + 1;
            i = string_end(json, start);
            if (depth != 1 || !rc_str_eq(rc_str_n(json.ptr + start, i - start), key))
                break;
            /* The same word may be a value: only a colon makes it a key. */
            size_t colon = skip_space(json, i + 1);
            if (colon < json.len && json.ptr[colon] == ':')
                return read_value(json, skip_space(json, colon + 1), out);
            break;
        }
        default:
            break;
        }
    }
    return RC_EXACT_ABSENT;
}
