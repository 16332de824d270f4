/* Lists and inspects: every capture decoded, named containers to the last value, and above all that
 * the two agree on a container, for they take turns in telling what its row is. */
#include "capture.h"

#include "base/buf.h"
#include "base/clock.h"
#include "wire/decode.h"
#include "wire/framing.h"

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

typedef int (*decode_fn)(rc_decoder *, char *, size_t, rc_observation *, rc_error *);

/* An observation that stays: its strings are views into its own decoder, or into its text. */
typedef struct kept {
    rc_decoder *decoder;
    rc_arena *arena;
    bytes text;
    rc_observation o;
} kept;

static kept keep(decode_fn decode, const char *json, size_t len)
{
    kept k = {
        .decoder = rc_decoder_new(), .arena = rc_arena_new(0, 0), .text = bytes_of(json, len)};
    rc_error err = RC_ERROR_INIT;
    assert_non_null(k.decoder);
    assert_non_null(k.arena);
    ok(decode(k.decoder, k.text.data, k.text.len, &k.o, &err), &err);
    assert_true(rc_row_normalise(&k.o.row, k.arena));
    return k;
}

static kept keep_c(decode_fn decode, const char *json)
{
    return keep(decode, json, strlen(json));
}

static void let_go(kept *k)
{
    rc_decoder_free(k->decoder);
    rc_arena_free(k->arena);
    bytes_free(&k->text);
}
#define AUTO_KEPT RC_CLEANUP(let_go) kept

static kept keep_inspect(const char *path)
{
    AUTO_BYTES b = read_capture(path);
    return keep(rc_decode_inspect, b.data, b.len);
}

static kept keep_listed(const char *path, const char *name)
{
    elements e = elements_of(path);
    for (size_t i = 0; i < e.n; i++) {
        kept k = keep(rc_decode_list_element, e.at[i].data, e.at[i].len);
        if (rc_str_eq_c(k.o.row.name, name)) {
            elements_free(&e);
            return k;
        }
        let_go(&k);
    }
    fail_msg("%s: no %s", path, name);
    abort();
}

#define LIST "docker-20.10/list/all.json"

/* ---- list and inspect of one container ---- */

/* What not both tell is reset in both. */
static void only_shared(rc_row *row, uint32_t shared)
{
    rc_row none;
    rc_row_init(&none);
#define RESET(bit, member)             \
    do {                               \
        if (!(shared & (bit)))         \
            row->member = none.member; \
    } while (0)
    RESET(RC_FIELD_NAME, name);
    RESET(RC_FIELD_IMAGE, image);
    RESET(RC_FIELD_IMAGE_ID, image_id);
    RESET(RC_FIELD_COMMAND, command);
    RESET(RC_FIELD_STATE, state);
    RESET(RC_FIELD_STATE, engine_state);
    RESET(RC_FIELD_HEALTH, health);
    RESET(RC_FIELD_EXIT_CODE, has_exit_code);
    RESET(RC_FIELD_EXIT_CODE, exit_code);
    RESET(RC_FIELD_OOM, oom_killed);
    RESET(RC_FIELD_RESTART_COUNT, restart_count);
    RESET(RC_FIELD_CREATED, created_ns);
    RESET(RC_FIELD_STARTED, started_ns);
    RESET(RC_FIELD_FINISHED, finished_ns);
    RESET(RC_FIELD_LABELS, n_labels);
    RESET(RC_FIELD_NETWORK_MODE, network_mode);
    RESET(RC_FIELD_PID, pid);
    RESET(RC_FIELD_RESTART_POLICY, restart_policy);
    RESET(RC_FIELD_PORTS, n_ports);
    RESET(RC_FIELD_NETWORKS, n_networks);
    RESET(RC_FIELD_MOUNTS, n_mounts);
#undef RESET
}

static void assert_agree(const rc_observation *list, const rc_observation *inspect)
{
    /* The image is excepted: inspect repeats what the user typed. */
    uint32_t shared = list->fields & inspect->fields & ~(uint32_t)RC_FIELD_IMAGE;
    rc_row a = list->row;
    rc_row b = inspect->row;
    only_shared(&a, shared);
    only_shared(&b, shared);
    if (!rc_row_equal(&a, &b))
        fail_msg("%.*s: list and inspect differ", RC_STR_ARG(a.name));
}

/* Told by a list of Docker's, in whatever state. */
#define LIST_ALWAYS                                                                           \
    (RC_FIELD_NAME | RC_FIELD_IMAGE | RC_FIELD_IMAGE_ID | RC_FIELD_COMMAND | RC_FIELD_STATE | \
     RC_FIELD_CREATED | RC_FIELD_LABELS | RC_FIELD_NETWORK_MODE | RC_FIELD_PORTS |            \
     RC_FIELD_NETWORKS | RC_FIELD_MOUNTS)
#define INSPECT_ALWAYS                                                                            \
    (LIST_ALWAYS | RC_FIELD_HEALTH | RC_FIELD_EXIT_CODE | RC_FIELD_OOM | RC_FIELD_RESTART_COUNT | \
     RC_FIELD_STARTED | RC_FIELD_FINISHED | RC_FIELD_PID | RC_FIELD_RESTART_POLICY)
#define PODMAN_LIST_NEVER (RC_FIELD_NETWORK_MODE | RC_FIELD_PORTS | RC_FIELD_NETWORKS)

static struct {
    const char *list;
    size_t found;
    bool podman;
} agreement;

static void check_agreement(const char *path)
{
    AUTO_KEPT inspect = keep_inspect(path);
    elements e = elements_of(agreement.list);
    assert_int_equal(inspect.o.fields, INSPECT_ALWAYS);
    for (size_t i = 0; i < e.n; i++) {
        AUTO_KEPT list = keep(rc_decode_list_element, e.at[i].data, e.at[i].len);
        if (!rc_str_eq(list.o.row.id, inspect.o.row.id))
            continue;
        agreement.found++;
        assert_agree(&list.o, &inspect.o);
        /* That they agree means something only where both speak. */
        uint32_t always = LIST_ALWAYS & (agreement.podman ? ~(uint32_t)PODMAN_LIST_NEVER : ~0U);
        assert_int_equal(list.o.fields & always, always);
    }
    elements_free(&e);
}

