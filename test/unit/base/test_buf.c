/* base/buf: growth, the cap, and failure that sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void assert_view(const rc_buf *b, const char *text)
{
    rc_str v = rc_buf_view(b);
    assert_int_equal(v.len, strlen(text));
    assert_memory_equal(v.ptr, text, v.len);
}

static void test_appends(void **state)
{
    (void)state;
    rc_buf b = RC_BUF_INIT(0);
    assert_view(&b, "");
    rc_buf_append(&b, NULL, 0);
    assert_null(b.data);
    rc_buf_puts(&b, "one ");
    rc_buf_str(&b, RC_STR("two "));
    rc_buf_putc(&b, '3');
    rc_buf_printf(&b, " %d %s", 4, "five");
    assert_view(&b, "one two 3 4 five");
    assert_non_null(rc_buf_extend(&b, 0));
    rc_buf_consume(&b, 4);
    assert_view(&b, "two 3 4 five");
    rc_buf_consume(&b, 0);
    rc_buf_consume(&b, 100);
    assert_view(&b, "");
    rc_buf_release(&b);
    assert_null(b.data);
}

static void test_grows(void **state)
{
    (void)state;
    rc_buf b = RC_BUF_INIT(0);
    for (int i = 0; i < 100000; i++)
        rc_buf_putc(&b, (char)('a' + i % 26));
    assert_int_equal(b.len, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    rc_buf_clear(&b);
    rc_buf_printf(&b, "%*d", 300000, 7);
    assert_int_equal(b.len, 300000);
    assert_int_equal(b.data[299999], '7');
    rc_buf_release(&b);
}

static void test_cap_is_exact_and_sticky(void **state)
{
    (void)state;
    rc_buf b = RC_BUF_INIT(10);
    rc_buf_puts(&b, "0123456789");
    assert_false(rc_buf_failed(&b));
    rc_buf_printf(&b, "%s", "");
    assert_false(rc_buf_failed(&b));
    rc_buf_putc(&b, 'x');
    assert_true(rc_buf_failed(&b));
    rc_buf_consume(&b, 5);
    rc_buf_putc(&b, 'x');
    rc_buf_printf(&b, "x");
    assert_null(rc_buf_extend(&b, 0));
    assert_view(&b, "56789");
    rc_buf_clear(&b);
    assert_false(rc_buf_failed(&b));
    rc_buf_printf(&b, "%010d", 42);
    assert_view(&b, "0000000042");
    rc_buf_clear(&b);
    rc_buf_printf(&b, "%011d", 42);
    assert_true(rc_buf_failed(&b));
    assert_view(&b, "");
    rc_buf_release(&b);
    assert_false(rc_buf_failed(&b));
    assert_int_equal(b.max, 10);
}

static void test_absurd_size_fails(void **state)
{
    (void)state;
    rc_buf b = RC_BUF_INIT(0);
    rc_buf_puts(&b, "x");
    assert_null(rc_buf_extend(&b, SIZE_MAX));
    assert_true(rc_buf_failed(&b));
    assert_view(&b, "x");
    rc_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_cap_is_exact_and_sticky),
        cmocka_unit_test(test_absurd_size_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
