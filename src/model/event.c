/* The names of actions. */
#include "model/event.h"

const char *rc_action_name(enum rc_action action)
{
    static const char *const names[RC_ACTION_COUNT] = {
        [RC_ACTION_OTHER] = "other",     [RC_ACTION_CREATE] = "create",
        [RC_ACTION_START] = "start",     [RC_ACTION_RESTART] = "restart",
        [RC_ACTION_STOP] = "stop",       [RC_ACTION_DIE] = "die",
        [RC_ACTION_OOM] = "oom",         [RC_ACTION_PAUSE] = "pause",
        [RC_ACTION_UNPAUSE] = "unpause", [RC_ACTION_RENAME] = "rename",
        [RC_ACTION_UPDATE] = "update",   [RC_ACTION_KILL] = "kill",
        [RC_ACTION_DESTROY] = "destroy", [RC_ACTION_HEALTH] = "health_status",
        [RC_ACTION_CONNECT] = "connect", [RC_ACTION_DISCONNECT] = "disconnect",
        [RC_ACTION_PRUNE] = "prune",     [RC_ACTION_INIT] = "init",
        [RC_ACTION_IGNORED] = "ignored",
    };
    return (unsigned)action < RC_ACTION_COUNT ? names[action] : "other";
}
