/* The small decoders: networks, /info, every captured error body, the docker CLI's files, filters.
 */
#include "capture.h"

#include "base/clock.h"
#include "wire/decode.h"

static rc_decoder *decoder;

static int setup(void **state)
{
    (void)state;
    rc_wire_init();
    decoder = rc_decoder_new();
    return decoder ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    decoder = rc_decoder_free(decoder);
    return 0;
}

static void assert_says(const rc_error *err, int rc, int code, const char *part)
{
    if (rc != code || err->code != code || !strstr(err->msg, part))
        fail_msg("%d, not %d: \"%s\" does not say \"%s\"", rc, code, err->msg, part);
}

/* ---- networks ---- */

static void test_network(void **state)
{
    static const char json[] =
        "{\"Name\":\"shop_front\",\"Id\":\"37ec1d53\",\"Created\":\"2026-11-23T21:56:22.5+01:00\","
        "\"Scope\":\"local\",\"Driver\":\"bridge\",\"EnableIPv6\":true,\"IPAM\":{\"Driver\":"
        "\"default\",\"Options\":null,\"Config\":[{\"Subnet\":\"10.77.0.0/"
        "24\"}]},\"Internal\":true,"
        "\"Attachable\":false,\"Ingress\":false,\"ConfigFrom\":{\"Network\":\"\"},\"ConfigOnly\":"
        "false,\"Containers\":{},\"Options\":{},\"Labels\":{\"z\":\"1\",\"a\":\"2\"}}";
    (void)state;
    AUTO_BYTES b = bytes_of(json, strlen(json));
    rc_network net;
    rc_error err = RC_ERROR_INIT;
    ok(rc_decode_network(decoder, b.data, b.len, &net, &err), &err);
    assert_str(net.id, "37ec1d53");
    assert_str(net.name, "shop_front");
    assert_str(net.driver, "bridge");
    assert_str(net.scope, "local");
    assert_true(net.internal);
    assert_true(net.ipv6);
    assert_false(net.attachable);
    assert_false(net.ingress);
    assert_int_equal(net.created_ns, 1795467382500000000);
    assert_int_equal(net.n_labels, 2);
    assert_str(net.labels[0].key, "a"); /* sorted */
    assert_str(net.labels[1].value, "1");

    AUTO_BYTES least = bytes_of("{\"Id\":\"x\",\"Labels\":null}", 24);
    ok(rc_decode_network(decoder, least.data, least.len, &net, &err), &err);
    assert_int_equal(net.n_labels, 0);
    assert_str(net.name, "");
    assert_int_equal(net.created_ns, 0);
}

static void test_network_refused(void **state)
{
    static const char *const table[][2] = {
        {"[]", "not a JSON object"},
        {"{}", "Id is missing"},
        {"{\"Id\":\"\"}", "Id is missing"},
        {"{\"Id\":[]}", "Id is not a string"},
        {"{\"Id\":\"x\",\"Internal\":\"yes\"}", "Internal is not true or false"},
        {"{\"Id\":\"x\",\"Created\":\"soon\"}", "Created is not a time"},
        {"{\"Id\":\"x\",\"Labels\":{\"k\":{}}}", "Labels.k is not a string"},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        AUTO_BYTES b = bytes_of(table[i][0], strlen(table[i][0]));
        rc_network net;
        rc_error err = RC_ERROR_INIT;
        int rc = rc_decode_network(decoder, b.data, b.len, &net, &err);
        assert_says(&err, rc, RC_PROTOCOL, table[i][1]);
    }
}

/* ---- /info ---- */

static rc_engine_info info_of(http_answer *a)
{
    rc_engine_info info;
    rc_error err = RC_ERROR_INIT;
    assert_true(a->whole);
    ok(rc_decode_info(decoder, a->body.data, a->body.len, &info, &err), &err);
    return info;
}

