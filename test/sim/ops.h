/* What can happen to a container, each with the events that the simulated engine emits for it, in
 * its order (see the table of cases in test/sim/README.md). All of them fail with a message when
 * the container is in no state for it, and change nothing then. */
#ifndef SIM_OPS_H
#define SIM_OPS_H

#include "sim.h"

int sim_op_create(sim *s, rc_str name, sim_spec *spec, const char *restart_policy,
                  const rc_str *networks, unsigned n_networks, sim_slot **ret, rc_error *err);
int sim_op_start(sim *s, sim_slot *slot, rc_error *err);
int sim_op_fail_start(sim *s, sim_slot *slot, int32_t exit_code, rc_str message, rc_error *err);

/* The process ends: by itself (restarting: into back-off), by stop, kill or oom. One that was
 * created with auto_remove is gone then, and its slot with it. */
int sim_op_die(sim *s, sim_slot *slot, int32_t exit_code, bool restarting, rc_error *err);
int sim_op_stop(sim *s, sim_slot *slot, int32_t exit_code, bool by_kill, rc_error *err);
int sim_op_kill(sim *s, sim_slot *slot, int signal, rc_error *err);
int sim_op_oom(sim *s, sim_slot *slot, bool dies, rc_error *err);

int sim_op_restart(sim *s, sim_slot *slot, rc_error *err);
int sim_op_pause(sim *s, sim_slot *slot, rc_error *err);
int sim_op_unpause(sim *s, sim_slot *slot, rc_error *err);
int sim_op_health(sim *s, sim_slot *slot, enum rc_health health, rc_error *err);
int sim_op_probe(sim *s, sim_slot *slot, rc_error *err);
int sim_op_rename(sim *s, sim_slot *slot, rc_str name, rc_error *err);
int sim_op_update(sim *s, sim_slot *slot, rc_str restart_policy, rc_error *err);
int sim_op_removing(sim *s, sim_slot *slot, rc_error *err);
int sim_op_destroy(sim *s, sim_slot *slot, rc_error *err);
int sim_op_connect(sim *s, sim_slot *slot, rc_str network, rc_error *err);
int sim_op_disconnect(sim *s, sim_slot *slot, rc_str network, rc_error *err);
int sim_op_network_create(sim *s, rc_str name, sim_network **ret, rc_error *err);
int sim_op_network_destroy(sim *s, rc_str name, rc_error *err);

/* A create that failed half-way: `destroy` of a container that never was. */
int sim_op_fail_create(sim *s, rc_str name, sim_spec *spec, rc_error *err);

/* The daemon died and is back: all that ran is exited and nobody said so. With live_restore it
 * runs on. Either way the ring is lost. */
void sim_op_daemon_died(sim *s, bool live_restore);

#endif
