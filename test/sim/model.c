/* The containers and networks of the simulated engine; see model.h for how versions are shared. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/hash.h"
#include "base/json.h"

#define SPEC_BYTES_MAX ((size_t)64 << 20)

struct id_entry {
    rc_id id;
    sim_slot *slot;
};

struct sim_model {
    uint64_t *rng;
    uint64_t next_seq;
    rc_idmap *by_id;
    rc_idmap *by_name; /* keyed by 256 bits of hash */
    struct sim_slot_list slots;
    struct sim_network_list networks;
    unsigned n_networks;
    uint32_t next_subnet;
};

rc_id sim_random_id(uint64_t *rng)
{
    rc_id id;
    for (size_t i = 0; i < sizeof(id.b); i += sizeof(uint64_t)) {
        uint64_t word = rc_rand_next(rng);
        memcpy(id.b + i, &word, sizeof(word));
    }
    return id;
}

static rc_id name_key(rc_str name)
{
    rc_id key;
    for (size_t i = 0; i < sizeof(key.b); i += sizeof(uint64_t)) {
        uint64_t word = rc_siphash(i, 0x6e616d65, name.ptr, name.len);
        memcpy(key.b + i, &word, sizeof(word));
    }
    return key;
}

static char *copy_str(rc_str s)
{
    char *p = malloc(s.len + 1);
    if (p) {
        memcpy(p, s.ptr, s.len);
        p[s.len] = '\0';
    }
    return p;
}

/* ---- specs ---- */

static int compare_labels(const void *a, const void *b)
{
    return rc_str_cmp(((const sim_label *)a)->key, ((const sim_label *)b)->key);
}

static rc_str pair_json(rc_arena *arena, rc_buf *scratch, rc_str key, rc_str value)
{
    rc_json j;
    rc_buf_clear(scratch);
    rc_json_init(&j, scratch);
    rc_json_key(&j, key);
    rc_json_str(&j, value);
    return rc_arena_dup(arena, rc_buf_view(scratch));
}

static void copy_labels(sim_spec *spec, const sim_spec_options *o, rc_buf *scratch)
{
    sim_label *labels = rc_arena_calloc(spec->arena, o->n_labels, sizeof(*labels));
    if (!labels)
        return;
    for (uint32_t i = 0; i < o->n_labels; i++) {
        labels[i].key = rc_arena_dup(spec->arena, o->labels[i].key);
        labels[i].value = rc_arena_dup(spec->arena, o->labels[i].value);
        labels[i].json = pair_json(spec->arena, scratch, o->labels[i].key, o->labels[i].value);
    }
    if (rc_arena_failed(spec->arena))
        return;
    qsort(labels, o->n_labels, sizeof(*labels), compare_labels);
    spec->labels = labels;
    spec->n_labels = o->n_labels;
}

static void copy_ports_and_mounts(sim_spec *spec, const sim_spec_options *o)
{
    rc_port *ports = rc_arena_calloc(spec->arena, o->n_ports, sizeof(*ports));
    rc_mount *mounts = rc_arena_calloc(spec->arena, o->n_mounts, sizeof(*mounts));
    if (!ports || !mounts)
        return;
    for (uint32_t i = 0; i < o->n_ports; i++) {
        ports[i] = o->ports[i];
        ports[i].ip = rc_arena_dup(spec->arena, o->ports[i].ip);
        ports[i].protocol = rc_arena_dup(spec->arena, o->ports[i].protocol);
    }
    for (uint32_t i = 0; i < o->n_mounts; i++) {
        mounts[i] = o->mounts[i];
        mounts[i].type = rc_arena_dup(spec->arena, o->mounts[i].type);
        mounts[i].name = rc_arena_dup(spec->arena, o->mounts[i].name);
        mounts[i].source = rc_arena_dup(spec->arena, o->mounts[i].source);
        mounts[i].destination = rc_arena_dup(spec->arena, o->mounts[i].destination);
    }
    spec->ports = ports;
    spec->n_ports = o->n_ports;
    spec->mounts = mounts;
    spec->n_mounts = o->n_mounts;
}

static rc_str image_id(rc_arena *arena, const sim_spec_options *o)
{
    char text[8 + RC_ID_LEN] = "sha256:";
    rc_id id = name_key(o->image);
    if (o->image_id.len > 0)
        return rc_arena_dup(arena, o->image_id);
    rc_id_format(&id, text + 7);
    return rc_arena_dup(arena, rc_str_c(text));
}

