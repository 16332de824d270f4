/* Labels → workload: which rule a container's labels meet first. Pure; joins are asked of the
 * caller. */
#ifndef RC_MODEL_DISPATCH_H
#define RC_MODEL_DISPATCH_H

#include "model/row.h"

typedef struct rc_dispatch {
    rc_str prefix; /* "tinyforge." */
} rc_dispatch;

/* Looks up a registered reference: scheme INSTANCE, SITE or STACK and the label's value. Returns
 * the workload's ID, or "" where nothing is registered. */
typedef rc_str (*rc_dispatch_join)(void *ctx, enum rc_scheme scheme, rc_str value);

/* Sets managed, scheme, workload_id, workload_kind and workload_role from the row's (sorted)
 * labels; the strings are views into the labels, static, or the join's. join may be NULL: nothing
 * is registered. */
void rc_dispatch_row(const rc_dispatch *d, rc_row *row, rc_dispatch_join join, void *ctx);

#endif
