/* What a re-read settles: lists of single ids, and inspects. */
#include "mirror/mirror_private.h"

/* The Status text was made between request and answer, and our clocks differ by so much at most. */
#define AGE_SLACK_S 2

bool rc_answer_age_fits(const rc_mirror *m, const rc_taken *t, const rc_observation *obs,
                        rc_moment now)
{
    bool up = obs->row.state == RC_STATE_RUNNING || obs->row.state == RC_STATE_PAUSED;
    int64_t from = up ? t->started_ns : t->finished_ns;

    if (obs->age_hi == 0 || !m->clock.known)
        return true;
    if (from == 0)
        return false;
    int64_t latest = (rc_engine_clock_latest(&m->clock, now.real_ns) - from) / RC_NS_PER_SEC;
    int64_t earliest = (rc_engine_clock_earliest(&m->clock, now.real_ns) - from) / RC_NS_PER_SEC;
    /* A list of 10,000 takes seconds to be made and read. */
    return obs->age_lo <= latest + AGE_SLACK_S && earliest - AGE_SLACK_S * 5 < obs->age_hi;
}

bool rc_answer_overtaken(const rc_mirror *m, const rc_entry *e, const rc_flight *f)
{
    /* A container that was forgotten early may have been destroyed after the request. */
    return e ? e->touched > f->seq : m->forgot_seq > f->seq;
}

bool rc_answer_contradicts(const rc_entry *e, const rc_observation *obs)
{
    return e && e->expect && rc_merge_contradicts(e->expect, obs);
}

void rc_answer_want(rc_mirror *m, const rc_id *id, unsigned needs, rc_moment now)
{
    if (!m->options.inspect)
        needs &= ~(unsigned)RC_NEED_INSPECT;
    if (!rc_reread_want(m->reread, id, needs, now.mono_ns)) {
        rc_error err = RC_ERROR_INIT;
        rc_mirror_fail(m, rc_fail(&err, RC_NOMEM, "no memory for a re-read"), &err);
    }
}

static rc_flight *seen_in(rc_flight *f, const rc_id *id, size_t *ret_i)
{
    for (size_t i = 0; i < f->n; i++)
        if (rc_id_eq(&f->ids[i], id)) {
            *ret_i = i;
            return f;
        }
    return NULL;
}

void rc_answer_some(rc_mirror *m, rc_moment now, rc_flight *f, const rc_observation *obs)
{
    rc_id id;
    rc_taken taken;
    size_t i = 0;

    /* What was not asked for is not an answer. */
    if (!rc_id_parse(obs->row.id, &id) || !seen_in(f, &id, &i) || f->seen[i])
        return;
    f->seen[i] = true;
    rc_entry *e = rc_table_get(m, &id);
    if ((e && e->gone) || rc_answer_overtaken(m, e, f)) {
        rc_reread_done(m->reread, &id, RC_REREAD_LIST, RC_REREAD_SETTLED, now.mono_ns);
        return;
    }
    /* In the end an inspect decides; where there is none, the list has the last word. */
    bool last_word = !m->options.inspect && rc_reread_exhausted(m->reread, &id);
    if (rc_answer_contradicts(e, obs) && !last_word) {
        rc_reread_done(m->reread, &id, RC_REREAD_LIST, RC_REREAD_CONTRADICTS, now.mono_ns);
        return;
    }
    bool owed = !rc_reread_done(m->reread, &id, RC_REREAD_LIST, RC_REREAD_SETTLED, now.mono_ns);
    bool fresh = !e || !e->has_row;
    if (!e && !(e = rc_table_add(m, &id)))
        return;
    rc_table_expect(m, e, NULL);
    if (fresh && !owed && m->options.inspect) {
        rc_answer_want(m, &id, RC_NEED_INSPECT, now);
        owed = true;
    }
    rc_rows_take(m, e, obs, f, now, owed, RC_CAUSE_EVENT, &taken);
}