int sim_spec_new(const sim_spec_options *o, sim_spec **ret, rc_error *err)
{
    rc_buf scratch = RC_BUF_INIT(SPEC_BYTES_MAX);
    sim_spec *spec = calloc(1, sizeof(*spec));
    rc_arena *arena = rc_arena_new(512, SPEC_BYTES_MAX);
    if (!spec || !arena) {
        free(spec);
        (void)rc_arena_free(arena);
        return rc_fail(err, RC_NOMEM, "out of memory for a container's spec");
    }
    spec->arena = arena;
    spec->refs = 1;
    spec->image = rc_arena_dup(arena, o->image);
    spec->image_id = image_id(arena, o);
    spec->image_json = pair_json(arena, &scratch, RC_STR("image"), o->image);
    spec->command = rc_arena_dup(arena, o->command);
    spec->network_mode = rc_arena_dup(arena, o->network_mode);
    spec->has_check = o->has_check;
    spec->auto_remove = o->auto_remove;
    copy_labels(spec, o, &scratch);
    copy_ports_and_mounts(spec, o);
    bool failed = rc_arena_failed(arena) || rc_buf_failed(&scratch);
    rc_buf_release(&scratch);
    if (failed) {
        sim_spec_unref(spec);
        return rc_fail(err, RC_FULL, "a container's spec is over %zu bytes", SPEC_BYTES_MAX);
    }
    *ret = spec;
    return RC_OK;
}

void sim_spec_unref(sim_spec *spec)
{
    if (--spec->refs > 0)
        return;
    (void)rc_arena_free(spec->arena);
    free(spec);
}

/* ---- networks ---- */

void sim_network_ref(sim_network *n)
{
    n->refs++;
}

void sim_network_unref(sim_network *n)
{
    if (!n || --n->refs > 0)
        return;
    free(n->name);
    free(n);
}

static int add_network(sim_model *m, rc_str name, const char *driver, int64_t now,
                       sim_network **ret, rc_error *err)
{
    sim_network *n = calloc(1, sizeof(*n));
    char *copy = copy_str(name);
    if (!n || !copy) {
        free(n);
        free(copy);
        return rc_fail(err, RC_NOMEM, "out of memory for a network");
    }
    n->refs = 1;
    n->id = sim_random_id(m->rng);
    n->name = copy;
    n->driver = driver;
    n->created_ns = now;
    n->last_host = 1;
    if (strcmp(driver, "bridge") == 0)
        n->subnet = 17 + m->next_subnet++ % 238;
    TAILQ_INSERT_TAIL(&m->networks, n, link);
    m->n_networks++;
    *ret = n;
    return RC_OK;
}

int sim_network_add(sim_model *m, rc_str name, int64_t created_ns, sim_network **ret, rc_error *err)
{
    sim_network *found;
    char shown[64];
    if (sim_network_find(m, name, &found, NULL) == RC_OK)
        return rc_fail(err, RC_EXISTS, "network %s exists already",
                       rc_escape_into(shown, sizeof(shown), name));
    if (m->n_networks >= SIM_NETWORKS_MAX)
        return rc_fail(err, RC_FULL, "there are %d networks already", SIM_NETWORKS_MAX);
    return add_network(m, name, "bridge", created_ns, ret, err);
}

void sim_network_remove(sim_model *m, sim_network *n)
{
    TAILQ_REMOVE(&m->networks, n, link);
    m->n_networks--;
    sim_network_unref(n);
}

int sim_network_find(const sim_model *m, rc_str ref, sim_network **ret, rc_error *err)
{
    sim_network *n;
    char shown[64];
    TAILQ_FOREACH(n, &m->networks, link)
    {
        char id[RC_ID_LEN + 1];
        rc_id_format(&n->id, id);
        if (rc_str_eq_c(ref, n->name) || rc_str_eq_c(ref, id)) {
            *ret = n;
            return RC_OK;
        }
    }
    return rc_fail(err, RC_NOTFOUND, "no network %s", rc_escape_into(shown, sizeof(shown), ref));
}

const struct sim_network_list *sim_model_networks(const sim_model *m)
{
    return &m->networks;
}

/* ---- containers ---- */

void sim_container_ref(sim_container *c)
{
    c->refs++;
}

void sim_container_unref(sim_container *c)
{
    if (!c || --c->refs > 0)
        return;
    for (unsigned i = 0; i < c->n_endpoints; i++)
        sim_network_unref(c->endpoints[i].network);
    sim_spec_unref(c->spec);
    free(c->name);
    free(c->error);
    free(c);
}

