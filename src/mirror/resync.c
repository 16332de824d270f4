/* The full list: what it corrects, what it sweeps, and what its corrections say about the stream.
 */
#include "mirror/mirror_private.h"

/* How long a difference must stand before it counts as drift. */
#define SUSPECT_NS RC_NS_PER_SEC

void rc_resync_begin(rc_mirror *m)
{
    m->list_no++;
    /* What an inspect could not confirm between two lists, it never will. One list is not enough:
     * it can begin in the very moment in which the inspect is asked for. */
    size_t kept = 0;
    for (size_t i = 0; i < m->n_suspects; i++)
        if (!m->suspects[i].asked || m->suspects[i].list + 1 >= m->list_no)
            m->suspects[kept++] = m->suspects[i];
    m->n_suspects = kept;
}

/* ---- corrections ---- */

static void count(rc_mirror *m, enum rc_correction_kind kind, enum rc_correction_cause cause)
{
    rc_stat_add(m->stats, rc_stat_correction(kind, cause), 1);
    if (cause == RC_BY_DRIFT)
        m->drift = true;
}

/* Changes of state for which the engine has no event: the end of a restart back-off (a failed or a
 * cancelled start), and a removal on its way or given up. */
static bool silent_transition(enum rc_state before, enum rc_state after)
{
    return (before == RC_STATE_RESTARTING && after == RC_STATE_EXITED) ||
           before == RC_STATE_REMOVING || before == RC_STATE_DEAD || after == RC_STATE_REMOVING ||
           after == RC_STATE_DEAD || before == RC_STATE_UNKNOWN || after == RC_STATE_UNKNOWN;
}

static void suspect(rc_mirror *m, const rc_id *id, enum rc_correction_kind kind,
                    enum rc_state state, rc_moment now)
{
    if (m->n_suspects == RC_MIRROR_SUSPECTS_MAX) {
        count(m, kind, RC_BY_DRIFT);
        return;
    }
    m->suspects[m->n_suspects++] = (rc_suspect){.id = *id,
                                                .due_ns = now.mono_ns + SUSPECT_NS,
                                                .kind = (uint8_t)kind,
                                                .state = (uint8_t)state};
}

/* The first list of a connection and the one a second later bring what nobody could have seen. */
static bool connecting(const rc_mirror *m)
{
    return m->lists < 2;
}

static void judge(rc_mirror *m, const rc_id *id, const rc_taken *t, enum rc_state after,
                  rc_moment now)
{
    enum rc_correction_kind kind = t->existence ? RC_ADDED : RC_CHANGED;

    if (connecting(m))
        count(m, kind, RC_BY_CONNECT);
    else if (t->existence || (t->state && !silent_transition(t->before, after)))
        suspect(m, id, kind, after, now);
    else
        count(m, kind, RC_BY_SILENT);
}

static void forget_suspect(rc_mirror *m, size_t i)
{
    m->suspects[i] = m->suspects[--m->n_suspects];
}

void rc_resync_cleared(rc_mirror *m, const rc_id *id)
{
    for (size_t i = m->n_suspects; i-- > 0;)
        if (rc_id_eq(&m->suspects[i].id, id))
            forget_suspect(m, i);
}

void rc_resync_confirm(rc_mirror *m, rc_moment now, const rc_id *id, const rc_observation *obs)
{
    (void)now;
    for (size_t i = m->n_suspects; i-- > 0;) {
        const rc_suspect *s = &m->suspects[i];
        if (!s->asked || !rc_id_eq(&s->id, id))
            continue;
        bool stands = s->kind == RC_REMOVED ? obs == NULL : obs && obs->row.state == s->state;
        if (stands)
            count(m, s->kind, RC_BY_DRIFT);
        forget_suspect(m, i);
    }
}

void rc_resync_suspects(rc_mirror *m, rc_moment now)
{
    for (size_t i = m->n_suspects; i-- > 0;) {
        rc_suspect *s = &m->suspects[i];
        if (s->asked || s->due_ns > now.mono_ns)
            continue;
        s->asked = true;
        s->list = m->list_no;
        if (m->options.inspect) {
            rc_answer_want(m, &s->id, RC_NEED_INSPECT, now);
            continue;
        }
        count(m, s->kind, RC_BY_DRIFT);
        forget_suspect(m, i);
    }
    if (!m->drift || m->n_suspects > 0 || m->phase != RC_PHASE_OPEN)
        return;
    m->drift = false;
    if (m->reopened_ns != INT64_MIN && now.mono_ns - m->reopened_ns < m->options.resync_interval_ns)
        return;
    m->reopened_ns = now.mono_ns;
    rc_session_lost(m, now, RC_RECONNECT_DRIFT, true);
}

int64_t rc_resync_suspects_due(const rc_mirror *m)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < m->n_suspects; i++)
        if (!m->suspects[i].asked && m->suspects[i].due_ns < due)
            due = m->suspects[i].due_ns;
    return due;
}

/* ---- elements ---- */

/* Newer things are known than this list. It is asked about again only where the two disagree and
 * nothing is on its way. */
static void overtaken(rc_mirror *m, rc_moment now, const rc_entry *e, const rc_id *id,
                      const rc_observation *obs)
{
    if (rc_reread_pending(m->reread, id))
        return;
    if (!e || !e->has_row || e->state != (uint8_t)obs->row.state)
        rc_answer_want(m, id, RC_NEED_LIST | RC_NEED_INSPECT, now);
}

