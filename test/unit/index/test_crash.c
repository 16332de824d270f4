/* A writer that is killed, again and again, at whatever moment: the next one opens the same index,
 * with all that was said to be committed, and all tables agree. */
#include "room.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/hash.h"
#include "index/kv.h"
#include "index/layout.h"
#include "index/tables.h"
#include "reader/reader.h"

#ifdef __SANITIZE_THREAD__
#define KILLS 8 /* each takes long enough there */
#else
#define KILLS 25
#endif
#define IDS 40

static int setup_memory(void **state)
{
    *state = new_room(MEMORY);
    return 0;
}

static int setup_disk(void **state)
{
    *state = new_room(DISK);
    return 0;
}

static int teardown(void **state)
{
    free_room(*state);
    return 0;
}

/* The writer, in a process of its own */

static void change_something(rc_index *ix, uint64_t *random)
{
    static const enum rc_state states[] = {RC_STATE_CREATED, RC_STATE_RUNNING, RC_STATE_MISSING,
                                           RC_STATE_EXITED};
    char name[32], role[32], command[3000];
    uint64_t x = rc_rand_next(random);
    uint32_t n = (uint32_t)(x % IDS);
    if (x >> 60 == 0) {
        rc_id id = id_of(n);
        int code = rc_index_del(ix, &id, RC_CAUSE_EXPIRED, NULL);
        if (code && code != RC_NOTFOUND)
            _exit(10);
        return;
    }
    rc_port ports[3];
    for (unsigned i = 0; i < 3; i++)
        ports[i] =
            (rc_port){RC_STR(""), 80, (uint16_t)(8000 + (x >> (8 + 4 * i)) % 16), RC_STR("tcp")};
    rc_row row = row_of(n, name, states[(x >> 40) % 4]);
    snprintf(name, sizeof(name), "name-%u", (unsigned)(x >> 44) % 16);
    snprintf(role, sizeof(role), "role-%u", (unsigned)(x >> 48) % 4);
    memset(command, 'c', sizeof(command));
    row.name = rc_str_c(name);
    row.workload_id = RC_STR("w");
    row.workload_role = rc_str_c(role);
    row.command = rc_str_n(command, (x >> 50) % sizeof(command));
    row.ports = ports;
    row.n_ports = row.state == RC_STATE_RUNNING ? 3 : 0;
    if (rc_index_put(ix, &row, RC_CAUSE_EVENT, RC_STR("start"), NULL, NULL))
        _exit(11);
}

/* A snapshot that is held too long is what makes compactions worthwhile. */
static void pin(const rc_index_options *options, rc_reader **reader, rc_snapshot **s)
{
    rc_snapshot_end(*s);
    if ((!*reader && rc_reader_open(options->path, reader, NULL)) ||
        rc_snapshot_begin(*reader, s, NULL))
        _exit(16);
}

_Noreturn static void write_for_ever(const rc_index_options *options, uint64_t seed, bool rebuild)
{
    rc_index *ix = NULL;
    rc_reader *reader = NULL;
    rc_snapshot *pinned = NULL;
    enum rc_index_origin origin;
    if (rc_index_open(options, &ix, &origin, NULL, NULL))
        _exit(12);
    for (uint64_t i = 1;; i++) {
        for (uint64_t n = rc_rand_next(&seed) % 4; n > 0; n--)
            change_something(ix, &seed);
        if (rc_index_commit(ix, 1000, NULL))
            _exit(13);
        if (i % 16 == 0 && rc_index_housekeep(ix, NULL))
            _exit(14);
        if (i % 50 == 1)
            pin(options, &reader, &pinned);
        if (rebuild && i % 20 == 0 && rc_index_rebuild(ix, "test", NULL))
            _exit(15);
    }
}

static pid_t start_writer(struct room *r, uint64_t seed, bool rebuild)
{
    pid_t pid = fork();
    if (pid == 0)
        write_for_ever(&r->options, seed, rebuild);
    assert_true(pid > 0);
    return pid;
}

static void kill_writer(pid_t pid)
{
    int status = 0;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status))
        fail_msg("the writer ended by itself: %d", WEXITSTATUS(status));
}

/* Its counters begin at 0 with it. */
static void wait_for_commits(const rc_live *page, pid_t pid, uint64_t n)
{
    rc_live_info info;
    do {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            fail_msg("the writer is gone");
        rc_live_read(page, &info, NULL);
    } while (info.pid != (uint32_t)pid || info.epoch == 0 ||
             rc_stat_get(rc_live_counters(page), RC_STAT_COMMITS) < n);
}

/* What must hold */

static void check_log(struct room *r, uint64_t *ret_oldest)
{
    rc_error err = RC_ERROR_INIT;
    rc_reader *reader = NULL;
    rc_snapshot *s = NULL;
    rc_log_cursor *c = NULL;
    rc_change_reader entry;
    rc_change step;
    uint64_t rev, last;
    ok(rc_reader_open(r->path, &reader, &err), &err);
    ok(rc_snapshot_begin(reader, &s, &err), &err);
    last = rc_snapshot_oldest(s) ? rc_snapshot_oldest(s) - 1 : 0;
    *ret_oldest = last + 1;
    ok(rc_log_open(s, last, &c, &err), &err);
    int code;
    while (!(code = rc_log_next(c, &rev, &entry, &err))) {
        assert_int_equal(rev, last + 1);
        last = rev;
        while (!(code = rc_change_next(&entry, &step, &err)))
            ;
        if (code != RC_NOTFOUND)
            ok(code, &err);
    }
    if (code != RC_NOTFOUND)
        ok(code, &err);
    assert_int_equal(last, rc_snapshot_rev(s));
    rc_log_close(c);
    rc_snapshot_end(s);
    rc_reader_close(reader);
}

