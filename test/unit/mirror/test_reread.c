/* mirror/reread: coalescing, order, the ladder, the caps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/hash.h"
#include "mirror/merge.h"
#include "mirror/reread.h"

#define MS INT64_C(1000000)

static rc_id id_of(int n)
{
    rc_id id = {{0}};

    id.b[0] = (uint8_t)n;
    id.b[1] = (uint8_t)(n >> 8);
    return id;
}

static void test_coalesced_newest_first(void **state)
{
    rc_reread *r = rc_reread_new();
    rc_id ids[4], a = id_of(1), b = id_of(2);

    (void)state;
    assert_true(rc_reread_want(r, &a, RC_NEED_LIST, 0));
    assert_true(rc_reread_want(r, &b, RC_NEED_LIST, 5 * MS));
    assert_true(rc_reread_want(r, &a, RC_NEED_LIST, 19 * MS)); /* not put off by a second event */
    assert_int_equal(rc_reread_count(r), 2);
    assert_true(rc_reread_next(r, RC_REREAD_LIST, 0) == 20 * MS);
    assert_int_equal(rc_reread_take_list(r, 19 * MS, ids, 4), 0);
    assert_int_equal(rc_reread_take_list(r, 25 * MS, ids, 4), 2);
    assert_true(rc_id_eq(&ids[0], &a) && rc_id_eq(&ids[1], &b));
    assert_int_equal(rc_reread_take_list(r, 99 * MS, ids, 4), 0); /* in flight */
    assert_true(rc_reread_next(r, RC_REREAD_LIST, 0) == INT64_MAX);
    /* An event while in flight owes another one. */
    assert_true(rc_reread_want(r, &b, RC_NEED_LIST, 30 * MS));
    assert_true(rc_reread_done(r, &a, RC_REREAD_LIST, RC_REREAD_SETTLED, 31 * MS));
    assert_false(rc_reread_done(r, &b, RC_REREAD_LIST, RC_REREAD_SETTLED, 31 * MS));
    assert_false(rc_reread_pending(r, &a));
    assert_int_equal(rc_reread_take_list(r, 50 * MS, ids, 4), 1);
    assert_true(rc_reread_done(r, &b, RC_REREAD_LIST, RC_REREAD_SETTLED, 51 * MS));
    assert_int_equal(rc_reread_count(r), 0);
    rc_reread_free(r);
}

static void test_ladder_ends_in_inspect(void **state)
{
    static const int pauses[] = {50, 100, 200, 400, 800, 1600, 2000};
    rc_reread *r = rc_reread_new();
    rc_id a = id_of(1), got;
    int64_t now = 20 * MS;

    (void)state;
    rc_reread_want(r, &a, RC_NEED_LIST | RC_NEED_VERIFY, 0);
    assert_int_equal(rc_reread_take_list(r, now, &got, 1), 1);
    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        assert_false(rc_reread_done(r, &a, RC_REREAD_LIST, RC_REREAD_CONTRADICTS, now));
        assert_true(rc_reread_next(r, RC_REREAD_LIST, 0) == now + pauses[i] * MS);
        now += pauses[i] * MS;
        assert_false(rc_reread_take_inspect(r, now, &got));
        assert_int_equal(rc_reread_take_list(r, now, &got, 1), 1);
    }
    assert_false(rc_reread_done(r, &a, RC_REREAD_LIST, RC_REREAD_CONTRADICTS, now));
    assert_int_equal(rc_reread_take_list(r, now + 9999 * MS, &got, 1), 0);
    assert_true(rc_reread_take_inspect(r, now, &got));
    assert_true(rc_reread_done(r, &a, RC_REREAD_INSPECT, RC_REREAD_SETTLED, now));
    rc_reread_free(r);
}

static void test_failures_end(void **state)
{
    rc_reread *r = rc_reread_new();
    rc_id a = id_of(1), got;
    int64_t now = 0;
    int asked = 0;

    (void)state;
    rc_reread_want(r, &a, RC_NEED_INSPECT, 0);
    do {
        assert_true(rc_reread_take_inspect(r, now, &got));
        assert_true(++asked < 20);
        now += 2000 * MS;
    } while (!rc_reread_done(r, &a, RC_REREAD_INSPECT, RC_REREAD_FAILED, now - 2000 * MS));
    assert_int_equal(asked, 8);
    assert_false(rc_reread_pending(r, &a));
    rc_reread_free(r);
}

