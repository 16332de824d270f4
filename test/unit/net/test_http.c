/* The HTTP client against a small server on the same event base: how each end of a response is
 * told, and that cancelling and freeing are safe from everywhere. Nothing is asserted by the clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/http.h"

#define CONNECTIONS_MAX 8
#define CHUNKED         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static const char whole_answer[] = "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 08:00:00 GMT\r\n"
                                   "Api-Version: 1.47\r\nSERVER:  Docker/27 \r\n"
                                   "Content-Length: 5\r\n\r\nhello";

enum action { NOTHING, CANCEL, ABORT, FREE, REQUEST };

struct fixture {
    char dir[64];
    char path[100];
    struct event_base *base;
    struct evconnlistener *listener;
    struct bufferevent *connections[CONNECTIONS_MAX];
    int accepted;
    char seen[4096]; /* what the server got */
    size_t seen_len;
    const char *answer;             /* NULL: none */
    struct evbuffer *answer_buffer; /* instead, at once */
    size_t answer_sent;
    bool drip;  /* one byte a write */
    bool close; /* after the answer */
    struct event *drip_event;
    rc_http *http;
};

struct record {
    struct fixture *f;
    rc_http_call *call;
    enum action at_headers, at_body, at_done;
    int header_calls, done_calls;
    int status, done_status;
    char date[64], api[64], server[64];
    char body[256];
    size_t body_len;
    enum rc_http_outcome outcome;
    rc_error err;
    bool keep_looping;
    struct record *next; /* what REQUEST starts */
};

static void hang_up(struct fixture *f, struct bufferevent *bev)
{
    for (int i = 0; i < f->accepted; i++)
        if (f->connections[i] == bev)
            f->connections[i] = NULL;
    bufferevent_free(bev);
}

static struct bufferevent *last_connection(struct fixture *f)
{
    return f->accepted ? f->connections[f->accepted - 1] : NULL;
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct fixture *f = arg;
    bool all_sent = f->answer_buffer ? evbuffer_get_length(f->answer_buffer) == 0
                                     : f->answer && f->answer_sent == strlen(f->answer);
    if (f->close && all_sent)
        hang_up(f, bev);
}

static void on_drip(evutil_socket_t fd, short what, void *arg)
{
    struct fixture *f = arg;
    struct timeval tv = {0, 100};
    struct bufferevent *bev = last_connection(f);

    (void)fd, (void)what;
    if (!bev || f->answer_sent == strlen(f->answer))
        return;
    bufferevent_write(bev, f->answer + f->answer_sent++, 1);
    evtimer_add(f->drip_event, &tv);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct fixture *f = arg;

    f->seen_len += bufferevent_read(bev, f->seen + f->seen_len, sizeof(f->seen) - 1 - f->seen_len);
    f->seen[f->seen_len] = '\0';
    if (f->answer_buffer) {
        bufferevent_write_buffer(bev, f->answer_buffer);
        return;
    }
    if (!f->answer || !strstr(f->seen, "\r\n\r\n"))
        return;
    if (f->drip) {
        on_drip(-1, 0, f);
        return;
    }
    f->answer_sent = strlen(f->answer);
    if (f->answer_sent)
        bufferevent_write(bev, f->answer, f->answer_sent);
    else if (f->close)
        hang_up(f, bev);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        hang_up(arg, bev);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int n,
                      void *arg)
{
    struct fixture *f = arg;

    (void)l, (void)a, (void)n;
    assert_true(f->accepted < CONNECTIONS_MAX);
    struct bufferevent *bev = bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);
    f->connections[f->accepted++] = bev;
    bufferevent_setcb(bev, on_read, on_written, on_event, f);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    (void)signal(SIGPIPE, SIG_IGN);
    strcpy(f->dir, "/tmp/rc-http-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
    memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
    f->base = event_base_new();
    f->listener = evconnlistener_new_bind(f->base, on_accept, f, LEV_OPT_CLOSE_ON_FREE, -1,
                                          (struct sockaddr *)&addr, (int)sizeof(addr));
    assert_non_null(f->listener);
    f->drip_event = evtimer_new(f->base, on_drip, f);
    rc_http_options options = {.unix_path = f->path};
    f->http = rc_http_new(f->base, &options, NULL);
    assert_non_null(f->http);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    f->http = rc_http_free(f->http);
    for (int i = 0; i < f->accepted; i++)
        if (f->connections[i])
            bufferevent_free(f->connections[i]);
    if (f->listener)
        evconnlistener_free(f->listener);
    event_free(f->drip_event);
    event_base_free(f->base);
    (void)unlink(f->path);
    (void)rmdir(f->dir);
    free(f);
    return 0;
}

