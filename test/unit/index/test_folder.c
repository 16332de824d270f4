/* What a killed writer, a full disk, another boot or somebody's hands may have left below the path:
 * whatever it is, an index opens, and nothing is left lying about. Each state is made by hand. */
#include "room.h"

#include <dirent.h>
#include <fcntl.h>

#include "base/hash.h"
#include "index/kv.h"
#include "index/layout.h"
#include "index/record.h"

struct place {
    struct room *r;
    char env[RC_ENV_NAME_MAX]; /* what `current` leads to */
    uint64_t epoch;
};

static void read_current(struct place *p)
{
    rc_error err = RC_ERROR_INIT;
    rc_env_name name;
    int fd = open(p->r->path, O_RDONLY | O_DIRECTORY);
    ok(rc_current_read(fd, &name, &err), &err);
    close(fd);
    rc_env_name_format(&name, p->env);
}

/* An index with two rows in two revisions, closed. */
static struct place *new_place(const char *where)
{
    struct place *p = calloc(1, sizeof(*p));
    p->r = new_room(where);
    open_index(p->r);
    put_named(p->r, 1, "a", RC_STATE_RUNNING);
    commit(p->r);
    put_named(p->r, 2, "b", RC_STATE_RUNNING);
    commit(p->r);
    p->epoch = rc_index_epoch(p->r->ix);
    close_index(p->r);
    read_current(p);
    return p;
}

static int setup_memory(void **state)
{
    *state = new_place(MEMORY);
    return 0;
}

static int setup_disk(void **state)
{
    *state = new_place(DISK);
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    free_room(p->r);
    free(p);
    return 0;
}