static void test_info(void **state)
{
    (void)state;
    http_answer docker = read_http("docker-20.10/misc/info.http");
    rc_engine_info info = info_of(&docker);
    assert_str(info.id, "JLNG:GRKR:JEPO:BPTY:2K4G:C37E:SW47:6BUJ:ASOH:B5IU:WSBQ:J7TV");
    assert_str(info.name, "vm");
    assert_str(info.version, "20.10.24+dfsg1");
    bytes_free(&docker.body);

    http_answer podman = read_http("podman-4.3.1/misc/info.http");
    info = info_of(&podman);
    assert_str(info.id, "a4115f97-77d6-4d84-8fe0-b8fcab070b31");
    assert_str(info.version, "4.3.1");
    bytes_free(&podman.body);

    AUTO_BYTES none = bytes_of("{}", 2);
    rc_error err = RC_ERROR_INIT;
    ok(rc_decode_info(decoder, none.data, none.len, &info, &err), &err);
    assert_str(info.id, "");
    AUTO_BYTES bad = bytes_of("{\"ID\":7}", 8);
    int rc = rc_decode_info(decoder, bad.data, bad.len, &info, &err);
    assert_says(&err, rc, RC_PROTOCOL, "ID is not a string");
}

/* ---- error bodies ---- */

static size_t json_errors;
static size_t other_errors;

/* A cheap reading: what stands after "message":" up to the quote that is not escaped. */
static void cheap_message(bytes b, char *out, size_t size)
{
    const char *at = memmem(b.data, b.len, "\"message\":\"", 11);
    const char *end = b.data + b.len;
    size_t n = 0;
    assert_non_null(at);
    for (at += 11; at < end && *at != '"' && n + 2 < size; at++) {
        if (*at == '\\' && at[1] == '"')
            at++; /* the one escape in the captures that is shown otherwise */
        else if (*at == '\\')
            out[n++] = '\\';
        out[n++] = *at;
    }
    out[n] = '\0';
}

static void check_error_answer(const char *path)
{
    http_answer a = read_http(path);
    char expected[1024] = "";
    bool json = a.body.len > 0 && a.body.data[0] == '{';
    assert_true(a.whole);
    if (a.status < 400 && a.status != 304) {
        bytes_free(&a.body);
        return;
    }
    if (json)
        cheap_message(a.body, expected, sizeof(expected));
    else
        snprintf(expected, sizeof(expected), "%.*s", (int)a.body.len, a.body.data);
    size_t n = strlen(expected);
    while (n > 0 && strchr(" \r\n", expected[n - 1]))
        expected[--n] = '\0';
    rc_str text = rc_decode_error(decoder, a.body.data, a.body.len);
    if (!rc_str_eq_c(text, expected))
        fail_msg("%s: \"%.*s\" is not \"%s\"", path, RC_STR_ARG(text), expected);
    assert_int_equal(text.len == 0, a.status == 304);
    json_errors += json;
    other_errors += !json;
    bytes_free(&a.body);
}

static void test_every_captured_error(void **state)
{
    (void)state;
    json_errors = other_errors = 0;
    each_file("docker-20.10/errors/*.http", check_error_answer);
    each_file("podman-4.3.1/errors/*.http", check_error_answer);
    each_file("docker-20.10/logs/logdriver-none.http", check_error_answer);
    assert_int_equal(json_errors, 58);
    assert_int_equal(other_errors, 6);
}

