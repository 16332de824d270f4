/* What is known of each container beside its row, and what ends by itself: missing rows and
 * tombstones. */
#include <stdlib.h>

#include "mirror/mirror_private.h"

/* A missing row that never ends still has a place in the queue: when there are too many, the oldest
 * goes. */
#define NEVER_NS (INT64_MAX / 2)

/* Tombstones outlive two resyncs, and lists that were asked for before the destroy. */
#define GRAVE_MIN_NS (120 * RC_NS_PER_SEC)

/* ---- deadlines in order ---- */

static bool fifo_push(rc_fifo *q, const rc_id *id, int64_t at_ns)
{
    if (q->count == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 64;
        rc_deadline *items = malloc(cap * sizeof(*items));
        if (!items)
            return false;
        for (size_t i = 0; i < q->count; i++)
            items[i] = q->items[(q->first + i) % q->cap];
        free(q->items);
        *q = (rc_fifo){items, cap, 0, q->count};
    }
    q->items[(q->first + q->count++) % q->cap] = (rc_deadline){*id, at_ns};
    return true;
}

static const rc_deadline *fifo_first(const rc_fifo *q)
{
    return q->count ? &q->items[q->first] : NULL;
}

static void fifo_pop(rc_fifo *q)
{
    q->first = (q->first + 1) % q->cap;
    if (--q->count == 0 && q->cap > 4096) {
        free(q->items);
        *q = (rc_fifo){NULL, 0, 0, 0};
    }
}

static void fifo_clear(rc_fifo *q)
{
    free(q->items);
    *q = (rc_fifo){NULL, 0, 0, 0};
}

/* ---- entries ---- */

rc_entry *rc_table_get(const rc_mirror *m, const rc_id *id)
{
    return rc_idmap_get(m->table, id);
}

rc_entry *rc_table_add(rc_mirror *m, const rc_id *id)
{
    rc_entry *e = rc_idmap_add(m->table, id, NULL);
    if (!e) {
        rc_error err = RC_ERROR_INIT;
        rc_mirror_fail(m, rc_fail(&err, RC_NOMEM, "no memory for one more container"), &err);
    }
    return e;
}

void rc_table_remove(rc_mirror *m, rc_entry *e)
{
    rc_id id = e->id;
    free(e->expect);
    rc_idmap_remove(m->table, &id);
}

void rc_table_clear(rc_mirror *m)
{
    for (size_t i = 0; i < rc_idmap_count(m->table); i++)
        free(((rc_entry *)rc_idmap_at(m->table, i))->expect);
    rc_idmap_clear(m->table);
    fifo_clear(&m->missing);
    fifo_clear(&m->graves);
}

static rc_str pack(char **at, rc_str s)
{
    rc_str copy = rc_str_n(*at, s.len);
    if (s.len)
        memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return copy;
}

/* The state that an earlier event told of, if a list has not shown it yet and this event tells of
 * none itself. */
static enum rc_action still_expected(const rc_entry *e, const rc_event *ev)
{
    const rc_expectation *x = e->expect;
    if (!x || !ev || rc_merge_lags_in_state(ev->action))
        return RC_ACTION_OTHER;
    return rc_merge_lags_in_state(x->action) ? x->action : x->before;
}

void rc_table_expect(rc_mirror *m, rc_entry *e, const rc_event *ev)
{
    enum rc_action before = still_expected(e, ev);
    free(e->expect);
    e->expect = NULL;
    if (!ev)
        return;
    size_t text = ev->name.len + ev->network.len + ev->network_type.len;
    rc_expectation *x = malloc(sizeof(*x) + text);
    if (!x) {
        rc_error err = RC_ERROR_INIT;
        rc_mirror_fail(m, rc_fail(&err, RC_NOMEM, "no memory to verify an event"), &err);
        return;
    }
    char *at = (char *)(x + 1);
    x->action = ev->action;
    x->before = before;
    x->name = pack(&at, ev->name);
    x->network = pack(&at, ev->network);
    x->network_type = pack(&at, ev->network_type);
    e->expect = x;
}

/* ---- what ends by itself ---- */

