/* A list element and an inspect → rc_observation. Both speak of one container in different layouts;
 * what they share must come out equal, or each re-read would look like a change. */
#include <stdio.h>

#include "base/clock.h"
#include "wire/status_text.h"
#include "wire/tree.h"

#define SECONDS_MAX (INT64_MAX / RC_NS_PER_SEC)
#define SECONDS_MIN INT64_C(-62135596800) /* Go's zero time */

static void tell(rc_observation *o, enum rc_field field)
{
    o->fields |= (uint32_t)field;
}

static void observation_init(rc_observation *o, enum rc_source source)
{
    *o = (rc_observation){.source = source};
    rc_row_init(&o->row);
}

static void read_id(rc_decoder *d, rc_node root, rc_observation *o)
{
    rc_id parsed;
    o->row.id = rc_tree_str(d, root, "Id");
    if (!rc_id_parse(o->row.id, &parsed))
        rc_tree_bad(d, root, "Id", "is not a container ID");
}

static void read_string(rc_decoder *d, rc_node node, const char *key, rc_observation *o,
                        enum rc_field field, rc_str *out)
{
    if (!rc_tree_has(node, key))
        return;
    *out = rc_tree_str(d, node, key);
    tell(o, field);
}

static void read_state(rc_decoder *d, rc_node node, const char *key, rc_observation *o)
{
    rc_str word = rc_tree_str(d, node, key);
    if (word.len == 0)
        return;
    o->row.state = rc_state_from_engine(word, &o->row.engine_state);
    tell(o, RC_FIELD_STATE);
}

/* {"Status":"healthy",…}; Podman writes "" for a container without a check. A word that is new to
 * us (Podman 5: "stopped", "reset") says nothing: one container's health must not cost the whole
 * list.
 */
static void read_health_object(rc_decoder *d, rc_node health, rc_observation *o)
{
    rc_str word = rc_tree_str(d, health, "Status");
    o->row.health = RC_HEALTH_NONE;
    if (word.len == 0 || rc_health_parse(word, &o->row.health))
        tell(o, RC_FIELD_HEALTH);
}

static void read_labels(rc_decoder *d, rc_node node, rc_observation *o)
{
    rc_tree_labels(d, rc_tree_object(d, node, "Labels"), &o->row.labels, &o->row.n_labels);
    tell(o, RC_FIELD_LABELS);
}

/* Networks is an object where it is known, and null in Podman's list, which then says nothing. */
static void read_networks(rc_decoder *d, rc_node settings, rc_observation *o)
{
    rc_node object = rc_tree_object(d, settings, "Networks");
    if (!object.json)
        return;
    tell(o, RC_FIELD_NETWORKS);
    uint32_t n = rc_tree_count(object);
    rc_netif *nets = n > 0 ? rc_tree_calloc(d, n, sizeof(*nets)) : NULL;
    if (!nets)
        return;
    uint32_t i = 0;
    for (const cJSON *c = object.json->child; c; c = c->next, i++) {
        rc_node net = rc_tree_element(d, object, c);
        nets[i].network = rc_str_c(c->string);
        nets[i].id = rc_tree_str(d, net, "NetworkID");
        nets[i].ip = rc_tree_str(d, net, "IPAddress");
        nets[i].ip6 = rc_tree_str(d, net, "GlobalIPv6Address");
        nets[i].mac = rc_tree_str(d, net, "MacAddress");
    }
    o->row.networks = nets;
    o->row.n_networks = n;
}

/* Docker's list does not know where an anonymous volume lies (seen on 20.10: "Source":"", for the
 * container's whole life), and only inspect does: such a list says nothing of the mounts, or each
 * list would take back what inspect told. */
