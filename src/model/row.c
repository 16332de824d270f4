/* The container row's names, normal form, comparison and copy. Changes when the row gains a field:
 * then normalise (if it is ordered), equal and copy each need it. */
#include "model/row.h"

#include <stdlib.h>

#include "base/cleanup.h"

static const char *const state_names[RC_STATE_COUNT] = {
    [RC_STATE_UNKNOWN] = "unknown",   [RC_STATE_PENDING] = "pending",
    [RC_STATE_CREATED] = "created",   [RC_STATE_RUNNING] = "running",
    [RC_STATE_PAUSED] = "paused",     [RC_STATE_RESTARTING] = "restarting",
    [RC_STATE_REMOVING] = "removing", [RC_STATE_EXITED] = "exited",
    [RC_STATE_DEAD] = "dead",         [RC_STATE_MISSING] = "missing",
};

static const char *const health_names[] = {
    [RC_HEALTH_NONE] = "none",
    [RC_HEALTH_STARTING] = "starting",
    [RC_HEALTH_HEALTHY] = "healthy",
    [RC_HEALTH_UNHEALTHY] = "unhealthy",
};

static const char *const missing_names[] = {
    [RC_MISSING_NOT] = "",
    [RC_MISSING_DESTROYED] = "destroyed",
    [RC_MISSING_VANISHED] = "vanished",
};

static const char *const scheme_names[] = {
    [RC_SCHEME_NONE] = "",     [RC_SCHEME_WORKLOAD] = "workload", [RC_SCHEME_INSTANCE] = "instance",
    [RC_SCHEME_SITE] = "site", [RC_SCHEME_STACK] = "stack",
};

/* Values come out of records too, where any number may stand. */
static const char *name_of(const char *const *names, size_t n, unsigned value)
{
    return value < n ? names[value] : "unknown";
}

const char *rc_state_name(enum rc_state s)
{
    return name_of(state_names, RC_ARRAY_LEN(state_names), (unsigned)s);
}

const char *rc_health_name(enum rc_health h)
{
    return name_of(health_names, RC_ARRAY_LEN(health_names), (unsigned)h);
}

const char *rc_missing_name(enum rc_missing m)
{
    return name_of(missing_names, RC_ARRAY_LEN(missing_names), (unsigned)m);
}

const char *rc_scheme_name(enum rc_scheme s)
{
    return name_of(scheme_names, RC_ARRAY_LEN(scheme_names), (unsigned)s);
}

bool rc_state_parse(rc_str name, enum rc_state *out)
{
    for (size_t i = 0; i < RC_ARRAY_LEN(state_names); i++) {
        if (rc_str_eq_c(name, state_names[i])) {
            *out = (enum rc_state)i;
            return true;
        }
    }
    return false;
}

bool rc_health_parse(rc_str name, enum rc_health *out)
{
    for (size_t i = 0; i < RC_ARRAY_LEN(health_names); i++) {
        if (rc_str_eq_c(name, health_names[i])) {
            *out = (enum rc_health)i;
            return true;
        }
    }
    return false;
}

enum rc_state rc_state_from_engine(rc_str word, rc_str *ret_word)
{
    static const struct {
        const char *podman;
        const char *docker;
        enum rc_state state;
    } dialect[] = {
        {"stopped", "exited", RC_STATE_EXITED},
        {"stopping", "running", RC_STATE_RUNNING},
        {"initialized", "created", RC_STATE_CREATED},
        {"configured", "created", RC_STATE_CREATED},
    };
    for (size_t i = 0; i < RC_ARRAY_LEN(dialect); i++) {
        if (rc_str_eq_c(word, dialect[i].podman)) {
            *ret_word = rc_str_c(dialect[i].docker);
            return dialect[i].state;
        }
    }
    *ret_word = word;
    enum rc_state state = RC_STATE_UNKNOWN;
    /* "pending" and "missing" are our own words: an engine that says them means something else. */
    if (!rc_state_parse(word, &state) || state == RC_STATE_PENDING || state == RC_STATE_MISSING)
        return RC_STATE_UNKNOWN;
    return state;
}

