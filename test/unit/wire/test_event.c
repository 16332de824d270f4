/* Events: every captured line against a cheap reading of its text, the cases that bite, and lines
 * that are none. */
#include "capture.h"

#include "wire/decode.h"
#include "wire/framing.h"
#include "wire/tree.h" /* its limits, to run out of memory */

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

/* ---- a cheap reading of what the engines write ---- */

/* The text between `key` and the next quote, where it stands last or first in the line. */
static rc_str quoted(bytes line, const char *key, bool last)
{
    const char *found = NULL;
    const char *end = line.data + line.len;
    const char *at = line.data;
    while ((!found || last) && (at = memmem(at, (size_t)(end - at), key, strlen(key))))
        found = at += strlen(key);
    if (!found)
        return RC_STR_EMPTY;
    const char *quote = memchr(found, '"', (size_t)(end - found));
    assert_non_null(quote);
    return rc_str_n(found, (size_t)(quote - found));
}

static int64_t last_number(bytes line, const char *key)
{
    const char *found = line.data + line.len;
    for (size_t i = 0; i + strlen(key) <= line.len; i++)
        if (memcmp(line.data + i, key, strlen(key)) == 0)
            found = line.data + i + strlen(key);
    int64_t v = 0;
    for (; found < line.data + line.len && *found >= '0' && *found <= '9'; found++)
        v = v * 10 + (*found - '0');
    return v;
}

static const struct {
    const char *word;
    enum rc_action container;
    enum rc_action network;
} expected_actions[] = {
    {"create", RC_ACTION_CREATE, RC_ACTION_CREATE},
    {"start", RC_ACTION_START, RC_ACTION_OTHER},
    {"restart", RC_ACTION_RESTART, RC_ACTION_OTHER},
    {"stop", RC_ACTION_STOP, RC_ACTION_OTHER},
    {"die", RC_ACTION_DIE, RC_ACTION_OTHER},
    {"kill", RC_ACTION_KILL, RC_ACTION_OTHER},
    {"oom", RC_ACTION_OOM, RC_ACTION_OTHER},
    {"pause", RC_ACTION_PAUSE, RC_ACTION_OTHER},
    {"unpause", RC_ACTION_UNPAUSE, RC_ACTION_OTHER},
    {"rename", RC_ACTION_RENAME, RC_ACTION_OTHER},
    {"update", RC_ACTION_UPDATE, RC_ACTION_UPDATE},
    {"destroy", RC_ACTION_DESTROY, RC_ACTION_DESTROY},
    {"remove", RC_ACTION_DESTROY, RC_ACTION_DESTROY},
    {"prune", RC_ACTION_PRUNE, RC_ACTION_PRUNE},
    {"init", RC_ACTION_INIT, RC_ACTION_OTHER},
    {"health_status: healthy", RC_ACTION_HEALTH, RC_ACTION_OTHER},
    {"health_status: unhealthy", RC_ACTION_HEALTH, RC_ACTION_OTHER},
    {"connect", RC_ACTION_OTHER, RC_ACTION_CONNECT},
    {"disconnect", RC_ACTION_OTHER, RC_ACTION_DISCONNECT},
    {"attach", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"archive-path", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"extract-to-dir", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"export", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"commit", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"resize", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"top", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"cleanup", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"mount", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"exec", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"exec_die", RC_ACTION_IGNORED, RC_ACTION_OTHER},
    {"exec_died", RC_ACTION_IGNORED, RC_ACTION_OTHER},
};

static enum rc_action expected_action(enum rc_event_type type, rc_str word)
{
    if (type == RC_EVENT_OTHER)
        return RC_ACTION_OTHER;
    if (rc_str_starts(word, RC_STR("exec_create: ")) || rc_str_starts(word, RC_STR("exec_start: ")))
        return RC_ACTION_IGNORED;
    for (size_t i = 0; i < RC_ARRAY_LEN(expected_actions); i++)
        if (rc_str_eq_c(word, expected_actions[i].word))
            return type == RC_EVENT_CONTAINER ? expected_actions[i].container
                                              : expected_actions[i].network;
    fail_msg("a word that this test does not know: %.*s", RC_STR_ARG(word));
    return RC_ACTION_OTHER;
}

