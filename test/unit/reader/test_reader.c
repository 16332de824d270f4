/* Readers: look-ups, walks, the change log's errors, following the writer wherever it goes. */
#include "room.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "index/kv.h"
#include "index/tables.h"
#include "reader/reader.h"

struct bench {
    struct room *r;
    rc_reader *reader;
    rc_snapshot *s;
};

static void open_reader(struct bench *b)
{
    rc_error err = RC_ERROR_INIT;
    ok(rc_reader_open(b->r->path, &b->reader, &err), &err);
}

static void look(struct bench *b)
{
    rc_error err = RC_ERROR_INIT;
    rc_snapshot_end(b->s);
    ok(rc_snapshot_begin(b->reader, &b->s, &err), &err);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->r = new_room(MEMORY);
    open_index(b->r);
    open_reader(b);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    rc_snapshot_end(b->s);
    rc_reader_close(b->reader);
    free_room(b->r);
    free(b);
    return 0;
}

static void expect_found(struct bench *b, const char *key, uint32_t n)
{
    rc_row row;
    rc_error err = RC_ERROR_INIT;
    ok(rc_snapshot_find(b->s, rc_str_c(key), &row, &err), &err);
    assert_true(rc_str_eq(row.id, id_text(n)));
}

static int find(struct bench *b, rc_str key)
{
    rc_row row;
    return rc_snapshot_find(b->s, key, &row, NULL);
}

static void test_find(void **state)
{
    struct bench *b = *state;
    put_named(b->r, 0xabc00001, "web", RC_STATE_RUNNING);
    put_named(b->r, 0xabc00002, "abc000", RC_STATE_EXITED); /* a name that looks like a prefix */
    put_named(b->r, 0xdef00003, "old", RC_STATE_MISSING);
    put_named(b->r, 0xdef10004, "twice", RC_STATE_RUNNING);
    put_named(b->r, 0xdef20005, "twice", RC_STATE_MISSING);
    put_named(b->r, 0x11000006, "both", RC_STATE_RUNNING);
    put_named(b->r, 0x12000007, "both", RC_STATE_CREATED);
    rc_row row = row_of(0x13000008, "", RC_STATE_RUNNING);
    row.name = id_text(0xabc00001); /* another's id for a name */
    put(b->r, &row);
    commit(b->r);
    look(b);
    expect_found(b, "web", 0xabc00001);
    expect_found(b, "/web", 0xabc00001);
    expect_found(b, "abc000", 0xabc00002);
    expect_found(b, "abc00001", 0xabc00001);
    expect_found(b, "def0", 0xdef00003); /* a missing one, by id */
    expect_found(b, "twice", 0xdef10004);
    expect_found(b, id_text(0xabc00001).ptr, 0xabc00001);
    assert_int_equal(find(b, RC_STR("old")), RC_NOTFOUND);
    assert_int_equal(find(b, RC_STR("both")), RC_AMBIGUOUS);
    assert_int_equal(find(b, RC_STR("def")), RC_AMBIGUOUS);
    assert_int_equal(find(b, RC_STR("we")), RC_NOTFOUND);
    assert_int_equal(find(b, RC_STR("WEB")), RC_NOTFOUND);
    assert_int_equal(find(b, RC_STR("ABC0")), RC_NOTFOUND);
    assert_int_equal(find(b, RC_STR("")), RC_NOTFOUND);
    assert_int_equal(find(b, RC_STR("/")), RC_NOTFOUND);
    assert_int_equal(find(b, RC_STR("ffff")), RC_NOTFOUND);
    assert_int_equal(find(b, id_text(99)), RC_NOTFOUND);
    assert_int_equal(rc_snapshot_get(b->s, RC_STR("abc"), &row, NULL), RC_NOTFOUND);
}

