/* Request targets: segments, parameters, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "serve/target.h"

/* "[a][b] k=v k2=v2" */
static void expect(const char *text, const char *expected)
{
    static rc_target t;
    rc_error err = RC_ERROR_INIT;
    char got[512] = "";
    size_t n = 0;
    if (rc_target_parse(rc_str_c(text), &t, &err))
        fail_msg("%s: %s", text, err.msg);
    for (unsigned i = 0; i < t.n_segments; i++)
        n += (size_t)snprintf(got + n, sizeof(got) - n, "[%.*s]", RC_STR_ARG(t.segments[i]));
    for (unsigned i = 0; i < t.n_params; i++)
        n += (size_t)snprintf(got + n, sizeof(got) - n, " %.*s=%.*s", RC_STR_ARG(t.params[i].key),
                              RC_STR_ARG(t.params[i].value));
    assert_string_equal(got, expected);
}

static void refuse(const char *text, int code)
{
    static rc_target t;
    rc_error err = RC_ERROR_INIT;
    if (rc_target_parse(rc_str_c(text), &t, &err) != code)
        fail_msg("%s: not %s", text, rc_code_name(code));
    assert_true(err.msg[0]);
}

static void test_segments(void **state)
{
    (void)state;
    expect("/", "");
    expect("/livez", "[livez]");
    expect("/v1/status", "[v1][status]");
    expect("/v1/status/", "[v1][status][]");
    expect("//v1", "[][v1]");
    expect("/a%2Fb/c", "[a/b][c]");
    expect("/a%2fb+c%20d", "[a/b+c d]");
    expect("/%c3%a4/%2e%2e/..", "[\xc3\xa4][..][..]");
    expect("/1/2/3/4/5/6/7/8", "[1][2][3][4][5][6][7][8]");
    refuse("/1/2/3/4/5/6/7/8/9", RC_NOTFOUND);
}

static void test_parameters(void **state)
{
    (void)state;
    expect("/a?verbose", "[a] verbose=");
    expect("/a?k=v&k2=a%26b+c", "[a] k=v k2=a&b c");
    expect("/a?k=v=w&&=x", "[a] k=v=w =x");
    expect("/?a/b", " a/b=");
    expect("/a?", "[a]");
    expect("/a?b?c=d", "[a] b?c=d");

    static rc_target t;
    assert_int_equal(rc_target_parse(RC_STR("/a?x=1&y=2&x=3"), &t, NULL), RC_OK);
    assert_true(rc_str_eq_c(*rc_target_param(&t, "x"), "1"));
    assert_true(rc_str_eq_c(*rc_target_param(&t, "y"), "2"));
    assert_null(rc_target_param(&t, "z"));

    char many[2 + 2 * RC_TARGET_PARAMS + 2] = "/?";
    size_t n = 2;
    for (int i = 0; i < RC_TARGET_PARAMS; i++) {
        many[n++] = 'a';
        many[n++] = '&';
    }
    assert_int_equal(rc_target_parse(rc_str_n(many, n), &t, NULL), RC_OK);
    many[n++] = 'a';
    many[n] = '\0';
    refuse(many, RC_INVALID);
}

static void test_absolute_form(void **state)
{
    (void)state;
    expect("http://localhost/v1/status?a=b", "[v1][status] a=b");
    expect("HTTPS://[::1]:80/x", "[x]");
    expect("http://host", "");
    expect("http://host?q", " q=");
}

static void test_refused(void **state)
{
    (void)state;
    refuse("", RC_INVALID);
    refuse("*", RC_INVALID);
    refuse("v1/status", RC_INVALID);
    refuse("host:80", RC_INVALID);
    refuse("ftp://host/", RC_INVALID);
    refuse("http://", RC_INVALID);
    refuse("/livez%00", RC_INVALID);
    refuse("/livez%00/x?y", RC_INVALID);
    refuse("/a?k=%00", RC_INVALID);
    refuse("/%", RC_INVALID);
    refuse("/%4", RC_INVALID);
    refuse("/%zz", RC_INVALID);
    refuse("/a?k=%4", RC_INVALID);
    refuse("/a b", RC_INVALID);
    refuse("/a\tb", RC_INVALID);
    refuse("/a\x7f", RC_INVALID);
    refuse("/a#b", RC_INVALID);
}

static void test_length(void **state)
{
    static char text[RC_TARGET_MAX + 1];
    static rc_target t;
    (void)state;
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    assert_int_equal(rc_target_parse(rc_str_n(text, RC_TARGET_MAX), &t, NULL), RC_OK);
    assert_int_equal(t.segments[0].len, RC_TARGET_MAX - 1);
    assert_int_equal(rc_target_parse(rc_str_n(text, sizeof(text)), &t, NULL), RC_INVALID);
}

/* Whatever comes, the strings stay within the target's own bytes. */
static void test_random_targets(void **state)
{
    static const char alphabet[] = "/%?&=+a0Ff:.\x01\xff#h";
    static rc_target t;
    uint64_t seed = 20261124;
    (void)state;
    for (int round = 0; round < 200000; round++) {
        char text[64];
        size_t n = rc_rand_next(&seed) % sizeof(text);
        for (size_t i = 0; i < n; i++)
            text[i] = alphabet[rc_rand_next(&seed) % (sizeof(alphabet) - 1)];
        if (n)
            text[0] = '/';
        if (rc_target_parse(rc_str_n(text, n), &t, NULL))
            continue;
        size_t total = 0;
        for (unsigned i = 0; i < t.n_segments; i++)
            total += t.segments[i].len;
        for (unsigned i = 0; i < t.n_params; i++)
            total += t.params[i].key.len + t.params[i].value.len;
        assert_true(total <= n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments),      cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_absolute_form), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_length),        cmocka_unit_test(test_random_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
