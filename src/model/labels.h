/* Which labels of a container the index keeps. */
#ifndef RC_MODEL_LABELS_H
#define RC_MODEL_LABELS_H

#include "model/row.h"

/* Lists of globs, separated by commas or spaces; borrowed. */
typedef struct rc_label_filter {
    rc_str keep;   /* "*" */
    rc_str drop;   /* wins over keep */
    rc_str prefix; /* of the labels that dispatch reads: always kept, as are Compose's, and a label
                      exitCode, whose presence says that an event's exit code may be forged */
} rc_label_filter;

bool rc_label_kept(const rc_label_filter *f, rc_str key);

/* The row with only the labels that are kept; a new array, from the arena, where some are not.
 * False when the arena is exhausted. */
bool rc_label_filter_apply(const rc_label_filter *f, rc_row *row, rc_arena *arena);

#endif
