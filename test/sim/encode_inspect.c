/* GET /containers/{id}/json. The parts of it that say nothing of a simulated container are the
 * captures' own bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "encode_parts.h"

/* After RestartPolicy; one for each engine, as captured. */
static const char docker_host_rest[] =
    "\"VolumeDriver\":\"\",\"VolumesFrom\":null,\"CapAdd\":null,\"CapDrop\":null,"
    "\"CgroupnsMode\":\"host\",\"Dns\":null,\"DnsOptions\":null,\"DnsSearch\":null,"
    "\"ExtraHosts\":null,\"GroupAdd\":null,\"IpcMode\":\"private\",\"Cgroup\":\"\",\"Links\":null,"
    "\"OomScoreAdj\":0,\"PidMode\":\"\",\"Privileged\":false,\"PublishAllPorts\":false,"
    "\"ReadonlyRootfs\":false,\"SecurityOpt\":null,\"UTSMode\":\"\",\"UsernsMode\":\"\","
    "\"ShmSize\":67108864,\"Runtime\":\"runc\",\"ConsoleSize\":[0,0],\"Isolation\":\"\","
    "\"CpuShares\":0,\"Memory\":0,\"NanoCpus\":0,\"CgroupParent\":\"\",\"BlkioWeight\":0,"
    "\"BlkioWeightDevice\":null,\"BlkioDeviceReadBps\":null,\"BlkioDeviceWriteBps\":null,"
    "\"BlkioDeviceReadIOps\":null,\"BlkioDeviceWriteIOps\":null,\"CpuPeriod\":0,\"CpuQuota\":0,"
    "\"CpuRealtimePeriod\":0,\"CpuRealtimeRuntime\":0,\"CpusetCpus\":\"\",\"CpusetMems\":\"\","
    "\"Devices\":null,\"DeviceCgroupRules\":null,\"DeviceRequests\":null,\"KernelMemory\":0,"
    "\"KernelMemoryTCP\":0,\"MemoryReservation\":0,\"MemorySwap\":0,\"MemorySwappiness\":null,"
    "\"OomKillDisable\":false,\"PidsLimit\":null,\"Ulimits\":null,\"CpuCount\":0,\"CpuPercent\":0,"
    "\"IOMaximumIOps\":0,\"IOMaximumBandwidth\":0,\"MaskedPaths\":[\"/proc/asound\",\"/proc/acpi\","
    "\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\",\"/proc/timer_list\","
    "\"/proc/timer_stats\",\"/proc/sched_debug\",\"/proc/scsi\",\"/sys/firmware\"],"
    "\"ReadonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
    "\"/proc/sysrq-trigger\"]";

static const char podman_host_rest[] =
    "\"VolumeDriver\":\"\",\"VolumesFrom\":null,\"CapAdd\":[],\"CapDrop\":[],\"CgroupnsMode\":\"\","
    "\"Dns\":[],\"DnsOptions\":[],\"DnsSearch\":[],\"ExtraHosts\":[],\"GroupAdd\":[],"
    "\"IpcMode\":\"shareable\",\"Cgroup\":\"\",\"Links\":null,\"OomScoreAdj\":0,"
    "\"PidMode\":\"private\",\"Privileged\":false,\"PublishAllPorts\":false,"
    "\"ReadonlyRootfs\":false,\"SecurityOpt\":[],\"UTSMode\":\"private\",\"UsernsMode\":\"\","
    "\"ShmSize\":65536000,\"Runtime\":\"oci\",\"ConsoleSize\":[0,0],\"Isolation\":\"\","
    "\"CpuShares\":0,\"Memory\":0,\"NanoCpus\":0,\"CgroupParent\":\"\",\"BlkioWeight\":0,"
    "\"BlkioWeightDevice\":null,\"BlkioDeviceReadBps\":null,\"BlkioDeviceWriteBps\":null,"
    "\"BlkioDeviceReadIOps\":null,\"BlkioDeviceWriteIOps\":null,\"CpuPeriod\":0,\"CpuQuota\":0,"
    "\"CpuRealtimePeriod\":0,\"CpuRealtimeRuntime\":0,\"CpusetCpus\":\"\",\"CpusetMems\":\"\","
    "\"Devices\":[],\"DeviceCgroupRules\":null,\"DeviceRequests\":null,\"KernelMemory\":0,"
    "\"KernelMemoryTCP\":0,\"MemoryReservation\":0,\"MemorySwap\":0,\"MemorySwappiness\":0,"
    "\"OomKillDisable\":false,\"PidsLimit\":2048,\"Ulimits\":[{\"Name\":\"RLIMIT_NOFILE\","
    "\"Hard\":4096,\"Soft\":1024},{\"Name\":\"RLIMIT_NPROC\",\"Hard\":4096,\"Soft\":1024}],"
    "\"CpuCount\":0,\"CpuPercent\":0,\"IOMaximumIOps\":0,\"IOMaximumBandwidth\":0,"
    "\"MaskedPaths\":null,\"ReadonlyPaths\":null";

