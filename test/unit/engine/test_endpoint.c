/* Where the engine is: every source in its order, every text that says it well or badly, and that
 * an error names what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/endpoint.h"
#include "wire/decode.h"

#define VARIABLES_MAX 8

/* SHA-256 of "remote", by sha256sum */
#define REMOTE "b71199ebd070b36beab7317920c2c2f1d777df8d05e5527d8458fda57cb17a7a"

struct world {
    char dir[64];
    const char *names[VARIABLES_MAX];
    char values[VARIABLES_MAX][256];
    int n;
    rc_endpoint_options options;
    rc_endpoint *endpoint;
    rc_http_options http;
    rc_error err;
};

static const char *get(void *arg, const char *name)
{
    const struct world *w = arg;
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->names[i], name) == 0)
            return w->values[i];
    return NULL;
}

static void set(struct world *w, const char *name, const char *value)
{
    int i = 0;
    while (i < w->n && strcmp(w->names[i], name) != 0)
        i++;
    assert_true(i < VARIABLES_MAX);
    w->names[i] = name;
    assert_true(strlen(value) < sizeof(w->values[i]));
    memmove(w->values[i], value, strlen(value) + 1); /* it may be w->dir */
    w->n = i == w->n ? i + 1 : w->n;
}

static void write_file(struct world *w, const char *name, const char *text)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        (void)mkdir(path, 0700);
        *p = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    rc_wire_init();
    strcpy(w->dir, "/tmp/rc-endpoint-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->options.getenv = get;
    w->options.arg = w;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char command[128];

    (void)rc_endpoint_free(w->endpoint);
    (void)snprintf(command, sizeof(command), "rm -rf %s", w->dir);
    int rc = system(command);
    free(w);
    return rc;
}

static int resolve(struct world *w)
{
    rc_endpoint *fresh = NULL;
    w->err = (rc_error)RC_ERROR_INIT;
    int rc = rc_endpoint_resolve(&w->options, &fresh, &w->err);
    assert_int_equal(rc, w->err.code);
    if (rc != RC_OK) {
        assert_null(fresh);
        assert_true(w->err.msg[0] != '\0');
        return rc;
    }
    (void)rc_endpoint_free(w->endpoint);
    w->endpoint = fresh;
    rc_endpoint_http(fresh, &w->http);
    return rc;
}

static void expect(struct world *w, const char *text, const char *unix_path, const char *url)
{
    if (resolve(w) != RC_OK)
        fail_msg("%s", w->err.msg);
    assert_string_equal(rc_endpoint_text(w->endpoint), text);
    assert_int_equal(rc_endpoint_is_local(w->endpoint), unix_path != NULL);
    if (unix_path) {
        assert_string_equal(w->http.unix_path, unix_path);
        assert_null(w->http.base_url);
    } else {
        assert_null(w->http.unix_path);
        assert_string_equal(w->http.base_url, url);
    }
    assert_int_equal(w->http.priority, 0);
}

static void expect_error(struct world *w, int code, const char *says)
{
    assert_int_equal(resolve(w), code);
    if (!strstr(w->err.msg, says))
        fail_msg("\"%s\" does not say \"%s\"", w->err.msg, says);
}

static void the_usual_socket(void **state)
{
    struct world *w = *state;

    expect(w, "unix:///var/run/docker.sock", "/var/run/docker.sock", NULL);
    w->options.getenv = NULL;
    expect(w, "unix:///var/run/docker.sock", "/var/run/docker.sock", NULL);
    w->options.getenv = get;
    set(w, "DOCKER_HOST", "");
    set(w, "DOCKER_CONTEXT", "");
    set(w, "HOME", w->dir);
    w->options.host = "";
    expect(w, "unix:///var/run/docker.sock", "/var/run/docker.sock", NULL);
    set(w, "DOCKER_CONTEXT", "default");
    expect(w, "unix:///var/run/docker.sock", "/var/run/docker.sock", NULL);
}

