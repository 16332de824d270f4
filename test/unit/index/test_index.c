/* The writer: batches, commits, the change log's bounds, networks, the mirror's status, identity.
 */
#include "room.h"

#include "base/cleanup.h"
#include "index/change.h"
#include "reader/reader.h"

static int setup(void **state)
{
    struct room *r = new_room(MEMORY);
    open_index(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    free_room(*state);
    return 0;
}

static void test_new_kept_and_modes(void **state)
{
    struct room *r = *state;
    struct stat st;
    char file[256];
    assert_int_equal(r->origin, RC_INDEX_NEW);
    assert_true(rc_index_epoch(r->ix) != 0);
    assert_int_equal(rc_index_rev(r->ix), 0);
    put_named(r, 1, "a", RC_STATE_RUNNING);
    commit(r);
    uint64_t epoch = rc_index_epoch(r->ix);
    assert_int_equal(stat(r->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    snprintf(file, sizeof(file), "%s/current/data.mdb", r->path);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    snprintf(file, sizeof(file), "%s/current/lock.mdb", r->path);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    snprintf(file, sizeof(file), "%s/live", r->path);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_size, RC_LIVE_SIZE);
    reopen(r);
    assert_int_equal(r->origin, RC_INDEX_KEPT);
    assert_true(rc_index_epoch(r->ix) == epoch);
    assert_int_equal(rc_index_rev(r->ix), 1);
    rc_live_info info;
    assert_int_equal(rc_live_read(rc_index_live(r->ix), &info, NULL), RC_OK);
    assert_true(info.epoch == epoch && info.containers[RC_STATE_RUNNING] == 1);
    assert_int_equal(rc_live_rev(rc_index_live(r->ix)), 1);
}

static void test_second_daemon_is_refused_by_name(void **state)
{
    struct room *r = *state;
    rc_index *second = NULL;
    enum rc_index_origin origin;
    rc_error err = RC_ERROR_INIT;
    assert_int_equal(rc_index_open(&r->options, &second, &origin, NULL, &err), RC_EXISTS);
    assert_null(second);
    assert_non_null(strstr(err.msg, r->path));
}

static void test_batch_is_seen_before_and_after(void **state)
{
    struct room *r = *state;
    rc_row row, in = row_of(1, "a", RC_STATE_CREATED);
    assert_int_equal(get(r, 1, &row), RC_NOTFOUND);
    assert_false(rc_index_dirty(r->ix));
    assert_true(put(r, &in));
    assert_false(put(r, &in)); /* as it is already */
    assert_true(rc_index_dirty(r->ix));
    assert_int_equal(get(r, 1, &row), RC_OK);
    assert_true(rc_str_eq_c(row.name, "a") && row.rev == 1);
    commit(r);
    assert_false(rc_index_dirty(r->ix));
    assert_false(put(r, &in));
    commit(r); /* nothing */
    assert_int_equal(rc_index_rev(r->ix), 1);
    assert_int_equal(get(r, 1, &row), RC_OK);
    assert_int_equal(row.rev, 1);

    rc_id id = id_of(1);
    assert_int_equal(rc_index_del(r->ix, &id, RC_CAUSE_EXPIRED, NULL), RC_OK);
    assert_int_equal(get(r, 1, &row), RC_NOTFOUND);
    assert_int_equal(rc_index_del(r->ix, &id, RC_CAUSE_EXPIRED, NULL), RC_NOTFOUND);
    commit(r);
    assert_int_equal(get(r, 1, &row), RC_NOTFOUND);
    assert_int_equal(rc_index_rev(r->ix), 2);
}

static void test_rows_that_cannot_be_put(void **state)
{
    struct room *r = *state;
    rc_row row = row_of(1, "a", RC_STATE_CREATED);
    row.id = RC_STR("");
    assert_int_equal(rc_index_put(r->ix, &row, RC_CAUSE_EVENT, RC_STR_EMPTY, NULL, NULL),
                     RC_INVALID);
    row = row_of(1, "a", RC_STATE_COUNT);
    assert_int_equal(rc_index_put(r->ix, &row, RC_CAUSE_EVENT, RC_STR_EMPTY, NULL, NULL),
                     RC_INVALID);
    assert_false(rc_index_dirty(r->ix));
}

static void test_batch_has_a_bound(void **state)
{
    struct room *r = *state;
    static char big[8 << 20];
    memset(big, 'x', sizeof(big));
    rc_row row;
    int code = RC_OK;
    uint32_t n = 0;
    for (; n < 20 && !code; n++) {
        row = row_of(n, "a", RC_STATE_CREATED);
        row.command = rc_str_n(big, sizeof(big));
        code = rc_index_put(r->ix, &row, RC_CAUSE_EVENT, RC_STR_EMPTY, NULL, NULL);
    }
    assert_int_equal(code, RC_FULL);
    assert_int_equal(n, 8); /* seven of 8 MiB fit below 64 MiB beside their headers */
    assert_int_equal(get(r, 6, &row), RC_OK);
    assert_int_equal(get(r, 7, &row), RC_NOTFOUND);
}

static void count_steps(rc_snapshot *s, uint64_t since, unsigned *revs, unsigned *steps)
{
    rc_error err = RC_ERROR_INIT;
    rc_log_cursor *c = NULL;
    rc_change_reader entry;
    rc_change step;
    uint64_t rev;
    *revs = *steps = 0;
    ok(rc_log_open(s, since, &c, &err), &err);
    int code;
    while (!(code = rc_log_next(c, &rev, &entry, &err))) {
        ++*revs;
        assert_int_equal(entry.time_ns, 1000);
        while (!(code = rc_change_next(&entry, &step, &err)))
            ++*steps;
        assert_int_equal(code, RC_NOTFOUND);
    }
    assert_int_equal(code, RC_NOTFOUND);
    rc_log_close(c);
}

static void expect_log(struct room *r, uint64_t since, unsigned revs, unsigned steps)
{
    rc_error err = RC_ERROR_INIT;
    rc_reader *reader = NULL;
    rc_snapshot *s = NULL;
    unsigned got_revs, got_steps;
    ok(rc_reader_open(r->path, &reader, &err), &err);
    ok(rc_snapshot_begin(reader, &s, &err), &err);
    count_steps(s, since, &got_revs, &got_steps);
    rc_snapshot_end(s);
    rc_reader_close(reader);
    assert_int_equal(got_revs, revs);
    assert_int_equal(got_steps, steps);
}

static void test_every_step_is_logged_in_order(void **state)
{
    static const struct {
        enum rc_state before, now;
    } expected[] = {{RC_STATE_UNKNOWN, RC_STATE_RUNNING},
                    {RC_STATE_RUNNING, RC_STATE_PAUSED},
                    {RC_STATE_PAUSED, RC_STATE_RUNNING}};
    struct room *r = *state;
    put_named(r, 1, "a", RC_STATE_RUNNING);
    commit(r);
    put_named(r, 1, "a", RC_STATE_PAUSED);
    put_named(r, 1, "a", RC_STATE_RUNNING); /* back to what it was: still two steps */
    commit(r);
    expect_log(r, 0, 2, 3);
    rc_error err = RC_ERROR_INIT;
    rc_reader *reader = NULL;
    rc_snapshot *s = NULL;
    rc_log_cursor *c = NULL;
    rc_change_reader entry;
    rc_change step;
    rc_row row;
    uint64_t rev;
    unsigned i = 0;
    ok(rc_reader_open(r->path, &reader, &err), &err);
    ok(rc_snapshot_begin(reader, &s, &err), &err);
    ok(rc_log_open(s, 0, &c, &err), &err);
    while (rc_log_next(c, &rev, &entry, NULL) == RC_OK)
        while (rc_change_next(&entry, &step, NULL) == RC_OK) {
            ok(rc_snapshot_decode(s, step.body, &row, &err), &err);
            assert_true(i < RC_ARRAY_LEN(expected));
            assert_int_equal(row.state, expected[i].now);
            assert_int_equal(step.prev_state, expected[i].before);
            assert_int_equal(row.rev, rev);
            assert_true(rc_str_eq_c(step.action, "start"));
            i++;
        }
    assert_int_equal(i, 3);
    ok(rc_snapshot_get(s, id_text(1), &row, &err), &err);
    assert_int_equal(row.rev, 2);
    rc_log_close(c);
    rc_snapshot_end(s);
    rc_reader_close(reader);
}

static void test_row_made_and_deleted_in_one_batch(void **state)
{
    struct room *r = *state;
    rc_id id = id_of(1);
    rc_row row;
    put_named(r, 1, "a", RC_STATE_RUNNING);
    assert_int_equal(rc_index_del(r->ix, &id, RC_CAUSE_EVENT, NULL), RC_OK);
    commit(r);
    assert_int_equal(get(r, 1, &row), RC_NOTFOUND);
    expect_log(r, 0, 1, 2);
}

static void test_mirror_status_alone_is_a_revision(void **state)
{
    struct room *r = *state;
    const rc_mirror_status live = {RC_MIRROR_LIVE, true, 0};
    rc_index_set_mirror(r->ix, &live);
    assert_true(rc_index_dirty(r->ix));
    commit(r);
    assert_int_equal(rc_index_rev(r->ix), 1);
    rc_index_set_mirror(r->ix, &live);
    assert_false(rc_index_dirty(r->ix));
    expect_log(r, 0, 1, 0);
    reopen(r);
    assert_false(rc_index_dirty(r->ix));
    rc_live_info info;
    assert_int_equal(rc_live_read(rc_index_live(r->ix), &info, NULL), RC_OK);
    assert_int_equal(info.mirror.state, RC_MIRROR_LIVE);
    assert_true(info.mirror.synced);
}

static uint64_t oldest(struct room *r)
{
    rc_live_info info;
    assert_int_equal(rc_live_read(rc_index_live(r->ix), &info, NULL), RC_OK);
    return info.oldest_rev;
}

static void flip(struct room *r, unsigned i)
{
    put_named(r, 1, "a", i % 2 ? RC_STATE_RUNNING : RC_STATE_PAUSED);
    commit(r);
}

static void test_log_is_trimmed_by_entries(void **state)
{
    struct room *r = *state;
    r->options.history = 10;
    reopen(r);
    for (unsigned i = 1; i <= 50; i++)
        flip(r, i);
    assert_int_equal(oldest(r), 41);
    expect_log(r, 40, 10, 10);
    r->options.history = 3; /* a smaller one after a restart */
    reopen(r);
    flip(r, 51);
    assert_int_equal(oldest(r), 49);
    expect_log(r, 48, 3, 3);
}

static void test_log_is_trimmed_by_bytes(void **state)
{
    struct room *r = *state;
    r->options.history_bytes = 1; /* the newest entry stays, however large */
    reopen(r);
    for (unsigned i = 1; i <= 5; i++)
        flip(r, i);
    assert_int_equal(oldest(r), 5);
    expect_log(r, 4, 1, 1);
}

/* What a shrunken history costs is spread over commits. */
static void test_trimming_is_bounded(void **state)
{
    struct room *r = *state;
    for (unsigned i = 1; i <= 300; i++)
        flip(r, i);
    r->options.history = 1;
    reopen(r);
    flip(r, 301);
    assert_true(oldest(r) > 1 && oldest(r) < 200);
    for (unsigned i = 302; i < 310; i++)
        flip(r, i);
    assert_int_equal(oldest(r), 309);
}

static rc_network network(const char *id, const char *name)
{
    rc_network n;
    memset(&n, 0, sizeof(n));
    n.id = rc_str_c(id);
    n.name = rc_str_c(name);
    n.driver = RC_STR("bridge");
    n.scope = RC_STR("local");
    return n;
}

static void put_net(struct room *r, const char *id, const char *name)
{
    rc_error err = RC_ERROR_INIT;
    rc_network n = network(id, name);
    ok(rc_index_put_network(r->ix, &n, &err), &err);
}

/* Names of all networks, each followed by a blank. */
static void expect_nets(struct room *r, const char *expected)
{
    char got[256] = "";
    rc_error err = RC_ERROR_INIT;
    rc_reader *reader = NULL;
    rc_snapshot *s = NULL;
    rc_nets *nets = NULL;
    rc_network n;
    ok(rc_reader_open(r->path, &reader, &err), &err);
    ok(rc_snapshot_begin(reader, &s, &err), &err);
    ok(rc_nets_open(s, &nets, &err), &err);
    while (rc_nets_next(nets, &n, NULL) == RC_OK) {
        strncat(got, n.name.ptr, n.name.len);
        strncat(got, " ", 2);
    }
    rc_nets_close(nets);
    rc_snapshot_end(s);
    rc_reader_close(reader);
    assert_string_equal(got, expected);
}

static void sweep(struct room *r)
{
    rc_error err = RC_ERROR_INIT;
    ok(rc_index_sweep_networks(r->ix, &err), &err);
}

static void test_networks(void **state)
{
    struct room *r = *state;
    rc_index_begin_networks(r->ix);
    put_net(r, "id2", "two");
    put_net(r, "id1", "one");
    sweep(r);
    commit(r);
    expect_nets(r, "one two ");
    expect_log(r, 0, 1, 0);

    rc_index_begin_networks(r->ix); /* the same again is no revision */
    put_net(r, "id1", "one");
    put_net(r, "id2", "two");
    sweep(r);
    assert_false(rc_index_dirty(r->ix));

    rc_index_begin_networks(r->ix); /* one renamed, one gone, and one that came and went */
    put_net(r, "id3", "three");
    rc_index_begin_networks(r->ix);
    put_net(r, "id1", "uno");
    sweep(r);
    commit(r);
    expect_nets(r, "uno ");

    put_net(r, "id1", "one"); /* and back within a batch */
    put_net(r, "id1", "uno");
    assert_false(rc_index_dirty(r->ix));
    assert_int_equal(rc_index_rev(r->ix), 2);
    rc_network bad = network("", "x");
    assert_int_equal(rc_index_put_network(r->ix, &bad, NULL), RC_INVALID);
}

/* A list may take several commits: what was seen in the first is not swept by the last. */
static void test_network_round_over_commits(void **state)
{
    struct room *r = *state;
    rc_index_begin_networks(r->ix);
    put_net(r, "id1", "one");
    commit(r);
    put_net(r, "id2", "two");
    commit(r);
    sweep(r);
    assert_false(rc_index_dirty(r->ix));
    expect_nets(r, "one two ");
}

static void test_identity(void **state)
{
    struct room *r = *state;
    bool rebuilt = true;
    rc_row row;
    const rc_mirror_status live = {RC_MIRROR_LIVE, true, 0};
    assert_int_equal(rc_index_identify(r->ix, RC_STR(""), &rebuilt, NULL), RC_INVALID);
    assert_int_equal(rc_index_identify(r->ix, RC_STR("engine-a"), &rebuilt, NULL), RC_OK);
    assert_false(rebuilt);
    uint64_t epoch = rc_index_epoch(r->ix);
    put_named(r, 1, "a", RC_STATE_RUNNING);
    commit(r);
    reopen(r);
    assert_int_equal(rc_index_identify(r->ix, RC_STR("engine-a"), &rebuilt, NULL), RC_OK);
    assert_false(rebuilt);
    assert_true(rc_index_epoch(r->ix) == epoch);

    rc_reader *reader = NULL;
    rc_snapshot *s = NULL;
    assert_int_equal(rc_reader_open(r->path, &reader, NULL), RC_OK);
    put_named(r, 2, "b", RC_STATE_RUNNING); /* is dropped with the batch */
    rc_index_set_mirror(r->ix, &live);      /* is not: it is about us, not about the engine */
    assert_int_equal(rc_index_identify(r->ix, RC_STR("engine-b"), &rebuilt, NULL), RC_OK);
    assert_true(rebuilt);
    assert_true(rc_index_epoch(r->ix) != epoch);
    assert_int_equal(rc_index_rev(r->ix), 0);
    assert_int_equal(get(r, 1, &row), RC_NOTFOUND);
    assert_int_equal(get(r, 2, &row), RC_NOTFOUND);
    assert_int_equal(rc_snapshot_begin(reader, &s, NULL), RC_OK);
    assert_true(rc_snapshot_epoch(s) == rc_index_epoch(r->ix));
    assert_int_equal(rc_snapshot_get(s, id_text(1), &row, NULL), RC_NOTFOUND);
    rc_snapshot_end(s);
    rc_reader_close(reader);
    commit(r);
    assert_int_equal(rc_index_rev(r->ix), 1);

    epoch = rc_index_epoch(r->ix);
    assert_int_equal(rc_index_rebuild(r->ix, "for a test", NULL), RC_OK);
    assert_true(rc_index_epoch(r->ix) != epoch);
    assert_int_equal(rc_index_identify(r->ix, RC_STR("engine-b"), &rebuilt, NULL), RC_OK);
    assert_false(rebuilt); /* rebuild kept it */
}

static int note(void *arg, const rc_row *row)
{
    char *got = arg;
    strncat(got, row->name.ptr, row->name.len);
    return strlen(got) == 2 ? 42 : 0;
}

static void test_each(void **state)
{
    struct room *r = *state;
    char got[16] = "";
    put_named(r, 3, "c", RC_STATE_RUNNING);
    assert_int_equal(rc_index_each(r->ix, note, got, NULL), RC_INVALID);
    put_named(r, 1, "a", RC_STATE_RUNNING);
    commit(r);
    put_named(r, 2, "b", RC_STATE_RUNNING);
    commit(r);
    assert_int_equal(rc_index_each(r->ix, note, got, NULL), 42);
    assert_string_equal(got, "ab");
    got[0] = '\0';
    rc_id id = id_of(2);
    assert_int_equal(rc_index_del(r->ix, &id, RC_CAUSE_EVENT, NULL), RC_OK);
    id = id_of(3);
    assert_int_equal(rc_index_del(r->ix, &id, RC_CAUSE_EVENT, NULL), RC_OK);
    commit(r);
    assert_int_equal(rc_index_each(r->ix, note, got, NULL), RC_OK);
    assert_string_equal(got, "a");
}

static void test_options_are_checked(void **state)
{
    struct room *r = *state;
    rc_index *ix = NULL;
    rc_index_options o = r->options;
    o.history = 0;
    assert_int_equal(rc_index_open(&o, &ix, NULL, NULL, NULL), RC_INVALID);
    o = r->options;
    o.path = "";
    assert_int_equal(rc_index_open(&o, &ix, NULL, NULL, NULL), RC_INVALID);
    o.path = "/dev/null/x";
    rc_error err = RC_ERROR_INIT;
    assert_int_equal(rc_index_open(&o, &ix, NULL, NULL, &err), RC_IO);
    assert_non_null(strstr(err.msg, "/dev/null/x"));
    assert_null(ix);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_new_kept_and_modes),
        TEST(test_second_daemon_is_refused_by_name),
        TEST(test_batch_is_seen_before_and_after),
        TEST(test_rows_that_cannot_be_put),
        TEST(test_batch_has_a_bound),
        TEST(test_every_step_is_logged_in_order),
        TEST(test_row_made_and_deleted_in_one_batch),
        TEST(test_mirror_status_alone_is_a_revision),
        TEST(test_log_is_trimmed_by_entries),
        TEST(test_log_is_trimmed_by_bytes),
        TEST(test_trimming_is_bounded),
        TEST(test_networks),
        TEST(test_network_round_over_commits),
        TEST(test_identity),
        TEST(test_each),
        TEST(test_options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
