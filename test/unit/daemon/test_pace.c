/* How often a line may repeat itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/pace.h"

#define S RC_NS_PER_SEC

static unsigned said(rc_pace *p, int64_t from_ns, int64_t to_ns, int64_t step_ns)
{
    unsigned n = 0;
    for (int64_t t = from_ns; t < to_ns; t += step_ns)
        n += rc_pace_allows(p, t);
    return n;
}

static void test_a_burst_then_one_every_so_often(void **state)
{
    rc_pace p = {.burst = 5, .every_ns = 10 * S};
    (void)state;
    assert_int_equal(said(&p, 1000 * S, 1010 * S, S / 10), 5);
    assert_int_equal(said(&p, 1010 * S, 1110 * S, S / 10), 10);
}

static void test_quiet_times_fill_it_again(void **state)
{
    rc_pace p = {.burst = 5, .every_ns = 10 * S};
    (void)state;
    assert_int_equal(said(&p, 0, S, S / 10), 5);
    assert_int_equal(said(&p, 30 * S, 31 * S, S / 10), 3);
    assert_int_equal(said(&p, 5000 * S, 5001 * S, S / 10), 5);
}

static void test_a_reset_makes_it_the_first_time(void **state)
{
    rc_pace p = {.burst = 1, .every_ns = 60 * S};
    (void)state;
    assert_true(rc_pace_allows(&p, S));
    assert_false(rc_pace_allows(&p, 2 * S));
    rc_pace_reset(&p);
    assert_true(rc_pace_allows(&p, 3 * S));
    assert_false(rc_pace_allows(&p, 62 * S));
    assert_true(rc_pace_allows(&p, 63 * S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_then_one_every_so_often),
        cmocka_unit_test(test_quiet_times_fill_it_again),
        cmocka_unit_test(test_a_reset_makes_it_the_first_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
