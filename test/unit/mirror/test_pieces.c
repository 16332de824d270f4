/* mirror's small pure pieces: the engine's clock, repeats, back-off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash.h"
#include "mirror/backoff.h"
#include "mirror/engine_clock.h"
#include "mirror/recent.h"

#define S RC_NS_PER_SEC

static void test_clock_holds_the_truth(void **state)
{
    uint64_t rand = 7;
    const int64_t offset = -12345678901; /* the engine is behind us */
    rc_engine_clock c;
    int64_t now = 1000 * S, width = INT64_MAX;

    (void)state;
    rc_engine_clock_unknown(&c);
    assert_true(rc_engine_clock_earliest(&c, now) == INT64_MAX);
    for (int i = 0; i < 200; i++) {
        int64_t sent = now;
        int64_t made = sent + (int64_t)(rc_rand_next(&rand) % (S / 10));
        int64_t received = made + (int64_t)(rc_rand_next(&rand) % (S / 10));

        rc_engine_clock_date(&c, (made + offset) / S, sent, received);
        assert_true(c.lo <= offset && offset <= c.hi);
        assert_true(c.hi - c.lo <= width); /* it only narrows */
        width = c.hi - c.lo;
        now = received + (int64_t)(rc_rand_next(&rand) % (7 * S));
    }
    assert_true(width < S / 2);
    assert_true(rc_engine_clock_earliest(&c, now) <= now + offset);
    assert_true(rc_engine_clock_latest(&c, now) >= now + offset);
}

static void test_clock_set_anew_and_nonsense(void **state)
{
    rc_engine_clock c, before;

    (void)state;
    rc_engine_clock_local(&c);
    assert_true(rc_engine_clock_earliest(&c, 5) == 5 && rc_engine_clock_latest(&c, 5) == 5);
    rc_engine_clock_unknown(&c);
    rc_engine_clock_date(&c, 1000, 1000 * S, 1000 * S + 1);
    rc_engine_clock_date(&c, 500, 1010 * S, 1010 * S + 1); /* set back by 510 s */
    assert_true(c.lo <= -510 * S && c.hi >= -510 * S);
    before = c;
    rc_engine_clock_date(&c, -1, 0, 1);
    rc_engine_clock_date(&c, INT64_MAX, 0, 1);
    rc_engine_clock_date(&c, 1000, 2, 1);
    assert_true(c.lo == before.lo && c.hi == before.hi);
}

static rc_event event_at(int64_t t, rc_str container, rc_str network, rc_str action)
{
    return (rc_event){
        .time_ns = t, .container = container, .network = network, .action_text = action};
}

static void test_repeats(void **state)
{
    rc_recent r;
    rc_event a = event_at(1, RC_STR("c"), RC_STR(""), RC_STR("start"));
    rc_event variants[] = {
        event_at(2, RC_STR("c"), RC_STR(""), RC_STR("start")),
        event_at(1, RC_STR("d"), RC_STR(""), RC_STR("start")),
        event_at(1, RC_STR(""), RC_STR("c"), RC_STR("start")),
        event_at(1, RC_STR("c"), RC_STR(""), RC_STR("stop")),
        event_at(1, RC_STR("cs"), RC_STR(""), RC_STR("tart")),
    };

    (void)state;
    rc_recent_init(&r, 1, 2);
    assert_false(rc_recent_repeat(&r, &a));
    assert_true(rc_recent_repeat(&r, &a));
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
        assert_false(rc_recent_repeat(&r, &variants[i]));
    /* It is kept as long as the cap says, and no longer. */
    for (int i = 0; i < RC_RECENT_MAX - 6; i++) {
        rc_event ev = event_at(100 + i, RC_STR("c"), RC_STR(""), RC_STR("start"));

        assert_false(rc_recent_repeat(&r, &ev));
    }
    assert_true(rc_recent_repeat(&r, &a));
    variants[0].time_ns = 9999;
    assert_false(rc_recent_repeat(&r, &variants[0]));
    assert_false(rc_recent_repeat(&r, &a));
}

static void test_backoff(void **state)
{
    rc_backoff b;
    int64_t step = 100 * RC_NS_PER_MS;
    int differs = 0;

    (void)state;
    rc_backoff_init(&b, step, 5 * S, 42);
    for (int i = 0; i < 100; i++) {
        int64_t wait = rc_backoff_next(&b);

        assert_true(wait >= step / 2 && wait <= step);
        differs += wait != step;
        step = step * 2 > 5 * S ? 5 * S : step * 2;
    }
    assert_true(differs > 90);
    rc_backoff_reset(&b);
    assert_true(rc_backoff_next(&b) <= 100 * RC_NS_PER_MS);
    rc_backoff_init(&b, 1, 1, 0);
    for (int i = 0; i < 10; i++)
        assert_true(rc_backoff_next(&b) <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_holds_the_truth),
        cmocka_unit_test(test_clock_set_anew_and_nonsense),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_backoff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