static void test_list_and_inspect_agree(void **state)
{
    (void)state;
    agreement.list = LIST;
    agreement.podman = false;
    agreement.found = 0;
    each_file("docker-20.10/inspect/*.json", check_agreement);
    assert_int_equal(agreement.found, 11);
    agreement.list = "synthetic/list-api-1.52.json";
    each_file("docker-20.10/inspect/*.json", check_agreement);
    assert_int_equal(agreement.found, 22);
    agreement.list = "podman-4.3.1/list/all.json";
    agreement.podman = true;
    each_file("podman-4.3.1/inspect/*.json", check_agreement);
    assert_int_equal(agreement.found, 27);
}

#define ID                "f0060f4569baaae50b8774744f195505a91c8d8d0bcc7cbec336347bafab078a"
#define DOCKER_LIST(rest) "{\"Id\":\"" ID "\",\"HostConfig\":{\"NetworkMode\":\"none\"}," rest "}"
#define PODMAN_LIST(rest) "{\"Id\":\"" ID "\"," rest "}"
#define INSPECT(rest)     "{\"Id\":\"" ID "\",\"State\":{\"Status\":\"running\"}," rest "}"

/* Seen on 20.10: an anonymous volume is listed without its source for the container's whole life.
 */
static void test_anonymous_volumes(void **state)
{
#define NAMED                                                                       \
    "{\"Type\":\"volume\",\"Name\":\"v\",\"Source\":\"/vol/v\",\"Destination\":\"/" \
    "d\",\"RW\":true}"
#define ANON(source)                                              \
    "{\"Type\":\"volume\",\"Name\":\"0f85\",\"Source\":\"" source \
    "\",\"Destination\":\"/a\",\"RW\":true}"
    (void)state;
    AUTO_KEPT list =
        keep_c(rc_decode_list_element, DOCKER_LIST("\"Mounts\":[" NAMED "," ANON("") "]"));
    assert_false(list.o.fields & RC_FIELD_MOUNTS);
    assert_int_equal(list.o.row.n_mounts, 0);
    AUTO_KEPT inspect =
        keep_c(rc_decode_inspect, INSPECT("\"Mounts\":[" NAMED "," ANON("/vol/0f85") "]"));
    assert_true(inspect.o.fields & RC_FIELD_MOUNTS);
    assert_int_equal(inspect.o.row.n_mounts, 2);
    assert_str(inspect.o.row.mounts[0].source, "/vol/0f85");
    /* A tmpfs has no source, and inspect's word is taken whatever it is. */
    AUTO_KEPT tmpfs = keep_c(rc_decode_list_element,
                             DOCKER_LIST("\"Mounts\":[{\"Type\":\"tmpfs\",\"Source\":\"\","
                                         "\"Destination\":\"/t\"}]"));
    assert_true(tmpfs.o.fields & RC_FIELD_MOUNTS);
    AUTO_KEPT odd = keep_c(rc_decode_inspect, INSPECT("\"Mounts\":[" ANON("") "]"));
    assert_true(odd.o.fields & RC_FIELD_MOUNTS);
    /* None at all is told, in every spelling. */
    AUTO_KEPT none = keep_c(rc_decode_list_element, DOCKER_LIST("\"Mounts\":null"));
    assert_true(none.o.fields & RC_FIELD_MOUNTS);
}

/* Seen on 4.3: -p 8080:80 -p 127.0.0.1:9000-9002:9000-9002/udp --expose 99 */
static void test_podman_ports(void **state)
{
    (void)state;
    AUTO_KEPT list =
        keep_c(rc_decode_list_element,
               PODMAN_LIST("\"State\":\"running\",\"Ports\":[{\"PrivatePort\":80,"
                           "\"PublicPort\":8080,\"Type\":\"tcp\"},{\"IP\":\"127.0.0.1\","
                           "\"PrivatePort\":9000,\"PublicPort\":9000,\"Type\":\"udp\"}]"));
    assert_false(list.o.fields & RC_FIELD_PORTS);
    AUTO_KEPT inspect = keep_c(
        rc_decode_inspect,
        INSPECT(
            "\"NetworkSettings\":{\"Ports\":{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}],"
            "\"9000/udp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"9000\"}],\"9001/udp\":[{"
            "\"HostIp\":\"127.0.0.1\",\"HostPort\":\"9001\"}],\"99/tcp\":null}}"));
    assert_true(inspect.o.fields & RC_FIELD_PORTS);
    assert_int_equal(inspect.o.row.n_ports, 4);
    assert_str(inspect.o.row.ports[0].ip, "");
    assert_int_equal(inspect.o.row.ports[0].public_port, 8080);
    assert_int_equal(inspect.o.row.ports[1].private_port, 99);
    assert_int_equal(inspect.o.row.ports[1].public_port, 0);
    assert_int_equal(inspect.o.row.ports[3].private_port, 9001);
}