static size_t count_keys(rc_kv_txn *txn, rc_kv_table t)
{
    rc_kv_iter *it = NULL;
    rc_str k, v;
    size_t n = 0;
    assert_int_equal(rc_kv_iter_open(txn, t, RC_STR_EMPTY, RC_STR_EMPTY, &it, NULL), RC_OK);
    while (rc_kv_iter_next(it, &k, &v, NULL) == RC_OK)
        n++;
    rc_kv_iter_close(it);
    return n;
}

struct tally {
    rc_kv_txn *txn;
    rc_tables *tables;
    rc_arena *arena;
    size_t keys[RC_SECONDARIES];
};

static int tally_row(void *arg, const rc_row *row)
{
    struct tally *t = arg;
    rc_row_keys keys;
    rc_str v;
    rc_arena_reset(t->arena);
    assert_true(rc_row_keys_of(row, t->arena, &keys));
    for (size_t i = 0; i < keys.n; i++) {
        t->keys[keys.at[i].table]++;
        assert_int_equal(
            rc_kv_get(t->txn, t->tables->by[keys.at[i].table], keys.at[i].key, &v, NULL), RC_OK);
    }
    return 0;
}

/* Every key of every row is there, and no other. */
static void check_secondary_tables(struct room *r)
{
    char dir[256];
    rc_error err = RC_ERROR_INIT;
    rc_kv *kv = NULL;
    rc_tables tables;
    struct tally t = {.tables = &tables, .arena = rc_arena_new(0, 0)};
    snprintf(dir, sizeof(dir), "%s/current", r->path);
    const rc_kv_options o = {.dir = dir};
    ok(rc_kv_open(&o, &kv, &err), &err);
    ok(rc_tables_open(kv, &tables, &err), &err);
    ok(rc_kv_begin(kv, false, &t.txn, &err), &err);
    ok(rc_index_each(r->ix, tally_row, &t, &err), &err);
    for (int i = 0; i < RC_SECONDARIES; i++)
        assert_int_equal(count_keys(t.txn, tables.by[i]), t.keys[i]);
    rc_kv_abort(t.txn);
    rc_kv_close(kv);
    rc_arena_free(t.arena);
}

static void test_kills_in_churn(void **state)
{
    struct room *r = *state;
    uint64_t random = 42, epoch = 0, compactions = 0, oldest = 0;
    rc_live *page = NULL;
    r->options.history = 100;
    r->options.max_used = 300000; /* compacts all the time */
    open_index(r);
    epoch = rc_index_epoch(r->ix);
    assert_int_equal(rc_live_open(r->path, &page, NULL), RC_OK);
    for (int i = 0; i < KILLS; i++) {
        close_index(r);
        pid_t pid = start_writer(r, rc_rand_next(&random), false);
        wait_for_commits(page, pid, rc_rand_next(&random) % 200);
        compactions += rc_stat_get(rc_live_counters(page), RC_STAT_COMPACTIONS);
        kill_writer(pid);
        uint64_t told = rc_live_rev(page);
        open_index(r);
        if (r->origin != RC_INDEX_KEPT)
            fail_msg("not kept: %s", r->reason.msg);
        assert_true(rc_index_epoch(r->ix) == epoch);
        assert_true(rc_index_rev(r->ix) >= told);
        check_log(r, &oldest);
        check_secondary_tables(r);
    }
    assert_true(compactions > 0 && oldest > 1); /* or it was not what it was meant to be */
    rc_live_close(page);
}

/* Killed while it sets aside and makes anew, too: then the epoch may be any, but it opens. */
static void test_kills_while_rebuilding(void **state)
{
    struct room *r = *state;
    uint64_t random = 7, rebuilt = 0;
    rc_live *page = NULL;
    r->options.max_used = 300000;
    open_index(r);
    assert_int_equal(rc_live_open(r->path, &page, NULL), RC_OK);
    for (int i = 0; i < KILLS; i++) {
        uint64_t generation = rc_live_generation(page), oldest;
        close_index(r);
        pid_t pid = start_writer(r, rc_rand_next(&random), true);
        wait_for_commits(page, pid, rc_rand_next(&random) % 60);
        usleep((useconds_t)(rc_rand_next(&random) % 2000));
        kill_writer(pid);
        rebuilt += rc_live_generation(page) != generation;
        open_index(r);
        if (r->origin == RC_INDEX_ASIDE)
            fail_msg("not kept: %s", r->reason.msg);
        check_log(r, &oldest);
        check_secondary_tables(r);
    }
    assert_true(rebuilt > 0);
    rc_live_close(page);
}

/* The very first start, killed. */
static void test_kills_at_birth(void **state)
{
    struct room *r = *state;
    uint64_t random = 9;
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = start_writer(r, 1, false);
        usleep((useconds_t)(rc_rand_next(&random) % 6000));
        kill_writer(pid);
        open_index(r);
        if (r->origin == RC_INDEX_ASIDE)
            fail_msg("not kept: %s", r->reason.msg);
        close_index(r);
        shell("rm -r '%s'", r->path);
    }
}

#define BOTH(f)                                         \
    {#f " in memory", f, setup_memory, teardown, NULL}, \
    {                                                   \
#f " on disk", f, setup_disk, teardown, NULL    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_kills_in_churn),
        BOTH(test_kills_while_rebuilding),
        BOTH(test_kills_at_birth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
