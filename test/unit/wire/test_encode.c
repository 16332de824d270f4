/* Rows as JSON: to the byte, for a full row and an empty one; and valid JSON that says the same
 * again, whatever a container's maker put in. */
#include "capture.h"

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/hash.h"
#include "wire/encode.h"

static void encode(rc_buf *out, const rc_row *row)
{
    rc_json j;
    rc_buf_clear(out);
    rc_json_init(&j, out);
    rc_encode_row(&j, row);
    assert_false(rc_buf_failed(out));
}

static void assert_encodes(const rc_row *row, const char *expected)
{
    rc_buf out = RC_BUF_INIT(0);
    encode(&out, row);
    assert_str(rc_buf_view(&out), expected);
    rc_buf_release(&out);
}

static const rc_label labels[] = {{{"a", 1}, {"1", 1}}, {{"b", 1}, {"", 0}}};
static const rc_port ports[] = {
    {{"127.0.0.1", 9}, 80, 8081, {"tcp", 3}},
    {{"", 0}, 9000, 0, {"udp", 3}},
};
static const rc_netif networks[] = {
    {{"bridge", 6}, {"n1", 2}, {"172.17.0.2", 10}, {"fd00::2", 7}, {"02:42:ac:11:00:02", 17}},
};
static const rc_mount mounts[] = {
    {{"volume", 6}, {"data", 4}, {"/vol/data", 9}, {"/data", 5}, false},
    {{"bind", 4}, {"", 0}, {"/etc", 4}, {"/etc", 4}, true},
};

static rc_row full_row(void)
{
    rc_row r;
    rc_row_init(&r);
    r.id = RC_STR("d0a30fc1cf9835a488a1e2e05917157e88dc85c52a527dbdb4f2180313e89cf5");
    r.name = RC_STR("web-1");
    r.image = RC_STR("nginx:1.27");
    r.image_id = RC_STR("sha256:c0798567");
    r.command = RC_STR("nginx -g 'daemon off;'");
    r.state = RC_STATE_RUNNING;
    r.engine_state = RC_STR("running");
    r.health = RC_HEALTH_HEALTHY;
    r.restart_count = 4294967295;
    r.created_ns = 1795467209000000000;
    r.started_ns = 1795467209066186196;
    r.labels = labels;
    r.n_labels = 2;
    r.network_mode = RC_STR("bridge");
    r.pid = 4711;
    r.restart_policy = RC_STR("on-failure:3");
    r.ports = ports;
    r.n_ports = 2;
    r.networks = networks;
    r.n_networks = 1;
    r.mounts = mounts;
    r.n_mounts = 2;
    r.managed = true;
    r.scheme = RC_SCHEME_WORKLOAD;
    r.workload_id = RC_STR("w1");
    r.workload_kind = RC_STR("project");
    r.workload_role = RC_STR("prod");
    r.reservation = RC_STR("token"); /* never shown */
    r.rev = 184101;
    return r;
}

static void test_full_row(void **state)
{
    (void)state;
    rc_row r = full_row();
    assert_encodes(
        &r,
        "{\"id\":\"d0a30fc1cf9835a488a1e2e05917157e88dc85c52a527dbdb4f2180313e89cf5\","
        "\"name\":\"web-1\",\"image\":\"nginx:1.27\",\"image_id\":\"sha256:c0798567\","
        "\"command\":\"nginx -g 'daemon off;'\",\"state\":\"running\",\"engine_state\":\"running\","
        "\"health\":\"healthy\",\"exit_code\":null,\"oom_killed\":false,"
        "\"restart_count\":4294967295,\"created_at\":\"2026-11-23T20:53:29Z\","
        "\"started_at\":\"2026-11-23T20:53:29.066186196Z\",\"finished_at\":null,"
        "\"labels\":{\"a\":\"1\",\"b\":\"\"},\"network_mode\":\"bridge\",\"pid\":4711,"
        "\"restart_policy\":\"on-failure:3\",\"ports\":[{\"ip\":\"127.0.0.1\",\"private_port\":80,"
        "\"public_port\":8081,\"protocol\":\"tcp\"},{\"ip\":\"\",\"private_port\":9000,"
        "\"public_port\":0,\"protocol\":\"udp\"}],\"networks\":{\"bridge\":{\"id\":\"n1\","
        "\"ip\":\"172.17.0.2\",\"ip6\":\"fd00::2\",\"mac\":\"02:42:ac:11:00:02\"}},"
        "\"mounts\":[{\"type\":\"volume\",\"name\":\"data\",\"source\":\"/vol/data\","
        "\"destination\":\"/data\",\"read_only\":false},{\"type\":\"bind\",\"name\":\"\","
        "\"source\":\"/etc\",\"destination\":\"/etc\",\"read_only\":true}],\"managed\":true,"
        "\"workload\":{\"id\":\"w1\",\"kind\":\"project\",\"role\":\"prod\",\"scheme\":"
        "\"workload\"},"
        "\"missing_since\":null,\"missing_cause\":null,\"partial\":false,\"rev\":184101}");
}