/* How many names below the path begin so. */
static unsigned count_names(struct place *p, const char *prefix)
{
    unsigned n = 0;
    DIR *dir = opendir(p->r->path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    closedir(dir);
    return n;
}

/* One environment, at most one aside, the link, the live page, and nothing else. */
static void expect_tidy(struct place *p, unsigned asides)
{
    assert_int_equal(count_names(p, "env."), 1);
    assert_int_equal(count_names(p, "aside."), asides);
    assert_int_equal(count_names(p, "current"), 1);
    assert_int_equal(count_names(p, "live"), 1);
    assert_int_equal(count_names(p, ""), 5 + asides); /* with . and .. */
}

static void expect_kept(struct place *p)
{
    rc_row row;
    open_index(p->r);
    assert_int_equal(p->r->origin, RC_INDEX_KEPT);
    assert_true(rc_index_epoch(p->r->ix) == p->epoch);
    assert_int_equal(rc_index_rev(p->r->ix), 2);
    assert_int_equal(get(p->r, 2, &row), RC_OK);
    expect_tidy(p, 0);
}

/* Anew, and as good as new: it takes rows, and is kept the next time. */
static void expect_anew(struct place *p, enum rc_index_origin origin, const char *reason,
                        unsigned asides)
{
    rc_row row;
    open_index(p->r);
    assert_int_equal(p->r->origin, origin);
    assert_true(rc_index_epoch(p->r->ix) != p->epoch);
    assert_int_equal(rc_index_rev(p->r->ix), 0);
    assert_int_equal(get(p->r, 1, &row), RC_NOTFOUND);
    if (reason && !strstr(p->r->reason.msg, reason))
        fail_msg("\"%s\" does not say \"%s\"", p->r->reason.msg, reason);
    expect_tidy(p, asides);
    put_named(p->r, 3, "c", RC_STATE_RUNNING);
    commit(p->r);
    reopen(p->r);
    assert_int_equal(p->r->origin, RC_INDEX_KEPT);
    assert_int_equal(rc_index_rev(p->r->ix), 1);
    expect_tidy(p, asides);
}

#define PATH(p) ((p)->r->path), ((p)->env)

static void test_left_by_a_writer_killed_while_making_the_first(void **state)
{
    struct place *p = *state;
    shell("cd '%s' && rm current", p->r->path);
    expect_anew(p, RC_INDEX_NEW, NULL, 0);
}

static void test_left_by_a_writer_killed_while_copying(void **state)
{
    struct place *p = *state;
    rc_env_name name;
    char next[RC_ENV_NAME_MAX];
    assert_true(rc_env_name_parse(p->env, &name));
    name.number++;
    rc_env_name_format(&name, next);
    shell("cd '%s' && mkdir %s && head -c 10000 %s/data.mdb > %s/data.mdb", p->r->path, next,
          p->env, next);
    expect_kept(p);
}

static void test_left_by_a_writer_killed_while_switching(void **state)
{
    struct place *p = *state;
    shell("cd '%s' && ln -s env.99 current.new", p->r->path);
    expect_kept(p);
}

static void test_left_by_a_writer_killed_while_removing(void **state)
{
    struct place *p = *state;
    shell("cd '%s' && cp -r %s gone.7 && rm gone.7/data.mdb", PATH(p));
    expect_kept(p);
}

static void test_left_by_a_writer_killed_while_setting_aside(void **state)
{
    struct place *p = *state;
    shell("cd '%s' && mv %s aside.9", PATH(p));
    expect_anew(p, RC_INDEX_ASIDE, "not there", 1);
}

static void test_several_asides_become_one(void **state)
{
    struct place *p = *state;
    shell("cd '%s' && mkdir aside.3 aside.4 && touch aside.3/x", p->r->path);
    open_index(p->r);
    expect_tidy(p, 1);
    assert_int_equal(count_names(p, "aside.4"), 1);
    close_index(p->r);
    shell("cd '%s' && head -c 5000 /dev/urandom > %s/data.mdb", PATH(p));
    expect_anew(p, RC_INDEX_ASIDE, "data.mdb", 1);
    assert_int_equal(count_names(p, "aside.4"), 0);
}

static void test_damaged_data_files(void **state)
{
    static const char *const damage[] = {
        "head -c 500000 /dev/urandom > $e/data.mdb",
        "head -c 500000 /dev/zero > $e/data.mdb",
        "echo hello > $e/data.mdb",
        ": > $e/data.mdb",
        "rm $e/data.mdb",
        "rm $e/*",
        "truncate -s 9000 $e/data.mdb",
        "truncate -s 4096 $e/data.mdb",
        "truncate -s 100 $e/data.mdb",
        "rm $e/data.mdb && mkdir $e/data.mdb",
        "rm $e/data.mdb && mkfifo $e/data.mdb",
        "rm $e/data.mdb && ln -s loop $e/data.mdb && ln -s data.mdb $e/loop",
        /* all but the meta pages */
        "dd if=/dev/urandom of=$e/data.mdb bs=4096 seek=2 count=20 conv=notrunc status=none",
        "dd if=/dev/zero of=$e/data.mdb bs=4096 seek=2 count=20 conv=notrunc status=none",
        "rm -r $e && touch $e",
        "rm -r $e && ln -s nowhere $e",
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        rc_error err = RC_ERROR_INIT;
        shell("cd '%s' && e=%s && %s", p->r->path, p->env, damage[i]);
        int code = rc_index_open(&p->r->options, &p->r->ix, &p->r->origin, &p->r->reason, &err);
        if (code || p->r->origin != RC_INDEX_ASIDE)
            fail_msg("%s: origin %d, %s", damage[i], (int)p->r->origin, err.msg);
        assert_true(rc_index_epoch(p->r->ix) != p->epoch);
        expect_tidy(p, 1);
        put_named(p->r, 1, "a", RC_STATE_RUNNING);
        commit(p->r);
        p->epoch = rc_index_epoch(p->r->ix);
        close_index(p->r);
        read_current(p);
    }
}

/* Each page in turn becomes rubbish: the index may be kept (the page was free), or made anew. */
static void test_no_damaged_page_kills(void **state)
{
    struct place *p = *state;
    unsigned kept = 0, anew = 0;
    uint64_t random = 1;
    static char big[9000];
    memset(big, 'x', sizeof(big));
    open_index(p->r);
    for (uint32_t i = 0; i < 200; i++) {
        rc_row row = row_of(i, "n", RC_STATE_RUNNING);
        row.command = rc_str_n(big, i % 10 ? 100 : sizeof(big));
        put(p->r, &row);
        if (i % 40 == 0)
            commit(p->r);
    }
    commit(p->r);
    close_index(p->r);
    shell("cp -a '%s' '%s.kept'", p->r->path, p->r->path);
    for (unsigned page = 2; page < 150; page += 3) {
        unsigned char rubbish[4096];
        char file[256];
        uint64_t flavour = page % 4;
        for (size_t i = 0; i < sizeof(rubbish); i++)
            rubbish[i] = flavour == 0 ? 0 : (unsigned char)(rc_rand_next(&random) >> 32);
        shell("rm -rf '%s' && cp -a '%s.kept' '%s'", p->r->path, p->r->path, p->r->path);
        snprintf(file, sizeof(file), "%s/current/data.mdb", p->r->path);
        int fd = open(file, O_WRONLY);
        off_t at = flavour == 1 ? 16 : 0; /* behind a good header */
        assert_int_equal(pwrite(fd, rubbish, sizeof(rubbish) - (size_t)at, (off_t)page * 4096 + at),
                         (ssize_t)sizeof(rubbish) - at);
        close(fd);
        open_index(p->r);
        kept += p->r->origin == RC_INDEX_KEPT;
        anew += p->r->origin == RC_INDEX_ASIDE;
        for (uint32_t i = 0; i < 200; i++) {
            rc_row row = row_of(i, "m", RC_STATE_EXITED);
            put(p->r, &row);
        }
        commit(p->r);
        close_index(p->r);
    }
    assert_true(kept > 0 && anew > 10);
    assert_int_equal(kept + anew, 50);
}

/* Opens the closed index's store, as nobody but these tests does. */
static rc_kv *open_store(struct place *p)
{
    char dir[256];
    rc_error err = RC_ERROR_INIT;
    rc_kv *kv = NULL;
    snprintf(dir, sizeof(dir), "%s/current", p->r->path);
    const rc_kv_options o = {.dir = dir, .map_size = 64 << 20, .write = true};
    ok(rc_kv_open(&o, &kv, &err), &err);
    return kv;
}

static void change_store(struct place *p, const char *table, rc_str key, rc_str value)
{
    rc_error err = RC_ERROR_INIT;
    rc_kv *kv = open_store(p);
    rc_kv_table t;
    rc_kv_txn *txn = NULL;
    ok(rc_kv_table_open(kv, table, &t, &err), &err);
    ok(rc_kv_begin(kv, true, &txn, &err), &err);
    if (value.len)
        ok(rc_kv_put(txn, t, key, value, &err), &err);
    else
        ok(rc_kv_del(txn, t, key, &err), &err);
    ok(rc_kv_commit(txn, &err), &err);
    rc_kv_close(kv);
}

static void change_meta(struct place *p, size_t at, char to)
{
    rc_error err = RC_ERROR_INIT;
    char copy[64];
    rc_str v;
    rc_kv *kv = open_store(p);
    rc_kv_table t;
    rc_kv_txn *txn = NULL;
    ok(rc_kv_table_open(kv, "meta", &t, &err), &err);
    ok(rc_kv_begin(kv, true, &txn, &err), &err);
    ok(rc_kv_get(txn, t, RC_STR("state"), &v, &err), &err);
    assert_int_equal(v.len, sizeof(copy));
    memcpy(copy, v.ptr, sizeof(copy));
    copy[at] = to;
    ok(rc_kv_put(txn, t, RC_STR("state"), rc_str_n(copy, sizeof(copy)), &err), &err);
    ok(rc_kv_commit(txn, &err), &err);
    rc_kv_close(kv);
}

static void test_another_format_version(void **state)
{
    change_meta(*state, 0, 2);
    expect_anew(*state, RC_INDEX_ASIDE, "version 2", 1);
}

static void test_meta_that_cannot_be(void **state)
{
    change_meta(*state, 48, 77);
    expect_anew(*state, RC_INDEX_ASIDE, "mirror's state", 1);
}

static void test_no_epoch(void **state)
{
    change_store(*state, "meta", RC_STR("state"), RC_STR_EMPTY);
    expect_anew(*state, RC_INDEX_ASIDE, "no epoch", 1);
}

static void test_corrupt_row(void **state)
{
    change_store(*state, "containers", id_text(2), RC_STR("no record of anything"));
    expect_anew(*state, RC_INDEX_ASIDE, "record", 1);
}

static void test_row_under_another_key(void **state)
{
    rc_buf record = RC_BUF_INIT(0);
    rc_row row = row_of(2, "b", RC_STATE_RUNNING);
    assert_int_equal(rc_record_encode(&row, &record, NULL), RC_OK);
    change_store(*state, "containers", id_text(5), rc_buf_view(&record));
    rc_buf_release(&record);
    expect_anew(*state, RC_INDEX_ASIDE, "another row's key", 1);
}

static void test_corrupt_network(void **state)
{
    change_store(*state, "networks", RC_STR("n"), RC_STR("no record of anything"));
    expect_anew(*state, RC_INDEX_ASIDE, "network", 1);
}

static void test_log_without_its_end(void **state)
{
    change_store(*state, "changes", rc_str_n("\0\0\0\0\0\0\0\2", 8), RC_STR_EMPTY);
    expect_anew(*state, RC_INDEX_ASIDE, "log", 1);
}

static void test_log_without_its_beginning(void **state)
{
    change_store(*state, "changes", rc_str_n("\0\0\0\0\0\0\0\1", 8), RC_STR_EMPTY);
    expect_anew(*state, RC_INDEX_ASIDE, "log", 1);
}

static void test_current_is_something_else(void **state)
{
    struct place *p = *state;
    static const char *const made[] = {"mkdir current && touch current/x",
                                       "echo x > current",
                                       "ln -s /etc current",
                                       "ln -s ../../x current",
                                       "ln -s env.0 current",
                                       "ln -s env.1x current"};
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        shell("cd '%s' && rm -r current && %s", p->r->path, made[i]);
        expect_anew(p, RC_INDEX_ASIDE, "current", 1); /* a link leaves the aside from before */
        p->epoch = rc_index_epoch(p->r->ix);
        close_index(p->r);
    }
}

