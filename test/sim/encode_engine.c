/* What the engine says of itself: /info, /version, networks, errors; and the model as the index
 * must show it. */
#include <stdio.h>
#include <stdlib.h>

#include "encode_parts.h"

static void count_states(const sim *s, uint64_t *running, uint64_t *paused, uint64_t *stopped)
{
    sim_slot *slot;
    *running = *paused = *stopped = 0;
    TAILQ_FOREACH(slot, sim_model_slots(s->model), link)
    {
        enum rc_state state = slot->now->state;
        if (state == RC_STATE_RUNNING || state == RC_STATE_RESTARTING)
            ++*running;
        else if (state == RC_STATE_PAUSED)
            ++*paused;
        else
            ++*stopped;
    }
}

static void u64_field(rc_json *j, const char *key, uint64_t value)
{
    rc_json_key(j, rc_str_c(key));
    rc_json_u64(j, value);
}

static void info_counts(rc_json *j, const sim *s)
{
    uint64_t running, paused, stopped;
    count_states(s, &running, &paused, &stopped);
    u64_field(j, "Containers", sim_model_count(s->model));
    u64_field(j, "ContainersRunning", running);
    u64_field(j, "ContainersPaused", paused);
    u64_field(j, "ContainersStopped", stopped);
    u64_field(j, "Images", 1);
}

static void docker_info_rest(rc_json *j, const sim *s)
{
    rc_json_raw(j,
                RC_STR("\"LoggingDriver\":\"json-file\",\"CgroupDriver\":\"cgroupfs\","
                       "\"CgroupVersion\":\"1\",\"NEventsListener\":0,\"KernelVersion\":\"6.1.0\","
                       "\"OperatingSystem\":\"Debian GNU/Linux 12 (bookworm)\","
                       "\"OSVersion\":\"12\",\"OSType\":\"linux\",\"Architecture\":\"x86_64\","
                       "\"IndexServerAddress\":\"https://index.docker.io/v1/\","
                       "\"RegistryConfig\":{},\"NCPU\":2,\"MemTotal\":8589934592,"
                       "\"GenericResources\":null,\"DockerRootDir\":\"/var/lib/docker\","
                       "\"HttpProxy\":\"\",\"HttpsProxy\":\"\",\"NoProxy\":\"\","
                       "\"Name\":\"sim\",\"Labels\":[],\"ExperimentalBuild\":false"));
    sim_encode_str(j, "ServerVersion", rc_str_c(s->profile->version));
    rc_json_raw(j, RC_STR("\"Runtimes\":{\"runc\":{\"path\":\"runc\"}},\"DefaultRuntime\":\"runc\","
                          "\"Swarm\":{\"NodeID\":\"\",\"NodeAddr\":\"\","
                          "\"LocalNodeState\":\"inactive\",\"ControlAvailable\":false,"
                          "\"Error\":\"\",\"RemoteManagers\":null},\"LiveRestoreEnabled\":false,"
                          "\"Isolation\":\"\",\"InitBinary\":\"docker-init\","
                          "\"ContainerdCommit\":{\"ID\":\"\",\"Expected\":\"\"},"
                          "\"RuncCommit\":{\"ID\":\"\",\"Expected\":\"\"},"
                          "\"InitCommit\":{\"ID\":\"\",\"Expected\":\"\"},"
                          "\"SecurityOptions\":[\"name=seccomp,profile=default\"],"
                          "\"Warnings\":null"));
}

static void podman_info_rest(rc_json *j, const sim *s)
{
    rc_json_raw(j, RC_STR("\"LoggingDriver\":\"\",\"CgroupDriver\":\"cgroupfs\","
                          "\"NEventsListener\":0,\"KernelVersion\":\"6.1.0\","
                          "\"OperatingSystem\":\"debian\",\"OSVersion\":\"12\","
                          "\"OSType\":\"linux\",\"Architecture\":\"amd64\","
                          "\"IndexServerAddress\":\"\",\"RegistryConfig\":{},\"NCPU\":2,"
                          "\"MemTotal\":8589934592,\"GenericResources\":null,"
                          "\"DockerRootDir\":\"/var/lib/containers/storage\","
                          "\"HttpProxy\":\"\",\"HttpsProxy\":\"\",\"NoProxy\":\"\","
                          "\"Name\":\"sim\",\"Labels\":null,\"ExperimentalBuild\":true"));
    sim_encode_str(j, "ServerVersion", rc_str_c(s->profile->version));
    rc_json_raw(j, RC_STR("\"Runtimes\":{\"crun\":{\"path\":\"/usr/bin/crun\"}},"
                          "\"DefaultRuntime\":\"/usr/bin/crun\",\"Swarm\":{\"NodeID\":\"\","
                          "\"NodeAddr\":\"\",\"LocalNodeState\":\"inactive\","
                          "\"ControlAvailable\":false,\"Error\":\"\",\"RemoteManagers\":null},"
                          "\"LiveRestoreEnabled\":false,\"Isolation\":\"\",\"InitBinary\":\"\","
                          "\"ContainerdCommit\":{\"ID\":\"\",\"Expected\":\"\"},"
                          "\"RuncCommit\":{\"ID\":\"\",\"Expected\":\"\"},"
                          "\"InitCommit\":{\"ID\":\"\",\"Expected\":\"\"},"
                          "\"SecurityOptions\":[\"name=seccomp,profile=default\"],"
                          "\"ProductLicense\":\"Apache-2.0\",\"Warnings\":[],"
                          "\"BuildahVersion\":\"1.28.2\",\"CPURealtimePeriod\":true,"
                          "\"CPURealtimeRuntime\":true,\"CgroupVersion\":\"1\",\"Rootless\":false,"
                          "\"SwapFree\":0,\"SwapTotal\":0,\"Uptime\":\"0h 39m 18.00s\""));
}