static void test_commands(void **state)
{
    static const struct {
        const char *inspect;
        const char *command;
    } table[] = {
        {"\"Path\":\"sh\",\"Args\":[]", "sh"},
        {"\"Path\":\"sh\",\"Args\":null", "sh"},
        {"\"Path\":\"sh\"", "sh"},
        {"\"Path\":\"sh\",\"Args\":[\"-c\",\"echo x\"]", "sh -c 'echo x'"},
        {"\"Path\":\"sh\",\"Args\":[\"\",\"it's a\",\"x\\ty\"]", "sh  'it's a' x\ty"},
        {"\"Path\":\"a b\",\"Args\":[\"c\"]", "a b c"},
        {"\"Path\":\"sh\",\"HostConfig\":{\"Runtime\":\"runc\"},\"Config\":{\"Cmd\":[\"x\"]}",
         "sh"},
        /* Podman: without the entrypoint, without quotes. Seen with --entrypoint '["echo","a b"]'.
         */
        {"\"Path\":\"echo\",\"Args\":[\"a b\",\"c d\"],\"HostConfig\":{\"Runtime\":\"oci\"},"
         "\"Config\":{\"Cmd\":[\"c d\"]}",
         "c d"},
        {"\"Path\":\"false\",\"Args\":[\"false\"],\"HostConfig\":{\"Runtime\":\"oci\"},"
         "\"Config\":{\"Cmd\":[\"false\"]}",
         "false"},
        {"\"Path\":\"x\",\"HostConfig\":{\"Runtime\":\"oci\"},\"Config\":{\"Cmd\":[\"\",\"b\","
         "\"c\"]}",
         " b c"},
        {"\"Path\":\"x\",\"HostConfig\":{\"Runtime\":\"oci\"},\"Config\":{\"Cmd\":null}", ""},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        char text[512];
        snprintf(text, sizeof(text), INSPECT("%s"), table[i].inspect);
        AUTO_KEPT k = keep_c(rc_decode_inspect, text);
        assert_true(k.o.fields & RC_FIELD_COMMAND);
        assert_str(k.o.row.command, table[i].command);
    }
    AUTO_KEPT k = keep_c(rc_decode_inspect, INSPECT("\"Args\":[\"x\"]"));
    assert_false(k.o.fields & RC_FIELD_COMMAND);
}

/* Engine 29 writes "IP":"" for a port that is not published; before, it left IP out. */
static void test_unpublished_ports(void **state)
{
    static const char *const lists[] = {
        "\"State\":\"running\",\"Ports\":[{\"IP\":\"\",\"PrivatePort\":80,\"Type\":\"tcp\"}]",
        "\"State\":\"running\",\"Ports\":[{\"PrivatePort\":80,\"Type\":\"tcp\"}]",
        "\"State\":\"running\",\"Ports\":[{\"IP\":null,\"PrivatePort\":80,\"Type\":\"tcp\"}]",
    };
    (void)state;
    AUTO_KEPT inspect =
        keep_c(rc_decode_inspect, INSPECT("\"NetworkSettings\":{\"Ports\":{\"80/tcp\":null}}"));
    AUTO_KEPT empty =
        keep_c(rc_decode_inspect, INSPECT("\"NetworkSettings\":{\"Ports\":{\"80/tcp\":[]}}"));
    AUTO_KEPT bare =
        keep_c(rc_decode_inspect, INSPECT("\"NetworkSettings\":{\"Ports\":{\"80\":null}}"));
    for (size_t i = 0; i < RC_ARRAY_LEN(lists); i++) {
        char text[512];
        snprintf(text, sizeof(text), DOCKER_LIST("%s"), lists[i]);
        AUTO_KEPT list = keep_c(rc_decode_list_element, text);
        assert_agree(&list.o, &inspect.o);
        assert_agree(&list.o, &empty.o);
        assert_agree(&list.o, &bare.o);
        assert_int_equal(list.o.row.n_ports, 1);
        assert_str(list.o.row.ports[0].protocol, "tcp");
    }
}

/* ---- named containers ---- */

static void test_web(void **state)
{
    (void)state;
    AUTO_KEPT k = keep_inspect("docker-20.10/inspect/web-running-ports.json");
    const rc_row *r = &k.o.row;
    assert_int_equal(k.o.source, RC_SOURCE_INSPECT);
    assert_str(r->id, "d0a30fc1cf9835a488a1e2e05917157e88dc85c52a527dbdb4f2180313e89cf5");
    assert_str(r->name, "fx-web");
    assert_str(r->image, "tinybox");
    assert_str(r->image_id,
               "sha256:c079856790f92246c369ff0832745b6e8224bef131b3822fbf9d0c76d3c43b4a");
    assert_str(r->command, "/bin/busybox sleep 1000");
    assert_int_equal(r->state, RC_STATE_RUNNING);
    assert_str(r->engine_state, "running");
    assert_int_equal(r->health, RC_HEALTH_NONE);
    assert_false(r->has_exit_code);
    assert_int_equal(r->created_ns, 1795467382 * RC_NS_PER_SEC); /* seconds, as the list has it */
    assert_int_equal(r->started_ns, 1795467383066186196);
    assert_int_equal(r->finished_ns, 0);
    assert_int_equal(r->pid, 14473);
    assert_str(r->restart_policy, "unless-stopped");
    assert_str(r->network_mode, "fx_net");
    assert_int_equal(r->n_labels, 12);

    static const struct {
        const char *ip, *protocol;
        int private_port, public_port;
    } ports[] = {
        {"127.0.0.1", "udp", 53, 10053},
        {"127.0.0.1", "udp", 53, 10054},
        {"127.0.0.1", "tcp", 80, 32768},
        {"0.0.0.0", "tcp", 443, 18443},
        {"::", "tcp", 443, 18443},
        {"", "sctp", 7000, 0},
        {"", "tcp", 9000, 0},
    };
    assert_int_equal(r->n_ports, RC_ARRAY_LEN(ports));
    for (size_t i = 0; i < RC_ARRAY_LEN(ports); i++) {
        assert_str(r->ports[i].ip, ports[i].ip);
        assert_str(r->ports[i].protocol, ports[i].protocol);
        assert_int_equal(r->ports[i].private_port, ports[i].private_port);
        assert_int_equal(r->ports[i].public_port, ports[i].public_port);
    }
    assert_int_equal(r->n_networks, 2);
    assert_str(r->networks[0].network, "fx_net");
    assert_str(r->networks[0].id,
               "37ec1d531e87b7d14e9b8e31ea4b92117ddfb8833b1c960707e61306fd4c0635");
    assert_str(r->networks[0].ip, "10.77.0.50");
    assert_str(r->networks[0].ip6, "");
    assert_str(r->networks[0].mac, "02:42:0a:4d:00:32");
    assert_str(r->networks[1].network, "fx_net2");
    assert_str(r->networks[1].ip, "172.18.0.2");

    assert_int_equal(r->n_mounts, 3);
    assert_str(r->mounts[0].destination, "/data");
    assert_str(r->mounts[0].type, "volume");
    assert_str(r->mounts[0].name, "fx_vol");
    assert_str(r->mounts[0].source, "/srv/docker-data1/dk/data/volumes/fx_vol/_data");
    assert_false(r->mounts[0].read_only);
    assert_str(r->mounts[1].destination, "/in.tar");
    assert_str(r->mounts[1].name, "");
    assert_true(r->mounts[1].read_only);
    assert_str(r->mounts[2].type, "tmpfs");
}

