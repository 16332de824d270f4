/* The store: tables, order, snapshots, one writer, and files that must not be opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
        strncat(got, " ", 2);
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

static void test_parked_transaction(void **state)
{
    struct room *r = *state;
    rc_str v;
    rc_kv_stat s;
    put(r, RC_STR("k"), RC_STR("1"));
    rc_kv_txn *read = begin(r, false);
    assert_int_equal(rc_kv_stats(r->kv, &s, NULL), RC_OK);
    assert_true(s.readers == 1 && s.oldest_reader == s.last_txn);
    put(r, RC_STR("k"), RC_STR("2"));
    assert_int_equal(rc_kv_get(read, r->t, RC_STR("k"), &v, NULL), RC_OK);
    assert_true(rc_str_eq(v, RC_STR("1")));
    assert_int_equal(rc_kv_stats(r->kv, &s, NULL), RC_OK);
    assert_true(s.oldest_reader == s.last_txn - 1);
    rc_kv_reset(read);
    rc_kv_reset(read); /* does no harm */
    assert_int_equal(rc_kv_stats(r->kv, &s, NULL), RC_OK);
    assert_true(s.readers == 1 && s.oldest_reader == 0);
    assert_int_equal(rc_kv_renew(read, NULL), RC_OK);
    assert_int_equal(rc_kv_get(read, r->t, RC_STR("k"), &v, NULL), RC_OK);
    assert_true(rc_str_eq(v, RC_STR("2")));
    rc_kv_reset(read);
    rc_kv_abort(read);
    assert_int_equal(rc_kv_stats(r->kv, &s, NULL), RC_OK);
    assert_int_equal(s.readers, 0);
}

/* A reader beside the writer in one process has the same environment: closing it leaves the others'
 * slots alone. */
static void test_handles_of_one_process(void **state)
{
    struct room *r = *state;
    rc_kv_options o = r->options;
    rc_kv *reader = NULL, *second = NULL;
    rc_kv_txn *txn = NULL, *not = NULL;
    rc_kv_table t;
    rc_kv_stat s;
    rc_str v;
    put(r, RC_STR("k"), RC_STR("v"));
    o.write = false;
    assert_int_equal(rc_kv_open(&o, &reader, NULL), RC_OK);
    assert_int_equal(rc_kv_open(&o, &second, NULL), RC_OK);
    assert_int_equal(rc_kv_begin(reader, true, &not, NULL), RC_PERM);
    assert_int_equal(rc_kv_table_open(reader, "t", &t, NULL), RC_OK);
    assert_int_equal(rc_kv_table_open(reader, "u", &t, NULL), RC_NOTFOUND);
    assert_int_equal(rc_kv_table_open(reader, "t", &t, NULL), RC_OK);
    assert_int_equal(rc_kv_begin(reader, false, &txn, NULL), RC_OK);
    rc_kv_close(second);
    assert_int_equal(rc_kv_stats(r->kv, &s, NULL), RC_OK);
    assert_int_equal(s.readers, 1);
    r->kv = rc_kv_close(r->kv); /* the writer goes, and comes again */
    assert_int_equal(rc_kv_get(txn, t, RC_STR("k"), &v, NULL), RC_OK);
    open_room(r);
    put(r, RC_STR("k"), RC_STR("w"));
    assert_int_equal(rc_kv_get(txn, t, RC_STR("k"), &v, NULL), RC_OK);
    assert_true(rc_str_eq(v, RC_STR("v")));
    rc_kv_abort(txn);
    rc_kv_close(reader);

    r->kv = rc_kv_close(r->kv); /* for reading first: then not for writing */
    assert_int_equal(rc_kv_open(&o, &reader, NULL), RC_OK);
    assert_int_equal(rc_kv_open(&r->options, &r->kv, NULL), RC_BUSY);
    rc_kv_close(reader);
    open_room(r);
}

