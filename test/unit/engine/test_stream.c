/* The event stream: every captured byte of two engines however it is cut, what ends it, what it
 * goes on through, and calling it off from anywhere. */
#include "fake_engine.h"

#include <glob.h>

#include "base/buf.h"
#include "base/hash.h"

#define HEADERS "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 08:00:00 GMT\r\n"
#define CHUNKED HEADERS "Transfer-Encoding: chunked\r\n\r\n"
#define END     "0\r\n\r\n"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define EVENT(action, nano)                                                                   \
    "{\"Type\":\"container\",\"Action\":\"" action "\",\"Actor\":{\"ID\":\"" ID_A "\","       \
    "\"Attributes\":{\"image\":\"i\",\"name\":\"n\"}},\"time\":1795466446,\"timeNano\":" nano \
    "}\n"

enum where { NOWHERE, IN_OPEN, IN_EVENT, IN_BAD, IN_BATCH, IN_DONE };

struct seen {
    struct fake *f;
    rc_engine_call *call;
    enum where cancel;
    int opens, events, bad, oversize, batches, done;
    int unbatched; /* events and bad lines since the last batch */
    bool cancelled;
    uint64_t digest;
    enum rc_action last_action;
    enum rc_event_type last_type;
    int64_t last_time;
    enum rc_engine_outcome outcome;
    int status;
    int64_t date;
    rc_error err, bad_err;
};

static void at(struct seen *s, enum where where)
{
    assert_int_equal(s->done, where == IN_DONE);
    assert_true(!s->cancelled || where == IN_DONE);
    if (s->cancel != where)
        return;
    rc_engine_cancel(s->call);
    s->cancelled = true;
}

static void on_open(void *arg)
{
    struct seen *s = arg;
    assert_int_equal(s->opens++, 0);
    at(s, IN_OPEN);
}

static void digest(struct seen *s, const void *p, size_t n)
{
    s->digest = rc_siphash(s->digest, n, p, n);
}

static void on_event(void *arg, const rc_event *ev)
{
    struct seen *s = arg;

    s->events++;
    s->unbatched++;
    s->last_action = ev->action;
    s->last_type = ev->type;
    s->last_time = ev->time_ns;
    digest(s, ev->action_text.ptr, ev->action_text.len);
    digest(s, ev->container.ptr, ev->container.len);
    digest(s, &ev->time_ns, sizeof(ev->time_ns));
    for (uint32_t i = 0; i < ev->n_attributes; i++)
        digest(s, ev->attributes[i].value.ptr, ev->attributes[i].value.len);
    at(s, IN_EVENT);
}

static void on_bad(void *arg, const rc_error *err, bool oversize)
{
    struct seen *s = arg;

    s->bad += !oversize;
    s->oversize += oversize;
    s->unbatched++;
    s->bad_err = *err;
    at(s, IN_BAD);
}

static void on_batch(void *arg)
{
    struct seen *s = arg;

    assert_true(s->unbatched > 0);
    s->unbatched = 0;
    s->batches++;
    at(s, IN_BATCH);
}

static void on_done(void *arg, const rc_engine_result *result)
{
    struct seen *s = arg;

    s->done++;
    s->outcome = result->outcome;
    s->status = result->status;
    s->date = result->date_s;
    s->err = *result->err;
    assert_int_equal(result->err->code == RC_OK, result->outcome == RC_ENGINE_OK);
    if (result->outcome != RC_ENGINE_CANCELLED)
        assert_int_equal(s->unbatched, 0);
    at(s, IN_DONE);
    fake_stop(s->f);
}

static void begin(struct seen *s)
{
    rc_engine_stream stream = {on_open, on_event, on_bad, on_batch, on_done, s};
    rc_error err = RC_ERROR_INIT;

    s->call = rc_engine_events(s->f->engine, 0, &stream, &err);
    if (!s->call)
        fail_msg("%s", err.msg);
    assert_int_equal(s->opens + s->done, 0);
}

static void run(struct seen *s)
{
    begin(s);
    fake_run(s->f);
    fake_drain(s->f);
    assert_int_equal(s->done, 1);
}