/* Names too long for a key are hashed, and the row is asked. */
static void test_long_names(void **state)
{
    struct bench *b = *state;
    static char one[5000], two[5000];
    memset(one, 'n', sizeof(one));
    memset(two, 'n', sizeof(two));
    two[4999] = 'm';
    rc_row row = row_of(1, "", RC_STATE_RUNNING);
    row.name = rc_str_n(one, sizeof(one));
    put(b->r, &row);
    row = row_of(2, "", RC_STATE_RUNNING);
    row.name = rc_str_n(two, sizeof(two));
    put(b->r, &row);
    commit(b->r);
    look(b);
    assert_int_equal(rc_snapshot_find(b->s, rc_str_n(two, sizeof(two)), &row, NULL), RC_OK);
    assert_true(rc_str_eq(row.id, id_text(2)));
    assert_int_equal(find(b, rc_str_n(one, 4000)), RC_NOTFOUND);
    row = row_of(2, "short", RC_STATE_RUNNING); /* and leave with the row */
    put(b->r, &row);
    commit(b->r);
    look(b);
    assert_int_equal(find(b, rc_str_n(two, sizeof(two))), RC_NOTFOUND);
    expect_found(b, "short", 2);
}

/* A key whose row is another's: what two names of one hash would be. The row is asked. */
static void plant(struct bench *b, enum rc_secondary table, rc_str prefix, uint32_t n)
{
    char dir[256], room[RC_KV_KEY_MAX];
    rc_error err = RC_ERROR_INIT;
    rc_kv *kv = NULL;
    rc_tables t;
    rc_kv_txn *txn = NULL;
    snprintf(dir, sizeof(dir), "%s/current", b->r->path);
    const rc_kv_options o = {.dir = dir, .map_size = b->r->options.map_size, .write = true};
    memcpy(room, prefix.ptr, prefix.len);
    memcpy(room + prefix.len, id_text(n).ptr, 64);
    close_index(b->r);
    ok(rc_kv_open(&o, &kv, &err), &err);
    ok(rc_tables_open(kv, &t, &err), &err);
    ok(rc_kv_begin(kv, true, &txn, &err), &err);
    ok(rc_kv_put(txn, t.by[table], rc_str_n(room, prefix.len + 64), RC_STR_EMPTY, &err), &err);
    ok(rc_kv_commit(txn, &err), &err);
    rc_kv_close(kv);
}

static void test_keys_are_only_hints(void **state)
{
    struct bench *b = *state;
    char room[RC_PREFIX_MAX];
    rc_rows *rows = NULL;
    rc_row row;
    put_named(b->r, 1, "web", RC_STATE_RUNNING);
    put_named(b->r, 2, "db", RC_STATE_RUNNING);
    commit(b->r);
    plant(b, RC_BY_NAME, rc_prefix_name(RC_STR("web"), room), 2);
    plant(b, RC_BY_WORKLOAD, rc_prefix_role(RC_STR("w"), RC_STR("r"), room), 2);
    plant(b, RC_BY_PORT, rc_prefix_port(80, room), 2);
    look(b);
    expect_found(b, "web", 1);
    assert_int_equal(rc_rows_by_role(b->s, RC_STR("w"), RC_STR("r"), &rows, NULL), RC_OK);
    assert_int_equal(rc_rows_next(rows, &row, NULL), RC_NOTFOUND);
    rc_rows_close(rows);
    assert_int_equal(rc_rows_by_port(b->s, 80, RC_STR(""), &rows, NULL), RC_OK);
    assert_int_equal(rc_rows_next(rows, &row, NULL), RC_NOTFOUND);
    rc_rows_close(rows);
    /* one that leads nowhere is damage */
    plant(b, RC_BY_NAME, rc_prefix_name(RC_STR("ghost"), room), 3);
    look(b);
    assert_int_equal(find(b, RC_STR("ghost")), RC_CORRUPT);
}

static void expect_rows(rc_rows *rows, const char *expected)
{
    char got[256] = "";
    rc_row row;
    rc_error err = RC_ERROR_INIT;
    int code;
    while (!(code = rc_rows_next(rows, &row, &err)))
        strncat(got, row.name.ptr, row.name.len);
    assert_int_equal(code, RC_NOTFOUND);
    assert_string_equal(got, expected);
    rc_rows_close(rows);
}