static void begin(struct record *r, rc_http_request_options o);

static int act(struct record *r, enum action action)
{
    if (action == CANCEL)
        rc_http_cancel(r->call);
    if (action == FREE)
        r->f->http = rc_http_free(r->f->http);
    if (action == REQUEST)
        begin(r->next, (rc_http_request_options){.path = "/next"});
    return action == ABORT;
}

static void copy(char *out, size_t size, rc_str s)
{
    (void)snprintf(out, size, "%.*s", RC_STR_ARG(s));
}

static void on_headers(rc_http_call *call, const rc_http_headers *h, void *arg)
{
    struct record *r = arg;

    assert_ptr_equal(call, r->call);
    r->header_calls++;
    r->status = h->status;
    copy(r->date, sizeof(r->date), h->date);
    copy(r->api, sizeof(r->api), h->api_version);
    copy(r->server, sizeof(r->server), h->server);
    (void)act(r, r->at_headers);
}

static int on_body(rc_http_call *call, const char *bytes, size_t n, void *arg)
{
    struct record *r = arg;

    assert_ptr_equal(call, r->call);
    assert_int_equal(r->done_calls, 0);
    assert_true(n > 0 && r->body_len + n < sizeof(r->body));
    memcpy(r->body + r->body_len, bytes, n);
    r->body_len += n;
    return act(r, r->at_body);
}

static void on_done(rc_http_call *call, const rc_http_result *result, void *arg)
{
    struct record *r = arg;

    assert_ptr_equal(call, r->call);
    r->done_calls++;
    r->done_status = result->status;
    r->outcome = result->outcome;
    r->err = *result->err;
    (void)act(r, r->at_done);
    if (!r->keep_looping)
        event_base_loopbreak(r->f->base);
}

static void begin(struct record *r, rc_http_request_options o)
{
    rc_error err = RC_ERROR_INIT;

    o.on_headers = on_headers;
    o.on_body = on_body;
    o.on_done = on_done;
    o.arg = r;
    r->call = rc_http_request(r->f->http, &o, &err);
    assert_non_null(r->call);
    assert_int_equal(r->done_calls, 0);
}

static void run(struct record *r, rc_http_request_options o)
{
    if (!o.path)
        o.path = "/x";
    begin(r, o);
    event_base_dispatch(r->f->base);
    assert_int_equal(r->done_calls, 1);
    /* Whatever is still queued must not call back again. */
    event_base_loop(r->f->base, EVLOOP_NONBLOCK);
    assert_int_equal(r->done_calls, 1);
    assert_int_equal(r->err.code == RC_OK, r->outcome == RC_HTTP_COMPLETE);
}

static void whole_body(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f};

    f->answer = whole_answer;
    run(&r, (rc_http_request_options){.path = "/v1.47/info?a=%20"});
    assert_int_equal(r.outcome, RC_HTTP_COMPLETE);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.done_status, 200);
    assert_int_equal(r.header_calls, 1);
    assert_string_equal(r.body, "hello");
    assert_string_equal(r.date, "Tue, 24 Nov 2026 08:00:00 GMT");
    assert_string_equal(r.api, "1.47");
    assert_string_equal(r.server, "Docker/27");
    assert_ptr_equal(strstr(f->seen, "GET /v1.47/info?a=%20 HTTP/1.1\r\n"), f->seen);
}

