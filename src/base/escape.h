/* Foreign text made safe to print: control characters, invalid UTF-8, and what drives a terminal or
 * reorders its line (ESC, C1, bidirectional overrides, U+2028/2029 …) become \xNN or \u{NNNN}; a
 * backslash becomes two, so that the result is unambiguous. Printable UTF-8 stays. */
#ifndef RC_BASE_ESCAPE_H
#define RC_BASE_ESCAPE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

void rc_escape(rc_buf *out, rc_str s);

/* The same into a fixed buffer, always terminated, cut at a whole character with "…" at the end if
 * it does not fit (size >= 8). Returns out, for use in a printf. */
char *rc_escape_into(char *out, size_t size, rc_str s);

/* The same, but backslashes stay: for a line whose parts are escaped already. */
char *rc_escape_rest_into(char *out, size_t size, rc_str s);

/* Terminal columns that escaped text takes (wcwidth rules for wide and combining characters,
 * without the locale). */
size_t rc_text_width(rc_str escaped);

bool rc_utf8_valid(rc_str s);

/* Decodes one code point at s[*i], moves *i past it. Returns it, or -1 (and moves one byte) where
 * the bytes are not well-formed UTF-8 (overlong, surrogate, > U+10FFFF included). */
int32_t rc_utf8_next(rc_str s, size_t *i);

#endif