static void expect_after(struct bench *b, rc_str after, const char *expected)
{
    rc_rows *rows = NULL;
    rc_error err = RC_ERROR_INIT;
    ok(rc_rows_open(b->s, after, &rows, &err), &err);
    expect_rows(rows, expected);
}

static void test_rows_in_order(void **state)
{
    struct bench *b = *state;
    look(b);
    expect_after(b, RC_STR(""), "");
    put_named(b->r, 30, "c", RC_STATE_RUNNING);
    put_named(b->r, 10, "a", RC_STATE_RUNNING);
    put_named(b->r, 20, "b", RC_STATE_MISSING);
    commit(b->r);
    expect_after(b, RC_STR(""), ""); /* the snapshot stands */
    look(b);
    expect_after(b, RC_STR(""), "abc");
    expect_after(b, id_text(10), "bc");
    expect_after(b, id_text(11), "bc");
    expect_after(b, id_text(30), "");
    expect_after(b, RC_STR("0000001"), "bc"); /* 0x14 and 0x1e */
    rc_rows *rows = NULL;
    static const char long_id[100] = "0";
    assert_int_equal(rc_rows_open(b->s, rc_str_n(long_id, 100), &rows, NULL), RC_INVALID);
}

static void put_role(struct bench *b, uint32_t n, const char *name, const char *workload,
                     const char *role)
{
    rc_row row = row_of(n, name, RC_STATE_RUNNING);
    row.workload_id = rc_str_c(workload);
    row.workload_role = rc_str_c(role);
    put(b->r, &row);
}

static void expect_role(struct bench *b, const char *workload, const char *role,
                        const char *expected)
{
    rc_rows *rows = NULL;
    rc_error err = RC_ERROR_INIT;
    ok(rc_rows_by_role(b->s, rc_str_c(workload), rc_str_c(role), &rows, &err), &err);
    expect_rows(rows, expected);
}

static void test_by_role(void **state)
{
    struct bench *b = *state;
    put_role(b, 3, "c", "w1", "prod");
    put_role(b, 1, "a", "w1", "prod");
    put_role(b, 2, "b", "w1", "");
    put_role(b, 4, "d", "w1p", "rod"); /* the same letters, cut elsewhere */
    put_role(b, 5, "e", "", "prod");
    commit(b->r);
    look(b);
    expect_role(b, "w1", "prod", "ac");
    expect_role(b, "w1", "", "b");
    expect_role(b, "w1p", "rod", "d");
    expect_role(b, "", "prod", "");
    put_role(b, 3, "c", "w1", "stage");
    commit(b->r);
    look(b);
    expect_role(b, "w1", "prod", "a");
    expect_role(b, "w1", "stage", "c");
}

static void expect_port(struct bench *b, uint16_t port, const char *protocol, const char *expected)
{
    rc_rows *rows = NULL;
    rc_error err = RC_ERROR_INIT;
    ok(rc_rows_by_port(b->s, port, rc_str_c(protocol), &rows, &err), &err);
    expect_rows(rows, expected);
}

static void test_by_port(void **state)
{
    struct bench *b = *state;
    const rc_port dns[] = {{RC_STR("0.0.0.0"), 53, 8053, RC_STR("tcp")},
                           {RC_STR("::"), 53, 8053, RC_STR("tcp")},
                           {RC_STR("0.0.0.0"), 53, 8053, RC_STR("udp")},
                           {RC_STR(""), 80, 0, RC_STR("tcp")}};
    const rc_port web[] = {{RC_STR("127.0.0.1"), 80, 8053, RC_STR("tcp")}};
    rc_row row = row_of(2, "dns", RC_STATE_RUNNING);
    row.ports = dns;
    row.n_ports = 4;
    put(b->r, &row);
    row = row_of(1, "web", RC_STATE_RUNNING);
    row.ports = web;
    row.n_ports = 1;
    put(b->r, &row);
    commit(b->r);
    look(b);
    expect_port(b, 8053, "", "webdns");
    expect_port(b, 8053, "udp", "dns");
    expect_port(b, 8053, "sctp", "");
    expect_port(b, 53, "", "");
    expect_port(b, 8054, "", "");
    row = row_of(2, "dns", RC_STATE_EXITED);
    put(b->r, &row);
    commit(b->r);
    look(b);
    expect_port(b, 8053, "", "web");
    rc_rows *rows = NULL;
    assert_int_equal(rc_rows_by_port(b->s, 0, RC_STR(""), &rows, NULL), RC_INVALID);
}

