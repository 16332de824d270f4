/* TLS over TCP: whom we trust, who trusts us, and that nothing is said to anybody else.
 * Certificates are made by the openssl command as the tests start. */
#include "fake_engine.h"

#include <openssl/ssl.h>
#include <unistd.h>

/* Two authorities, each with a server's certificate for 127.0.0.1 and a client's, laid out as
 * DOCKER_CERT_PATH wants them. */
static const char make_certificates[] =
    "set -e; cd \"$RC_TLS_DIR\"\n"
    "for a in ours theirs; do mkdir $a; cd $a\n"
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
    "-subj /CN=$a -keyout ca-key.pem -out ca.pem\n"
    "echo subjectAltName=IP:127.0.0.1 > ext\n"
    "for who in server client; do\n"
    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$who "
    "-keyout $who-key.pem -out $who.csr\n"
    "openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 "
    "-extfile ext -out $who.pem\n"
    "done; cp client.pem cert.pem; cp client-key.pem key.pem; cd ..; done\n";

static char dir[] = "/tmp/rc-tls-XXXXXX";

static int make_all(void **state)
{
    (void)state;
    if (!mkdtemp(dir) || setenv("RC_TLS_DIR", dir, 1) != 0)
        return -1;
    char *script = test_malloc(sizeof(make_certificates) + 32);
    (void)sprintf(script, "exec >/dev/null 2>&1\n%s", make_certificates);
    int rc = system(script);
    test_free(script);
    return rc;
}

static int remove_all(void **state)
{
    (void)state;
    return system("rm -rf \"$RC_TLS_DIR\"");
}

static char *in_dir(const char *name)
{
    char *path = test_malloc(256);
    (void)snprintf(path, 256, "%s/%s", dir, name);
    return path;
}

static SSL_CTX *server(const char *authority, bool ask_for_certificate)
{
    char *cert = in_dir("ours/server.pem"), *key = in_dir("ours/server-key.pem");
    char *ca = in_dir(authority);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    assert_int_equal(SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_load_verify_locations(ctx, ca, NULL), 1);
    if (ask_for_certificate)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    test_free(cert);
    test_free(key);
    test_free(ca);
    return ctx;
}

struct env {
    const char *host, *verify, *cert_path;
};

static const char *get(void *arg, const char *name)
{
    const struct env *e = arg;
    return strcmp(name, "DOCKER_HOST") == 0         ? e->host
           : strcmp(name, "DOCKER_TLS_VERIFY") == 0 ? e->verify
           : strcmp(name, "DOCKER_CERT_PATH") == 0  ? e->cert_path
                                                    : NULL;
}

struct end {
    struct fake *f;
    enum rc_engine_outcome outcome;
    int done, events, elements;
    rc_error err;
};

static void on_done(void *arg, const rc_engine_result *result)
{
    struct end *e = arg;
    e->done++;
    e->outcome = result->outcome;
    e->err = *result->err;
    fake_stop(e->f);
}

static void on_hello(void *arg, const rc_engine_hello *hello, const rc_engine_result *result)
{
    (void)hello;
    on_done(arg, result);
}

static void on_event(void *arg, const rc_event *ev)
{
    (void)ev;
    ((struct end *)arg)->events++;
}

static int on_element(void *arg, const rc_observation *obs)
{
    (void)obs;
    ((struct end *)arg)->elements++;
    return 0;
}

static struct end connect_by(struct fake *f, const rc_endpoint_options *o)
{
    struct end e = {.f = f};
    rc_error err = RC_ERROR_INIT;

    f->engine = rc_engine_free(f->engine);
    f->endpoint = rc_endpoint_free(f->endpoint);
    if (rc_endpoint_resolve(o, &f->endpoint, &err) != RC_OK)
        fail_msg("%s", err.msg);
    fake_client(f, fake_options(NULL));
    assert_non_null(rc_engine_connect(f->engine, on_hello, &e, NULL));
    fake_run(f);
    assert_int_equal(e.done, 1);
    return e;
}

static struct end connect_with(struct fake *f, const char *verify, const char *certs)
{
    char *path = certs ? in_dir(certs) : NULL;
    struct env env = {f->host, verify, path};
    rc_endpoint_options o = {.getenv = get, .arg = &env};
    struct end e = connect_by(f, &o);

    if (path)
        test_free(path);
    return e;
}

static void both_verified(void **state)
{
    struct fake *f = *state;
    SSL_CTX *ctx = server("ours/ca.pem", true);
    struct end e = {.f = f};
    size_t list_len;
    char *list = fake_capture("docker-20.10/list/all.http", &list_len);

    fake_listen_tcp(f, ctx);
    fake_answer_hello(f);
    e = connect_with(f, "1", "ours");
    if (e.outcome != RC_ENGINE_OK)
        fail_msg("%s", e.err.msg);
    assert_int_equal(f->n_requests, 2);

    fake_answer(
        f, (struct fake_answer){
               .prefix = "/v1.41/containers/json", .bytes = list, .pieces = true, .close = true});
    fake_answer(f, (struct fake_answer){
                       .prefix = "/v1.41/events",
                       .bytes = "HTTP/1.1 200 OK\r\n\r\n{\"Type\":\"image\",\"Action\":\"pull\"}\n",
                       .close = true});
    rc_engine_list to = {on_element, NULL, on_done, &e};
    assert_non_null(rc_engine_containers(f->engine, NULL, 0, &to, NULL));
    fake_run(f);
    assert_int_equal(e.outcome, RC_ENGINE_OK);
    assert_int_equal(e.elements, fake_count(list, "\"Names\":"));
    rc_engine_stream stream = {.on_event = on_event, .on_done = on_done, .arg = &e};
    assert_non_null(rc_engine_events(f->engine, 0, &stream, NULL));
    fake_run(f);
    assert_int_equal(e.events, 1);
    test_free(list);
    SSL_CTX_free(ctx);
}

