/* The API's endpoints over its socket, in every state that index and daemon can be in. */
#include <event2/event.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "client.h"
#include "fake_reader.h"
#include "reader/status.h"
#include "serve/api.h"

struct room {
    char dir[64];
    char path[96];
    struct event_base *base;
    rc_api_options options;
    rc_api *api;
    rc_stats stats;
    pthread_t thread;
    int resync_code;
    unsigned resyncs;
};

static int on_resync(void *arg, rc_error *err)
{
    struct room *r = arg;
    r->resyncs++;
    return r->resync_code ? rc_fail(err, r->resync_code, "64 commands wait already") : RC_OK;
}

static void *run(void *arg)
{
    event_base_loop(arg, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

/* Between a stop and a start the test may change what the loop's thread reads. */
static void start(struct room *r)
{
    assert_int_equal(pthread_create(&r->thread, NULL, run, r->base), 0);
}

static void stop(struct room *r)
{
    event_base_loopbreak(r->base);
    pthread_join(r->thread, NULL);
}

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    rc_error err = RC_ERROR_INIT;
    fake_reader = (struct fake_reader){.open_code = RC_OK};
    strcpy(r->dir, "/tmp/rc_api_XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->path, sizeof(r->path), "%s/api.sock", r->dir);
    r->base = event_base_new();
    r->options = (rc_api_options){.index_path = "/run/test-index",
                                  .socket = r->path,
                                  .mode = 0660,
                                  .gid = (gid_t)-1,
                                  .max_connections = 8,
                                  .stats = &r->stats,
                                  .resync = on_resync,
                                  .arg = r};
    if (rc_api_new(r->base, &r->options, &r->api, &err))
        fail_msg("%s", err.msg);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    rc_api_free(r->api);
    event_base_free(r->base);
    assert_int_equal(fake_reader.opened, 0);
    assert_int_equal(rmdir(r->dir), 0); /* the socket is gone */
    free(r);
    return 0;
}

/* Runs the loop for one request. */
static struct answer ask(struct room *r, const char *line)
{
    char request[256];
    snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", line);
    start(r);
    struct answer a = client_ask(r->path, request);
    stop(r);
    a.body[a.body_len] = '\0';
    return a;
}

static void expect(const struct answer *a, int status, const char *type, const char *body)
{
    char line[96];
    snprintf(line, sizeof(line), "\r\nContent-Type: %s\r\n", type);
    if (a->status != status)
        fail_msg("%d expected: %s%s", status, a->head, a->body);
    assert_non_null(strstr(a->head, line));
    assert_string_equal(a->body, body);
}

#define JSON  "application/json"
#define PLAIN "text/plain; charset=utf-8"

/* ---- Routes ---- */

static void test_unknown_paths(void **state)
{
    static const char *const lines[] = {
        "GET /",      "GET /v1",          "GET /v1/status/", "GET /v1/status/x", "GET //livez",
        "GET /LIVEZ", "POST /v1/nothing", "BREW /coffee",    "GET /v1%2Fstatus"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct answer a = ask(*state, lines[i]);
        expect(&a, 404, JSON,
               "{\"error\":\"not_found\",\"message\":\"there is nothing at this path\"}\n");
    }
}

static void test_wrong_methods(void **state)
{
    static const char *const lines[] = {"POST /livez", "PUT /v1/status", "OPTIONS /version",
                                        "BREW /readyz"};
    struct room *r = *state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct answer a = ask(r, lines[i]);
        expect(
            &a, 405, JSON,
            "{\"error\":\"method_not_allowed\",\"message\":\"this path takes GET, HEAD only\"}\n");
        assert_non_null(strstr(a.head, "\r\nAllow: GET, HEAD\r\n"));
    }
    struct answer a = ask(r, "GET /v1/resync");
    expect(&a, 405, JSON,
           "{\"error\":\"method_not_allowed\",\"message\":\"this path takes POST only\"}\n");
    assert_non_null(strstr(a.head, "\r\nAllow: POST\r\n"));
    a = ask(r, "HEAD /v1/resync");
    assert_int_equal(a.status, 405);
    assert_int_equal(r->resyncs, 0);
}

static void test_version(void **state)
{
    struct answer a = ask(*state, "GET /version");
    expect(&a, 200, JSON, "{\"version\":\"" ROLLCALL_VERSION "\",\"api_version\":\"v1\"}\n");
    a = ask(*state, "HEAD /version");
    expect(&a, 200, JSON, "");
}

/* ---- Health ---- */

static void beat(int64_t mirror_age_s, int64_t serve_age_s)
{
    int64_t now = rc_clock_mono();
    fake_reader.live.mirror_beat_ns = now - mirror_age_s * RC_NS_PER_SEC;
    fake_reader.live.serve_beat_ns = now - serve_age_s * RC_NS_PER_SEC;
}

static void test_livez(void **state)
{
    beat(0, 0);
    struct answer a = ask(*state, "GET /livez");
    expect(&a, 200, PLAIN, "ok");
    a = ask(*state, "GET /livez?verbose");
    expect(&a, 200, PLAIN,
           "[+]live-page ok\n[+]mirror-loop ok\n[+]serve-loop ok\nlivez check passed\n");
    beat(3600, 0);
    a = ask(*state, "GET /livez");
    expect(&a, 503, PLAIN,
           "[+]live-page ok\n[-]mirror-loop failed: no sign of life for 3600 s\n"
           "[+]serve-loop ok\nlivez check failed\n");
    beat(0, 7200);
    a = ask(*state, "GET /livez?verbose");
    expect(&a, 503, PLAIN,
           "[+]live-page ok\n[+]mirror-loop ok\n"
           "[-]serve-loop failed: no sign of life for 7200 s\nlivez check failed\n");
    beat(0, 0);
    fake_reader.live.mirror_beat_ns = 0;
    a = ask(*state, "GET /livez");
    expect(&a, 503, PLAIN,
           "[+]live-page ok\n[-]mirror-loop failed: it does not run\n"
           "[+]serve-loop ok\nlivez check failed\n");
    a = ask(*state, "HEAD /livez");
    expect(&a, 503, PLAIN, "");
}

/* Nine seconds are life, eleven are not; the margin is the test's, not the loops'. */
static void test_livez_limit(void **state)
{
    beat(8, 8);
    struct answer a = ask(*state, "GET /livez");
    assert_int_equal(a.status, 200);
    beat(11, 8);
    a = ask(*state, "GET /livez");
    assert_int_equal(a.status, 503);
    fake_reader.live_code = RC_BUSY; /* torn by a writer that died: what it left is looked at */
    a = ask(*state, "GET /livez?verbose");
    assert_non_null(strstr(a.body, "[+]live-page ok\n[-]mirror-loop failed"));
}

static void test_readyz(void **state)
{
    struct answer a = ask(*state, "GET /readyz");
    expect(&a, 503, PLAIN,
           "[+]index ok\n[-]full-list failed: no full list yet\nreadyz check failed\n");
    fake_reader.ready = true;
    a = ask(*state, "GET /readyz");
    expect(&a, 200, PLAIN, "ok");
    a = ask(*state, "GET /readyz?verbose");
    expect(&a, 200, PLAIN, "[+]index ok\n[+]full-list ok\nreadyz check passed\n");
}

/* ---- No index ---- */

static void test_no_index_yet(void **state)
{
    fake_reader.open_code = RC_NOTFOUND;
    struct answer a = ask(*state, "GET /v1/status");
    expect(&a, 503, JSON,
           "{\"error\":\"no_index\",\"message\":\"opening the index in /run/test-index\"}\n");
    a = ask(*state, "GET /readyz");
    expect(&a, 503, PLAIN,
           "[-]index failed: opening the index in /run/test-index\nreadyz check failed\n");
    a = ask(*state, "GET /livez");
    expect(&a, 503, PLAIN,
           "[-]live-page failed: opening the index in /run/test-index\nlivez check failed\n");
    fake_reader.open_code = RC_OK; /* there it is */
    a = ask(*state, "GET /v1/status");
    assert_int_equal(a.status, 200);
    assert_int_equal(fake_reader.opened, 1);
}

static void test_index_unusable(void **state)
{
    fake_reader.open_code = RC_VERSION;
    struct answer a = ask(*state, "GET /v1/status");
    expect(&a, 503, JSON,
           "{\"error\":\"version\",\"message\":\"opening the index in /run/test-index\"}\n");
    fake_reader.open_code = RC_OK;
    fake_reader.snapshot_code = RC_CORRUPT;
    a = ask(*state, "GET /v1/status");
    expect(&a, 503, JSON, "{\"error\":\"corrupt\",\"message\":\"taking a snapshot\"}\n");
    assert_int_equal(fake_reader.opened, 0); /* so the next request opens it anew */
    fake_reader.snapshot_code = RC_OK;
    a = ask(*state, "GET /v1/status");
    assert_int_equal(a.status, 200);
}

/* ---- Status ---- */

static void fill_live(rc_live_info *l)
{
    *l = (rc_live_info){.pid = 4711,
                        .started_ns = INT64_C(1795465608912048453),
                        .resync_ns = INT64_C(1795465609000000000),
                        .resync_mono_ns = rc_clock_mono() - 5 * RC_NS_PER_SEC,
                        .resync_took_ns = 250 * RC_NS_PER_MS,
                        .event_ns = INT64_C(1795465610000000001),
                        .used_bytes = 1441792,
                        .map_bytes = UINT64_C(17179869184),
                        .max_used_bytes = 1073741824,
                        .oldest_reader_rev = 184000,
                        .readers = 2};
    l->containers[RC_STATE_RUNNING] = 12;
    l->containers[RC_STATE_EXITED] = 3;
    strcpy(l->endpoint, "unix:///var/run/docker.sock");
    strcpy(l->engine_version, "20.10.24");
    strcpy(l->api_version, "1.41");
    strcpy(l->version, "0.1.0");
}

static void fill_counters(rc_stats *s)
{
    for (unsigned i = 0; i < RC_STAT_COUNT; i++)
        rc_stat_add(s, i, 1000 + i);
    for (unsigned i = 0; i < RC_ACTION_COUNT; i++)
        s->at[RC_STAT_EVENTS + i] = 0;
    s->at[RC_STAT_EVENTS + RC_ACTION_DIE] = 7;
    s->at[RC_STAT_EVENTS + RC_ACTION_START] = 9;
}

static void expect_part(const struct answer *a, const char *part)
{
    if (!strstr(a->body, part))
        fail_msg("%s\nis not in\n%s", part, a->body);
}

static void expect_counter(const struct answer *a, const char *key, unsigned stat)
{
    char part[96];
    snprintf(part, sizeof(part), "\"%s\":%u", key, 1000 + stat);
    expect_part(a, part);
}

static void test_status(void **state)
{
    fill_live(&fake_reader.live);
    fill_counters(&fake_reader.counters);
    fake_reader.epoch = 0x7f3a;
    fake_reader.rev = 184467;
    fake_reader.oldest = 120000;
    fake_reader.ready = true;
    fake_reader.mirror = (rc_mirror_status){.state = RC_MIRROR_LIVE, .synced = true};
    struct answer a = ask(*state, "GET /v1/status");
    assert_int_equal(a.status, 200);
    expect_part(&a, "{\"version\":\"0.1.0\",\"pid\":4711,"
                    "\"started_at\":\"2026-11-23T20:26:48.912048453Z\",\"writer\":\"live\","
                    "\"epoch\":\"0000000000007f3a\",\"rev\":184467,\"mirror\":\"live\","
                    "\"synced\":true,\"stale_since\":null,\"ready\":true,"
                    "\"engine\":{\"endpoint\":\"unix:///var/run/docker.sock\","
                    "\"version\":\"20.10.24\",\"api_version\":\"1.41\"},\"last_error\":null,"
                    "\"last_resync\":{\"at\":\"2026-11-23T20:26:49Z\",\"duration_seconds\":0.25,"
                    "\"age_seconds\":5.");
    expect_part(&a, "},\"last_event_at\":\"2026-11-23T20:26:50.000000001Z\",\"containers\":{"
                    "\"unknown\":0,\"pending\":0,\"created\":0,\"running\":12,\"paused\":0,"
                    "\"restarting\":0,\"removing\":0,\"exited\":3,\"dead\":0,\"missing\":0},"
                    "\"index\":{\"path\":\"/run/test-index\",\"used_bytes\":1441792,"
                    "\"max_used_bytes\":1073741824,\"map_bytes\":17179869184,"
                    "\"oldest_rev\":120000,\"readers\":2,\"oldest_reader_rev\":184000},"
                    "\"events\":{\"other\":0,\"create\":0,\"start\":9,");
    expect_part(&a, "\"die\":7,");
    expect_part(&a, "\"total\":16},");
    assert_string_equal(a.body + a.body_len - 3, "}}\n");
}

static void test_status_counters(void **state)
{
    static const struct {
        const char *key;
        unsigned stat;
    } counters[] = {
        {"events_ignored", RC_STAT_EVENTS_IGNORED},
        {"events_late", RC_STAT_EVENTS_LATE},
        {"events_duplicate", RC_STAT_EVENTS_DUPLICATE},
        {"events_bad", RC_STAT_EVENTS_BAD},
        {"events_oversize", RC_STAT_EVENTS_OVERSIZE},
        {"resyncs", RC_STAT_RESYNCS},
        {"resync_failures", RC_STAT_RESYNC_FAILURES},
        {"rereads", RC_STAT_REREADS},
        {"inspects", RC_STAT_INSPECTS},
        {"reread_failures", RC_STAT_REREAD_FAILURES},
        {"commits", RC_STAT_COMMITS},
        {"commit_failures", RC_STAT_COMMIT_FAILURES},
        {"steps", RC_STAT_STEPS},
        {"compactions", RC_STAT_COMPACTIONS},
        {"stale_readers_freed", RC_STAT_STALE_READERS},
        {"expired", RC_STAT_EXPIRED},
        {"http\":{\"requests", RC_STAT_HTTP_REQUESTS},
        {"rejected", RC_STAT_HTTP_REJECTED},
        {"corrections\":{\"added\":{\"connect", RC_STAT_CORRECTIONS},
        {"drift", RC_STAT_CORRECTIONS + RC_BY_DRIFT},
        {"removed\":{\"connect", RC_STAT_CORRECTIONS + 2 * RC_CORRECTION_CAUSES},
        {"reconnects\":{\"closed", RC_STAT_RECONNECTS},
        {"engine", RC_STAT_RECONNECTS + RC_RECONNECT_ENGINE},
    };
    fill_counters(&fake_reader.counters);
    struct answer a = ask(*state, "GET /v1/status");
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        expect_counter(&a, counters[i].key, counters[i].stat);
}

/* What is not known is null, and what is hostile is escaped. */
static void test_status_of_a_daemon_in_trouble(void **state)
{
    strcpy(fake_reader.live.last_error, "refused: \"\x1b[31m\xff\"");
    fake_reader.mirror =
        (rc_mirror_status){.state = RC_MIRROR_DISCONNECTED, .stale_since_ns = RC_NS_PER_SEC};
    fake_reader.writer = RC_WRITER_HUNG;
    fake_reader.live_code = RC_BUSY;
    struct answer a = ask(*state, "GET /v1/status");
    assert_int_equal(a.status, 200);
    expect_part(&a, "\"version\":null,\"pid\":null,\"started_at\":null,\"writer\":\"hung\",");
    expect_part(&a, "\"mirror\":\"disconnected\",\"synced\":false,"
                    "\"stale_since\":\"1970-01-01T00:00:01Z\",\"ready\":false,"
                    "\"engine\":{\"endpoint\":null,\"version\":null,\"api_version\":null},"
                    "\"last_error\":\"refused: \\\"\\u001b[31m\xef\xbf\xbd\\\"\","
                    "\"last_resync\":null,\"last_event_at\":null,");
    expect_part(&a, "\"oldest_rev\":null,\"readers\":0,\"oldest_reader_rev\":null}");
}

/* ---- Resync ---- */

static void test_resync(void **state)
{
    struct room *r = *state;
    struct answer a = ask(r, "POST /v1/resync");
    expect(&a, 202, JSON, "{\"status\":\"accepted\"}\n");
    assert_int_equal(r->resyncs, 1);
    r->resync_code = RC_BUSY;
    a = ask(r, "POST /v1/resync");
    expect(&a, 503, JSON, "{\"error\":\"busy\",\"message\":\"64 commands wait already\"}\n");
    r->resync_code = RC_NOMEM;
    a = ask(r, "POST /v1/resync");
    expect(&a, 500, JSON,
           "{\"error\":\"out_of_memory\",\"message\":\"64 commands wait already\"}\n");
}

#define STRANGER 12345

/* As another user, in a process of its own: the kernel notes who connects. Returns the status. */
static int ask_as(struct room *r, uid_t uid)
{
    int report[2];
    char status[8] = "";
    assert_int_equal(chmod(r->dir, 0711), 0);
    assert_int_equal(chmod(r->path, 0666), 0);
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        static const char request[] = "POST /v1/resync HTTP/1.1\r\n\r\n";
        char reply[64] = "";
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        memcpy(to.sun_path, r->path, strlen(r->path) + 1);
        if (setresuid(uid, uid, uid) != 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
            write(fd, request, sizeof(request) - 1) < 0 || read(fd, reply, 12) != 12 ||
            write(report[1], reply + 9, 3) != 3)
            _exit(1);
        _exit(0);
    }
    close(report[1]);
    start(r);
    ssize_t n = read(report[0], status, 3); /* ends with the child */
    stop(r);
    close(report[0]);
    return n == 3 ? atoi(status) : 0;
}