static void test_log_errors(void **state)
{
    struct bench *b = *state;
    rc_log_cursor *c = NULL;
    rc_change_reader entry;
    uint64_t rev;
    look(b);
    assert_int_equal(rc_snapshot_oldest(b->s), 0);
    assert_int_equal(rc_log_open(b->s, 0, &c, NULL), RC_OK);
    assert_int_equal(rc_log_next(c, &rev, &entry, NULL), RC_NOTFOUND);
    c = rc_log_close(c);
    assert_int_equal(rc_log_open(b->s, 1, &c, NULL), RC_INVALID);
    b->r->options.history = 2;
    reopen(b->r);
    for (uint32_t i = 1; i <= 5; i++) {
        put_named(b->r, i, "x", RC_STATE_RUNNING);
        commit(b->r);
    }
    look(b);
    assert_int_equal(rc_snapshot_oldest(b->s), 4);
    assert_int_equal(rc_log_open(b->s, 2, &c, NULL), RC_TOOOLD);
    assert_int_equal(rc_log_open(b->s, 6, &c, NULL), RC_INVALID);
    assert_int_equal(rc_log_open(b->s, 3, &c, NULL), RC_OK);
    assert_int_equal(rc_log_next(c, &rev, &entry, NULL), RC_OK);
    assert_int_equal(rev, 4);
    assert_int_equal(rc_log_next(c, &rev, &entry, NULL), RC_OK);
    assert_int_equal(rev, 5);
    assert_int_equal(rc_log_next(c, &rev, &entry, NULL), RC_NOTFOUND);
    c = rc_log_close(c);
    assert_int_equal(rc_log_open(b->s, 5, &c, NULL), RC_OK);
    assert_int_equal(rc_log_next(c, &rev, &entry, NULL), RC_NOTFOUND);
    rc_log_close(c);
}

static void test_gap_in_the_log(void **state)
{
    struct bench *b = *state;
    char dir[256], room[RC_REV_KEY];
    rc_error err = RC_ERROR_INIT;
    rc_kv *kv = NULL;
    rc_tables t;
    rc_kv_txn *txn = NULL;
    rc_log_cursor *c = NULL;
    rc_change_reader entry;
    uint64_t rev;
    for (uint32_t i = 1; i <= 3; i++) {
        put_named(b->r, i, "x", RC_STATE_RUNNING);
        commit(b->r);
    }
    close_index(b->r);
    snprintf(dir, sizeof(dir), "%s/current", b->r->path);
    const rc_kv_options o = {.dir = dir, .map_size = b->r->options.map_size, .write = true};
    ok(rc_kv_open(&o, &kv, &err), &err);
    ok(rc_tables_open(kv, &t, &err), &err);
    ok(rc_kv_begin(kv, true, &txn, &err), &err);
    ok(rc_kv_del(txn, t.changes, rc_rev_key(2, room), &err), &err);
    ok(rc_kv_commit(txn, &err), &err);
    rc_kv_close(kv);
    look(b);
    assert_int_equal(rc_log_open(b->s, 0, &c, NULL), RC_OK);
    assert_int_equal(rc_log_next(c, &rev, &entry, NULL), RC_OK);
    assert_int_equal(rc_log_next(c, &rev, &entry, &err), RC_CORRUPT);
    assert_non_null(strstr(err.msg, "revision 2"));
    rc_log_close(c);
}