/* Answers that cross could not be told which is newer. */
static void test_one_request_a_container(void **state)
{
    rc_reread *r = rc_reread_new();
    rc_id a = id_of(1), got;

    (void)state;
    rc_reread_want(r, &a, RC_NEED_LIST | RC_NEED_INSPECT, 0);
    assert_true(rc_reread_take_inspect(r, 0, &got));
    assert_int_equal(rc_reread_take_list(r, 999 * MS, &got, 1), 0);
    assert_true(rc_reread_next(r, RC_REREAD_LIST, 0) == INT64_MAX);
    assert_false(rc_reread_done(r, &a, RC_REREAD_INSPECT, RC_REREAD_SETTLED, 0));
    assert_int_equal(rc_reread_take_list(r, 999 * MS, &got, 1), 1);
    rc_reread_want(r, &a, RC_NEED_INSPECT, 999 * MS);
    assert_false(rc_reread_take_inspect(r, 999 * MS, &got));
    assert_false(rc_reread_done(r, &a, RC_REREAD_LIST, RC_REREAD_SETTLED, 999 * MS));
    assert_true(rc_reread_take_inspect(r, 999 * MS, &got));
    rc_reread_free(r);
}

static void test_newer_event_ends_the_ladder(void **state)
{
    rc_reread *r = rc_reread_new();
    rc_id a = id_of(1), got;

    (void)state;
    rc_reread_want(r, &a, RC_NEED_LIST, 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(rc_reread_take_list(r, 9999 * MS, &got, 1), 1);
        rc_reread_done(r, &a, RC_REREAD_LIST, RC_REREAD_CONTRADICTS, 0);
    }
    rc_reread_want(r, &a, RC_NEED_LIST, 100 * MS);
    assert_true(rc_reread_next(r, RC_REREAD_LIST, 0) == 120 * MS);
    rc_reread_take_list(r, 120 * MS, &got, 1);
    rc_reread_done(r, &a, RC_REREAD_LIST, RC_REREAD_CONTRADICTS, 120 * MS);
    assert_true(rc_reread_next(r, RC_REREAD_LIST, 0) == 170 * MS); /* the first rung again */
    rc_reread_free(r);
}

static void test_inspects_are_capped(void **state)
{
    rc_reread *r = rc_reread_new();
    rc_id got;

    (void)state;
    for (int i = 0; i < 20; i++) {
        rc_id id = id_of(i);

        rc_reread_want(r, &id, RC_NEED_INSPECT, i);
    }
    for (int i = 0; i < RC_REREAD_INSPECT_MAX; i++) {
        rc_id expected = id_of(19 - i);

        assert_true(rc_reread_take_inspect(r, 99, &got));
        assert_true(rc_id_eq(&got, &expected));
    }
    assert_false(rc_reread_take_inspect(r, 99, &got));
    assert_true(rc_reread_next(r, RC_REREAD_INSPECT, 0) == INT64_MAX);
    rc_reread_drop(r, &got); /* gone with its request in flight: the place is free again */
    assert_true(rc_reread_take_inspect(r, 99, &got));
    assert_false(rc_reread_done(r, &got, RC_REREAD_INSPECT, RC_REREAD_FAILED, 99));
    assert_true(rc_reread_pending(r, &got));
    rc_reread_clear(r);
    assert_int_equal(rc_reread_count(r), 0);
    assert_true(rc_reread_done(r, &got, RC_REREAD_INSPECT, RC_REREAD_SETTLED, 99));
    rc_reread_free(r);
}

/* Whatever happens, every container that an event named is asked for after that event. */
static void test_nothing_is_forgotten(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        enum { N = 6 };
        uint64_t rand = seed;
        rc_reread *r = rc_reread_new();
        bool owed[N] = {false};     /* an event not followed by a request yet */
        bool out[N][2] = {{false}}; /* requests that we hold */
        int64_t now = 0;

        for (int step = 0; step < 400; step++) {
            int i = (int)(rc_rand_next(&rand) % N);
            int kind = (int)(rc_rand_next(&rand) % 2);
            rc_id id = id_of(i), got;

            now += (int64_t)(rc_rand_next(&rand) % (uint64_t)(60 * MS));
            switch (rc_rand_next(&rand) % 4) {
            case 0:
                rc_reread_want(r, &id, RC_NEED_LIST, now);
                owed[i] = true;
                break;
            case 1:
                if (rc_reread_take_list(r, now, &got, 1)) {
                    owed[got.b[0]] = false;
                    out[got.b[0]][RC_REREAD_LIST] = true;
                }
                break;
            case 2:
                if (rc_reread_take_inspect(r, now, &got))
                    out[got.b[0]][RC_REREAD_INSPECT] = true;
                break;
            default:
                if (out[i][kind]) {
                    out[i][kind] = false;
                    rc_reread_done(r, &id, (enum rc_reread_kind)kind,
                                   (enum rc_reread_outcome)(rc_rand_next(&rand) % 3), now);
                }
                break;
            }
            for (int k = 0; k < N; k++) {
                rc_id each = id_of(k);

                assert_true(!(owed[k] || out[k][0] || out[k][1]) || rc_reread_pending(r, &each));
            }
        }
        rc_reread_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coalesced_newest_first),
        cmocka_unit_test(test_ladder_ends_in_inspect),
        cmocka_unit_test(test_failures_end),
        cmocka_unit_test(test_one_request_a_container),
        cmocka_unit_test(test_newer_event_ends_the_ladder),
        cmocka_unit_test(test_inspects_are_capped),
        cmocka_unit_test(test_nothing_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