static sim_container *copy_container(const sim_container *c)
{
    sim_container *copy = malloc(sizeof(*copy));
    char *name = copy_str(rc_str_c(c->name));
    char *error = c->error ? copy_str(rc_str_c(c->error)) : NULL;
    if (!copy || !name || (c->error && !error)) {
        free(copy);
        free(name);
        free(error);
        return NULL;
    }
    *copy = *c;
    copy->refs = 1;
    copy->name = name;
    copy->error = error;
    copy->spec->refs++;
    for (unsigned i = 0; i < c->n_endpoints; i++)
        sim_network_ref(c->endpoints[i].network);
    return copy;
}

int sim_container_attach(sim_container *c, sim_network *n, rc_error *err)
{
    for (unsigned i = 0; i < c->n_endpoints; i++)
        if (c->endpoints[i].network == n)
            return rc_fail(err, RC_EXISTS, "it is on the network %s already", n->name);
    if (c->n_endpoints >= SIM_ENDPOINTS_MAX)
        return rc_fail(err, RC_FULL, "a container may be on %d networks", SIM_ENDPOINTS_MAX);
    sim_network_ref(n);
    n->in_use++;
    c->endpoints[c->n_endpoints++] = (sim_endpoint){.network = n};
    return RC_OK;
}

bool sim_container_detach(sim_container *c, const sim_network *n)
{
    for (unsigned i = 0; i < c->n_endpoints; i++) {
        if (c->endpoints[i].network != n)
            continue;
        c->endpoints[i].network->in_use--;
        sim_network_unref(c->endpoints[i].network);
        c->endpoints[i] = c->endpoints[--c->n_endpoints];
        return true;
    }
    return false;
}

void sim_container_assign(sim_container *c, bool up)
{
    for (unsigned i = 0; i < c->n_endpoints; i++) {
        sim_endpoint *e = &c->endpoints[i];
        if (up && e->host == 0 && e->network->subnet != 0) {
            /* .0.0 and .0.1 are the network's and the gateway's. */
            e->network->last_host = e->network->last_host % 65533 + 1;
            e->host = e->network->last_host + 1;
        } else if (!up) {
            e->host = 0;
        }
    }
}

static bool map_container(sim_model *m, sim_slot *slot, rc_str name)
{
    rc_id key = name_key(name);
    struct id_entry *by_id = rc_idmap_add(m->by_id, &slot->now->id, NULL);
    if (!by_id)
        return false;
    by_id->slot = slot;
    struct id_entry *by_name = rc_idmap_add(m->by_name, &key, NULL);
    if (!by_name) {
        (void)rc_idmap_remove(m->by_id, &slot->now->id);
        return false;
    }
    by_name->slot = slot;
    return true;
}

int sim_model_add(sim_model *m, sim_spec *spec, rc_str name, int64_t created_ns, sim_slot **ret,
                  rc_error *err)
{
    char shown[64];
    rc_id key = name_key(name);
    if (rc_idmap_get(m->by_name, &key))
        return rc_fail(err, RC_EXISTS, "the name %s is in use",
                       rc_escape_into(shown, sizeof(shown), name));
    if (rc_idmap_count(m->by_id) >= SIM_CONTAINERS_MAX)
        return rc_fail(err, RC_FULL, "there are %d containers already", SIM_CONTAINERS_MAX);
    sim_slot *slot = calloc(1, sizeof(*slot));
    sim_container *c = calloc(1, sizeof(*c));
    char *copy = copy_str(name);
    if (slot && c && copy) {
        slot->now = c;
        c->id = sim_random_id(m->rng);
        if (map_container(m, slot, name)) {
            c->refs = 1;
            c->seq = m->next_seq++;
            c->spec = spec;
            spec->refs++;
            c->name = copy;
            c->state = RC_STATE_CREATED;
            c->created_ns = created_ns;
            (void)snprintf(c->restart_policy, sizeof(c->restart_policy), "no");
            TAILQ_INSERT_HEAD(&m->slots, slot, link);
            *ret = slot;
            return RC_OK;
        }
    }
    free(slot);
    free(c);
    free(copy);
    return rc_fail(err, RC_NOMEM, "out of memory for a container");
}

void sim_model_remove(sim_model *m, sim_slot *slot)
{
    rc_id key = name_key(rc_str_c(slot->now->name));
    for (unsigned i = 0; i < slot->now->n_endpoints; i++)
        slot->now->endpoints[i].network->in_use--;
    (void)rc_idmap_remove(m->by_name, &key);
    (void)rc_idmap_remove(m->by_id, &slot->now->id);
    TAILQ_REMOVE(&m->slots, slot, link);
    sim_container_unref(slot->now);
    sim_container_unref(slot->stale);
    free(slot);
}

