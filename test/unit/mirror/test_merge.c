/* mirror/merge: the rules one by one, then every interleaving of one life with one list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "mirror/merge.h"

static rc_event event_of(enum rc_action action, int64_t time_ns)
{
    rc_event ev = {.type = RC_EVENT_CONTAINER,
                   .action = action,
                   .action_text = RC_STR_EMPTY,
                   .container = RC_STR_EMPTY,
                   .name = RC_STR("web"),
                   .image = RC_STR("nginx"),
                   .network = RC_STR_EMPTY,
                   .network_name = RC_STR_EMPTY,
                   .network_type = RC_STR_EMPTY,
                   .time_ns = time_ns};

    return ev;
}

static rc_row row_in(enum rc_state state)
{
    rc_row row;

    rc_row_init(&row);
    row.state = state;
    row.engine_state = rc_str_c(rc_state_name(state));
    row.name = RC_STR("web");
    return row;
}

static rc_observation listed_in(enum rc_state state)
{
    rc_observation obs = {.source = RC_SOURCE_LIST, .fields = RC_FIELD_STATE | RC_FIELD_NAME};

    obs.row = row_in(state);
    return obs;
}

static const rc_merge_context settled = {
    .listed = true, .confirmed = {.sent_ns = 100, .received_ns = 110}, .last_event_ns = 50};

static void test_fate(void **state)
{
    rc_row row = row_in(RC_STATE_RUNNING);
    rc_merge_context c = settled;
    rc_event ev = event_of(RC_ACTION_DIE, 111);

    (void)state;
    assert_int_equal(rc_merge_fate(&c, &row, &ev), RC_FATE_APPLY);
    ev.time_ns = 100; /* not after the request that confirmed the row */
    assert_int_equal(rc_merge_fate(&c, &row, &ev), RC_FATE_REREAD);
    ev.time_ns = 105; /* between request and answer: which is newer cannot be known */
    assert_int_equal(rc_merge_fate(&c, &row, &ev), RC_FATE_REREAD);
    row = row_in(RC_STATE_EXITED); /* … but they agree */
    assert_int_equal(rc_merge_fate(&c, &row, &ev), RC_FATE_APPLY);

    c.last_event_ns = 200; /* an inversion */
    ev.time_ns = 199;
    assert_int_equal(rc_merge_fate(&c, &row, &ev), RC_FATE_REREAD);
    ev.time_ns = 200;
    assert_int_equal(rc_merge_fate(&c, &row, &ev), RC_FATE_APPLY);

    c.listed = false;
    ev.time_ns = 300;
    assert_int_equal(rc_merge_fate(&c, &row, &ev), RC_FATE_REREAD);
    ev.action = RC_ACTION_DESTROY; /* terminal, always */
    ev.time_ns = 1;
    assert_int_equal(rc_merge_fate(&c, &row, &ev), RC_FATE_DESTROY);
}

static void test_fate_of_create_and_the_gone(void **state)
{
    rc_row row = row_in(RC_STATE_RUNNING);
    rc_merge_context c = settled;
    rc_event ev = event_of(RC_ACTION_CREATE, 500);

    (void)state;
    assert_int_equal(rc_merge_fate(&c, &row, &ev), RC_FATE_REREAD);
    assert_int_equal(rc_merge_fate(&c, NULL, &ev), RC_FATE_APPLY);
    c.gone = true;
    for (int a = RC_ACTION_OTHER; a <= RC_ACTION_IGNORED; a++) {
        ev.action = (enum rc_action)a;
        assert_int_equal(rc_merge_fate(&c, &row, &ev), RC_FATE_IGNORE);
        assert_int_equal(rc_merge_fate(&c, NULL, &ev), RC_FATE_IGNORE);
    }
}

