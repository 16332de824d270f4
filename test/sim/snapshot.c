/* Choosing what a list shows. Full IDs are looked up, never searched for: a re-read of a hundred
 * among 100,000 costs a hundred. */
#include "snapshot.h"

#include <stdio.h>
#include <stdlib.h>

struct sim_snapshot {
    unsigned refs;
    size_t n, cap;
    sim_container **containers;
};

static const sim_container *visible(sim_slot *slot)
{
    if (!slot->stale)
        return slot->now;
    if (slot->stale_lists > 0) {
        slot->stale_lists--;
        return slot->stale;
    }
    if (slot->stale_until > rc_clock_mono())
        return slot->stale;
    sim_container_unref(slot->stale);
    slot->stale = NULL;
    return slot->now;
}

static bool push(sim_snapshot *snap, sim_container *c)
{
    if (snap->n == snap->cap) {
        size_t cap = snap->cap ? snap->cap * 2 : 64;
        sim_container **bigger = realloc(snap->containers, cap * sizeof(sim_container *));
        if (!bigger)
            return false;
        snap->containers = bigger;
        snap->cap = cap;
    }
    sim_container_ref(c);
    snap->containers[snap->n++] = c;
    return true;
}

/* ---- filters ---- */

static bool has_label(const sim_container *c, rc_str want)
{
    const char *eq = memchr(want.ptr, '=', want.len);
    rc_str key = rc_str_n(want.ptr, eq ? (size_t)(eq - want.ptr) : want.len);
    for (uint32_t i = 0; i < c->spec->n_labels; i++) {
        const sim_label *label = &c->spec->labels[i];
        if (rc_str_eq(label->key, key) &&
            (!eq || rc_str_eq(label->value, rc_str_n(eq + 1, want.len - key.len - 1))))
            return true;
    }
    return false;
}

static bool on_network(const sim_container *c, rc_str want)
{
    for (unsigned i = 0; i < c->n_endpoints; i++) {
        char id[RC_ID_LEN + 1];
        rc_id_format(&c->endpoints[i].network->id, id);
        if (rc_str_eq_c(want, id) || rc_str_eq_c(want, c->endpoints[i].network->name))
            return true;
    }
    return false;
}

static bool value_fits(const sim_container *c, rc_str key, rc_str value)
{
    if (rc_str_eq(key, RC_STR("name")))
        return memmem(c->name, strlen(c->name), value.ptr, value.len) != NULL;
    if (rc_str_eq(key, RC_STR("network")))
        return on_network(c, value);
    if (rc_str_eq(key, RC_STR("status")))
        return rc_str_eq_c(value, rc_state_name(c->state));
    if (rc_str_eq(key, RC_STR("health")))
        return rc_str_eq_c(value, rc_health_name(c->health));
    if (rc_str_eq(key, RC_STR("ancestor")))
        return rc_str_eq(value, c->spec->image) || rc_str_eq(value, c->spec->image_id);
    if (rc_str_eq(key, RC_STR("exited"))) {
        char code[16];
        (void)snprintf(code, sizeof(code), "%d", (int)c->exit_code);
        return c->state == RC_STATE_EXITED && rc_str_eq_c(value, code);
    }
    return true;
}

/* OR within a key, AND across keys; labels all have to be there. */
static bool fits(const sim_container *c, const sim_filter *f)
{
    for (size_t i = 0; i < sim_filter_count(f); i++) {
        rc_str key = sim_filter_key(f, i);
        bool any = false;
        if (rc_str_eq(key, RC_STR("label"))) {
            if (!has_label(c, sim_filter_value(f, i)))
                return false;
            continue;
        }
        for (size_t k = 0; k < sim_filter_count(f) && !any; k++)
            any =
                rc_str_eq(sim_filter_key(f, k), key) && value_fits(c, key, sim_filter_value(f, k));
        if (!any)
            return false;
    }
    return true;
}