static void read_mounts(rc_decoder *d, rc_node root, rc_observation *o)
{
    rc_node array = rc_tree_array(d, root, "Mounts");
    uint32_t n = rc_tree_count(array);
    rc_mount *mounts = n > 0 ? rc_tree_calloc(d, n, sizeof(*mounts)) : NULL;
    uint32_t i = 0;
    if (n == 0)
        tell(o, RC_FIELD_MOUNTS);
    if (!mounts)
        return;
    for (const cJSON *c = array.json->child; c; c = c->next, i++) {
        rc_node mount = rc_tree_element(d, array, c);
        mounts[i].type = rc_tree_str(d, mount, "Type");
        mounts[i].name = rc_tree_str(d, mount, "Name");
        mounts[i].source = rc_tree_str(d, mount, "Source");
        mounts[i].destination = rc_tree_str(d, mount, "Destination");
        mounts[i].read_only = !rc_tree_bool(d, mount, "RW", true);
        if (o->source == RC_SOURCE_LIST && mounts[i].source.len == 0 &&
            rc_str_eq(mounts[i].type, RC_STR("volume")))
            return;
    }
    tell(o, RC_FIELD_MOUNTS);
    o->row.mounts = mounts;
    o->row.n_mounts = n;
}

/* ---- the list ---- */

/* Podman's list lacks HostConfig, and alone does. */
static bool is_podman_list(rc_node root)
{
    return !rc_tree_has(root, "HostConfig");
}

/* "/web" is a name; "/web/db" is what a link calls it. Two names: a rename is in progress. */
static void read_names(rc_decoder *d, rc_node root, rc_observation *o)
{
    rc_node names = rc_tree_array(d, root, "Names");
    for (const cJSON *c = names.json ? names.json->child : NULL; c; c = c->next) {
        if (!cJSON_IsString(c)) {
            rc_tree_bad(d, names, "", "holds what is not a string");
            return;
        }
        rc_str name = rc_str_c(c->valuestring);
        if (name.len < 2 || name.ptr[0] != '/' || memchr(name.ptr + 1, '/', name.len - 1))
            continue;
        if (o->fields & RC_FIELD_NAME) {
            o->name_ambiguous = true;
            return;
        }
        o->row.name = rc_str_n(name.ptr + 1, name.len - 1);
        tell(o, RC_FIELD_NAME);
    }
}

/* Podman's list leaves out ports that are exposed only, and of a range all but the first (seen on
 * 4.3): what is incomplete says nothing. Its ports never change, and its inspect tells them all. */
static void read_list_ports(rc_decoder *d, rc_node root, rc_observation *o)
{
    if (is_podman_list(root))
        return;
    rc_node array = rc_tree_array(d, root, "Ports");
    tell(o, RC_FIELD_PORTS);
    uint32_t n = rc_tree_count(array);
    rc_port *ports = n > 0 ? rc_tree_calloc(d, n, sizeof(*ports)) : NULL;
    if (!ports)
        return;
    uint32_t i = 0;
    for (const cJSON *c = array.json->child; c; c = c->next, i++) {
        rc_node port = rc_tree_element(d, array, c);
        ports[i].ip = rc_tree_str(d, port, "IP");
        ports[i].private_port = (uint16_t)rc_tree_int(d, port, "PrivatePort", 0, UINT16_MAX);
        ports[i].public_port = (uint16_t)rc_tree_int(d, port, "PublicPort", 0, UINT16_MAX);
        ports[i].protocol = rc_tree_str(d, port, "Type");
    }
    o->row.ports = ports;
    o->row.n_ports = n;
}

/* Below API 1.52 the text has a health for running containers only, and in Podman's list never:
 * saying nothing is not "none" there. */
static void read_list_health(rc_decoder *d, rc_node root, const rc_status_text *status,
                             rc_observation *o)
{
    rc_node health = rc_tree_object(d, root, "Health");
    if (health.json) {
        read_health_object(d, health, o);
        return;
    }
    if (o->row.state != RC_STATE_RUNNING || (is_podman_list(root) && !status->has_health))
        return;
    o->row.health = status->health;
    tell(o, RC_FIELD_HEALTH);
}