static void test_empty_row(void **state)
{
    (void)state;
    rc_row r;
    rc_row_init(&r);
    r.state = RC_STATE_PENDING;
    assert_encodes(&r,
                   "{\"id\":\"\",\"name\":\"\",\"image\":\"\",\"image_id\":\"\",\"command\":\"\","
                   "\"state\":\"pending\",\"engine_state\":\"\",\"health\":\"none\","
                   "\"exit_code\":null,\"oom_killed\":false,\"restart_count\":0,"
                   "\"created_at\":null,\"started_at\":null,\"finished_at\":null,\"labels\":{},"
                   "\"network_mode\":\"\",\"pid\":null,\"restart_policy\":\"\",\"ports\":[],"
                   "\"networks\":{},\"mounts\":[],\"managed\":false,\"workload\":null,"
                   "\"missing_since\":null,\"missing_cause\":null,\"partial\":false,\"rev\":0}");
}

static void assert_member(const rc_row *row, const char *member)
{
    rc_buf out = RC_BUF_INIT(0);
    encode(&out, row);
    if (!memmem(out.data, out.len, member, strlen(member)))
        fail_msg("no %s in %.*s", member, (int)out.len, out.data);
    rc_buf_release(&out);
}

static void test_members(void **state)
{
    (void)state;
    rc_row r = full_row();
    r.state = RC_STATE_EXITED;
    r.has_exit_code = true;
    r.exit_code = 0;
    assert_member(&r, "\"exit_code\":0,");
    r.exit_code = INT32_MIN;
    assert_member(&r, "\"exit_code\":-2147483648,");
    r.pid = 0;
    assert_member(&r, "\"pid\":null,");
    r.state = RC_STATE_MISSING;
    r.missing_since_ns = 1795467209120000000;
    r.missing_cause = RC_MISSING_DESTROYED;
    assert_member(&r, "\"state\":\"missing\",\"engine_state\":\"running\"");
    assert_member(&r,
                  "\"missing_since\":\"2026-11-23T20:53:29.12Z\",\"missing_cause\":\"destroyed\"");
    r.missing_cause = RC_MISSING_VANISHED;
    assert_member(&r, "\"missing_cause\":\"vanished\"");
    r.partial = true;
    r.rev = UINT64_MAX;
    assert_member(&r, "\"partial\":true,\"rev\":18446744073709551615}");
    /* A join that found nothing is not no workload. */
    r.scheme = RC_SCHEME_STACK;
    r.workload_id = RC_STR_EMPTY;
    assert_member(&r, "\"workload\":{\"id\":\"\",\"kind\":\"project\",\"role\":\"prod\","
                      "\"scheme\":\"stack\"}");
    r.oom_killed = true;
    assert_member(&r, "\"oom_killed\":true");
}

/* ---- hostile strings ---- */

static const char *member(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsString(item))
        fail_msg("%s is no string", key);
    return item->valuestring;
}

static cJSON *parse(const rc_buf *out)
{
    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(out->data, out->len, &end, 0);
    if (!tree)
        fail_msg("not JSON: %.*s", (int)out->len, out->data);
    assert_ptr_equal(end, out->data + out->len);
    return tree;
}

/* In every place where foreign text can stand, and back. */
static void check_hostile(rc_str text, const char *expected)
{
    rc_row r = full_row();
    rc_label label = {text, text};
    rc_port port = {text, 1, 2, text};
    rc_netif net = {text, text, text, text, text};
    rc_mount mount = {text, text, text, text, true};
    r.name = r.image = r.image_id = r.command = r.engine_state = r.network_mode = text;
    r.restart_policy = r.workload_id = r.workload_kind = r.workload_role = text;
    r.labels = &label;
    r.ports = &port;
    r.networks = &net;
    r.mounts = &mount;
    r.n_labels = r.n_ports = r.n_networks = r.n_mounts = 1;
    rc_buf out = RC_BUF_INIT(0);
    encode(&out, &r);
    for (size_t i = 0; i < out.len; i++) /* one line, always */
        assert_true((unsigned char)out.data[i] >= 0x20);
    cJSON *tree = parse(&out);
    static const char *const plain[] = {"name",         "image",          "image_id",    "command",
                                        "engine_state", "restart_policy", "network_mode"};
    for (size_t i = 0; i < RC_ARRAY_LEN(plain); i++)
        assert_string_equal(member(tree, plain[i]), expected);
    assert_string_equal(member(cJSON_GetObjectItemCaseSensitive(tree, "workload"), "role"),
                        expected);
    const cJSON *l = cJSON_GetObjectItemCaseSensitive(tree, "labels")->child;
    assert_string_equal(l->string, expected);
    assert_string_equal(l->valuestring, expected);
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(tree, "networks")->child;
    assert_string_equal(n->string, expected);
    assert_string_equal(member(n, "mac"), expected);
    assert_string_equal(member(cJSON_GetObjectItemCaseSensitive(tree, "ports")->child, "ip"),
                        expected);
    assert_string_equal(member(cJSON_GetObjectItemCaseSensitive(tree, "mounts")->child, "source"),
                        expected);
    assert_int_equal(cJSON_GetArraySize(tree), 27);
    assert_true(cJSON_GetObjectItemCaseSensitive(tree, "rev")->valuedouble == 184101.0);
    cJSON_Delete(tree);
    rc_buf_release(&out);
}

