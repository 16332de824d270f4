/* base/error: codes come back, messages stay bounded, context goes in front. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void test_fail_sets_all(void **state)
{
    rc_error err = RC_ERROR_INIT;

    (void)state;
    assert_int_equal(rc_fail(&err, RC_NOTFOUND, "no %s", "web"), RC_NOTFOUND);
    assert_int_equal(err.code, RC_NOTFOUND);
    assert_int_equal(err.errnum, 0);
    assert_string_equal(err.msg, "no web");
    assert_int_equal(rc_fail(NULL, RC_IO, "nobody listens"), RC_IO);
}

static void test_errno_is_appended(void **state)
{
    rc_error err = RC_ERROR_INIT;

    (void)state;
    rc_fail_errno(&err, RC_IO, ENOENT, "open %s", "/x");
    assert_int_equal(err.errnum, ENOENT);
    assert_string_equal(err.msg, "open /x: No such file or directory");
}

static void test_wrap_keeps_the_cause(void **state)
{
    rc_error err = RC_ERROR_INIT;
    char longtext[RC_ERROR_MAX * 2];

    (void)state;
    rc_fail(&err, RC_CORRUPT, "bad header");
    assert_int_equal(rc_error_wrap(&err, "index %s", "/run"), RC_CORRUPT);
    assert_string_equal(err.msg, "index /run: bad header");

    memset(longtext, 'c', sizeof(longtext) - 1);
    longtext[sizeof(longtext) - 1] = '\0';
    rc_error_wrap(&err, "%s", longtext);
    assert_non_null(strstr(err.msg, "index /run: bad header"));
    assert_true(strlen(err.msg) < RC_ERROR_MAX);
    assert_int_equal(rc_error_wrap(NULL, "x"), RC_INTERNAL);
}

static void test_message_of_itself(void **state)
{
    rc_error err = RC_ERROR_INIT;

    (void)state;
    rc_fail(&err, RC_IO, "inner");
    rc_fail(&err, RC_IO, "outer of %s", err.msg);
    assert_string_equal(err.msg, "outer of inner");
}

static void test_every_code_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < RC_INTERNAL; i++) {
        assert_non_null(rc_code_name(i));
        assert_string_not_equal(rc_code_name(i), "internal");
    }
    assert_string_equal(rc_code_name(RC_NOTFOUND), "not_found");
    assert_string_equal(rc_code_name(-1), "internal");
    assert_string_equal(rc_code_name(9999), "internal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_sets_all),         cmocka_unit_test(test_errno_is_appended),
        cmocka_unit_test(test_wrap_keeps_the_cause),  cmocka_unit_test(test_message_of_itself),
        cmocka_unit_test(test_every_code_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