static void test_actions_prove_states(void **state)
{
    static const struct {
        enum rc_action action;
        enum rc_state before, after;
    } cases[] = {
        {RC_ACTION_START, RC_STATE_CREATED, RC_STATE_RUNNING},
        {RC_ACTION_START, RC_STATE_EXITED, RC_STATE_RUNNING},
        {RC_ACTION_PAUSE, RC_STATE_RUNNING, RC_STATE_PAUSED},
        {RC_ACTION_UNPAUSE, RC_STATE_PAUSED, RC_STATE_RUNNING},
        {RC_ACTION_DIE, RC_STATE_RUNNING, RC_STATE_EXITED},
        {RC_ACTION_STOP, RC_STATE_RUNNING, RC_STATE_EXITED},
        {RC_ACTION_STOP, RC_STATE_RESTARTING, RC_STATE_EXITED},
        {RC_ACTION_KILL, RC_STATE_RUNNING, RC_STATE_RUNNING},
        {RC_ACTION_RESTART, RC_STATE_EXITED, RC_STATE_EXITED},
        {RC_ACTION_DIE, RC_STATE_REMOVING, RC_STATE_REMOVING},
        {RC_ACTION_DIE, RC_STATE_DEAD, RC_STATE_DEAD},
        {RC_ACTION_START, RC_STATE_MISSING, RC_STATE_RUNNING},
    };

    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(cases); i++) {
        rc_row row = row_in(cases[i].before);
        rc_event ev = event_of(cases[i].action, 500);

        assert_int_equal(rc_merge_event(&row, &ev), cases[i].before != cases[i].after);
        assert_int_equal(row.state, cases[i].after);
        assert_string_equal(row.engine_state.ptr, rc_state_name(cases[i].after));
    }
}

static void test_exit_code(void **state)
{
    rc_row row = row_in(RC_STATE_RUNNING);
    rc_event ev = event_of(RC_ACTION_DIE, 500);
    rc_label forged = {RC_STR("exitCode"), RC_STR("0")};
    rc_port port = {RC_STR("0.0.0.0"), 80, 8080, RC_STR("tcp")};

    (void)state;
    ev.has_exit_code = true;
    ev.exit_code = 137;
    row.ports = &port;
    row.n_ports = 1;
    row.pid = 7;
    assert_true(rc_merge_event(&row, &ev));
    assert_true(row.has_exit_code);
    assert_int_equal(row.exit_code, 137);
    assert_int_equal(row.n_ports, 0);
    assert_int_equal(row.pid, 0);
    assert_false(rc_merge_event(&row, &ev)); /* once more changes nothing */

    row = row_in(RC_STATE_RUNNING);
    row.labels = &forged;
    row.n_labels = 1;
    rc_merge_event(&row, &ev);
    assert_int_equal(row.state, RC_STATE_EXITED);
    assert_false(row.has_exit_code);

    row = row_in(RC_STATE_EXITED);
    row.has_exit_code = true;
    row.oom_killed = true;
    ev = event_of(RC_ACTION_START, 600);
    rc_merge_event(&row, &ev);
    assert_false(row.has_exit_code);
    assert_false(row.oom_killed);
}

static void test_contradictions(void **state)
{
    static const struct {
        enum rc_action action;
        enum rc_state listed;
        bool contradicts;
    } cases[] = {
        {RC_ACTION_PAUSE, RC_STATE_RUNNING, true},    {RC_ACTION_PAUSE, RC_STATE_PAUSED, false},
        {RC_ACTION_PAUSE, RC_STATE_EXITED, false},    {RC_ACTION_UNPAUSE, RC_STATE_PAUSED, true},
        {RC_ACTION_UNPAUSE, RC_STATE_RUNNING, false}, {RC_ACTION_DIE, RC_STATE_RUNNING, true},
        {RC_ACTION_DIE, RC_STATE_RESTARTING, false},  {RC_ACTION_STOP, RC_STATE_PAUSED, true},
        {RC_ACTION_STOP, RC_STATE_EXITED, false},     {RC_ACTION_START, RC_STATE_EXITED, false},
    };

    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(cases); i++) {
        rc_expectation e = {.action = cases[i].action};
        rc_observation obs = listed_in(cases[i].listed);

        assert_int_equal(rc_merge_contradicts(&e, &obs), cases[i].contradicts);
        obs.source = RC_SOURCE_INSPECT; /* never behind an event */
        assert_false(rc_merge_contradicts(&e, &obs));
    }
}

