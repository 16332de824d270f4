/* Commands that make things happen to containers and networks. */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "load.h"
#include "ops.h"
#include "stream.h"

#define NAME_MAX_BYTES 255

static void put_id(sim_args *a, const char *key, const rc_id *id)
{
    char text[RC_ID_LEN + 1];
    rc_id_format(id, text);
    rc_json_key(a->out, rc_str_c(key));
    rc_json_str(a->out, rc_str_c(text));
}

/* ---- create ---- */

/* Up to the next separator, which is skipped; the rest stays in *text. */
static rc_str cut(rc_str *text, char separator)
{
    const char *at = memchr(text->ptr, separator, text->len);
    rc_str part = at ? rc_str_n(text->ptr, (size_t)(at - text->ptr)) : *text;
    *text = at ? rc_str_n(at + 1, text->len - part.len - 1) : RC_STR_EMPTY;
    return part;
}

/* K=V, whose K may hold %3D. */
static void parse_label(const sim_args *a, rc_str raw, rc_label *out)
{
    rc_str rest = raw;
    out->key = sim_decode_word(a, cut(&rest, '='));
    out->value = sim_decode_word(a, rest);
}

/* [[IP/]PUBLIC:]PRIVATE[/PROTOCOL], as 127.0.0.1/8080:80/tcp: an IPv6 address has colons */
static int parse_port(rc_str text, rc_port *out, rc_error *err)
{
    rc_str published = RC_STR_EMPTY, rest = text;
    int64_t number = 0;
    const char *colon = memrchr(text.ptr, ':', text.len);
    if (colon) {
        published = rc_str_n(text.ptr, (size_t)(colon - text.ptr));
        rest = rc_str_n(colon + 1, text.len - published.len - 1);
    }
    int rc = sim_parse_i64(cut(&rest, '/'), "port", 1, UINT16_MAX, &number, err);
    if (rc != RC_OK)
        return rc;
    *out = (rc_port){.ip = RC_STR_EMPTY,
                     .private_port = (uint16_t)number,
                     .protocol = rest.len > 0 ? rest : RC_STR("tcp")};
    if (published.len == 0)
        return RC_OK;
    out->ip = memchr(published.ptr, '/', published.len) ? cut(&published, '/') : RC_STR("0.0.0.0");
    rc = sim_parse_i64(published, "port", 1, UINT16_MAX, &number, err);
    out->public_port = (uint16_t)number;
    return rc;
}

/* TYPE:NAME:SOURCE:DESTINATION[:ro] */
static int parse_mount(rc_str text, rc_mount *out, rc_error *err)
{
    *out = (rc_mount){.type = cut(&text, ':'),
                      .name = cut(&text, ':'),
                      .source = cut(&text, ':'),
                      .destination = cut(&text, ':')};
    out->read_only = rc_str_eq(text, RC_STR("ro"));
    if (out->destination.len == 0)
        return rc_fail(err, RC_INVALID, "mount= is TYPE:NAME:SOURCE:DESTINATION[:ro]");
    return RC_OK;
}

static unsigned count_options(const sim_args *a, const char *key)
{
    size_t len = strlen(key);
    unsigned n = 0;
    for (unsigned k = 1; k < a->n; k++)
        n += a->words[k].len > len && a->words[k].ptr[len] == '=' &&
             memcmp(a->words[k].ptr, key, len) == 0;
    return n;
}

static int collect_labels(const sim_args *a, sim_spec_options *o, rc_error *err)
{
    rc_label *labels = rc_arena_calloc(a->arena, count_options(a, "label"), sizeof(*labels));
    if (!labels)
        return rc_fail(err, RC_NOMEM, "out of memory for labels");
    for (unsigned k = 1; k < a->n; k++)
        if (rc_str_starts(a->words[k], RC_STR("label=")))
            parse_label(a, rc_str_n(a->words[k].ptr + 6, a->words[k].len - 6),
                        &labels[o->n_labels++]);
    o->labels = labels;
    return RC_OK;
}

