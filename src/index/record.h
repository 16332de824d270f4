/* A container row as bytes: the value in the index's `containers` table, and the after-image in its
 * change log. docs/index-format.md describes every byte. Canonical: there is exactly one record for
 * a normalised row, so that comparing bytes compares rows. Records may lie at any alignment. */
#ifndef RC_INDEX_RECORD_H
#define RC_INDEX_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/row.h"

#define RC_RECORD_VERSION 1
#define RC_RECORD_HEADER  200
#define RC_RECORD_MAX     (16U << 20) /* bytes; a larger row is RC_FULL */

/* Appends the row's record, a multiple of 8 bytes long. RC_INVALID where the row cannot be stored
 * (an ID that is none, an enum out of range), RC_FULL above RC_RECORD_MAX or the buffer's cap,
 * RC_NOMEM. On failure the buffer is as it was. */
int rc_record_encode(const rc_row *row, rc_buf *out, rc_error *err);

/* Checks every byte of a record of unknown origin. RC_VERSION for another format version,
 * RC_CORRUPT (naming the field) for whatever an encoder could not have written. */
int rc_record_validate(rc_str bytes, rc_error *err);

/* Validates, then fills *out with views into bytes (each string terminated there) and arrays from
 * the arena. *out is untouched on failure: as above, or RC_NOMEM where the arena is exhausted. */
int rc_record_decode(rc_str bytes, rc_arena *arena, rc_row *out, rc_error *err);

/* Do two valid records hold the same row, but for its revision? */
bool rc_record_same(rc_str a, rc_str b);

/* A valid record's state. */
enum rc_state rc_record_state(rc_str record);

/* The revision of a valid record, and putting another into one in place. */
uint64_t rc_record_rev(rc_str record);
void rc_record_set_rev(char *record, uint64_t rev);

#endif