static void connections_are_kept_but_not_a_streams(void **state)
{
    struct fixture *f = *state;

    f->answer = whole_answer;
    for (int i = 0; i < 4; i++) {
        struct record r = {.f = f};
        run(&r, (rc_http_request_options){.stream = i == 2});
        assert_int_equal(r.outcome, RC_HTTP_COMPLETE);
    }
    assert_int_equal(f->accepted, 2);
}

static void chunks_a_byte_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f};

    f->answer = "HTTP/1.1 100 Continue\r\nServer: early\r\n\r\n" CHUNKED
                "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nServer: trailer\r\n\r\n";
    f->drip = true;
    run(&r, (rc_http_request_options){.header_timeout_ms = 60000, .idle_timeout_ms = 60000});
    assert_int_equal(r.outcome, RC_HTTP_COMPLETE);
    assert_string_equal(r.body, "abcdefgh");
    assert_int_equal(r.header_calls, 1);
    assert_string_equal(r.server, "");
}

static void cut_in_mid_chunk(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f};

    f->answer = CHUNKED "3\r\nabc\r\n50\r\nde";
    f->close = true;
    run(&r, (rc_http_request_options){.stream = true});
    assert_int_equal(r.outcome, RC_HTTP_CLOSED_EARLY);
    assert_int_equal(r.err.code, RC_CLOSED);
    assert_int_equal(r.done_status, 200);
    assert_string_equal(r.body, "abcde");
}

static void closed_without_an_answer(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f};

    f->answer = "";
    f->close = true;
    run(&r, (rc_http_request_options){.stream = true});
    assert_int_equal(r.outcome, RC_HTTP_CLOSED_EARLY);
    assert_int_equal(r.done_status, 0);
    assert_int_equal(r.header_calls, 0);
}

static void cut_in_the_headers(void **state)
{
    struct fixture *f = *state;
    char answer[sizeof(whole_answer)];

    f->answer = answer;
    f->close = true;
    for (size_t n = 1; n < sizeof(whole_answer) - sizeof("hello"); n += 7) {
        struct record r = {.f = f};
        memcpy(answer, whole_answer, n);
        answer[n] = '\0';
        f->accepted = 0;
        f->seen_len = 0;
        run(&r, (rc_http_request_options){.stream = true});
        assert_int_equal(r.outcome, RC_HTTP_CLOSED_EARLY);
        assert_int_equal(r.header_calls, 0);
        assert_int_equal(r.done_status, 0);
    }
}

static void a_clean_end_of_a_stream(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f};

    f->answer = CHUNKED "3\r\nabc\r\n0\r\n\r\n";
    run(&r, (rc_http_request_options){.stream = true});
    assert_int_equal(r.outcome, RC_HTTP_COMPLETE);
}

static void malformed_answers(void **state)
{
    static const char *const answers[] = {"garbage\r\n\r\n", CHUNKED "zz\r\nabc\r\n"};
    struct fixture *f = *state;

    f->close = true;
    for (int i = 0; i < 2; i++) {
        struct record r = {.f = f};
        f->answer = answers[i];
        run(&r, (rc_http_request_options){.stream = true});
        assert_int_equal(r.outcome, RC_HTTP_FAILED);
        assert_int_equal(r.err.code, RC_PROTOCOL);
    }
}

static void no_headers_in_time(void **state)
{
    static const char *const answers[] = {NULL, "HTTP/1.1 200 OK\r\nDa"};
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        struct record r = {.f = f};
        f->answer = answers[i];
        run(&r, (rc_http_request_options){.header_timeout_ms = 20, .stream = true});
        assert_int_equal(r.outcome, RC_HTTP_TIMED_OUT);
        assert_int_equal(r.err.code, RC_TIMEOUT);
        assert_int_equal(r.done_status, 0);
    }
}

static void no_bytes_in_time(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f};

    f->answer = CHUNKED "3\r\nabc\r\n";
    run(&r, (rc_http_request_options){.idle_timeout_ms = 20});
    assert_int_equal(r.outcome, RC_HTTP_TIMED_OUT);
    assert_int_equal(r.done_status, 200);
    assert_string_equal(r.body, "abc");
}