static int collect_ports(const sim_args *a, sim_spec_options *o, rc_error *err)
{
    rc_port *ports = rc_arena_calloc(a->arena, count_options(a, "port"), sizeof(*ports));
    rc_str text;
    int rc = RC_OK;
    if (!ports)
        return rc_fail(err, RC_NOMEM, "out of memory for ports");
    for (unsigned from = 1; rc == RC_OK && sim_option_next(a, "port", &from, &text);)
        rc = parse_port(text, &ports[o->n_ports++], err);
    o->ports = ports;
    return rc;
}

static int collect_mounts(const sim_args *a, sim_spec_options *o, rc_error *err)
{
    rc_mount *mounts = rc_arena_calloc(a->arena, count_options(a, "mount"), sizeof(*mounts));
    rc_str text;
    int rc = RC_OK;
    if (!mounts)
        return rc_fail(err, RC_NOMEM, "out of memory for mounts");
    for (unsigned from = 1; rc == RC_OK && sim_option_next(a, "mount", &from, &text);)
        rc = parse_mount(text, &mounts[o->n_mounts++], err);
    o->mounts = mounts;
    return rc;
}

static int read_spec(const sim_args *a, sim_spec **ret, rc_error *err)
{
    sim_spec_options o = {.image = RC_STR("busybox"),
                          .image_id = RC_STR_EMPTY,
                          .command = RC_STR("/bin/sleep 1000"),
                          .network_mode = RC_STR("default"),
                          .has_check = sim_flag(a, "health"),
                          .auto_remove = sim_flag(a, "rm")};
    (void)sim_option(a, "image", &o.image);
    (void)sim_option(a, "image_id", &o.image_id);
    (void)sim_option(a, "cmd", &o.command);
    if (!sim_option(a, "mode", &o.network_mode))
        (void)sim_option(a, "net", &o.network_mode);
    if (count_options(a, "port") > SIM_SPEC_ITEMS_MAX ||
        count_options(a, "mount") > SIM_SPEC_ITEMS_MAX)
        return rc_fail(err, RC_FULL, "at most %d ports or mounts", SIM_SPEC_ITEMS_MAX);
    int rc = collect_labels(a, &o, err);
    if (rc == RC_OK)
        rc = collect_ports(a, &o, err);
    if (rc == RC_OK)
        rc = collect_mounts(a, &o, err);
    return rc == RC_OK ? sim_spec_new(&o, ret, err) : rc;
}

static int check_name(rc_str name, rc_error *err)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES || memchr(name.ptr, '\0', name.len))
        return rc_fail(err, RC_INVALID, "a name has 1 to %d bytes and no NUL", NAME_MAX_BYTES);
    return RC_OK;
}

static int create(sim_args *a, sim_slot **ret, rc_error *err)
{
    sim_spec *spec = NULL;
    rc_str networks[SIM_ENDPOINTS_MAX] = {RC_STR("bridge")};
    rc_str policy = RC_STR("no"), net;
    unsigned n = 0, from = 1;
    while (n < SIM_ENDPOINTS_MAX && sim_option_next(a, "net", &from, &net))
        networks[n++] = net;
    (void)sim_option(a, "restart", &policy);
    int rc = check_name(sim_arg(a, 0), err);
    if (rc == RC_OK && policy.len > 23)
        rc = rc_fail(err, RC_INVALID, "a restart policy has at most 23 bytes");
    if (rc == RC_OK)
        rc = read_spec(a, &spec, err);
    if (rc != RC_OK)
        return rc;
    rc = sim_op_create(a->s, sim_arg(a, 0), spec, policy.ptr, networks, n > 0 ? n : 1, ret, err);
    sim_spec_unref(spec);
    if (rc == RC_OK)
        put_id(a, "id", &(*ret)->now->id);
    return rc;
}

static int cmd_create(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    return create(a, &slot, err);
}

static int cmd_run(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    int rc = create(a, &slot, err);
    return rc == RC_OK ? sim_op_start(a->s, slot, err) : rc;
}

static int cmd_fail_create(sim_args *a, rc_error *err)
{
    sim_spec *spec = NULL;
    int rc = check_name(sim_arg(a, 0), err);
    if (rc == RC_OK)
        rc = read_spec(a, &spec, err);
    if (rc != RC_OK)
        return rc;
    rc = sim_op_fail_create(a->s, sim_arg(a, 0), spec, err);
    sim_spec_unref(spec);
    return rc;
}

