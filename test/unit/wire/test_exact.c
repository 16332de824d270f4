/* Integers of 61 bits out of JSON text: exact, of the top level only, and never a wrong one. */
#include "capture.h"

#include "wire/exact.h"

static const struct {
    const char *json;
    enum rc_exact found;
    int64_t value;
} table[] = {
    {"{\"timeNano\":1795465608912048453}", RC_EXACT_FOUND, 1795465608912048453},
    {"{\"timeNano\":9007199254740993}", RC_EXACT_FOUND, 9007199254740993}, /* 2^53 + 1 */
    {"{\"timeNano\":9223372036854775807}", RC_EXACT_FOUND, INT64_MAX},
    {"{\"timeNano\":9223372036854775808}", RC_EXACT_BAD, 0},
    {"{\"timeNano\":99999999999999999999999}", RC_EXACT_BAD, 0},
    {"{\"timeNano\":0}", RC_EXACT_FOUND, 0},
    {"{ \"timeNano\" :\t7 }", RC_EXACT_FOUND, 7},
    {"{\"time\":5,\"timeNano\":7,\"x\":1}", RC_EXACT_FOUND, 7},
    {"{\"timeNano\":7\n}", RC_EXACT_FOUND, 7},
    {"{\"timeNano\":-7}", RC_EXACT_BAD, 0},
    {"{\"timeNano\":7.0}", RC_EXACT_BAD, 0},
    {"{\"timeNano\":7e3}", RC_EXACT_BAD, 0},
    {"{\"timeNano\":\"7\"}", RC_EXACT_BAD, 0},
    {"{\"timeNano\":true}", RC_EXACT_BAD, 0},
    {"{\"timeNano\":{}}", RC_EXACT_BAD, 0},
    {"{\"timeNano\":null}", RC_EXACT_ABSENT, 0},
    {"{}", RC_EXACT_ABSENT, 0},
    {"{\"time\":5}", RC_EXACT_ABSENT, 0},
    {"{\"timenano\":5}", RC_EXACT_ABSENT, 0},
    {"{\"xtimeNano\":5,\"timeNanox\":6}", RC_EXACT_ABSENT, 0},
    /* Below the top level, and as a value. */
    {"{\"Actor\":{\"Attributes\":{\"timeNano\":\"1\"}},\"timeNano\":2}", RC_EXACT_FOUND, 2},
    {"{\"Actor\":{\"timeNano\":1}}", RC_EXACT_ABSENT, 0},
    {"{\"a\":[{\"timeNano\":1}],\"timeNano\":2}", RC_EXACT_FOUND, 2},
    {"{\"a\":[\"timeNano\"],\"timeNano\":2}", RC_EXACT_FOUND, 2},
    {"{\"a\":\"timeNano\",\"timeNano\":2}", RC_EXACT_FOUND, 2},
    {"{\"a\":\"timeNano\"}", RC_EXACT_ABSENT, 0},
    /* In strings that look like members. */
    {"{\"a\":\"\\\"timeNano\\\":1\",\"timeNano\":2}", RC_EXACT_FOUND, 2},
    {"{\"a\":\"x\\\\\",\"timeNano\":2}", RC_EXACT_FOUND, 2},
    {"{\"a\":\"}{\",\"b\":\"[[[\",\"timeNano\":2}", RC_EXACT_FOUND, 2},
    {"{\"a\\\"\":1,\"timeNano\":2}", RC_EXACT_FOUND, 2},
    /* The first counts, as for the parser. */
    {"{\"timeNano\":1,\"timeNano\":2}", RC_EXACT_FOUND, 1},
    /* Whatever was not parsed before: no answer, but no read past the end either. */
    {"", RC_EXACT_ABSENT, 0},
    {"{", RC_EXACT_ABSENT, 0},
    {"{\"", RC_EXACT_ABSENT, 0},
    {"{\"timeNano", RC_EXACT_ABSENT, 0},
    {"{\"timeNano\"", RC_EXACT_ABSENT, 0},
    {"{\"timeNano\":", RC_EXACT_BAD, 0},
    {"{\"timeNano\":1", RC_EXACT_FOUND, 1},
    {"}}]]\"timeNano\":1", RC_EXACT_ABSENT, 0},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        AUTO_BYTES b = bytes_of(table[i].json, strlen(table[i].json));
        int64_t value = -1;
        enum rc_exact found = rc_exact_member(rc_str_n(b.data, b.len), RC_STR("timeNano"), &value);
        if (found != table[i].found)
            fail_msg("%s: %d, not %d", table[i].json, (int)found, (int)table[i].found);
        assert_int_equal(value, found == RC_EXACT_FOUND ? table[i].value : -1);
    }
}

/* A label full of quotes and backslashes costs one pass: were it quadratic, this would not end. */
static void test_long_strings_cost_one_pass(void **state)
{
    (void)state;
    size_t n = 4 << 20;
    AUTO_BYTES b = {malloc(n + 64), 0};
    b.len = (size_t)sprintf(b.data, "{\"a\":\"");
    for (size_t i = 0; i < n / 4; i++, b.len += 4)
        memcpy(b.data + b.len, "\\\\\\\"", 4);
    b.len += (size_t)sprintf(b.data + b.len, "\",\"timeNano\":42}");
    int64_t value = 0;
    assert_int_equal(rc_exact_member(rc_str_n(b.data, b.len), RC_STR("timeNano"), &value),
                     RC_EXACT_FOUND);
    assert_int_equal(value, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_long_strings_cost_one_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
