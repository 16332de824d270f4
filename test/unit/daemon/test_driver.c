/* The driver over a real index, without an engine: what it makes of what the daemon before it left,
 * and of a disk that is full. */
#include "daemon/driver.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "../index/room.h"
#include "base/clock.h"

#define S RC_NS_PER_SEC

struct bench {
    struct room *room;
    struct event_base *base;
    rc_config *config;
    rc_endpoint *endpoint;
    rc_log *log;
    int log_fds[2];
    char said[16384];
    rc_driver *driver;
};

static const char *no_env(void *arg, const char *name)
{
    (void)arg, (void)name;
    return NULL;
}

static void configure(struct bench *b)
{
    static char *const env[] = {NULL};
    rc_error err = RC_ERROR_INIT;
    enum rc_config_wish wish = RC_CONFIG_RUN;
    char name[] = "rollcalld", index[] = "--index", flag[] = "-H", host[160];
    snprintf(host, sizeof(host), "unix://%s/none.sock", b->room->base);
    char *const argv[] = {name, index, b->room->path, flag, host, NULL};
    ok(rc_config_load(5, argv, env, &b->config, &wish, &err), &err);
    rc_endpoint_options where = {.host = b->config->engine.host, .getenv = no_env};
    ok(rc_endpoint_resolve(&where, &b->endpoint, &err), &err);
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->room = new_room(MEMORY);
    configure(b);
    b->base = event_base_new();
    assert_int_equal(event_base_priority_init(b->base, 2), 0);
    assert_int_equal(pipe2(b->log_fds, O_CLOEXEC | O_NONBLOCK), 0);
    b->log = rc_log_new(b->log_fds[1], RC_LOG_INFO, RC_LOG_TEXT);
    open_index(b->room);
    *state = b;
    return 0;
}

/* No file may grow or be written beyond the live page's length: as good as a full disk. */
static void fill_disk(bool full)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = full ? RC_LIVE_SIZE : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    fill_disk(false);
    rc_driver_free(b->driver);
    event_base_free(b->base);
    rc_endpoint_free(b->endpoint);
    rc_config_free(b->config);
    rc_log_free(b->log);
    close(b->log_fds[0]);
    close(b->log_fds[1]);
    free_room(b->room);
    free(b);
    return 0;
}

static void drive(struct bench *b)
{
    rc_error err = RC_ERROR_INIT;
    ok(rc_driver_new(b->base, b->config, b->endpoint, b->room->ix, b->log, &b->driver, &err), &err);
}

static rc_live_info live_of(struct bench *b)
{
    rc_live_info info;
    rc_error err = RC_ERROR_INIT;
    ok(rc_live_read(rc_index_live(b->room->ix), &info, &err), &err);
    return info;
}

/* How often the log has said this so far. */
static int times_said(struct bench *b, const char *what)
{
    size_t len = strlen(b->said);
    ssize_t n = read(b->log_fds[0], b->said + len, sizeof(b->said) - 1 - len);
    if (n > 0)
        b->said[len + (size_t)n] = '\0';
    int times = 0;
    for (const char *p = b->said; (p = strstr(p, what)); p++)
        times++;
    return times;
}

/* ---- the daemon before ---- */

static void set_beat(rc_live_info *info, void *arg)
{
    info->mirror_beat_ns = *(const int64_t *)arg;
}

/* A daemon that beat for the last time ago_ns ago, and was killed then. */
static void live_before(struct bench *b, const rc_mirror_status *status, int64_t ago_ns)
{
    int64_t beat = rc_clock_mono() - ago_ns;
    rc_index_set_mirror(b->room->ix, status);
    commit(b->room);
    rc_live_update(rc_index_live(b->room->ix), set_beat, &beat);
    reopen(b->room);
    assert_int_equal(b->room->origin, RC_INDEX_KEPT);
}

static void test_rows_are_stale_since_the_last_daemon_died(void **state)
{
    struct bench *b = *state;
    live_before(b, &(rc_mirror_status){RC_MIRROR_LIVE, true, 0}, S);
    int64_t now = rc_clock_real();
    drive(b);
    assert_false(live_of(b).mirror.synced);
    assert_true(live_of(b).mirror.stale_since_ns <= now - S);
    assert_true(live_of(b).mirror.stale_since_ns > now - 100 * S);
}

static void test_an_outage_goes_on_over_a_restart(void **state)
{
    struct bench *b = *state;
    live_before(b, &(rc_mirror_status){RC_MIRROR_DISCONNECTED, false, 12345 * S}, S);
    drive(b);
    assert_int_equal(live_of(b).mirror.stale_since_ns, 12345 * S);
    /* And over a clean end. */
    b->driver = rc_driver_free(b->driver);
    reopen(b->room);
    drive(b);
    assert_int_equal(live_of(b).mirror.stale_since_ns, 12345 * S);
}

static void test_a_new_index_is_stale_from_now(void **state)
{
    struct bench *b = *state;
    int64_t before = rc_clock_real();
    drive(b);
    assert_true(live_of(b).mirror.stale_since_ns >= before);
}

/* ---- a full disk ---- */

static uint64_t failures(struct bench *b)
{
    return rc_stat_get(rc_live_stats(rc_index_live(b->room->ix)), RC_STAT_COMMIT_FAILURES);
}

static void test_a_full_disk(void **state)
{
    struct bench *b = *state;
    signal(SIGXFSZ, SIG_IGN);
    fill_disk(true);
    drive(b);
    uint64_t at_start = failures(b);
    assert_true(at_start > 0);
    /* What comes meanwhile waits for the retry, too. */
    for (int i = 0; i < 1000; i++)
        rc_driver_resync(b->driver);
    assert_int_equal(failures(b), at_start);
    while (failures(b) < at_start + 3)
        assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
    assert_int_equal(times_said(b, "the changes wait"), 1);
    assert_int_equal(rc_index_rev(b->room->ix), 0);
    fill_disk(false);
    while (rc_index_dirty(b->room->ix))
        assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
    assert_int_equal(times_said(b, "commits again"), 1);
    assert_int_equal(rc_index_rev(b->room->ix), 1);
}

/* ---- no engine ---- */

static uint64_t refusals(struct bench *b)
{
    const rc_stats *stats = rc_live_stats(rc_index_live(b->room->ix));
    return rc_stat_get(stats, RC_STAT_RECONNECTS + RC_RECONNECT_REFUSED);
}

static void test_no_engine(void **state)
{
    struct bench *b = *state;
    drive(b);
    while (refusals(b) < 4)
        assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
    assert_int_equal(times_said(b, "not connected yet"), 1);
    assert_int_equal(times_said(b, "none.sock"), 1);
    assert_int_equal(live_of(b).mirror.state, RC_MIRROR_CONNECTING);
    assert_true(live_of(b).last_error[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_are_stale_since_the_last_daemon_died, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_outage_goes_on_over_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_index_is_stale_from_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_engine, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