static const struct {
    const char *list;
    const char *name;
    const char *engine_state;
    const char *network_mode; /* NULL: not told */
    enum rc_state state;
    int health;    /* -1: not told */
    int exit_code; /* -1: not told */
    int age;       /* in seconds; -1: none */
} listed[] = {
    {LIST, "fx-web", "running", "fx_net", RC_STATE_RUNNING, RC_HEALTH_NONE, -1, 8},
    {LIST, "fx-created", "created", "none", RC_STATE_CREATED, -1, -1, -1},
    {LIST, "fx-startfail", "created", "none", RC_STATE_CREATED, -1, -1, -1},
    {LIST, "fx-exited", "exited", "none", RC_STATE_EXITED, -1, 42, 8},
    {LIST, "fx-sigkilled", "exited", "none", RC_STATE_EXITED, -1, 137, 6},
    {LIST, "fx-paused", "paused", "none", RC_STATE_PAUSED, -1, -1, 7},
    {LIST, "fx-restarting", "restarting", "none", RC_STATE_RESTARTING, -1, 1, 3},
    {LIST, "fx-healthy", "running", "none", RC_STATE_RUNNING, RC_HEALTH_HEALTHY, -1, 7},
    {LIST, "fx-unhealthy", "running", "none", RC_STATE_RUNNING, RC_HEALTH_UNHEALTHY, -1, 6},
    {LIST, "fx-health-starting", "running", "none", RC_STATE_RUNNING, RC_HEALTH_STARTING, -1, 7},
    {LIST, "fx.host_net-1", "running", "host", RC_STATE_RUNNING, RC_HEALTH_NONE, -1, 6},
    {LIST, "fx-image-by-id", "created", "default", RC_STATE_CREATED, -1, -1, -1},
    {"docker-20.10/list/dead-during-removal.json", "mass-1494", "removing", "none",
     RC_STATE_REMOVING, -1, -1, -1},
    {"synthetic/list-api-1.52.json", "fx-exited", "exited", "none", RC_STATE_EXITED, RC_HEALTH_NONE,
     42, 8},
    {"synthetic/list-api-1.52.json", "fx-unhealthy", "running", "none", RC_STATE_RUNNING,
     RC_HEALTH_UNHEALTHY, -1, 6},
    {"podman-4.3.1/list/all.json", "fx-web", "running", NULL, RC_STATE_RUNNING, -1, -1, 2},
    {"podman-4.3.1/list/all.json", "fx-paused", "paused", NULL, RC_STATE_PAUSED, -1, -1, 1},
    {"podman-4.3.1/list/all.json", "fx-exited", "exited", NULL, RC_STATE_EXITED, -1, 42, 2},
    {"podman-4.3.1/list/all.json", "fx-created", "created", NULL, RC_STATE_CREATED, -1, -1, -1},
    {"podman-4.3.1/list/all.json", "fx-initialized", "created", NULL, RC_STATE_CREATED, -1, -1, -1},
};

static void test_named_list_elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(listed); i++) {
        AUTO_KEPT k = keep_listed(listed[i].list, listed[i].name);
        const rc_row *r = &k.o.row;
        bool health_told = (k.o.fields & RC_FIELD_HEALTH) != 0;
        bool exit_told = (k.o.fields & RC_FIELD_EXIT_CODE) != 0;
        if (r->state != listed[i].state ||
            (health_told ? (int)r->health : -1) != listed[i].health ||
            (exit_told ? r->exit_code : -1) != listed[i].exit_code || exit_told != r->has_exit_code)
            fail_msg("%s: state %s health %d exit %d", listed[i].name, rc_state_name(r->state),
                     health_told ? (int)r->health : -1, exit_told ? r->exit_code : -1);
        assert_str(r->engine_state, listed[i].engine_state);
        assert_int_equal(k.o.age_lo, listed[i].age < 0 ? 0 : listed[i].age);
        assert_int_equal(k.o.age_hi, listed[i].age + 1);
        assert_int_equal((k.o.fields & RC_FIELD_NETWORK_MODE) != 0, listed[i].network_mode != NULL);
        assert_str(r->network_mode, listed[i].network_mode ? listed[i].network_mode : "");
        assert_int_equal(k.o.source, RC_SOURCE_LIST);
        assert_false(k.o.name_ambiguous);
    }
}

