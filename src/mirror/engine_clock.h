/* What time it is on the engine's clock: an interval, from what its answers and events betray.
 * Pure. */
#ifndef RC_MIRROR_ENGINE_CLOCK_H
#define RC_MIRROR_ENGINE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The engine's time less ours lies in [lo, hi], in ns. */
typedef struct rc_engine_clock {
    int64_t lo;
    int64_t hi;
    bool known;
} rc_engine_clock;

/* Over a unix socket the engine's clock is ours. */
void rc_engine_clock_local(rc_engine_clock *c);

/* Nothing is known yet: at every connect to an engine elsewhere. */
void rc_engine_clock_unknown(rc_engine_clock *c);

/* An answer with `Date: date_s` (whole seconds, cut) to a request sent and read at these moments of
 * our own clock (ns). Each answer narrows the interval; one that cannot be (a clock was set) starts
 * anew. */
void rc_engine_clock_date(rc_engine_clock *c, int64_t date_s, int64_t sent_ns, int64_t received_ns);

/* The earliest and latest that the engine's clock can have shown at our moment now_ns. Where
 * nothing is known, INT64_MAX for both: every event is then held to be late, which costs a re-read
 * and no truth. */
int64_t rc_engine_clock_earliest(const rc_engine_clock *c, int64_t now_ns);
int64_t rc_engine_clock_latest(const rc_engine_clock *c, int64_t now_ns);

#endif