int64_t rc_table_live_now(const rc_mirror *m, rc_moment now)
{
    return m->live_ns + (m->live_from_ns >= 0 ? now.mono_ns - m->live_from_ns : 0);
}

void rc_table_live(rc_mirror *m, rc_moment now, bool live)
{
    m->live_ns = rc_table_live_now(m, now);
    m->live_from_ns = live ? now.mono_ns : -1;
}

static void out_of_memory(rc_mirror *m)
{
    rc_error err = RC_ERROR_INIT;
    rc_mirror_fail(m, rc_fail(&err, RC_NOMEM, "no memory to note what ends when"), &err);
}

/* The row's time is over, unless the place in the queue is one of an earlier absence. */
static void end_missing(rc_mirror *m)
{
    rc_deadline end = *fifo_first(&m->missing);
    rc_entry *e = rc_table_get(m, &end.id);
    fifo_pop(&m->missing);
    if (!e || !e->has_row || e->state != RC_STATE_MISSING || e->missing_at != end.at_ns)
        return;
    rc_rows_del(m, e, RC_CAUSE_EXPIRED);
    rc_stat_add(m->stats, RC_STAT_EXPIRED, 1);
    if (!e->in_graves)
        rc_table_remove(m, e);
}

void rc_table_missing(rc_mirror *m, rc_entry *e, rc_moment now, int64_t passed_ns)
{
    int64_t ttl = m->options.missing_ttl_ns;
    if (ttl > NEVER_NS)
        ttl = NEVER_NS;
    e->missing_at = rc_table_live_now(m, now) + (passed_ns >= ttl ? 0 : ttl - passed_ns);
    if (!fifo_push(&m->missing, &e->id, e->missing_at))
        out_of_memory(m);
}

static int by_end(const void *pa, const void *pb)
{
    const rc_deadline *a = pa;
    const rc_deadline *b = pb;
    return (a->at_ns > b->at_ns) - (a->at_ns < b->at_ns);
}

void rc_table_sort(rc_mirror *m)
{
    /* Nothing was popped yet, so the ring has no seam. */
    if (m->missing.count && m->missing.first == 0)
        qsort(m->missing.items, m->missing.count, sizeof(*m->missing.items), by_end);
}

static void end_grave(rc_mirror *m, bool early)
{
    rc_entry *e = rc_table_get(m, &fifo_first(&m->graves)->id);
    fifo_pop(&m->graves);
    if (!e)
        return;
    e->in_graves = false;
    if (e->has_row) /* which ends later, and the tombstone with it */
        return;
    if (early && e->touched > m->forgot_seq)
        m->forgot_seq = e->touched;
    rc_table_remove(m, e);
}

void rc_table_bury(rc_mirror *m, rc_entry *e, rc_moment now)
{
    int64_t wait = 2 * m->options.resync_interval_ns;
    e->gone = true;
    if (e->in_graves)
        return;
    wait = wait > GRAVE_MIN_NS ? wait : GRAVE_MIN_NS;
    e->in_graves = fifo_push(&m->graves, &e->id, now.mono_ns + wait);
    if (!e->in_graves)
        out_of_memory(m);
}

void rc_table_expire(rc_mirror *m, rc_moment now)
{
    const rc_deadline *first;
    while (m->missing.count > RC_MIRROR_MISSING_MAX)
        end_missing(m);
    while (m->graves.count > RC_MIRROR_GRAVES_MAX)
        end_grave(m, true);
    if (m->live_from_ns >= 0)
        while ((first = fifo_first(&m->missing)) && first->at_ns <= rc_table_live_now(m, now))
            end_missing(m);
    while ((first = fifo_first(&m->graves)) && first->at_ns <= now.mono_ns)
        end_grave(m, false);
}

int64_t rc_table_deadline(const rc_mirror *m)
{
    const rc_deadline *missing = fifo_first(&m->missing);
    const rc_deadline *grave = fifo_first(&m->graves);
    int64_t at = grave ? grave->at_ns : INT64_MAX;
    if (missing && m->live_from_ns >= 0) {
        int64_t due = m->live_from_ns + (missing->at_ns - m->live_ns);
        at = due < at ? due : at;
    }
    return at;
}
