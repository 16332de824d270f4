/* Connecting: which version is agreed on with whom, who the engine says it is, and how each way of
 * not getting an answer is told. */
#include "fake_engine.h"

struct hello {
    struct fake *f;
    rc_engine_call *call;
    int done;
    bool got;
    bool podman;
    char api[32], version[160], identity[300];
    int64_t hello_date, date;
    enum rc_engine_outcome outcome;
    int status;
    rc_error err;
};

static void on_done(void *arg, const rc_engine_hello *hello, const rc_engine_result *result)
{
    struct hello *h = arg;

    h->done++;
    h->outcome = result->outcome;
    h->status = result->status;
    h->date = result->date_s;
    h->err = *result->err;
    assert_int_equal(hello != NULL, result->outcome == RC_ENGINE_OK);
    assert_int_equal(result->err->code == RC_OK, result->outcome == RC_ENGINE_OK);
    if (hello) {
        h->got = true;
        h->podman = hello->podman;
        h->hello_date = hello->date_s;
        (void)snprintf(h->api, sizeof(h->api), "%s", hello->api_version);
        (void)snprintf(h->version, sizeof(h->version), "%s", hello->version);
        (void)snprintf(h->identity, sizeof(h->identity), "%s", hello->identity);
    }
    fake_stop(h->f);
}

static struct hello connect_to(struct fake *f)
{
    rc_error err = RC_ERROR_INIT;
    struct hello h = {.f = f};

    h.call = rc_engine_connect(f->engine, on_done, &h, &err);
    if (!h.call)
        fail_msg("%s", err.msg);
    assert_int_equal(h.done, 0);
    fake_run(f);
    fake_drain(f);
    assert_int_equal(h.done, 1);
    return h;
}

static void docker(void **state)
{
    struct fake *f = *state;
    size_t ping_len, info_len;
    char *ping = fake_capture("docker-20.10/misc/ping.http", &ping_len);
    char *info = fake_capture("docker-20.10/misc/info.http", &info_len);

    fake_answer(f, (struct fake_answer){"/_ping", ping, ping_len, .pieces = true, .close = true});
    fake_answer(f,
                (struct fake_answer){"/v1.41/info", info, info_len, .pieces = true, .close = true});
    fake_client(f, fake_options(NULL));
    struct hello h = connect_to(f);
    assert_int_equal(h.outcome, RC_ENGINE_OK);
    assert_int_equal(h.status, 200);
    assert_false(h.podman);
    assert_string_equal(h.api, "1.41");
    assert_string_equal(h.version, "20.10.24+dfsg1");
    assert_non_null(strstr(info, h.identity));
    assert_true(strlen(h.identity) > 10);
    assert_int_equal(h.hello_date, 1795467319); /* Mon, 23 Nov 2026 20:55:19 GMT */
    assert_int_equal(f->n_requests, 2);
    assert_string_equal(f->targets[0], "/_ping");
    assert_string_equal(f->targets[1], "/v1.41/info");
    test_free(ping);
    test_free(info);
}

static void podman(void **state)
{
    struct fake *f = *state;
    size_t ping_len, info_len;
    char *ping = fake_capture("podman-4.3.1/misc/ping.http", &ping_len);
    char *info = fake_capture("podman-4.3.1/misc/info.http", &info_len);

    fake_answer(f, (struct fake_answer){"/_ping", ping, ping_len, .pieces = true, .close = true});
    fake_answer(f,
                (struct fake_answer){"/v1.41/info", info, info_len, .pieces = true, .close = true});
    fake_client(f, fake_options(""));
    struct hello h = connect_to(f);
    assert_int_equal(h.outcome, RC_ENGINE_OK);
    assert_true(h.podman);
    assert_string_equal(h.version, "4.3.1");
    assert_string_equal(h.identity, rc_endpoint_text(f->endpoint));
    assert_int_equal(h.hello_date, 1795467729);
    assert_int_equal(h.date, 1795467730);
    test_free(ping);
    test_free(info);
}

#define PING(version) \
    "HTTP/1.1 200 OK\r\n" version "Server: Docker/29\r\nContent-Length: 2\r\n\r\nOK"

