/* mirror/: the connection's life and the accounts it keeps, told as short stories. What may happen
 * to rows in any order of events and answers is test_world.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "mirror/mirror.h"

#define MS RC_NS_PER_MS
#define S  RC_NS_PER_SEC

enum { ROWS = 4, REQUESTS = 64 };

typedef struct stage {
    rc_mirror *m;
    rc_stats stats;
    rc_moment now;
    rc_arena *arena;
    rc_row rows[ROWS];
    bool stored[ROWS];
    int puts, dels, networks;
    int network_code; /* what put_network returns */
    rc_mirror_status status;
    rc_request asked[REQUESTS]; /* not answered yet */
    int n;
} stage;

static rc_id id_of(int i)
{
    rc_id id = {{(uint8_t)i}};
    return id;
}

static const char *hex_of(int i)
{
    static char hex[ROWS][RC_ID_LEN + 1];
    rc_id id = id_of(i);
    rc_id_format(&id, hex[i]);
    return hex[i];
}

/* ---- a store ---- */

static int get(void *ctx, const rc_id *id, rc_row *out, rc_error *err)
{
    stage *s = ctx;
    if (!s->stored[id->b[0]])
        return rc_fail(err, RC_NOTFOUND, "no row");
    *out = s->rows[id->b[0]];
    return RC_OK;
}

static int put(void *ctx, const rc_row *row, enum rc_change_cause cause, rc_str action,
               bool *ret_changed, rc_error *err)
{
    stage *s = ctx;
    rc_id id;
    (void)cause, (void)action, (void)err;
    assert_true(rc_id_parse(row->id, &id));
    int i = id.b[0];
    *ret_changed = !s->stored[i] || !rc_row_equal(row, &s->rows[i]);
    assert_true(rc_row_copy(&s->rows[i], row, s->arena));
    s->stored[i] = true;
    s->puts++;
    return RC_OK;
}

static int del(void *ctx, const rc_id *id, enum rc_change_cause cause, rc_error *err)
{
    stage *s = ctx;
    (void)err;
    assert_int_equal(cause, RC_CAUSE_EXPIRED);
    s->stored[id->b[0]] = false;
    s->dels++;
    return RC_OK;
}

static void begin_networks(void *ctx)
{
    ((stage *)ctx)->networks = 0;
}

static int put_network(void *ctx, const rc_network *net, rc_error *err)
{
    stage *s = ctx;
    (void)net;
    if (s->network_code)
        return rc_fail(err, s->network_code, "not this one");
    s->networks++;
    return RC_OK;
}

static int sweep_networks(void *ctx, rc_error *err)
{
    (void)err;
    ((stage *)ctx)->networks += 100;
    return RC_OK;
}

static void set_status(void *ctx, const rc_mirror_status *status)
{
    ((stage *)ctx)->status = *status;
}

/* ---- the stage ---- */

static stage *stage_with(int64_t missing_ttl_ns)
{
    stage *s = calloc(1, sizeof(*s));
    rc_store store = {get, put, del, begin_networks, put_network, sweep_networks, set_status, s};
    rc_mirror_options options = {.resync_interval_ns = 30 * S,
                                 .missing_ttl_ns = missing_ttl_ns,
                                 .reconnect_max_ns = 5 * S,
                                 .inspect = true,
                                 .local_clock = true,
                                 .dispatch = {RC_STR("tinyforge.")},
                                 .labels = {RC_STR("*"), RC_STR_EMPTY, RC_STR_EMPTY},
                                 .seed = 1};
    s->arena = rc_arena_new(0, 0);
    s->now = (rc_moment){1000 * S, INT64_C(1790000000) * S};
    s->m = rc_mirror_new(&options, &store, &s->stats);
    return s;
}

static stage *stage_new(void)
{
    return stage_with(600 * S);
}

static void stage_free(stage *s)
{
    rc_mirror_free(s->m);
    rc_arena_free(s->arena);
    free(s);
}

/* Notes what the mirror asks for now. */
static void collect(stage *s)
{
    rc_request rq = {.n = 0};
    while (rc_mirror_next(s->m, s->now, &rq)) {
        if (rq.ask == RC_ASK_CLOSE)
            s->n = 0;
        else if (s->n < REQUESTS)
            s->asked[s->n++] = rq;
    }
    assert_int_equal(rc_mirror_failed(s->m, s->now, NULL), RC_OK);
}

static void pass(stage *s, int64_t ns)
{
    s->now.mono_ns += ns;
    s->now.real_ns += ns;
    collect(s);
}

