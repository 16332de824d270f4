/* The connection's life: hello, stream, first list, live, lost, again; and which request is due. */
#include <stdlib.h>

#include "base/hash.h"
#include "mirror/mirror_private.h"

/* A replay is asked for from a little before what was seen last. */
#define FIRST_MARGIN_NS (2 * RC_NS_PER_SEC)
#define AGAIN_MARGIN_NS (5 * RC_NS_PER_SEC)

/* A stream that ends cleanly after this long was cut for being quiet, by a proxy: no reason to
 * wait. */
#define LONG_LIFE_NS (60 * RC_NS_PER_SEC)

/* Without a connection for longer than this, all containers are inspected at the next: an update
 * leaves no trace in the list, and the replay may not reach that far back. */
#define BLIND_MAX_NS AGAIN_MARGIN_NS

#define BACKOFF_FIRST_NS (100 * RC_NS_PER_MS)

/* ---- making and loading ---- */

rc_mirror *rc_mirror_new(const rc_mirror_options *options, const rc_store *store, rc_stats *stats)
{
    rc_mirror *m = calloc(1, sizeof(*m));
    uint64_t seed = options->seed;

    if (!m)
        return NULL;
    m->options = *options;
    m->store = *store;
    m->stats = stats;
    m->arena = rc_arena_new(64 * 1024, 0);
    m->table = rc_idmap_new(sizeof(rc_entry));
    m->reread = rc_reread_new();
    m->suspects = calloc(RC_MIRROR_SUSPECTS_MAX, sizeof(*m->suspects));
    if (!m->arena || !m->table || !m->reread || !m->suspects)
        return rc_mirror_free(m);
    uint64_t key0 = rc_rand_next(&seed);
    rc_recent_init(&m->recent, key0, rc_rand_next(&seed));
    int64_t first =
        options->reconnect_max_ns < BACKOFF_FIRST_NS ? options->reconnect_max_ns : BACKOFF_FIRST_NS;
    rc_backoff_init(&m->backoff, first, options->reconnect_max_ns, rc_rand_next(&seed));
    rc_backoff_init(&m->list_backoff, first, options->reconnect_max_ns, rc_rand_next(&seed));
    m->reopened_ns = INT64_MIN;
    m->blind_since_ns = INT64_MIN;
    m->live_from_ns = -1;
    m->retry_ns = INT64_MAX;
    return m;
}

rc_mirror *rc_mirror_free(rc_mirror *m)
{
    if (!m)
        return NULL;
    if (m->table)
        rc_table_clear(m);
    rc_idmap_free(m->table);
    rc_reread_free(m->reread);
    rc_arena_free(m->arena);
    free(m->suspects);
    free(m);
    return NULL;
}

bool rc_mirror_load(rc_mirror *m, const rc_row *row, int64_t alive_ns)
{
    rc_id id;
    rc_moment origin = {0, 0};

    if (!rc_id_parse(row->id, &id))
        return true; /* a placeholder: not the mirror's business */
    rc_entry *e = rc_table_add(m, &id);
    if (!e)
        return false;
    e->has_row = true;
    e->state = (uint8_t)row->state;
    e->partial = row->partial;
    m->report.containers[row->state]++;
    if (row->state != RC_STATE_MISSING)
        return true;
    e->gone = row->missing_cause == RC_MISSING_DESTROYED;
    /* The time between the last daemon's end and now does not count. */
    int64_t passed = alive_ns - row->missing_since_ns;
    rc_table_missing(m, e, origin, alive_ns && passed > 0 ? passed : 0);
    return !m->failed;
}

void rc_mirror_start(rc_mirror *m, rc_moment now, int64_t stale_ns)
{
    rc_table_sort(m);
    m->status = (rc_mirror_status){.state = RC_MIRROR_CONNECTING,
                                   .synced = false,
                                   .stale_since_ns = stale_ns ? stale_ns : now.real_ns};
    m->store.set_status(m->store.ctx, &m->status);
    m->retry_ns = now.mono_ns;
}

void rc_mirror_forget(rc_mirror *m)
{
    rc_reread_clear(m->reread);
    rc_table_clear(m);
    memset(m->report.containers, 0, sizeof(m->report.containers));
    m->n_suspects = 0;
    m->blind_since_ns = INT64_MIN;
    m->store.set_status(m->store.ctx, &m->status);
}

