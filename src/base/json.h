/* A JSON writer: appends to an rc_buf, puts commas itself, escapes every string so that the result
 * is valid UTF-8 JSON whatever bytes it is given (invalid UTF-8 becomes U+FFFD). No allocation of
 * its own. Parsing is not here: that is wire/'s. */
#ifndef RC_BASE_JSON_H
#define RC_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define RC_JSON_DEPTH 32

typedef struct rc_json {
    rc_buf *out;
    int depth;
    bool need_comma[RC_JSON_DEPTH];
} rc_json;

void rc_json_init(rc_json *j, rc_buf *out);
void rc_json_object(rc_json *j); /* { */
void rc_json_object_end(rc_json *j);
void rc_json_array(rc_json *j); /* [ */
void rc_json_array_end(rc_json *j);
void rc_json_key(rc_json *j, rc_str key);
void rc_json_str(rc_json *j, rc_str s);
void rc_json_i64(rc_json *j, int64_t v);
void rc_json_u64(rc_json *j, uint64_t v);
void rc_json_double(rc_json *j, double v); /* shortest that reads back; NaN and infinity are null */
void rc_json_bool(rc_json *j, bool v);
void rc_json_null(rc_json *j);
/* A time in RFC 3339, null for 0. */
void rc_json_time(rc_json *j, int64_t ns);
/* Bytes that are JSON already. */
void rc_json_raw(rc_json *j, rc_str json);

/* key and value in one call, with a literal key */
#define RC_JSON_KEY(j, lit) rc_json_key((j), RC_STR(lit))

#endif
