/* The live page: one writer, consistent copies beside it, a writer that died in mid-update. */
#include "room.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/inotify.h>
#include <sys/wait.h>

#include "index/live.h"

#define SEQUENCE_AT 16 /* docs/index-format.md */

static int setup(void **state)
{
    struct room *r = new_room(MEMORY);
    shell("mkdir -p '%s'", r->path);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    free_room(*state);
    return 0;
}

static rc_live *create(struct room *r)
{
    rc_error err = RC_ERROR_INIT;
    rc_live *live = NULL;
    ok(rc_live_create(r->path, 0640, (gid_t)-1, &live, &err), &err);
    return live;
}

static rc_live *open_page(struct room *r)
{
    rc_error err = RC_ERROR_INIT;
    rc_live *live = NULL;
    ok(rc_live_open(r->path, &live, &err), &err);
    return live;
}

static rc_live_info read_page(const rc_live *live)
{
    rc_error err = RC_ERROR_INIT;
    rc_live_info info;
    ok(rc_live_read(live, &info, &err), &err);
    return info;
}

static void set_some(rc_live_info *info, void *arg)
{
    (void)arg;
    info->epoch = 7;
    info->mirror = (rc_mirror_status){RC_MIRROR_DISCONNECTED, false, 5};
    info->containers[15] = 9;
    strcpy(info->last_error, "engine is away");
}

static void test_fields_and_counters(void **state)
{
    struct room *r = *state;
    rc_live *none = NULL;
    assert_int_equal(rc_live_open(r->path, &none, NULL), RC_NOTFOUND);
    rc_live *writer = create(r), *reader = open_page(r);
    rc_live_info info = read_page(reader);
    assert_int_equal(info.pid, getpid());
    assert_true(info.started_ns > 0 && info.epoch == 0);
    assert_string_equal(info.version, ROLLCALL_VERSION);
    rc_live_update(writer, set_some, NULL);
    rc_live_committed(writer, 42);
    rc_live_set_generation(writer, 3);
    rc_stat_add(rc_live_stats(writer), RC_STAT_COMMITS, 5);
    info = read_page(reader);
    assert_true(info.epoch == 7 && info.containers[15] == 9 && info.mirror.stale_since_ns == 5);
    assert_int_equal(info.mirror.state, RC_MIRROR_DISCONNECTED);
    assert_string_equal(info.last_error, "engine is away");
    assert_true(rc_live_rev(reader) == 42 && rc_live_generation(reader) == 3);
    assert_int_equal(rc_stat_get(rc_live_counters(reader), RC_STAT_COMMITS), 5);
    assert_int_equal(rc_stat_get(rc_live_counters(writer), RC_STAT_COMMITS), 5);

    /* A new daemon: fields and counters begin anew, revision and generation go on, and the reader
     * sees it without opening it again. */
    rc_live_close(writer);
    writer = create(r);
    info = read_page(reader);
    assert_true(info.epoch == 0 && info.containers[15] == 0 && info.last_error[0] == '\0');
    assert_int_equal(rc_stat_get(rc_live_counters(reader), RC_STAT_COMMITS), 0);
    assert_true(rc_live_rev(reader) == 42 && rc_live_generation(reader) == 3);
    rc_live_close(writer);
    rc_live_close(reader);
}

