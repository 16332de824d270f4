/* The store: tables, order, snapshots, one writer, and files that must not be opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "index/kv.h"

struct room {
    char dir[64];
    char file[96];
    rc_kv_options options;
    rc_kv *kv;
    rc_kv_table t;
};

static void ok(int code, const rc_error *err)
{
    if (code)
        fail_msg("%s", err->msg);
}

static rc_kv_txn *begin(struct room *r, bool write)
{
    rc_error err = RC_ERROR_INIT;
    rc_kv_txn *txn = NULL;
    ok(rc_kv_begin(r->kv, write, &txn, &err), &err);
    return txn;
}

static void open_room(struct room *r)
{
    rc_error err = RC_ERROR_INIT;
    ok(rc_kv_open(&r->options, &r->kv, &err), &err);
    ok(rc_kv_table_open(r->kv, "t", &r->t, &err), &err);
}

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    strcpy(r->dir, "/tmp/rc_kv_XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->file, sizeof(r->file), "%s/data.mdb", r->dir);
    r->options =
        (rc_kv_options){.dir = r->dir, .map_size = 64 << 20, .write = true, .nosync = true};
    open_room(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock", "copy.mdb"};
    struct room *r = *state;
    rc_kv_close(r->kv);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", r->dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(r->dir), 0);
    free(r);
    return 0;
}

static void put(struct room *r, rc_str key, rc_str value)
{
    rc_error err = RC_ERROR_INIT;
    rc_kv_txn *txn = begin(r, true);
    ok(rc_kv_put(txn, r->t, key, value, &err), &err);
    ok(rc_kv_commit(txn, &err), &err);
}

static void test_put_get_del(void **state)
{
    struct room *r = *state;
    rc_str v;
    put(r, RC_STR("k"), RC_STR("v"));
    rc_kv_txn *old = begin(r, false);
    rc_kv_txn *txn = begin(r, true);
    assert_int_equal(rc_kv_del(txn, r->t, RC_STR("k"), NULL), RC_OK);
    assert_int_equal(rc_kv_del(txn, r->t, RC_STR("k"), NULL), RC_NOTFOUND);
    assert_int_equal(rc_kv_get(txn, r->t, RC_STR("k"), &v, NULL), RC_NOTFOUND);
    assert_int_equal(rc_kv_put(txn, r->t, RC_STR_EMPTY, v, NULL), RC_INVALID);
    assert_int_equal(rc_kv_commit(txn, NULL), RC_OK);
    /* the snapshot from before still has it */
    assert_int_equal(rc_kv_get(old, r->t, RC_STR("k"), &v, NULL), RC_OK);
    assert_true(rc_str_eq(v, RC_STR("v")));
    rc_kv_abort(old);
    txn = begin(r, true);
    assert_int_equal(rc_kv_put(txn, r->t, RC_STR("gone"), RC_STR("1"), NULL), RC_OK);
    rc_kv_abort(txn);
    txn = begin(r, false);
    assert_int_equal(rc_kv_get(txn, r->t, RC_STR("gone"), &v, NULL), RC_NOTFOUND);
    rc_kv_abort(txn);
}

/* The keys met, one after the other, each followed by a blank. */
static void expect_keys(struct room *r, rc_str prefix, rc_str from, const char *expected)
{
    char got[64] = "";
    rc_str k, v;
    rc_kv_iter *it = NULL;
    rc_kv_txn *txn = begin(r, false);
    assert_int_equal(rc_kv_iter_open(txn, r->t, prefix, from, &it, NULL), RC_OK);
    int code;
    while ((code = rc_kv_iter_next(it, &k, &v, NULL)) == RC_OK) {
        strncat(got, k.ptr, k.len);
        strcat(got, " ");
    }
    assert_int_equal(code, RC_NOTFOUND);
    assert_string_equal(got, expected);
    rc_kv_iter_close(it);
    rc_kv_abort(txn);
}