/* ---- state ---- */

void rc_mirror_fail(rc_mirror *m, int code, const rc_error *err)
{
    if (m->failed)
        return;
    m->failed = code;
    m->error = *err;
}

int rc_mirror_failed(rc_mirror *m, rc_moment now, rc_error *err)
{
    int code = m->failed;
    if (!code)
        return RC_OK;
    if (err)
        *err = m->error;
    m->failed = RC_OK;
    if (m->phase != RC_PHASE_IDLE)
        rc_session_lost(m, now, RC_RECONNECT_FAILED, false);
    return code;
}

/* The one door through which the status changes. */
void rc_session_status(rc_mirror *m, rc_moment now, enum rc_mirror_state state)
{
    rc_mirror_status next = {.state = state, .synced = state == RC_MIRROR_LIVE};

    if (state == m->status.state)
        return;
    if (!next.synced)
        next.stale_since_ns = m->status.synced ? now.real_ns : m->status.stale_since_ns;
    m->status = next;
    rc_table_live(m, now, next.synced);
    m->store.set_status(m->store.ctx, &m->status);
}

const rc_mirror_status *rc_mirror_status_of(const rc_mirror *m)
{
    return &m->status;
}

void rc_mirror_report_of(const rc_mirror *m, rc_mirror_report *out)
{
    *out = m->report;
    out->rereads = rc_reread_count(m->reread);
}

void rc_session_lost(rc_mirror *m, rc_moment now, enum rc_reconnect_reason reason, bool at_once)
{
    bool was_known = m->status.state != RC_MIRROR_CONNECTING;

    rc_stat_add(m->stats, RC_STAT_RECONNECTS + reason, 1);
    rc_reread_clear(m->reread);
    memset(m->flights, 0, sizeof(m->flights));
    m->n_suspects = 0;
    m->drift = false;
    if (m->listed)
        m->blind_since_ns = now.mono_ns;
    m->listed = false;
    m->asked = false;
    m->close = true;
    m->phase = RC_PHASE_IDLE;
    m->retry_ns = at_once ? now.mono_ns : now.mono_ns + rc_backoff_next(&m->backoff);
    if (was_known)
        rc_session_status(m, now, RC_MIRROR_DISCONNECTED);
}

void rc_mirror_lost(rc_mirror *m, rc_moment now, enum rc_reconnect_reason reason)
{
    if (m->phase == RC_PHASE_IDLE)
        return;
    bool quiet = reason == RC_RECONNECT_CLOSED && m->phase == RC_PHASE_OPEN &&
                 now.mono_ns - m->opened_ns >= LONG_LIFE_NS;
    rc_session_lost(m, now, reason, quiet);
}

static void take_date(rc_mirror *m, rc_moment now, int64_t sent_real_ns, int64_t date_s)
{
    if (!m->options.local_clock && date_s >= 0)
        rc_engine_clock_date(&m->clock, date_s, sent_real_ns, now.real_ns);
}

void rc_mirror_connected(rc_mirror *m, rc_moment now, int64_t date_s)
{
    if (m->phase != RC_PHASE_HELLO || !m->asked)
        return;
    if (m->options.local_clock)
        rc_engine_clock_local(&m->clock);
    else
        rc_engine_clock_unknown(&m->clock);
    take_date(m, now, m->hello_real_ns, date_s);
    int64_t earliest = m->clock.known ? rc_engine_clock_earliest(&m->clock, now.real_ns) : 0;
    bool first = m->report.event_ns == 0;
    m->since_ns = first ? earliest - FIRST_MARGIN_NS : m->report.event_ns - AGAIN_MARGIN_NS;
    if (m->since_ns < 0)
        m->since_ns = 0;
    m->phase = RC_PHASE_OPENING;
    m->asked = false;
    m->lists = 0;
    m->list_again = false;
    m->verify = m->blind_since_ns == INT64_MIN || now.mono_ns - m->blind_since_ns > BLIND_MAX_NS;
    rc_session_status(m, now, RC_MIRROR_SYNCING);
}