static void test_contradictions_of_names_and_networks(void **state)
{
    rc_observation obs = listed_in(RC_STATE_RUNNING);
    rc_netif net = {RC_STR("n"), RC_STR("id1"), RC_STR_EMPTY, RC_STR_EMPTY, RC_STR_EMPTY};
    rc_expectation e = {.action = RC_ACTION_RENAME, .name = RC_STR("new")};

    (void)state;
    assert_true(rc_merge_contradicts(&e, &obs));
    obs.row.name = RC_STR("new");
    assert_false(rc_merge_contradicts(&e, &obs));
    obs.name_ambiguous = true;
    assert_true(rc_merge_contradicts(&e, &obs));

    e = (rc_expectation){
        .action = RC_ACTION_CONNECT, .network = RC_STR("id1"), .network_type = RC_STR("bridge")};
    assert_false(rc_merge_contradicts(&e, &obs)); /* Podman tells no networks */
    obs.fields |= RC_FIELD_NETWORKS;
    assert_true(rc_merge_contradicts(&e, &obs));
    obs.row.networks = &net;
    obs.row.n_networks = 1;
    assert_true(rc_merge_contradicts(&e, &obs));
    e.network_type = RC_STR("null");
    assert_false(rc_merge_contradicts(&e, &obs));
    e.network_type = RC_STR("bridge");
    net.ip = RC_STR("10.0.0.2");
    assert_false(rc_merge_contradicts(&e, &obs));
    e.action = RC_ACTION_DISCONNECT;
    assert_true(rc_merge_contradicts(&e, &obs));
    obs.row.state = RC_STATE_EXITED;
    assert_false(rc_merge_contradicts(&e, &obs));
}

static void test_missing(void **state)
{
    rc_row row = row_in(RC_STATE_RUNNING);
    rc_observation obs = listed_in(RC_STATE_RUNNING);

    (void)state;
    assert_true(rc_merge_missing(&row, RC_MISSING_VANISHED, 9));
    assert_int_equal(row.state, RC_STATE_MISSING);
    assert_int_equal(row.missing_since_ns, 9);
    assert_false(rc_merge_missing(&row, RC_MISSING_VANISHED, 10));
    row.partial = true;
    assert_true(rc_merge_missing(&row, RC_MISSING_DESTROYED, 11));
    assert_false(row.partial); /* nothing more will be told of it */
    assert_int_equal(row.missing_since_ns, 9);
    assert_false(rc_merge_missing(&row, RC_MISSING_VANISHED, 12));
    assert_int_equal(row.missing_cause, RC_MISSING_DESTROYED);

    row.missing_cause = RC_MISSING_VANISHED;
    rc_merge_observation(&row, &obs);
    assert_int_equal(row.state, RC_STATE_RUNNING);
    assert_int_equal(row.missing_since_ns, 0);
    assert_int_equal(row.missing_cause, RC_MISSING_NOT);
}

static void test_image_of_inspect_is_weaker(void **state)
{
    rc_row row = row_in(RC_STATE_CREATED);
    rc_observation obs = listed_in(RC_STATE_CREATED);

    (void)state;
    obs.source = RC_SOURCE_INSPECT;
    obs.fields = RC_FIELD_IMAGE;
    obs.row.image = RC_STR("nginx:1");
    rc_merge_observation(&row, &obs);
    assert_string_equal(row.image.ptr, "nginx:1");
    obs.source = RC_SOURCE_LIST;
    obs.row.image = RC_STR("sha256:1");
    rc_merge_observation(&row, &obs);
    assert_string_equal(row.image.ptr, "sha256:1");
    obs.source = RC_SOURCE_INSPECT;
    obs.row.image = RC_STR("nginx:1");
    rc_merge_observation(&row, &obs);
    assert_string_equal(row.image.ptr, "sha256:1");
}

