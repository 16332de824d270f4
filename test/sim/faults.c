/* The queues of answer faults. */
#include "faults.h"

static const char *const kind_names[] = {
    [SIM_PING] = "ping",       [SIM_VERSION] = "version",   [SIM_INFO] = "info",
    [SIM_EVENTS] = "events",   [SIM_LIST] = "list",         [SIM_REREAD] = "reread",
    [SIM_INSPECT] = "inspect", [SIM_NETWORKS] = "networks", [SIM_OTHER] = "other",
};

const char *sim_kind_name(enum sim_kind kind)
{
    return kind < SIM_KIND_COUNT ? kind_names[kind] : NULL;
}

bool sim_kind_parse(rc_str name, enum sim_kind *out)
{
    for (int i = 0; i < SIM_KIND_COUNT; i++) {
        if (rc_str_eq_c(name, kind_names[i])) {
            *out = (enum sim_kind)i;
            return true;
        }
    }
    return false;
}

int sim_faults_add(sim_faults *f, enum sim_kind kind, const sim_answer_fault *fault, rc_error *err)
{
    for (size_t i = 0; i < SIM_FAULTS_QUEUED; i++) {
        if (f->queue[kind][i].times == 0) {
            f->queue[kind][i] = *fault;
            return RC_OK;
        }
    }
    return rc_fail(err, RC_FULL, "%d faults of %s are waiting already", SIM_FAULTS_QUEUED,
                   kind_names[kind]);
}

sim_answer_fault sim_faults_take(sim_faults *f, enum sim_kind kind)
{
    sim_answer_fault *queue = f->queue[kind];
    sim_answer_fault taken = queue[0];
    if (queue[0].times == 0 || queue[0].times == SIM_FAULT_ALWAYS)
        return taken;
    if (--queue[0].times == 0) {
        memmove(queue, queue + 1, (SIM_FAULTS_QUEUED - 1) * sizeof(*queue));
        queue[SIM_FAULTS_QUEUED - 1] = (sim_answer_fault){0};
    }
    return taken;
}