void rc_mirror_stream_open(rc_mirror *m, rc_moment now)
{
    if (m->phase != RC_PHASE_OPENING || !m->asked)
        return;
    m->phase = RC_PHASE_OPEN;
    m->asked = false;
    m->opened_ns = now.mono_ns;
    m->list_due_ns = now.mono_ns;
    m->networks_due = true;
    m->networks_retry_ns = now.mono_ns;
}

/* ---- requests ---- */

static rc_flight *flight_of(rc_mirror *m, uint64_t token)
{
    for (int i = 0; token && i < RC_FLIGHTS; i++)
        if (m->flights[i].token == token)
            return &m->flights[i];
    return NULL;
}

static unsigned flying(const rc_mirror *m, enum rc_ask ask)
{
    unsigned n = 0;
    for (int i = 0; i < RC_FLIGHTS; i++)
        n += m->flights[i].token && m->flights[i].ask == ask;
    return n;
}

static bool send(rc_mirror *m, rc_moment now, enum rc_ask ask, rc_request *out)
{
    for (int i = 0; i < RC_FLIGHTS; i++) {
        rc_flight *f = &m->flights[i];
        if (f->token)
            continue;
        *f = (rc_flight){.token = ++m->next_token,
                         .ask = ask,
                         .seq = ++m->seq,
                         .sent_ns = rc_engine_clock_earliest(&m->clock, now.real_ns),
                         .sent_real_ns = now.real_ns,
                         .sent_mono_ns = now.mono_ns,
                         .n = out->n};
        memcpy(f->ids, out->ids, out->n * sizeof(out->ids[0]));
        out->ask = ask;
        out->token = f->token;
        return true;
    }
    return false; /* the limits of each kind add up to RC_FLIGHTS */
}

static bool next_reread(rc_mirror *m, rc_moment now, rc_request *out)
{
    out->n = 1;
    /* The request for a container that was dropped meanwhile is still out. */
    if (flying(m, RC_ASK_INSPECT) < RC_REREAD_INSPECT_MAX &&
        rc_reread_take_inspect(m->reread, now.mono_ns, &out->ids[0])) {
        rc_stat_add(m->stats, RC_STAT_INSPECTS, 1);
        return send(m, now, RC_ASK_INSPECT, out);
    }
    out->n = 0;
    if (flying(m, RC_ASK_SOME) >= RC_MIRROR_SOME_MAX)
        return false;
    out->n = rc_reread_take_list(m->reread, now.mono_ns, out->ids, RC_REREAD_LIST_MAX);
    if (out->n == 0)
        return false;
    rc_stat_add(m->stats, RC_STAT_REREADS, 1);
    return send(m, now, RC_ASK_SOME, out);
}

static bool next_open(rc_mirror *m, rc_moment now, rc_request *out)
{
    if (now.mono_ns >= m->list_due_ns && !flying(m, RC_ASK_LIST)) {
        rc_resync_begin(m);
        m->networks_due = true;
        return send(m, now, RC_ASK_LIST, out);
    }
    if (m->networks_due && now.mono_ns >= m->networks_retry_ns && !flying(m, RC_ASK_NETWORKS)) {
        m->networks_due = false;
        m->store.begin_networks(m->store.ctx);
        return send(m, now, RC_ASK_NETWORKS, out);
    }
    return next_reread(m, now, out);
}