static void test_several_snapshots_stand(void **state)
{
    struct bench *b = *state;
    rc_snapshot *old = NULL;
    rc_row row;
    put_named(b->r, 1, "a", RC_STATE_RUNNING);
    commit(b->r);
    assert_int_equal(rc_snapshot_begin(b->reader, &old, NULL), RC_OK);
    put_named(b->r, 1, "a", RC_STATE_EXITED);
    commit(b->r);
    look(b);
    assert_int_equal(rc_snapshot_rev(old), 1);
    assert_int_equal(rc_snapshot_rev(b->s), 2);
    assert_int_equal(rc_snapshot_get(old, id_text(1), &row, NULL), RC_OK);
    assert_int_equal(row.state, RC_STATE_RUNNING);
    assert_int_equal(rc_snapshot_get(b->s, id_text(1), &row, NULL), RC_OK);
    assert_int_equal(row.state, RC_STATE_EXITED);
    /* one made anew under both */
    assert_int_equal(rc_index_rebuild(b->r->ix, "test", NULL), RC_OK);
    assert_int_equal(rc_snapshot_get(old, id_text(1), &row, NULL), RC_OK);
    rc_snapshot_end(old);
    look(b);
    assert_true(rc_snapshot_epoch(b->s) == rc_index_epoch(b->r->ix));
    assert_int_equal(rc_snapshot_get(b->s, id_text(1), &row, NULL), RC_NOTFOUND);
}

static void test_opening(void **state)
{
    struct bench *b = *state;
    rc_reader *none = NULL;
    char path[256];
    rc_error err = RC_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/nowhere", b->r->base);
    assert_int_equal(rc_reader_open(path, &none, &err), RC_NOTFOUND);
    assert_non_null(strstr(err.msg, path));
    shell("cp -a '%s' '%s'", b->r->path, path); /* a live page and nothing else */
    shell("rm -r '%s'/current '%s'/env.*", path, path);
    assert_int_equal(rc_reader_open(path, &none, NULL), RC_NOTFOUND);
    shell("ln -s env.7 '%s/current'", path); /* leads nowhere */
    assert_int_equal(rc_reader_open(path, &none, NULL), RC_NOTFOUND);
    shell("mkdir '%s/env.7' && echo rubbish > '%s/env.7/data.mdb'", path, path);
    assert_int_equal(rc_reader_open(path, &none, NULL), RC_CORRUPT);
    shell("ln -sfn ../.. '%s/current'", path);
    assert_int_equal(rc_reader_open(path, &none, NULL), RC_CORRUPT);
    assert_null(none);
}