static const struct {
    const char *path;
    const char *name;
    enum rc_state state;
    enum rc_health health;
    int exit_code; /* -1: none */
    uint32_t pid;
    uint32_t restarts;
    const char *policy;
    const char *network_mode;
} inspected[] = {
    {"docker-20.10/inspect/created.json", "fx-created", RC_STATE_CREATED, RC_HEALTH_NONE, -1, 0, 0,
     "no", "none"},
    /* Its ExitCode is 127, but it never ran. */
    {"docker-20.10/inspect/start-failed.json", "fx-startfail", RC_STATE_CREATED, RC_HEALTH_NONE, -1,
     0, 0, "no", "none"},
    {"docker-20.10/inspect/exited-42.json", "fx-exited", RC_STATE_EXITED, RC_HEALTH_NONE, 42, 0, 0,
     "no", "none"},
    {"docker-20.10/inspect/sigkilled-137.json", "fx-sigkilled", RC_STATE_EXITED, RC_HEALTH_NONE,
     137, 0, 0, "no", "none"},
    {"docker-20.10/inspect/restarting.json", "fx-restarting", RC_STATE_RESTARTING, RC_HEALTH_NONE,
     1, 0, 6, "always", "none"},
    {"docker-20.10/inspect/paused.json", "fx-paused", RC_STATE_PAUSED, RC_HEALTH_NONE, -1, 14632, 0,
     "no", "none"},
    {"docker-20.10/inspect/healthy.json", "fx-healthy", RC_STATE_RUNNING, RC_HEALTH_HEALTHY, -1,
     14870, 0, "no", "none"},
    {"docker-20.10/inspect/unhealthy.json", "fx-unhealthy", RC_STATE_RUNNING, RC_HEALTH_UNHEALTHY,
     -1, 14951, 0, "no", "none"},
    {"podman-4.3.1/inspect/running.json", "fx-web", RC_STATE_RUNNING, RC_HEALTH_NONE, -1, 28051, 0,
     "unless-stopped", "host"},
    {"podman-4.3.1/inspect/paused.json", "fx-paused", RC_STATE_PAUSED, RC_HEALTH_NONE, -1, 28107, 0,
     "no", "none"},
    /* It has a process already, but it does not run. */
    {"podman-4.3.1/inspect/initialized.json", "fx-initialized", RC_STATE_CREATED, RC_HEALTH_NONE,
     -1, 0, 0, "no", "none"},
    {"podman-4.3.1/inspect/exited-42.json", "fx-exited", RC_STATE_EXITED, RC_HEALTH_NONE, 42, 0, 0,
     "no", "none"},
};

static void test_named_inspects(void **state)
{
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(inspected); i++) {
        AUTO_KEPT k = keep_inspect(inspected[i].path);
        const rc_row *r = &k.o.row;
        assert_str(r->name, inspected[i].name);
        assert_str(rc_str_c(rc_state_name(r->state)), rc_state_name(inspected[i].state));
        assert_int_equal(r->health, inspected[i].health);
        assert_int_equal(r->has_exit_code ? r->exit_code : -1, inspected[i].exit_code);
        assert_int_equal(r->pid, inspected[i].pid);
        assert_int_equal(r->restart_count, inspected[i].restarts);
        assert_str(r->restart_policy, inspected[i].policy);
        assert_str(r->network_mode, inspected[i].network_mode);
        assert_false(r->oom_killed);
    }
    AUTO_KEPT k = keep_inspect("docker-20.10/inspect/exited-42.json");
    assert_int_equal(k.o.row.started_ns, 1795467383346216133);
    assert_int_equal(k.o.row.finished_ns, 1795467383349120669);
}

/* ---- every capture ---- */

/* The first string after a key, wherever that stands; one capture is spaced out. */
static rc_str first_value(bytes b, const char *key)
{
    const char *at = memmem(b.data, b.len, key, strlen(key));
    assert_non_null(at);
    at += strlen(key);
    at += strcspn(at, "\"") + 1;
    at += *at == '/';
    const char *quote = memchr(at, '"', b.len - (size_t)(at - b.data));
    assert_non_null(quote);
    return rc_str_n(at, (size_t)(quote - at));
}

static size_t seen;

static int check_element(void *arg, char *json, size_t len)
{
    (void)arg;
    AUTO_KEPT k = keep(rc_decode_list_element, json, len);
    bytes b = {json, len};
    assert_true(rc_str_eq(k.o.row.id, first_value(b, "\"Id\":")));
    assert_true(rc_str_eq(k.o.row.name, first_value(b, "\"Names\":")));
    assert_true(rc_str_eq(k.o.row.image, first_value(b, "\"Image\":")));
    enum rc_state s = rc_state_from_engine(first_value(b, "\"State\":"), &(rc_str){"", 0});
    assert_int_equal(k.o.row.state, s);
    assert_true(k.o.row.created_ns > 1795000000 * RC_NS_PER_SEC);
    seen++;
    return 0;
}

static void check_list(rc_str text)
{
    rc_error err = RC_ERROR_INIT;
    rc_array_framer *f = rc_array_framer_new(1 << 20, check_element, NULL);
    if (text.ptr[0] == '{') { /* an error body is no list */
        assert_int_equal(rc_array_framer_feed(f, text.ptr, text.len, &err), RC_PROTOCOL);
    } else {
        ok(rc_array_framer_feed(f, text.ptr, text.len, &err), &err);
        ok(rc_array_framer_finish(f, &err), &err);
    }
    rc_array_framer_free(f);
}

static void check_list_file(const char *path)
{
    AUTO_BYTES b = read_capture(path);
    check_list(rc_str_n(b.data, b.len));
}

static void check_list_answer(const char *path)
{
    http_answer a = read_http(path);
    assert_true(a.whole);
    if (a.status == 200)
        check_list(rc_str_n(a.body.data, a.body.len));
    bytes_free(&a.body);
}

static void test_every_captured_list(void **state)
{
    (void)state;
    seen = 0;
    each_file("docker-20.10/list/*.json", check_list_file);
    each_file("docker-20.10/list/*.http", check_list_answer);
    each_file("podman-4.3.1/list/*.json", check_list_file);
    each_file("synthetic/list*.json", check_list_file);
    assert_int_equal(seen, 180);
}

static void check_inspect_answer(const char *path)
{
    http_answer a = read_http(path);
    assert_int_equal(a.status, 200);
    AUTO_KEPT k = keep(rc_decode_inspect, a.body.data, a.body.len);
    assert_str(k.o.row.name, "fx-web");
    bytes_free(&a.body);
}

static void test_every_captured_inspect(void **state)
{
    (void)state;
    each_file("docker-20.10/inspect/*.http", check_inspect_answer); /* size=1 changes nothing */
    AUTO_KEPT k = keep_inspect("docker-20.10/inspect/container-netns.json");
    assert_int_equal(k.o.row.n_networks, 0);
    assert_true(k.o.fields & RC_FIELD_NETWORKS);
}

/* Whatever API version it is asked for by: the same rows, and from 1.52 their health in addition.
 */