static struct seen read_stream(struct fake *f, struct fake_answer a)
{
    struct seen s = {.f = f};

    a.prefix = "/v1.41/events";
    fake_forget_answers(f);
    fake_answer(f, a);
    run(&s);
    return s;
}

static void check_capture(struct fake *f, const char *path)
{
    size_t len;
    char *bytes = fake_capture(path + strlen(RC_CAPTURES) + 1, &len);
    bool ended = len > 5 && memcmp(bytes + len - 5, END, 5) == 0;
    int events = fake_count(bytes, "\"timeNano\":");

    if (!ended) {
        struct seen cut = read_stream(f, (struct fake_answer){.bytes = bytes, .close = true});
        assert_int_equal(cut.outcome, RC_ENGINE_CUT);
        assert_int_equal(cut.events, events);
        memcpy(bytes + len, END, sizeof(END));
    }
    struct seen whole = read_stream(f, (struct fake_answer){.bytes = bytes, .close = true});
    assert_int_equal(whole.outcome, RC_ENGINE_OK);
    assert_int_equal(whole.events, events);
    assert_int_equal(whole.bad + whole.oversize, 0);
    assert_int_equal(whole.opens, 1);
    assert_true(whole.date > 1795460000);
    for (int i = 0; i < 3; i++) {
        struct seen pieces =
            read_stream(f, (struct fake_answer){.bytes = bytes, .pieces = true, .close = true});
        assert_int_equal(pieces.outcome, RC_ENGINE_OK);
        assert_int_equal(pieces.events, events);
        assert_true(pieces.digest == whole.digest);
    }
    test_free(bytes);
}

static void check_captures(void **state, const char *engine, unsigned at_least)
{
    struct fake *f = *state;
    char pattern[512];
    glob_t found;

    fake_client(f, fake_options("1.41"));
    (void)snprintf(pattern, sizeof(pattern), "%s/%s/events/*.http", RC_CAPTURES, engine);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= at_least);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        check_capture(f, found.gl_pathv[i]);
        for (; f->n_requests; f->n_requests--)
            free(f->targets[f->n_requests - 1]);
    }
    globfree(&found);
}

static void dockers_captures(void **state)
{
    check_captures(state, "docker-20.10", 20);
}

static void podmans_captures(void **state)
{
    check_captures(state, "podman-4.3.1", 10);
}

static void what_is_asked(void **state)
{
    static const struct {
        int64_t since;
        const char *says;
    } table[] = {
        {0, ""},
        {1, "since=0.000000001&"},
        {1795465608912048453, "since=1795465608.912048453&"},
        {1795465608000000000, "since=1795465608.000000000&"},
        {INT64_MAX, "since=9223372036.854775807&"},
    };
    struct fake *f = *state;
    rc_error err = RC_ERROR_INIT;
    struct seen s = {.f = f};
    rc_engine_stream stream = {on_open, on_event, on_bad, on_batch, on_done, &s};

    fake_client(f, fake_options("1.41"));
    fake_answer(f, (struct fake_answer){.prefix = "/", .bytes = CHUNKED END});
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char target[256];
        (void)snprintf(
            target, sizeof(target),
            "/v1.41/events?%sfilters=%%7B%%22type%%22%%3A%%5B%%22container%%22%%2C%%22network"
            "%%22%%5D%%7D",
            table[i].says);
        s = (struct seen){.f = f};
        s.call = rc_engine_events(f->engine, table[i].since, &stream, &err);
        assert_non_null(s.call);
        fake_run(f);
        assert_int_equal(s.outcome, RC_ENGINE_OK);
        assert_string_equal(f->targets[i], target);
    }
    /* A connection of its own for every one of them. */
    assert_int_equal(f->n_connections, (int)(sizeof(table) / sizeof(table[0])));
    assert_null(rc_engine_events(f->engine, -1, &stream, &err));
    assert_int_equal(err.code, RC_INVALID);
}

static void add_chunk(rc_buf *b, const char *text)
{
    rc_buf_printf(b, "%zx\r\n%s\r\n", strlen(text), text);
}

