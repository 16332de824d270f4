/* The target of a request's first line, taken apart: decoded path segments and query parameters.
 * Pure, so that hostile targets can be tried without a socket. Syntax: RFC 9112 section 3.2, RFC
 * 3986. */
#ifndef RC_SERVE_TARGET_H
#define RC_SERVE_TARGET_H

#include "base/error.h"
#include "base/str.h"

#define RC_TARGET_MAX      8192 /* bytes of a target */
#define RC_TARGET_SEGMENTS 8
#define RC_TARGET_PARAMS   16

typedef struct rc_param {
    rc_str key;
    rc_str value; /* "" for `?key` as for `?key=` */
} rc_param;

typedef struct rc_target {
    rc_str segments[RC_TARGET_SEGMENTS]; /* "/v1/status" has two, "/" has none, "/v1/" has "v1" and
                                            "" */
    unsigned n_segments;
    rc_param params[RC_TARGET_PARAMS]; /* in the query's order */
    unsigned n_params;
    char bytes[RC_TARGET_MAX]; /* what the strings point into */
} rc_target;

/* Takes origin-form ("/a/b?c=d") and absolute-form ("http://host/a/b"). A slash that was encoded
 * (%2F) stays in its segment; '+' is a blank in the query only. RC_INVALID: neither form, a bad
 * escape, %00, control characters, a fragment, or too many parameters. RC_NOTFOUND: more segments
 * than any path of ours has. out holds pointers into itself: do not copy it. */
int rc_target_parse(rc_str text, rc_target *out, rc_error *err);

/* The first parameter of that name, or NULL. */
const rc_str *rc_target_param(const rc_target *target, const char *key);

#endif
