/* A small world for the mirror: an engine that creates, changes and destroys containers at random,
 * a network between that delays, doubles, inverts, drops and cuts, a store in memory, and a referee
 * that looks at every row put. All from a seed; time is virtual. Used by test_world.c. */
#ifndef RC_TEST_WORLD_H
#define RC_TEST_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "mirror/mirror.h"

typedef struct world world;

typedef struct world_plan {
    uint64_t seed;
    int64_t churn_ns; /* how long the engine changes things */
    int64_t delay_ns; /* how late an event may come */
    int drop_percent; /* events lost on the way */
    int drop_total;   /* but no more than so many (0: as percent says) */
    int dup_percent;
    int invert_percent; /* the next event gets an older time */
    int lag_percent;    /* lists that show what was before a pause, unpause or death */
    int cut_permille;   /* of steps that cut the connection */
    int fail_percent;   /* requests that fail half way */
    int silent_percent; /* of operations: failed starts, of which no event tells */
    bool local_clock;
    bool inspect;
    int64_t skew_ns; /* engine's clock less ours */
    int64_t missing_ttl_ns;
} world_plan;

world *world_new(const world_plan *plan);
world *world_free(world *w);

/* Churns, then lets everything come to rest. */
void world_run(world *w);

/* "" or what a rule was broken by, with the time. */
const char *world_complaint(const world *w);

uint64_t world_stat(const world *w, unsigned stat);
unsigned world_dropped(const world *w); /* events that changed existence or state, and were lost */

#endif
