/* The names of the mirror's states. */
#include "model/mirror_state.h"

const char *rc_mirror_state_name(enum rc_mirror_state state)
{
    static const char *const names[RC_MIRROR_STATE_COUNT] = {
        [RC_MIRROR_CONNECTING] = "connecting",
        [RC_MIRROR_SYNCING] = "syncing",
        [RC_MIRROR_LIVE] = "live",
        [RC_MIRROR_DISCONNECTED] = "disconnected",
    };
    return (unsigned)state < RC_MIRROR_STATE_COUNT ? names[state] : "unknown";
}
