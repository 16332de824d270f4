/* Operations and the events they make. Sources: test/captures and, for 23.0 and later, moby's
 * daemon/stop.go and monitor.go. */
#include "ops.h"

#include <stdio.h>
#include <stdlib.h>

#include "stream.h"

static bool is_up(const sim_container *c)
{
    return c->state == RC_STATE_RUNNING || c->state == RC_STATE_PAUSED;
}

static int refuse(const sim_slot *slot, const char *what, rc_error *err)
{
    return rc_fail(err, RC_INVALID, "cannot %s a container that is %s", what,
                   rc_state_name(slot->now->state));
}

/* The container to change, and before that what lists are to show for some time yet. */
static sim_container *edit(sim *s, sim_slot *slot)
{
    return sim_model_edit(s->model, slot);
}

static void keep_stale(sim *s, sim_slot *slot, enum sim_stale_action action)
{
    const sim_stale_rule *rule = &s->stale[action];
    if (rule->ms == 0 && rule->lists == 0)
        return;
    sim_container_ref(slot->now);
    sim_container_unref(slot->stale);
    slot->stale = slot->now;
    slot->stale_lists = rule->lists;
    slot->stale_until = rule->ms > 0 ? rc_clock_mono() + rule->ms * RC_NS_PER_MS : 0;
}

static int nomem(rc_error *err)
{
    return rc_fail(err, RC_NOMEM, "out of memory for a container's version");
}

static void say(sim *s, sim_slot *slot, const char *action)
{
    sim_stream_container(s->stream, slot->now, action, NULL, 0);
}

static void say_kill(sim *s, sim_slot *slot, int signal)
{
    char number[16];
    (void)snprintf(number, sizeof(number), "%d", signal);
    sim_attribute own[] = {{"signal", rc_str_c(number)}};
    if (s->profile->podman)
        say(s, slot, "kill");
    else
        sim_stream_container(s->stream, slot->now, "kill", own, 1);
}

static void say_networks(sim *s, sim_slot *slot, const char *action)
{
    for (unsigned i = 0; i < slot->now->n_endpoints; i++)
        sim_stream_network(s->stream, slot->now->endpoints[i].network, action, &slot->now->id);
}

static void say_die(sim *s, sim_slot *slot)
{
    const sim_container *c = slot->now;
    char code[16], seconds[24];
    int64_t ran = c->finished_ns - c->started_ns;
    (void)snprintf(code, sizeof(code), "%d", (int)c->exit_code);
    (void)snprintf(seconds, sizeof(seconds), "%lld",
                   (long long)(ran > 0 ? ran / RC_NS_PER_SEC : 0));
    sim_attribute podman[] = {{"containerExitCode", rc_str_c(code)}, {"exitCode", rc_str_c(code)}};
    sim_attribute docker[] = {{"execDuration", rc_str_c(seconds)}, {"exitCode", rc_str_c(code)}};
    if (s->profile->podman)
        sim_stream_container(s->stream, slot->now, "die", podman, 2);
    else if (s->profile->stop_races_die)
        sim_stream_container(s->stream, slot->now, "die", docker, 2);
    else
        sim_stream_container(s->stream, slot->now, "die", docker + 1, 1);
}

/* ---- running ---- */

