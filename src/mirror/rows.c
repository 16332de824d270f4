/* The only door to the store: what an event or an answer made of a row is brought into its normal
 * form here, and the table told. */
#include "mirror/mirror_private.h"

bool rc_rows_get(rc_mirror *m, rc_entry *e, rc_row *out)
{
    rc_error err = RC_ERROR_INIT;
    rc_row_init(out);
    if (!e->has_row)
        return true;
    int code = m->store.get(m->store.ctx, &e->id, out, &err);
    if (code == RC_OK)
        return true;
    if (code == RC_NOTFOUND)
        code = rc_fail(&err, RC_CORRUPT, "a container's row is gone from the store");
    rc_mirror_fail(m, code, &err);
    return false;
}

static void note(rc_mirror *m, rc_entry *e, bool has_row, enum rc_state state, bool partial)
{
    if (e->has_row)
        m->report.containers[e->state]--;
    if (has_row)
        m->report.containers[state]++;
    e->has_row = has_row;
    e->state = (uint8_t)state;
    e->partial = partial;
}

static bool finish(rc_mirror *m, rc_row *row)
{
    rc_error err = RC_ERROR_INIT;

    /* Labels that are not kept decide nothing: those that dispatch and merge read always are. */
    if (rc_label_filter_apply(&m->options.labels, row, m->arena) &&
        rc_row_normalise(row, m->arena)) {
        rc_dispatch_row(&m->options.dispatch, row, NULL, NULL);
        return true;
    }
    rc_mirror_fail(m, rc_fail(&err, RC_NOMEM, "no memory for a row"), &err);
    return false;
}

static bool put(rc_mirror *m, rc_entry *e, const rc_row *row, enum rc_change_cause cause,
                rc_str action)
{
    rc_error err = RC_ERROR_INIT;
    enum rc_state state = row->state;
    bool partial = row->partial;
    bool changed = false;
    int code = m->store.put(m->store.ctx, row, cause, action, &changed, &err);

    if (code) {
        rc_mirror_fail(m, code, &err);
        return false;
    }
    note(m, e, true, state, partial);
    return changed;
}

bool rc_rows_put(rc_mirror *m, rc_entry *e, rc_row *row, enum rc_change_cause cause, rc_str action)
{
    return finish(m, row) && put(m, e, row, cause, action);
}

void rc_rows_del(rc_mirror *m, rc_entry *e, enum rc_change_cause cause)
{
    rc_error err = RC_ERROR_INIT;
    int code = m->store.del(m->store.ctx, &e->id, cause, &err);

    if (code && code != RC_NOTFOUND) {
        rc_mirror_fail(m, code, &err);
        return;
    }
    note(m, e, false, RC_STATE_UNKNOWN, false);
}

void rc_rows_missing(rc_mirror *m, rc_entry *e, enum rc_missing why, enum rc_change_cause cause,
                     rc_str action, rc_moment now)
{
    rc_row row;
    bool was_missing = e->state == RC_STATE_MISSING;

    rc_table_expect(m, e, NULL);
    rc_reread_drop(m->reread, &e->id);
    if (!e->has_row)
        return;
    /* The feed still tells why it went. */
    if (!rc_rows_get(m, e, &row))
        return;
    if (rc_merge_missing(&row, why, now.real_ns))
        rc_rows_put(m, e, &row, cause, action);
    if (m->failed)
        return;
    if (m->options.missing_ttl_ns == 0)
        rc_rows_del(m, e, cause);
    else if (!was_missing)
        rc_table_missing(m, e, now, 0);
}

bool rc_rows_take(rc_mirror *m, rc_entry *e, const rc_observation *obs, const rc_flight *f,
                  rc_moment now, bool partial, enum rc_change_cause cause, rc_taken *out)
{
    rc_row old, row;
    bool had_row = e->has_row;

    if (!rc_rows_get(m, e, &old))
        return false;
    row = old;
    rc_merge_observation(&row, obs);
    row.partial = partial;
    if (!finish(m, &row))
        return false;
    *out = (rc_taken){.existence = !had_row || old.state == RC_STATE_MISSING,
                      .state = had_row && old.state != row.state,
                      .before = old.state,
                      .was_partial = had_row && old.partial,
                      .started_ns = row.started_ns,
                      .finished_ns = row.finished_ns};
    /* Before the put, which ends the views of the old row. */
    old.partial = row.partial;
    bool differs = !had_row || !rc_row_equal(&old, &row);
    if (differs || out->was_partial != partial)
        put(m, e, &row, cause, RC_STR_EMPTY);
    if (m->failed)
        return false;
    out->changed = differs;
    e->touched = ++m->seq;
    e->confirmed = (rc_confirmed){f->sent_ns, rc_engine_clock_latest(&m->clock, now.real_ns)};
    return true;
}