static rc_str attribute(const rc_event *ev, const char *key)
{
    for (uint32_t i = 0; i < ev->n_attributes; i++)
        if (rc_str_eq_c(ev->attributes[i].key, key))
            return ev->attributes[i].value;
    return RC_STR_EMPTY;
}

static void assert_same(rc_str a, rc_str b, const char *path, size_t number)
{
    if (!rc_str_eq(a, b))
        fail_msg("%s:%zu: \"%.*s\" is not \"%.*s\"", path, number, RC_STR_ARG(a), RC_STR_ARG(b));
}

static void check_line(const char *path, size_t number, bytes line)
{
    AUTO_BYTES kept = bytes_of(line.data, line.len);
    rc_error err = RC_ERROR_INIT;
    rc_event ev;
    if (rc_decode_event(decoder, line.data, line.len, &ev, &err) != RC_OK)
        fail_msg("%s:%zu: %s", path, number, err.msg);

    rc_str type = quoted(kept, "\"Type\":\"", false);
    enum rc_event_type expected = rc_str_eq_c(type, "container") ? RC_EVENT_CONTAINER
                                  : rc_str_eq_c(type, "network") ? RC_EVENT_NETWORK
                                                                 : RC_EVENT_OTHER;
    rc_str id = quoted(kept, "\"Actor\":{\"ID\":\"", false);
    rc_str word = quoted(kept, "\"Action\":\"", false);
    if (!memchr(word.ptr, '\\', word.len)) { /* else the decoder unescapes it */
        assert_same(ev.action_text, word, path, number);
        assert_int_equal(ev.action, expected_action(expected, word));
    } else {
        assert_int_equal(ev.action, RC_ACTION_IGNORED);
    }
    assert_int_equal(ev.type, expected);
    assert_int_equal(ev.time_ns, last_number(kept, "\"timeNano\":"));
    if (expected == RC_EVENT_CONTAINER) {
        assert_same(ev.container, id, path, number);
        assert_same(ev.name, attribute(&ev, "name"), path, number);
        assert_same(ev.image, attribute(&ev, "image"), path, number);
        assert_same(ev.network, RC_STR_EMPTY, path, number);
    } else if (expected == RC_EVENT_NETWORK) {
        assert_same(ev.network, id, path, number);
        assert_same(ev.container, attribute(&ev, "container"), path, number);
        assert_same(ev.network_name, quoted(kept, "\"name\":\"", true), path, number);
        assert_same(ev.network_type, quoted(kept, "\"type\":\"", true), path, number);
    } else {
        assert_same(ev.container, RC_STR_EMPTY, path, number);
        assert_int_equal(ev.n_attributes, 0);
    }
}

static size_t lines_seen;

static void check_lines_of(const char *path)
{
    lines_seen += each_line(path, check_line);
}

static void test_every_captured_line(void **state)
{
    (void)state;
    lines_seen = 0;
    size_t files = each_file("docker-20.10/events/*.jsonl", check_lines_of);
    files += each_file("podman-4.3.1/events/*.jsonl", check_lines_of);
    files += each_file("synthetic/*.jsonl", check_lines_of);
    files += each_file("synthetic/*.ndjson", check_lines_of);
    assert_int_equal(files, 22 + 17 + 2);
    assert_int_equal(lines_seen, 977);
}

/* ---- raw answers ---- */

static void count_line(void *arg, char *line, size_t len, int oversize)
{
    rc_error err = RC_ERROR_INIT;
    rc_event ev;
    assert_false(oversize);
    ok(rc_decode_event(decoder, line, len, &ev, &err), &err);
    ++*(size_t *)arg;
}

static void check_raw(const char *path)
{
    http_answer a = read_http(path);
    size_t n = 0;
    assert_int_equal(a.status, 200);
    rc_framer *f = rc_framer_new(1 << 20, count_line, &n);
    assert_int_equal(rc_framer_feed(f, a.body.data, a.body.len), RC_OK);
    assert_int_equal(rc_framer_pending(f), 0);
    rc_framer_free(f);

    /* Its body kept apart has the same lines. */
    char body_path[512];
    snprintf(body_path, sizeof(body_path), "%.*s.jsonl", (int)(strlen(path) - 5), path);
    FILE *sibling = fopen(body_path, "rb");
    if (sibling) {
        fclose(sibling);
        AUTO_BYTES body = read_capture(body_path);
        assert_int_equal(body.len, a.body.len);
        assert_memory_equal(body.data, a.body.data, body.len);
    }
    bytes_free(&a.body);
}