static void read_status(rc_decoder *d, rc_node root, rc_observation *o)
{
    rc_status_text status;
    if (!rc_status_text_parse(rc_tree_str(d, root, "Status"), &status))
        rc_tree_bad(d, root, "Status", "has no exit code of 32 bits");
    if (status.has_exit_code) {
        o->row.has_exit_code = true;
        o->row.exit_code = status.exit_code;
        tell(o, RC_FIELD_EXIT_CODE);
    }
    o->age_lo = status.age_lo;
    o->age_hi = status.age_hi;
    read_list_health(d, root, &status, o);
}

static void read_list_created(rc_decoder *d, rc_node root, rc_observation *o)
{
    if (!rc_tree_has(root, "Created"))
        return;
    int64_t seconds = rc_tree_int(d, root, "Created", SECONDS_MIN, SECONDS_MAX);
    o->row.created_ns = seconds > 0 ? seconds * RC_NS_PER_SEC : 0;
    tell(o, RC_FIELD_CREATED);
}

int rc_decode_list_element(rc_decoder *d, char *json, size_t len, rc_observation *out,
                           rc_error *err)
{
    rc_observation o;
    observation_init(&o, RC_SOURCE_LIST);
    rc_node root = rc_tree_parse(d, json, len, RC_PROTOCOL, err);
    read_id(d, root, &o);
    read_names(d, root, &o);
    read_string(d, root, "Image", &o, RC_FIELD_IMAGE, &o.row.image);
    read_string(d, root, "ImageID", &o, RC_FIELD_IMAGE_ID, &o.row.image_id);
    read_string(d, root, "Command", &o, RC_FIELD_COMMAND, &o.row.command);
    read_list_created(d, root, &o);
    read_state(d, root, "State", &o);
    read_status(d, root, &o);
    read_labels(d, root, &o);
    read_string(d, rc_tree_object(d, root, "HostConfig"), "NetworkMode", &o, RC_FIELD_NETWORK_MODE,
                &o.row.network_mode);
    read_networks(d, rc_tree_object(d, root, "NetworkSettings"), &o);
    read_list_ports(d, root, &o);
    read_mounts(d, root, &o);
    if (rc_tree_status(d) == RC_OK)
        *out = o;
    return rc_tree_status(d);
}

/* ---- inspect ---- */

/* What a command line is made of: the first word (absent: ""), and strings that follow it. */
typedef struct command {
    rc_str path;
    rc_node args;
    bool quotes; /* an argument with a space stands in quotes, with nothing in it escaped */
} command;

static char *put_word(char *p, const char *word, bool quotes)
{
    bool quoted = quotes && strchr(word, ' ');
    if (quoted)
        *p++ = '\'';
    p = mempcpy(p, word, strlen(word));
    if (quoted)
        *p++ = '\'';
    return p;
}

static void join_command(rc_decoder *d, const command *c, rc_observation *o)
{
    size_t size = c->path.len;
    for (const cJSON *a = c->args.json ? c->args.json->child : NULL; a; a = a->next) {
        if (!cJSON_IsString(a)) {
            rc_tree_bad(d, c->args, "", "holds what is not a string");
            return;
        }
        size += strlen(a->valuestring) + 3;
    }
    char *text = rc_arena_alloc(d->arena, size + 1);
    if (!text) {
        rc_tree_nomem(d);
        return;
    }
    char *p = mempcpy(text, c->path.ptr, c->path.len);
    for (const cJSON *a = c->args.json ? c->args.json->child : NULL; a; a = a->next) {
        if (p > text || a != c->args.json->child)
            *p++ = ' ';
        p = put_word(p, a->valuestring, c->quotes);
    }
    o->row.command = rc_str_n(text, (size_t)(p - text));
    tell(o, RC_FIELD_COMMAND);
}

