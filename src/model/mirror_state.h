/* How the mirror stands with its engine: what every reader is told beside the rows. */
#ifndef RC_MODEL_MIRROR_STATE_H
#define RC_MODEL_MIRROR_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* Stored: append only. */
enum rc_mirror_state {
    RC_MIRROR_CONNECTING,   /* no connection yet, since the daemon started */
    RC_MIRROR_SYNCING,      /* connected; this connection's first full list is not committed yet */
    RC_MIRROR_LIVE,         /* a full list of this connection was committed */
    RC_MIRROR_DISCONNECTED, /* the connection was lost; rows keep their last known state */
    RC_MIRROR_STATE_COUNT
};

/* "connecting", "syncing", "live", "disconnected"; "unknown" out of range. Static. */
const char *rc_mirror_state_name(enum rc_mirror_state state);

typedef struct rc_mirror_status {
    enum rc_mirror_state state;
    bool synced;            /* state is LIVE */
    int64_t stale_since_ns; /* real time since when the rows may be stale; 0 while synced */
} rc_mirror_status;

#endif