static void versions_are_negotiated(void **state)
{
    static const struct {
        const char *ping;
        const char *use; /* NULL: none */
    } table[] = {
        {PING("Api-Version: 1.41\r\n"), "1.41"},
        {PING("Api-Version: 1.24\r\n"), "1.24"},
        {PING("Api-Version: 1.44\r\n"), "1.44"},
        {PING("Api-Version: 1.52\r\n"), "1.52"},
        {PING("Api-Version: 1.55\r\n"), "1.55"},
        {PING("Api-Version: 1.56\r\n"), "1.55"},
        {PING("Api-Version: 1.9999\r\n"), "1.55"},
        {PING("Api-Version: 2.0\r\n"), "1.55"},
        {PING(""), "1.24"},
        {PING("Api-Version:\r\n"), "1.24"},
        {PING("Api-Version: 1.23\r\n"), NULL},
        {PING("Api-Version: 1.12\r\n"), NULL},
        {PING("Api-Version: 0.99\r\n"), NULL},
        {PING("Api-Version: 1\r\n"), NULL},
        {PING("Api-Version: 1.\r\n"), NULL},
        {PING("Api-Version: 1.41/../..\r\n"), NULL},
        {PING("Api-Version: 1.99999\r\n"), NULL},
        {PING("Api-Version: newest\r\n"), NULL},
    };
    struct fake *f = *state;
    char *info = fake_http("200 OK", "", "{\"ID\":\"A:B\",\"ServerVersion\":\"29.7\"}");

    fake_client(f, fake_options(NULL));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char target[64];
        fake_forget_answers(f);
        fake_answer(f, (struct fake_answer){.prefix = "/_ping", .bytes = table[i].ping});
        fake_answer(f, (struct fake_answer){.prefix = "/v", .bytes = info});
        int before = f->n_requests;
        struct hello h = connect_to(f);
        if (!table[i].use) {
            assert_int_equal(h.outcome, RC_ENGINE_BAD);
            assert_int_equal(f->n_requests, before + 1);
            continue;
        }
        assert_int_equal(h.outcome, RC_ENGINE_OK);
        assert_string_equal(h.api, table[i].use);
        assert_string_equal(h.identity, "A:B");
        (void)snprintf(target, sizeof(target), "/v%s/info", table[i].use);
        assert_string_equal(f->targets[before + 1], target);
    }
    test_free(info);
}

/* An engine that was replaced by an older one is agreed with anew. */
static void every_connect_negotiates(void **state)
{
    struct fake *f = *state;
    char *info = fake_http("200 OK", "", "{}");

    fake_client(f, fake_options(NULL));
    fake_answer(f, (struct fake_answer){.prefix = "/v", .bytes = info});
    fake_answer(f,
                (struct fake_answer){.prefix = "/_ping", .bytes = PING("Api-Version: 1.47\r\n")});
    struct hello h = connect_to(f);
    assert_string_equal(h.api, "1.47");
    assert_string_equal(h.identity, rc_endpoint_text(f->endpoint)); /* it tells none */
    f->answers[1].bytes = PING("Api-Version: 1.41\r\n");
    h = connect_to(f);
    assert_string_equal(h.api, "1.41");
    assert_string_equal(f->targets[3], "/v1.41/info");
    test_free(info);
}

static void what_the_engine_says_of_our_version(void **state)
{
    static const struct {
        const char *capture;
        const char *pinned;
        const char *says;
    } table[] = {
        {"docker-20.10/errors/too-new.http", "1.99",
         "client version 1.99 is too new. Maximum supported API version is 1.41"},
        {"docker-20.10/errors/too-old-plaintext.http", "v1.11",
         "client version 1.11 is too old. Minimum supported API version is 1.12"},
    };
    struct fake *f = *state;

    for (size_t i = 0; i < 2; i++) {
        size_t len;
        char target[64];
        char *refusal = fake_capture(table[i].capture, &len);
        fake_forget_answers(f);
        fake_answer(
            f, (struct fake_answer){.prefix = "/_ping", .bytes = PING("Api-Version: 1.41\r\n")});
        fake_answer(f, (struct fake_answer){"/v", refusal, len, .close = true});
        fake_client(f, fake_options(table[i].pinned));
        struct hello h = connect_to(f);
        assert_int_equal(h.outcome, RC_ENGINE_STATUS);
        assert_int_equal(h.status, 400);
        assert_non_null(strstr(h.err.msg, table[i].says));
        (void)snprintf(target, sizeof(target), "/v%s/info", i ? "1.11" : "1.99");
        assert_string_equal(f->targets[f->n_requests - 1], target);
        test_free(refusal);
    }
}