static bool take(stage *s, enum rc_ask ask, rc_request *out)
{
    for (int i = 0; i < s->n; i++) {
        if (s->asked[i].ask != ask)
            continue;
        *out = s->asked[i];
        s->asked[i] = s->asked[--s->n];
        return true;
    }
    return false;
}

static rc_request expect(stage *s, enum rc_ask ask)
{
    rc_request rq = {.n = 0};
    assert_true(take(s, ask, &rq));
    return rq;
}

static void observe(int i, enum rc_state state, enum rc_source source, rc_observation *out)
{
    *out = (rc_observation){.source = source, .fields = RC_FIELD_STATE | RC_FIELD_NAME};
    rc_row_init(&out->row);
    out->row.id = rc_str_c(hex_of(i));
    out->row.name = RC_STR("web");
    out->row.state = state;
    out->row.engine_state = rc_str_c(rc_state_name(state));
}

/* states[i]: RC_STATE_MISSING: not listed. */
static void answer_list(stage *s, const enum rc_state states[ROWS])
{
    rc_request rq = {.n = 0};
    rc_observation obs;
    rq = expect(s, RC_ASK_LIST);
    for (int i = 0; i < ROWS; i++) {
        if (states[i] == RC_STATE_MISSING)
            continue;
        observe(i, states[i], RC_SOURCE_LIST, &obs);
        rc_mirror_element(s->m, s->now, rq.token, &obs);
    }
    rc_mirror_list_done(s->m, s->now, rq.token, RC_ANSWER_OK, -1);
    if (take(s, RC_ASK_NETWORKS, &rq))
        rc_mirror_networks_done(s->m, s->now, rq.token, RC_ANSWER_OK, -1);
    collect(s);
}

/* Answers all re-reads by what is in states, till there are none. */
static void answer_rereads(stage *s, const enum rc_state states[ROWS])
{
    rc_request rq = {.n = 0};
    rc_observation obs;
    for (int round = 0; round < 20; round++) {
        while (take(s, RC_ASK_INSPECT, &rq)) {
            int i = rq.ids[0].b[0];
            bool there = states[i] != RC_STATE_MISSING;
            observe(i, states[i], RC_SOURCE_INSPECT, &obs);
            rc_mirror_inspected(s->m, s->now, rq.token, there ? RC_ANSWER_OK : RC_ANSWER_NOTFOUND,
                                there ? &obs : NULL, -1);
            collect(s);
        }
        while (take(s, RC_ASK_SOME, &rq)) {
            for (size_t k = 0; k < rq.n; k++) {
                int i = rq.ids[k].b[0];
                observe(i, states[i], RC_SOURCE_LIST, &obs);
                if (states[i] != RC_STATE_MISSING)
                    rc_mirror_element(s->m, s->now, rq.token, &obs);
            }
            rc_mirror_list_done(s->m, s->now, rq.token, RC_ANSWER_OK, -1);
            collect(s);
        }
        pass(s, 20 * MS);
    }
}

static void connect(stage *s)
{
    collect(s);
    (void)expect(s, RC_ASK_CONNECT);
    assert_int_equal(s->n, 0); /* nothing before hello is answered */
    rc_mirror_connected(s->m, s->now, -1);
    collect(s);
    (void)expect(s, RC_ASK_STREAM);
    assert_int_equal(s->n, 0); /* and nothing before the stream is open */
    rc_mirror_stream_open(s->m, s->now);
    collect(s);
}

/* Connected, listed twice, at rest. */
static stage *live(const enum rc_state states[ROWS])
{
    stage *s = stage_new();
    rc_mirror_start(s->m, s->now, 0);
    connect(s);
    answer_list(s, states);
    answer_rereads(s, states);
    pass(s, 1 * S);
    answer_list(s, states);
    answer_rereads(s, states);
    s->puts = 0;
    return s;
}

static uint64_t corrections(const stage *s, enum rc_correction_kind kind,
                            enum rc_correction_cause cause)
{
    return rc_stat_get(&s->stats, rc_stat_correction(kind, cause));
}

static uint64_t drift(const stage *s)
{
    return corrections(s, RC_ADDED, RC_BY_DRIFT) + corrections(s, RC_CHANGED, RC_BY_DRIFT) +
           corrections(s, RC_REMOVED, RC_BY_DRIFT);
}

