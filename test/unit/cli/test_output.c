/* The table's layout, JSON made safe to look at, and writing to those who do not read. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/output.h"

static void expect(rc_buf *got, const char *wanted)
{
    rc_buf_putc(got, '\0');
    assert_false(rc_buf_failed(got));
    assert_string_equal(got->data, wanted);
    rc_buf_release(got);
}

static void put_row(rc_table *t, const char *a, const char *b, const char *c)
{
    const char *const cells[] = {a, b, c};
    for (size_t i = 0; i < 3; i++) {
        rc_buf_puts(rc_table_cell(t), cells[i]);
        rc_table_end_cell(t);
    }
}

static void test_table(void **state)
{
    (void)state;
    rc_buf got = RC_BUF_INIT(0);
    rc_table *t = rc_table_new(3);
    assert_non_null(t);
    put_row(t, "ID", "NAME", "LAST");
    put_row(t, "1", "a long name", "x");
    put_row(t, "2", "世界世界世界", "y");
    put_row(t, "", "", "");
    assert_int_equal(rc_table_rows(t), 4);
    rc_table_measure(t);
    rc_table_print(t, 0, false, &got);
    rc_table_print(t, 2, false, &got); /* in any order */
    rc_table_print(t, 1, false, &got);
    rc_table_print(t, 3, false, &got);
    /* ten columns at least, three between, wide characters count twice */
    expect(&got, "ID        NAME           LAST\n"
                 "2         世界世界世界   y\n"
                 "1         a long name    x\n"
                 "                         \n");
    rc_table_free(t);
    assert_null(rc_table_free(NULL));
}

static void test_plain_table(void **state)
{
    (void)state;
    rc_buf got = RC_BUF_INIT(0);
    rc_table *t = rc_table_new(1);
    rc_buf_puts(rc_table_cell(t), "one");
    rc_table_end_cell(t);
    rc_table_print(t, 0, true, &got);
    expect(&got, "one\n");
    rc_table_free(t);
}

static void expect_json(const char *json, bool indent, const char *wanted)
{
    rc_buf got = RC_BUF_INIT(0);
    rc_json_show(&got, rc_str_c(json), indent);
    expect(&got, wanted);
}

static void test_json(void **state)
{
    (void)state;
    expect_json("[]", true, "[]");
    expect_json("[{\"a\":1,\"b\":{},\"c\":[],\"d\":[1,2]}]", true,
                "[\n    {\n        \"a\": 1,\n        \"b\": {},\n        \"c\": [],\n"
                "        \"d\": [\n            1,\n            2\n        ]\n    }\n]");
    /* what looks like structure inside of a string is none */
    expect_json("{\"a{\":\"[,:\\\"}\"}", true, "{\n    \"a{\": \"[,:\\\"}\"\n}");
    expect_json("{\"a\":[1,{\"b\":null}]}\n", false, "{\"a\":[1,{\"b\":null}]}\n");
}

static void test_json_for_terminals(void **state)
{
    (void)state;
    /* right-to-left override, C1's control sequence introducer, delete, a tag past the first plane
     */
    expect_json("\"\xe2\x80\xae\"", false, "\"\\u202e\"");
    expect_json("\"\xc2\x9b[2J\"", false, "\"\\u009b[2J\"");
    expect_json("\"\x7f\"", false, "\"\\u007f\"");
    expect_json("\"\xf3\xa0\x80\x81\"", false, "\"\\udb40\\udc01\"");
    /* what is harmless stays */
    expect_json("\"é世\\u001b\\\\\"", false, "\"é世\\u001b\\\\\"");
}

static void test_flush(void **state)
{
    (void)state;
    int fds[2];
    char got[8] = "";
    rc_out out;
    assert_int_equal(pipe(fds), 0);
    rc_out_init(&out, fds[1]);
    assert_false(out.terminal);
    rc_buf_puts(&out.buf, "data");
    assert_int_equal(rc_out_flush(&out, NULL), RC_OK);
    assert_int_equal(out.buf.len, 0);
    assert_int_equal(read(fds[0], got, sizeof(got)), 4);
    assert_string_equal(got, "data");
    rc_out_release(&out);
    close(fds[0]);
    close(fds[1]);
}

static void test_nobody_reads(void **state)
{
    (void)state;
    int fds[2];
    rc_error err = RC_ERROR_INIT;
    rc_out out;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    rc_out_init(&out, fds[1]);
    rc_buf_puts(&out.buf, "data");
    assert_int_equal(rc_out_flush(&out, &err), RC_CLOSED);
    assert_string_equal(err.msg, "");
    rc_buf_clear(&out.buf);
    assert_int_equal(rc_out_flush(&out, &err), RC_CLOSED); /* and so it stays */
    rc_out_release(&out);
    close(fds[1]);
}

static void test_full_disk(void **state)
{
    (void)state;
    rc_error err = RC_ERROR_INIT;
    rc_out out;
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    rc_out_init(&out, fd);
    rc_buf_puts(&out.buf, "data");
    assert_int_equal(rc_out_flush(&out, &err), RC_IO);
    assert_non_null(strstr(err.msg, "No space left"));
    assert_int_equal(rc_out_flush(&out, &err), RC_IO);
    assert_string_equal(err.msg, ""); /* said once */
    rc_out_release(&out);
    close(fd);
}

static void test_half_a_document(void **state)
{
    (void)state;
    rc_out out;
    rc_out_init(&out, STDOUT_FILENO);
    rc_buf_puts(&out.buf, "half");
    out.buf.failed = true;
    assert_int_equal(rc_out_flush(&out, NULL), RC_NOMEM);
    rc_out_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),     cmocka_unit_test(test_plain_table),
        cmocka_unit_test(test_json),      cmocka_unit_test(test_json_for_terminals),
        cmocka_unit_test(test_flush),     cmocka_unit_test(test_nobody_reads),
        cmocka_unit_test(test_full_disk), cmocka_unit_test(test_half_a_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