static int cmd_fill(sim_args *a, rc_error *err)
{
    int64_t n = 0, labels = 3;
    int rc = sim_parse_i64(sim_arg(a, 1), "count", 0, SIM_CONTAINERS_MAX, &n, err);
    if (rc == RC_OK)
        rc = check_name(sim_arg(a, 0), err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "labels", 0, 64, &labels, err);
    return rc == RC_OK ? sim_load_fill(a->s, sim_arg(a, 0), (uint64_t)n, (unsigned)labels,
                                       sim_flag(a, "running"), err)
                       : rc;
}

/* ---- what only needs the container ---- */

#define SIMPLE(name, op)                               \
    static int cmd_##name(sim_args *a, rc_error *err)  \
    {                                                  \
        sim_slot *slot;                                \
        int rc = sim_arg_container(a, 0, &slot, err);  \
        return rc == RC_OK ? op(a->s, slot, err) : rc; \
    }

SIMPLE(start, sim_op_start)
SIMPLE(restart, sim_op_restart)
SIMPLE(pause, sim_op_pause)
SIMPLE(unpause, sim_op_unpause)
SIMPLE(probe, sim_op_probe)
SIMPLE(removing, sim_op_removing)
SIMPLE(destroy, sim_op_destroy)

/* ---- what needs more ---- */

static int cmd_fail_start(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    int64_t code = 127;
    rc_str message = RC_STR("exec: no such file or directory");
    (void)sim_option(a, "error", &message);
    int rc = sim_arg_container(a, 0, &slot, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "exit", INT32_MIN, INT32_MAX, &code, err);
    return rc == RC_OK ? sim_op_fail_start(a->s, slot, (int32_t)code, message, err) : rc;
}

static int cmd_die(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    int64_t code = 0;
    int rc = sim_arg_container(a, 0, &slot, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "exit", INT32_MIN, INT32_MAX, &code, err);
    return rc == RC_OK ? sim_op_die(a->s, slot, (int32_t)code, sim_flag(a, "restarting"), err) : rc;
}

static int cmd_stop(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    int64_t code = 0;
    int rc = sim_arg_container(a, 0, &slot, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "exit", INT32_MIN, INT32_MAX, &code, err);
    return rc == RC_OK ? sim_op_stop(a->s, slot, (int32_t)code, sim_flag(a, "kill"), err) : rc;
}

static int cmd_kill(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    int64_t signal = 9;
    int rc = sim_arg_container(a, 0, &slot, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "signal", 1, 64, &signal, err);
    return rc == RC_OK ? sim_op_kill(a->s, slot, (int)signal, err) : rc;
}

static int cmd_oom(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    int rc = sim_arg_container(a, 0, &slot, err);
    return rc == RC_OK ? sim_op_oom(a->s, slot, !sim_flag(a, "alive"), err) : rc;
}

static int parse_health(rc_str word, enum rc_health *ret, rc_error *err)
{
    if (!rc_health_parse(word, ret))
        return rc_fail(err, RC_INVALID, "a health is none, starting, healthy or unhealthy");
    return RC_OK;
}

static int cmd_health(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    enum rc_health health;
    int rc = sim_arg_container(a, 0, &slot, err);
    if (rc == RC_OK)
        rc = parse_health(sim_arg(a, 1), &health, err);
    return rc == RC_OK ? sim_op_health(a->s, slot, health, err) : rc;
}

static int cmd_rename(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    int rc = sim_arg_container(a, 0, &slot, err);
    if (rc == RC_OK)
        rc = check_name(sim_arg(a, 1), err);
    return rc == RC_OK ? sim_op_rename(a->s, slot, sim_arg(a, 1), err) : rc;
}

static int cmd_update(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    rc_str policy = RC_STR("no");
    (void)sim_option(a, "restart", &policy);
    int rc = sim_arg_container(a, 0, &slot, err);
    return rc == RC_OK ? sim_op_update(a->s, slot, policy, err) : rc;
}

static int cmd_connect(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    int rc = sim_arg_container(a, 0, &slot, err);
    return rc == RC_OK ? sim_op_connect(a->s, slot, sim_arg(a, 1), err) : rc;
}

