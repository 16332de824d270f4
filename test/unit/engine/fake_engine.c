/* The scripted engine. */
#include "fake_engine.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hash.h"

#define GUARD_SECONDS 120

struct fake_connection {
    struct fake *f;
    struct bufferevent *bev;
    const struct fake_answer *answer;
    size_t sent;
    size_t len;
    TAILQ_ENTRY(fake_connection) link;
};

static void hang_up(struct fake_connection *c)
{
    TAILQ_REMOVE(&c->f->connections, c, link);
    bufferevent_free(c->bev);
    free(c);
}

static void send_more(struct fake_connection *c)
{
    size_t n = c->len - c->sent;

    if (c->answer->pieces && n > 1)
        n = 1 + rc_rand_next(&c->f->seed) % (n < 200 ? n : 200);
    c->sent += n;
    bufferevent_write(c->bev, c->answer->bytes + c->sent - n, n);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct fake_connection *c = arg;

    (void)bev;
    if (!c->answer || c->answer->hang)
        return;
    if (c->sent < c->len)
        send_more(c);
    else if (c->answer->close)
        hang_up(c);
    else
        c->answer = NULL;
}

static void answer_request(struct fake_connection *c, const char *target)
{
    struct fake *f = c->f;

    assert_true(f->n_requests < FAKE_REQUESTS_MAX);
    f->targets[f->n_requests++] = strdup(target);
    c->answer = NULL;
    for (int i = 0; i < f->n_answers && !c->answer; i++)
        if (strncmp(target, f->answers[i].prefix, strlen(f->answers[i].prefix)) == 0)
            c->answer = &f->answers[i];
    if (!c->answer)
        fail_msg("nothing answers %s", target);
    if (!c->answer || c->answer->hang)
        return;
    c->sent = 0;
    c->len = c->answer->len ? c->answer->len : strlen(c->answer->bytes);
    if (c->len)
        send_more(c);
    else if (c->answer->close)
        hang_up(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct fake_connection *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    char target[FAKE_TARGET_MAX];

    if (*evbuffer_pullup(in, 1) == 0x16) { /* TLS, which this server does not speak */
        hang_up(c);
        return;
    }
    if (evbuffer_search(in, "\r\n\r\n", 4, NULL).pos < 0)
        return;
    char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF);
    assert_int_equal(strncmp(line, "GET /", 5), 0); /* nothing else, ever */
    assert_int_equal(sscanf(line, "GET %16383s HTTP/1.1", target), 1);
    free(line);
    evbuffer_drain(in, evbuffer_get_length(in));
    answer_request(c, target);
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        hang_up(arg);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int n,
                      void *arg)
{
    struct fake *f = arg;
    struct fake_connection *c = calloc(1, sizeof(*c));

    (void)l, (void)a, (void)n;
    c->f = f;
    c->bev = f->tls
                 ? bufferevent_openssl_socket_new(f->base, fd, SSL_new(f->tls),
                                                  BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
                 : bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);
    f->n_connections++;
    TAILQ_INSERT_TAIL(&f->connections, c, link);
    bufferevent_setcb(c->bev, on_read, on_written, on_end, c);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void on_guard(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    fail_msg("nothing more happens");
}

static void make_endpoint(struct fake *f)
{
    rc_endpoint_options o = {.host = f->host};
    rc_error err = RC_ERROR_INIT;

    f->endpoint = rc_endpoint_free(f->endpoint);
    if (rc_endpoint_resolve(&o, &f->endpoint, &err) != RC_OK)
        fail_msg("%s", err.msg);
}

int fake_set_up(void **state)
{
    struct fake *f = calloc(1, sizeof(*f));
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    (void)signal(SIGPIPE, SIG_IGN);
    rc_wire_init();
    const char *seed = getenv("RC_TEST_SEED");
    if (seed)
        f->seed = strtoull(seed, NULL, 10);
    else if (rc_random_bytes(&f->seed, sizeof(f->seed)) != 0)
        return -1;
    print_message("RC_TEST_SEED=%llu\n", (unsigned long long)f->seed);
    strcpy(f->dir, "/tmp/rc-engine-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
    (void)snprintf(f->host, sizeof(f->host), "unix://%s", f->path);
    memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
    TAILQ_INIT(&f->connections);
    f->base = event_base_new();
    assert_int_equal(event_base_priority_init(f->base, 2), 0);
    f->guard = evtimer_new(f->base, on_guard, f);
    f->listener = evconnlistener_new_bind(f->base, on_accept, f, LEV_OPT_CLOSE_ON_FREE, -1,
                                          (struct sockaddr *)&addr, (int)sizeof(addr));
    assert_non_null(f->listener);
    make_endpoint(f);
    *state = f;
    return 0;
}

void fake_stop_listening(struct fake *f)
{
    if (f->listener)
        evconnlistener_free(f->listener);
    f->listener = NULL;
}

void fake_listen_tcp(struct fake *f, void *tls)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(addr);

    fake_stop_listening(f);
    f->tls = tls;
    f->listener = evconnlistener_new_bind(f->base, on_accept, f, LEV_OPT_CLOSE_ON_FREE, -1,
                                          (struct sockaddr *)&addr, (int)sizeof(addr));
    assert_non_null(f->listener);
    assert_int_equal(
        getsockname(evconnlistener_get_fd(f->listener), (struct sockaddr *)&addr, &len), 0);
    (void)snprintf(f->host, sizeof(f->host), "tcp://127.0.0.1:%d", ntohs(addr.sin_port));
    if (!tls)
        make_endpoint(f);
}

int fake_tear_down(void **state)
{
    struct fake *f = *state;
    struct fake_connection *c;

    f->engine = rc_engine_free(f->engine);
    f->endpoint = rc_endpoint_free(f->endpoint);
    while ((c = TAILQ_FIRST(&f->connections)))
        hang_up(c); /* NOLINT(clang-analyzer-unix.Malloc): it takes the connection off the list */
    fake_stop_listening(f);
    event_free(f->guard);
    event_base_free(f->base);
    for (int i = 0; i < f->n_requests; i++)
        free(f->targets[i]);
    (void)unlink(f->path);
    (void)rmdir(f->dir);
    free(f);
    return 0;
}

void fake_answer(struct fake *f, struct fake_answer a)
{
    assert_true(f->n_answers < FAKE_ANSWERS_MAX);
    f->answers[f->n_answers++] = a;
}

void fake_forget_answers(struct fake *f)
{
    f->n_answers = 0;
}

void fake_answer_hello(struct fake *f)
{
    fake_answer(f, (struct fake_answer){.prefix = "/_ping",
                                        .bytes = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n"
                                                 "Content-Length: 2\r\n\r\nOK"});
    fake_answer(f, (struct fake_answer){.prefix = "/v1.41/info",
                                        .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n"
                                                 "{\"ID\":\"I\",\"ServerVersion\":\"\"}"});
}

void fake_send(struct fake *f, const char *bytes)
{
    struct fake_connection *c = TAILQ_LAST(&f->connections, fake_connection_list);

    assert_non_null(c);
    bufferevent_write(c->bev, bytes, strlen(bytes));
}

struct rc_engine_options fake_options(const char *version)
{
    /* Long: what is not meant to time out never does. */
    return (struct rc_engine_options){.api_version = version,
                                      .connect_timeout_ns = GUARD_SECONDS * RC_NS_PER_SEC,
                                      .request_timeout_ns = GUARD_SECONDS * RC_NS_PER_SEC};
}

void fake_client(struct fake *f, rc_engine_options options)
{
    rc_error err = RC_ERROR_INIT;

    f->engine = rc_engine_free(f->engine);
    if (rc_engine_new(f->base, f->endpoint, &options, &f->engine, &err) != RC_OK)
        fail_msg("%s", err.msg);
}

void fake_run(struct fake *f)
{
    struct timeval tv = {GUARD_SECONDS, 0};

    evtimer_add(f->guard, &tv);
    event_base_dispatch(f->base);
    evtimer_del(f->guard);
}

void fake_stop(struct fake *f)
{
    event_base_loopbreak(f->base);
}

void fake_drain(struct fake *f)
{
    for (int i = 0; i < 20; i++)
        event_base_loop(f->base, EVLOOP_NONBLOCK);
}

char *fake_capture(const char *name, size_t *ret_len)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", RC_CAPTURES, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("no capture %s", path);
    (void)fseek(file, 0, SEEK_END);
    size_t len = (size_t)ftell(file);
    rewind(file);
    char *bytes = test_malloc(len + 8);
    assert_int_equal(fread(bytes, 1, len, file), len);
    (void)fclose(file);
    bytes[len] = '\0';
    *ret_len = len;
    return bytes;
}

char *fake_http(const char *status, const char *headers, const char *body)
{
    size_t size = strlen(status) + strlen(headers) + strlen(body) + 64;
    char *out = test_malloc(size);

    (void)snprintf(out, size, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers,
                   strlen(body), body);
    return out;
}

int fake_count(const char *text, const char *part)
{
    int n = 0;
    while ((text = strstr(text, part))) {
        n++;
        text += strlen(part);
    }
    return n;
}
