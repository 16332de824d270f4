/* base/str: order and globs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

static void test_order(void **state)
{
    (void)state;
    assert_true(rc_str_cmp(RC_STR("a"), RC_STR("b")) < 0);
    assert_true(rc_str_cmp(RC_STR("b"), RC_STR("a")) > 0);
    assert_true(rc_str_cmp(RC_STR("a"), RC_STR("aa")) < 0);
    assert_true(rc_str_cmp(RC_STR_EMPTY, RC_STR("a")) < 0);
    assert_int_equal(rc_str_cmp(RC_STR_EMPTY, RC_STR_EMPTY), 0);
    /* Bytes are unsigned: UTF-8 sorts after ASCII. */
    assert_true(rc_str_cmp(RC_STR("\xc3\xa9"), RC_STR("z")) > 0);
}

static void test_glob(void **state)
{
    static const struct {
        const char *glob, *s;
        bool match;
    } cases[] = {
        {"", "", true},          {"", "a", false},           {"*", "", true},
        {"*", "anything", true}, {"?", "", false},           {"?", "a", true},
        {"a*c", "abbbc", true},  {"a*c", "abbbd", false},    {"*.b.*", "a.b.c", true},
        {"*ab", "aab", true},    {"*aab*b", "aaabxb", true}, {"com.*", "co", false},
        {"a?c", "abc", true},    {"a", "ab", false},         {"a**", "a", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(rc_glob_match(rc_str_c(cases[i].glob), rc_str_c(cases[i].s)),
                         cases[i].match);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_glob),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
