/* What cJSON would let pass or stumble over, put right before it parses: private to wire/. */
#ifndef RC_WIRE_REPAIR_H
#define RC_WIRE_REPAIR_H

#include <stddef.h>

#include "base/buf.h"

/* \u0000 and lone surrogate escapes become \ufffd in place. Bytes that are not UTF-8 and raw
 * control characters (but tab, line feed, carriage return) become U+FFFD, which is longer: the text
 * is then copied to spare and *json points there. RC_OK or RC_NOMEM. */
int rc_repair(char **json, size_t *len, rc_buf *spare);

#endif
