/* Repair before parsing: what cJSON would cut, refuse or pass on becomes U+FFFD; everything else
 * stays byte for byte. */
#include "capture.h"

#include "base/escape.h"
#include "base/hash.h"
#include "wire/repair.h"

static const struct {
    const char *in;
    const char *out;
} in_place[] = {
    {"", ""},
    {"{\"a\":\"b\"}", "{\"a\":\"b\"}"},
    {"plain text of more than eight bytes", "plain text of more than eight bytes"},
    {"h\xc3\xa9llo \xf0\x9f\x98\x80 \xe2\x98\x83", "h\xc3\xa9llo \xf0\x9f\x98\x80 \xe2\x98\x83"},
    {"tab\tline\nreturn\r", "tab\tline\nreturn\r"},
    {"\"a\\u0000b\"", "\"a\\ufffdb\""},
    {"\\u0001\\u001f\\u00e9", "\\u0001\\u001f\\u00e9"},
    {"\\ud83d\\ude00", "\\ud83d\\ude00"},                             /* a pair */
    {"\\uD83D\\uDE00", "\\uD83D\\uDE00"},                             /* in capitals */
    {"\\ud800\\udc00\\udbff\\udfff", "\\ud800\\udc00\\udbff\\udfff"}, /* the first, the last */
    {"\\ud83d", "\\ufffd"},                                           /* high, alone at the end */
    {"\\ud83dx", "\\ufffdx"},                                         /* high, then none */
    {"\\ud83d\\u0041", "\\ufffd\\u0041"},               /* high, then another character */
    {"\\ud83d\\ud83d\\ude00", "\\ufffd\\ud83d\\ude00"}, /* high, then a pair */
    {"\\ude00", "\\ufffd"},                             /* low, alone */
    {"\\ude00\\ud83d", "\\ufffd\\ufffd"},               /* the wrong way round */
    {"\\ud83d\\u0000", "\\ufffd\\ufffd"},
    {"\\ud83d\\\\ude00", "\\ufffd\\\\ude00"}, /* a backslash, not an escape */
    {"\\\\u0000", "\\\\u0000"},
    {"\\\\\\u0000", "\\\\\\ufffd"},
    {"\\\"\\u0000", "\\\"\\ufffd"},
    /* Not escapes at all: the parser refuses them. */
    {"\\u00", "\\u00"},
    {"\\u00g0", "\\u00g0"},
    {"\\u", "\\u"},
    {"\\", "\\"},
    {"\\ud83d\\u12", "\\ufffd\\u12"},
};

/* With a replacement that is longer than what it replaces. */
static const struct {
    const char *in;
    size_t len;
    const char *out;
} copied[] = {
    {"\x80", 1, "\xef\xbf\xbd"},
    {"a\xffz", 3, "a\xef\xbf\xbdz"},
    {"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
    {"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
    {"\xf5\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd"},                 /* past U+10FFFF */
    {"\xe2\x98", 2, "\xef\xbf\xbd\xef\xbf\xbd"},                 /* cut at the end */
    {"\xe2\x98\"", 3, "\xef\xbf\xbd\xef\xbf\xbd\""},             /* never eats the quote */
    {"a\0b", 3,
     "a\xef\xbf\xbd"
     "b"},
    {"\x01\x1f\x1b", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"12345678\x02"
     "12345678\\u0000\xff",
     24,
     "12345678\xef\xbf\xbd"
     "12345678\\ufffd\xef\xbf\xbd"},
};

static void test_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(in_place); i++) {
        /* At every offset in the words that it looks through eight bytes at a time. */
        for (size_t pad = 0; pad < 9; pad++) {
            char text[128];
            char expected[128];
            snprintf(text, sizeof(text), "%.*s%s", (int)pad, "xxxxxxxxx", in_place[i].in);
            snprintf(expected, sizeof(expected), "%.*s%s", (int)pad, "xxxxxxxxx", in_place[i].out);
            AUTO_BYTES b = bytes_of(text, strlen(text));
            rc_buf spare = RC_BUF_INIT(0);
            char *json = b.data;
            size_t len = b.len;
            assert_int_equal(rc_repair(&json, &len, &spare), RC_OK);
            assert_ptr_equal(json, b.data);
            assert_str(rc_str_n(json, len), expected);
            assert_null(spare.data);
        }
    }
}

static void test_copied(void **state)
{
    (void)state;
    rc_buf spare = RC_BUF_INIT(0); /* used again and again, as a decoder does */
    for (size_t i = 0; i < RC_ARRAY_LEN(copied); i++) {
        AUTO_BYTES b = bytes_of(copied[i].in, copied[i].len);
        char *json = b.data;
        size_t len = b.len;
        assert_int_equal(rc_repair(&json, &len, &spare), RC_OK);
        assert_str(rc_str_n(json, len), copied[i].out);
        assert_ptr_equal(json, spare.data);
    }
    rc_buf_release(&spare);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    AUTO_BYTES b = bytes_of("\xff\xff\xff", 3);
    rc_buf spare = RC_BUF_INIT(4);
    char *json = b.data;
    size_t len = b.len;
    assert_int_equal(rc_repair(&json, &len, &spare), RC_NOMEM);
    assert_ptr_equal(json, b.data);
    assert_int_equal(len, 3);
    rc_buf_release(&spare);
}

/* Whatever comes in: UTF-8 comes out, without control characters, and a second repair finds
 * nothing. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char pieces[] =
        "\\\\\\uuud8dcDE00\"\"{}:,ab\x80\xc3\xe2\x98\xf0\x9f\xff\x00\x01\x1e\n";
    uint64_t seed = test_seed();
    rc_buf spare = RC_BUF_INIT(0);
    rc_buf again = RC_BUF_INIT(0);
    for (int round = 0; round < 20000; round++) {
        char text[48];
        size_t n = (size_t)(rc_rand_next(&seed) % sizeof(text));
        for (size_t i = 0; i < n; i++)
            text[i] = pieces[rc_rand_next(&seed) % (sizeof(pieces) - 1)];
        AUTO_BYTES b = bytes_of(text, n);
        char *json = b.data;
        size_t len = b.len;
        assert_int_equal(rc_repair(&json, &len, &spare), RC_OK);
        assert_true(rc_utf8_valid(rc_str_n(json, len)));
        for (size_t i = 0; i < len; i++)
            assert_true((unsigned char)json[i] >= 0x20 || json[i] == '\n');
        AUTO_BYTES once = bytes_of(json, len);
        char *twice = once.data;
        size_t twice_len = len;
        assert_int_equal(rc_repair(&twice, &twice_len, &again), RC_OK);
        assert_ptr_equal(twice, once.data);
        assert_memory_equal(twice, json, len);
    }
    rc_buf_release(&spare);
    rc_buf_release(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_copied),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