int sim_op_create(sim *s, rc_str name, sim_spec *spec, const char *restart_policy,
                  const rc_str *networks, unsigned n_networks, sim_slot **ret, rc_error *err)
{
    sim_network *found[SIM_ENDPOINTS_MAX];
    sim_slot *slot;
    if (n_networks > SIM_ENDPOINTS_MAX)
        return rc_fail(err, RC_FULL, "a container may be on %d networks", SIM_ENDPOINTS_MAX);
    for (unsigned i = 0; i < n_networks; i++) {
        int rc = sim_network_find(s->model, networks[i], &found[i], err);
        if (rc != RC_OK)
            return rc;
    }
    int rc = sim_model_add(s->model, spec, name, sim_now(s), &slot, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(slot->now->restart_policy, sizeof(slot->now->restart_policy), "%s",
                   restart_policy);
    for (unsigned i = 0; i < n_networks && rc == RC_OK; i++)
        rc = sim_container_attach(slot->now, found[i], err);
    if (rc != RC_OK) {
        sim_model_remove(s->model, slot);
        return rc;
    }
    say(s, slot, "create");
    *ret = slot;
    return RC_OK;
}

static void set_running(sim *s, sim_container *c)
{
    bool again = c->state == RC_STATE_RESTARTING;
    c->state = RC_STATE_RUNNING;
    c->started_ns = sim_now(s);
    c->exit_code = 0;
    c->oom_killed = false;
    c->pid = 2 + (uint32_t)sim_random(s, 4000000);
    c->health = c->spec->has_check ? RC_HEALTH_STARTING : RC_HEALTH_NONE;
    c->restart_count = again ? c->restart_count + 1 : 0;
    free(c->error);
    c->error = NULL;
    sim_container_assign(c, true);
}

static void say_start(sim *s, sim_slot *slot)
{
    if (s->profile->podman)
        say(s, slot, "init");
    else
        say_networks(s, slot, "connect");
    say(s, slot, "start");
}

int sim_op_start(sim *s, sim_slot *slot, rc_error *err)
{
    bool backoff = slot->now->state == RC_STATE_RESTARTING;
    if (is_up(slot->now) || slot->now->state == RC_STATE_REMOVING ||
        slot->now->state == RC_STATE_DEAD)
        return refuse(slot, "start", err);
    sim_container *c = edit(s, slot);
    if (!c)
        return nomem(err);
    set_running(s, c);
    /* Podman says so of its restart policy. */
    if (backoff && s->profile->podman)
        say(s, slot, "restart");
    say_start(s, slot);
    return RC_OK;
}

int sim_op_fail_start(sim *s, sim_slot *slot, int32_t exit_code, rc_str message, rc_error *err)
{
    if (is_up(slot->now) || slot->now->state == RC_STATE_REMOVING)
        return refuse(slot, "start", err);
    sim_container *c = edit(s, slot);
    char *error = c ? strndup(message.ptr, message.len) : NULL;
    if (!error)
        return nomem(err);
    free(c->error);
    c->error = error;
    c->exit_code = exit_code;
    say_networks(s, slot, "connect");
    say_networks(s, slot, "disconnect");
    return RC_OK;
}

static void set_ended(sim *s, sim_container *c, int32_t exit_code, bool restarting)
{
    c->state = restarting ? RC_STATE_RESTARTING : RC_STATE_EXITED;
    c->exit_code = exit_code;
    c->finished_ns = sim_now(s);
    c->pid = 0;
    if (c->spec->has_check)
        c->health = RC_HEALTH_UNHEALTHY;
    sim_container_assign(c, false);
}

/* The end of the process and what goes with it, in the engine's order. */
static int end_process(sim *s, sim_slot *slot, int32_t exit_code, bool restarting, rc_error *err)
{
    sim_container *c = edit(s, slot);
    if (!c)
        return nomem(err);
    if (s->profile->disconnect_before_die)
        say_networks(s, slot, "disconnect");
    c = edit(s, slot); /* the ring holds what was just said */
    if (!c)
        return nomem(err);
    set_ended(s, c, exit_code, restarting);
    say_die(s, slot);
    if (!s->profile->disconnect_before_die)
        say_networks(s, slot, "disconnect");
    if (s->profile->podman && !restarting)
        say(s, slot, "cleanup");
    return RC_OK;
}

static void remove_container(sim *s, sim_slot *slot)
{
    say(s, slot, s->profile->podman ? "remove" : "destroy");
    sim_model_remove(s->model, slot);
}

/* The end that is not a restart's. */
static int end_for_good(sim *s, sim_slot *slot, int32_t exit_code, rc_error *err)
{
    int rc = end_process(s, slot, exit_code, false, err);
    if (rc == RC_OK && slot->now->spec->auto_remove)
        remove_container(s, slot);
    return rc;
}

int sim_op_die(sim *s, sim_slot *slot, int32_t exit_code, bool restarting, rc_error *err)
{
    if (!is_up(slot->now))
        return refuse(slot, "end", err);
    keep_stale(s, slot, SIM_STALE_DIE);
    return restarting ? end_process(s, slot, exit_code, true, err)
                      : end_for_good(s, slot, exit_code, err);
}

static int wake(sim *s, sim_slot *slot, rc_error *err)
{
    sim_container *c = edit(s, slot);
    if (!c)
        return nomem(err);
    c->state = RC_STATE_RUNNING;
    say(s, slot, "unpause");
    return RC_OK;
}

static int stop_running(sim *s, sim_slot *slot, int32_t exit_code, bool by_kill, rc_error *err)
{
    bool podman = s->profile->podman;
    bool first = s->profile->stop_races_die && sim_random(s, 2) == 0;
    int rc = RC_OK;
    if (!podman)
        say_kill(s, slot, 15);
    if (slot->now->state == RC_STATE_PAUSED && !podman)
        rc = wake(s, slot, err);
    if (by_kill && !podman)
        say_kill(s, slot, 9);
    if (first)
        say(s, slot, "stop");
    if (rc == RC_OK)
        rc = end_process(s, slot, by_kill ? 137 : exit_code, false, err);
    /* Podman's `stop` is often missing. */
    if (rc == RC_OK && !first && !podman)
        say(s, slot, "stop");
    return rc;
}

int sim_op_stop(sim *s, sim_slot *slot, int32_t exit_code, bool by_kill, rc_error *err)
{
    if (slot->now->state == RC_STATE_RESTARTING) {
        sim_container *c = edit(s, slot);
        if (!c)
            return nomem(err);
        c->state = RC_STATE_EXITED;
        say(s, slot, "stop");
        return RC_OK;
    }
    if (!is_up(slot->now))
        return refuse(slot, "stop", err);
    keep_stale(s, slot, SIM_STALE_STOP);
    int rc = stop_running(s, slot, exit_code, by_kill, err);
    if (rc == RC_OK && slot->now->spec->auto_remove)
        remove_container(s, slot);
    return rc;
}

int sim_op_restart(sim *s, sim_slot *slot, rc_error *err)
{
    int rc = RC_OK;
    bool podman = s->profile->podman;
    if (slot->now->state == RC_STATE_PAUSED || slot->now->state == RC_STATE_REMOVING)
        return refuse(slot, "restart", err);
    if (podman)
        say(s, slot, "restart");
    if (slot->now->state == RC_STATE_RUNNING)
        rc = stop_running(s, slot, 137, true, err);
    else if (slot->now->state == RC_STATE_RESTARTING)
        rc = sim_op_stop(s, slot, 137, false, err);
    if (rc == RC_OK)
        rc = sim_op_start(s, slot, err);
    if (rc == RC_OK && !podman)
        say(s, slot, "restart");
    return rc;
}

int sim_op_kill(sim *s, sim_slot *slot, int signal, rc_error *err)
{
    if (!is_up(slot->now))
        return refuse(slot, "kill", err);
    say_kill(s, slot, signal);
    if (signal != 9)
        return RC_OK;
    keep_stale(s, slot, SIM_STALE_DIE);
    return end_for_good(s, slot, 137, err);
}

int sim_op_pause(sim *s, sim_slot *slot, rc_error *err)
{
    if (slot->now->state != RC_STATE_RUNNING)
        return refuse(slot, "pause", err);
    keep_stale(s, slot, SIM_STALE_PAUSE);
    sim_container *c = edit(s, slot);
    if (!c)
        return nomem(err);
    c->state = RC_STATE_PAUSED;
    say(s, slot, "pause");
    return RC_OK;
}

int sim_op_unpause(sim *s, sim_slot *slot, rc_error *err)
{
    if (slot->now->state != RC_STATE_PAUSED)
        return refuse(slot, "unpause", err);
    keep_stale(s, slot, SIM_STALE_UNPAUSE);
    return wake(s, slot, err);
}

int sim_op_oom(sim *s, sim_slot *slot, bool dies, rc_error *err)
{
    if (!is_up(slot->now))
        return refuse(slot, "run out of memory in", err);
    sim_container *c = edit(s, slot);
    if (!c)
        return nomem(err);
    c->oom_killed = true;
    if (!s->profile->podman)
        say(s, slot, "oom");
    return dies ? end_for_good(s, slot, 137, err) : RC_OK;
}

/* ---- health ---- */

int sim_op_health(sim *s, sim_slot *slot, enum rc_health health, rc_error *err)
{
    char action[40];
    if (!slot->now->spec->has_check)
        return rc_fail(err, RC_INVALID,
                       "the container has no health check (create it with "
                       "health=1)");
    if (slot->now->health == health)
        return RC_OK;
    sim_container *c = edit(s, slot);
    if (!c)
        return nomem(err);
    c->health = health;
    if (health == RC_HEALTH_HEALTHY || health == RC_HEALTH_UNHEALTHY) {
        (void)snprintf(action, sizeof(action), "health_status: %s", rc_health_name(health));
        say(s, slot, s->profile->podman ? "health_status" : action);
    }
    return RC_OK;
}

/* What each run of a health check adds to the stream (and takes from the ring). */
int sim_op_probe(sim *s, sim_slot *slot, rc_error *err)
{
    char exec[RC_ID_LEN + 1];
    rc_id id;
    if (slot->now->state != RC_STATE_RUNNING)
        return refuse(slot, "probe", err);
    if (s->profile->podman) {
        say(s, slot, "exec");
        return RC_OK;
    }
    id = sim_random_id(&s->rng);
    rc_id_format(&id, exec);
    sim_attribute own[] = {{"execID", rc_str_c(exec)}, {"exitCode", RC_STR("0")}};
    sim_stream_container(s->stream, slot->now, "exec_create: /bin/sh -c \"test -e /ok\"", own, 1);
    sim_stream_container(s->stream, slot->now, "exec_start: /bin/sh -c \"test -e /ok\"", own, 1);
    sim_stream_container(s->stream, slot->now, "exec_die", own, 2);
    return RC_OK;
}

/* ---- identity and end ---- */

int sim_op_rename(sim *s, sim_slot *slot, rc_str name, rc_error *err)
{
    char old[300];
    (void)snprintf(old, sizeof(old), "/%s", slot->now->name);
    keep_stale(s, slot, SIM_STALE_RENAME);
    int rc = sim_model_rename(s->model, slot, name, err);
    if (rc != RC_OK)
        return rc;
    sim_attribute own[] = {{"oldName", rc_str_c(old)}};
    if (s->profile->podman) {
        say(s, slot, "rename");
        say(s, slot, "rename");
    } else {
        sim_stream_container(s->stream, slot->now, "rename", own, 1);
    }
    return RC_OK;
}

int sim_op_update(sim *s, sim_slot *slot, rc_str restart_policy, rc_error *err)
{
    if (restart_policy.len >= sizeof(slot->now->restart_policy))
        return rc_fail(err, RC_INVALID, "a restart policy has at most %zu bytes",
                       sizeof(slot->now->restart_policy) - 1);
    sim_container *c = edit(s, slot);
    if (!c)
        return nomem(err);
    memcpy(c->restart_policy, restart_policy.ptr, restart_policy.len);
    c->restart_policy[restart_policy.len] = '\0';
    if (!s->profile->podman)
        say(s, slot, "update");
    return RC_OK;
}

int sim_op_removing(sim *s, sim_slot *slot, rc_error *err)
{
    if (is_up(slot->now))
        return refuse(slot, "remove", err);
    sim_container *c = edit(s, slot);
    if (!c)
        return nomem(err);
    c->state = RC_STATE_REMOVING;
    return RC_OK;
}

int sim_op_destroy(sim *s, sim_slot *slot, rc_error *err)
{
    if (is_up(slot->now)) {
        if (!s->profile->podman)
            say_kill(s, slot, 9);
        int rc = end_process(s, slot, 137, false, err);
        if (rc != RC_OK)
            return rc;
    }
    remove_container(s, slot);
    return RC_OK;
}

int sim_op_fail_create(sim *s, rc_str name, sim_spec *spec, rc_error *err)
{
    sim_slot *slot;
    int rc = sim_model_add(s->model, spec, name, sim_now(s), &slot, err);
    if (rc != RC_OK)
        return rc;
    remove_container(s, slot);
    return RC_OK;
}

/* ---- networks ---- */

int sim_op_connect(sim *s, sim_slot *slot, rc_str network, rc_error *err)
{
    sim_network *n;
    int rc = sim_network_find(s->model, network, &n, err);
    if (rc != RC_OK)
        return rc;
    keep_stale(s, slot, SIM_STALE_CONNECT);
    sim_container *c = edit(s, slot);
    if (!c)
        return nomem(err);
    rc = sim_container_attach(c, n, err);
    if (rc != RC_OK)
        return rc;
    if (is_up(c)) {
        sim_container_assign(c, true);
        sim_stream_network(s->stream, n, "connect", &c->id);
    }
    return RC_OK;
}

int sim_op_disconnect(sim *s, sim_slot *slot, rc_str network, rc_error *err)
{
    sim_network *n;
    int rc = sim_network_find(s->model, network, &n, err);
    if (rc != RC_OK)
        return rc;
    keep_stale(s, slot, SIM_STALE_DISCONNECT);
    sim_container *c = edit(s, slot);
    if (!c)
        return nomem(err);
    if (!sim_container_detach(c, n))
        return rc_fail(err, RC_NOTFOUND, "it is not on the network %s", n->name);
    sim_stream_network(s->stream, n, "disconnect", &c->id);
    if (is_up(c)) /* said twice of one that runs */
        sim_stream_network(s->stream, n, "disconnect", &c->id);
    return RC_OK;
}

int sim_op_network_create(sim *s, rc_str name, sim_network **ret, rc_error *err)
{
    sim_network *n;
    int rc = sim_network_add(s->model, name, sim_now(s), &n, err);
    if (rc != RC_OK)
        return rc;
    sim_stream_network(s->stream, n, "create", NULL);
    *ret = n;
    return RC_OK;
}

int sim_op_network_destroy(sim *s, rc_str name, rc_error *err)
{
    sim_network *n;
    int rc = sim_network_find(s->model, name, &n, err);
    if (rc != RC_OK)
        return rc;
    if (n->in_use > 0)
        return rc_fail(err, RC_BUSY, "the network %s has %u endpoints", n->name, n->in_use);
    sim_stream_network(s->stream, n, "destroy", NULL);
    sim_network_remove(s->model, n);
    return RC_OK;
}

/* ---- the daemon ---- */

void sim_op_daemon_died(sim *s, bool live_restore)
{
    sim_slot *slot;
    sim_stream_forget(s->stream);
    if (live_restore)
        return;
    TAILQ_FOREACH(slot, sim_model_slots(s->model), link)
    {
        if (!is_up(slot->now) && slot->now->state != RC_STATE_RESTARTING)
            continue;
        sim_container *c = edit(s, slot);
        if (c)
            set_ended(s, c, 255, false);
    }
}