void rc_answer_some_done(rc_mirror *m, rc_moment now, const rc_flight *f, enum rc_answer answer)
{
    bool retry = answer == RC_ANSWER_FAILED || answer == RC_ANSWER_TIMEOUT;

    if (answer != RC_ANSWER_OK)
        rc_stat_add(m->stats, RC_STAT_REREAD_FAILURES, 1);
    /* Whom the engine does not know any more, the destroy event or the next full list tells of. */
    for (size_t i = 0; i < f->n; i++)
        if (!f->seen[i])
            rc_reread_done(m->reread, &f->ids[i], RC_REREAD_LIST,
                           retry ? RC_REREAD_FAILED : RC_REREAD_SETTLED, now.mono_ns);
}

/* Nothing more will come for the row, so it waits for nothing. */
static void give_up_details(rc_mirror *m, const rc_id *id)
{
    rc_entry *e = rc_table_get(m, id);
    rc_row row;

    if (!e || !e->has_row || !e->partial || !rc_rows_get(m, e, &row))
        return;
    row.partial = false;
    rc_rows_put(m, e, &row, RC_CAUSE_EVENT, RC_STR_EMPTY);
}

static void on_inspect(rc_mirror *m, rc_moment now, const rc_flight *f, const rc_observation *obs)
{
    const rc_id *id = &f->ids[0];
    rc_entry *e = rc_table_get(m, id);
    rc_taken taken;

    rc_resync_confirm(m, now, id, obs);
    bool overtaken = rc_answer_overtaken(m, e, f);
    bool owed = !rc_reread_done(m->reread, id, RC_REREAD_INSPECT, RC_REREAD_SETTLED, now.mono_ns);
    if (e && e->gone)
        return;
    if (overtaken) {
        rc_answer_want(m, id, RC_NEED_INSPECT, now);
        return;
    }
    if (!e && !(e = rc_table_add(m, id)))
        return;
    bool aged = e->aged;
    e->aged = false;
    /* Not behind any event: what it shows otherwise than expected has changed again since. */
    rc_observation as_list = *obs;
    as_list.source = RC_SOURCE_LIST;
    if (!owed || rc_answer_contradicts(e, &as_list))
        rc_table_expect(m, e, NULL);
    if (!rc_rows_take(m, e, obs, f, now, owed, RC_CAUSE_EVENT, &taken))
        return;
    e->distrust = aged && !taken.changed;
    rc_event ahead = {.action = taken.existence ? RC_ACTION_OTHER
                                                : rc_merge_expected(taken.before, obs->row.state),
                      .name = RC_STR_EMPTY,
                      .network = RC_STR_EMPTY,
                      .network_type = RC_STR_EMPTY};
    if (ahead.action == RC_ACTION_OTHER)
        return;
    rc_table_expect(m, e, &ahead);
    rc_answer_want(m, id, RC_NEED_LIST, now);
}

void rc_mirror_inspected(rc_mirror *m, rc_moment now, uint64_t token, enum rc_answer answer,
                         const rc_observation *obs, int64_t date_s)
{
    rc_arena_reset(m->arena);
    rc_flight *f = rc_session_landed(m, now, token, date_s);
    if (!f)
        return;
    rc_flight flight = *f;
    f->token = 0;
    rc_id parsed;
    if (answer == RC_ANSWER_OK &&
        (!obs || !rc_id_parse(obs->row.id, &parsed) || !rc_id_eq(&parsed, &flight.ids[0])))
        answer = RC_ANSWER_FAILED;
    if (answer == RC_ANSWER_OK) {
        on_inspect(m, now, &flight, obs);
        return;
    }
    if (answer == RC_ANSWER_NOTFOUND)
        rc_resync_confirm(m, now, &flight.ids[0], NULL);
    else
        rc_stat_add(m->stats, RC_STAT_REREAD_FAILURES, 1);
    bool retry = answer == RC_ANSWER_FAILED || answer == RC_ANSWER_TIMEOUT;
    bool settled = rc_reread_done(m->reread, &flight.ids[0], RC_REREAD_INSPECT,
                                  retry ? RC_REREAD_FAILED : RC_REREAD_SETTLED, now.mono_ns);
    if (settled && answer == RC_ANSWER_DENIED)
        give_up_details(m, &flight.ids[0]);
}