/* The writer in another process was started again with a larger map. */
static void test_reader_adopts_a_larger_map(void **state)
{
    struct room *r = *state;
    int to_child[2], to_parent[2], status;
    char byte;
    rc_kv_options o = r->options;
    r->kv = rc_kv_close(r->kv);
    assert_int_equal(pipe(to_child) + pipe(to_parent), 0);
    pid_t pid = fork();
    if (pid == 0) {
        rc_kv *kv = NULL;
        rc_kv_txn *txn = NULL, *held = NULL, *more = NULL;
        rc_kv_table t;
        rc_str v;
        o.write = false;
        if (rc_kv_open(&o, &kv, NULL) || rc_kv_table_open(kv, "t", &t, NULL) ||
            rc_kv_begin(kv, false, &txn, NULL) || rc_kv_begin(kv, false, &held, NULL) ||
            write(to_parent[1], "x", 1) != 1 || read(to_child[0], &byte, 1) != 1)
            _exit(1);
        rc_kv_reset(txn);
        if (rc_kv_renew(txn, NULL) != RC_BUSY) /* somebody still looks at the old map */
            _exit(2);
        rc_kv_reset(held);
        if (rc_kv_renew(txn, NULL) || rc_kv_begin(kv, false, &more, NULL) ||
            rc_kv_get(txn, t, RC_STR("big"), &v, NULL) || v.len != (size_t)8 << 20 ||
            v.ptr[v.len - 1] != 7)
            _exit(3);
        _exit(0);
    }
    assert_int_equal(read(to_parent[0], &byte, 1), 1);
    r->options.map_size = (size_t)256 << 20;
    open_room(r);
    char *big = malloc((size_t)8 << 20);
    memset(big, 7, (size_t)8 << 20);
    for (size_t i = 0; i < 9; i++)
        put(r, rc_str_n(&"abcdefghi"[i], 1), rc_str_n(big, (size_t)8 << 20));
    put(r, RC_STR("big"), rc_str_n(big, (size_t)8 << 20));
    free(big);
    assert_int_equal(write(to_child[1], "x", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (int i = 0; i < 2; i++) {
        close(to_child[i]);
        close(to_parent[i]);
    }
}

static void test_nothing_survives_a_fork(void **state)
{
    struct room *r = *state;
    int status;
    rc_kv_txn *read = begin(r, false), *parked = begin(r, false);
    rc_kv_reset(parked);
    pid_t pid = fork();
    if (pid == 0) {
        rc_kv_txn *txn = NULL;
        rc_kv_table t;
        rc_kv_stat s;
        size_t pages;
        int bad = rc_kv_begin(r->kv, false, &txn, NULL) != RC_UNSUPPORTED;
        bad |= rc_kv_renew(parked, NULL) != RC_UNSUPPORTED;
        bad |= rc_kv_table_open(r->kv, "t", &t, NULL) != RC_UNSUPPORTED;
        bad |= rc_kv_stats(r->kv, &s, NULL) != RC_UNSUPPORTED;
        bad |= rc_kv_live_pages(r->kv, &pages, NULL) != RC_UNSUPPORTED;
        bad |= rc_kv_reader_check(r->kv, NULL, NULL) != RC_UNSUPPORTED;
        bad |= rc_kv_copy(r->kv, "/dev/null", NULL) != RC_UNSUPPORTED;
        bad |= rc_kv_commit(parked, NULL) != RC_UNSUPPORTED;
        rc_kv_abort(read);
        rc_kv_close(r->kv);
        _exit(bad);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    rc_kv_stat s;
    assert_int_equal(rc_kv_stats(r->kv, &s, NULL), RC_OK);
    assert_int_equal(s.readers, 2); /* the child's cleaning up took neither slot */
    rc_kv_abort(read);
    rc_kv_abort(parked);
    rc_kv *second = NULL;
    assert_int_equal(rc_kv_open(&r->options, &second, NULL), RC_EXISTS); /* nor the lock */
}

static void test_live_pages(void **state)
{
    struct room *r = *state;
    static char big[400000];
    rc_kv_stat s;
    size_t before, with, after;
    put(r, RC_STR("k"), RC_STR("v"));
    assert_int_equal(rc_kv_live_pages(r->kv, &before, NULL), RC_OK);
    put(r, RC_STR("big"), rc_str_n(big, sizeof(big)));
    assert_int_equal(rc_kv_live_pages(r->kv, &with, NULL), RC_OK);
    assert_in_range(with - before, 98, 102);
    put(r, RC_STR("big"), RC_STR("small"));
    assert_int_equal(rc_kv_live_pages(r->kv, &after, NULL), RC_OK);
    assert_int_equal(rc_kv_stats(r->kv, &s, NULL), RC_OK);
    assert_true(after < before + 5 && s.used_pages >= with);
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
        TEST(test_parked_transaction),
        TEST(test_handles_of_one_process),
        TEST(test_reader_adopts_a_larger_map),
        TEST(test_nothing_survives_a_fork),
        TEST(test_live_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
