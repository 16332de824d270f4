/* Integers that a double cannot hold, read from the raw text: private to wire/. */
#ifndef RC_WIRE_EXACT_H
#define RC_WIRE_EXACT_H

#include <stdint.h>

#include "base/str.h"

enum rc_exact { RC_EXACT_ABSENT, RC_EXACT_FOUND, RC_EXACT_BAD };

/* The integer under `key` at the top level of the JSON object (the first, as cJSON takes it). null
 * is ABSENT; BAD: no whole number, negative, or beyond INT64_MAX. The text must have been parsed as
 * valid: this scan only finds its way through it. */
enum rc_exact rc_exact_member(rc_str json, rc_str key, int64_t *out);

#endif