sim_container *sim_model_edit(sim_model *m, sim_slot *slot)
{
    (void)m;
    if (slot->now->refs > 1) {
        sim_container *copy = copy_container(slot->now);
        if (!copy)
            return NULL;
        sim_container_unref(slot->now);
        slot->now = copy;
    }
    return slot->now;
}

int sim_model_rename(sim_model *m, sim_slot *slot, rc_str name, rc_error *err)
{
    char shown[64];
    rc_id key = name_key(name);
    rc_id old = name_key(rc_str_c(slot->now->name));
    if (rc_idmap_get(m->by_name, &key))
        return rc_fail(err, RC_EXISTS, "the name %s is in use",
                       rc_escape_into(shown, sizeof(shown), name));
    char *copy = copy_str(name);
    sim_container *c = copy ? sim_model_edit(m, slot) : NULL;
    struct id_entry *entry = c ? rc_idmap_add(m->by_name, &key, NULL) : NULL;
    if (!entry) {
        free(copy);
        return rc_fail(err, RC_NOMEM, "out of memory for a name");
    }
    entry->slot = slot;
    (void)rc_idmap_remove(m->by_name, &old);
    free(c->name);
    c->name = copy;
    return RC_OK;
}

sim_slot *sim_model_by_id(const sim_model *m, const rc_id *id)
{
    const struct id_entry *e = rc_idmap_get(m->by_id, id);
    return e ? e->slot : NULL;
}

static int find_prefix(const sim_model *m, rc_str prefix, sim_slot **ret)
{
    sim_slot *slot;
    sim_slot *found = NULL;
    TAILQ_FOREACH(slot, &m->slots, link)
    {
        char id[RC_ID_LEN + 1];
        rc_id_format(&slot->now->id, id);
        if (!rc_str_starts(rc_str_c(id), prefix))
            continue;
        if (found)
            return RC_AMBIGUOUS;
        found = slot;
    }
    if (!found)
        return RC_NOTFOUND;
    *ret = found;
    return RC_OK;
}

int sim_model_find(const sim_model *m, rc_str ref, sim_slot **ret, rc_error *err)
{
    rc_id id;
    rc_id key = name_key(ref);
    char shown[80];
    const struct id_entry *e = rc_id_parse(ref, &id) ? rc_idmap_get(m->by_id, &id) : NULL;
    if (!e)
        e = rc_idmap_get(m->by_name, &key);
    if (e) {
        *ret = e->slot;
        return RC_OK;
    }
    int rc = ref.len > 0 && ref.len < RC_ID_LEN ? find_prefix(m, ref, ret) : RC_NOTFOUND;
    if (rc == RC_OK)
        return RC_OK;
    return rc_fail(err, rc, rc == RC_AMBIGUOUS ? "%s fits several containers" : "no container %s",
                   rc_escape_into(shown, sizeof(shown), ref));
}

const struct sim_slot_list *sim_model_slots(const sim_model *m)
{
    return &m->slots;
}

size_t sim_model_count(const sim_model *m)
{
    return rc_idmap_count(m->by_id);
}

/* ---- life ---- */

sim_model *sim_model_new(uint64_t *rng, int64_t now_ns)
{
    static const char *const builtin[][2] = {
        {"bridge", "bridge"}, {"host", "host"}, {"none", "null"}};
    sim_model *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->rng = rng;
    TAILQ_INIT(&m->slots);
    TAILQ_INIT(&m->networks);
    m->by_id = rc_idmap_new(sizeof(struct id_entry));
    m->by_name = rc_idmap_new(sizeof(struct id_entry));
    bool failed = !m->by_id || !m->by_name;
    for (size_t i = 0; i < RC_ARRAY_LEN(builtin) && !failed; i++) {
        sim_network *n;
        failed = add_network(m, rc_str_c(builtin[i][0]), builtin[i][1], now_ns, &n, NULL) != RC_OK;
    }
    return failed ? sim_model_free(m) : m;
}

void sim_model_clear(sim_model *m)
{
    sim_slot *slot, *next;
    for (slot = TAILQ_FIRST(&m->slots); slot; slot = next) {
        next = TAILQ_NEXT(slot, link);
        sim_model_remove(m, slot);
    }
}

sim_model *sim_model_free(sim_model *m)
{
    if (!m)
        return NULL;
    if (m->by_id && m->by_name)
        sim_model_clear(m);
    sim_network *n, *next;
    for (n = TAILQ_FIRST(&m->networks); n; n = next) {
        next = TAILQ_NEXT(n, link);
        sim_network_remove(m, n);
    }
    (void)rc_idmap_free(m->by_id);
    (void)rc_idmap_free(m->by_name);
    free(m);
    return NULL;
}