static void test_api_versions_agree(void **state)
{
    static const char *const others[] = {
        "docker-20.10/list/all-api-v1.24.json", "docker-20.10/list/all-api-v1.30.json",
        "docker-20.10/list/all-api-v1.40.json", "docker-20.10/list/all-size.json",
        "synthetic/list-api-1.52.json"};
    (void)state;
    elements base = elements_of(LIST);
    for (size_t v = 0; v < RC_ARRAY_LEN(others); v++) {
        elements e = elements_of(others[v]);
        assert_int_equal(e.n, base.n);
        bool has_health = v + 1 == RC_ARRAY_LEN(others);
        for (size_t i = 0; i < e.n; i++) {
            AUTO_KEPT a = keep(rc_decode_list_element, base.at[i].data, base.at[i].len);
            AUTO_KEPT b = keep(rc_decode_list_element, e.at[i].data, e.at[i].len);
            assert_true(rc_row_equal(&a.o.row, &b.o.row));
            assert_int_equal(a.o.fields | (has_health ? RC_FIELD_HEALTH : 0), b.o.fields);
        }
        elements_free(&e);
    }
    elements_free(&base);
}

static void test_hard_labels(void **state)
{
    (void)state;
    AUTO_KEPT k =
        keep_listed("docker-20.10/list/invalid-utf8-and-lone-surrogate-labels.json", "badutf");
    assert_str(*rc_row_label(&k.o.row, RC_STR("bad")), "\xef\xbf\xbd\xef\xbf\xbd");
    assert_str(*rc_row_label(&k.o.row, RC_STR("sur")), "\xef\xbf\xbd");
    AUTO_KEPT hard =
        keep_c(rc_decode_list_element,
               DOCKER_LIST("\"Labels\":{\"z\":\"1\",\"a\\u0000b\":\"x\\u0000y\",\"n\":null,"
                           "\"\":\"empty key\",\"z\":\"2\",\"Id\":\"x\",\"raw\":\"\xff\"}"));
    const rc_row *r = &hard.o.row;
    assert_int_equal(r->n_labels, 6);
    assert_str(*rc_row_label(r, RC_STR("z")), "2"); /* the last of equal keys */
    assert_str(*rc_row_label(r, RC_STR("a\xef\xbf\xbd"
                                       "b")),
               "x\xef\xbf\xbdy");
    assert_str(*rc_row_label(r, RC_STR("n")), "");
    assert_str(*rc_row_label(r, RC_STR("")), "empty key");
    assert_str(*rc_row_label(r, RC_STR("raw")), "\xef\xbf\xbd");
    assert_str(r->id, ID);
}

/* Neither decoding nor the normal form may be quadratic in what a container's maker chose. */
static void test_very_many_labels(void **state)
{
    (void)state;
    enum { N = 50000 };
    rc_buf b = RC_BUF_INIT(0);
    rc_buf_puts(&b, "{\"Id\":\"" ID "\",\"State\":\"running\",\"Labels\":{");
    for (int i = 0; i < N; i++)
        rc_buf_printf(&b, "%s\"label%d\":\"%d\"", i ? "," : "", (int)(i * 7919LL % N), i);
    rc_buf_puts(&b, "}}");
    kept k = keep(rc_decode_list_element, b.data, b.len);
    assert_int_equal(k.o.row.n_labels, N);
    assert_str(*rc_row_label(&k.o.row, RC_STR("label7919")), "1");
    let_go(&k);
    rc_buf_release(&b);
}

