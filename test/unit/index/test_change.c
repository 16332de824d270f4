/* Entries of the change log: round trip, and damaged bytes that must never be read beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/change.h"
#include "index/record.h"

#define HEX16 "0123456789abcdef"
#define ID    RC_STR(HEX16 HEX16 HEX16 HEX16)

static void build(rc_buf *entry)
{
    rc_buf record = RC_BUF_INIT(0);
    rc_row row;
    rc_row_init(&row);
    row.id = ID;
    assert_int_equal(rc_record_encode(&row, &record, NULL), RC_OK);
    rc_change put = {RC_CHANGE_PUT, RC_CAUSE_EVENT, RC_STATE_RUNNING, RC_STR("die"),
                     rc_buf_view(&record)};
    rc_change del = {RC_CHANGE_DEL, RC_CAUSE_EXPIRED, RC_STATE_MISSING, RC_STR(""), ID};
    rc_change_begin(entry);
    rc_change_append(entry, &put);
    rc_change_append(entry, &del);
    rc_change_end(entry, -5);
    assert_false(rc_buf_failed(entry));
    rc_buf_release(&record);
}

static int walk(rc_str bytes, unsigned *steps)
{
    rc_change_reader r;
    rc_change c;
    int code = rc_change_open(bytes, &r, NULL);
    while (!code && !(code = rc_change_next(&r, &c, NULL)))
        ++*steps;
    return code;
}

static void test_round_trip(void **state)
{
    (void)state;
    rc_buf entry = RC_BUF_INIT(0);
    rc_change_reader r;
    rc_change c;
    build(&entry);
    assert_int_equal(rc_change_open(rc_buf_view(&entry), &r, NULL), RC_OK);
    assert_true(r.time_ns == -5 && r.left == 2);
    assert_int_equal(rc_change_next(&r, &c, NULL), RC_OK);
    assert_int_equal(c.op, RC_CHANGE_PUT);
    assert_int_equal(c.prev_state, RC_STATE_RUNNING);
    assert_true(rc_str_eq(c.action, RC_STR("die")));
    assert_int_equal(rc_change_next(&r, &c, NULL), RC_OK);
    assert_int_equal(c.op, RC_CHANGE_DEL);
    assert_int_equal(c.cause, RC_CAUSE_EXPIRED);
    assert_true(rc_str_eq(c.body, ID));
    assert_int_equal(rc_change_next(&r, &c, NULL), RC_NOTFOUND);
    rc_buf_release(&entry);
}

static void test_no_steps(void **state)
{
    (void)state;
    rc_buf entry = RC_BUF_INIT(0);
    unsigned steps = 0;
    rc_change_begin(&entry);
    rc_change_end(&entry, 1);
    assert_int_equal(walk(rc_buf_view(&entry), &steps), RC_NOTFOUND);
    assert_int_equal(steps, 0);
    rc_buf_release(&entry);
}

static void test_truncated_and_mutated(void **state)
{
    (void)state;
    rc_buf entry = RC_BUF_INIT(0);
    unsigned steps = 0;
    build(&entry);
    for (size_t n = 0; n < entry.len; n++) {
        char *cut = malloc(n ? n : 1);
        memcpy(cut, entry.data, n);
        assert_int_equal(walk(rc_str_n(cut, n), &steps), RC_CORRUPT);
        free(cut);
    }
    char *bad = malloc(entry.len ? entry.len : 1);
    memcpy(bad, entry.data, entry.len);
    for (size_t i = 0; i < entry.len; i++) {
        for (int flip = 1; flip < 256; flip++) {
            bad[i] = (char)(entry.data[i] ^ flip);
            int code = walk(rc_str_n(bad, entry.len), &steps);
            assert_true(code == RC_CORRUPT || code == RC_VERSION || code == RC_NOTFOUND);
        }
        bad[i] = entry.data[i];
    }
    free(bad);
    rc_buf_release(&entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_no_steps),
        cmocka_unit_test(test_truncated_and_mutated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