static void bad_and_long_lines(void **state)
{
    struct fake *f = *state;
    rc_engine_options o = fake_options("1.41");
    rc_buf b = RC_BUF_INIT(0);
    char longer[4096];

    o.line_max = 600;
    fake_client(f, o);
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 2] = '\n';
    longer[sizeof(longer) - 1] = '\0';
    rc_buf_puts(&b, CHUNKED);
    add_chunk(&b, EVENT("start", "1"));
    add_chunk(&b, "{\"Type\":\"container\",\"Action\":7}\n");
    add_chunk(&b, "\033[2Jgarbage\n");
    add_chunk(&b, EVENT("die", "2"));
    add_chunk(&b, longer);
    add_chunk(&b, "{\"Type\":\"image\",\"Action\":\"pull\",\"Actor\":{\"ID\":\"x\"}}\n");
    add_chunk(&b, EVENT("stop", "3"));
    rc_buf_puts(&b, END);
    for (int i = 0; i < 8; i++) {
        struct seen s =
            read_stream(f, (struct fake_answer){.bytes = b.data, .len = b.len, .pieces = i > 0});
        assert_int_equal(s.outcome, RC_ENGINE_OK);
        assert_int_equal(s.events, 4);
        assert_int_equal(s.bad, 2);
        assert_int_equal(s.oversize, 1);
        assert_int_equal(s.last_action, RC_ACTION_STOP);
        assert_int_equal(s.last_time, 3);
        assert_int_equal(s.bad_err.code, RC_FULL);
        assert_non_null(strstr(s.bad_err.msg, "line 5 of the event stream"));
        assert_non_null(strstr(s.bad_err.msg, "longer than 600 bytes"));
    }
    rc_buf_release(&b);
}

static void a_bad_line_is_shown_safely(void **state)
{
    struct fake *f = *state;
    fake_client(f, fake_options("1.41"));
    struct seen s = read_stream(f, (struct fake_answer){.bytes = CHUNKED "5\r\n\033[2J\n\r\n" END});
    assert_int_equal(s.bad, 1);
    assert_int_equal(s.batches, 1);
    assert_null(strchr(s.bad_err.msg, '\033'));
    assert_non_null(strstr(s.bad_err.msg, "[2J"));
}

/* Wherever a chunked stream breaks off, it was cut; what came whole before was handed out. */
static void cut_at_every_byte(void **state)
{
    struct fake *f = *state;
    rc_buf b = RC_BUF_INIT(0);

    fake_client(f, fake_options("1.41"));
    rc_buf_puts(&b, CHUNKED);
    size_t headers = b.len;
    add_chunk(&b, EVENT("start", "1"));
    size_t first = b.len - 2; /* the line itself is whole before its chunk is */
    add_chunk(&b, EVENT("die", "2"));
    size_t second = b.len - 2;
    rc_buf_puts(&b, END);
    for (size_t n = 1; n < b.len - 2; n++) {
        struct seen s =
            read_stream(f, (struct fake_answer){.bytes = b.data, .len = n, .close = true});
        assert_int_equal(s.outcome, RC_ENGINE_CUT);
        assert_int_equal(s.err.code, RC_CLOSED);
        assert_int_equal(s.events, (n >= first) + (n >= second));
        assert_int_equal(s.opens, n >= headers);
        assert_int_equal(s.status, n >= headers ? 200 : 0);
        free(f->targets[--f->n_requests]);
    }
    rc_buf_release(&b);
}

/* Without chunks there is no last one: what tells is whether an event was left unfinished. */
static void ended_by_closing(void **state)
{
    struct fake *f = *state;
    const char *whole = HEADERS "\r\n" EVENT("start", "1");

    fake_client(f, fake_options("1.41"));
    struct seen s = read_stream(f, (struct fake_answer){.bytes = whole, .close = true});
    assert_int_equal(s.outcome, RC_ENGINE_OK);
    assert_int_equal(s.events, 1);
    s = read_stream(f,
                    (struct fake_answer){.bytes = whole, .len = strlen(whole) - 1, .close = true});
    assert_int_equal(s.outcome, RC_ENGINE_CUT);
    assert_int_equal(s.events, 0);
}