static void test_every_raw_stream(void **state)
{
    (void)state;
    each_file("docker-20.10/events/*.http", check_raw);
    each_file("podman-4.3.1/events/*.http", check_raw);
}

/* ---- named cases ---- */

static rc_event decode(const char *json)
{
    /* The decoder's strings may lie in the text: it stays until the next one. */
    static bytes last;
    rc_error err = RC_ERROR_INIT;
    rc_event ev;
    bytes_free(&last);
    last = bytes_of(json, strlen(json));
    ok(rc_decode_event(decoder, last.data, last.len, &ev, &err), &err);
    return ev;
}

#define ID   "d3e2a06ca7ed31618112aae175efd5ec77dc75f54805af46599ee18bbd17642f"
#define TIME "\"time\":1795466478,\"timeNano\":1795466478072310317"
#define CONTAINER(action, attributes)                                           \
    "{\"Type\":\"container\",\"Action\":\"" action "\",\"Actor\":{\"ID\":\"" ID \
    "\",\"Attributes\":{" attributes "}},\"scope\":\"local\"," TIME "}"

static void remember_first(const char *path, size_t number, bytes line)
{
    (void)path;
    if (number != 1)
        return;
    char text[2048];
    snprintf(text, sizeof(text), "%.*s", (int)line.len, line.data);
    rc_event ev = decode(text);
    assert_int_equal(ev.action, RC_ACTION_CREATE);
    assert_str(ev.name, "collide");
    assert_str(ev.image, "tinybox");
    assert_str(attribute(&ev, "ctl"), "\x01\x7f");
    assert_str(attribute(&ev, "html"), "<a>&amp;");
    assert_str(attribute(&ev, "nl"), "line1\nline2");
    assert_str(attribute(&ev, "quote"), "a\"b\\c");
    assert_str(attribute(&ev, "u2028"), "\xe2\x80\xa8");
    assert_str(attribute(&ev, "uni"),
               "h\xc3\xa9llo \xe2\x98\x83 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80");
    assert_str(attribute(&ev, "empty"), "");
    assert_int_equal(ev.n_attributes, 15);
    assert_false(ev.has_exit_code); /* "LABEL" is no number */
}

static void test_label_collisions(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof(path), "%s/docker-20.10/events/label-collisions-unicode.jsonl",
             RC_CAPTURES);
    each_line(path, remember_first);

    /* A number forges it; that a label may have is for the merge to see in the attributes. */
    rc_event ev = decode(CONTAINER("die", "\"exitCode\":\"7\",\"name\":\"n\",\"image\":\"i\""));
    assert_true(ev.has_exit_code);
    assert_int_equal(ev.exit_code, 7);
    assert_str(attribute(&ev, "exitCode"), "7");
    /* Labels called as what the engine writes last never win. */
    assert_str(ev.name, "n");
    assert_str(ev.image, "i");
    /* A label "container" names no container. */
    ev = decode(CONTAINER("start", "\"container\":\"evil\",\"type\":\"evil\""));
    assert_str(ev.container, ID);
    assert_str(ev.network_type, "");
}

static void test_exit_codes(void **state)
{
    static const struct {
        const char *json;
        bool has;
        int code;
    } table[] = {
        {CONTAINER("die", "\"exitCode\":\"0\""), true, 0},
        {CONTAINER("die", "\"exitCode\":\"137\""), true, 137},
        {CONTAINER("die", "\"exitCode\":\"-1\""), true, -1},
        {CONTAINER("die", "\"exitCode\":\"2147483648\""), false, 0},
        {CONTAINER("die", "\"exitCode\":\" 1\""), false, 0},
        {CONTAINER("die", "\"exitCode\":\"\""), false, 0},
        {CONTAINER("die", "\"exitCode\":null"), false, 0},
        {CONTAINER("die", ""), false, 0},
        /* Podman's own word, which it writes into every event and means in one. */
        {CONTAINER("die", "\"containerExitCode\":\"3\""), true, 3},
        {CONTAINER("died", "\"containerExitCode\":\"3\""), true, 3},
        {CONTAINER("start", "\"containerExitCode\":\"0\""), false, 0},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        rc_event ev = decode(table[i].json);
        if (ev.has_exit_code != table[i].has || ev.exit_code != table[i].code)
            fail_msg("%s: %d %d", table[i].json, ev.has_exit_code, ev.exit_code);
    }
}

