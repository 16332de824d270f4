/* The events read last, so that what replay and live stream both carry is applied once. Pure. */
#ifndef RC_MIRROR_RECENT_H
#define RC_MIRROR_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"

/* The engine's ring holds 256 events, so no replay is longer; an older one falls out unnoticed, and
 * its repeat would then only be late. */
#define RC_RECENT_MAX 1024

typedef struct rc_recent {
    uint64_t key[2]; /* of the hash; random, so that no label can aim at a collision */
    uint64_t seen[RC_RECENT_MAX];
    unsigned count;
    unsigned next;
} rc_recent;

void rc_recent_init(rc_recent *r, uint64_t key0, uint64_t key1);

/* Has this very event, by (timeNano, container, network, action), been noted before? Notes it if
 * not. */
bool rc_recent_repeat(rc_recent *r, const rc_event *ev);

#endif
