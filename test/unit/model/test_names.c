/* The names that others script against: each value has its own, they are what the documents say,
 * and numbers out of range (as a damaged record may hold) are named, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/change.h"
#include "model/event.h"
#include "model/mirror_state.h"
#include "model/row.h"
#include "model/stats.h"

/* By number: the enums have different types. */
static const char *state_name(int v)
{
    return rc_state_name((enum rc_state)v);
}
static const char *health_name(int v)
{
    return rc_health_name((enum rc_health)v);
}
static const char *missing_name(int v)
{
    return rc_missing_name((enum rc_missing)v);
}
static const char *scheme_name(int v)
{
    return rc_scheme_name((enum rc_scheme)v);
}
static const char *action_name(int v)
{
    return rc_action_name((enum rc_action)v);
}
static const char *op_name(int v)
{
    return rc_change_op_name((enum rc_change_op)v);
}
static const char *cause_name(int v)
{
    return rc_change_cause_name((enum rc_change_cause)v);
}
static const char *mirror_name(int v)
{
    return rc_mirror_state_name((enum rc_mirror_state)v);
}
static const char *kind_name(int v)
{
    return rc_correction_kind_name((enum rc_correction_kind)v);
}
static const char *by_name(int v)
{
    return rc_correction_cause_name((enum rc_correction_cause)v);
}
static const char *reason_name(int v)
{
    return rc_reconnect_reason_name((enum rc_reconnect_reason)v);
}

/* In the order of their numbers, which are stored: a name that moves is a broken index. */
static const struct {
    const char *(*name)(int);
    int n;
    const char *names[RC_ACTION_COUNT];
    const char *beyond;
} table[] = {
    {state_name,
     RC_STATE_COUNT,
     {"unknown", "pending", "created", "running", "paused", "restarting", "removing", "exited",
      "dead", "missing"},
     "unknown"},
    {health_name, 4, {"none", "starting", "healthy", "unhealthy"}, "unknown"},
    {missing_name, 3, {"", "destroyed", "vanished"}, "unknown"},
    {scheme_name, 5, {"", "workload", "instance", "site", "stack"}, "unknown"},
    {action_name,
     RC_ACTION_COUNT,
     {"other", "create", "start", "restart", "stop", "die", "oom", "pause", "unpause", "rename",
      "update", "kill", "destroy", "health_status", "connect", "disconnect", "prune", "init",
      "ignored"},
     "other"},
    {op_name, RC_CHANGE_OP_COUNT, {"put", "del"}, "unknown"},
    {cause_name, RC_CAUSE_COUNT, {"event", "resync", "expired", "registry", "claim"}, "unknown"},
    {mirror_name,
     RC_MIRROR_STATE_COUNT,
     {"connecting", "syncing", "live", "disconnected"},
     "unknown"},
    {kind_name, RC_CORRECTION_KINDS, {"added", "changed", "removed"}, "unknown"},
    {by_name, RC_CORRECTION_CAUSES, {"connect", "silent", "drift"}, "unknown"},
    {reason_name,
     RC_RECONNECT_REASONS,
     {"closed", "cut", "timeout", "refused", "status", "drift", "engine", "failed"},
     "unknown"},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t t = 0; t < RC_ARRAY_LEN(table); t++) {
        for (int i = 0; i < table[t].n; i++) {
            assert_non_null(table[t].names[i]);
            assert_string_equal(table[t].name(i), table[t].names[i]);
        }
        assert_string_equal(table[t].name(table[t].n), table[t].beyond);
        assert_string_equal(table[t].name(-1), table[t].beyond);
        assert_string_equal(table[t].name(INT32_MAX), table[t].beyond);
    }
}

static void test_states_and_healths_back(void **state)
{
    (void)state;
    for (int i = 0; i < RC_STATE_COUNT; i++) {
        enum rc_state s = RC_STATE_COUNT;
        assert_true(rc_state_parse(rc_str_c(state_name(i)), &s));
        assert_int_equal(s, i);
    }
    for (int i = RC_HEALTH_NONE; i <= RC_HEALTH_UNHEALTHY; i++) {
        enum rc_health h = RC_HEALTH_NONE;
        assert_true(rc_health_parse(rc_str_c(health_name(i)), &h));
        assert_int_equal(h, i);
    }
    static const char *const none[] = {"", "Running", "running ", "runnin", "gone"};
    for (size_t i = 0; i < RC_ARRAY_LEN(none); i++) {
        enum rc_state s = RC_STATE_DEAD;
        enum rc_health h = RC_HEALTH_STARTING;
        assert_false(rc_state_parse(rc_str_c(none[i]), &s));
        assert_false(rc_health_parse(rc_str_c(none[i]), &h));
        assert_int_equal(s, RC_STATE_DEAD);
        assert_int_equal(h, RC_HEALTH_STARTING);
    }
}

/* A counter's place is its own: no two of kind, cause, action and reason share one. */
static void test_counters_have_places_of_their_own(void **state)
{
    (void)state;
    rc_stats stats;
    memset(&stats, 0, sizeof(stats));
    for (unsigned i = 0; i < RC_ACTION_COUNT; i++)
        rc_stat_add(&stats, RC_STAT_EVENTS + i, 1);
    for (unsigned k = 0; k < RC_CORRECTION_KINDS; k++)
        for (unsigned c = 0; c < RC_CORRECTION_CAUSES; c++)
            rc_stat_add(&stats, rc_stat_correction(k, c), 1);
    for (unsigned i = 0; i < RC_RECONNECT_REASONS; i++)
        rc_stat_add(&stats, RC_STAT_RECONNECTS + i, 1);
    static const unsigned single[] = {
        RC_STAT_EVENTS_IGNORED,  RC_STAT_EVENTS_DUPLICATE, RC_STAT_EVENTS_LATE,
        RC_STAT_EVENTS_BAD,      RC_STAT_EVENTS_OVERSIZE,  RC_STAT_RESYNCS,
        RC_STAT_RESYNC_FAILURES, RC_STAT_REREADS,          RC_STAT_INSPECTS,
    };
    for (size_t i = 0; i < RC_ARRAY_LEN(single); i++)
        rc_stat_add(&stats, single[i], 1);
    uint64_t sum = 0;
    for (unsigned i = 0; i < RC_STAT_ROOM; i++) {
        assert_in_range(rc_stat_get(&stats, i), 0, 1);
        sum += rc_stat_get(&stats, i);
    }
    assert_int_equal(sum, RC_ACTION_COUNT + RC_CORRECTION_KINDS * RC_CORRECTION_CAUSES +
                              RC_RECONNECT_REASONS + RC_ARRAY_LEN(single));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_states_and_healths_back),
        cmocka_unit_test(test_counters_have_places_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