static void a_strange_server(void **state)
{
    struct fake *f = *state;
    SSL_CTX *ctx = server("ours/ca.pem", false);
    struct end e;

    fake_listen_tcp(f, ctx);
    fake_answer_hello(f);
    e = connect_with(f, "1", "theirs");
    assert_int_equal(e.outcome, RC_ENGINE_FAILED);
    assert_int_equal(e.err.code, RC_PERM);
    assert_non_null(strstr(e.err.msg, "certificate"));
    e = connect_with(f, "yes", NULL); /* none of the system's authorities either */
    assert_int_equal(e.outcome, RC_ENGINE_FAILED);
    assert_int_equal(f->n_requests, 0);
    /* Not verified, as the docker client does with DOCKER_CERT_PATH alone. */
    e = connect_with(f, "", "theirs");
    assert_int_equal(e.outcome, RC_ENGINE_OK);
    e = connect_with(f, NULL, "theirs");
    assert_int_equal(e.outcome, RC_ENGINE_OK);
    SSL_CTX_free(ctx);
}

static void another_name(void **state)
{
    struct fake *f = *state;
    SSL_CTX *ctx = server("ours/ca.pem", false);
    char host[64];
    char *path = in_dir("ours");

    fake_listen_tcp(f, ctx);
    fake_answer_hello(f);
    (void)snprintf(host, sizeof(host), "tcp://localhost%s", strrchr(f->host, ':'));
    struct env env = {host, "1", path};
    rc_endpoint_options o = {.getenv = get, .arg = &env};
    struct end e = connect_by(f, &o);
    assert_int_equal(e.outcome, RC_ENGINE_FAILED);
    assert_int_equal(e.err.code, RC_PERM);
    assert_int_equal(f->n_requests, 0);
    test_free(path);
    SSL_CTX_free(ctx);
}

static void a_strange_client(void **state)
{
    struct fake *f = *state;
    SSL_CTX *ctx = server("theirs/ca.pem", true); /* it trusts only their clients */
    char *ca = in_dir("ours/ca.pem");
    struct end e;

    fake_listen_tcp(f, ctx);
    fake_answer_hello(f);
    e = connect_with(f, "1", "ours");
    assert_int_equal(e.outcome, RC_ENGINE_FAILED);
    assert_int_equal(e.err.code, RC_PERM);
    rc_endpoint_options none = {.host = f->host, .tls_ca = ca};
    e = connect_by(f, &none);
    assert_int_equal(e.outcome, RC_ENGINE_FAILED);
    assert_int_equal(f->n_requests, 0);
    test_free(ca);
    SSL_CTX_free(ctx);
}

static void configured_files(void **state)
{
    struct fake *f = *state;
    SSL_CTX *ctx = server("theirs/ca.pem", true);
    char *ca = in_dir("ours/ca.pem"), *cert = in_dir("theirs/cert.pem"),
         *key = in_dir("theirs/key.pem");
    struct end e;

    fake_listen_tcp(f, ctx);
    fake_answer_hello(f);
    rc_endpoint_options o = {.host = f->host, .tls_ca = ca, .tls_cert = cert, .tls_key = key};
    e = connect_by(f, &o);
    if (e.outcome != RC_ENGINE_OK)
        fail_msg("%s", e.err.msg);
    assert_ptr_equal(strstr(rc_endpoint_text(f->endpoint), "tcp://127.0.0.1:"),
                     rc_endpoint_text(f->endpoint));
    test_free(ca);
    test_free(cert);
    test_free(key);
    SSL_CTX_free(ctx);
}

static void one_side_speaks_tls(void **state)
{
    struct fake *f = *state;
    SSL_CTX *ctx = server("ours/ca.pem", false);
    struct end e;

    fake_listen_tcp(f, ctx);
    e = connect_with(f, NULL, NULL);
    assert_int_not_equal(e.outcome, RC_ENGINE_OK);
    fake_listen_tcp(f, NULL);
    e = connect_with(f, "1", "ours");
    assert_int_not_equal(e.outcome, RC_ENGINE_OK);
    assert_int_equal(f->n_requests, 0);
    SSL_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(both_verified),    FAKE_TEST(a_strange_server), FAKE_TEST(another_name),
        FAKE_TEST(a_strange_client), FAKE_TEST(configured_files), FAKE_TEST(one_side_speaks_tls),
    };
    return cmocka_run_group_tests(tests, make_all, remove_all);
}
