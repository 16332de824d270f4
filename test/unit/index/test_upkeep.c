/* No room: readers that pin pages, a full map, a full disk, readers that were killed. */
#include "room.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "reader/reader.h"

#define MIB ((size_t)1 << 20)

static int setup(void **state)
{
    *state = new_room(MEMORY);
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    close_index(r);
    umount2(r->base, MNT_DETACH); /* where a test mounted it and failed */
    free_room(r);
    return 0;
}

static void housekeep(struct room *r)
{
    rc_error err = RC_ERROR_INIT;
    ok(rc_index_housekeep(r->ix, &err), &err);
}

static rc_live_info read_live(struct room *r)
{
    rc_error err = RC_ERROR_INIT;
    rc_live_info info;
    ok(rc_live_read(rc_index_live(r->ix), &info, &err), &err);
    return info;
}

static uint64_t counter(struct room *r, unsigned stat)
{
    return rc_stat_get(rc_live_stats(rc_index_live(r->ix)), stat);
}

/* One row of that many bytes, different each time. */
static int put_big(struct room *r, uint32_t n, size_t size, unsigned salt, rc_error *err)
{
    static char big[8 * MIB];
    memset(big, 'a' + (int)(salt % 26), size);
    rc_row row = row_of(n, "big", RC_STATE_RUNNING);
    row.command = rc_str_n(big, size);
    row.restart_count = salt;
    return rc_index_put(r->ix, &row, RC_CAUSE_EVENT, RC_STR_EMPTY, NULL, err);
}

static void churn(struct room *r, unsigned commits, size_t size)
{
    rc_error err = RC_ERROR_INIT;
    static unsigned salt;
    for (unsigned i = 0; i < commits; i++) {
        ok(put_big(r, 1, size, ++salt, &err), &err);
        ok(rc_index_commit(r->ix, 1000, &err), &err);
    }
}