static void a_pinned_version_is_used(void **state)
{
    struct fake *f = *state;
    char *info = fake_http("200 OK", "", "{}");

    fake_answer(f, (struct fake_answer){.prefix = "/_ping", .bytes = PING("Api-Version: odd\r\n")});
    fake_answer(f, (struct fake_answer){.prefix = "/v1.30/info", .bytes = info});
    fake_client(f, fake_options("1.30"));
    struct hello h = connect_to(f);
    assert_int_equal(h.outcome, RC_ENGINE_OK);
    assert_string_equal(h.api, "1.30");
    test_free(info);
}

static void bad_options(void **state)
{
    static const char *const versions[] = {"1", "1.", ".41", "1.41 ", "1.41/x", "12345.1", "v"};
    struct fake *f = *state;
    rc_engine *engine = NULL;

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        rc_error err = RC_ERROR_INIT;
        rc_engine_options o = fake_options(versions[i]);
        assert_int_equal(rc_engine_new(f->base, f->endpoint, &o, &engine, &err), RC_INVALID);
        assert_int_equal(err.code, RC_INVALID);
        assert_null(engine);
    }
    rc_engine_options o = fake_options(NULL);
    o.request_timeout_ns = 0;
    assert_int_equal(rc_engine_new(f->base, f->endpoint, &o, &engine, NULL), RC_INVALID);
    struct event_base *flat = event_base_new();
    o = fake_options(NULL);
    rc_error err = RC_ERROR_INIT;
    assert_int_equal(rc_engine_new(flat, f->endpoint, &o, &engine, &err), RC_INVALID);
    assert_non_null(strstr(err.msg, "priority 1"));
    event_base_free(flat);
    assert_null(engine);
}

static void nothing_is_asked_before_the_version_is_known(void **state)
{
    struct fake *f = *state;
    rc_engine_stream stream = {.on_bad = NULL};
    rc_engine_list list = {.on_element = NULL};
    rc_id id = {{0}};

    fake_client(f, fake_options(NULL));
    for (int i = 0; i < 4; i++) {
        rc_error err = RC_ERROR_INIT;
        rc_engine_call *call = i == 0   ? rc_engine_events(f->engine, 0, &stream, &err)
                               : i == 1 ? rc_engine_containers(f->engine, NULL, 0, &list, &err)
                               : i == 2 ? rc_engine_inspect(f->engine, &id, NULL, NULL, &err)
                                        : rc_engine_networks(f->engine, NULL, NULL, NULL, &err);
        assert_null(call);
        assert_int_equal(err.code, RC_INVALID);
    }
}

static void refused(void **state)
{
    struct fake *f = *state;

    fake_client(f, fake_options(NULL));
    fake_stop_listening(f); /* its file stays */
    struct hello h = connect_to(f);
    assert_int_equal(h.outcome, RC_ENGINE_REFUSED);
    assert_int_equal(h.status, 0);
    assert_int_equal(h.date, -1);
    assert_non_null(strstr(h.err.msg, "connecting to the engine: "));
    (void)remove(f->path);
    h = connect_to(f);
    assert_int_equal(h.outcome, RC_ENGINE_REFUSED);
}

static void tcp(void **state)
{
    struct fake *f = *state;

    fake_listen_tcp(f, NULL);
    fake_answer_hello(f);
    fake_client(f, fake_options(NULL));
    struct hello h = connect_to(f);
    assert_int_equal(h.outcome, RC_ENGINE_OK);
    assert_string_equal(h.identity, "I");
    assert_false(rc_endpoint_is_local(f->endpoint));
    fake_client(f, fake_options(NULL)); /* without the connection that was kept */
    fake_stop_listening(f);
    h = connect_to(f);
    assert_int_equal(h.outcome, RC_ENGINE_REFUSED);
}

static void hangs(void **state)
{
    struct fake *f = *state;
    rc_engine_options o = fake_options(NULL);

    o.request_timeout_ns = 500 * RC_NS_PER_MS;
    fake_answer(f, (struct fake_answer){.prefix = "/_ping", .hang = true});
    fake_client(f, o);
    struct hello h = connect_to(f);
    assert_int_equal(h.outcome, RC_ENGINE_TIMEOUT);

    fake_forget_answers(f);
    fake_answer(f,
                (struct fake_answer){.prefix = "/_ping", .bytes = PING("Api-Version: 1.41\r\n")});
    fake_answer(f, (struct fake_answer){.prefix = "/v1.41/info",
                                        .bytes = "HTTP/1.1 200 OK\r\n"
                                                 "Content-Length: 100\r\n\r\n{\"ID\":"});
    h = connect_to(f);
    assert_int_equal(h.outcome, RC_ENGINE_TIMEOUT);
    assert_int_equal(h.status, 200);
}