static void bool_field(rc_json *j, const char *key, bool value)
{
    rc_json_key(j, rc_str_c(key));
    rc_json_bool(j, value);
}

static void time_field(rc_json *j, const char *key, int64_t ns)
{
    char text[RC_TIME_MAX] = "0001-01-01T00:00:00Z";
    if (ns)
        (void)rc_time_format(text, ns);
    sim_encode_str(j, key, rc_str_c(text));
}

/* The words of the command, of which it has at least one. */
static void command_words(rc_json *j, rc_str command, bool skip_first)
{
    bool first = true;
    rc_json_array(j);
    while (command.len > 0) {
        const char *space = memchr(command.ptr, ' ', command.len);
        size_t n = space ? (size_t)(space - command.ptr) : command.len;
        if (!(first && skip_first))
            rc_json_str(j, rc_str_n(command.ptr, n));
        first = false;
        command = space ? rc_str_n(space + 1, command.len - n - 1) : RC_STR_EMPTY;
    }
    rc_json_array_end(j);
}

static void path_and_args(rc_json *j, rc_str command)
{
    const char *space = memchr(command.ptr, ' ', command.len);
    sim_encode_str(j, "Path",
                   rc_str_n(command.ptr, space ? (size_t)(space - command.ptr) : command.len));
    RC_JSON_KEY(j, "Args");
    command_words(j, command, true);
}

/* Podman has the object always, empty without a check. */
static void health(rc_json *j, const sim *s, const sim_container *c)
{
    if (!c->spec->has_check && !s->profile->podman)
        return;
    RC_JSON_KEY(j, "Health");
    rc_json_object(j);
    sim_encode_str(j, "Status",
                   c->spec->has_check ? rc_str_c(rc_health_name(c->health)) : RC_STR_EMPTY);
    RC_JSON_KEY(j, "FailingStreak");
    rc_json_u64(j, c->health == RC_HEALTH_UNHEALTHY);
    RC_JSON_KEY(j, "Log");
    if (c->spec->has_check)
        rc_json_raw(j, RC_STR("[]"));
    else
        rc_json_null(j);
    rc_json_object_end(j);
}

static void state(rc_json *j, const sim *s, const sim_container *c)
{
    bool restarting = c->state == RC_STATE_RESTARTING;
    bool up = c->state == RC_STATE_RUNNING || c->state == RC_STATE_PAUSED;
    RC_JSON_KEY(j, "State");
    rc_json_object(j);
    sim_encode_str(j, "Status", rc_str_c(sim_engine_state(s, c)));
    bool_field(j, "Running", up || restarting);
    bool_field(j, "Paused", c->state == RC_STATE_PAUSED);
    bool_field(j, "Restarting", restarting);
    bool_field(j, "OOMKilled", c->oom_killed);
    bool_field(j, "Dead", c->state == RC_STATE_DEAD);
    RC_JSON_KEY(j, "Pid");
    rc_json_u64(j, up ? c->pid : 0);
    RC_JSON_KEY(j, "ExitCode");
    rc_json_i64(j, c->exit_code);
    sim_encode_str(j, "Error", rc_str_c(c->error));
    time_field(j, "StartedAt", c->started_ns);
    time_field(j, "FinishedAt", c->finished_ns);
    health(j, s, c);
    rc_json_object_end(j);
}

static void engine_paths(rc_json *j, const char *id, bool used)
{
    static const char *const keys[][2] = {{"ResolvConfPath", "resolv.conf"},
                                          {"HostnamePath", "hostname"},
                                          {"HostsPath", "hosts"},
                                          {"LogPath", "json.log"}};
    char path[160] = "";
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (used)
            (void)snprintf(path, sizeof(path), "/var/lib/docker/containers/%s/%s", id, keys[i][1]);
        sim_encode_str(j, keys[i][0], rc_str_c(path));
    }
}