static void malformed(void **state)
{
    struct fake *f = *state;

    fake_client(f, fake_options("1.41"));
    struct seen s =
        read_stream(f, (struct fake_answer){.bytes = CHUNKED "zz\r\nabc\r\n", .close = true});
    assert_int_equal(s.outcome, RC_ENGINE_BAD);
    s = read_stream(f, (struct fake_answer){.bytes = "hello\r\n\r\n", .close = true});
    assert_int_equal(s.outcome, RC_ENGINE_BAD);
    assert_int_equal(s.opens, 0);
}

static void errors(void **state)
{
    struct fake *f = *state;
    size_t len;
    char *bad_since = fake_capture("docker-20.10/errors/events-bad-since.http", &len);

    fake_client(f, fake_options("1.41"));
    struct seen s =
        read_stream(f, (struct fake_answer){.bytes = bad_since, .pieces = true, .close = true});
    assert_int_equal(s.outcome, RC_ENGINE_STATUS);
    assert_int_equal(s.status, 500);
    assert_int_equal(s.opens + s.events + s.bad + s.batches, 0);
    assert_non_null(strstr(s.err.msg, "GET /events: HTTP 500: strconv.ParseInt"));
    test_free(bad_since);

    /* Its body breaks off, or goes on for ever: the status is known. */
    s = read_stream(f, (struct fake_answer){.bytes = "HTTP/1.1 503 Busy\r\nContent-Length: 99"
                                                     "\r\n\r\nwait",
                                            .close = true});
    assert_int_equal(s.outcome, RC_ENGINE_STATUS);
    assert_int_equal(s.status, 503);
    assert_int_equal(s.err.code, RC_BUSY);
    assert_non_null(strstr(s.err.msg, "HTTP 503: wait"));
}

static void an_error_that_does_not_end(void **state)
{
    struct fake *f = *state;
    rc_engine_options o = fake_options("1.41");

    o.request_timeout_ns = 500 * RC_NS_PER_MS;
    fake_client(f, o);
    struct seen s = read_stream(
        f, (struct fake_answer){.bytes = "HTTP/1.1 502 Bad\r\nContent-Length: 99\r\n\r\nproxy"});
    assert_int_equal(s.outcome, RC_ENGINE_STATUS);
    assert_int_equal(s.status, 502);

    char *flood = test_malloc(200001);
    int n = snprintf(flood, 200000, "HTTP/1.1 400 Bad\r\n\r\n");
    memset(flood + n, 'x', 200000 - (size_t)n);
    flood[200000] = '\0';
    fake_client(f, fake_options("1.41"));
    s = read_stream(f, (struct fake_answer){.bytes = flood}); /* not even closed */
    assert_int_equal(s.outcome, RC_ENGINE_STATUS);
    assert_true(strlen(s.err.msg) < RC_ERROR_MAX);
    test_free(flood);
}

static void no_headers_in_time(void **state)
{
    struct fake *f = *state;
    rc_engine_options o = fake_options("1.41");

    o.connect_timeout_ns = 10 * RC_NS_PER_MS;
    o.request_timeout_ns = 10 * RC_NS_PER_MS;
    fake_client(f, o);
    struct seen s = read_stream(f, (struct fake_answer){.hang = true});
    assert_int_equal(s.outcome, RC_ENGINE_TIMEOUT);
    assert_int_equal(s.opens, 0);
    s = read_stream(f, (struct fake_answer){.bytes = CHUNKED, .len = 20});
    assert_int_equal(s.outcome, RC_ENGINE_TIMEOUT);
    assert_int_equal(s.err.code, RC_TIMEOUT);
}

static void refused(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f};

    fake_client(f, fake_options("1.41"));
    fake_stop_listening(f);
    run(&s);
    assert_int_equal(s.outcome, RC_ENGINE_REFUSED);
}

static void say_more(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    fake_send(arg, EVENT("die", "7"));
}