bool rc_mirror_next(rc_mirror *m, rc_moment now, rc_request *out)
{
    rc_arena_reset(m->arena);
    out->n = 0;
    if (m->failed)
        return false;
    rc_table_expire(m, now);
    rc_resync_suspects(m, now);
    if (m->close) {
        m->close = false;
        out->ask = RC_ASK_CLOSE;
        return true;
    }
    switch (m->phase) {
    case RC_PHASE_IDLE:
        if (now.mono_ns < m->retry_ns)
            return false;
        m->phase = RC_PHASE_HELLO;
        m->asked = true;
        m->hello_real_ns = now.real_ns;
        out->ask = RC_ASK_CONNECT;
        return true;
    case RC_PHASE_OPENING:
        if (m->asked)
            return false;
        m->asked = true;
        out->ask = RC_ASK_STREAM;
        out->since_ns = m->since_ns;
        return true;
    case RC_PHASE_OPEN:
        return next_open(m, now, out);
    case RC_PHASE_HELLO:
        break;
    }
    return false;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t rc_mirror_deadline(const rc_mirror *m, int64_t now_ns)
{
    int64_t at = rc_table_deadline(m);
    if (m->phase == RC_PHASE_IDLE)
        at = sooner(at, m->retry_ns);
    if (m->phase != RC_PHASE_OPEN)
        return at;
    if (!flying(m, RC_ASK_LIST))
        at = sooner(at, m->list_due_ns);
    if (m->networks_due && !flying(m, RC_ASK_NETWORKS))
        at = sooner(at, m->networks_retry_ns);
    at = sooner(at, rc_resync_suspects_due(m));
    if (flying(m, RC_ASK_INSPECT) < RC_REREAD_INSPECT_MAX)
        at = sooner(at, rc_reread_next(m->reread, RC_REREAD_INSPECT, now_ns));
    if (flying(m, RC_ASK_SOME) < RC_MIRROR_SOME_MAX)
        at = sooner(at, rc_reread_next(m->reread, RC_REREAD_LIST, now_ns));
    return at;
}

/* ---- answers ---- */

rc_flight *rc_session_landed(rc_mirror *m, rc_moment now, uint64_t token, int64_t date_s)
{
    rc_flight *f = flight_of(m, token);
    if (f)
        take_date(m, now, f->sent_real_ns, date_s);
    return f;
}

void rc_mirror_element(rc_mirror *m, rc_moment now, uint64_t token, const rc_observation *obs)
{
    rc_flight *f = flight_of(m, token);

    rc_arena_reset(m->arena);
    if (!f || m->failed)
        return;
    if (f->ask == RC_ASK_LIST)
        rc_resync_element(m, now, f, obs);
    else if (f->ask == RC_ASK_SOME)
        rc_answer_some(m, now, f, obs);
}

void rc_mirror_list_done(rc_mirror *m, rc_moment now, uint64_t token, enum rc_answer answer,
                         int64_t date_s)
{
    rc_flight *f = rc_session_landed(m, now, token, date_s);

    rc_arena_reset(m->arena);
    if (!f || m->failed)
        return;
    rc_flight flight = *f;
    f->token = 0;
    if (flight.ask == RC_ASK_SOME)
        rc_answer_some_done(m, now, &flight, answer);
    else if (answer == RC_ANSWER_OK)
        rc_resync_complete(m, now, &flight);
    else
        rc_resync_failed(m, now, answer);
}

void rc_mirror_network(rc_mirror *m, uint64_t token, const rc_network *net)
{
    rc_error err = RC_ERROR_INIT;
    rc_flight *f = flight_of(m, token);
    if (!f || m->failed)
        return;
    int code = m->store.put_network(m->store.ctx, net, &err);
    /* One that is too much for the store must not keep the containers from being mirrored. */
    if (code == RC_INVALID || code == RC_FULL)
        f->spoilt = true;
    else if (code)
        rc_mirror_fail(m, code, &err);
}

void rc_mirror_networks_done(rc_mirror *m, rc_moment now, uint64_t token, enum rc_answer answer,
                             int64_t date_s)
{
    rc_error err = RC_ERROR_INIT;
    rc_flight *f = rc_session_landed(m, now, token, date_s);

    if (!f || m->failed)
        return;
    f->token = 0;
    if (f->spoilt)
        return; /* the next resync asks again */
    int code = answer == RC_ANSWER_OK ? m->store.sweep_networks(m->store.ctx, &err) : RC_OK;
    if (code)
        rc_mirror_fail(m, code, &err);
    if (answer == RC_ANSWER_OK || answer == RC_ANSWER_DENIED)
        return; /* the next resync asks again */
    m->networks_due = true;
    m->networks_retry_ns = now.mono_ns + RC_NS_PER_SEC;
}

void rc_mirror_resync(rc_mirror *m, rc_moment now)
{
    if (m->phase != RC_PHASE_OPEN)
        return; /* the connect lists anyway */
    if (flying(m, RC_ASK_LIST))
        m->list_again = true;
    else
        m->list_due_ns = now.mono_ns;
}
