/* The names of what is counted. */
#include "model/stats.h"

const char *rc_correction_kind_name(enum rc_correction_kind kind)
{
    static const char *const names[RC_CORRECTION_KINDS] = {"added", "changed", "removed"};
    return (unsigned)kind < RC_CORRECTION_KINDS ? names[kind] : "unknown";
}

const char *rc_correction_cause_name(enum rc_correction_cause cause)
{
    static const char *const names[RC_CORRECTION_CAUSES] = {"connect", "silent", "drift"};
    return (unsigned)cause < RC_CORRECTION_CAUSES ? names[cause] : "unknown";
}

const char *rc_reconnect_reason_name(enum rc_reconnect_reason reason)
{
    static const char *const names[RC_RECONNECT_REASONS] = {
        "closed", "cut", "timeout", "refused", "status", "drift", "engine", "failed",
    };
    return (unsigned)reason < RC_RECONNECT_REASONS ? names[reason] : "unknown";
}