static void send_event(stage *s, int i, enum rc_action action)
{
    rc_event ev = {.type = RC_EVENT_CONTAINER,
                   .action = action,
                   .action_text = rc_str_c(rc_action_name(action)),
                   .container = rc_str_c(hex_of(i)),
                   .name = RC_STR("web"),
                   .image = RC_STR_EMPTY,
                   .network = RC_STR_EMPTY,
                   .network_name = RC_STR_EMPTY,
                   .network_type = RC_STR_EMPTY,
                   .time_ns = s->now.real_ns};
    rc_mirror_event(s->m, s->now, &ev);
    collect(s);
}

#define RUN  RC_STATE_RUNNING
#define EXIT RC_STATE_EXITED
#define NONE RC_STATE_MISSING

/* ---- stories ---- */

static void test_the_way_to_live(void **state)
{
    static const enum rc_state two[ROWS] = {RUN, EXIT, NONE, NONE};
    stage *s = stage_new();
    rc_request rq = {.n = 0};

    (void)state;
    rc_mirror_start(s->m, s->now, 77);
    assert_int_equal(s->status.state, RC_MIRROR_CONNECTING);
    assert_int_equal(s->status.stale_since_ns, 77);
    connect(s);
    assert_int_equal(s->status.state, RC_MIRROR_SYNCING);
    assert_false(s->status.synced);
    answer_list(s, two);
    assert_int_equal(s->status.state, RC_MIRROR_LIVE);
    assert_true(s->status.synced);
    assert_int_equal(s->status.stale_since_ns, 0);
    assert_int_equal(s->networks, 100);
    assert_true(s->stored[0] && s->stored[1] && !s->stored[2]);
    assert_true(s->rows[0].partial); /* what only inspect tells is waited for */
    answer_rereads(s, two);
    assert_false(s->rows[0].partial);
    assert_false(take(s, RC_ASK_LIST, &rq));
    pass(s, 600 * MS);
    rq = expect(s, RC_ASK_LIST); /* a second after the first, for the gap before the subscription */
    stage_free(s);
}

static void test_a_quiet_mirror_puts_nothing(void **state)
{
    static const enum rc_state two[ROWS] = {RUN, EXIT, NONE, NONE};
    stage *s = live(two);

    (void)state;
    for (int i = 0; i < 5; i++) {
        pass(s, 30 * S);
        answer_list(s, two);
        answer_rereads(s, two);
    }
    assert_int_equal(s->puts, 0);
    assert_int_equal(drift(s), 0);
    assert_int_equal(rc_stat_get(&s->stats, RC_STAT_RESYNCS), 7);
    stage_free(s);
}

static void test_an_incomplete_list_sweeps_nothing(void **state)
{
    static const enum rc_state two[ROWS] = {RUN, EXIT, NONE, NONE};
    stage *s = live(two);
    rc_request rq;

    (void)state;
    pass(s, 30 * S);
    rq = expect(s, RC_ASK_LIST);
    rc_mirror_list_done(s->m, s->now, rq.token, RC_ANSWER_FAILED, -1);
    collect(s);
    assert_int_equal(s->rows[0].state, RUN);
    assert_int_equal(rc_stat_get(&s->stats, RC_STAT_RESYNC_FAILURES), 1);
    assert_true(s->status.synced);
    pass(s, 200 * MS);
    (void)expect(s, RC_ASK_LIST); /* again, soon */
    stage_free(s);
}

/* One lost event counts once, and opens the stream anew, once a resync interval. */
static void lose_one(enum rc_state before, enum rc_state after, enum rc_correction_kind kind)
{
    enum rc_state states[ROWS] = {before, RUN, NONE, NONE};
    stage *s = live(states);

    states[0] = after;
    pass(s, 30 * S);
    answer_list(s, states);
    assert_int_equal(s->rows[0].state, after);
    assert_int_equal(drift(s), 0); /* it may only be late */
    answer_rereads(s, states);
    pass(s, 1 * S);
    answer_rereads(s, states);
    assert_int_equal(drift(s), 1);
    assert_int_equal(corrections(s, kind, RC_BY_DRIFT), 1);
    assert_int_equal(rc_stat_get(&s->stats, RC_STAT_RECONNECTS + RC_RECONNECT_DRIFT), 1);
    (void)expect(s, RC_ASK_CONNECT);
    assert_int_equal(s->status.state, RC_MIRROR_DISCONNECTED);
    stage_free(s);
}