static void test_health(void **state)
{
    (void)state;
    rc_event ev = decode(CONTAINER("health_status: healthy", ""));
    assert_int_equal(ev.action, RC_ACTION_HEALTH);
    assert_int_equal(ev.health, RC_HEALTH_HEALTHY);
    ev = decode(CONTAINER("health_status: unhealthy", ""));
    assert_int_equal(ev.health, RC_HEALTH_UNHEALTHY);
    ev = decode(CONTAINER("health_status:starting", ""));
    assert_int_equal(ev.health, RC_HEALTH_STARTING);
    /* What does not say which has to be asked for. */
    assert_int_equal(decode(CONTAINER("health_status", "")).action, RC_ACTION_OTHER);
    assert_int_equal(decode(CONTAINER("health_status: running", "")).action, RC_ACTION_OTHER);
}

/* A command in the action is no action. */
static void test_exec_commands(void **state)
{
    (void)state;
    rc_event ev = decode(CONTAINER("exec_create: sh -c die: destroy", ""));
    assert_int_equal(ev.action, RC_ACTION_IGNORED);
    assert_str(ev.action_text, "exec_create: sh -c die: destroy");
    assert_int_equal(decode(CONTAINER("exec_start: destroy", "")).action, RC_ACTION_IGNORED);
    assert_int_equal(decode(CONTAINER("exec_detach", "")).action, RC_ACTION_IGNORED);
    assert_int_equal(decode(CONTAINER("Die", "")).action, RC_ACTION_OTHER);
    assert_int_equal(decode(CONTAINER("frobnicate", "")).action, RC_ACTION_OTHER);
}

static void test_prune_has_no_container(void **state)
{
    (void)state;
    rc_event ev = decode("{\"Type\":\"container\",\"Action\":\"prune\",\"Actor\":{\"ID\":\"\","
                         "\"Attributes\":{\"reclaimed\":\"0\"}}," TIME "}");
    assert_int_equal(ev.action, RC_ACTION_PRUNE);
    assert_str(ev.container, "");
}

static void test_network_events(void **state)
{
    (void)state;
    rc_event ev = decode("{\"Type\":\"network\",\"Action\":\"disconnect\",\"Actor\":{\"ID\":\"n1\","
                         "\"Attributes\":{\"container\":\"" ID
                         "\",\"name\":\"none\",\"type\":\"null\"}}," TIME "}");
    assert_int_equal(ev.type, RC_EVENT_NETWORK);
    assert_int_equal(ev.action, RC_ACTION_DISCONNECT);
    assert_str(ev.container, ID);
    assert_str(ev.network, "n1");
    assert_str(ev.network_name, "none");
    assert_str(ev.network_type, "null");
    assert_str(ev.name, ""); /* a network's name is no container's */
    ev = decode("{\"Type\":\"network\",\"Action\":\"create\",\"Actor\":{\"ID\":\"n1\"}}");
    assert_int_equal(ev.action, RC_ACTION_CREATE);
    assert_str(ev.container, "");
}

static void test_times(void **state)
{
    (void)state;
#define NETWORK "{\"Type\":\"network\",\"Action\":\"create\""
    assert_int_equal(decode(NETWORK ",\"timeNano\":1795465608912048453}").time_ns,
                     1795465608912048453);
    assert_int_equal(decode(NETWORK ",\"time\":1795465608}").time_ns, 1795465608000000000);
    assert_int_equal(decode(NETWORK ",\"time\":5,\"timeNano\":null}").time_ns, 5000000000);
    assert_int_equal(decode(NETWORK "}").time_ns, 0);
    /* An attribute of that name is none. */
    assert_int_equal(decode(CONTAINER("start", "\"timeNano\":\"1\"")).time_ns, 1795466478072310317);
}

/* Names of API 1.52 and of what came before are never read. */
static void test_old_members_are_not_read(void **state)
{
    (void)state;
    rc_event ev =
        decode("{\"status\":\"destroy\",\"id\":\"x\",\"from\":7,\"type\":\"x\",\"action\":"
               "\"destroy\",\"actor\":7,\"Type\":\"container\",\"Action\":\"start\",\"Actor\":"
               "{\"ID\":\"" ID "\",\"Attributes\":{}}," TIME "}");
    assert_int_equal(ev.action, RC_ACTION_START);
}

