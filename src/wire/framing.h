/* The event stream's frames: bytes in, however they are cut, one JSON object a line out. Lines end
 * at \n (a \r before it is dropped), a leading 0x1E (RFC 7464) is stripped, empty lines are passed
 * over. */
#ifndef RC_WIRE_FRAMING_H
#define RC_WIRE_FRAMING_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

typedef struct rc_framer rc_framer;

/* A whole line (borrowed during the call; writable, so that the decoder may repair it in place).
 * oversize: the line passed the cap; ptr is its first bytes, for a message only. */
typedef void (*rc_framer_line)(void *arg, char *line, size_t len, int oversize);

/* cap: longest line in bytes; a longer one is dropped up to its newline and reported once. */
rc_framer *rc_framer_new(size_t cap, rc_framer_line on_line, void *arg);
rc_framer *rc_framer_free(rc_framer *f);

/* RC_OK or RC_NOMEM (the line in progress is then dropped as an oversize one). */
int rc_framer_feed(rc_framer *f, const char *bytes, size_t n);

/* Bytes of an unfinished line. A stream that ends with some was cut in mid-event. */
size_t rc_framer_pending(const rc_framer *f);
void rc_framer_reset(rc_framer *f);

/* The elements of one JSON array as they arrive: each element's bytes are handed out whole, the
 * array itself is never held. For container and network lists. */
typedef struct rc_array_framer rc_array_framer;

/* Return non-zero to stop; it is returned by feed. Element is writable and borrowed during the
 * call. */
typedef int (*rc_array_element)(void *arg, char *json, size_t len);

rc_array_framer *rc_array_framer_new(size_t element_cap, rc_array_element on_element, void *arg);
rc_array_framer *rc_array_framer_free(rc_array_framer *f);

/* RC_OK, RC_PROTOCOL (not an array, an element that cannot end, bytes after the end, element over
 * the cap), RC_NOMEM, or what on_element returned. After a failure every further feed fails
 * likewise. */
int rc_array_framer_feed(rc_array_framer *f, const char *bytes, size_t n, rc_error *err);

/* RC_OK only if exactly one whole array was fed: a truncated list is never a complete one. */
int rc_array_framer_finish(rc_array_framer *f, rc_error *err);

#endif
