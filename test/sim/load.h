/* Much at once: bursts (the same cycle over many containers, as fast as asked) for benchmarks, and
 * churn (anything to anybody, from a seed) for tests. */
#ifndef SIM_LOAD_H
#define SIM_LOAD_H

#include "sim.h"

typedef struct sim_burst_options {
    uint64_t steps;
    uint64_t rate;     /* steps a second; 0 = as fast as the subscribers read */
    unsigned pool;     /* containers that are in some stage of their cycle at a time */
    unsigned n_labels; /* of each */
    bool flap;         /* start and die for ever instead of create, start, die, destroy */
} sim_burst_options;

typedef struct sim_churn_options {
    uint64_t steps;      /* 0 = until stopped */
    uint64_t rate;       /* as above */
    unsigned containers; /* at most, about */
    uint64_t seed;
} sim_churn_options;

sim_load *sim_load_new(sim *s);
sim_load *sim_load_free(sim_load *l);

/* RC_BUSY while one of the kind runs. */
int sim_load_burst(sim_load *l, const sim_burst_options *o, rc_error *err);
int sim_load_churn(sim_load *l, const sim_churn_options *o, rc_error *err);
void sim_load_stop(sim_load *l);

uint64_t sim_load_burst_left(const sim_load *l);
uint64_t sim_load_churn_left(const sim_load *l); /* UINT64_MAX = no end */

/* `count` containers PREFIX-0… of one shared spec, running if wanted, silently or not as
 * sim.silent says. */
int sim_load_fill(sim *s, rc_str prefix, uint64_t count, unsigned n_labels, bool running,
                  rc_error *err);

#endif