static void test_names(void **state)
{
    static const struct {
        const char *names;
        const char *name; /* NULL: not told */
        bool ambiguous;
    } table[] = {
        {"[\"/web\"]", "web", false},
        {"[\"/web/db\",\"/web2/db\",\"/db\"]", "db", false}, /* links have more slashes */
        {"[\"/new\",\"/old\"]", "new", true},                /* in mid-rename */
        {"[\"/web/db\"]", NULL, false},
        {"[\"/\",\"web\",\"\"]", NULL, false},
        {"[]", NULL, false}, /* dead ones often have none */
        {"null", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        char text[256];
        snprintf(text, sizeof(text), DOCKER_LIST("\"Names\":%s"), table[i].names);
        AUTO_KEPT k = keep_c(rc_decode_list_element, text);
        assert_int_equal((k.o.fields & RC_FIELD_NAME) != 0, table[i].name != NULL);
        assert_str(k.o.row.name, table[i].name ? table[i].name : "");
        assert_int_equal(k.o.name_ambiguous, table[i].ambiguous);
    }
}

/* What an answer leaves out it does not tell; null, "" and absent are alike where it does. */
static void test_what_is_not_told(void **state)
{
    (void)state;
    AUTO_KEPT bare = keep_c(rc_decode_list_element, "{\"Id\":\"" ID "\"}");
    assert_int_equal(bare.o.fields, RC_FIELD_LABELS | RC_FIELD_MOUNTS);
    AUTO_KEPT nulls =
        keep_c(rc_decode_list_element,
               "{\"Id\":\"" ID "\",\"Names\":null,\"Image\":null,\"Created\":null,\"State\":null,"
               "\"Status\":null,\"Labels\":null,\"HostConfig\":null,\"NetworkSettings\":null,"
               "\"Ports\":null,\"Mounts\":null,\"Health\":null}");
    assert_int_equal(nulls.o.fields, RC_FIELD_LABELS | RC_FIELD_MOUNTS | RC_FIELD_PORTS |
                                         RC_FIELD_IMAGE | RC_FIELD_CREATED);
    AUTO_KEPT inspect = keep_c(rc_decode_inspect, "{\"Id\":\"" ID "\",\"State\":{}}");
    assert_int_equal(inspect.o.fields, RC_FIELD_HEALTH | RC_FIELD_EXIT_CODE | RC_FIELD_OOM |
                                           RC_FIELD_PID | RC_FIELD_STARTED | RC_FIELD_FINISHED |
                                           RC_FIELD_RESTART_COUNT | RC_FIELD_MOUNTS);
}

static void test_states(void **state)
{
    static const struct {
        const char *word;
        enum rc_state state;
        const char *engine_state;
    } table[] = {
        {"created", RC_STATE_CREATED, "created"},
        {"running", RC_STATE_RUNNING, "running"},
        {"paused", RC_STATE_PAUSED, "paused"},
        {"restarting", RC_STATE_RESTARTING, "restarting"},
        {"removing", RC_STATE_REMOVING, "removing"},
        {"exited", RC_STATE_EXITED, "exited"},
        {"dead", RC_STATE_DEAD, "dead"},
        {"stopped", RC_STATE_EXITED, "exited"},
        {"stopping", RC_STATE_RUNNING, "running"},
        {"initialized", RC_STATE_CREATED, "created"},
        {"configured", RC_STATE_CREATED, "created"},
        {"frozen", RC_STATE_UNKNOWN, "frozen"},
        {"missing", RC_STATE_UNKNOWN, "missing"},
        {"pending", RC_STATE_UNKNOWN, "pending"},
        {"Running", RC_STATE_UNKNOWN, "Running"},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        char text[256];
        snprintf(text, sizeof(text), PODMAN_LIST("\"State\":\"%s\""), table[i].word);
        AUTO_KEPT list = keep_c(rc_decode_list_element, text);
        snprintf(text, sizeof(text), "{\"Id\":\"" ID "\",\"State\":{\"Status\":\"%s\"}}",
                 table[i].word);
        AUTO_KEPT inspect = keep_c(rc_decode_inspect, text);
        assert_int_equal(list.o.row.state, table[i].state);
        assert_str(list.o.row.engine_state, table[i].engine_state);
        assert_int_equal(inspect.o.row.state, table[i].state);
        assert_str(inspect.o.row.engine_state, table[i].engine_state);
    }
}

static void test_health(void **state)
{
    static const struct {
        const char *rest;
        int health; /* -1: not told */
    } table[] = {
        {"\"HostConfig\":{},\"State\":\"running\",\"Status\":\"Up 3 seconds\"", RC_HEALTH_NONE},
        {"\"HostConfig\":{},\"State\":\"running\",\"Status\":\"Up 3 seconds (health: starting)\"",
         RC_HEALTH_STARTING},
        {"\"HostConfig\":{},\"State\":\"exited\",\"Status\":\"Exited (0) 3 seconds ago\"", -1},
        {"\"HostConfig\":{},\"State\":\"paused\",\"Status\":\"Up 3 seconds (Paused)\"", -1},
        /* Podman's text has no health (4.3), or has one (5). */
        {"\"State\":\"running\",\"Status\":\"Up 3 seconds\"", -1},
        {"\"State\":\"running\",\"Status\":\"Up 3 seconds (healthy)\"", RC_HEALTH_HEALTHY},
        /* API 1.52: in every state, and stronger than the text. */
        {"\"HostConfig\":{},\"State\":\"exited\",\"Status\":\"Exited (0) 3 seconds ago\","
         "\"Health\":{\"Status\":\"unhealthy\",\"FailingStreak\":1}",
         RC_HEALTH_UNHEALTHY},
        {"\"HostConfig\":{},\"State\":\"running\",\"Status\":\"Up 3 seconds (healthy)\","
         "\"Health\":{\"Status\":\"none\"}",
         RC_HEALTH_NONE},
        {"\"State\":\"running\",\"Health\":{\"Status\":\"\"}", RC_HEALTH_NONE},
        /* A word of tomorrow. */
        {"\"HostConfig\":{},\"State\":\"running\",\"Health\":{\"Status\":\"stopped\"}", -1},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        char text[512];
        snprintf(text, sizeof(text), "{\"Id\":\"" ID "\",%s}", table[i].rest);
        AUTO_KEPT k = keep_c(rc_decode_list_element, text);
        int health = k.o.fields & RC_FIELD_HEALTH ? (int)k.o.row.health : -1;
        if (health != table[i].health)
            fail_msg("%s: %d", table[i].rest, health);
    }
    AUTO_KEPT k = keep_c(rc_decode_inspect,
                         "{\"Id\":\"" ID "\",\"State\":{\"Health\":{\"Status\":\"reset\"}}}");
    assert_false(k.o.fields & RC_FIELD_HEALTH);
}

static void test_exit_code_of_what_never_ran(void **state)
{
    static const struct {
        const char *state;
        int code; /* -1: none */
    } table[] = {
        {"\"Status\":\"removing\",\"ExitCode\":0", -1},
        {"\"Status\":\"dead\",\"ExitCode\":0,\"FinishedAt\":\"0001-01-01T00:00:00Z\"", -1},
        {"\"Status\":\"removing\",\"ExitCode\":3,\"FinishedAt\":\"2026-11-23T20:56:23Z\"", 3},
        {"\"Status\":\"exited\",\"ExitCode\":0", 0},
        {"\"Status\":\"created\",\"ExitCode\":127", -1},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        char text[512];
        snprintf(text, sizeof(text), "{\"Id\":\"" ID "\",\"State\":{%s}}", table[i].state);
        AUTO_KEPT k = keep_c(rc_decode_inspect, text);
        assert_int_equal(k.o.row.has_exit_code ? k.o.row.exit_code : -1, table[i].code);
    }
}

static void test_restart_policies(void **state)
{
    static const char *const table[][2] = {
        {"{\"Name\":\"\",\"MaximumRetryCount\":0}", "no"},
        {"{\"Name\":\"no\"}", "no"},
        {"{}", "no"},
        {"{\"Name\":\"always\",\"MaximumRetryCount\":3}", "always"},
        {"{\"Name\":\"on-failure\",\"MaximumRetryCount\":0}", "on-failure"},
        {"{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}", "on-failure:3"},
        {"{\"Name\":\"on-failure\",\"MaximumRetryCount\":2147483647}", "on-failure:2147483647"},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        char text[256];
        snprintf(text, sizeof(text), INSPECT("\"HostConfig\":{\"RestartPolicy\":%s}"), table[i][0]);
        AUTO_KEPT k = keep_c(rc_decode_inspect, text);
        assert_str(k.o.row.restart_policy, table[i][1]);
    }
}

/* ---- what is refused ---- */

static const struct {
    decode_fn decode;
    const char *json;
    const char *message; /* part of it */
} refused[] = {
    {rc_decode_list_element, "", "not valid JSON"},
    {rc_decode_list_element, "7", "not a JSON object"},
    {rc_decode_list_element, "{}", "Id is not a container ID"},
    {rc_decode_list_element, "{\"id\":\"" ID "\"}", "Id is not a container ID"},
    {rc_decode_list_element, "{\"Id\":7}", "Id is not a string"},
    {rc_decode_list_element, DOCKER_LIST("\"Names\":{}"), "Names is not an array"},
    {rc_decode_list_element, DOCKER_LIST("\"Names\":[7]"), "Names holds what is not a string"},
    {rc_decode_list_element, DOCKER_LIST("\"Image\":[]"), "Image is not a string"},
    {rc_decode_list_element, DOCKER_LIST("\"Created\":\"now\""), "Created is not a whole number"},
    {rc_decode_list_element, DOCKER_LIST("\"Created\":1e30"), "Created is out of range"},
    {rc_decode_list_element, DOCKER_LIST("\"State\":7"), "State is not a string"},
    {rc_decode_list_element, DOCKER_LIST("\"Status\":\"Exited (x)\""), "Status has no exit code"},
    {rc_decode_list_element, DOCKER_LIST("\"Labels\":[]"), "Labels is not an object"},
    {rc_decode_list_element, DOCKER_LIST("\"Labels\":{\"a\\u001b\":7}"),
     "Labels.a\\x1b is not a string"},
    {rc_decode_list_element, DOCKER_LIST("\"NetworkSettings\":[]"),
     "NetworkSettings is not an object"},
    {rc_decode_list_element, DOCKER_LIST("\"NetworkSettings\":{\"Networks\":{\"x\":7}}"),
     "Networks.x is not an object"},
    {rc_decode_list_element, DOCKER_LIST("\"Ports\":[7]"), "Ports is not an object"},
    {rc_decode_list_element, DOCKER_LIST("\"Ports\":[{\"PrivatePort\":65536}]"),
     "Ports.PrivatePort is out of range"},
    {rc_decode_list_element, DOCKER_LIST("\"Ports\":[{\"PublicPort\":-1}]"),
     "Ports.PublicPort is out of range"},
    {rc_decode_list_element, DOCKER_LIST("\"Mounts\":[{\"RW\":\"yes\"}]"),
     "Mounts.RW is not true or false"},
    {rc_decode_list_element, DOCKER_LIST("\"Health\":\"healthy\""), "Health is not an object"},
    {rc_decode_list_element, "{\"Id\":\"" ID "\"} x", "not valid JSON"},
    {rc_decode_inspect, "{\"Id\":\"" ID "\"}", "State is missing"},
    {rc_decode_inspect, "{\"Id\":\"" ID "\",\"State\":\"running\"}", "State is not an object"},
    {rc_decode_inspect, "{\"Id\":\"" ID "\",\"State\":{\"Pid\":-1}}", "State.Pid is out of range"},
    {rc_decode_inspect, "{\"Id\":\"" ID "\",\"State\":{\"ExitCode\":1.5}}",
     "State.ExitCode is not a whole number"},
    {rc_decode_inspect, "{\"Id\":\"" ID "\",\"State\":{\"StartedAt\":\"yesterday\"}}",
     "State.StartedAt is not a time"},
    {rc_decode_inspect, INSPECT("\"Created\":\"2026-13-01T00:00:00Z\""), "Created is not a time"},
    {rc_decode_inspect, INSPECT("\"Path\":\"x\",\"Args\":[7]"), "Args holds what is not a string"},
    {rc_decode_inspect, INSPECT("\"RestartCount\":-1"), "RestartCount is out of range"},
    {rc_decode_inspect, INSPECT("\"NetworkSettings\":{\"Ports\":{\"x/tcp\":null}}"),
     "Ports.x/tcp is not a port"},
    {rc_decode_inspect, INSPECT("\"NetworkSettings\":{\"Ports\":{\"70000/tcp\":null}}"),
     "Ports.70000/tcp is not a port"},
    {rc_decode_inspect, INSPECT("\"NetworkSettings\":{\"Ports\":{\"80/tcp\":{}}}"),
     "Ports.80/tcp is not a port"},
    {rc_decode_inspect,
     INSPECT("\"NetworkSettings\":{\"Ports\":{\"80/tcp\":[{\"HostPort\":\"99999\"}]}}"),
     "Ports.HostPort is not a port number"},
    {rc_decode_inspect, INSPECT("\"NetworkSettings\":{\"Ports\":{\"80/tcp\":[7]}}"),
     "Ports is not an object"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(refused); i++) {
        AUTO_BYTES b = bytes_of(refused[i].json, strlen(refused[i].json));
        rc_error err = RC_ERROR_INIT;
        rc_observation o;
        rc_observation before;
        memset(&o, 0x5a, sizeof(o));
        memset(&before, 0x5a, sizeof(before));
        int rc = refused[i].decode(decoder, b.data, b.len, &o, &err);
        if (rc != RC_PROTOCOL || !strstr(err.msg, refused[i].message))
            fail_msg("%s: %d \"%s\" does not say \"%s\"", refused[i].json, rc, err.msg,
                     refused[i].message);
        assert_memory_equal(&o, &before, sizeof(o));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_and_inspect_agree),
        cmocka_unit_test(test_anonymous_volumes),
        cmocka_unit_test(test_podman_ports),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_unpublished_ports),
        cmocka_unit_test(test_web),
        cmocka_unit_test(test_named_list_elements),
        cmocka_unit_test(test_named_inspects),
        cmocka_unit_test(test_every_captured_list),
        cmocka_unit_test(test_every_captured_inspect),
        cmocka_unit_test(test_api_versions_agree),
        cmocka_unit_test(test_hard_labels),
        cmocka_unit_test(test_very_many_labels),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_not_told),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_exit_code_of_what_never_ran),
        cmocka_unit_test(test_restart_policies),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