static int cmd_disconnect(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    int rc = sim_arg_container(a, 0, &slot, err);
    return rc == RC_OK ? sim_op_disconnect(a->s, slot, sim_arg(a, 1), err) : rc;
}

static int cmd_network_create(sim_args *a, rc_error *err)
{
    sim_network *n;
    int rc = check_name(sim_arg(a, 0), err);
    if (rc == RC_OK)
        rc = sim_op_network_create(a->s, sim_arg(a, 0), &n, err);
    if (rc == RC_OK)
        put_id(a, "id", &n->id);
    return rc;
}

static int cmd_network_destroy(sim_args *a, rc_error *err)
{
    return sim_op_network_destroy(a->s, sim_arg(a, 0), err);
}

static int cmd_prune(sim_args *a, rc_error *err)
{
    (void)err;
    sim_stream_prune(a->s->stream);
    return RC_OK;
}

/* ---- against the rules ---- */

static int edit_numbers(const sim_args *a, sim_container *c, rc_error *err)
{
    int64_t code = c->exit_code, count = c->restart_count, pid = c->pid, oom = c->oom_killed;
    int rc = sim_option_i64(a, "exit", INT32_MIN, INT32_MAX, &code, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "restart_count", 0, UINT32_MAX, &count, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "pid", 0, INT32_MAX, &pid, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "oom", 0, 1, &oom, err);
    if (rc != RC_OK)
        return rc;
    c->exit_code = (int32_t)code;
    c->restart_count = (uint32_t)count;
    c->pid = (uint32_t)pid;
    c->oom_killed = oom != 0;
    return RC_OK;
}

/* Any field, to any value, and nobody is told. */
static int cmd_edit(sim_args *a, rc_error *err)
{
    sim_slot *slot = NULL;
    rc_str word;
    enum rc_state state;
    enum rc_health health;
    int rc = sim_arg_container(a, 0, &slot, err);
    if (rc != RC_OK)
        return rc;
    state = slot->now->state;
    health = slot->now->health;
    if (sim_option(a, "state", &word) && !rc_state_parse(word, &state))
        return rc_fail(err, RC_INVALID, "state= names no state");
    if (sim_option(a, "health", &word))
        rc = parse_health(word, &health, err);
    if (rc != RC_OK)
        return rc;
    sim_container *c = sim_model_edit(a->s->model, slot);
    if (!c)
        return rc_fail(err, RC_NOMEM, "out of memory for a container's version");
    rc = edit_numbers(a, c, err);
    if (rc != RC_OK)
        return rc;
    c->state = state;
    c->health = health;
    return RC_OK;
}

static int compare_attributes(const void *a, const void *b)
{
    return strcmp(((const sim_attribute *)a)->key, ((const sim_attribute *)b)->key);
}

/* Any event of a container; the model does not hear of it. */
static int cmd_emit(sim_args *a, rc_error *err)
{
    sim_attribute own[SIM_ATTRIBUTES_MAX];
    unsigned n = 0;
    sim_slot *slot = NULL;
    int rc = sim_arg_container(a, 0, &slot, err);
    if (rc != RC_OK)
        return rc;
    for (unsigned k = 1; k < a->n; k++) {
        rc_label pair;
        if (!memchr(a->words[k].ptr, '=', a->words[k].len))
            continue;
        if (n == SIM_ATTRIBUTES_MAX)
            return rc_fail(err, RC_FULL, "at most %d attributes", SIM_ATTRIBUTES_MAX);
        parse_label(a, a->words[k], &pair);
        own[n++] = (sim_attribute){pair.key.ptr, pair.value};
    }
    qsort(own, n, sizeof(own[0]), compare_attributes);
    sim_stream_container(a->s->stream, slot->now, sim_arg(a, 1).ptr, own, n);
    return RC_OK;
}

/* ---- much at once ---- */

