/* How often a line of the log may repeat itself: a few times at once, then one every so often.
 * Pure.
 */
#ifndef RC_DAEMON_PACE_H
#define RC_DAEMON_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialise but for the first two. */
typedef struct rc_pace {
    unsigned burst;   /* lines at once, at least 1 */
    int64_t every_ns; /* then one */
    unsigned used;
    int64_t from_ns; /* since when the next one is waited for */
} rc_pace;

/* May the line be said now? Then it counts as said. now_ns: monotonic. */
bool rc_pace_allows(rc_pace *p, int64_t now_ns);

/* What was complained about is over: the next time is a first one. */
void rc_pace_reset(rc_pace *p);

#endif
