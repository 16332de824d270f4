/* A borrowed byte string: pointer and length, not necessarily terminated. Owner and lifetime are
 * said by whoever hands it out. */
#ifndef RC_BASE_STR_H
#define RC_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct rc_str {
    const char *ptr; /* never NULL: the empty string is "" */
    size_t len;
} rc_str;

#define RC_STR_EMPTY ((rc_str){"", 0})
#define RC_STR(lit)  ((rc_str){"" lit, sizeof(lit) - 1})

/* For %.*s */
#define RC_STR_ARG(s) (int)(s).len, (s).ptr

static inline rc_str rc_str_c(const char *s)
{
    return s ? (rc_str){s, strlen(s)} : RC_STR_EMPTY;
}

static inline rc_str rc_str_n(const char *s, size_t n)
{
    return n ? (rc_str){s, n} : RC_STR_EMPTY;
}

static inline bool rc_str_eq(rc_str a, rc_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool rc_str_eq_c(rc_str a, const char *b)
{
    return rc_str_eq(a, rc_str_c(b));
}

static inline bool rc_str_starts(rc_str s, rc_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* Bytewise order, shorter first: <0, 0, >0. */
int rc_str_cmp(rc_str a, rc_str b);

/* Does the glob (`*` and `?` only, whole string, at most glob.len * s.len steps) match? */
bool rc_glob_match(rc_str glob, rc_str s);

#endif