static void restart_policy(rc_json *j, const char *policy)
{
    const char *colon = strchr(policy, ':');
    size_t n = colon ? (size_t)(colon - policy) : strlen(policy);
    RC_JSON_KEY(j, "RestartPolicy");
    rc_json_object(j);
    sim_encode_str(j, "Name", strcmp(policy, "no") == 0 ? RC_STR_EMPTY : rc_str_n(policy, n));
    RC_JSON_KEY(j, "MaximumRetryCount");
    rc_json_i64(j, colon ? strtol(colon + 1, NULL, 10) : 0);
    rc_json_object_end(j);
}

static void host_config(rc_json *j, const sim *s, const sim_container *c)
{
    bool podman = s->profile->podman;
    RC_JSON_KEY(j, "HostConfig");
    rc_json_object(j);
    rc_json_raw(j, podman ? RC_STR("\"Binds\":[],\"ContainerIDFile\":\"\",\"LogConfig\":"
                                   "{\"Type\":\"json-file\",\"Config\":null}")
                          : RC_STR("\"Binds\":null,\"ContainerIDFile\":\"\",\"LogConfig\":"
                                   "{\"Type\":\"json-file\",\"Config\":{}}"));
    sim_encode_str(j, "NetworkMode", c->spec->network_mode);
    rc_json_raw(j, podman ? RC_STR("\"PortBindings\":{}") : RC_STR("\"PortBindings\":null"));
    restart_policy(j, c->restart_policy);
    bool_field(j, "AutoRemove", c->spec->auto_remove);
    rc_json_raw(j, rc_str_c(podman ? podman_host_rest : docker_host_rest));
    rc_json_object_end(j);
}

static void graph_driver(rc_json *j, const sim *s, const char *id)
{
    static const char *const keys[][2] = {
        {"LowerDir", "lower"}, {"MergedDir", "merged"}, {"UpperDir", "diff"}, {"WorkDir", "work"}};
    char path[160];
    RC_JSON_KEY(j, "GraphDriver");
    rc_json_object(j);
    RC_JSON_KEY(j, "Data");
    rc_json_object(j);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        (void)snprintf(path, sizeof(path), "/var/lib/docker/overlay2/%s/%s", id, keys[i][1]);
        sim_encode_str(j, keys[i][0], rc_str_c(path));
    }
    rc_json_object_end(j);
    sim_encode_str(j, "Name", s->profile->podman ? RC_STR("overlay") : RC_STR("overlay2"));
    rc_json_object_end(j);
}

static void config(rc_json *j, const sim *s, const sim_container *c, const char *id)
{
    bool podman = s->profile->podman;
    RC_JSON_KEY(j, "Config");
    rc_json_object(j);
    sim_encode_str(j, "Hostname", rc_str_n(id, 12));
    rc_json_raw(j, RC_STR("\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,"
                          "\"AttachStdout\":false,\"AttachStderr\":false,\"Tty\":false,"
                          "\"OpenStdin\":false,\"StdinOnce\":false"));
    rc_json_raw(j, podman ? RC_STR("\"Env\":[\"container=podman\"]") : RC_STR("\"Env\":null"));
    RC_JSON_KEY(j, "Cmd");
    command_words(j, c->spec->command, false);
    if (c->spec->has_check)
        rc_json_raw(j, RC_STR("\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"test -e /ok\"],"
                              "\"Interval\":500000000}"));
    sim_encode_str(j, "Image", c->spec->image);
    rc_json_raw(j, podman ? RC_STR("\"Volumes\":null,\"WorkingDir\":\"/\",\"Entrypoint\":[],"
                                   "\"OnBuild\":null")
                          : RC_STR("\"Volumes\":null,\"WorkingDir\":\"\",\"Entrypoint\":null,"
                                   "\"OnBuild\":null"));
    RC_JSON_KEY(j, "Labels");
    sim_encode_labels(j, c->spec);
    if (podman)
        rc_json_raw(j, RC_STR("\"StopSignal\":\"15\",\"StopTimeout\":0"));
    rc_json_object_end(j);
}

static void binding(rc_json *j, const rc_port *p)
{
    char number[8];
    (void)snprintf(number, sizeof(number), "%u", (unsigned)p->public_port);
    rc_json_object(j);
    sim_encode_str(j, "HostIp", p->ip);
    sim_encode_str(j, "HostPort", rc_str_c(number));
    rc_json_object_end(j);
}

static bool same_port(const rc_port *a, const rc_port *b)
{
    return a->private_port == b->private_port && rc_str_eq(a->protocol, b->protocol);
}