static void test_one_lost_event_counts_once(void **state)
{
    (void)state;
    lose_one(RUN, EXIT, RC_CHANGED);
    lose_one(EXIT, RUN, RC_CHANGED);
    lose_one(RUN, NONE, RC_REMOVED);
    lose_one(NONE, RUN, RC_ADDED);
}

/* With the shortest interval, and on request, the next list begins in the very moment in which the
 * inspect that is to confirm the loss is asked for. */
static void test_a_list_in_between_forgets_no_loss(void **state)
{
    enum rc_state states[ROWS] = {RUN, RUN, NONE, NONE};
    stage *s = live(states);

    (void)state;
    states[0] = EXIT;
    pass(s, 30 * S);
    answer_list(s, states);
    answer_rereads(s, states);
    rc_mirror_resync(s->m, s->now);
    pass(s, 1 * S);
    answer_list(s, states);
    answer_rereads(s, states);
    assert_int_equal(drift(s), 1);
    stage_free(s);
}

/* What follows a death does not make us believe a list that is still behind the death. */
static void test_a_disconnect_keeps_the_death_expected(void **state)
{
    enum rc_state states[ROWS] = {RUN, RUN, NONE, NONE};
    stage *s = live(states);
    rc_event ev = {.type = RC_EVENT_NETWORK,
                   .action = RC_ACTION_DISCONNECT,
                   .action_text = RC_STR("disconnect"),
                   .container = rc_str_c(hex_of(0)),
                   .name = RC_STR_EMPTY,
                   .image = RC_STR_EMPTY,
                   .network = RC_STR("id1"),
                   .network_name = RC_STR("none"),
                   .network_type = RC_STR("null")};

    (void)state;
    pass(s, 1 * S);
    send_event(s, 0, RC_ACTION_DIE);
    ev.time_ns = s->now.real_ns + 1;
    rc_mirror_event(s->m, s->now, &ev);
    pass(s, 100 * MS);
    rc_mirror_resync(s->m, s->now);
    collect(s);
    answer_list(s, states); /* stale: it still runs */
    assert_int_equal(s->rows[0].state, EXIT);
    states[0] = EXIT;
    answer_rereads(s, states);
    assert_int_equal(s->rows[0].state, EXIT);
    assert_false(s->rows[0].partial);
    stage_free(s);
}

static void test_a_late_event_is_no_drift(void **state)
{
    enum rc_state states[ROWS] = {RUN, RUN, NONE, NONE};
    stage *s = live(states);

    (void)state;
    states[0] = EXIT;
    pass(s, 30 * S);
    answer_list(s, states);
    pass(s, 300 * MS);
    send_event(s, 0, RC_ACTION_DIE);
    pass(s, 2 * S);
    answer_rereads(s, states);
    assert_int_equal(drift(s), 0);
    assert_int_equal(s->status.state, RC_MIRROR_LIVE);
    stage_free(s);
}

static void test_silent_changes_are_no_drift(void **state)
{
    enum rc_state states[ROWS] = {RC_STATE_RESTARTING, EXIT, NONE, NONE};
    stage *s = live(states);

    (void)state;
    states[0] = EXIT; /* the back-off was cancelled */
    states[1] = RC_STATE_REMOVING;
    pass(s, 30 * S);
    answer_list(s, states);
    answer_rereads(s, states);
    pass(s, 2 * S);
    assert_int_equal(drift(s), 0);
    assert_int_equal(corrections(s, RC_CHANGED, RC_BY_SILENT), 2);
    stage_free(s);
}

static void test_disconnected_rows_stay(void **state)
{
    static const enum rc_state two[ROWS] = {RUN, EXIT, NONE, NONE};
    enum rc_state after[ROWS] = {EXIT, NONE, RUN, NONE};
    stage *s = live(two);

    (void)state;
    int64_t cut = s->now.real_ns;
    rc_mirror_lost(s->m, s->now, RC_RECONNECT_CUT);
    collect(s);
    assert_int_equal(s->status.state, RC_MIRROR_DISCONNECTED);
    assert_true(s->status.stale_since_ns == cut);
    for (int i = 0; i < 50; i++) { /* refused again and again, for ever, but not too often */
        pass(s, 5 * S);
        (void)expect(s, RC_ASK_CONNECT);
        assert_int_equal(s->n, 0);
        rc_mirror_lost(s->m, s->now, RC_RECONNECT_REFUSED);
        collect(s);
    }
    assert_int_equal(s->rows[0].state, RUN);
    assert_int_equal(s->rows[1].state, EXIT);
    assert_int_equal(s->puts, 0);
    assert_true(s->status.stale_since_ns == cut);
    pass(s, 5 * S);
    connect(s);
    answer_list(s, after);
    assert_int_equal(s->rows[0].state, EXIT);
    assert_int_equal(s->rows[1].missing_cause, RC_MISSING_VANISHED);
    assert_int_equal(corrections(s, RC_CHANGED, RC_BY_CONNECT), 1);
    assert_int_equal(corrections(s, RC_REMOVED, RC_BY_CONNECT), 1);
    assert_int_equal(corrections(s, RC_ADDED, RC_BY_CONNECT), 3); /* two at the first connect */
    assert_int_equal(drift(s), 0);
    stage_free(s);
}