static bool wanted(const sim_container *c, const sim_selection *what)
{
    if (!what->all && what->limit == 0 && !sim_filter_has(what->filter, "status") &&
        c->state != RC_STATE_RUNNING && c->state != RC_STATE_PAUSED &&
        c->state != RC_STATE_RESTARTING)
        return false;
    return fits(c, what->filter);
}

rc_str sim_selection_unknown(const sim_selection *what)
{
    static const char *const known[] = {"id",      "name",   "label",    "status",
                                        "network", "health", "ancestor", "exited"};
    for (size_t i = 0; i < sim_filter_count(what->filter); i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]) && !found; k++)
            found = rc_str_eq_c(sim_filter_key(what->filter, i), known[k]);
        if (!found)
            return sim_filter_key(what->filter, i);
    }
    return RC_STR_EMPTY;
}

/* ---- the two ways to fill it ---- */

static bool add_slot(sim_snapshot *snap, sim_slot *slot, const sim_selection *what)
{
    /* The engine decides by what it shows. */
    const sim_container *shown = visible(slot);
    return !wanted(shown, what) || push(snap, (sim_container *)shown);
}

static bool take_all(sim *s, sim_snapshot *snap, const sim_selection *what)
{
    sim_slot *slot;
    TAILQ_FOREACH(slot, sim_model_slots(s->model), link)
    {
        if (what->limit > 0 && snap->n >= what->limit)
            break;
        if (!add_slot(snap, slot, what))
            return false;
    }
    return true;
}

static int newest_first(const void *a, const void *b)
{
    const sim_container *p = *(sim_container *const *)a, *q = *(sim_container *const *)b;
    return p->seq < q->seq ? 1 : p->seq > q->seq ? -1 : 0;
}

static void sort_and_drop_doubles(sim_snapshot *snap)
{
    size_t n = 0;
    if (snap->n > 1)
        qsort(snap->containers, snap->n, sizeof(sim_container *), newest_first);
    for (size_t i = 0; i < snap->n; i++) {
        if (n > 0 && snap->containers[n - 1]->seq == snap->containers[i]->seq)
            sim_container_unref(snap->containers[i]);
        else
            snap->containers[n++] = snap->containers[i];
    }
    snap->n = n;
}

/* Unknown IDs are passed over, and so is a prefix that fits several. */
static bool take_ids(sim *s, sim_snapshot *snap, const sim_selection *what)
{
    for (size_t i = 0; i < sim_filter_count(what->filter); i++) {
        sim_slot *slot;
        if (!rc_str_eq(sim_filter_key(what->filter, i), RC_STR("id")))
            continue;
        if (sim_model_find(s->model, sim_filter_value(what->filter, i), &slot, NULL) == RC_OK &&
            !add_slot(snap, slot, what))
            return false;
    }
    sort_and_drop_doubles(snap);
    while (what->limit > 0 && snap->n > what->limit)
        sim_container_unref(snap->containers[--snap->n]);
    return true;
}

sim_snapshot *sim_snapshot_take(sim *s, const sim_selection *what)
{
    sim_snapshot *snap = calloc(1, sizeof(*snap));
    if (!snap)
        return NULL;
    snap->refs = 1;
    bool done =
        sim_filter_has(what->filter, "id") ? take_ids(s, snap, what) : take_all(s, snap, what);
    return done ? snap : sim_snapshot_unref(snap);
}

sim_snapshot *sim_snapshot_ref(sim_snapshot *snap)
{
    snap->refs++;
    return snap;
}

sim_snapshot *sim_snapshot_unref(sim_snapshot *snap)
{
    if (!snap || --snap->refs > 0)
        return NULL;
    for (size_t i = 0; i < snap->n; i++)
        sim_container_unref(snap->containers[i]);
    free(snap->containers);
    free(snap);
    return NULL;
}

size_t sim_snapshot_count(const sim_snapshot *snap)
{
    return snap->n;
}

const sim_container *sim_snapshot_at(const sim_snapshot *snap, size_t i)
{
    return snap->containers[i];
}
