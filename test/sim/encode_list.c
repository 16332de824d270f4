/* A container as an element of GET /containers/json. Hot: a list of 100,000 goes through here. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "encode_parts.h"

/* Docker shuffles ports and mounts on each call, for they come from Go's maps. n <= 4096. */
static void shuffle(sim *s, uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t other = (uint32_t)sim_random(s, i);
        uint32_t t = order[i - 1];
        order[i - 1] = order[other];
        order[other] = t;
    }
}

static void list_port(rc_json *j, const rc_port *p, bool published, int api)
{
    rc_json_object(j);
    if (published && p->public_port) {
        RC_JSON_KEY(j, "IP");
        rc_json_str(j, p->ip);
    }
    RC_JSON_KEY(j, "PrivatePort");
    rc_json_u64(j, p->private_port);
    if (published && p->public_port) {
        RC_JSON_KEY(j, "PublicPort");
        rc_json_u64(j, p->public_port);
    }
    RC_JSON_KEY(j, "Type");
    rc_json_str(j, p->protocol);
    if (api >= SIM_API_HEALTH_IN_LIST && !(published && p->public_port)) {
        RC_JSON_KEY(j, "IP");
        rc_json_str(j, RC_STR_EMPTY);
    }
    rc_json_object_end(j);
}

static void list_ports(rc_json *j, sim *s, const sim_container *c, int api)
{
    uint32_t order[SIM_SPEC_ITEMS_MAX];
    rc_json_array(j);
    if (rc_state_holds_ports(c->state) && c->state != RC_STATE_RESTARTING) {
        shuffle(s, order, c->spec->n_ports);
        for (uint32_t i = 0; i < c->spec->n_ports; i++)
            list_port(j, &c->spec->ports[order[i]], true, api);
    }
    rc_json_array_end(j);
}

static void list_mounts(rc_json *j, sim *s, const sim_container *c)
{
    uint32_t order[SIM_SPEC_ITEMS_MAX];
    shuffle(s, order, c->spec->n_mounts);
    rc_json_array(j);
    for (uint32_t i = 0; i < c->spec->n_mounts; i++)
        sim_encode_mount(j, &c->spec->mounts[order[i]]);
    rc_json_array_end(j);
}

static const char *health_suffix(const sim_container *c)
{
    switch (c->health) {
    case RC_HEALTH_STARTING:
        return " (health: starting)";
    case RC_HEALTH_HEALTHY:
        return " (healthy)";
    case RC_HEALTH_UNHEALTHY:
        return " (unhealthy)";
    case RC_HEALTH_NONE:
        break;
    }
    return "";
}

/* Podman's list says no health. */
static void status_text(char *out, size_t size, const sim *s, const sim_container *c)
{
    char age[RC_TIME_MAX];
    int64_t now = sim_now(s);
    int64_t since = c->state == RC_STATE_RUNNING || c->state == RC_STATE_PAUSED ? c->started_ns
                                                                                : c->finished_ns;
    (void)rc_duration_human(age, now > since ? now - since : 0);
    switch (c->state) {
    case RC_STATE_RUNNING:
        (void)snprintf(out, size, "Up %s%s", age, s->profile->podman ? "" : health_suffix(c));
        break;
    case RC_STATE_PAUSED:
        (void)snprintf(out, size, "Up %s (Paused)", age);
        break;
    case RC_STATE_RESTARTING:
        (void)snprintf(out, size, "Restarting (%d) %s ago", (int)c->exit_code, age);
        break;
    case RC_STATE_EXITED:
        (void)snprintf(out, size, "Exited (%d) %s ago", (int)c->exit_code, age);
        break;
    case RC_STATE_REMOVING:
        (void)snprintf(out, size, s->profile->removing_is_dead ? "Dead" : "Removal In Progress");
        break;
    case RC_STATE_DEAD:
        (void)snprintf(out, size, "Dead");
        break;
    default:
        (void)snprintf(out, size, "Created");
    }
}

static void list_health(rc_json *j, const sim_container *c)
{
    RC_JSON_KEY(j, "Health");
    rc_json_object(j);
    RC_JSON_KEY(j, "Status");
    rc_json_str(j, rc_str_c(rc_health_name(c->health)));
    RC_JSON_KEY(j, "FailingStreak");
    rc_json_u64(j, c->health == RC_HEALTH_UNHEALTHY);
    rc_json_object_end(j);
}

static void list_networks(rc_json *j, const sim *s, const sim_container *c, int api)
{
    RC_JSON_KEY(j, "NetworkSettings");
    rc_json_object(j);
    RC_JSON_KEY(j, "Networks");
    if (s->profile->podman)
        rc_json_null(j);
    else
        sim_encode_endpoints(j, c, api, false);
    rc_json_object_end(j);
}

void sim_encode_list_element(rc_buf *out, sim *s, const sim_container *c, int api)
{
    rc_json j;
    char status[96];
    status_text(status, sizeof(status), s, c);
    rc_json_init(&j, out);
    rc_json_object(&j);
    sim_encode_id(&j, "Id", &c->id);
    RC_JSON_KEY(&j, "Names");
    rc_json_array(&j);
    sim_encode_slash_name(&j, c->name);
    rc_json_array_end(&j);
    sim_encode_str(&j, "Image", c->spec->image);
    sim_encode_str(&j, "ImageID", c->spec->image_id);
    sim_encode_str(&j, "Command", c->spec->command);
    RC_JSON_KEY(&j, "Created");
    rc_json_i64(&j, c->created_ns / RC_NS_PER_SEC);
    RC_JSON_KEY(&j, "Ports");
    list_ports(&j, s, c, api);
    RC_JSON_KEY(&j, "Labels");
    sim_encode_labels(&j, c->spec);
    sim_encode_str(&j, "State", rc_str_c(sim_engine_state(s, c)));
    sim_encode_str(&j, "Status", rc_str_c(status));
    if (!s->profile->podman) {
        RC_JSON_KEY(&j, "HostConfig");
        rc_json_object(&j);
        sim_encode_str(&j, "NetworkMode", c->spec->network_mode);
        rc_json_object_end(&j);
    }
    list_networks(&j, s, c, api);
    RC_JSON_KEY(&j, "Mounts");
    list_mounts(&j, s, c);
    if (api >= SIM_API_HEALTH_IN_LIST)
        list_health(&j, c);
    if (s->profile->podman)
        rc_buf_puts(out, ",\"Name\":\"\",\"Config\":null,\"NetworkingConfig\":null,"
                         "\"Platform\":null,\"AdjustCPUShares\":false");
    rc_json_object_end(&j);
}