static void total_timeout(void **state)
{
    struct record r = {.f = *state};

    run(&r, (rc_http_request_options){.total_timeout_ms = 20});
    assert_int_equal(r.outcome, RC_HTTP_TIMED_OUT);
}

static void refused(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f};

    evconnlistener_free(f->listener); /* the file stays */
    f->listener = NULL;
    run(&r, (rc_http_request_options){0});
    assert_int_equal(r.outcome, RC_HTTP_REFUSED);
    assert_int_equal(r.err.code, RC_CLOSED);
}

static void over_tcp(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(addr);
    struct record heard = {.f = f}, unheard = {.f = f};
    char url[64];

    evconnlistener_free(f->listener);
    f->listener = evconnlistener_new_bind(f->base, on_accept, f, LEV_OPT_CLOSE_ON_FREE, -1,
                                          (struct sockaddr *)&addr, (int)sizeof(addr));
    assert_non_null(f->listener);
    assert_int_equal(
        getsockname(evconnlistener_get_fd(f->listener), (struct sockaddr *)&addr, &len), 0);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(addr.sin_port));
    (void)rc_http_free(f->http);
    rc_http_options options = {.base_url = url};
    f->http = rc_http_new(f->base, &options, NULL);
    assert_non_null(f->http);
    f->answer = whole_answer;
    f->close = true;
    run(&heard, (rc_http_request_options){.stream = true});
    assert_int_equal(heard.outcome, RC_HTTP_COMPLETE);
    assert_string_equal(heard.body, "hello");

    evconnlistener_free(f->listener);
    f->listener = NULL;
    run(&unheard, (rc_http_request_options){.stream = true});
    assert_int_equal(unheard.outcome, RC_HTTP_REFUSED);
    assert_int_equal(unheard.err.code, RC_CLOSED);
}

static void missing_socket(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f};

    (void)unlink(f->path);
    run(&r, (rc_http_request_options){0});
    assert_int_equal(r.outcome, RC_HTTP_REFUSED);
    assert_int_equal(r.err.code, RC_CLOSED);
}

static void expect_no_client(struct fixture *f, rc_http_options o, int code)
{
    rc_error err = RC_ERROR_INIT;
    assert_null(rc_http_new(f->base, &o, &err));
    assert_int_equal(err.code, code);
    assert_true(err.msg[0] != '\0');
}

static void bad_options(void **state)
{
    struct fixture *f = *state;
    char path[RC_HTTP_UNIX_PATH_MAX + 2];

    memset(path, 'a', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    expect_no_client(f, (rc_http_options){.unix_path = path}, RC_INVALID);
    path[RC_HTTP_UNIX_PATH_MAX] = '\0';
    rc_http_options longest = {.unix_path = path};
    rc_http *http = rc_http_new(f->base, &longest, NULL);
    assert_non_null(http);
    (void)rc_http_free(http);

    expect_no_client(f, (rc_http_options){0}, RC_INVALID);
    expect_no_client(f, (rc_http_options){.unix_path = ""}, RC_INVALID);
    expect_no_client(f, (rc_http_options){.unix_path = "/a", .base_url = "http://h"}, RC_INVALID);
    expect_no_client(f, (rc_http_options){.unix_path = "/a", .base_url = "https://h"},
                     RC_UNSUPPORTED);
    expect_no_client(f, (rc_http_options){.unix_path = "/a", .ca_file = "/ca"}, RC_UNSUPPORTED);
    expect_no_client(f, (rc_http_options){.unix_path = "/a", .priority = 99}, RC_INVALID);
    expect_no_client(f, (rc_http_options){.base_url = "tcp://h:1"}, RC_INVALID);
    expect_no_client(f, (rc_http_options){.base_url = "http://u:p@h:1"}, RC_INVALID);
    expect_no_client(f, (rc_http_options){.base_url = "http://h:1", .ca_file = "/ca"}, RC_INVALID);
    expect_no_client(f, (rc_http_options){.base_url = "https://h:1", .cert_file = "/c"},
                     RC_INVALID);
}

static void bad_requests(void **state)
{
    struct fixture *f = *state;
    const rc_http_request_options bad[] = {
        {.path = NULL, .on_done = on_done},
        {.path = "x", .on_done = on_done},
        {.path = "/a b", .on_done = on_done},
        {.path = "/a\r\nX: y", .on_done = on_done},
        {.path = "/a"},
        {.path = "/a", .on_done = on_done, .body = RC_STR("b")},
        {.path = "/a", .on_done = on_done, .stream = true, .total_timeout_ms = 1},
        {.path = "/a", .on_done = on_done, .turn_max = RC_HTTP_TURN_MIN - 1},
        {.path = "/a", .on_done = on_done, .turn_max = RC_HTTP_TURN_MAX + 1},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rc_error err = RC_ERROR_INIT;
        assert_null(rc_http_request(f->http, &bad[i], &err));
        assert_int_equal(err.code, RC_INVALID);
    }
}

static void abort_from_on_body(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f, .at_body = ABORT};

    f->answer = CHUNKED "3\r\nabc\r\n";
    run(&r, (rc_http_request_options){.stream = true});
    assert_int_equal(r.outcome, RC_HTTP_ABORTED);
    assert_int_equal(r.err.code, RC_CANCELLED);
    assert_string_equal(r.body, "abc");
}