static void texts(void **state)
{
    static const struct {
        const char *host, *text, *unix_path, *url;
    } table[] = {
        {"unix:///run/d.sock", "unix:///run/d.sock", "/run/d.sock", NULL},
        {"unix://", "unix:///var/run/docker.sock", "/var/run/docker.sock", NULL},
        {"unix:///a b\n", "unix:///a b\\x0a", "/a b\n", NULL},
        {"tcp://h", "tcp://h:2375", NULL, "http://h:2375"},
        {"tcp://h:1/", "tcp://h:1", NULL, "http://h:1"},
        {"tcp://", "tcp://localhost:2375", NULL, "http://localhost:2375"},
        {"tcp://:99", "tcp://localhost:99", NULL, "http://localhost:99"},
        {"h.example-1_a.org:65535", "tcp://h.example-1_a.org:65535", NULL,
         "http://h.example-1_a.org:65535"},
        {"tcp://[::1]:2376", "tcp://[::1]:2376", NULL, "http://[::1]:2376"},
        {"tcp://[fe80::1%eth0]", "tcp://[fe80::1%eth0]:2375", NULL, "http://[fe80::1%25eth0]:2375"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        set(w, "DOCKER_HOST", table[i].host);
        expect(w, table[i].text, table[i].unix_path, table[i].url);
    }
}

static void bad_texts(void **state)
{
    static const struct {
        const char *host;
        int code;
    } table[] = {
        {"ssh://me@h", RC_UNSUPPORTED},
        {"npipe:////./pipe/docker_engine", RC_UNSUPPORTED},
        {"fd://", RC_UNSUPPORTED},
        {"http://h:1", RC_INVALID},
        {"gopher://h", RC_INVALID},
        {"://h", RC_INVALID},
        {"/var/run/docker.sock", RC_INVALID},
        {"unix://var/run/docker.sock", RC_INVALID},
        {"tcp://h:0", RC_INVALID},
        {"tcp://h:65536", RC_INVALID},
        {"tcp://h:99999999999", RC_INVALID},
        {"tcp://h:-1", RC_INVALID},
        {"tcp://h:", RC_INVALID},
        {"tcp://h:1x", RC_INVALID},
        {"tcp://h:1/path", RC_INVALID},
        {"tcp://me@h:1", RC_INVALID},
        {"tcp://h h:1", RC_INVALID},
        {"tcp://h\r\nX:1", RC_INVALID},
        {"tcp://::1:2375", RC_INVALID},
        {"tcp://[]:1", RC_INVALID},
        {"tcp://[::1", RC_INVALID},
        {"tcp://[::1]x:1", RC_INVALID},
        {"tcp://h?a", RC_INVALID},
        {"tcp://\xff", RC_INVALID},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        set(w, "DOCKER_HOST", table[i].host);
        expect_error(w, table[i].code, "DOCKER_HOST: ");
        assert_null(strpbrk(w->err.msg, "\r\n\xff"));
        w->options.host = table[i].host;
        set(w, "DOCKER_HOST", "");
        expect_error(w, table[i].code, "engine.host: ");
        w->options.host = NULL;
    }
}

static void the_longest_path(void **state)
{
    struct world *w = *state;
    char host[7 + RC_HTTP_UNIX_PATH_MAX + 2] = "unix:///";

    memset(host + 8, 'x', sizeof(host) - 8);
    host[sizeof(host) - 1] = '\0';
    set(w, "DOCKER_HOST", host);
    expect_error(w, RC_INVALID, "108 bytes, 107 are the most");
    host[sizeof(host) - 2] = '\0';
    set(w, "DOCKER_HOST", host);
    expect(w, host, host + 7, NULL);
}

static void who_wins(void **state)
{
    struct world *w = *state;

    set(w, "DOCKER_HOST", "tcp://from-host");
    set(w, "DOCKER_CONTEXT", "there-is-none");
    w->options.host = "tcp://configured";
    expect(w, "tcp://configured:2375", NULL, "http://configured:2375");
    w->options.host = NULL;
    expect(w, "tcp://from-host:2375", NULL, "http://from-host:2375");
    set(w, "DOCKER_HOST", "");
    expect_error(w, RC_INVALID, "DOCKER_CONTEXT \"there-is-none\": ");
    set(w, "DOCKER_CONFIG", w->dir);
    expect_error(w, RC_INVALID, "DOCKER_CONTEXT \"there-is-none\": there is no such context");
    expect_error(w, RC_INVALID, w->dir);
}

static void tls_of_the_environment(void **state)
{
    struct world *w = *state;
    char path[300];

    set(w, "DOCKER_HOST", "tcp://h");
    set(w, "DOCKER_TLS_VERIFY", "");
    expect(w, "tcp://h:2375", NULL, "http://h:2375");
    assert_false(w->http.tls_no_verify);
    set(w, "DOCKER_TLS_VERIFY", "0"); /* anything but empty */
    expect(w, "tcp://h:2376", NULL, "https://h:2376");
    assert_false(w->http.tls_no_verify);
    assert_null(w->http.ca_file); /* the system's */

    (void)snprintf(path, sizeof(path), "%s/certs", w->dir);
    set(w, "DOCKER_CERT_PATH", path);
    expect_error(w, RC_INVALID, "/certs/ca.pem: No such file");
    write_file(w, "certs/ca.pem", "");
    expect_error(w, RC_INVALID, "DOCKER_CERT_PATH: ");
    expect_error(w, RC_INVALID, "/certs/cert.pem: No such file");
    write_file(w, "certs/cert.pem", "");
    expect_error(w, RC_INVALID, "/certs/key.pem: No such file");
    write_file(w, "certs/key.pem", "");
    expect(w, "tcp://h:2376", NULL, "https://h:2376");
    assert_false(w->http.tls_no_verify);
    assert_non_null(strstr(w->http.ca_file, "/certs/ca.pem"));
    assert_non_null(strstr(w->http.cert_file, "/certs/cert.pem"));
    assert_non_null(strstr(w->http.key_file, "/certs/key.pem"));

    set(w, "DOCKER_TLS_VERIFY", "");
    expect(w, "tcp://h:2376", NULL, "https://h:2376");
    assert_true(w->http.tls_no_verify);
    assert_null(w->http.ca_file);
    assert_non_null(w->http.cert_file);

    set(w, "DOCKER_HOST", "unix:///s"); /* has no use for them */
    expect(w, "unix:///s", "/s", NULL);
    assert_null(w->http.cert_file);
    assert_false(w->http.tls_no_verify);
}

/* DOCKER_TLS_VERIFY alone takes what the docker CLI's folder has. */
static void tls_of_the_usual_folder(void **state)
{
    struct world *w = *state;

    set(w, "DOCKER_HOST", "tcp://h:1");
    set(w, "DOCKER_TLS_VERIFY", "1");
    set(w, "HOME", w->dir);
    write_file(w, ".docker/ca.pem", "");
    expect(w, "tcp://h:1", NULL, "https://h:1");
    assert_non_null(strstr(w->http.ca_file, "/.docker/ca.pem"));
    assert_null(w->http.cert_file);
    write_file(w, ".docker/cert.pem", "");
    expect_error(w, RC_INVALID, "certificate and its key go together");
    write_file(w, ".docker/key.pem", "");
    expect(w, "tcp://h:1", NULL, "https://h:1");
    assert_non_null(w->http.key_file);
}

static void tls_as_configured(void **state)
{
    struct world *w = *state;
    char ca[128], other[128];

    (void)snprintf(ca, sizeof(ca), "%s/my-ca", w->dir);
    (void)snprintf(other, sizeof(other), "%s/my-other", w->dir);
    w->options.host = "tcp://h";
    w->options.tls_ca = ca;
    expect_error(w, RC_INVALID, "engine.tls_ca: ");
    write_file(w, "my-ca", "");
    write_file(w, "my-other", "");
    expect(w, "tcp://h:2376", NULL, "https://h:2376");
    assert_string_equal(w->http.ca_file, ca);
    assert_false(w->http.tls_no_verify);
    w->options.tls_cert = other;
    expect_error(w, RC_INVALID, "engine.tls_cert and engine.tls_key");
    w->options.tls_key = other;
    expect(w, "tcp://h:2376", NULL, "https://h:2376");
    assert_string_equal(w->http.cert_file, other);
    assert_string_equal(w->http.key_file, other);

    /* Over the environment's: and they are verified with, whatever that says. */
    write_file(w, "certs/ca.pem", "");
    write_file(w, "certs/cert.pem", "");
    write_file(w, "certs/key.pem", "");
    char certs[128];
    (void)snprintf(certs, sizeof(certs), "%s/certs", w->dir);
    set(w, "DOCKER_CERT_PATH", certs);
    expect(w, "tcp://h:2376", NULL, "https://h:2376");
    assert_string_equal(w->http.ca_file, ca);
    assert_string_equal(w->http.key_file, other);
    assert_false(w->http.tls_no_verify);
    w->options.tls_cert = w->options.tls_key = NULL;
    expect(w, "tcp://h:2376", NULL, "https://h:2376");
    assert_string_equal(w->http.ca_file, ca);
    assert_non_null(strstr(w->http.key_file, "/certs/key.pem"));

    w->options.host = "unix:///s";
    expect_error(w, RC_INVALID, "needs no engine.tls_*");
}

static void write_context(struct world *w, const char *hash, const char *name, const char *docker)
{
    char file[256], text[1024];

    (void)snprintf(file, sizeof(file), "contexts/meta/%s/meta.json", hash);
    (void)snprintf(text, sizeof(text),
                   "{\"Name\":\"%s\",\"Metadata\":{},\"Endpoints\":{\"docker\":%s}}", name, docker);
    write_file(w, file, text);
}

static void contexts(void **state)
{
    struct world *w = *state;

    set(w, "DOCKER_CONFIG", w->dir);
    write_context(w, REMOTE, "remote", "{\"Host\":\"tcp://far:1\",\"SkipTLSVerify\":false}");
    set(w, "DOCKER_CONTEXT", "remote");
    expect(w, "tcp://far:1", NULL, "http://far:1");

    /* As current: of config.json, unless the environment names another. */
    set(w, "DOCKER_CONTEXT", "");
    expect(w, "unix:///var/run/docker.sock", "/var/run/docker.sock", NULL);
    write_file(w, "config.json", "{\"auths\":{},\"currentContext\":\"remote\"}");
    expect(w, "tcp://far:1", NULL, "http://far:1");
    set(w, "DOCKER_CONTEXT", "default");
    expect(w, "unix:///var/run/docker.sock", "/var/run/docker.sock", NULL);
    set(w, "DOCKER_CONTEXT", "");
    set(w, "DOCKER_HOST", "unix:///s");
    expect(w, "unix:///s", "/s", NULL);
    set(w, "DOCKER_HOST", "");
    write_file(w, "config.json", "{}");
    expect(w, "unix:///var/run/docker.sock", "/var/run/docker.sock", NULL);
    write_file(w, "config.json", "");
    expect(w, "unix:///var/run/docker.sock", "/var/run/docker.sock", NULL);
}

static void contexts_of_home(void **state)
{
    struct world *w = *state;
    char home[128];

    write_context(w, REMOTE, "remote", "{\"Host\":\"unix:///r\"}");
    write_file(w, "config.json", "{\"currentContext\":\"remote\"}");
    (void)snprintf(home, sizeof(home), "%s/home", w->dir);
    assert_int_equal(mkdir(home, 0700), 0);
    (void)snprintf(home, sizeof(home), "%s/home/.docker", w->dir);
    assert_int_equal(symlink(w->dir, home), 0);
    (void)snprintf(home, sizeof(home), "%s/home", w->dir);
    set(w, "HOME", home);
    expect(w, "unix:///r", "/r", NULL);
}

static void tls_of_contexts(void **state)
{
    struct world *w = *state;

    set(w, "DOCKER_CONFIG", w->dir);
    set(w, "DOCKER_CONTEXT", "remote");
    set(w, "DOCKER_TLS_VERIFY", "1"); /* not theirs */
    write_context(w, REMOTE, "remote", "{\"Host\":\"tcp://far\"}");
    expect(w, "tcp://far:2375", NULL, "http://far:2375");
    write_context(w, REMOTE, "remote", "{\"Host\":\"tcp://far\",\"SkipTLSVerify\":true}");
    expect(w, "tcp://far:2376", NULL, "https://far:2376");
    assert_true(w->http.tls_no_verify);
    write_context(w, REMOTE, "remote", "{\"Host\":\"tcp://far\"}");
    write_file(w, "contexts/tls/" REMOTE "/docker/ca.pem", "");
    expect(w, "tcp://far:2376", NULL, "https://far:2376");
    assert_non_null(strstr(w->http.ca_file, REMOTE "/docker/ca.pem"));
    assert_false(w->http.tls_no_verify);
    write_file(w, "contexts/tls/" REMOTE "/docker/key.pem", "");
    expect_error(w, RC_INVALID, "DOCKER_CONTEXT \"remote\": a client certificate and its key");
    write_file(w, "contexts/tls/" REMOTE "/docker/cert.pem", "");
    expect(w, "tcp://far:2376", NULL, "https://far:2376");
    assert_non_null(strstr(w->http.cert_file, REMOTE "/docker/cert.pem"));
    assert_non_null(strstr(w->http.key_file, REMOTE "/docker/key.pem"));
}

static void bad_contexts(void **state)
{
    static const struct {
        const char *name, *docker, *says;
        int code;
    } table[] = {
        {"remote", "{\"Host\":\"ssh://me@far\"}", "ssh://me@far", RC_UNSUPPORTED},
        {"remote", "{\"Host\":\"\"}", "Host is missing", RC_INVALID},
        {"remote", "{}", "meta.json", RC_INVALID},
        {"remote", "{\"Host\":7}", "docker.Host is not a string", RC_INVALID},
        {"remote", "7", "docker is not an object", RC_INVALID},
        {"remote", "{", "meta.json", RC_INVALID},
        {"other", "{\"Host\":\"tcp://far\"}", "another context's", RC_INVALID},
    };
    struct world *w = *state;

    set(w, "DOCKER_CONFIG", w->dir);
    set(w, "DOCKER_CONTEXT", "remote");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        write_context(w, REMOTE, table[i].name, table[i].docker);
        expect_error(w, table[i].code, "DOCKER_CONTEXT \"remote\": ");
        expect_error(w, table[i].code, table[i].says);
    }
    write_file(w, "contexts/meta/" REMOTE "/meta.json", "");
    expect_error(w, RC_INVALID, "meta.json: not valid JSON");
    set(w, "DOCKER_CONTEXT", "\033[2J/../..");
    expect_error(w, RC_INVALID, "[2J");
    assert_null(strchr(w->err.msg, '\033'));

    set(w, "DOCKER_CONTEXT", "");
    write_file(w, "config.json", "{\"currentContext\":\"gone\"}");
    expect_error(w, RC_INVALID, "the docker CLI's current context \"gone\": there is no such");
    write_file(w, "config.json", "{\"currentContext\":7}");
    expect_error(w, RC_INVALID, "config.json: currentContext is not a string");
    write_file(w, "config.json", "not JSON");
    expect_error(w, RC_INVALID, "config.json: ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_usual_socket),
        CASE(texts),
        CASE(bad_texts),
        CASE(the_longest_path),
        CASE(who_wins),
        CASE(tls_of_the_environment),
        CASE(tls_of_the_usual_folder),
        CASE(tls_as_configured),
        CASE(contexts),
        CASE(contexts_of_home),
        CASE(tls_of_contexts),
        CASE(bad_contexts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