/* A FIFO would hang whoever opens it: what another boot left is never opened. */
static void test_another_boot_is_not_opened(void **state)
{
    static const char other[] = "env.0123456789abcdef0123456789abcdef.5";
    struct place *p = *state;
    shell("cd '%s' && mv %s %s && rm %s/* && mkfifo %s/data.mdb && ln -sfn %s current", PATH(p),
          other, other, other, other);
    bool on_disk = strstr(p->env, ".") != strrchr(p->env, '.');
    expect_anew(p, RC_INDEX_ASIDE, on_disk ? "another boot" : "another kind", 0);
}

static void test_live_page_that_is_none(void **state)
{
    static const char *const made[] = {": > live", "echo x > live",
                                       "head -c 9000 /dev/urandom > live", "rm live"};
    struct place *p = *state;
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        rc_live_info info;
        rc_live *live = NULL;
        shell("cd '%s' && %s", p->r->path, made[i]);
        expect_kept(p);
        assert_int_equal(rc_live_open(p->r->path, &live, NULL), RC_OK);
        assert_int_equal(rc_live_read(live, &info, NULL), RC_OK);
        assert_true(info.epoch == p->epoch && info.containers[RC_STATE_RUNNING] == 2);
        rc_live_close(live);
        close_index(p->r);
    }
}