static void test_hostile_strings(void **state)
{
    static const char *const same[] = {
        "",
        "\"",
        "\\",
        "\",\"state\":\"running",
        "}]}",
        "line1\nline2\r\t\b\f",
        "\x01\x1b[2J\x7f",
        "</script><!--",
        "h\xc3\xa9llo \xe2\x98\x83 \xf0\x9f\x98\x80",
        "\xe2\x80\xa8\xe2\x80\xae",
        "\\u0000",
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(same); i++)
        check_hostile(rc_str_c(same[i]), same[i]);
    check_hostile(RC_STR("\xff"), "\xef\xbf\xbd");
    check_hostile(RC_STR("a\xc0\xaf"), "a\xef\xbf\xbd\xef\xbf\xbd");
    check_hostile(RC_STR("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_hostile(RC_STR("\xe2\x98"), "\xef\xbf\xbd\xef\xbf\xbd");
}

static void test_random_bytes_are_valid_json(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    rc_buf out = RC_BUF_INIT(0);
    for (int round = 0; round < 3000; round++) {
        char text[40];
        size_t n = (size_t)(rc_rand_next(&seed) % sizeof(text));
        for (size_t i = 0; i < n; i++) /* no NUL: cJSON could not give it back */
            text[i] = (char)(1 + rc_rand_next(&seed) % 255);
        AUTO_BYTES b = bytes_of(text, n);
        rc_label label = {rc_str_n(b.data, n), rc_str_n(b.data, n)};
        rc_row r = full_row();
        r.labels = &label;
        r.n_labels = 1;
        encode(&out, &r);
        cJSON *tree = parse(&out);
        assert_string_equal(cJSON_GetObjectItemCaseSensitive(tree, "labels")->child->string,
                            cJSON_GetObjectItemCaseSensitive(tree, "labels")->child->valuestring);
        cJSON_Delete(tree);
    }
    rc_buf_release(&out);
}

/* A buffer that is full says so and holds no more than its cap. */
static void test_full_buffer(void **state)
{
    (void)state;
    rc_row r = full_row();
    rc_buf out = RC_BUF_INIT(100);
    rc_json j;
    rc_json_init(&j, &out);
    rc_encode_row(&j, &r);
    assert_true(rc_buf_failed(&out));
    assert_in_range(out.len, 0, 100);
    rc_buf_release(&out);
}

static void test_network(void **state)
{
    (void)state;
    rc_network net = {.id = RC_STR("n1"),
                      .name = RC_STR("shop \"front\""),
                      .driver = RC_STR("bridge"),
                      .scope = RC_STR("local"),
                      .internal = true,
                      .ipv6 = true,
                      .created_ns = 1795467209000000000,
                      .labels = labels,
                      .n_labels = 2};
    rc_buf out = RC_BUF_INIT(0);
    rc_json j;
    rc_json_init(&j, &out);
    rc_encode_network(&j, &net);
    assert_str(rc_buf_view(&out),
               "{\"id\":\"n1\",\"name\":\"shop \\\"front\\\"\",\"driver\":\"bridge\","
               "\"scope\":\"local\",\"internal\":true,\"ingress\":false,\"attachable\":false,"
               "\"ipv6\":true,\"created_at\":\"2026-11-23T20:53:29Z\","
               "\"labels\":{\"a\":\"1\",\"b\":\"\"}}");
    rc_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_row),
        cmocka_unit_test(test_empty_row),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_hostile_strings),
        cmocka_unit_test(test_random_bytes_are_valid_json),
        cmocka_unit_test(test_full_buffer),
        cmocka_unit_test(test_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
