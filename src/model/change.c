/* The names of causes and operations. */
#include "model/change.h"

#include "base/cleanup.h"

const char *rc_change_cause_name(enum rc_change_cause cause)
{
    static const char *const names[RC_CAUSE_COUNT] = {
        [RC_CAUSE_EVENT] = "event",     [RC_CAUSE_RESYNC] = "resync",
        [RC_CAUSE_EXPIRED] = "expired", [RC_CAUSE_REGISTRY] = "registry",
        [RC_CAUSE_CLAIM] = "claim",
    };
    return (unsigned)cause < RC_CAUSE_COUNT ? names[cause] : "unknown";
}

const char *rc_change_op_name(enum rc_change_op op)
{
    static const char *const names[RC_CHANGE_OP_COUNT] = {
        [RC_CHANGE_PUT] = "put",
        [RC_CHANGE_DEL] = "del",
    };
    return (unsigned)op < RC_CHANGE_OP_COUNT ? names[op] : "unknown";
}