static void test_group(void **state)
{
    struct place *p = *state;
    struct stat st;
    char file[256];
    static const char *const names[] = {"", "current/", "current/data.mdb", "live",
                                        "current/lock.mdb"};
    static const mode_t modes[] = {02750, 02750, 0640, 0640, 0660};
    if (getuid() != 0) {
        print_message("skipped: only root gives files away\n");
        skip();
    }
    for (int round = 0; round < 2; round++) { /* an index from before, then a new one */
        p->r->options.gid = 65534;
        open_index(p->r);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            snprintf(file, sizeof(file), "%s/%s", p->r->path, names[i]);
            assert_int_equal(stat(file, &st), 0);
            assert_int_equal(st.st_gid, 65534);
            /* a folder that was there keeps its modes, but for the group's */
            if (round == 1 || S_ISREG(st.st_mode))
                assert_int_equal(st.st_mode & 07777, modes[i]);
        }
        close_index(p->r);
        shell("rm -r '%s'", p->r->path);
    }
}

static void test_names(void **state)
{
    static const char *const good[] = {"env.1", "env.184467",
                                       "env.0123456789abcdef0123456789abcdef.7"};
    static const char *const bad[] = {
        "",
        "env",
        "env.",
        "env.0",
        "env.01",
        "env.-1",
        "env.1 ",
        "xenv.1",
        "env.1.2",
        "env.1/../..",
        "env.0123.7",
        "env..7",
        "env.1\n",
        "/env.1",
        "env.99999999999999999999",
        "env.0123456789ABCDEF0123456789abcdef.7",
    };
    rc_env_name name;
    char text[RC_ENV_NAME_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(rc_env_name_parse(good[i], &name));
        rc_env_name_format(&name, text);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(rc_env_name_parse(bad[i], &name));
}

#define BOTH(f)                                         \
    {#f " in memory", f, setup_memory, teardown, NULL}, \
    {                                                   \
#f " on disk", f, setup_disk, teardown, NULL    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_left_by_a_writer_killed_while_making_the_first),
        BOTH(test_left_by_a_writer_killed_while_copying),
        BOTH(test_left_by_a_writer_killed_while_switching),
        BOTH(test_left_by_a_writer_killed_while_removing),
        BOTH(test_left_by_a_writer_killed_while_setting_aside),
        BOTH(test_several_asides_become_one),
        BOTH(test_damaged_data_files),
        cmocka_unit_test_setup_teardown(test_no_damaged_page_kills, setup_memory, teardown),
        BOTH(test_another_format_version),
        BOTH(test_meta_that_cannot_be),
        BOTH(test_no_epoch),
        BOTH(test_corrupt_row),
        BOTH(test_row_under_another_key),
        BOTH(test_corrupt_network),
        BOTH(test_log_without_its_end),
        BOTH(test_log_without_its_beginning),
        BOTH(test_current_is_something_else),
        BOTH(test_another_boot_is_not_opened),
        BOTH(test_live_page_that_is_none),
        BOTH(test_group),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
