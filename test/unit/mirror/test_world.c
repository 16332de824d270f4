/* mirror/: thousands of generated interleavings of events, lists, re-reads, cuts and losses. In
 * each, at every put: no row goes back in time, comes back from the dead, or is missing while it is
 * there; and at rest the rows are the engine's. RC_WORLD_SEED=N replays one, RC_WORLD_SEEDS=N runs
 * more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "world.h"

static const world_plan calm = {.churn_ns = 5 * RC_NS_PER_SEC,
                                .delay_ns = 3 * RC_NS_PER_MS,
                                .local_clock = true,
                                .inspect = true,
                                .lag_percent = 60,
                                .invert_percent = 3,
                                .dup_percent = 3,
                                .missing_ttl_ns = 3 * RC_NS_PER_SEC};

static uint64_t drift(const world *w)
{
    uint64_t n = 0;
    for (int kind = 0; kind < RC_CORRECTION_KINDS; kind++)
        n += world_stat(w, rc_stat_correction((enum rc_correction_kind)kind, RC_BY_DRIFT));
    return n;
}

static void run(world_plan plan, void (*check)(const world *w))
{
    const char *one = getenv("RC_WORLD_SEED"), *many = getenv("RC_WORLD_SEEDS");
    uint64_t from = one ? strtoull(one, NULL, 10) : 1;
    uint64_t to = one ? from : many ? strtoull(many, NULL, 10) : 80;
    for (uint64_t seed = from; seed <= to; seed++) {
        plan.seed = seed;
        world *w = world_new(&plan);
        world_run(w);
        if (world_complaint(w)[0]) {
            print_message("%s\n", world_complaint(w));
            fail();
        }
        if (check)
            check(w);
        world_free(w);
    }
}

static void no_drift(const world *w)
{
    assert_int_equal(drift(w), 0);
}

static void test_calm(void **state)
{
    (void)state;
    run(calm, no_drift);
}

static void test_failing_requests_and_silent_changes(void **state)
{
    world_plan plan = calm;
    (void)state;
    plan.fail_percent = 20;
    plan.silent_percent = 30;
    run(plan, no_drift);
}

/* Lists run far ahead of the events: nothing of that is drift. */
static void test_a_slow_stream(void **state)
{
    world_plan plan = calm;
    (void)state;
    plan.delay_ns = 200 * RC_NS_PER_MS;
    run(plan, no_drift);
}

static void test_cuts(void **state)
{
    world_plan plan = calm;
    (void)state;
    plan.cut_permille = 8;
    plan.fail_percent = 5;
    run(plan, no_drift);
}

static void test_lost_events(void **state)
{
    world_plan plan = calm;
    (void)state;
    plan.drop_percent = 10;
    run(plan, NULL);
}

static void test_everything_at_once(void **state)
{
    world_plan plan = calm;
    (void)state;
    plan.drop_percent = 5;
    plan.cut_permille = 4;
    plan.fail_percent = 15;
    plan.silent_percent = 10;
    plan.missing_ttl_ns = INT64_MAX;
    run(plan, NULL);
}

static void test_a_distant_engine(void **state)
{
    world_plan plan = calm;
    (void)state;
    plan.local_clock = false;
    plan.skew_ns = -47 * RC_NS_PER_SEC - 123456789;
    plan.cut_permille = 4;
    run(plan, NULL);
}

static void test_no_missing_rows_kept(void **state)
{
    world_plan plan = calm;
    (void)state;
    plan.missing_ttl_ns = 0;
    plan.drop_percent = 5;
    run(plan, NULL);
}

static void test_without_inspect(void **state)
{
    world_plan plan = calm;
    (void)state;
    plan.inspect = false;
    plan.lag_percent = 0; /* nothing else can tell */
    plan.cut_permille = 4;
    run(plan, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calm),
        cmocka_unit_test(test_failing_requests_and_silent_changes),
        cmocka_unit_test(test_a_slow_stream),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_lost_events),
        cmocka_unit_test(test_everything_at_once),
        cmocka_unit_test(test_a_distant_engine),
        cmocka_unit_test(test_no_missing_rows_kept),
        cmocka_unit_test(test_without_inspect),
    };

    const char *only = getenv("RC_WORLD_TEST");
    if (only)
        cmocka_set_test_filter(only);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