static void cancel_from_each_callback(void **state)
{
    struct fixture *f = *state;

    f->answer = whole_answer;
    struct record h = {.f = f, .at_headers = CANCEL};
    run(&h, (rc_http_request_options){0});
    assert_int_equal(h.outcome, RC_HTTP_ABORTED);
    assert_int_equal(h.body_len, 0);

    struct record b = {.f = f, .at_body = CANCEL};
    run(&b, (rc_http_request_options){0});
    assert_int_equal(b.outcome, RC_HTTP_ABORTED);

    struct record d = {.f = f, .at_done = CANCEL};
    run(&d, (rc_http_request_options){0});
    assert_int_equal(d.outcome, RC_HTTP_COMPLETE);
}

static void cancel_before_the_start(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f};

    begin(&r, (rc_http_request_options){.path = "/x"});
    rc_http_cancel(r.call);
    rc_http_cancel(r.call);
    assert_int_equal(r.done_calls, 0);
    event_base_dispatch(f->base);
    assert_int_equal(r.done_calls, 1);
    assert_int_equal(r.outcome, RC_HTTP_ABORTED);
    assert_int_equal(f->accepted, 0);
}

static void request_from_each_callback(void **state)
{
    struct fixture *f = *state;

    f->answer = whole_answer;
    for (int i = 0; i < 3; i++) {
        struct record next = {.f = f};
        struct record r = {.f = f, .next = &next, .keep_looping = true};
        *(i == 0 ? &r.at_headers : i == 1 ? &r.at_body : &r.at_done) = REQUEST;
        begin(&r, (rc_http_request_options){.path = "/x"});
        event_base_dispatch(f->base);
        if (!r.done_calls)
            event_base_dispatch(f->base);
        assert_int_equal(r.outcome, RC_HTTP_COMPLETE);
        assert_int_equal(next.outcome, RC_HTTP_COMPLETE);
        assert_int_equal(r.done_calls + next.done_calls, 2);
    }
}

static void free_with_requests_in_flight(void **state)
{
    struct fixture *f = *state;
    struct record r[4] = {{.f = f}, {.f = f}, {.f = f}, {.f = f, .at_done = FREE}};

    f->answer = CHUNKED "3\r\nabc\r\n";
    for (int i = 0; i < 3; i++) {
        begin(&r[i], (rc_http_request_options){.path = "/x",
                                               .header_timeout_ms = 60000,
                                               .idle_timeout_ms = 60000,
                                               .stream = true});
    }
    while (!r[0].body_len || !r[1].body_len || !r[2].body_len)
        event_base_loop(f->base, EVLOOP_ONCE);
    begin(&r[3], (rc_http_request_options){.path = "/x"}); /* not even started */
    rc_http_cancel(r[1].call);
    f->http = rc_http_free(f->http);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(r[i].done_calls, 1);
        assert_int_equal(r[i].outcome, RC_HTTP_ABORTED);
    }
}

