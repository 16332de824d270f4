/* When to try again: exponential back-off with jitter, for ever. Pure. */
#ifndef RC_MIRROR_BACKOFF_H
#define RC_MIRROR_BACKOFF_H

#include <stdint.h>

typedef struct rc_backoff {
    int64_t first_ns;
    int64_t max_ns;
    int64_t step_ns; /* of the next failure */
    uint64_t rand;
} rc_backoff;

/* 0 < first_ns <= max_ns; seed: any, different on each host. */
void rc_backoff_init(rc_backoff *b, int64_t first_ns, int64_t max_ns, uint64_t seed);

/* How long to wait after one more failure: between half a step and a whole one, so that a fleet cut
 * off together does not come back together. Steps double from first_ns to max_ns. */
int64_t rc_backoff_next(rc_backoff *b);

/* It worked: the next failure starts at first_ns again. */
void rc_backoff_reset(rc_backoff *b);

#endif
