/* What one answer of the engine (a list element or an inspect) says about a container: a row of
 * which only the fields named by the mask were told. */
#ifndef RC_MODEL_OBSERVATION_H
#define RC_MODEL_OBSERVATION_H

#include "model/row.h"

enum rc_field {
    RC_FIELD_NAME = 1 << 0,
    RC_FIELD_IMAGE = 1 << 1, /* inspect's is Config.Image, weaker than the list's resolved one */
    RC_FIELD_IMAGE_ID = 1 << 2,
    RC_FIELD_COMMAND = 1 << 3,
    RC_FIELD_STATE = 1 << 4, /* state and engine_state */
    RC_FIELD_HEALTH = 1 << 5,
    RC_FIELD_EXIT_CODE = 1 << 6, /* list: from the Status text of exited and restarting ones */
    RC_FIELD_OOM = 1 << 7,
    RC_FIELD_RESTART_COUNT = 1 << 8,
    RC_FIELD_CREATED = 1 << 9,
    RC_FIELD_STARTED = 1 << 10,
    RC_FIELD_FINISHED = 1 << 11,
    RC_FIELD_LABELS = 1 << 12,
    RC_FIELD_NETWORK_MODE = 1 << 13,
    RC_FIELD_PID = 1 << 14,
    RC_FIELD_RESTART_POLICY = 1 << 15,
    RC_FIELD_PORTS = 1 << 16, /* not in Podman's list, which has not all of them */
    RC_FIELD_NETWORKS = 1 << 17,
    RC_FIELD_MOUNTS = 1 << 18, /* not in a list that lacks an anonymous volume's source */
};

enum rc_source { RC_SOURCE_LIST, RC_SOURCE_INSPECT };

typedef struct rc_observation {
    enum rc_source source;
    uint32_t fields; /* of enum rc_field */
    rc_row row;      /* what is not in fields is as rc_row_init left it; not yet normalised */
    /* The list's Status text says how long ago the container started (running, paused) or finished
     * (exited, restarting), in coarse words: bounds of that age in seconds, lo <= age < hi.
     * hi = 0: it says nothing. */
    int64_t age_lo;
    int64_t age_hi;
    /* Further names of a rename in progress may be listed: is `name` only one of several? */
    bool name_ambiguous;
} rc_observation;

#endif