static void free_from_each_callback(void **state)
{
    struct fixture *f = *state;

    f->answer = whole_answer;
    for (int i = 0; i < 3; i++) {
        struct record other = {.f = f, .keep_looping = true};
        struct record r = {.f = f, .keep_looping = true};
        rc_http_options options = {.unix_path = f->path};
        if (!f->http)
            f->http = rc_http_new(f->base, &options, NULL);
        *(i == 0 ? &r.at_headers : i == 1 ? &r.at_body : &r.at_done) = FREE;
        begin(&r, (rc_http_request_options){.path = "/x"});
        begin(&other, (rc_http_request_options){.path = "/y"});
        while (!r.done_calls || !other.done_calls)
            event_base_loop(f->base, EVLOOP_ONCE);
        assert_null(f->http);
        assert_int_equal(r.done_calls + other.done_calls, 2);
        assert_int_equal(r.outcome, i == 2 ? RC_HTTP_COMPLETE : RC_HTTP_ABORTED);
    }
}

struct turns {
    struct record r;
    size_t total, turn, longest;
    int turns, others;
    struct event *other;
};

static int count_body(rc_http_call *call, const char *bytes, size_t n, void *arg)
{
    struct turns *t = arg;

    (void)call;
    for (size_t i = 0; i < n; i++)
        assert_int_equal((unsigned char)bytes[i], (t->total + i) % 251);
    t->total += n;
    t->turn += n;
    return 0;
}

static void count_turn(rc_http_call *call, void *arg)
{
    struct turns *t = arg;

    (void)call;
    assert_true(t->turn > 0);
    t->longest = t->turn > t->longest ? t->turn : t->longest;
    t->turn = 0;
    t->turns++;
}

static void turns_done(rc_http_call *call, const rc_http_result *result, void *arg)
{
    struct turns *t = arg;

    assert_int_equal(t->turn, 0);
    t->r.call = call;
    on_done(call, result, &t->r);
}

static void other_event(evutil_socket_t fd, short what, void *arg)
{
    struct turns *t = arg;
    const struct timeval at_once = {0, 0};

    (void)fd, (void)what;
    t->others++;
    evtimer_add(t->other, &at_once);
}

/* Answers that are there already do not keep the loop: every few bytes others get their turn. */
static void long_answers_take_turns(void **state)
{
    enum { SIZE = 300000 };
    static const struct {
        int chunk; /* 0: none, ended by closing */
        uint32_t turn_max;
    } table[] = {{0, 0}, {0, 1024}, {100, 1024}, {3000, 1024}, {700, 0}, {700, 512 * 1024}};
    struct fixture *f = *state;
    const struct timeval at_once = {0, 0};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct turns t = {.r = {.f = f}};
        size_t usual = table[i].turn_max ? table[i].turn_max : RC_HTTP_TURN_USUAL;
        struct evbuffer *out = evbuffer_new();
        evbuffer_add_printf(out, "%s", table[i].chunk ? CHUNKED : "HTTP/1.1 200 OK\r\n\r\n");
        int chunk = table[i].chunk ? table[i].chunk : SIZE;
        for (int at = 0; at < SIZE; at += chunk) {
            int n = SIZE - at < chunk ? SIZE - at : chunk;
            if (table[i].chunk)
                evbuffer_add_printf(out, "%x\r\n", n);
            for (int b = at; b < at + n; b++)
                evbuffer_add(out, &(unsigned char){(unsigned char)(b % 251)}, 1);
            if (table[i].chunk)
                evbuffer_add_printf(out, "\r\n");
        }
        if (table[i].chunk)
            evbuffer_add_printf(out, "0\r\n\r\n");
        f->answer_buffer = out;
        f->close = true;
        f->accepted = 0;
        f->seen_len = 0;
        t.other = evtimer_new(f->base, other_event, &t);
        rc_http_request_options o = {.path = "/x",
                                     .stream = true,
                                     .turn_max = table[i].turn_max,
                                     .on_body = count_body,
                                     .on_batch = count_turn,
                                     .on_done = turns_done,
                                     .arg = &t};
        assert_non_null(rc_http_request(f->http, &o, NULL));
        evtimer_add(t.other, &at_once);
        event_base_dispatch(f->base);
        assert_int_equal(t.r.outcome, RC_HTTP_COMPLETE);
        assert_int_equal(t.total, SIZE);
        assert_true(t.longest < 3 * usual);
        assert_true(t.others >= t.turns - 2);
        event_free(t.other);
        evbuffer_free(out);
        f->answer_buffer = NULL;
    }
}