/* The first of equal keys counts, for all of them alike. */
static void test_duplicate_keys(void **state)
{
    (void)state;
    rc_event ev =
        decode("{\"Type\":\"container\",\"Type\":\"network\",\"Action\":\"start\",\"Action\":"
               "\"die\",\"Actor\":{\"ID\":\"" ID "\"},\"Actor\":{},\"timeNano\":1,"
               "\"timeNano\":2}");
    assert_int_equal(ev.type, RC_EVENT_CONTAINER);
    assert_int_equal(ev.action, RC_ACTION_START);
    assert_int_equal(ev.time_ns, 1);
}

static void test_text_is_repaired(void **state)
{
    (void)state;
    rc_event ev = decode(CONTAINER("start", "\"a\\u0000b\":\"x\\u0000y\",\"bad\":\"\xff\","
                                            "\"lone\":\"\\ud800\",\"esc\":\"\x1b[2J\""));
    assert_str(attribute(&ev, "a\xef\xbf\xbd"
                              "b"),
               "x\xef\xbf\xbdy");
    assert_str(attribute(&ev, "bad"), "\xef\xbf\xbd");
    assert_str(attribute(&ev, "lone"), "\xef\xbf\xbd");
    assert_str(attribute(&ev, "esc"), "\xef\xbf\xbd[2J");
    assert_int_equal(ev.time_ns, 1795466478072310317);
}

/* Tens of thousands of labels: each is kept, and finding the known ones among them costs one walk
 * (by name it would be minutes). */
static void test_very_many_labels(void **state)
{
    (void)state;
    enum { N = 50000 };
    rc_buf b = RC_BUF_INIT(0);
    rc_buf_puts(&b, "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"" ID
                    "\",\"Attributes\":{");
    for (int i = 0; i < N; i++)
        rc_buf_printf(&b, "\"label%d\":\"value%d\",", i, i);
    rc_buf_puts(&b, "\"exitCode\":\"9\",\"image\":\"i\",\"name\":\"n\"}}," TIME "}");
    rc_error err = RC_ERROR_INIT;
    rc_event ev;
    ok(rc_decode_event(decoder, b.data, b.len, &ev, &err), &err);
    assert_int_equal(ev.n_attributes, N + 3);
    assert_str(ev.attributes[N - 1].value, "value49999");
    assert_str(ev.name, "n");
    assert_int_equal(ev.exit_code, 9);
    rc_buf_release(&b);
}

/* ---- what is no event ---- */

static const struct {
    const char *json;
    const char *message; /* part of it */
} refused[] = {
    {"", "not valid JSON at byte 0 of 0"},
    {"   ", "not valid JSON"},
    {"{", "not valid JSON"},
    {"null", "not a JSON object"},
    {"[]", "not a JSON object"},
    {"\"x\"", "not a JSON object"},
    {CONTAINER("start", "") "x", "not valid JSON at byte"},
    {CONTAINER("start", "") "{}", "not valid JSON at byte"},
    {"404 page not found", "not valid JSON"},
    {"{}", "Type is missing"},
    {"{\"Type\":null,\"Action\":\"x\"}", "Type is missing"},
    {"{\"Type\":7}", "Type is not a string"},
    {"{\"Type\":\"container\"}", "Action is missing"},
    {"{\"Type\":\"container\",\"Action\":[]}", "Action is not a string"},
    {"{\"Type\":\"container\",\"Action\":\"start\"}", "ID is not a container ID"},
    {"{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":7}", "Actor is not an object"},
    {"{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"abc\"}}",
     "Actor.ID is not a container ID"},
    {"{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":7}}",
     "Actor.ID is not a string"},
    {"{\"Type\":\"container\",\"Action\":\"prune\",\"Actor\":{\"ID\":\"abc\"}}",
     "Actor.ID is not a container ID"},
    {"{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"" ID
     "\",\"Attributes\":[]}}",
     "Attributes is not an object"},
    {"{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"" ID
     "\",\"Attributes\":{\"name\":7}}}",
     "Attributes.name is not a string"},
    {"{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"n\",\"Attributes\":{"
     "\"container\":\"short\"}}}",
     "Actor.Attributes.container is not a container ID"},
    {NETWORK ",\"timeNano\":-1}", "timeNano is not"},
    {NETWORK ",\"timeNano\":1.5}", "timeNano is not"},
    {NETWORK ",\"timeNano\":\"1\"}", "timeNano is not"},
    {NETWORK ",\"timeNano\":92233720368547758070}", "timeNano is not"},
    {NETWORK ",\"time\":-1}", "time is out of range"},
    {NETWORK ",\"time\":1e400}", "time is"},
    {NETWORK ",\"time\":1.5}", "time is not a whole number"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(refused); i++) {
        AUTO_BYTES b = bytes_of(refused[i].json, strlen(refused[i].json));
        rc_error err = RC_ERROR_INIT;
        rc_event ev;
        rc_event before;
        memset(&ev, 0x5a, sizeof(ev));
        memset(&before, 0x5a, sizeof(before));
        assert_int_equal(rc_decode_event(decoder, b.data, b.len, &ev, &err), RC_PROTOCOL);
        assert_int_equal(err.code, RC_PROTOCOL);
        if (!strstr(err.msg, refused[i].message))
            fail_msg("%s: \"%s\" does not say \"%s\"", refused[i].json, err.msg,
                     refused[i].message);
        assert_memory_equal(&ev, &before, sizeof(ev)); /* untouched */
    }
    AUTO_BYTES b = bytes_of("[]", 2);
    assert_int_equal(rc_decode_event(decoder, b.data, b.len, NULL, NULL), RC_PROTOCOL);
}