void sim_encode_info(rc_buf *out, sim *s)
{
    rc_json j;
    char now[RC_TIME_MAX];
    if (s->profile->podman)
        sim_new_identity(s);
    (void)rc_time_format(now, sim_now(s));
    rc_json_init(&j, out);
    rc_json_object(&j);
    sim_encode_str(&j, "ID", rc_str_c(s->engine_id));
    info_counts(&j, s);
    sim_encode_str(&j, "Driver", s->profile->podman ? RC_STR("overlay") : RC_STR("overlay2"));
    rc_json_raw(&j, RC_STR("\"DriverStatus\":[[\"Supports d_type\",\"true\"]],\"Plugins\":"
                           "{\"Volume\":[\"local\"],\"Network\":[\"bridge\",\"host\",\"null\"],"
                           "\"Authorization\":null,\"Log\":[\"json-file\"]},"
                           "\"MemoryLimit\":true,\"SwapLimit\":true,\"KernelMemory\":true,"
                           "\"KernelMemoryTCP\":true,\"CpuCfsPeriod\":true,\"CpuCfsQuota\":true,"
                           "\"CPUShares\":true,\"CPUSet\":true,\"PidsLimit\":true,"
                           "\"IPv4Forwarding\":true,\"BridgeNfIptables\":true,"
                           "\"BridgeNfIp6tables\":true,\"Debug\":false,\"NFd\":24,"
                           "\"OomKillDisable\":true,\"NGoroutines\":40"));
    sim_encode_str(&j, "SystemTime", rc_str_c(now));
    if (s->profile->podman)
        podman_info_rest(&j, s);
    else
        docker_info_rest(&j, s);
    rc_json_object_end(&j);
    rc_buf_putc(out, '\n');
}

static void version_component(rc_json *j, const sim *s)
{
    char api[8], min[8];
    RC_JSON_KEY(j, "Components");
    rc_json_array(j);
    rc_json_object(j);
    sim_encode_str(j, "Name", s->profile->podman ? RC_STR("Podman Engine") : RC_STR("Engine"));
    sim_encode_str(j, "Version", rc_str_c(s->profile->version));
    RC_JSON_KEY(j, "Details");
    rc_json_object(j);
    sim_encode_str(
        j, s->profile->podman ? "APIVersion" : "ApiVersion",
        rc_str_c(s->profile->podman ? s->profile->version : sim_api_text(s->profile->api, api)));
    rc_json_raw(j,
                RC_STR("\"Arch\":\"amd64\",\"BuildTime\":\"1970-01-01T00:00:00Z\","
                       "\"Experimental\":\"false\",\"GitCommit\":\"\",\"GoVersion\":\"go1.19.8\","
                       "\"KernelVersion\":\"6.1.0\""));
    sim_encode_str(j, "MinAPIVersion",
                   rc_str_c(s->profile->podman ? "4.0.0" : sim_api_text(s->profile->api_min, min)));
    sim_encode_str(j, "Os", RC_STR("linux"));
    rc_json_object_end(j);
    rc_json_object_end(j);
    rc_json_array_end(j);
}

