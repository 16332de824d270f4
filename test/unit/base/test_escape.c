/* base/escape: strict UTF-8, what a terminal must not see, widths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/hash.h"

static void test_utf8_every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x200000; c++) {
        char s[4];
        size_t n = 0;
        if (c < 0x80) {
            s[n++] = (char)c;
        } else if (c < 0x800) {
            s[n++] = (char)(0xC0 | c >> 6);
        } else if (c < 0x10000) {
            s[n++] = (char)(0xE0 | c >> 12);
            s[n++] = (char)(0x80 | (c >> 6 & 0x3F));
        } else {
            s[n++] = (char)(0xF0 | c >> 18);
            s[n++] = (char)(0x80 | (c >> 12 & 0x3F));
            s[n++] = (char)(0x80 | (c >> 6 & 0x3F));
        }
        if (c >= 0x80)
            s[n++] = (char)(0x80 | (c & 0x3F));
        bool good = c < 0x110000 && !(c >= 0xD800 && c <= 0xDFFF);
        size_t i = 0;
        assert_int_equal(rc_utf8_next(rc_str_n(s, n), &i), good ? (int32_t)c : -1);
        assert_int_equal(i, good ? n : 1);
        if (n > 1) {
            /* Cut short it is none. */
            i = 0;
            assert_int_equal(rc_utf8_next(rc_str_n(s, n - 1), &i), -1);
            assert_int_equal(i, 1);
        }
    }
}

static void test_utf8_ill_formed(void **state)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3(",
        "\xe2\x82(",
        "\xf0\x9f\x90(",
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(bad); i++) {
        assert_false(rc_utf8_valid(rc_str_c(bad[i])));
        size_t at = 0;
        assert_int_equal(rc_utf8_next(rc_str_c(bad[i]), &at), -1);
        assert_int_equal(at, 1);
    }
    assert_true(rc_utf8_valid(RC_STR_EMPTY));
    assert_true(rc_utf8_valid(RC_STR("gr\xc3\xbc\xc3\x9f")));
}

static const struct {
    rc_str in;
    const char *out;
} escapes[] = {
    {{"", 0}, ""},
    {{"plain-name_1.2", 14}, "plain-name_1.2"},
    {{"a\\b", 3}, "a\\\\b"},
    {{"\x1b[31m", 5}, "\\x1b[31m"},
    {{"a\nb\t\r\0", 6}, "a\\x0ab\\x09\\x0d\\x00"},
    {{"\x7f", 1}, "\\x7f"},
    {{"\xff\xc3", 2}, "\\xff\\xc3"},
    {{"\xc2\x9b", 2}, "\\u{009b}"},
    {{"\xe2\x80\xae", 3}, "\\u{202e}"},
    {{"\xe2\x80\xa8", 3}, "\\u{2028}"},
    {{"\xe2\x81\xa6", 3}, "\\u{2066}"},
    {{"\xef\xbb\xbf", 3}, "\\u{feff}"},
    {{"\xf3\xa0\x81\x81", 4}, "\\u{e0041}"},
    {{"\xf4\x8f\xbf\xbf", 4}, "\\u{10ffff}"},
    {{"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3", 11}, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3"},
};

static void test_escape(void **state)
{
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(escapes); i++) {
        rc_buf b = RC_BUF_INIT(0);
        char into[64];
        rc_escape(&b, escapes[i].in);
        assert_true(rc_str_eq_c(rc_buf_view(&b), escapes[i].out));
        assert_ptr_equal(rc_escape_into(into, sizeof(into), escapes[i].in), into);
        assert_string_equal(into, escapes[i].out);
        rc_buf_release(&b);
    }
    char into[64];
    rc_escape_rest_into(into, sizeof(into), RC_STR("a\\x1b\x1b"));
    assert_string_equal(into, "a\\x1b\\x1b");
}

static void test_escape_into_cuts_whole_characters(void **state)
{
    (void)state;
    char out[12];
    rc_escape_into(out, 8, RC_STR("1234567"));
    assert_string_equal(out, "1234567");
    rc_escape_into(out, 8, RC_STR("12345678"));
    assert_string_equal(out, "1234\xe2\x80\xa6");
    rc_escape_into(out, 8, RC_STR("123\xc3\xbc\xc3\xbc\xc3\xbc"));
    assert_string_equal(out, "123\xe2\x80\xa6");
    rc_escape_into(out, 8, RC_STR("1\xff\xff"));
    assert_string_equal(out, "1\xe2\x80\xa6");
    rc_escape_into(out, 8, RC_STR("\xf4\x8f\xbf\xbf"));
    assert_string_equal(out, "\xe2\x80\xa6");
    rc_escape_into(out, sizeof(out), RC_STR("1234567\x1b"));
    assert_string_equal(out, "1234567\\x1b");
    rc_escape_into(out, sizeof(out), RC_STR("1234567\x1b."));
    assert_string_equal(out, "1234567\xe2\x80\xa6");
}

static void test_anything_escaped_is_safe(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 50000; round++) {
        char in[24], out[64];
        size_t n = rc_rand_next(&seed) % (sizeof(in) + 1);
        for (size_t i = 0; i < n; i++)
            in[i] = (char)rc_rand_next(&seed);
        size_t size = 8 + rc_rand_next(&seed) % (sizeof(out) - 7);
        memset(out, 'x', sizeof(out));
        rc_escape_into(out, size, rc_str_n(in, n));
        assert_true(strlen(out) < size);
        assert_true(rc_utf8_valid(rc_str_c(out)));
        for (const char *p = out; *p; p++)
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
}

static void test_width(void **state)
{
    static const struct {
        const char *s;
        size_t width;
    } cases[] = {
        {"", 0},
        {"abc", 3},
        {"gr\xc3\xbc\xc3\x9f", 4},
        {"u\xcc\x88", 1},
        {"\xe6\x97\xa5\xe6\x9c\xac", 4},
        {"\xf0\x9f\x90\xb3", 2},
        {"\xef\xbc\xa1", 2},
        {"\xea\xb0\x80", 2},
        {"\xe2\x80\xa6", 1},
        {"\xe2\x80\x8d", 0},
        {"\\x1b", 4},
        {"\xe2\x94\x80", 1},
        {"\xf0\xa0\x80\x80", 2},
        {"\xff", 1},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(cases); i++)
        assert_int_equal(rc_text_width(rc_str_c(cases[i].s)), cases[i].width);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_every_code_point),
        cmocka_unit_test(test_utf8_ill_formed),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_escape_into_cuts_whole_characters),
        cmocka_unit_test(test_anything_escaped_is_safe),
        cmocka_unit_test(test_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