static unsigned count_envs(struct room *r)
{
    unsigned n = 0;
    DIR *dir = opendir(r->path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        n += strncmp(e->d_name, "env.", 4) == 0 || strncmp(e->d_name, "gone.", 5) == 0;
    closedir(dir);
    return n;
}

static void test_sizes_are_shown(void **state)
{
    struct room *r = *state;
    rc_reader *reader = NULL;
    rc_snapshot *s = NULL;
    open_index(r);
    churn(r, 3, 100);
    assert_int_equal(rc_reader_open(r->path, &reader, NULL), RC_OK);
    housekeep(r);
    rc_live_info info = read_live(r);
    assert_int_equal(info.map_bytes, r->options.map_size);
    assert_int_equal(info.max_used_bytes, r->options.max_used);
    assert_true(info.used_bytes > 0 && info.used_bytes < MIB && info.used_bytes % 4096 == 0);
    assert_int_equal(info.oldest_reader_rev, 0);
    assert_int_equal(rc_snapshot_begin(reader, &s, NULL), RC_OK);
    churn(r, 2, 100);
    bool rebuilt;
    housekeep(r);
    assert_int_equal(read_live(r).oldest_reader_rev, 3);
    assert_int_equal(read_live(r).readers, 2);
    /* a commit that is no revision does not put the numbers out of step */
    assert_int_equal(rc_index_identify(r->ix, RC_STR("e"), &rebuilt, NULL), RC_OK);
    rc_snapshot_end(s);
    churn(r, 1, 100);
    assert_int_equal(rc_snapshot_begin(reader, &s, NULL), RC_OK);
    churn(r, 1, 100);
    housekeep(r);
    assert_int_equal(read_live(r).oldest_reader_rev, 6);
    rc_snapshot_end(s);
    rc_reader_close(reader);
}

/* A stuck reader, compaction beneath it, and everybody sees what is theirs. */
static void test_compaction_under_a_pinned_reader(void **state)
{
    struct room *r = *state;
    rc_reader *reader = NULL;
    rc_snapshot *pinned = NULL, *later = NULL;
    rc_row row;
    r->options.max_used = 4 * MIB;
    r->options.history = 4;
    open_index(r);
    put_named(r, 7, "small", RC_STATE_RUNNING);
    commit(r);
    uint64_t epoch = rc_index_epoch(r->ix);
    assert_int_equal(rc_reader_open(r->path, &reader, NULL), RC_OK);
    assert_int_equal(rc_snapshot_begin(reader, &pinned, NULL), RC_OK);
    churn(r, 50, 100000);
    housekeep(r);
    assert_int_equal(counter(r, RC_STAT_COMPACTIONS), 1);
    assert_int_equal(count_envs(r), 1);
    assert_true(read_live(r).used_bytes < 4 * MIB);
    assert_true(rc_index_epoch(r->ix) == epoch);
    assert_int_equal(rc_index_rev(r->ix), 51);
    assert_int_equal(get(r, 7, &row), RC_OK);

    assert_int_equal(rc_snapshot_rev(pinned), 1);
    assert_int_equal(rc_snapshot_get(pinned, id_text(7), &row, NULL), RC_OK);
    assert_int_equal(rc_snapshot_get(pinned, id_text(1), &row, NULL), RC_NOTFOUND);
    churn(r, 1, 1000);
    assert_int_equal(rc_snapshot_begin(reader, &later, NULL), RC_OK);
    assert_int_equal(rc_snapshot_rev(later), 52);
    assert_true(rc_snapshot_epoch(later) == epoch);
    assert_int_equal(rc_snapshot_get(later, id_text(7), &row, NULL), RC_OK);
    assert_int_equal(rc_snapshot_get(pinned, id_text(7), &row, NULL), RC_OK);
    rc_snapshot_end(pinned);
    rc_snapshot_end(later);
    rc_reader_close(reader);
    reopen(r);
    assert_int_equal(r->origin, RC_INDEX_KEPT);
    assert_int_equal(rc_index_rev(r->ix), 52);
}

/* What is used is really used: a copy would be as large, and none is made, however often asked. */
static void test_compaction_that_cannot_help_is_not_tried(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    r->options.max_used = 1 * MIB;
    open_index(r);
    for (uint32_t n = 0; n < 30; n++)
        ok(put_big(r, n, 50000, n, &err), &err);
    commit(r);
    for (int i = 0; i < 5; i++)
        housekeep(r);
    assert_true(read_live(r).used_bytes > 1 * MIB);
    assert_int_equal(counter(r, RC_STAT_COMPACTIONS), 0);
}

static void test_full_map_gives_up_history_before_rows(void **state)
{
    struct room *r = *state;
    rc_row row;
    r->options.map_size = 4 * MIB;
    r->options.max_used = 4 * MIB;
    r->options.history = 100000;
    r->options.history_bytes = 1 << 30; /* more than there is room for */
    open_index(r);
    put_named(r, 7, "small", RC_STATE_RUNNING);
    commit(r);
    churn(r, 300, 50000);
    assert_int_equal(rc_index_rev(r->ix), 301);
    assert_true(read_live(r).oldest_rev > 200);
    assert_int_equal(get(r, 7, &row), RC_OK);
    assert_int_equal(counter(r, RC_STAT_COMMIT_FAILURES), 0);
    reopen(r);
    assert_int_equal(r->origin, RC_INDEX_KEPT);
}

static void test_full_map_keeps_the_batch(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    rc_row row;
    r->options.map_size = 8 * MIB;
    r->options.history = 1;
    open_index(r);
    ok(put_big(r, 1, 1 * MIB, 1, &err), &err);
    commit(r);
    ok(put_big(r, 2, 7 * MIB, 1, &err), &err); /* needs 14 with the log's */
    assert_int_equal(rc_index_commit(r->ix, 1000, &err), RC_FULL);
    assert_int_equal(rc_index_commit(r->ix, 1000, &err), RC_FULL);
    assert_int_equal(counter(r, RC_STAT_COMMIT_FAILURES), 2);
    assert_true(rc_index_dirty(r->ix));
    assert_int_equal(rc_index_rev(r->ix), 1);
    assert_int_equal(rc_live_rev(rc_index_live(r->ix)), 1);
    assert_int_equal(get(r, 2, &row), RC_OK); /* as of the batch */
    assert_int_equal(row.command.len, 7 * MIB);
    assert_int_equal(get(r, 1, &row), RC_OK);
    reopen(r); /* the batch is lost, what was committed is not */
    assert_int_equal(r->origin, RC_INDEX_KEPT);
    assert_int_equal(rc_index_rev(r->ix), 1);
    assert_int_equal(get(r, 2, &row), RC_NOTFOUND);
    housekeep(r);
    churn(r, 5, 1000);
}

/* The map is full of what a reader pins: a copy is free of it, and the batch goes there whole. */
static void test_full_map_is_left_to_the_reader_that_pins_it(void **state)
{
    struct room *r = *state;
    rc_reader *reader = NULL;
    rc_snapshot *pinned = NULL;
    r->options.map_size = 8 * MIB;
    r->options.max_used = 8 * MIB;
    r->options.history = 2;
    open_index(r);
    churn(r, 1, 1000);
    assert_int_equal(rc_reader_open(r->path, &reader, NULL), RC_OK);
    assert_int_equal(rc_snapshot_begin(reader, &pinned, NULL), RC_OK);
    put_named(r, 7, "small", RC_STATE_RUNNING);
    churn(r, 60, 100000); /* no housekeeping meanwhile */
    assert_int_equal(counter(r, RC_STAT_COMPACTIONS), 1);
    assert_int_equal(rc_index_rev(r->ix), 61);
    assert_int_equal(rc_snapshot_rev(pinned), 1);
    rc_row row;
    assert_int_equal(rc_snapshot_get(pinned, id_text(1), &row, NULL), RC_OK);
    assert_int_equal(row.command.len, 1000);
    rc_snapshot_end(pinned);
    assert_int_equal(rc_snapshot_begin(reader, &pinned, NULL), RC_OK);
    assert_int_equal(rc_snapshot_get(pinned, id_text(7), &row, NULL), RC_OK);
    rc_snapshot_end(pinned);
    rc_reader_close(reader);
}

static void test_full_disk(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    rc_row row;
    char filler[256];
    if (mount("tmpfs", r->base, "tmpfs", 0, "size=4m") < 0) {
        print_message("skipped: cannot mount (%s)\n", strerror(errno));
        skip();
    }
    r->options.history_bytes = 1 << 30;
    open_index(r);
    put_named(r, 7, "small", RC_STATE_RUNNING);
    commit(r);
    snprintf(filler, sizeof(filler), "%s/filler", r->base);
    shell("head -c 2500000 /dev/zero > '%s'", filler);
    churn(r, 100, 30000); /* gives up history, and goes on */
    assert_true(read_live(r).oldest_rev > 1);
    shell("head -c 4000000 /dev/zero > '%s' 2>/dev/null || true", filler);
    ok(put_big(r, 2, 1 * MIB, 1, &err), &err);
    assert_int_equal(rc_index_commit(r->ix, 1000, &err), RC_FULL);
    assert_int_equal(get(r, 2, &row), RC_OK);
    assert_int_equal(count_envs(r), 1); /* no half copy */
    assert_int_equal(unlink(filler), 0);
    ok(rc_index_commit(r->ix, 1000, &err), &err); /* the batch was kept */
    assert_int_equal(get(r, 7, &row), RC_OK);
    reopen(r);
    assert_int_equal(r->origin, RC_INDEX_KEPT);
    assert_int_equal(get(r, 2, &row), RC_OK);
    close_index(r);
    /* and one that cannot even be begun there */
    shell("head -c 5000000 /dev/zero > '%s' 2>/dev/null || true", filler);
    shell("rm -r '%s' && mkdir -p '%s'", r->path, r->path);
    shell("head -c 5000000 /dev/zero >> '%s' 2>/dev/null || true", filler);
    assert_int_equal(rc_index_open(&r->options, &r->ix, &r->origin, &r->reason, &err), RC_FULL);
    assert_int_equal(unlink(filler), 0);
    open_index(r);
}

/* A reader in another process, killed while it holds a snapshot. */
static void test_slot_of_a_killed_reader_is_freed(void **state)
{
    struct room *r = *state;
    int pipes[2];
    char byte;
    open_index(r);
    churn(r, 1, 100);
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        rc_reader *reader = NULL;
        rc_snapshot *s = NULL;
        if (rc_reader_open(r->path, &reader, NULL) || rc_snapshot_begin(reader, &s, NULL) ||
            write(pipes[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    churn(r, 3, 100);
    housekeep(r);
    assert_int_equal(read_live(r).oldest_reader_rev, 1);
    assert_int_equal(counter(r, RC_STAT_STALE_READERS), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    housekeep(r);
    assert_int_equal(counter(r, RC_STAT_STALE_READERS), 1);
    assert_int_equal(read_live(r).oldest_reader_rev, 0);
    assert_int_equal(read_live(r).readers, 1);
    close(pipes[0]);
    close(pipes[1]);
}

/* The environment that a compaction left is gone from the folder at once; who reads it reads on,
 * and who was killed while reading leaves nothing behind. */
static void test_nothing_accumulates(void **state)
{
    struct room *r = *state;
    pid_t pids[4];
    int pipes[2];
    char byte;
    r->options.max_used = 2 * MIB;
    r->options.history = 2;
    open_index(r);
    churn(r, 1, 100);
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < 4; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            rc_reader *reader = NULL;
            rc_snapshot *s = NULL;
            if (rc_reader_open(r->path, &reader, NULL) || rc_snapshot_begin(reader, &s, NULL) ||
                write(pipes[1], "x", 1) != 1)
                _exit(1);
            pause();
        }
        assert_int_equal(read(pipes[0], &byte, 1), 1);
        churn(r, 30, 100000);
        housekeep(r);
        assert_int_equal(counter(r, RC_STAT_COMPACTIONS), i + 1);
        assert_int_equal(count_envs(r), 1);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(kill(pids[i], SIGKILL), 0);
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    }
    close(pipes[0]);
    close(pipes[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sizes_are_shown),
        TEST(test_compaction_under_a_pinned_reader),
        TEST(test_compaction_that_cannot_help_is_not_tried),
        TEST(test_full_map_gives_up_history_before_rows),
        TEST(test_full_map_keeps_the_batch),
        TEST(test_full_map_is_left_to_the_reader_that_pins_it),
        TEST(test_full_disk),
        TEST(test_slot_of_a_killed_reader_is_freed),
        TEST(test_nothing_accumulates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
