/* The clocks, and times as text. The pure modules never call these: their callers pass `now` in. */
#ifndef RC_BASE_CLOCK_H
#define RC_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define RC_NS_PER_SEC INT64_C(1000000000)
#define RC_NS_PER_MS  INT64_C(1000000)

/* Nanoseconds of CLOCK_MONOTONIC and CLOCK_REALTIME. Thread-safe. */
int64_t rc_clock_mono(void);
int64_t rc_clock_real(void);

#define RC_TIME_MAX 40 /* bytes enough for any time that rc_time_format writes, with its NUL */

/* RFC 3339 UTC with as many of nine decimals as are not trailing zeros ("2026-11-23T20:53:29Z",
 * "…29.12Z"); ns since 1970, may be negative. Returns the length. */
size_t rc_time_format(char out[RC_TIME_MAX], int64_t ns);

/* Parses RFC 3339 with any offset and any number of decimals (more than nine are cut). Docker's
 * zero time 0001-01-01T00:00:00Z gives 0, as does "". RC_INVALID on anything else, or out of
 * int64's range. */
int rc_time_parse(rc_str s, int64_t *ret_ns, rc_error *err);

/* An HTTP Date header (RFC 9110 IMF-fixdate) as seconds since 1970. RC_INVALID otherwise. */
int rc_http_date_parse(rc_str s, int64_t *ret_seconds, rc_error *err);

/* A duration as people configure it: "30s", "10m", "1h30m", "250ms", "0"; result in ns.
 * No unit, a negative or an overflow is RC_INVALID. */
int rc_duration_parse(rc_str s, int64_t *ret_ns, rc_error *err);

/* Shortest exact text of a duration as above ("1m30s"). Returns the length. */
size_t rc_duration_format(char out[RC_TIME_MAX], int64_t ns);

/* How Docker's CLI says an age: "Less than a second", "12 seconds", "About a minute", "3 minutes",
 * "About an hour", "26 hours", "3 days", "2 weeks", … Source: docker/go-units HumanDuration. */
size_t rc_duration_human(char out[RC_TIME_MAX], int64_t ns);

#endif