/* LMDB would read such a one without a lock, and wrongly. */
static void test_read_only_mount_is_refused(void **state)
{
    struct bench *b = *state;
    char path[256];
    rc_reader *none = NULL;
    snprintf(path, sizeof(path), "%s/ro", b->r->base);
    mkdir(path, 0755);
    if (mount(b->r->path, path, NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0) {
        print_message("skipped: cannot mount (%s)\n", strerror(errno));
        umount(path);
        skip();
    }
    int code = rc_reader_open(path, &none, NULL);
    umount(path);
    assert_int_equal(code, RC_UNSUPPORTED);
}

static void set_beats(rc_live_info *info, void *arg)
{
    const int64_t *ago = arg;
    info->mirror_beat_ns = rc_clock_mono() - ago[0];
    info->serve_beat_ns = ago[1] < 0 ? 0 : rc_clock_mono() - ago[1];
}

static void expect_writer(struct bench *b, int64_t mirror_ago, int64_t serve_ago,
                          enum rc_writer_state expected)
{
    int64_t ago[] = {mirror_ago, serve_ago};
    rc_live_update(rc_index_live(b->r->ix), set_beats, ago);
    assert_int_equal(rc_reader_writer(b->reader), expected);
}

static void test_writer_state(void **state)
{
    struct bench *b = *state;
    const int64_t long_ago = RC_WRITER_HUNG_NS + RC_NS_PER_SEC;
    assert_int_equal(rc_reader_writer(b->reader), RC_WRITER_LIVE); /* has only begun */
    expect_writer(b, 0, -1, RC_WRITER_LIVE);
    expect_writer(b, 0, 0, RC_WRITER_LIVE);
    expect_writer(b, long_ago, 0, RC_WRITER_HUNG);
    expect_writer(b, 0, long_ago, RC_WRITER_HUNG);
    close_index(b->r);
    assert_int_equal(rc_reader_writer(b->reader), RC_WRITER_GONE);
}

static void set_resync(rc_live_info *info, void *arg)
{
    const int64_t *age = arg;
    info->resync_mono_ns = rc_clock_mono() - *age;
    info->resync_every_ns = 30 * RC_NS_PER_SEC;
}

static void expect_ready(struct bench *b, int64_t age, bool ready, const char *why)
{
    rc_error err = RC_ERROR_INIT;
    rc_live_update(rc_index_live(b->r->ix), set_resync, &age);
    assert_int_equal(rc_reader_ready(b->reader, &err), ready);
    assert_non_null(strstr(err.msg, why));
}

static void test_ready(void **state)
{
    struct bench *b = *state;
    rc_error err = RC_ERROR_INIT;
    assert_false(rc_reader_ready(b->reader, &err));
    assert_non_null(strstr(err.msg, "no full list"));
    expect_ready(b, 0, true, "");
    expect_ready(b, 55 * RC_NS_PER_SEC, true, "");
    expect_ready(b, 65 * RC_NS_PER_SEC, false, "1m5s ago");
    int64_t ago[] = {RC_WRITER_HUNG_NS * 2, 0};
    rc_live_update(rc_index_live(b->r->ix), set_beats, ago);
    expect_ready(b, 0, false, "stuck");
    close_index(b->r);
    assert_false(rc_reader_ready(b->reader, &err));
    assert_non_null(strstr(err.msg, "not running"));
}

/* Waiting */

static bool readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

static void test_fd_wakes_on_a_commit(void **state)
{
    struct bench *b = *state;
    int fd = -1, same = -1;
    assert_int_equal(rc_reader_fd(b->reader, &fd, NULL), RC_OK);
    assert_int_equal(rc_reader_fd(b->reader, &same, NULL), RC_OK);
    assert_int_equal(fd, same);
    assert_false(readable(fd, 0));
    put_named(b->r, 1, "a", RC_STATE_RUNNING);
    assert_false(readable(fd, 0));
    commit(b->r);
    assert_true(readable(fd, 10000));
    rc_reader_drain(b->reader);
    assert_false(readable(fd, 0));
    look(b);
    assert_int_equal(rc_snapshot_rev(b->s), 1);
    commit(b->r); /* nothing */
    assert_false(readable(fd, 0));
    /* a restart wakes, and then it is quiet again */
    reopen(b->r);
    assert_true(readable(fd, 10000));
    rc_reader_drain(b->reader);
    look(b);
    assert_false(readable(fd, 300));
    put_named(b->r, 2, "b", RC_STATE_RUNNING);
    commit(b->r);
    assert_true(readable(fd, 10000));
}

static void test_fd_without_inotify(void **state)
{
    struct bench *b = *state;
    static int taken[100000];
    int n = 0, fd = -1;
    while (n < 100000 && (taken[n] = inotify_init1(IN_CLOEXEC)) >= 0)
        n++;
    int code = rc_reader_fd(b->reader, &fd, NULL);
    int last = errno;
    while (n > 0)
        close(taken[--n]);
    if (code) {
        print_message("skipped: ran out of descriptors first (%s)\n", strerror(last));
        skip();
    }
    for (int i = 0; i < 3; i++) { /* a timer: again and again */
        assert_true(readable(fd, 10000));
        rc_reader_drain(b->reader);
    }
    put_named(b->r, 1, "a", RC_STATE_RUNNING);
    commit(b->r);
    assert_true(readable(fd, 10000));
    rc_reader_drain(b->reader);
    look(b);
    assert_int_equal(rc_snapshot_rev(b->s), 1);
}

/* A supervisor may remove the whole folder between two lives of the daemon. */
static void test_folder_made_anew(void **state)
{
    struct bench *b = *state;
    int fd = -1;
    rc_row row;
    assert_int_equal(rc_reader_fd(b->reader, &fd, NULL), RC_OK);
    put_named(b->r, 1, "a", RC_STATE_RUNNING);
    commit(b->r);
    close_index(b->r);
    shell("rm -r '%s'", b->r->path);
    assert_true(readable(fd, 10000));
    rc_reader_drain(b->reader);
    look(b); /* there is no other: what was */
    assert_int_equal(rc_snapshot_get(b->s, id_text(1), &row, NULL), RC_OK);
    assert_int_equal(rc_reader_writer(b->reader), RC_WRITER_GONE);
    open_index(b->r);
    put_named(b->r, 2, "b", RC_STATE_RUNNING);
    commit(b->r);
    for (int i = 0; i < 100 && rc_snapshot_epoch(b->s) != rc_index_epoch(b->r->ix); i++) {
        assert_true(readable(fd, 10000));
        rc_reader_drain(b->reader);
        look(b);
    }
    assert_true(rc_snapshot_epoch(b->s) == rc_index_epoch(b->r->ix));
    assert_int_equal(rc_snapshot_get(b->s, id_text(2), &row, NULL), RC_OK);
    assert_int_equal(rc_reader_writer(b->reader), RC_WRITER_LIVE);
    rc_reader_drain(b->reader);
    look(b);
    assert_false(readable(fd, 300)); /* it follows the new page, and waits no more */
    put_named(b->r, 3, "c", RC_STATE_RUNNING);
    commit(b->r);
    assert_true(readable(fd, 10000));
}

/* Without a descriptor it is found all the same, a little later. */
static void test_folder_made_anew_unwatched(void **state)
{
    struct bench *b = *state;
    close_index(b->r);
    shell("rm -r '%s'", b->r->path);
    open_index(b->r);
    for (int i = 0; i < 100; i++) {
        look(b);
        if (rc_snapshot_epoch(b->s) == rc_index_epoch(b->r->ix))
            return;
        usleep(20000);
    }
    fail_msg("still reads what was removed");
}

/* Across processes */

static void test_reader_does_not_survive_a_fork(void **state)
{
    struct bench *b = *state;
    int status = 0;
    look(b);
    pid_t pid = fork();
    if (pid == 0) {
        rc_snapshot *s = NULL;
        rc_row row;
        rc_reader *own = NULL;
        alarm(20);
        if (rc_snapshot_begin(b->reader, &s, NULL) != RC_UNSUPPORTED)
            _exit(1);
        rc_snapshot_end(b->s); /* may be cleaned up */
        rc_reader_close(b->reader);
        if (rc_reader_open(b->r->path, &own, NULL) || rc_snapshot_begin(own, &s, NULL) ||
            rc_snapshot_get(s, id_text(1), &row, NULL) != RC_NOTFOUND)
            _exit(2);
        rc_snapshot_end(s);
        rc_reader_close(own);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    /* what the child cleaned up was not the parent's: its slot still pins its snapshot */
    rc_live_info info;
    assert_int_equal(rc_index_housekeep(b->r->ix, NULL), RC_OK);
    assert_int_equal(rc_reader_live(b->reader, &info, NULL), RC_OK);
    assert_true(info.readers >= 2); /* the writer's parked one, and this */
    put_named(b->r, 1, "a", RC_STATE_RUNNING);
    commit(b->r);
    look(b);
    assert_int_equal(rc_snapshot_rev(b->s), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_find),
        TEST(test_long_names),
        TEST(test_keys_are_only_hints),
        TEST(test_rows_in_order),
        TEST(test_by_role),
        TEST(test_by_port),
        TEST(test_log_errors),
        TEST(test_gap_in_the_log),
        TEST(test_several_snapshots_stand),
        TEST(test_opening),
        TEST(test_read_only_mount_is_refused),
        TEST(test_writer_state),
        TEST(test_ready),
        TEST(test_fd_wakes_on_a_commit),
        TEST(test_fd_without_inotify),
        TEST(test_folder_made_anew),
        TEST(test_folder_made_anew_unwatched),
        TEST(test_reader_does_not_survive_a_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
