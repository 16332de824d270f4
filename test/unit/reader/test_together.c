/* The daemon's two loops: a thread that writes and a thread that reads, in one process, over
 * compactions and environments made anew; and readers in other processes beside them. */
#include "room.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "reader/reader.h"

#define COMMITS 1500
#define ROWS    8

static int setup(void **state)
{
    struct room *r = new_room(MEMORY);
    r->options.max_used = 1 << 20;
    r->options.history = 50;
    open_index(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    free_room(*state);
    return 0;
}

/* All rows change in every commit, to the same number: a snapshot that shows two is torn. */
static void commit_all(struct room *r, uint32_t number)
{
    rc_error err = RC_ERROR_INIT;
    static const char padding[20000];
    for (uint32_t n = 0; n < ROWS; n++) {
        rc_row row = row_of(n, "x", RC_STATE_RUNNING);
        row.restart_count = number;
        row.command = rc_str_n(padding, n == 0 ? sizeof(padding) : 10);
        ok(rc_index_put(r->ix, &row, RC_CAUSE_EVENT, RC_STR("start"), NULL, &err), &err);
    }
    ok(rc_index_commit(r->ix, 1000, &err), &err);
}

/* 0, or what is wrong. */
static int look_once(rc_reader *reader, uint64_t *last_epoch, uint64_t *last_rev)
{
    rc_snapshot *s = NULL;
    rc_rows *rows = NULL;
    rc_row row;
    uint32_t number = 0, n = 0;
    int code;
    if (rc_snapshot_begin(reader, &s, NULL) || rc_rows_open(s, RC_STR_EMPTY, &rows, NULL))
        return 1;
    while (!(code = rc_rows_next(rows, &row, NULL))) {
        if (n++ && row.restart_count != number)
            return 2;
        number = row.restart_count;
        if (row.rev != rc_snapshot_rev(s))
            return 3;
    }
    if (code != RC_NOTFOUND || (n != ROWS && rc_snapshot_rev(s) != 0))
        return 4;
    if (rc_snapshot_epoch(s) == *last_epoch && rc_snapshot_rev(s) < *last_rev)
        return 5;
    *last_epoch = rc_snapshot_epoch(s);
    *last_rev = rc_snapshot_rev(s);
    rc_rows_close(rows);
    rc_snapshot_end(s);
    return 0;
}

struct loop {
    const char *path;
    atomic_bool done;
    atomic_int wrong;
    atomic_uint looks;
    atomic_ullong seen; /* the last revision */
};

static void *read_loop(void *arg)
{
    struct loop *loop = arg;
    rc_reader *reader = NULL;
    uint64_t epoch = 0, rev = 0;
    int fd = -1;
    if (rc_reader_open(loop->path, &reader, NULL) || rc_reader_fd(reader, &fd, NULL)) {
        atomic_store(&loop->wrong, 9);
        return NULL;
    }
    while (!atomic_load(&loop->done) && !atomic_load(&loop->wrong)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        rc_live_info info;
        poll(&p, 1, 50);
        rc_reader_drain(reader);
        int wrong = look_once(reader, &epoch, &rev);
        if (wrong)
            atomic_store(&loop->wrong, wrong);
        if (rc_reader_live(reader, &info, NULL) == RC_OK && info.epoch == 0)
            atomic_store(&loop->wrong, 8);
        atomic_store(&loop->seen, rev);
        atomic_fetch_add(&loop->looks, 1);
    }
    rc_reader_close(reader);
    return NULL;
}

static void write_loop(struct room *r, bool rebuild)
{
    rc_error err = RC_ERROR_INIT;
    rc_reader *slow = NULL; /* whose snapshots make compactions worthwhile */
    rc_snapshot *pinned = NULL;
    ok(rc_reader_open(r->path, &slow, &err), &err);
    for (uint32_t i = 1; i <= COMMITS; i++) {
        if (i % 100 == 1) {
            pinned = rc_snapshot_end(pinned);
            ok(rc_snapshot_begin(slow, &pinned, &err), &err);
        }
        commit_all(r, i);
        if (i % 50 == 0)
            ok(rc_index_housekeep(r->ix, &err), &err);
        if (rebuild && i % 300 == 0)
            ok(rc_index_rebuild(r->ix, "test", &err), &err);
    }
    rc_snapshot_end(pinned);
    rc_reader_close(slow);
    commit_all(r, 0);
}

static void run_threads(struct room *r, bool rebuild)
{
    struct loop loop = {.path = r->path};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_loop, &loop), 0);
    write_loop(r, rebuild);
    /* the last revision reaches them by itself */
    for (int i = 0;
         i < 1000 && !atomic_load(&loop.wrong) && atomic_load(&loop.seen) != rc_index_rev(r->ix);
         i++)
        usleep(10000);
    atomic_store(&loop.done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&loop.wrong), 0);
    assert_true(atomic_load(&loop.seen) == rc_index_rev(r->ix));
    assert_true(rc_stat_get(rc_live_stats(rc_index_live(r->ix)), RC_STAT_COMPACTIONS) > 2);
}

static void test_two_loops(void **state)
{
    run_threads(*state, false);
}

static void test_two_loops_over_rebuilds(void **state)
{
    run_threads(*state, true);
}

/* The same in another process; some of them are killed, and their slots come back. */
static void test_processes(void **state)
{
    struct room *r = *state;
    pid_t pids[3];
    int status;
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            rc_reader *reader = NULL;
            uint64_t epoch = 0, rev = 0;
            int wrong = rc_reader_open(r->path, &reader, NULL) ? 9 : 0;
            while (!wrong && rev < COMMITS + 1)
                wrong = look_once(reader, &epoch, &rev);
            rc_reader_close(reader);
            _exit(wrong);
        }
    }
    for (uint32_t n = 1; n <= COMMITS; n++) {
        commit_all(r, n);
        if (n % 50 == 0)
            assert_int_equal(rc_index_housekeep(r->ix, NULL), RC_OK);
        if (n == COMMITS / 2) {
            assert_int_equal(kill(pids[0], SIGKILL), 0);
            assert_int_equal(waitpid(pids[0], &status, 0), pids[0]);
            assert_true(WIFSIGNALED(status));
        }
    }
    commit_all(r, 0);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    rc_live_info info;
    assert_int_equal(rc_index_housekeep(r->ix, NULL), RC_OK);
    assert_int_equal(rc_live_read(rc_index_live(r->ix), &info, NULL), RC_OK);
    assert_int_equal(info.readers, 1); /* the writer's own */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_loops),
        TEST(test_two_loops_over_rebuilds),
        TEST(test_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