static int cmd_burst(sim_args *a, rc_error *err)
{
    int64_t steps = 0, rate = 0, pool = 10000, labels = 3;
    int rc = sim_parse_i64(sim_arg(a, 0), "steps", 1, INT64_MAX, &steps, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "rate", 0, 100000000, &rate, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "pool", 1, INT32_MAX, &pool, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "labels", 0, INT32_MAX, &labels, err);
    return rc == RC_OK ? sim_load_burst(a->s->load,
                                        &(sim_burst_options){.steps = (uint64_t)steps,
                                                             .rate = (uint64_t)rate,
                                                             .pool = (unsigned)pool,
                                                             .n_labels = (unsigned)labels,
                                                             .flap = sim_flag(a, "flap")},
                                        err)
                       : rc;
}

static int cmd_churn(sim_args *a, rc_error *err)
{
    int64_t steps = 0, rate = 0, containers = 100, seed = (int64_t)(a->s->seed >> 1);
    int rc = sim_parse_i64(sim_arg(a, 0), "steps", 0, INT64_MAX, &steps, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "rate", 0, 100000000, &rate, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "containers", 1, INT32_MAX, &containers, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "seed", 0, INT64_MAX, &seed, err);
    return rc == RC_OK ? sim_load_churn(a->s->load,
                                        &(sim_churn_options){.steps = (uint64_t)steps,
                                                             .rate = (uint64_t)rate,
                                                             .containers = (unsigned)containers,
                                                             .seed = (uint64_t)seed},
                                        err)
                       : rc;
}

static int cmd_load_stop(sim_args *a, rc_error *err)
{
    (void)err;
    sim_load_stop(a->s->load);
    return RC_OK;
}

#define CREATE_USAGE                                                                           \
    "NAME [image=] [image_id=] [cmd=] [label=K=V]... [port=[[IP/]PUBLIC:]PRIVATE[/PROTO]]... " \
    "[net=NETWORK]... [mode=] [mount=TYPE:NAME:SOURCE:DEST[:ro]]... [restart=] [health=1] [rm=1]"

const sim_command_row sim_life_commands[] = {
    {"create", 1, cmd_create, CREATE_USAGE},
    {"run", 1, cmd_run, CREATE_USAGE},
    {"fail-create", 1, cmd_fail_create, CREATE_USAGE},
    {"fill", 2, cmd_fill, "PREFIX COUNT [labels=3] [running=1]"},
    {"start", 1, cmd_start, "CONTAINER"},
    {"fail-start", 1, cmd_fail_start, "CONTAINER [exit=127] [error=]"},
    {"die", 1, cmd_die, "CONTAINER [exit=0] [restarting=1]"},
    {"stop", 1, cmd_stop, "CONTAINER [exit=0] [kill=1]"},
    {"restart", 1, cmd_restart, "CONTAINER"},
    {"kill", 1, cmd_kill, "CONTAINER [signal=9]"},
    {"pause", 1, cmd_pause, "CONTAINER"},
    {"unpause", 1, cmd_unpause, "CONTAINER"},
    {"oom", 1, cmd_oom, "CONTAINER [alive=1]"},
    {"health", 2, cmd_health, "CONTAINER starting|healthy|unhealthy"},
    {"probe", 1, cmd_probe, "CONTAINER"},
    {"rename", 2, cmd_rename, "CONTAINER NAME"},
    {"update", 1, cmd_update, "CONTAINER [restart=]"},
    {"removing", 1, cmd_removing, "CONTAINER"},
    {"destroy", 1, cmd_destroy, "CONTAINER"},
    {"connect", 2, cmd_connect, "CONTAINER NETWORK"},
    {"disconnect", 2, cmd_disconnect, "CONTAINER NETWORK"},
    {"network-create", 1, cmd_network_create, "NAME"},
    {"network-destroy", 1, cmd_network_destroy, "NAME"},
    {"prune", 0, cmd_prune, ""},
    {"edit", 1, cmd_edit, "CONTAINER [state=] [health=] [exit=] [restart_count=] [pid=] [oom=0|1]"},
    {"emit", 2, cmd_emit, "CONTAINER ACTION [KEY=VALUE]..."},
    {"burst", 1, cmd_burst, "STEPS [rate=0] [pool=10000] [labels=3] [flap=1]"},
    {"churn", 1, cmd_churn, "STEPS|0 [rate=0] [containers=100] [seed=]"},
    {"load-stop", 0, cmd_load_stop, ""},
    {0},
};
