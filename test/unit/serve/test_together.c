/* The API over a real index: before there is one, while it grows, and after its writer has gone. */
#include "room.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <signal.h>

#include "base/clock.h"
#include "client.h"
#include "serve/api.h"

struct bench {
    struct room *r;
    char dir[64];
    char socket[96];
    struct event_base *base;
    rc_api *api;
    rc_stats stats;
    pthread_t thread;
};

static int on_resync(void *arg, rc_error *err)
{
    (void)arg, (void)err;
    return RC_OK;
}

static void *run(void *arg)
{
    event_base_loop(arg, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    rc_error err = RC_ERROR_INIT;
    b->r = new_room(MEMORY);
    strcpy(b->dir, "/tmp/rc_together_XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->socket, sizeof(b->socket), "%s/api.sock", b->dir);
    b->base = event_base_new();
    rc_api_options options = {.index_path = b->r->path,
                              .socket = b->socket,
                              .mode = 0600,
                              .gid = (gid_t)-1,
                              .max_connections = 8,
                              .stats = &b->stats,
                              .resync = on_resync};
    ok(rc_api_new(b->base, &options, &b->api, &err), &err);
    assert_int_equal(pthread_create(&b->thread, NULL, run, b->base), 0);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    event_base_loopbreak(b->base);
    pthread_join(b->thread, NULL);
    rc_api_free(b->api);
    event_base_free(b->base);
    assert_int_equal(rmdir(b->dir), 0);
    free_room(b->r);
    free(b);
    return 0;
}

static void expect(struct bench *b, const char *path, int status, const char *part)
{
    char request[128];
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n\r\n", path);
    struct answer a = client_ask(b->socket, request);
    if (a.status != status || !strstr(a.body, part))
        fail_msg("%s: %d with %s expected, not %d: %s", path, status, part, a.status, a.body);
}

static void beat(rc_live_info *info, void *arg)
{
    (void)arg;
    info->mirror_beat_ns = info->serve_beat_ns = rc_clock_mono();
}

static void listed(rc_live_info *info, void *arg)
{
    beat(info, arg);
    info->resync_ns = rc_clock_real();
    info->resync_mono_ns = rc_clock_mono();
    info->resync_every_ns = 3600 * RC_NS_PER_SEC;
}

static void test_life_of_an_index(void **state)
{
    struct bench *b = *state;
    char part[96];

    expect(b, "/v1/status", 503, "{\"error\":\"no_index\"");
    expect(b, "/livez", 503, "[-]live-page failed");
    expect(b, "/readyz", 503, "[-]index failed");

    open_index(b->r);
    rc_live *live = rc_index_live(b->r->ix);
    expect(b, "/livez", 503, "[-]mirror-loop failed: it does not run");
    rc_live_update(live, beat, NULL);
    expect(b, "/livez", 200, "ok");
    expect(b, "/readyz", 503, "[-]full-list failed: no full list was committed");

    put_named(b->r, 1, "web", RC_STATE_RUNNING);
    commit(b->r);
    rc_live_update(live, listed, NULL);
    expect(b, "/readyz", 200, "ok");
    snprintf(part, sizeof(part), "\"epoch\":\"%016llx\",\"rev\":%llu,",
             (unsigned long long)rc_index_epoch(b->r->ix),
             (unsigned long long)rc_index_rev(b->r->ix));
    expect(b, "/v1/status", 200, part);
    expect(b, "/v1/status", 200, "\"ready\":true");
    expect(b, "/v1/status", 200, "\"writer\":\"live\"");

    put_named(b->r, 1, "web", RC_STATE_EXITED);
    commit(b->r);
    snprintf(part, sizeof(part), "\"rev\":%llu,", (unsigned long long)rc_index_rev(b->r->ix));
    expect(b, "/v1/status", 200, part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life_of_an_index, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    evthread_use_pthreads();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
