/* What an event does to the mirror: at once what its action proves, later what re-reads settle. */
#include "mirror/mirror_private.h"

/* Lists that were asked for after the event show it already, unless they are of the kind that lag,
 * which the event's own re-read takes care of. */
static bool surely_before_lists(const rc_mirror *m, const rc_event *ev)
{
    for (int i = 0; i < RC_FLIGHTS; i++) {
        const rc_flight *f = &m->flights[i];
        if (f->token && f->ask != RC_ASK_NETWORKS && ev->time_ns >= f->sent_ns)
            return false;
    }
    return m->clock.known && ev->time_ns > 0;
}

static void touch(rc_mirror *m, rc_entry *e)
{
    e->touched = ++m->seq;
    e->distrust = false;
}

static void on_destroy(rc_mirror *m, rc_entry *e, const rc_event *ev, const rc_id *id,
                       rc_moment now)
{
    /* Also of a container never seen: a list that was asked for before may still name it. */
    if (!e && !(e = rc_table_add(m, id)))
        return;
    touch(m, e);
    rc_table_bury(m, e, now);
    rc_rows_missing(m, e, RC_MISSING_DESTROYED, RC_CAUSE_EVENT, ev->action_text, now);
}

static void apply(rc_mirror *m, rc_entry *e, rc_row *row, const rc_event *ev, unsigned needs)
{
    bool changed = true;

    if (e->has_row)
        changed = rc_merge_event(row, ev);
    else if (!rc_merge_first_sight(row, ev, m->arena)) {
        rc_error err = RC_ERROR_INIT;
        rc_mirror_fail(m, rc_fail(&err, RC_NOMEM, "no memory for a row"), &err);
        return;
    }
    if (!m->options.inspect)
        needs &= ~(unsigned)RC_NEED_INSPECT;
    /* A row that is still missing after its event waits for nothing: what comes will bring it back.
     */
    bool partial = row->state != RC_STATE_MISSING && (row->partial || needs != 0);
    changed |= partial != row->partial;
    row->partial = partial;
    e->last_event_ns = ev->time_ns;
    if (changed)
        rc_rows_put(m, e, row, RC_CAUSE_EVENT, ev->action_text);
}

static void late(rc_mirror *m, rc_entry *e, const rc_event *ev, const rc_id *id, unsigned needs,
                 rc_moment now)
{
    rc_stat_add(m->stats, RC_STAT_EVENTS_LATE, 1);
    if (e && !surely_before_lists(m, ev))
        touch(m, e);
    if (needs)
        rc_answer_want(m, id, RC_NEED_LIST | RC_NEED_INSPECT, now);
}

static void on_container(rc_mirror *m, const rc_event *ev, rc_moment now)
{
    rc_id id;
    rc_row row;

    if (ev->action == RC_ACTION_IGNORED || !rc_id_parse(ev->container, &id)) {
        rc_stat_add(m->stats, RC_STAT_EVENTS_IGNORED, 1);
        return;
    }
    rc_entry *e = rc_table_get(m, &id);
    bool has_row = e && e->has_row;
    rc_row_init(&row);
    if (has_row && ev->action != RC_ACTION_DESTROY && !e->gone && !rc_rows_get(m, e, &row))
        return;
    rc_merge_context c = {.listed = m->listed, .gone = e && e->gone};
    /* That there is no such container, the last full list has confirmed. */
    c.confirmed = has_row ? e->confirmed : m->absence;
    if (e)
        c.last_event_ns = e->last_event_ns;
    unsigned needs = rc_merge_needs(ev->action, has_row ? &row : NULL);
    enum rc_event_fate fate = rc_merge_fate(&c, has_row ? &row : NULL, ev);
    if (fate == RC_FATE_IGNORE) {
        rc_stat_add(m->stats, RC_STAT_EVENTS_IGNORED, 1);
        return;
    }
    rc_resync_cleared(m, &id);
    if (fate == RC_FATE_DESTROY) {
        on_destroy(m, e, ev, &id, now);
        return;
    }
    if (fate == RC_FATE_REREAD) {
        late(m, e, ev, &id, needs, now);
        return;
    }
    if (!e && !(e = rc_table_add(m, &id)))
        return;
    if (needs || ev->action != RC_ACTION_KILL)
        touch(m, e);
    apply(m, e, &row, ev, needs);
    if (!needs || m->failed)
        return;
    rc_table_expect(m, e, needs & RC_NEED_VERIFY ? ev : NULL);
    rc_answer_want(m, &id, needs, now);
}

static void on_network(rc_mirror *m, const rc_event *ev, rc_moment now)
{
    rc_id id;

    if (ev->action == RC_ACTION_CREATE || ev->action == RC_ACTION_DESTROY ||
        ev->action == RC_ACTION_PRUNE || ev->action == RC_ACTION_UPDATE)
        m->networks_due = true;
    rc_entry *e = rc_id_parse(ev->container, &id) ? rc_table_get(m, &id) : NULL;
    if (!e || !e->has_row || e->gone) {
        rc_stat_add(m->stats, RC_STAT_EVENTS_IGNORED, 1);
        return;
    }
    unsigned needs = RC_NEED_LIST | RC_NEED_VERIFY;
    if (ev->action != RC_ACTION_CONNECT && ev->action != RC_ACTION_DISCONNECT)
        needs = 0;
    bool old = surely_before_lists(m, ev) && (!m->listed || ev->time_ns <= e->confirmed.sent_ns);
    if (!old)
        touch(m, e);
    if (!needs)
        return;
    /* Which network the list must show is known of a recent event only; an old one's may have been
     * left since. */
    rc_table_expect(m, e, !old && (needs & RC_NEED_VERIFY) ? ev : NULL);
    rc_answer_want(m, &id, needs, now);
}

void rc_mirror_event(rc_mirror *m, rc_moment now, const rc_event *ev)
{
    rc_arena_reset(m->arena);
    if (m->failed || (m->phase != RC_PHASE_OPENING && m->phase != RC_PHASE_OPEN))
        return;
    bool of_container = ev->type == RC_EVENT_CONTAINER || ev->container.len > 0;
    rc_stat_add(m->stats, RC_STAT_EVENTS + (of_container ? ev->action : RC_ACTION_OTHER), 1);
    if (ev->time_ns > m->report.event_ns)
        m->report.event_ns = ev->time_ns;
    if (rc_recent_repeat(&m->recent, ev)) {
        rc_stat_add(m->stats, RC_STAT_EVENTS_DUPLICATE, 1);
        return;
    }
    if (ev->type == RC_EVENT_CONTAINER)
        on_container(m, ev, now);
    else if (ev->type == RC_EVENT_NETWORK)
        on_network(m, ev, now);
    else
        rc_stat_add(m->stats, RC_STAT_EVENTS_IGNORED, 1);
}

void rc_mirror_bad_line(rc_mirror *m, rc_moment now, bool oversize)
{
    rc_stat_add(m->stats, oversize ? RC_STAT_EVENTS_OVERSIZE : RC_STAT_EVENTS_BAD, 1);
    /* What it told is lost; a full list tells it again. */
    rc_mirror_resync(m, now);
}
