/* base/clock: times and durations to text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"

static void test_clocks_run(void **state)
{
    (void)state;
    int64_t a = rc_clock_mono();
    assert_true(rc_clock_mono() >= a);
    int64_t difference = rc_clock_real() / RC_NS_PER_SEC - (int64_t)time(NULL);
    assert_true(difference >= -2 && difference <= 2);
}

static void test_time_format(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {INT64_C(1795467209) * RC_NS_PER_SEC, "2026-11-23T20:53:29Z"},
        {INT64_C(1795467209120000000), "2026-11-23T20:53:29.12Z"},
        {INT64_C(951782400) * RC_NS_PER_SEC, "2000-02-29T00:00:00Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(cases); i++) {
        char out[RC_TIME_MAX];
        size_t n = rc_time_format(out, cases[i].ns);
        assert_string_equal(out, cases[i].text);
        assert_int_equal(n, strlen(out));
        int64_t back = 42;
        assert_int_equal(rc_time_parse(rc_str_n(out, n), &back, NULL), RC_OK);
        assert_true(back == cases[i].ns);
    }
}

static void test_time_agrees_with_libc(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        int64_t ns = (int64_t)rc_rand_next(&seed);
        time_t t = (time_t)(ns / RC_NS_PER_SEC - (ns % RC_NS_PER_SEC < 0));
        struct tm tm;
        char want[RC_TIME_MAX], out[RC_TIME_MAX];
        gmtime_r(&t, &tm);
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm);
        size_t n = rc_time_format(out, ns);
        assert_memory_equal(out, want, 19);
        int64_t back = 0;
        assert_int_equal(rc_time_parse(rc_str_n(out, n), &back, NULL), RC_OK);
        assert_true(back == ns);
    }
}

static void test_time_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"", 0},
        {"0001-01-01T00:00:00Z", 0},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1970-01-01t00:00:01z", RC_NS_PER_SEC},
        {"1969-12-31T18:30:00-05:30", 0},
        {"1970-01-01T00:00:00.1234567899Z", 123456789},
        {"1970-01-01T00:00:00.5+00:00", 500000000},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800) * RC_NS_PER_SEC},
        {"2026-11-23T22:53:29.120000001+02:00", INT64_C(1795467209120000001)},
    };
    static const char *const bad[] = {
        "0",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01 00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00Zx",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+01:60",
        "+970-01-01T00:00:00Z",
        "1970-1-01T00:00:00Z",
        " 1970-01-01T00:00:00Z",
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21T00:12:43.145224191Z",
        "0001-01-01T00:00:00.1Z",
        "9999-12-31T23:59:59Z",
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(cases); i++) {
        int64_t ns = 42;
        assert_int_equal(rc_time_parse(rc_str_c(cases[i].text), &ns, NULL), RC_OK);
        assert_true(ns == cases[i].ns);
    }
    for (size_t i = 0; i < RC_ARRAY_LEN(bad); i++) {
        rc_error err = RC_ERROR_INIT;
        int64_t ns = 42;
        assert_int_equal(rc_time_parse(rc_str_c(bad[i]), &ns, &err), RC_INVALID);
        assert_int_equal(err.code, RC_INVALID);
        assert_true(ns == 42);
    }
}

static void test_time_is_bounded_by_its_length(void **state)
{
    (void)state;
    static const char text[] = "1970-01-01T00:00:01.5+01:00";
    for (size_t n = 1; n < sizeof(text) - 1; n++) {
        /* On the heap, so that a read past the end is seen. */
        char *copy = malloc(n);
        int64_t ns = 42;
        assert_non_null(copy);
        memcpy(copy, text, n);
        assert_int_equal(rc_time_parse(rc_str_n(copy, n), &ns, NULL), RC_INVALID);
        free(copy);
    }
}

static void test_http_date(void **state)
{
    static const char *const bad[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "sun, 06 Nov 1994 08:49:37 GMT",
    };
    (void)state;
    int64_t s = 42;
    assert_int_equal(rc_http_date_parse(RC_STR("Sun, 06 Nov 1994 08:49:37 GMT"), &s, NULL), RC_OK);
    assert_true(s == 784111777);
    for (size_t i = 0; i < RC_ARRAY_LEN(bad); i++) {
        s = 42;
        assert_int_equal(rc_http_date_parse(rc_str_c(bad[i]), &s, NULL), RC_INVALID);
        assert_true(s == 42);
    }
}

