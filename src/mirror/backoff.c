/* Exponential back-off with equal jitter. */
#include "mirror/backoff.h"

#include "base/hash.h"

void rc_backoff_init(rc_backoff *b, int64_t first_ns, int64_t max_ns, uint64_t seed)
{
    *b = (rc_backoff){.first_ns = first_ns, .max_ns = max_ns, .step_ns = first_ns, .rand = seed};
}

int64_t rc_backoff_next(rc_backoff *b)
{
    int64_t step = b->step_ns;
    int64_t half = step / 2;

    b->step_ns = step > b->max_ns / 2 ? b->max_ns : step * 2;
    return half + (int64_t)(rc_rand_next(&b->rand) % (uint64_t)(step - half + 1));
}

void rc_backoff_reset(rc_backoff *b)
{
    b->step_ns = b->first_ns;
}