static void bad_answers(void **state)
{
    static const struct {
        const char *ping, *info;
        enum rc_engine_outcome outcome;
    } table[] = {
        {"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", NULL, RC_ENGINE_STATUS},
        {"not HTTP\r\n\r\n", NULL, RC_ENGINE_BAD},
        {"HTTP/1.1 200 OK\r\nApi-Ver", NULL, RC_ENGINE_CUT},
        {PING(""), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", RC_ENGINE_BAD},
        {PING(""), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", RC_ENGINE_BAD},
        {PING(""), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"ID\":[]}", RC_ENGINE_BAD},
        {PING(""), "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", RC_ENGINE_CUT},
        {PING(""), "HTTP/1.1 204 No\r\n\r\n", RC_ENGINE_STATUS},
    };
    struct fake *f = *state;

    fake_client(f, fake_options(NULL));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        fake_forget_answers(f);
        fake_answer(
            f, (struct fake_answer){.prefix = "/_ping", .bytes = table[i].ping, .close = true});
        if (table[i].info)
            fake_answer(
                f, (struct fake_answer){.prefix = "/v1.24", .bytes = table[i].info, .close = true});
        struct hello h = connect_to(f);
        assert_int_equal(h.outcome, table[i].outcome);
        assert_false(h.got);
    }
}

static void an_answer_over_the_cap(void **state)
{
    struct fake *f = *state;
    rc_engine_options o = fake_options(NULL);
    char *info = fake_http("200 OK", "", "{\"ID\":\"0123456789012345678901234567890123456789\"}");

    o.element_max = 32;
    fake_answer(f, (struct fake_answer){.prefix = "/_ping", .bytes = PING("")});
    fake_answer(f, (struct fake_answer){.prefix = "/v", .bytes = info});
    fake_client(f, o);
    struct hello h = connect_to(f);
    assert_int_equal(h.outcome, RC_ENGINE_BAD);
    assert_non_null(strstr(h.err.msg, "more than 32 bytes"));
    test_free(info);
}

static void cancelled(void **state)
{
    struct fake *f = *state;
    rc_error err = RC_ERROR_INIT;
    struct hello h = {.f = f};

    fake_answer(f, (struct fake_answer){.prefix = "/_ping", .bytes = PING("")});
    fake_answer(f, (struct fake_answer){.prefix = "/v", .hang = true});
    fake_client(f, fake_options(NULL));
    h.call = rc_engine_connect(f->engine, on_done, &h, &err);
    while (f->n_requests < 2) /* within its second request */
        event_base_loop(f->base, EVLOOP_ONCE);
    rc_engine_cancel(h.call);
    rc_engine_cancel(h.call);
    assert_int_equal(h.done, 0);
    fake_run(f);
    assert_int_equal(h.done, 1);
    assert_int_equal(h.outcome, RC_ENGINE_CANCELLED);
    assert_int_equal(h.err.code, RC_CANCELLED);
    rc_engine_cancel(NULL);

    struct hello left = {.f = f};
    assert_non_null(rc_engine_connect(f->engine, on_done, &left, &err));
    f->engine = rc_engine_free(f->engine);
    assert_int_equal(left.done, 1);
    assert_int_equal(left.outcome, RC_ENGINE_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(docker),
        FAKE_TEST(podman),
        FAKE_TEST(versions_are_negotiated),
        FAKE_TEST(every_connect_negotiates),
        FAKE_TEST(what_the_engine_says_of_our_version),
        FAKE_TEST(a_pinned_version_is_used),
        FAKE_TEST(bad_options),
        FAKE_TEST(nothing_is_asked_before_the_version_is_known),
        FAKE_TEST(refused),
        FAKE_TEST(tcp),
        FAKE_TEST(hangs),
        FAKE_TEST(bad_answers),
        FAKE_TEST(an_answer_over_the_cap),
        FAKE_TEST(cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