void sim_encode_version(rc_buf *out, const sim *s)
{
    rc_json j;
    char api[8], min[8];
    rc_json_init(&j, out);
    rc_json_object(&j);
    rc_json_raw(&j, s->profile->podman ? RC_STR("\"Platform\":{\"Name\":\"linux/amd64/debian-12\"}")
                                       : RC_STR("\"Platform\":{\"Name\":\"\"}"));
    version_component(&j, s);
    sim_encode_str(&j, "Version", rc_str_c(s->profile->version));
    sim_encode_str(&j, "ApiVersion", rc_str_c(sim_api_text(s->profile->api, api)));
    sim_encode_str(&j, "MinAPIVersion", rc_str_c(sim_api_text(s->profile->api_min, min)));
    rc_json_raw(&j, RC_STR("\"GitCommit\":\"\",\"GoVersion\":\"go1.19.8\",\"Os\":\"linux\","
                           "\"Arch\":\"amd64\",\"KernelVersion\":\"6.1.0\","
                           "\"BuildTime\":\"1970-01-01T00:00:00Z\""));
    rc_json_object_end(&j);
    rc_buf_putc(out, '\n');
}

void sim_encode_network(rc_buf *out, const sim *s, const sim_network *n)
{
    rc_json j;
    char text[RC_TIME_MAX];
    (void)s;
    rc_json_init(&j, out);
    rc_json_object(&j);
    sim_encode_str(&j, "Name", rc_str_c(n->name));
    sim_encode_id(&j, "Id", &n->id);
    (void)rc_time_format(text, n->created_ns);
    sim_encode_str(&j, "Created", rc_str_c(text));
    sim_encode_str(&j, "Scope", RC_STR("local"));
    sim_encode_str(&j, "Driver", rc_str_c(n->driver));
    RC_JSON_KEY(&j, "EnableIPv6");
    rc_json_bool(&j, false);
    RC_JSON_KEY(&j, "IPAM");
    rc_json_object(&j);
    sim_encode_str(&j, "Driver", RC_STR("default"));
    RC_JSON_KEY(&j, "Options");
    rc_json_null(&j);
    RC_JSON_KEY(&j, "Config");
    rc_json_array(&j);
    if (n->subnet) {
        rc_json_object(&j);
        (void)snprintf(text, sizeof(text), "172.%u.0.0/16", n->subnet);
        sim_encode_str(&j, "Subnet", rc_str_c(text));
        (void)snprintf(text, sizeof(text), "172.%u.0.1", n->subnet);
        sim_encode_str(&j, "Gateway", rc_str_c(text));
        rc_json_object_end(&j);
    }
    rc_json_array_end(&j);
    rc_json_object_end(&j);
    rc_json_raw(&j, RC_STR("\"Internal\":false,\"Attachable\":false,\"Ingress\":false,"
                           "\"ConfigFrom\":{\"Network\":\"\"},\"ConfigOnly\":false,"
                           "\"Containers\":{},\"Options\":{},\"Labels\":{}"));
    rc_json_object_end(&j);
}

void sim_encode_error(rc_buf *out, const sim *s, int status, const char *message)
{
    rc_json j;
    rc_json_init(&j, out);
    rc_json_object(&j);
    if (s->profile->podman) {
        const char *cause = strstr(message, ": ");
        sim_encode_str(&j, "cause", rc_str_c(cause ? cause + 2 : message));
    }
    sim_encode_str(&j, "message", rc_str_c(message));
    if (s->profile->podman)
        u64_field(&j, "response", (uint64_t)status);
    rc_json_object_end(&j);
    rc_buf_putc(out, '\n');
}

/* ---- the index's row ---- */

static int compare_ports(const void *a, const void *b)
{
    const rc_port *p = a, *q = b;
    int rc = (int)p->private_port - (int)q->private_port;
    if (rc == 0)
        rc = rc_str_cmp(p->protocol, q->protocol);
    if (rc == 0)
        rc = rc_str_cmp(p->ip, q->ip);
    return rc != 0 ? rc : (int)p->public_port - (int)q->public_port;
}

static void row_ports(rc_json *j, const sim_container *c)
{
    uint32_t n = c->spec->n_ports;
    bool up = c->state == RC_STATE_RUNNING || c->state == RC_STATE_PAUSED;
    rc_port *sorted = up && n > 0 ? malloc(n * sizeof(*sorted)) : NULL;
    RC_JSON_KEY(j, "ports");
    rc_json_array(j);
    if (sorted) {
        memcpy(sorted, c->spec->ports, n * sizeof(*sorted));
        qsort(sorted, n, sizeof(*sorted), compare_ports);
    }
    for (uint32_t i = 0; sorted && i < n; i++) {
        rc_json_object(j);
        sim_encode_str(j, "ip", sorted[i].public_port ? sorted[i].ip : RC_STR_EMPTY);
        u64_field(j, "private_port", sorted[i].private_port);
        u64_field(j, "public_port", sorted[i].public_port);
        sim_encode_str(j, "protocol", sorted[i].protocol);
        rc_json_object_end(j);
    }
    rc_json_array_end(j);
    free(sorted);
}

