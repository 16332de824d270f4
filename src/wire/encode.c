/* Rows and networks as JSON. Keys and their order are an interface: only ever append. */
#include "wire/encode.h"

static void put_str(rc_json *j, rc_str key, rc_str value)
{
    rc_json_key(j, key);
    rc_json_str(j, value);
}

static void put_bool(rc_json *j, rc_str key, bool value)
{
    rc_json_key(j, key);
    rc_json_bool(j, value);
}

static void put_time(rc_json *j, rc_str key, int64_t ns)
{
    rc_json_key(j, key);
    rc_json_time(j, ns);
}

static void put_labels(rc_json *j, const rc_label *labels, uint32_t n)
{
    RC_JSON_KEY(j, "labels");
    rc_json_object(j);
    for (uint32_t i = 0; i < n; i++)
        put_str(j, labels[i].key, labels[i].value);
    rc_json_object_end(j);
}

static void put_ports(rc_json *j, const rc_row *row)
{
    RC_JSON_KEY(j, "ports");
    rc_json_array(j);
    for (uint32_t i = 0; i < row->n_ports; i++) {
        const rc_port *p = &row->ports[i];
        rc_json_object(j);
        put_str(j, RC_STR("ip"), p->ip);
        RC_JSON_KEY(j, "private_port");
        rc_json_u64(j, p->private_port);
        RC_JSON_KEY(j, "public_port");
        rc_json_u64(j, p->public_port);
        put_str(j, RC_STR("protocol"), p->protocol);
        rc_json_object_end(j);
    }
    rc_json_array_end(j);
}

static void put_networks(rc_json *j, const rc_row *row)
{
    RC_JSON_KEY(j, "networks");
    rc_json_object(j);
    for (uint32_t i = 0; i < row->n_networks; i++) {
        const rc_netif *n = &row->networks[i];
        rc_json_key(j, n->network);
        rc_json_object(j);
        put_str(j, RC_STR("id"), n->id);
        put_str(j, RC_STR("ip"), n->ip);
        put_str(j, RC_STR("ip6"), n->ip6);
        put_str(j, RC_STR("mac"), n->mac);
        rc_json_object_end(j);
    }
    rc_json_object_end(j);
}

static void put_mounts(rc_json *j, const rc_row *row)
{
    RC_JSON_KEY(j, "mounts");
    rc_json_array(j);
    for (uint32_t i = 0; i < row->n_mounts; i++) {
        const rc_mount *m = &row->mounts[i];
        rc_json_object(j);
        put_str(j, RC_STR("type"), m->type);
        put_str(j, RC_STR("name"), m->name);
        put_str(j, RC_STR("source"), m->source);
        put_str(j, RC_STR("destination"), m->destination);
        put_bool(j, RC_STR("read_only"), m->read_only);
        rc_json_object_end(j);
    }
    rc_json_array_end(j);
}

static void put_workload(rc_json *j, const rc_row *row)
{
    RC_JSON_KEY(j, "workload");
    if (row->scheme == RC_SCHEME_NONE) {
        rc_json_null(j);
        return;
    }
    rc_json_object(j);
    put_str(j, RC_STR("id"), row->workload_id);
    put_str(j, RC_STR("kind"), row->workload_kind);
    put_str(j, RC_STR("role"), row->workload_role);
    put_str(j, RC_STR("scheme"), rc_str_c(rc_scheme_name(row->scheme)));
    rc_json_object_end(j);
}

static void put_run(rc_json *j, const rc_row *row)
{
    put_str(j, RC_STR("state"), rc_str_c(rc_state_name(row->state)));
    put_str(j, RC_STR("engine_state"), row->engine_state);
    put_str(j, RC_STR("health"), rc_str_c(rc_health_name(row->health)));
    RC_JSON_KEY(j, "exit_code");
    if (row->has_exit_code)
        rc_json_i64(j, row->exit_code);
    else
        rc_json_null(j);
    put_bool(j, RC_STR("oom_killed"), row->oom_killed);
    RC_JSON_KEY(j, "restart_count");
    rc_json_u64(j, row->restart_count);
    put_time(j, RC_STR("created_at"), row->created_ns);
    put_time(j, RC_STR("started_at"), row->started_ns);
    put_time(j, RC_STR("finished_at"), row->finished_ns);
}

void rc_encode_row(rc_json *j, const rc_row *row)
{
    rc_json_object(j);
    put_str(j, RC_STR("id"), row->id);
    put_str(j, RC_STR("name"), row->name);
    put_str(j, RC_STR("image"), row->image);
    put_str(j, RC_STR("image_id"), row->image_id);
    put_str(j, RC_STR("command"), row->command);
    put_run(j, row);
    put_labels(j, row->labels, row->n_labels);
    put_str(j, RC_STR("network_mode"), row->network_mode);
    RC_JSON_KEY(j, "pid");
    if (row->pid != 0)
        rc_json_u64(j, row->pid);
    else
        rc_json_null(j);
    put_str(j, RC_STR("restart_policy"), row->restart_policy);
    put_ports(j, row);
    put_networks(j, row);
    put_mounts(j, row);
    put_bool(j, RC_STR("managed"), row->managed);
    put_workload(j, row);
    put_time(j, RC_STR("missing_since"), row->missing_since_ns);
    RC_JSON_KEY(j, "missing_cause");
    if (row->missing_cause != RC_MISSING_NOT)
        rc_json_str(j, rc_str_c(rc_missing_name(row->missing_cause)));
    else
        rc_json_null(j);
    put_bool(j, RC_STR("partial"), row->partial);
    RC_JSON_KEY(j, "rev");
    rc_json_u64(j, row->rev);
    rc_json_object_end(j);
}

void rc_encode_network(rc_json *j, const rc_network *net)
{
    rc_json_object(j);
    put_str(j, RC_STR("id"), net->id);
    put_str(j, RC_STR("name"), net->name);
    put_str(j, RC_STR("driver"), net->driver);
    put_str(j, RC_STR("scope"), net->scope);
    put_bool(j, RC_STR("internal"), net->internal);
    put_bool(j, RC_STR("ingress"), net->ingress);
    put_bool(j, RC_STR("attachable"), net->attachable);
    put_bool(j, RC_STR("ipv6"), net->ipv6);
    put_time(j, RC_STR("created_at"), net->created_ns);
    put_labels(j, net->labels, net->n_labels);
    rc_json_object_end(j);
}