/* One life; version k of the container is what stands after its k-th event, at engine time 10k. */
static const struct {
    enum rc_action action;
    enum rc_state state;
} life[] = {
    {RC_ACTION_OTHER, RC_STATE_UNKNOWN},   {RC_ACTION_CREATE, RC_STATE_CREATED},
    {RC_ACTION_START, RC_STATE_RUNNING},   {RC_ACTION_PAUSE, RC_STATE_PAUSED},
    {RC_ACTION_UNPAUSE, RC_STATE_RUNNING}, {RC_ACTION_DIE, RC_STATE_EXITED},
    {RC_ACTION_START, RC_STATE_RUNNING},   {RC_ACTION_DIE, RC_STATE_EXITED},
};
#define LIFE ((int)RC_ARRAY_LEN(life) - 1)

typedef struct shadow {
    rc_row row;
    rc_merge_context c;
    bool exists;
    bool unsettled; /* a re-read is owed */
    int version;    /* of the container, as the row shows it */
} shadow;

static void shadow_event(shadow *s, int k)
{
    rc_event ev = event_of(life[k].action, 10 * k);

    switch (rc_merge_fate(&s->c, s->exists ? &s->row : NULL, &ev)) {
    case RC_FATE_REREAD:
        s->unsettled = true;
        return;
    case RC_FATE_APPLY:
        break;
    default:
        fail();
    }
    if (!s->exists)
        s->row = row_in(RC_STATE_UNKNOWN);
    s->exists = true;
    s->c.last_event_ns = ev.time_ns;
    if (rc_merge_event(&s->row, &ev)) {
        assert_true(k >= s->version); /* never back in time */
        s->version = k;
    }
}

/* Sent when the engine was at version sent, made at version made, read when it was at version read;
 * the mirror had seen the events up to before when it sent, and up to between when it read the
 * answer. */
static void one_interleaving(int before, int sent, int made, int read, int between)
{
    shadow s = {.c = {.listed = true}};
    rc_observation obs = listed_in(life[made].state);

    for (int k = 1; k <= between; k++)
        shadow_event(&s, k);
    /* A row with an event after the request is not overwritten, but re-read. */
    if (between > before) {
        s.unsettled = true;
    } else if (made > 0) {
        assert_true(made >= s.version);
        if (!s.exists)
            s.row = row_in(RC_STATE_UNKNOWN);
        s.exists = true;
        rc_merge_observation(&s.row, &obs);
        s.version = made;
        s.c.confirmed = (rc_confirmed){10 * sent + 5, 10 * read + 7};
    }
    for (int k = between + 1; k <= LIFE; k++)
        shadow_event(&s, k);
    /* At rest the row is right, or it is known that it may not be. */
    assert_true(s.exists);
    assert_true(s.row.state == life[LIFE].state || s.unsettled);
}

static void test_every_interleaving(void **state)
{
    int n = 0;

    (void)state;
    for (int sent = 0; sent <= LIFE; sent++)
        for (int before = 0; before <= sent; before++)
            for (int made = sent; made <= LIFE; made++)
                for (int read = made; read <= LIFE; read++)
                    for (int between = before; between <= read; between++, n++)
                        one_interleaving(before, sent, made, read, between);
    assert_true(n > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fate),
        cmocka_unit_test(test_fate_of_create_and_the_gone),
        cmocka_unit_test(test_actions_prove_states),
        cmocka_unit_test(test_exit_code),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_contradictions_of_names_and_networks),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_image_of_inspect_is_weaker),
        cmocka_unit_test(test_every_interleaving),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