/* Ten times every timeout that there is goes by without a byte. */
static void quiet_is_healthy(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f, .cancel = IN_EVENT};
    rc_engine_options o = fake_options("1.41");
    struct timeval tv = {2, 0};

    o.connect_timeout_ns = 200 * RC_NS_PER_MS;
    o.request_timeout_ns = 200 * RC_NS_PER_MS;
    fake_client(f, o);
    fake_answer(f, (struct fake_answer){.prefix = "/", .bytes = HEADERS "\r\n"});
    begin(&s);
    while (!s.opens && !s.done)
        event_base_loop(f->base, EVLOOP_ONCE);
    assert_int_equal(event_base_once(f->base, -1, EV_TIMEOUT, say_more, f, &tv), 0);
    fake_run(f);
    assert_int_equal(s.events, 1);
    assert_int_equal(s.last_time, 7);
    assert_int_equal(s.outcome, RC_ENGINE_CANCELLED);
}

static void cancelled_from_each_callback(void **state)
{
    struct fake *f = *state;
    rc_buf b = RC_BUF_INIT(0);

    fake_client(f, fake_options("1.41"));
    rc_buf_puts(&b, CHUNKED);
    add_chunk(&b, EVENT("start", "1"));
    add_chunk(&b, "bad\n" EVENT("die", "2") EVENT("stop", "3"));
    rc_buf_puts(&b, END);
    fake_answer(f, (struct fake_answer){.prefix = "/", .bytes = b.data, .len = b.len});
    for (enum where where = IN_OPEN; where <= IN_DONE; where++) {
        struct seen s = {.f = f, .cancel = where};
        run(&s);
        if (where == IN_DONE) {
            assert_int_equal(s.outcome, RC_ENGINE_OK);
            continue;
        }
        assert_int_equal(s.outcome, RC_ENGINE_CANCELLED);
        assert_int_equal(s.err.code, RC_CANCELLED);
        assert_int_equal(s.events, where == IN_OPEN                       ? 0
                                   : where == IN_EVENT || where == IN_BAD ? 1
                                                                          : s.events);
        assert_int_equal(s.batches, where == IN_BATCH);
    }
    rc_buf_release(&b);
}

static void freed_under_way(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f}, unstarted = {.f = f};

    fake_client(f, fake_options("1.41"));
    fake_answer(f, (struct fake_answer){.prefix = "/",
                                        .bytes = HEADERS "\r\n" EVENT("start", "1") "{\"half"});
    begin(&s);
    while (!s.batches && !s.done)
        event_base_loop(f->base, EVLOOP_ONCE);
    begin(&unstarted);
    f->engine = rc_engine_free(f->engine);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.outcome, RC_ENGINE_CANCELLED);
    assert_int_equal(s.events, 1);
    assert_int_equal(unstarted.done, 1);
    assert_int_equal(unstarted.outcome, RC_ENGINE_CANCELLED);
    fake_drain(f);
    assert_int_equal(s.done + unstarted.done, 2);
}

/* What has come together is one batch: events share commits, and none waits for the next. */
static void events_share_a_batch(void **state)
{
    struct fake *f = *state;
    rc_buf b = RC_BUF_INIT(0);

    fake_client(f, fake_options("1.41"));
    rc_buf_puts(&b, CHUNKED);
    for (int i = 0; i < 500; i++)
        add_chunk(&b, EVENT("start", "1"));
    rc_buf_puts(&b, END);
    struct seen s = read_stream(f, (struct fake_answer){.bytes = b.data, .len = b.len});
    assert_int_equal(s.outcome, RC_ENGINE_OK);
    assert_int_equal(s.events, 500);
    assert_true(s.batches < 50);
    rc_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(dockers_captures),
        FAKE_TEST(podmans_captures),
        FAKE_TEST(what_is_asked),
        FAKE_TEST(bad_and_long_lines),
        FAKE_TEST(a_bad_line_is_shown_safely),
        FAKE_TEST(cut_at_every_byte),
        FAKE_TEST(ended_by_closing),
        FAKE_TEST(malformed),
        FAKE_TEST(errors),
        FAKE_TEST(an_error_that_does_not_end),
        FAKE_TEST(no_headers_in_time),
        FAKE_TEST(refused),
        FAKE_TEST(quiet_is_healthy),
        FAKE_TEST(cancelled_from_each_callback),
        FAKE_TEST(freed_under_way),
        FAKE_TEST(events_share_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