static void test_error_bodies(void **state)
{
    static const char *const table[][2] = {
        {"", ""},
        {" \r\n", ""},
        {"{\"message\":\"No such container: x\"}\n", "No such container: x"},
        {"{\"message\":\" spaced \\n\"}", "spaced"},
        {"{\"cause\":\"c\",\"message\":\"m\",\"response\":500}", "m"},
        {"{\"cause\":\"c\",\"message\":\"\",\"response\":500}", "c"},
        {"{\"cause\":\"c\",\"message\":7}", "c"},
        {"{\"message\":7}", "{\"message\":7}"},
        {"{\"message\":\"cut", "{\"message\":\"cut"},
        {"404 page not found\n", "404 page not found"},
        {"client version 1.11 is too old.\n", "client version 1.11 is too old."},
        {"\x1b[31mred\a", "\\x1b[31mred\\x07"},
        {"{\"message\":\"\\u001b[31m\\u0000\"}", "\\x1b[31m\xef\xbf\xbd"},
        {"[\"x\"]", "[\"x\"]"},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        AUTO_BYTES b = bytes_of(table[i][0], strlen(table[i][0]));
        assert_str(rc_decode_error(decoder, b.data, b.len), table[i][1]);
    }
    AUTO_BYTES big = {malloc(1 << 20), 1 << 20};
    memset(big.data, 'x', big.len);
    assert_in_range(rc_decode_error(decoder, big.data, big.len).len, 100, RC_ERROR_MAX);
}

/* ---- the docker CLI's files ---- */