static void a_500_is_complete(void **state)
{
    struct fixture *f = *state;
    struct record r = {.f = f};

    f->answer = "HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\noops";
    run(&r, (rc_http_request_options){0});
    assert_int_equal(r.outcome, RC_HTTP_COMPLETE);
    assert_int_equal(r.done_status, 500);
    assert_string_equal(r.body, "oops");
}

static void posts(void **state)
{
    struct fixture *f = *state;
    struct record empty = {.f = f}, full = {.f = f};

    f->answer = "HTTP/1.1 204 No Content\r\n\r\n";
    run(&empty, (rc_http_request_options){.method = RC_HTTP_POST, .header_timeout_ms = 60000});
    assert_int_equal(empty.outcome, RC_HTTP_COMPLETE);
    assert_int_equal(empty.done_status, 204);
    assert_ptr_equal(strstr(f->seen, "POST /x HTTP/1.1\r\n"), f->seen);
    assert_non_null(strstr(f->seen, "\r\nContent-Length: 0\r\n"));
    assert_null(strstr(f->seen, "chunked"));
    assert_null(strstr(f->seen, "Content-Type"));

    f->seen_len = 0;
    run(&full, (rc_http_request_options){.method = RC_HTTP_POST, .body = RC_STR("{}")});
    assert_int_equal(full.outcome, RC_HTTP_COMPLETE);
    assert_non_null(strstr(f->seen, "\r\nContent-Length: 2\r\n"));
    assert_non_null(strstr(f->seen, "\r\nContent-Type: application/json\r\n"));
}

static void count_done(rc_http_call *call, const rc_http_result *result, void *arg)
{
    (void)call;
    assert_int_equal(result->outcome, RC_HTTP_ABORTED);
    ++*(int *)arg;
}

static void the_cap(void **state)
{
    struct fixture *f = *state;
    rc_error err = RC_ERROR_INIT;
    int done = 0;
    rc_http_request_options o = {.path = "/x", .on_done = count_done, .arg = &done};

    for (int i = 0; i < RC_HTTP_REQUESTS_MAX; i++)
        assert_non_null(rc_http_request(f->http, &o, NULL));
    assert_null(rc_http_request(f->http, &o, &err));
    assert_int_equal(err.code, RC_FULL);
    f->http = rc_http_free(f->http);
    assert_int_equal(done, RC_HTTP_REQUESTS_MAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(whole_body),
        CASE(connections_are_kept_but_not_a_streams),
        CASE(chunks_a_byte_at_a_time),
        CASE(cut_in_mid_chunk),
        CASE(closed_without_an_answer),
        CASE(cut_in_the_headers),
        CASE(a_clean_end_of_a_stream),
        CASE(malformed_answers),
        CASE(no_headers_in_time),
        CASE(no_bytes_in_time),
        CASE(total_timeout),
        CASE(refused),
        CASE(over_tcp),
        CASE(missing_socket),
        CASE(bad_options),
        CASE(bad_requests),
        CASE(abort_from_on_body),
        CASE(cancel_from_each_callback),
        CASE(cancel_before_the_start),
        CASE(request_from_each_callback),
        CASE(free_with_requests_in_flight),
        CASE(free_from_each_callback),
        CASE(long_answers_take_turns),
        CASE(a_500_is_complete),
        CASE(posts),
        CASE(the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