static void test_missing_time_stands_still_while_disconnected(void **state)
{
    enum rc_state states[ROWS] = {RUN, RUN, NONE, NONE};
    stage *s = live(states);

    (void)state;
    send_event(s, 0, RC_ACTION_DESTROY);
    states[0] = NONE;
    assert_int_equal(s->rows[0].state, NONE);
    assert_int_equal(s->rows[0].missing_cause, RC_MISSING_DESTROYED);
    pass(s, 400 * S);
    rc_mirror_lost(s->m, s->now, RC_RECONNECT_CUT);
    collect(s);
    pass(s, 3600 * S);
    assert_true(s->stored[0]);
    connect(s);
    answer_list(s, states);
    pass(s, 199 * S);
    assert_true(s->stored[0]);
    pass(s, 2 * S);
    assert_false(s->stored[0]);
    assert_int_equal(s->dels, 1);
    stage_free(s);
}

static void test_a_vanished_one_comes_back_a_destroyed_one_never(void **state)
{
    enum rc_state states[ROWS] = {RUN, RUN, NONE, NONE};
    stage *s = live(states);

    (void)state;
    send_event(s, 0, RC_ACTION_DESTROY);
    states[1] = NONE;
    pass(s, 30 * S);
    answer_list(s, states); /* names the destroyed one: a list from before */
    assert_int_equal(s->rows[0].state, NONE);
    assert_int_equal(s->rows[1].state, NONE);
    states[1] = RUN;
    pass(s, 30 * S);
    answer_list(s, states);
    assert_int_equal(s->rows[0].state, NONE);
    assert_int_equal(s->rows[1].state, RUN);
    assert_int_equal(s->rows[1].missing_since_ns, 0);
    stage_free(s);
}

static void test_hanging_engine(void **state)
{
    static const enum rc_state two[ROWS] = {RUN, EXIT, NONE, NONE};
    stage *s = live(two);
    rc_request rq;

    (void)state;
    pass(s, 30 * S);
    rq = expect(s, RC_ASK_LIST);
    rc_mirror_list_done(s->m, s->now, rq.token, RC_ANSWER_TIMEOUT, -1);
    collect(s);
    assert_int_equal(s->status.state, RC_MIRROR_DISCONNECTED);
    assert_int_equal(s->rows[0].state, RUN);
    stage_free(s);
}

static void test_bad_line_lists_anew(void **state)
{
    static const enum rc_state two[ROWS] = {RUN, EXIT, NONE, NONE};
    stage *s = live(two);
    rc_request rq;

    (void)state;
    rc_mirror_bad_line(s->m, s->now, true);
    collect(s);
    rq = expect(s, RC_ASK_LIST);
    rc_mirror_resync(s->m, s->now); /* while one is out */
    rc_mirror_list_done(s->m, s->now, rq.token, RC_ANSWER_OK, -1);
    collect(s);
    (void)expect(s, RC_ASK_LIST);
    assert_int_equal(rc_stat_get(&s->stats, RC_STAT_EVENTS_OVERSIZE), 1);
    stage_free(s);
}

/* A proxy cuts quiet streams: no reason to wait, unless it does so at once. */
static void test_clean_end(void **state)
{
    static const enum rc_state two[ROWS] = {RUN, EXIT, NONE, NONE};
    stage *s = live(two);
    rc_request rq = {.n = 0};

    (void)state;
    pass(s, 240 * S);
    rc_mirror_lost(s->m, s->now, RC_RECONNECT_CLOSED);
    connect(s);
    rc_mirror_lost(s->m, s->now, RC_RECONNECT_CLOSED);
    collect(s);
    assert_false(take(s, RC_ASK_CONNECT, &rq));
    assert_true(rc_mirror_deadline(s->m, s->now.mono_ns) > s->now.mono_ns);
    stage_free(s);
}