void rc_resync_element(rc_mirror *m, rc_moment now, const rc_flight *f, const rc_observation *obs)
{
    rc_id id;
    rc_taken taken;

    if (!rc_id_parse(obs->row.id, &id))
        return;
    rc_entry *e = rc_table_get(m, &id);
    if (e && e->gone)
        return;
    if (e)
        e->list_no = m->list_no;
    if (rc_answer_overtaken(m, e, f)) {
        overtaken(m, now, e, &id, obs);
        return;
    }
    if (rc_answer_contradicts(e, obs)) {
        /* Its own re-read goes on asking, unless it was lost with a connection. */
        if (!rc_reread_pending(m->reread, &id))
            rc_answer_want(m, &id, RC_NEED_LIST | RC_NEED_INSPECT, now);
        return;
    }
    if (!e && !(e = rc_table_add(m, &id)))
        return;
    e->list_no = m->list_no;

    bool pending = rc_reread_pending(m->reread, &id);
    bool news = !e->has_row || e->partial || e->state != (uint8_t)obs->row.state;
    bool partial = pending || (news && m->options.inspect);
    if (!rc_rows_take(m, e, obs, f, now, partial, RC_CAUSE_RESYNC, &taken))
        return;
    if (taken.changed && !pending)
        judge(m, &id, &taken, obs->row.state, now);
    bool aged = !e->distrust && !rc_answer_age_fits(m, &taken, obs, now);
    e->aged = aged && !news && !taken.changed;
    if (news || taken.changed || m->verify || aged)
        rc_answer_want(m, &id, RC_NEED_INSPECT, now);
}

/* ---- the end ---- */

static void sweep(rc_mirror *m, rc_moment now, const rc_flight *f)
{
    for (size_t i = rc_idmap_count(m->table); i-- > 0 && !m->failed;) {
        rc_entry *e = rc_idmap_at(m->table, i);
        if (!e->has_row || e->state == RC_STATE_MISSING || e->list_no == m->list_no ||
            e->touched > f->seq)
            continue;
        rc_id id = e->id;
        bool told = rc_reread_pending(m->reread, &id);
        rc_rows_missing(m, e, RC_MISSING_VANISHED, RC_CAUSE_RESYNC, RC_STR_EMPTY, now);
        if (connecting(m))
            count(m, RC_REMOVED, RC_BY_CONNECT);
        else if (!told)
            suspect(m, &id, RC_REMOVED, RC_STATE_MISSING, now);
        /* The entry moved at most into its own place: nothing was added. */
        if (!e->has_row && !e->gone)
            rc_table_remove(m, e);
    }
}

/* In the order of the table, which removals stir a little: everybody's turn comes all the same. */
static void audit(rc_mirror *m, rc_moment now)
{
    size_t n = rc_idmap_count(m->table);
    int wanted = 0;
    for (size_t i = 0; i < n && i < 64 * RC_MIRROR_AUDIT && wanted < RC_MIRROR_AUDIT; i++) {
        m->audited = m->audited + 1 < n ? m->audited + 1 : 0;
        const rc_entry *e = rc_idmap_at(m->table, m->audited);
        if (!e->has_row || e->state == RC_STATE_MISSING || rc_reread_pending(m->reread, &e->id))
            continue;
        rc_answer_want(m, &e->id, RC_NEED_INSPECT, now);
        wanted++;
    }
}

void rc_resync_complete(rc_mirror *m, rc_moment now, const rc_flight *f)
{
    sweep(m, now, f);
    if (!connecting(m))
        audit(m, now);
    if (m->failed)
        return;
    m->absence = (rc_confirmed){f->sent_ns, rc_engine_clock_latest(&m->clock, now.real_ns)};
    m->lists++;
    m->listed = true;
    m->verify = false;
    m->report.resync_ns = now.real_ns;
    m->report.resync_mono_ns = now.mono_ns;
    m->report.resync_took_ns = now.mono_ns - f->sent_mono_ns;
    rc_stat_add(m->stats, RC_STAT_RESYNCS, 1);
    /* The second list, a second later: a connection that is cut at once, again and again, is not to
     * cost a full list every 100 ms. */
    if (m->lists > 1)
        rc_backoff_reset(&m->backoff);
    rc_backoff_reset(&m->list_backoff);
    int64_t pause = m->lists == 1 ? RC_NS_PER_SEC : m->options.resync_interval_ns;
    int64_t due = (m->lists == 1 ? now.mono_ns : f->sent_mono_ns) + pause;
    m->list_due_ns = m->list_again || due < now.mono_ns ? now.mono_ns : due;
    m->list_again = false;
    rc_session_status(m, now, RC_MIRROR_LIVE);
}

void rc_resync_failed(rc_mirror *m, rc_moment now, enum rc_answer answer)
{
    rc_stat_add(m->stats, RC_STAT_RESYNC_FAILURES, 1);
    m->list_again = false;
    m->list_due_ns = now.mono_ns + rc_backoff_next(&m->list_backoff);
    /* An engine that takes requests and answers none is away, whatever its stream looks like. */
    if (answer == RC_ANSWER_TIMEOUT)
        rc_session_lost(m, now, RC_RECONNECT_TIMEOUT, false);
}