/* {"80/tcp":[bindings]}: one key for all bindings of a port. */
static void ports(rc_json *j, const sim_container *c)
{
    const sim_spec *spec = c->spec;
    bool up = c->state == RC_STATE_RUNNING || c->state == RC_STATE_PAUSED;
    RC_JSON_KEY(j, "Ports");
    rc_json_object(j);
    for (uint32_t i = 0; up && i < spec->n_ports; i++) {
        char key[32];
        bool seen = false;
        for (uint32_t k = 0; k < i && !seen; k++)
            seen = same_port(&spec->ports[i], &spec->ports[k]);
        if (seen)
            continue;
        (void)snprintf(key, sizeof(key), "%u/%.*s", (unsigned)spec->ports[i].private_port,
                       RC_STR_ARG(spec->ports[i].protocol));
        rc_json_key(j, rc_str_c(key));
        if (spec->ports[i].public_port == 0) {
            rc_json_null(j);
            continue;
        }
        rc_json_array(j);
        for (uint32_t k = i; k < spec->n_ports; k++)
            if (same_port(&spec->ports[i], &spec->ports[k]))
                binding(j, &spec->ports[k]);
        rc_json_array_end(j);
    }
    rc_json_object_end(j);
}

/* API 1.52 dropped what only the default bridge ever filled. */
static void network_settings(rc_json *j, const sim_container *c, int api)
{
    bool old = api < SIM_API_HEALTH_IN_LIST;
    RC_JSON_KEY(j, "NetworkSettings");
    rc_json_object(j);
    if (old)
        sim_encode_str(j, "Bridge", RC_STR_EMPTY);
    sim_encode_str(j, "SandboxID", RC_STR_EMPTY);
    if (old)
        rc_json_raw(j, RC_STR("\"HairpinMode\":false,\"LinkLocalIPv6Address\":\"\","
                              "\"LinkLocalIPv6PrefixLen\":0"));
    ports(j, c);
    sim_encode_str(j, "SandboxKey", RC_STR_EMPTY);
    if (old)
        rc_json_raw(j, RC_STR("\"SecondaryIPAddresses\":null,\"SecondaryIPv6Addresses\":null,"
                              "\"EndpointID\":\"\",\"Gateway\":\"\",\"GlobalIPv6Address\":\"\","
                              "\"GlobalIPv6PrefixLen\":0,\"IPAddress\":\"\",\"IPPrefixLen\":0,"
                              "\"IPv6Gateway\":\"\",\"MacAddress\":\"\""));
    RC_JSON_KEY(j, "Networks");
    sim_encode_endpoints(j, c, api, true);
    rc_json_object_end(j);
}

static void mounts(rc_json *j, const sim_spec *spec)
{
    RC_JSON_KEY(j, "Mounts");
    rc_json_array(j);
    for (uint32_t i = 0; i < spec->n_mounts; i++)
        sim_encode_mount(j, &spec->mounts[i]);
    rc_json_array_end(j);
}

void sim_encode_inspect(rc_buf *out, sim *s, const sim_container *c, int api)
{
    rc_json json;
    rc_json *j = &json;
    char id[RC_ID_LEN + 1];
    bool podman = s->profile->podman;
    rc_id_format(&c->id, id);
    rc_json_init(j, out);
    rc_json_object(j);
    sim_encode_str(j, "Id", rc_str_c(id));
    time_field(j, "Created", c->created_ns);
    path_and_args(j, c->spec->command);
    state(j, s, c);
    sim_encode_str(j, "Image", c->spec->image_id);
    engine_paths(j, id, c->started_ns != 0);
    RC_JSON_KEY(j, "Name");
    sim_encode_slash_name(j, c->name);
    RC_JSON_KEY(j, "RestartCount");
    rc_json_u64(j, c->restart_count);
    sim_encode_str(j, "Driver", podman ? RC_STR("overlay") : RC_STR("overlay2"));
    rc_json_raw(j, RC_STR("\"Platform\":\"linux\",\"MountLabel\":\"\",\"ProcessLabel\":\"\","
                          "\"AppArmorProfile\":\"\""));
    rc_json_raw(j, podman ? RC_STR("\"ExecIDs\":[]") : RC_STR("\"ExecIDs\":null"));
    host_config(j, s, c);
    graph_driver(j, s, id);
    if (podman)
        rc_json_raw(j, RC_STR("\"SizeRootFs\":0"));
    mounts(j, c->spec);
    config(j, s, c, id);
    network_settings(j, c, api);
    rc_json_object_end(j);
    rc_buf_putc(out, '\n');
}