static void row_networks(rc_json *j, const sim_container *c)
{
    bool up = c->state == RC_STATE_RUNNING || c->state == RC_STATE_PAUSED;
    RC_JSON_KEY(j, "networks");
    rc_json_object(j);
    for (unsigned i = 0; i < c->n_endpoints; i++) {
        char ip[16], mac[18];
        const sim_endpoint *e = &c->endpoints[i];
        sim_endpoint_address(e, ip, mac);
        rc_json_key(j, rc_str_c(e->network->name));
        rc_json_object(j);
        if (c->started_ns || up)
            sim_encode_id(j, "id", &e->network->id);
        else
            sim_encode_str(j, "id", RC_STR_EMPTY);
        sim_encode_str(j, "ip", up ? rc_str_c(ip) : RC_STR_EMPTY);
        sim_encode_str(j, "ip6", RC_STR_EMPTY);
        sim_encode_str(j, "mac", up ? rc_str_c(mac) : RC_STR_EMPTY);
        rc_json_object_end(j);
    }
    rc_json_object_end(j);
}

static void row_mounts(rc_json *j, const sim_container *c)
{
    RC_JSON_KEY(j, "mounts");
    rc_json_array(j);
    for (uint32_t i = 0; i < c->spec->n_mounts; i++) {
        const rc_mount *m = &c->spec->mounts[i];
        rc_json_object(j);
        sim_encode_str(j, "type", m->type);
        sim_encode_str(j, "name", m->name);
        sim_encode_str(j, "source", m->source);
        sim_encode_str(j, "destination", m->destination);
        RC_JSON_KEY(j, "read_only");
        rc_json_bool(j, m->read_only);
        rc_json_object_end(j);
    }
    rc_json_array_end(j);
}

static void time_field(rc_json *j, const char *key, int64_t ns)
{
    rc_json_key(j, rc_str_c(key));
    rc_json_time(j, ns);
}

static void row_run(rc_json *j, const sim *s, const sim_container *c)
{
    bool up = c->state == RC_STATE_RUNNING || c->state == RC_STATE_PAUSED;
    bool ended = !up && c->state != RC_STATE_CREATED;
    const char *word = sim_engine_state(s, c);
    sim_encode_str(j, "state", rc_str_c(word));
    sim_encode_str(j, "engine_state", rc_str_c(word));
    sim_encode_str(j, "health", rc_str_c(rc_health_name(c->health)));
    RC_JSON_KEY(j, "exit_code");
    if (ended)
        rc_json_i64(j, c->exit_code);
    else
        rc_json_null(j);
    RC_JSON_KEY(j, "oom_killed");
    rc_json_bool(j, c->oom_killed);
    u64_field(j, "restart_count", c->restart_count);
    RC_JSON_KEY(j, "pid");
    if (up)
        rc_json_u64(j, c->pid);
    else
        rc_json_null(j);
    time_field(j, "created_at", c->created_ns - c->created_ns % RC_NS_PER_SEC);
    time_field(j, "started_at", c->started_ns);
    time_field(j, "finished_at", c->finished_ns);
}

static void state_row(rc_json *j, const sim *s, const sim_container *c)
{
    rc_json_object(j);
    sim_encode_id(j, "id", &c->id);
    sim_encode_str(j, "name", rc_str_c(c->name));
    sim_encode_str(j, "image", c->spec->image);
    sim_encode_str(j, "image_id", c->spec->image_id);
    sim_encode_str(j, "command", c->spec->command);
    row_run(j, s, c);
    RC_JSON_KEY(j, "labels");
    sim_encode_labels(j, c->spec);
    sim_encode_str(j, "network_mode", c->spec->network_mode);
    sim_encode_str(j, "restart_policy", rc_str_c(c->restart_policy));
    row_ports(j, c);
    row_networks(j, c);
    row_mounts(j, c);
    rc_json_object_end(j);
}

void sim_encode_state(rc_buf *out, const sim *s)
{
    rc_json j;
    sim_slot *slot;
    sim_network *n;
    rc_json_init(&j, out);
    rc_json_object(&j);
    sim_encode_str(&j, "engine_id", rc_str_c(s->engine_id));
    RC_JSON_KEY(&j, "containers");
    rc_json_array(&j);
    TAILQ_FOREACH(slot, sim_model_slots(s->model), link)
    state_row(&j, s, slot->now);
    rc_json_array_end(&j);
    RC_JSON_KEY(&j, "networks");
    rc_json_array(&j);
    TAILQ_FOREACH(n, sim_model_networks(s->model), link)
    {
        rc_json_object(&j);
        sim_encode_id(&j, "id", &n->id);
        sim_encode_str(&j, "name", rc_str_c(n->name));
        sim_encode_str(&j, "driver", rc_str_c(n->driver));
        rc_json_object_end(&j);
    }
    rc_json_array_end(&j);
    rc_json_object_end(&j);
}