/* Each connection gets as far as its first list. */
static void test_connections_cut_again_and_again_back_off(void **state)
{
    enum rc_state states[ROWS] = {RUN, NONE, NONE, NONE};
    stage *s = live(states);

    (void)state;
    for (int i = 0; i < 10; i++) {
        rc_mirror_lost(s->m, s->now, RC_RECONNECT_CUT);
        collect(s);
        pass(s, 5 * S);
        connect(s);
        answer_list(s, states);
        assert_true(s->status.synced);
    }
    rc_mirror_lost(s->m, s->now, RC_RECONNECT_CUT);
    assert_true(rc_mirror_deadline(s->m, s->now.mono_ns) - s->now.mono_ns > 2 * S);
    pass(s, 5 * S);
    connect(s);
    answer_list(s, states);
    pass(s, 1 * S);
    answer_list(s, states);
    rc_mirror_lost(s->m, s->now, RC_RECONNECT_CUT);
    assert_true(rc_mirror_deadline(s->m, s->now.mono_ns) - s->now.mono_ns <= 100 * MS);
    stage_free(s);
}

/* Missing rows that never end are kept, but not without bound: the oldest goes. */
static void test_missing_for_ever_is_bounded(void **state)
{
    stage *s = stage_with(INT64_MAX);
    char hex[RC_ID_LEN + 1];
    rc_row row;

    (void)state;
    for (uint32_t i = 0; i <= RC_MIRROR_MISSING_MAX; i++) {
        rc_id id = {{0}};
        memcpy(id.b + 4, &i, sizeof(i));
        rc_id_format(&id, hex);
        rc_row_init(&row);
        row.id = rc_str_c(hex);
        row.state = RC_STATE_MISSING;
        row.missing_cause = RC_MISSING_DESTROYED;
        row.missing_since_ns = s->now.real_ns - i;
        assert_true(rc_mirror_load(s->m, &row, s->now.real_ns));
    }
    rc_mirror_start(s->m, s->now, 0);
    collect(s);
    assert_int_equal(s->dels, 1);
    pass(s, 1000000 * S);
    assert_int_equal(s->dels, 1);
    stage_free(s);
}

/* A network that cannot be stored leaves the table as it was, and the mirror alone. */
static void test_a_network_too_many(void **state)
{
    enum rc_state states[ROWS] = {RUN, NONE, NONE, NONE};
    stage *s = live(states);
    rc_network net = {.id = RC_STR("n")};

    (void)state;
    s->network_code = RC_FULL;
    pass(s, 30 * S);
    rc_request rq = expect(s, RC_ASK_NETWORKS);
    rc_mirror_network(s->m, rq.token, &net);
    rc_mirror_networks_done(s->m, s->now, rq.token, RC_ANSWER_OK, -1);
    collect(s);
    assert_int_equal(s->networks, 0); /* not swept */
    assert_true(s->status.synced);
    answer_list(s, states);
    s->network_code = RC_OK;
    pass(s, 30 * S);
    rq = expect(s, RC_ASK_NETWORKS);
    rc_mirror_network(s->m, rq.token, &net);
    rc_mirror_networks_done(s->m, s->now, rq.token, RC_ANSWER_OK, -1);
    assert_int_equal(s->networks, 101);
    stage_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_way_to_live),
        cmocka_unit_test(test_a_quiet_mirror_puts_nothing),
        cmocka_unit_test(test_an_incomplete_list_sweeps_nothing),
        cmocka_unit_test(test_one_lost_event_counts_once),
        cmocka_unit_test(test_a_list_in_between_forgets_no_loss),
        cmocka_unit_test(test_a_disconnect_keeps_the_death_expected),
        cmocka_unit_test(test_a_late_event_is_no_drift),
        cmocka_unit_test(test_silent_changes_are_no_drift),
        cmocka_unit_test(test_disconnected_rows_stay),
        cmocka_unit_test(test_missing_time_stands_still_while_disconnected),
        cmocka_unit_test(test_a_vanished_one_comes_back_a_destroyed_one_never),
        cmocka_unit_test(test_hanging_engine),
        cmocka_unit_test(test_bad_line_lists_anew),
        cmocka_unit_test(test_clean_end),
        cmocka_unit_test(test_connections_cut_again_and_again_back_off),
        cmocka_unit_test(test_missing_for_ever_is_bounded),
        cmocka_unit_test(test_a_network_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