static void test_iteration(void **state)
{
    struct room *r = *state;
    expect_keys(r, RC_STR_EMPTY, RC_STR_EMPTY, "");
    put(r, RC_STR("b1"), RC_STR("x"));
    put(r, RC_STR("a"), RC_STR("x"));
    put(r, RC_STR("c"), RC_STR("x"));
    put(r, RC_STR("b2"), RC_STR("x"));
    expect_keys(r, RC_STR_EMPTY, RC_STR_EMPTY, "a b1 b2 c ");
    expect_keys(r, RC_STR("b"), RC_STR_EMPTY, "b1 b2 ");
    expect_keys(r, RC_STR("b"), RC_STR("b2"), "b2 ");
    expect_keys(r, RC_STR("b"), RC_STR("a"), "b1 b2 ");
    expect_keys(r, RC_STR("b"), RC_STR("c"), "");
    expect_keys(r, RC_STR_EMPTY, RC_STR("b11"), "b2 c ");
    expect_keys(r, RC_STR("d"), RC_STR_EMPTY, "");

    rc_str k, v;
    rc_kv_txn *txn = begin(r, true);
    assert_int_equal(rc_kv_last(txn, r->t, &k, &v, NULL), RC_OK);
    assert_true(rc_str_eq(k, RC_STR("c")));
    assert_int_equal(rc_kv_append(txn, r->t, RC_STR("b3"), RC_STR("x"), NULL), RC_EXISTS);
    assert_int_equal(rc_kv_append(txn, r->t, RC_STR("d"), RC_STR("x"), NULL), RC_OK);
    rc_kv_abort(txn);
}

static void test_second_writer_is_refused(void **state)
{
    struct room *r = *state;
    rc_kv *second = NULL;
    assert_int_equal(rc_kv_open(&r->options, &second, NULL), RC_EXISTS);
    assert_null(second);
    r->kv = rc_kv_close(r->kv);
    open_room(r);
}

static void test_modes_and_reading(void **state)
{
    struct room *r = *state;
    struct stat st;
    rc_kv_stat stats;
    assert_int_equal(stat(r->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    put(r, RC_STR("k"), RC_STR("v"));
    r->kv = rc_kv_close(r->kv);
    r->options.write = false;
    open_room(r);
    rc_kv_txn *txn = NULL;
    assert_int_equal(rc_kv_begin(r->kv, true, &txn, NULL), RC_PERM);
    assert_int_equal(rc_kv_stats(r->kv, &stats, NULL), RC_OK);
    assert_int_equal(stats.map_size, 64 << 20);
    assert_true(stats.used_pages > 2 && stats.page_size >= 256);
    assert_int_equal(rc_kv_reader_check(r->kv, NULL, NULL), RC_OK);
}

static void test_full_map_keeps_what_was(void **state)
{
    struct room *r = *state;
    static char big[1 << 20];
    int code = RC_OK;
    rc_str v;
    put(r, RC_STR("k"), RC_STR("v"));
    rc_kv_txn *txn = begin(r, true);
    for (char c = 1; c < 100 && !code; c++)
        code = rc_kv_put(txn, r->t, rc_str_n(&c, 1), rc_str_n(big, sizeof(big)), NULL);
    assert_int_equal(code, RC_FULL);
    rc_kv_abort(txn);
    txn = begin(r, false);
    assert_int_equal(rc_kv_get(txn, r->t, RC_STR("k"), &v, NULL), RC_OK);
    rc_kv_abort(txn);
}

static void test_damaged_files_are_refused(void **state)
{
    struct room *r = *state;
    rc_kv_stat s;
    put(r, RC_STR("k"), RC_STR("v"));
    assert_int_equal(rc_kv_stats(r->kv, &s, NULL), RC_OK);
    r->kv = rc_kv_close(r->kv);
    off_t whole = (off_t)(s.used_pages * s.page_size);
    const off_t cuts[] = {whole - 1, (off_t)s.page_size + 8, 100, 1};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        assert_int_equal(truncate(r->file, cuts[i]), 0);
        assert_int_equal(rc_kv_open(&r->options, &r->kv, NULL), RC_CORRUPT);
    }
    assert_int_equal(truncate(r->file, 0), 0);
    open_room(r); /* an empty file is a new index */
}

static void test_compact_copy(void **state)
{
    struct room *r = *state;
    char copy[96];
    rc_str v;
    put(r, RC_STR("k"), RC_STR("v"));
    snprintf(copy, sizeof(copy), "%s/copy.mdb", r->dir);
    assert_int_equal(rc_kv_copy(r->kv, copy, NULL), RC_OK);
    assert_int_equal(rc_kv_copy(r->kv, copy, NULL), RC_EXISTS);
    r->kv = rc_kv_close(r->kv);
    assert_int_equal(rename(copy, r->file), 0);
    open_room(r);
    rc_kv_txn *txn = begin(r, false);
    assert_int_equal(rc_kv_get(txn, r->t, RC_STR("k"), &v, NULL), RC_OK);
    assert_true(rc_str_eq(v, RC_STR("v")));
    rc_kv_abort(txn);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_put_get_del),
        TEST(test_iteration),
        TEST(test_second_writer_is_refused),
        TEST(test_modes_and_reading),
        TEST(test_full_map_keeps_what_was),
        TEST(test_damaged_files_are_refused),
        TEST(test_compact_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