static void test_who_may_write(void **state)
{
    static const uid_t writers[] = {7, STRANGER};
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    if (geteuid() != 0)
        skip(); /* only root can become others */
    assert_int_equal(ask_as(r, 0), 202);
    assert_int_equal(ask_as(r, STRANGER), 403);
    assert_int_equal(r->resyncs, 1);
    rc_api_free(r->api);
    r->options.writers = writers;
    r->options.n_writers = 2;
    if (rc_api_new(r->base, &r->options, &r->api, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(ask_as(r, STRANGER), 202);
    assert_int_equal(ask_as(r, STRANGER + 1), 403);
    assert_int_equal(r->resyncs, 2);
}

/* ---- The socket ---- */

static int open_again(struct room *r, const char *path, rc_error *err)
{
    rc_api_options options = r->options;
    rc_api *api = NULL;
    options.socket = path;
    int code = rc_api_new(r->base, &options, &api, err);
    rc_api_free(api);
    return code;
}

static void test_socket(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    char path[200], longer[200];
    struct stat st;

    assert_int_equal(stat(r->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_int_equal(open_again(r, r->path, &err), RC_EXISTS);
    struct answer a = ask(r, "GET /version"); /* and the first one serves on */
    assert_int_equal(a.status, 200);

    assert_int_equal(open_again(r, "", &err), RC_INVALID);
    memset(longer, 'a', 108);
    longer[108] = '\0';
    assert_int_equal(open_again(r, longer, &err), RC_INVALID);

    snprintf(path, sizeof(path), "%s/none/s", r->dir);
    assert_int_equal(open_again(r, path, &err), RC_IO);
    assert_non_null(strstr(err.msg, path));

    snprintf(path, sizeof(path), "%s/file", r->dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    assert_int_equal(open_again(r, path, &err), RC_INVALID);
    assert_int_equal(unlink(path), 0); /* it was left alone */
}

static void test_stale_socket(void **state)
{
    struct room *r = *state;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    rc_error err = RC_ERROR_INIT;
    char path[128];
    struct stat st;

    snprintf(path, sizeof(path), "%s/stale", r->dir);
    memcpy(to.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    close(fd); /* as one that was killed leaves it */
    if (open_again(r, path, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(stat(path, &st), -1);

    /* another one has taken the name meanwhile: it is not ours to remove */
    assert_int_equal(unlink(r->path), 0);
    rc_api *second = NULL;
    assert_int_equal(rc_api_new(r->base, &r->options, &second, &err), RC_OK);
    r->api = rc_api_free(r->api);
    assert_int_equal(stat(r->path, &st), 0);
    rc_api_free(second);
    assert_int_equal(stat(r->path, &st), -1);
}

static void test_no_connections(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    rc_api_options options = r->options;
    rc_api *api = NULL;
    options.max_connections = 0;
    assert_int_equal(rc_api_new(r->base, &options, &api, &err), RC_INVALID);
    assert_null(api);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unknown_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_methods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_livez, setup, teardown),
        cmocka_unit_test_setup_teardown(test_livez_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_readyz, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_index_yet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index_unusable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status_counters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status_of_a_daemon_in_trouble, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resync, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_may_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_connections, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    evthread_use_pthreads();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