static void test_docker_config(void **state)
{
    static const char *const table[][2] = {
        {"{\"auths\":{\"x\":{\"auth\":\"c2VjcmV0\"}},\"currentContext\":\"lab\"}", "lab"},
        {"{}", ""},
        {"{\"currentContext\":null}", ""},
        {"\n{ \"currentContext\" : \"\" }\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        AUTO_BYTES b = bytes_of(table[i][0], strlen(table[i][0]));
        rc_str context = RC_STR("untouched");
        rc_error err = RC_ERROR_INIT;
        ok(rc_decode_docker_config(decoder, b.data, b.len, &context, &err), &err);
        assert_str(context, table[i][1]);
    }
    AUTO_BYTES b = bytes_of("{\"currentContext\":[]}", 21);
    rc_str context = RC_STR("untouched");
    rc_error err = RC_ERROR_INIT;
    int rc = rc_decode_docker_config(decoder, b.data, b.len, &context, &err);
    assert_says(&err, rc, RC_INVALID, "currentContext is not a string"); /* a person's mistake */
    assert_str(context, "untouched");
}

static void test_docker_context(void **state)
{
    static const struct {
        const char *json;
        const char *name, *host;
        bool skip_verify;
    } table[] = {
        {"{\"Name\":\"lab\",\"Metadata\":{\"Description\":\"x\"},\"Endpoints\":{\"docker\":{"
         "\"Host\":"
         "\"tcp://lab:2376\",\"SkipTLSVerify\":true},\"kubernetes\":{\"Host\":\"no\"}}}",
         "lab", "tcp://lab:2376", true},
        {"{\"Name\":\"x\",\"Endpoints\":{\"docker\":{\"Host\":\"unix:///run/x.sock\","
         "\"SkipTLSVerify\":false}}}",
         "x", "unix:///run/x.sock", false},
        {"{\"Name\":\"x\",\"Endpoints\":{}}", "x", "", false},
        {"{\"Name\":\"x\"}", "x", "", false},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        AUTO_BYTES b = bytes_of(table[i].json, strlen(table[i].json));
        rc_str name = RC_STR_EMPTY;
        rc_str host = RC_STR_EMPTY;
        bool skip = !table[i].skip_verify;
        rc_error err = RC_ERROR_INIT;
        ok(rc_decode_docker_context(decoder, b.data, b.len, &name, &host, &skip, &err), &err);
        assert_str(name, table[i].name);
        assert_str(host, table[i].host);
        assert_int_equal(skip, table[i].skip_verify);
    }
    static const char *const bad[][2] = {
        {"{\"Name\":7}", "Name is not a string"},
        {"{\"Endpoints\":[]}", "Endpoints is not an object"},
        {"{\"Endpoints\":{\"docker\":\"x\"}}", "Endpoints.docker is not an object"},
        {"{\"Endpoints\":{\"docker\":{\"Host\":7}}}", "docker.Host is not a string"},
        {"{\"Endpoints\":{\"docker\":{\"SkipTLSVerify\":\"x\"}}}",
         "docker.SkipTLSVerify is not true or false"},
    };
    for (size_t i = 0; i < RC_ARRAY_LEN(bad); i++) {
        AUTO_BYTES b = bytes_of(bad[i][0], strlen(bad[i][0]));
        rc_str name = RC_STR_EMPTY;
        rc_str host = RC_STR_EMPTY;
        bool skip = false;
        rc_error err = RC_ERROR_INIT;
        int rc = rc_decode_docker_context(decoder, b.data, b.len, &name, &host, &skip, &err);
        assert_says(&err, rc, RC_INVALID, bad[i][1]);
    }
}

/* ---- filters ---- */

struct filter_log {
    char text[512];
    int stop_at; /* the number of the call that returns RC_NOTFOUND; 0 = none */
    int calls;
};

static int log_filter(void *arg, rc_str key, rc_str value)
{
    struct filter_log *log = arg;
    size_t n = strlen(log->text);
    snprintf(log->text + n, sizeof(log->text) - n, "%.*s=%.*s;", RC_STR_ARG(key),
             RC_STR_ARG(value));
    return ++log->calls == log->stop_at ? RC_NOTFOUND : RC_OK;
}

static void test_filters(void **state)
{
    static const char *const table[][2] = {
        {"{}", ""},
        {"{\"label\":[\"a=b\",\"c\"],\"status\":[\"running\"]}",
         "label=a=b;label=c;status=running;"},
        {"{\"label\":{\"a=b\":true,\"c\":true}}", "label=a=b;label=c;"},
        {"{\"label\":{\"a\":true,\"b\":false}}", "label=a;"},
        {"{\"label\":[]}", ""},
        {"{\"label\":{}}", ""},
        {"{\"\":[\"\"]}", "=;"},
        {"{\"id\":[\"x\"],\"id\":[\"y\"]}", "id=x;id=y;"},
        {"{\"label\":[\"\\u0000\"]}", "label=\xef\xbf\xbd;"},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        AUTO_BYTES b = bytes_of(table[i][0], strlen(table[i][0]));
        struct filter_log log = {.text = ""};
        rc_error err = RC_ERROR_INIT;
        ok(rc_decode_filters(decoder, b.data, b.len, log_filter, &log, &err), &err);
        assert_string_equal(log.text, table[i][1]);
    }
}

static void test_filters_refused(void **state)
{
    static const char *const table[][2] = {
        {"", "not valid JSON"},
        {"[]", "not a JSON object"},
        {"{\"label\":\"x\"}", "label is neither"},
        {"{\"label\":null}", "label is neither"},
        {"{\"label\":[7]}", "label holds what is no filter value"},
        {"{\"label\":[true]}", "label holds what is no filter value"},
        {"{\"label\":{\"x\":\"y\"}}", "label holds what is no filter value"},
        {"{\"label\":{\"x\":null}}", "label holds what is no filter value"},
        {"{\"la\\u001bbel\":7}", "la\\x1bbel is neither"},
        {"{\"label\":[\"x\"]}}", "not valid JSON"},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        AUTO_BYTES b = bytes_of(table[i][0], strlen(table[i][0]));
        struct filter_log log = {.text = ""};
        rc_error err = RC_ERROR_INIT;
        int rc = rc_decode_filters(decoder, b.data, b.len, log_filter, &log, &err);
        assert_says(&err, rc, RC_INVALID, table[i][1]);
    }
}

static void test_filter_callback_ends_it(void **state)
{
    (void)state;
    AUTO_BYTES b = bytes_of("{\"a\":[\"1\",\"2\"],\"b\":[\"3\"]}", 25);
    struct filter_log log = {.text = "", .stop_at = 2};
    assert_int_equal(rc_decode_filters(decoder, b.data, b.len, log_filter, &log, NULL),
                     RC_NOTFOUND);
    assert_string_equal(log.text, "a=1;a=2;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_network_refused),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_every_captured_error),
        cmocka_unit_test(test_error_bodies),
        cmocka_unit_test(test_docker_config),
        cmocka_unit_test(test_docker_context),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_filters_refused),
        cmocka_unit_test(test_filter_callback_ends_it),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