void rc_row_init(rc_row *row)
{
    *row = (rc_row){
        .id = RC_STR_EMPTY,
        .name = RC_STR_EMPTY,
        .image = RC_STR_EMPTY,
        .image_id = RC_STR_EMPTY,
        .command = RC_STR_EMPTY,
        .engine_state = RC_STR_EMPTY,
        .network_mode = RC_STR_EMPTY,
        .restart_policy = RC_STR_EMPTY,
        .workload_id = RC_STR_EMPTY,
        .workload_kind = RC_STR_EMPTY,
        .workload_role = RC_STR_EMPTY,
        .reservation = RC_STR_EMPTY,
    };
}

/* ---- normal form ---- */

/* Sorts pointers into the source array; its addresses break ties, so that "the last of equal keys"
 * is well defined whatever qsort does. */
static int by_key_then_place(const void *pa, const void *pb)
{
    const rc_label *a = *(const rc_label *const *)pa;
    const rc_label *b = *(const rc_label *const *)pb;
    int c = rc_str_cmp(a->key, b->key);
    return c ? c : (a > b) - (a < b);
}

static bool labels_in_order(const rc_label *labels, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (rc_str_cmp(labels[i - 1].key, labels[i].key) >= 0)
            return false;
    return true;
}

static bool normal_labels(const rc_row *row, rc_arena *arena, rc_row *out)
{
    out->labels = NULL;
    out->n_labels = 0;
    if (row->n_labels == 0)
        return true;
    rc_label *labels = rc_arena_calloc(arena, row->n_labels, sizeof(*labels));
    if (!labels)
        return false;
    out->labels = labels;
    /* The usual case: Go writes a map's keys sorted. */
    if (labels_in_order(row->labels, row->n_labels)) {
        memcpy(labels, row->labels, row->n_labels * sizeof(*labels));
        out->n_labels = row->n_labels;
        return true;
    }
    const rc_label **order = rc_arena_calloc(arena, row->n_labels, sizeof(void *));
    if (!order)
        return false;
    for (uint32_t i = 0; i < row->n_labels; i++)
        order[i] = &row->labels[i];
    qsort(order, row->n_labels, sizeof(void *), by_key_then_place);
    for (uint32_t i = 0; i < row->n_labels; i++) {
        bool shadowed = i + 1 < row->n_labels && rc_str_eq(order[i]->key, order[i + 1]->key);
        if (!shadowed)
            labels[out->n_labels++] = *order[i];
    }
    return true;
}