static void test_duration(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"0", 0},
        {"30s", 30 * RC_NS_PER_SEC},
        {"10m", 600 * RC_NS_PER_SEC},
        {"1h30m", 5400 * RC_NS_PER_SEC},
        {"250ms", 250 * RC_NS_PER_MS},
        {"1m30s", 90 * RC_NS_PER_SEC},
        {"1s500ms", 1500 * RC_NS_PER_MS},
        {"7us", 7000},
        {"9ns", 9},
        {"26h", 26 * 3600 * RC_NS_PER_SEC},
        {"2562047h47m16s854ms775us807ns", INT64_MAX},
    };
    static const char *const bad[] = {
        "",
        "30",
        "s",
        "-1s",
        "+1s",
        "1x",
        "1 s",
        " 1s",
        "1s ",
        "00",
        "1m1h",
        "1s1s",
        "1.5s",
        "1h30",
        "1S",
        "9223372036854775808ns",
        "2562048h",
        "2562047h47m16s854ms775us808ns",
        "99999999999999999999999999s",
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(cases); i++) {
        int64_t ns = 42;
        char out[RC_TIME_MAX];
        assert_int_equal(rc_duration_parse(rc_str_c(cases[i].text), &ns, NULL), RC_OK);
        assert_true(ns == cases[i].ns);
        assert_int_equal(rc_duration_format(out, ns), strlen(cases[i].text));
        assert_string_equal(out, cases[i].text);
    }
    for (size_t i = 0; i < RC_ARRAY_LEN(bad); i++) {
        int64_t ns = 42;
        assert_int_equal(rc_duration_parse(rc_str_c(bad[i]), &ns, NULL), RC_INVALID);
        assert_true(ns == 42);
    }
    int64_t ns = 42;
    char out[RC_TIME_MAX];
    assert_int_equal(rc_duration_parse(RC_STR("0s"), &ns, NULL), RC_OK);
    assert_true(ns == 0);
    assert_int_equal(rc_duration_parse(RC_STR("90m"), &ns, NULL), RC_OK);
    rc_duration_format(out, ns);
    assert_string_equal(out, "1h30m");
    rc_duration_format(out, INT64_MIN);
    assert_string_equal(out, "-2562047h47m16s854ms775us808ns");
}

static void test_duration_human(void **state)
{
    const int64_t second = RC_NS_PER_SEC, minute = 60 * second, hour = 60 * minute;
    const int64_t day = 24 * hour, year = 365 * day;
    /* The cases of go-units' own duration_test.go, and the edges. */
    const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {-5 * second, "Less than a second"},
        {450 * RC_NS_PER_MS, "Less than a second"},
        {second, "1 second"},
        {47 * second, "47 seconds"},
        {minute, "About a minute"},
        {3 * minute, "3 minutes"},
        {35 * minute, "35 minutes"},
        {35 * minute + 40 * second, "35 minutes"},
        {hour - second, "59 minutes"},
        {hour, "About an hour"},
        {hour + 29 * minute, "About an hour"},
        {hour + 30 * minute, "2 hours"},
        {hour + 45 * minute, "2 hours"},
        {3 * hour, "3 hours"},
        {3 * hour + 59 * minute, "4 hours"},
        {24 * hour, "24 hours"},
        {36 * hour, "36 hours"},
        {47 * hour + 30 * minute, "2 days"},
        {2 * day, "2 days"},
        {7 * day, "7 days"},
        {13 * day + 5 * hour, "13 days"},
        {2 * 7 * day, "2 weeks"},
        {2 * 7 * day + 4 * day, "2 weeks"},
        {3 * 7 * day, "3 weeks"},
        {4 * 7 * day + 3 * day, "4 weeks"},
        {8 * 7 * day + 3 * day, "8 weeks"},
        {2 * 30 * day, "2 months"},
        {23 * 30 * day, "23 months"},
        {year, "12 months"},
        /* Rounded up to two years of hours, then cut: the original says so as well. */
        {2 * year - hour / 2, "1 years"},
        {2 * year, "2 years"},
        {3 * year + 2 * 30 * day, "3 years"},
        {INT64_MAX, "292 years"},
        {INT64_MIN, "Less than a second"},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(cases); i++) {
        char out[RC_TIME_MAX];
        size_t n = rc_duration_human(out, cases[i].ns);
        assert_string_equal(out, cases[i].text);
        assert_int_equal(n, strlen(out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clocks_run),
        cmocka_unit_test(test_time_format),
        cmocka_unit_test(test_time_agrees_with_libc),
        cmocka_unit_test(test_time_parse),
        cmocka_unit_test(test_time_is_bounded_by_its_length),
        cmocka_unit_test(test_http_date),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_duration_human),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