static void test_lock_tells_whether_the_writer_lives(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    rc_live *writer = create(r), *second = NULL, *reader = open_page(r);
    assert_int_equal(rc_live_create(r->path, 0640, (gid_t)-1, &second, &err), RC_EXISTS);
    assert_non_null(strstr(err.msg, r->path));
    assert_true(rc_live_writer_holds(writer));
    assert_true(rc_live_writer_holds(reader)); /* of this very process */
    rc_live_close(open_page(r));               /* which takes nothing away */
    assert_true(rc_live_writer_holds(reader));
    rc_live_close(writer);
    assert_false(rc_live_writer_holds(reader));

    /* a writer that is killed */
    int pipes[2];
    char byte;
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        rc_live *live = NULL;
        if (rc_live_create(r->path, 0640, (gid_t)-1, &live, NULL) || write(pipes[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_true(rc_live_writer_holds(reader));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(rc_live_writer_holds(reader));
    close(pipes[0]);
    close(pipes[1]);
    rc_live_close(reader);
}

static void poke(struct room *r, off_t at, const void *p, size_t n)
{
    char file[256];
    snprintf(file, sizeof(file), "%s/live", r->path);
    int fd = open(file, O_WRONLY);
    assert_int_equal(pwrite(fd, p, n, at), (ssize_t)n);
    close(fd);
}

static void test_writer_that_died_in_mid_update(void **state)
{
    struct room *r = *state;
    rc_live *writer = create(r), *reader = open_page(r);
    rc_live_info info;
    rc_live_update(writer, set_some, NULL);
    rc_live_close(writer);
    poke(r, SEQUENCE_AT, &(uint64_t){5}, 8);
    memset(&info, 0, sizeof(info));
    assert_int_equal(rc_live_read(reader, &info, NULL), RC_BUSY);
    assert_int_equal(info.epoch, 7); /* as good as can be had */
    writer = create(r);              /* the next one repairs it */
    info = read_page(reader);
    assert_int_equal(info.epoch, 0);
    rc_live_update(writer, set_some, NULL);
    assert_int_equal(read_page(reader).epoch, 7);
    rc_live_close(writer);
    rc_live_close(reader);
}

static void set_beat(rc_live_info *info, void *arg)
{
    (void)arg;
    info->epoch = 7;
    info->mirror_beat_ns = 12345;
}

static void test_the_beat_of_the_writer_before(void **state)
{
    struct room *r = *state;
    rc_live *writer = create(r);
    assert_int_equal(rc_live_beat_before(writer, 7), 0);
    rc_live_update(writer, set_beat, NULL);
    assert_int_equal(rc_live_beat_before(writer, 7), 0);
    rc_live_close(writer);
    writer = create(r);
    assert_int_equal(rc_live_beat_before(writer, 7), 12345);
    assert_int_equal(rc_live_beat_before(writer, 8), 0);
    assert_int_equal(read_page(writer).mirror_beat_ns, 0);
    rc_live_close(writer);
    /* A page of another format tells nothing. */
    shell("printf '\\377\\377' | dd of='%s/live' bs=1 seek=8 conv=notrunc 2>/dev/null", r->path);
    writer = create(r);
    assert_int_equal(rc_live_beat_before(writer, 0), 0);
    rc_live_close(writer);
}

static void test_pages_that_cannot_be_read(void **state)
{
    struct room *r = *state;
    rc_live *live = NULL;
    rc_live_close(create(r));
    poke(r, 8, &(uint32_t){2}, 4);
    assert_int_equal(rc_live_open(r->path, &live, NULL), RC_VERSION);
    poke(r, 0, "rubbish!", 8);
    assert_int_equal(rc_live_open(r->path, &live, NULL), RC_CORRUPT);
    poke(r, 0, &(uint64_t){0}, 8); /* made, and not yet begun */
    assert_int_equal(rc_live_open(r->path, &live, NULL), RC_NOTFOUND);
    shell("truncate -s 100 '%s/live'", r->path);
    assert_int_equal(rc_live_open(r->path, &live, NULL), RC_CORRUPT);
    shell("truncate -s 0 '%s/live'", r->path);
    assert_int_equal(rc_live_open(r->path, &live, NULL), RC_NOTFOUND);
    shell("cd '%s' && rm live && mkfifo live", r->path);
    assert_int_equal(rc_live_open(r->path, &live, NULL), RC_CORRUPT);
    assert_int_not_equal(rc_live_create(r->path, 0640, (gid_t)-1, &live, NULL), RC_OK);
    assert_null(live);
}

/* Whatever the fields hold, the copy may be used: no text without an end, no state out of range. */
static void test_rubbish_in_the_fields(void **state)
{
    struct room *r = *state;
    static char rubbish[RC_LIVE_SIZE - 64];
    memset(rubbish, 0xEE, sizeof(rubbish));
    rc_live_close(create(r));
    poke(r, 64, rubbish, sizeof(rubbish));
    rc_live *reader = open_page(r);
    rc_live_info info = read_page(reader);
    assert_true(info.mirror.state < RC_MIRROR_STATE_COUNT && info.mirror.synced == true);
    assert_int_equal(strlen(info.last_error), RC_LIVE_TEXT_MAX - 1);
    assert_int_equal(strlen(info.endpoint), RC_LIVE_TEXT_MAX - 1);
    rc_live_close(reader);
}

static void test_only_a_commit_wakes(void **state)
{
    struct room *r = *state;
    char file[256], room[4096];
    rc_live *writer = create(r);
    snprintf(file, sizeof(file), "%s/live", r->path);
    int fd = inotify_init1(IN_NONBLOCK);
    assert_true(inotify_add_watch(fd, file, IN_MODIFY) >= 0);
    rc_live_update(writer, set_some, NULL);
    rc_live_set_generation(writer, 9);
    rc_stat_add(rc_live_stats(writer), RC_STAT_COMMITS, 1);
    assert_int_equal(read(fd, room, sizeof(room)), -1);
    rc_live_committed(writer, 1);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1);
    close(fd);
    rc_live_close(writer);
}

static void test_removed(void **state)
{
    struct room *r = *state;
    rc_live *writer = create(r), *reader = open_page(r);
    assert_false(rc_live_removed(reader));
    shell("rm '%s/live'", r->path);
    assert_true(rc_live_removed(reader));
    rc_live_close(writer);
    rc_live_close(reader);
}

/* Two threads write, two read: an update is seen whole or not at all, and none is lost. */

#define UPDATES 20000

struct race {
    rc_live *writer;
    const rc_live *reader;
    atomic_bool done;
    atomic_uint torn;
    atomic_uint reads;
};

static void count_up(rc_live_info *info, void *arg)
{
    (void)arg;
    info->used_bytes++;
    info->map_bytes = info->used_bytes;
    memset(info->last_error, 'a' + (int)(info->used_bytes % 26), RC_LIVE_TEXT_MAX - 1);
}

static void *write_many(void *arg)
{
    struct race *race = arg;
    for (int i = 0; i < UPDATES; i++)
        rc_live_update(race->writer, count_up, NULL);
    return NULL;
}

static void *read_many(void *arg)
{
    struct race *race = arg;
    rc_live_info info;
    while (!atomic_load(&race->done)) {
        if (rc_live_read(race->reader, &info, NULL))
            continue;
        atomic_fetch_add(&race->reads, 1);
        bool whole = info.used_bytes == info.map_bytes;
        for (size_t i = 0; whole && info.used_bytes && i < RC_LIVE_TEXT_MAX - 1; i++)
            whole = info.last_error[i] == 'a' + (int)(info.used_bytes % 26);
        if (!whole)
            atomic_fetch_add(&race->torn, 1);
    }
    return NULL;
}

static void test_updates_are_seen_whole(void **state)
{
    struct room *r = *state;
    rc_live *writer = create(r), *reader = open_page(r);
    struct race race = {.writer = writer, .reader = reader};
    pthread_t writers[2], readers[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_many, &race), 0);
        assert_int_equal(pthread_create(&writers[i], NULL, write_many, &race), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(writers[i], NULL);
    while (atomic_load(&race.reads) == 0) /* the machine is busy */
        usleep(1000);
    atomic_store(&race.done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&race.torn), 0);
    assert_int_equal(read_page(reader).used_bytes, 2 * UPDATES);
    rc_live_close(writer);
    rc_live_close(reader);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fields_and_counters),
        TEST(test_lock_tells_whether_the_writer_lives),
        TEST(test_writer_that_died_in_mid_update),
        TEST(test_the_beat_of_the_writer_before),
        TEST(test_pages_that_cannot_be_read),
        TEST(test_rubbish_in_the_fields),
        TEST(test_only_a_commit_wakes),
        TEST(test_removed),
        TEST(test_updates_are_seen_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