static int by_number(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_ports(const void *pa, const void *pb)
{
    const rc_port *a = pa;
    const rc_port *b = pb;
    int c = by_number(a->private_port, b->private_port);
    if (!c)
        c = rc_str_cmp(a->protocol, b->protocol);
    if (!c)
        c = rc_str_cmp(a->ip, b->ip);
    return c ? c : by_number(a->public_port, b->public_port);
}

/* The engine writes networks and mounts in no stable order: beyond the documented key, the other
 * fields break ties, so that equal sets are equal arrays. */
static int compare_networks(const void *pa, const void *pb)
{
    const rc_netif *a = pa;
    const rc_netif *b = pb;
    int c = rc_str_cmp(a->network, b->network);
    if (!c)
        c = rc_str_cmp(a->id, b->id);
    if (!c)
        c = rc_str_cmp(a->ip, b->ip);
    if (!c)
        c = rc_str_cmp(a->ip6, b->ip6);
    return c ? c : rc_str_cmp(a->mac, b->mac);
}

static int compare_mounts(const void *pa, const void *pb)
{
    const rc_mount *a = pa;
    const rc_mount *b = pb;
    int c = rc_str_cmp(a->destination, b->destination);
    if (!c)
        c = rc_str_cmp(a->type, b->type);
    if (!c)
        c = rc_str_cmp(a->name, b->name);
    if (!c)
        c = rc_str_cmp(a->source, b->source);
    return c ? c : by_number(a->read_only, b->read_only);
}

/* A sorted copy; *ret is NULL for an empty array. */
static bool sorted_copy(rc_arena *arena, const void *items, uint32_t n, size_t size,
                        int (*compare)(const void *, const void *), void **ret)
{
    *ret = NULL;
    if (n == 0)
        return true;
    void *copy = rc_arena_calloc(arena, n, size);
    if (!copy)
        return false;
    memcpy(copy, items, n * size);
    qsort(copy, n, size, compare);
    *ret = copy;
    return true;
}

static bool normal_ports(const rc_row *row, rc_arena *arena, rc_row *out)
{
    uint32_t n = rc_state_holds_ports(row->state) ? row->n_ports : 0;
    void *copy = NULL;
    if (!sorted_copy(arena, row->ports, n, sizeof(rc_port), compare_ports, &copy))
        return false;
    rc_port *ports = copy;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (kept == 0 || compare_ports(&ports[kept - 1], &ports[i]) != 0)
            ports[kept++] = ports[i];
    out->ports = ports;
    out->n_ports = kept;
    return true;
}

static bool state_keeps_exit_code(enum rc_state s)
{
    return s == RC_STATE_EXITED || s == RC_STATE_RESTARTING || s == RC_STATE_DEAD ||
           s == RC_STATE_REMOVING || s == RC_STATE_MISSING;
}

/* A failed start and a crash leave them behind in the engine's store, and its list and its inspect
 * then disagree. */
static void drop_addresses(rc_netif *networks, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        networks[i].ip = networks[i].ip6 = networks[i].mac = RC_STR_EMPTY;
}

bool rc_row_normalise(rc_row *row, rc_arena *arena)
{
    rc_row out = *row;
    void *networks = NULL;
    void *mounts = NULL;
    if (!normal_labels(row, arena, &out) || !normal_ports(row, arena, &out) ||
        !sorted_copy(arena, row->networks, row->n_networks, sizeof(rc_netif), compare_networks,
                     &networks) ||
        !sorted_copy(arena, row->mounts, row->n_mounts, sizeof(rc_mount), compare_mounts, &mounts))
        return false;
    if (networks && !rc_state_holds_ports(out.state))
        drop_addresses(networks, out.n_networks);
    out.networks = networks;
    out.mounts = mounts;
    if (out.state != RC_STATE_RUNNING && out.state != RC_STATE_PAUSED)
        out.pid = 0;
    if (!state_keeps_exit_code(out.state))
        out.has_exit_code = false;
    if (!out.has_exit_code)
        out.exit_code = 0;
    *row = out;
    return true;
}

/* ---- equality ---- */

static bool equal_strings(const rc_row *a, const rc_row *b)
{
    return rc_str_eq(a->id, b->id) && rc_str_eq(a->name, b->name) &&
           rc_str_eq(a->image, b->image) && rc_str_eq(a->image_id, b->image_id) &&
           rc_str_eq(a->command, b->command) && rc_str_eq(a->engine_state, b->engine_state) &&
           rc_str_eq(a->network_mode, b->network_mode) &&
           rc_str_eq(a->restart_policy, b->restart_policy) &&
           rc_str_eq(a->workload_id, b->workload_id) &&
           rc_str_eq(a->workload_kind, b->workload_kind) &&
           rc_str_eq(a->workload_role, b->workload_role) &&
           rc_str_eq(a->reservation, b->reservation);
}

static bool equal_scalars(const rc_row *a, const rc_row *b)
{
    return a->state == b->state && a->health == b->health && a->missing_cause == b->missing_cause &&
           a->scheme == b->scheme && a->has_exit_code == b->has_exit_code &&
           a->exit_code == b->exit_code && a->oom_killed == b->oom_killed &&
           a->managed == b->managed && a->partial == b->partial &&
           a->restart_count == b->restart_count && a->pid == b->pid &&
           a->created_ns == b->created_ns && a->started_ns == b->started_ns &&
           a->finished_ns == b->finished_ns && a->missing_since_ns == b->missing_since_ns;
}

static bool equal_labels(const rc_row *a, const rc_row *b)
{
    if (a->n_labels != b->n_labels)
        return false;
    for (uint32_t i = 0; i < a->n_labels; i++)
        if (!rc_str_eq(a->labels[i].key, b->labels[i].key) ||
            !rc_str_eq(a->labels[i].value, b->labels[i].value))
            return false;
    return true;
}

static bool equal_arrays(const void *a, uint32_t n_a, const void *b, uint32_t n_b, size_t size,
                         int (*compare)(const void *, const void *))
{
    if (n_a != n_b)
        return false;
    for (uint32_t i = 0; i < n_a; i++)
        if (compare((const char *)a + i * size, (const char *)b + i * size) != 0)
            return false;
    return true;
}

bool rc_row_equal(const rc_row *a, const rc_row *b)
{
    return equal_scalars(a, b) && equal_strings(a, b) && equal_labels(a, b) &&
           equal_arrays(a->ports, a->n_ports, b->ports, b->n_ports, sizeof(rc_port),
                        compare_ports) &&
           equal_arrays(a->networks, a->n_networks, b->networks, b->n_networks, sizeof(rc_netif),
                        compare_networks) &&
           equal_arrays(a->mounts, a->n_mounts, b->mounts, b->n_mounts, sizeof(rc_mount),
                        compare_mounts);
}

/* ---- deep copy ---- */

typedef struct copier {
    rc_arena *arena;
    bool failed;
} copier;

static rc_str copy_str(copier *c, rc_str s)
{
    rc_str copy = rc_arena_dup(c->arena, s);
    if (!copy.ptr) {
        c->failed = true;
        return RC_STR_EMPTY;
    }
    return copy;
}

static void *copy_array(copier *c, const void *items, uint32_t n, size_t size)
{
    if (n == 0)
        return NULL;
    void *copy = rc_arena_calloc(c->arena, n, size);
    if (copy)
        memcpy(copy, items, n * size);
    else
        c->failed = true;
    return copy;
}

static void copy_strings(copier *c, rc_row *row)
{
    rc_str *const all[] = {
        &row->id,          &row->name,          &row->image,         &row->image_id,
        &row->command,     &row->engine_state,  &row->network_mode,  &row->restart_policy,
        &row->workload_id, &row->workload_kind, &row->workload_role, &row->reservation,
    };
    for (size_t i = 0; i < RC_ARRAY_LEN(all); i++)
        *all[i] = copy_str(c, *all[i]);
}

static void copy_labels_and_ports(copier *c, rc_row *row)
{
    rc_label *labels = copy_array(c, row->labels, row->n_labels, sizeof(*labels));
    for (uint32_t i = 0; labels && i < row->n_labels; i++) {
        labels[i].key = copy_str(c, labels[i].key);
        labels[i].value = copy_str(c, labels[i].value);
    }
    row->labels = labels;

    rc_port *ports = copy_array(c, row->ports, row->n_ports, sizeof(*ports));
    for (uint32_t i = 0; ports && i < row->n_ports; i++) {
        ports[i].ip = copy_str(c, ports[i].ip);
        ports[i].protocol = copy_str(c, ports[i].protocol);
    }
    row->ports = ports;
}

static void copy_networks_and_mounts(copier *c, rc_row *row)
{
    rc_netif *nets = copy_array(c, row->networks, row->n_networks, sizeof(*nets));
    for (uint32_t i = 0; nets && i < row->n_networks; i++) {
        nets[i].network = copy_str(c, nets[i].network);
        nets[i].id = copy_str(c, nets[i].id);
        nets[i].ip = copy_str(c, nets[i].ip);
        nets[i].ip6 = copy_str(c, nets[i].ip6);
        nets[i].mac = copy_str(c, nets[i].mac);
    }
    row->networks = nets;

    rc_mount *mounts = copy_array(c, row->mounts, row->n_mounts, sizeof(*mounts));
    for (uint32_t i = 0; mounts && i < row->n_mounts; i++) {
        mounts[i].type = copy_str(c, mounts[i].type);
        mounts[i].name = copy_str(c, mounts[i].name);
        mounts[i].source = copy_str(c, mounts[i].source);
        mounts[i].destination = copy_str(c, mounts[i].destination);
    }
    row->mounts = mounts;
}

bool rc_row_copy(rc_row *dst, const rc_row *src, rc_arena *arena)
{
    copier c = {arena, false};
    rc_row row = *src;
    copy_strings(&c, &row);
    copy_labels_and_ports(&c, &row);
    copy_networks_and_mounts(&c, &row);
    if (c.failed)
        return false;
    *dst = row;
    return true;
}

const rc_str *rc_row_label(const rc_row *row, rc_str key)
{
    uint32_t lo = 0;
    uint32_t hi = row->n_labels;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = rc_str_cmp(row->labels[mid].key, key);
        if (c == 0)
            return &row->labels[mid].value;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}