/* As the engine's own list joins it. Docker's has Path and Args; Podman's has Config.Cmd, without
 * the entrypoint and without quotes. Podman says "oci" for the runtime whatever it is. */
static void read_command(rc_decoder *d, rc_node root, rc_node config, rc_node host,
                         rc_observation *o)
{
    command c = {RC_STR_EMPTY, {NULL, ""}, false};
    if (rc_str_eq(rc_tree_str(d, host, "Runtime"), RC_STR("oci"))) {
        c.args = rc_tree_array(d, config, "Cmd");
    } else {
        if (!rc_tree_has(root, "Path"))
            return;
        c.path = rc_tree_str(d, root, "Path");
        c.args = rc_tree_array(d, root, "Args");
        c.quotes = true;
    }
    join_command(d, &c, o);
}

static void read_inspect_created(rc_decoder *d, rc_node root, rc_observation *o)
{
    if (!rc_tree_has(root, "Created"))
        return;
    int64_t ns = rc_tree_time(d, root, "Created");
    /* The list knows seconds only, and the two must agree. */
    o->row.created_ns = ns > 0 ? ns - ns % RC_NS_PER_SEC : 0;
    tell(o, RC_FIELD_CREATED);
}

static void read_inspect_state(rc_decoder *d, rc_node root, rc_observation *o)
{
    rc_node state = rc_tree_object(d, root, "State");
    if (!state.json) {
        rc_tree_bad(d, root, "State", "is missing");
        return;
    }
    read_state(d, state, "Status", o);
    o->row.exit_code = (int32_t)rc_tree_int(d, state, "ExitCode", INT32_MIN, INT32_MAX);
    o->row.oom_killed = rc_tree_bool(d, state, "OOMKilled", false);
    o->row.pid = (uint32_t)rc_tree_int(d, state, "Pid", 0, INT32_MAX);
    o->row.started_ns = rc_tree_time(d, state, "StartedAt");
    o->row.finished_ns = rc_tree_time(d, state, "FinishedAt");
    /* The engine writes 0 for a container that never ran, too. */
    o->row.has_exit_code = o->row.finished_ns != 0 || o->row.state == RC_STATE_EXITED ||
                           o->row.state == RC_STATE_RESTARTING;
    read_health_object(d, rc_tree_object(d, state, "Health"), o);
    tell(o, RC_FIELD_EXIT_CODE);
    tell(o, RC_FIELD_OOM);
    tell(o, RC_FIELD_PID);
    tell(o, RC_FIELD_STARTED);
    tell(o, RC_FIELD_FINISHED);
}

static void read_restart_policy(rc_decoder *d, rc_node host, rc_observation *o)
{
    rc_node policy = rc_tree_object(d, host, "RestartPolicy");
    if (!policy.json)
        return;
    rc_str name = rc_tree_str(d, policy, "Name");
    int64_t count = rc_tree_int(d, policy, "MaximumRetryCount", INT32_MIN, INT32_MAX);
    if (name.len == 0)
        name = RC_STR("no");
    if (rc_str_eq(name, RC_STR("on-failure")) && count > 0) {
        char *text = rc_tree_calloc(d, 32, 1);
        if (!text)
            return;
        int n = snprintf(text, 32, "on-failure:%d", (int)count);
        name = rc_str_n(text, (size_t)n);
    }
    o->row.restart_policy = name;
    tell(o, RC_FIELD_RESTART_POLICY);
}

/* "80/tcp" */
static bool read_port_key(rc_str key, rc_port *port)
{
    const char *slash = memchr(key.ptr, '/', key.len);
    size_t digits = slash ? (size_t)(slash - key.ptr) : key.len;
    int64_t number = 0;
    if (!rc_parse_int(rc_str_n(key.ptr, digits), 0, UINT16_MAX, &number))
        return false;
    port->ip = RC_STR_EMPTY;
    port->private_port = (uint16_t)number;
    port->public_port = 0;
    port->protocol = slash ? rc_str_n(slash + 1, key.len - digits - 1) : RC_STR("tcp");
    return true;
}