static void test_deep_nesting(void **state)
{
    (void)state;
    rc_buf b = RC_BUF_INIT(0);
    for (size_t depth = 998; depth < 1200; depth += 201) {
        rc_buf_clear(&b);
        rc_buf_puts(&b, NETWORK ",\"x\":");
        for (size_t i = 0; i < depth; i++)
            rc_buf_putc(&b, '[');
        for (size_t i = 0; i < depth; i++)
            rc_buf_putc(&b, ']');
        rc_buf_putc(&b, '}');
        rc_event ev;
        assert_int_equal(rc_decode_event(decoder, b.data, b.len, &ev, NULL),
                         depth < 1000 ? RC_OK : RC_PROTOCOL);
    }
    rc_buf_release(&b);
}

/* Neither a repair nor a tree that does not fit leaves anything of the last call behind. */
static void test_out_of_memory(void **state)
{
    (void)state;
    rc_decoder *d = rc_decoder_new();
    assert_non_null(d);
    d->spare.max = 8;
    bytes first = bytes_of(CONTAINER("start", ""), strlen(CONTAINER("start", "")));
    rc_event ev;
    rc_error err = RC_ERROR_INIT;
    ok(rc_decode_event(d, first.data, first.len, &ev, &err), &err);
    bytes_free(&first);
    AUTO_BYTES second = bytes_of("{\"Type\":\"\xff\xff\xff\xff\"}", 15);
    assert_int_equal(rc_decode_event(d, second.data, second.len, &ev, &err), RC_NOMEM);
    assert_string_not_equal(err.msg, "");
    rc_arena_free(d->arena);
    d->arena = rc_arena_new(256, 1024);
    rc_buf b = RC_BUF_INIT(0);
    rc_buf_puts(&b, NETWORK ",\"x\":[1");
    for (int i = 0; i < 100; i++)
        rc_buf_puts(&b, ",1");
    rc_buf_puts(&b, "]}");
    assert_int_equal(rc_decode_event(d, b.data, b.len, &ev, &err), RC_NOMEM);
    /* And works again with what fits. */
    b.len = 0;
    rc_buf_puts(&b, NETWORK "}");
    ok(rc_decode_event(d, b.data, b.len, &ev, &err), &err);
    rc_buf_release(&b);
    rc_decoder_free(d);
    assert_null(rc_decoder_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_captured_line),
        cmocka_unit_test(test_every_raw_stream),
        cmocka_unit_test(test_label_collisions),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_exec_commands),
        cmocka_unit_test(test_prune_has_no_container),
        cmocka_unit_test(test_network_events),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_old_members_are_not_read),
        cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_text_is_repaired),
        cmocka_unit_test(test_very_many_labels),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
