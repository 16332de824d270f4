/* The containers of one list as they were at one moment. */
#ifndef SIM_SNAPSHOT_H
#define SIM_SNAPSHOT_H

#include "filter.h"
#include "sim.h"

/* What GET /containers/json is asked for. */
typedef struct sim_selection {
    bool all;
    size_t limit; /* 0 = none */
    const sim_filter *filter;
} sim_selection;

/* Newest first. Where a container is stale it stands as it was. NULL when out of memory. */
sim_snapshot *sim_snapshot_take(sim *s, const sim_selection *what);
sim_snapshot *sim_snapshot_ref(sim_snapshot *snap);
sim_snapshot *sim_snapshot_unref(sim_snapshot *snap); /* takes NULL, returns NULL */
size_t sim_snapshot_count(const sim_snapshot *snap);
const sim_container *sim_snapshot_at(const sim_snapshot *snap, size_t i);

/* An unknown key of the filter, or "" if all are known. */
rc_str sim_selection_unknown(const sim_selection *what);

#endif