static void read_binding(rc_decoder *d, rc_node binding, rc_port *port)
{
    rc_str number = rc_tree_str(d, binding, "HostPort");
    int64_t value = 0;
    if (number.len > 0 && !rc_parse_int(number, 0, UINT16_MAX, &value))
        rc_tree_bad(d, binding, "HostPort", "is not a port number");
    port->ip = rc_tree_str(d, binding, "HostIp");
    port->public_port = (uint16_t)value;
}

static uint32_t count_inspect_ports(rc_node ports)
{
    uint32_t n = 0;
    for (const cJSON *c = ports.json ? ports.json->child : NULL; c; c = c->next) {
        uint32_t bindings = rc_tree_count((rc_node){c, ""});
        n += bindings > 0 ? bindings : 1;
    }
    return n;
}

/* {"80/tcp":[{"HostIp","HostPort"}],"90/tcp":null}: null is exposed but not published. */
static void read_inspect_ports(rc_decoder *d, rc_node settings, rc_observation *o)
{
    if (!settings.json)
        return;
    rc_node object = rc_tree_object(d, settings, "Ports");
    tell(o, RC_FIELD_PORTS);
    uint32_t n = count_inspect_ports(object);
    rc_port *ports = n > 0 ? rc_tree_calloc(d, n, sizeof(*ports)) : NULL;
    if (!ports)
        return;
    uint32_t i = 0;
    for (const cJSON *c = object.json->child; c; c = c->next) {
        rc_port port;
        if (!read_port_key(rc_str_c(c->string), &port) || !(cJSON_IsArray(c) || cJSON_IsNull(c))) {
            rc_tree_bad(d, object, c->string, "is not a port with its bindings");
            return;
        }
        if (!c->child)
            ports[i++] = port;
        for (const cJSON *b = c->child; b; b = b->next) {
            read_binding(d, rc_tree_element(d, object, b), &port);
            ports[i++] = port;
        }
    }
    o->row.ports = ports;
    o->row.n_ports = i;
}

int rc_decode_inspect(rc_decoder *d, char *json, size_t len, rc_observation *out, rc_error *err)
{
    rc_observation o;
    observation_init(&o, RC_SOURCE_INSPECT);
    rc_node root = rc_tree_parse(d, json, len, RC_PROTOCOL, err);
    rc_node config = rc_tree_object(d, root, "Config");
    rc_node host = rc_tree_object(d, root, "HostConfig");
    rc_node settings = rc_tree_object(d, root, "NetworkSettings");
    read_id(d, root, &o);
    read_string(d, root, "Name", &o, RC_FIELD_NAME, &o.row.name);
    if (o.row.name.len > 0 && o.row.name.ptr[0] == '/')
        o.row.name = rc_str_n(o.row.name.ptr + 1, o.row.name.len - 1);
    read_string(d, config, "Image", &o, RC_FIELD_IMAGE, &o.row.image);
    read_string(d, root, "Image", &o, RC_FIELD_IMAGE_ID, &o.row.image_id);
    read_command(d, root, config, host, &o);
    read_inspect_created(d, root, &o);
    read_inspect_state(d, root, &o);
    o.row.restart_count = (uint32_t)rc_tree_int(d, root, "RestartCount", 0, UINT32_MAX);
    tell(&o, RC_FIELD_RESTART_COUNT);
    read_restart_policy(d, host, &o);
    if (config.json)
        read_labels(d, config, &o);
    read_string(d, host, "NetworkMode", &o, RC_FIELD_NETWORK_MODE, &o.row.network_mode);
    read_inspect_ports(d, settings, &o);
    read_networks(d, settings, &o);
    read_mounts(d, root, &o);
    if (rc_tree_status(d) == RC_OK)
        *out = o;
    return rc_tree_status(d);
}
