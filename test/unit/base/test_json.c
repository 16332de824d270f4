/* base/json: commas, every escape, numbers that read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "base/escape.h"
#include "base/hash.h"
#include "base/json.h"

static void assert_text(rc_buf *b, const char *text)
{
    assert_false(rc_buf_failed(b));
    rc_buf_putc(b, '\0');
    assert_string_equal(b->data, text);
    rc_buf_clear(b);
}

static void test_structure(void **state)
{
    (void)state;
    rc_buf b = RC_BUF_INIT(0);
    rc_json j;
    rc_json_init(&j, &b);
    rc_json_object(&j);
    RC_JSON_KEY(&j, "empty");
    rc_json_object(&j);
    rc_json_object_end(&j);
    RC_JSON_KEY(&j, "list");
    rc_json_array(&j);
    rc_json_bool(&j, true);
    rc_json_bool(&j, false);
    rc_json_null(&j);
    rc_json_array(&j);
    rc_json_array_end(&j);
    rc_json_raw(&j, RC_STR("{\"a\":1}"));
    rc_json_i64(&j, -5);
    rc_json_array_end(&j);
    RC_JSON_KEY(&j, "t");
    rc_json_time(&j, 1500000000);
    RC_JSON_KEY(&j, "t0");
    rc_json_time(&j, 0);
    rc_json_object_end(&j);
    assert_text(&b, "{\"empty\":{},\"list\":[true,false,null,[],{\"a\":1},-5],"
                    "\"t\":\"1970-01-01T00:00:01.5Z\",\"t0\":null}");
    rc_buf_release(&b);
}

static void test_integers(void **state)
{
    (void)state;
    rc_buf b = RC_BUF_INIT(0);
    rc_json j;
    rc_json_init(&j, &b);
    rc_json_array(&j);
    rc_json_i64(&j, 0);
    rc_json_i64(&j, INT64_MIN);
    rc_json_i64(&j, INT64_MAX);
    rc_json_u64(&j, UINT64_MAX);
    rc_json_array_end(&j);
    assert_text(&b, "[0,-9223372036854775808,9223372036854775807,18446744073709551615]");
    rc_buf_release(&b);
}

static void test_doubles(void **state)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0, "0"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e300, "1e+300"},
        {5e-324, "5e-324"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {100, "100"},
        {INFINITY, "null"},
        {NAN, "null"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rc_buf b = RC_BUF_INIT(0);
        rc_json j;
        rc_json_init(&j, &b);
        rc_json_double(&j, cases[i].v);
        assert_text(&b, cases[i].text);
        rc_buf_release(&b);
    }
}

static void test_strings(void **state)
{
    static const struct {
        rc_str in;
        const char *out;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{"plain text of some length", 25}, "\"plain text of some length\""},
        {{"\"", 1}, "\"\\\"\""},
        {{"12345678\\", 9}, "\"12345678\\\\\""},
        {{"a\b\f\n\r\t\x01\x1f\x7f", 9}, "\"a\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
        {{"a\0b", 3}, "\"a\\u0000b\""},
        {{"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3", 11}, "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3\""},
        {{"x\xffy", 3}, "\"x\xef\xbf\xbdy\""},
        {{"\xc3", 1}, "\"\xef\xbf\xbd\""},
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xc0\xaf", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rc_buf b = RC_BUF_INIT(0);
        rc_json j;
        rc_json_init(&j, &b);
        rc_json_str(&j, cases[i].in);
        assert_text(&b, cases[i].out);
        rc_buf_release(&b);
    }
}

/* What a reader of JSON would make of the string; false where it would object. */
static bool unquote(rc_str s, rc_buf *out)
{
    if (s.len < 2 || s.ptr[0] != '"' || s.ptr[s.len - 1] != '"' || !rc_utf8_valid(s))
        return false;
    for (size_t i = 1; i < s.len - 1; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == '"')
            return false;
        if (c != '\\') {
            rc_buf_putc(out, (char)c);
            continue;
        }
        static const char names[] = "\"\"\\\\b\bf\fn\nr\rt\t";
        c = (unsigned char)s.ptr[++i];
        if (c == 'u') {
            char hex[5] = {0};
            memcpy(hex, s.ptr + i + 1, 4);
            rc_buf_putc(out, (char)strtol(hex, NULL, 16));
            i += 4;
            continue;
        }
        const char *p = names;
        while (*p && *p != (char)c)
            p += 2;
        if (!*p)
            return false;
        rc_buf_putc(out, p[1]);
    }
    return true;
}

static void test_any_bytes_are_valid(void **state)
{
    (void)state;
    uint64_t seed = 3;
    rc_buf b = RC_BUF_INIT(0), back = RC_BUF_INIT(0);
    for (int round = 0; round < 50000; round++) {
        char in[40];
        size_t n = rc_rand_next(&seed) % (sizeof(in) + 1);
        /* Mostly ASCII, so that hits lie at every place of a word; every fourth is anything. */
        for (size_t i = 0; i < n; i++) {
            uint64_t r = rc_rand_next(&seed);
            in[i] = round % 4 == 0 ? (char)r : (char)(r >> 8 & (r % 9 ? 0x7f : 0x1f));
        }
        rc_json j;
        rc_json_init(&j, &b);
        rc_json_str(&j, rc_str_n(in, n));
        assert_true(unquote(rc_buf_view(&b), &back));
        if (rc_utf8_valid(rc_str_n(in, n)))
            assert_true(rc_str_eq(rc_buf_view(&back), rc_str_n(in, n)));
        rc_buf_clear(&b);
        rc_buf_clear(&back);
    }
    rc_buf_release(&b);
    rc_buf_release(&back);
}

static void test_depth_fails_the_buffer(void **state)
{
    (void)state;
    rc_buf b = RC_BUF_INIT(0);
    rc_json j;
    rc_json_init(&j, &b);
    for (int i = 0; i < RC_JSON_DEPTH - 1; i++)
        rc_json_array(&j);
    rc_json_null(&j);
    for (int i = 0; i < RC_JSON_DEPTH - 1; i++)
        rc_json_array_end(&j);
    assert_false(rc_buf_failed(&b));
    for (int i = 0; i < 2 * RC_JSON_DEPTH; i++) {
        rc_json_object(&j);
        RC_JSON_KEY(&j, "k");
    }
    for (int i = 0; i < 2 * RC_JSON_DEPTH; i++)
        rc_json_object_end(&j);
    assert_true(rc_buf_failed(&b));
    rc_buf_clear(&b);
    rc_json_init(&j, &b);
    rc_json_array_end(&j);
    assert_true(rc_buf_failed(&b));
    rc_buf_release(&b);
}

static void test_cap_is_the_buffers(void **state)
{
    (void)state;
    rc_buf b = RC_BUF_INIT(8);
    rc_json j;
    rc_json_init(&j, &b);
    rc_json_str(&j, RC_STR("123456"));
    assert_false(rc_buf_failed(&b));
    rc_json_str(&j, RC_STR("1"));
    assert_true(rc_buf_failed(&b));
    rc_buf_clear(&b);
    rc_json_init(&j, &b);
    rc_json_str(&j, RC_STR("\n\n\n\n\xff\xff"));
    assert_true(rc_buf_failed(&b));
    rc_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_any_bytes_are_valid),
        cmocka_unit_test(test_depth_fails_the_buffer),
        cmocka_unit_test(test_cap_is_the_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
