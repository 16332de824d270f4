/* Real bytes with a few of them wrong, thousands of times through every decoder: never a crash, and
 * always either a result that can be used or an error that says something. RC_TEST_ROUNDS
 * multiplies. */
#include "capture.h"

#include "base/buf.h"
#include "base/hash.h"
#include "wire/decode.h"
#include "wire/encode.h"
#include "wire/framing.h"

static rc_decoder *decoder;
static uint64_t rng;
static size_t rounds = 1;

static int setup(void **state)
{
    (void)state;
    const char *text = getenv("RC_TEST_ROUNDS");
    rounds = text ? strtoull(text, NULL, 10) : 1;
    rng = test_seed();
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

static size_t below(size_t n)
{
    return n ? (size_t)(rc_rand_next(&rng) % n) : 0;
}

/* What JSON's parsers trip over, and what this one's repair does. */
static const rc_str pieces[] = {
    {"\\", 1},      {"\"", 1},        {"{", 1},
    {"}", 1},       {"[", 1},         {"]", 1},
    {",", 1},       {":", 1},         {"null", 4},
    {"-1", 2},      {"1e999", 5},     {"\\u0000", 6},
    {"\\ud800", 6}, {"\xff", 1},      {"\xe2\x98", 2},
    {"\0", 1},      {"\n", 1},        {"\x1e", 1},
    {"true", 4},    {"{}", 2},        {"99999999999999999999999", 23},
    {"\"\"", 2},    {"\"Id\":7,", 7}, {"[[[[[[[[", 8},
};

/* A copy of b with one to four things wrong. */
static bytes mutate(bytes b)
{
    bytes m = {malloc(b.len + 128), b.len};
    assert_non_null(m.data);
    if (b.len)
        memcpy(m.data, b.data, b.len);
    for (size_t k = 1 + below(4); k > 0; k--) {
        size_t at = below(m.len + 1);
        size_t left = m.len - at;
        size_t n = below(left < 40 ? left + 1 : 40);
        rc_str piece = pieces[below(RC_ARRAY_LEN(pieces))];
        switch (below(6)) {
        case 0: /* a bit */
            if (left)
                m.data[at] = (char)(m.data[at] ^ (1 << below(8)));
            break;
        case 1: /* a byte */
            if (left)
                m.data[at] = (char)below(256);
            break;
        case 2: /* some bytes fewer */
            memmove(m.data + at, m.data + at + n, left - n);
            m.len -= n;
            break;
        case 3: /* cut off */
            m.len = below(4) ? m.len : at;
            break;
        case 4: /* overwritten */
            n = piece.len < left ? piece.len : left;
            memcpy(m.data + at, piece.ptr, n);
            break;
        default: /* more */
            memmove(m.data + at + piece.len, m.data + at, left);
            memcpy(m.data + at, piece.ptr, piece.len);
            m.len += piece.len;
            break;
        }
    }
    bytes exact = bytes_of(m.data, m.len); /* so that one byte too far is seen */
    bytes_free(&m);
    return exact;
}

/* ---- each decoder, and that its result can be read ---- */

static size_t accepted;
static size_t refused;

static void settle(int rc, int bad, const rc_error *err)
{
    if (rc == RC_OK) {
        accepted++;
        return;
    }
    refused++;
    assert_int_equal(rc, bad);
    assert_int_equal(err->code, bad);
    assert_string_not_equal(err->msg, "");
    for (const char *p = err->msg; *p; p++) /* safe to print */
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void use_row(const rc_row *row)
{
    rc_arena *arena = rc_arena_new(0, 0);
    rc_row copy = *row;
    rc_buf out = RC_BUF_INIT(0);
    rc_json j;
    assert_true(rc_row_normalise(&copy, arena));
    assert_true(rc_row_equal(&copy, &copy));
    rc_json_init(&j, &out);
    rc_encode_row(&j, &copy);
    assert_false(rc_buf_failed(&out));
    rc_buf_release(&out);
    rc_arena_free(arena);
}

static void through_event(bytes b)
{
    rc_error err = RC_ERROR_INIT;
    rc_event ev;
    int rc = rc_decode_event(decoder, b.data, b.len, &ev, &err);
    settle(rc, RC_PROTOCOL, &err);
    if (rc != RC_OK)
        return;
    assert_true(ev.time_ns >= 0);
    assert_true(ev.container.len == 0 || ev.container.len == RC_ID_LEN);
    size_t sum = 0;
    for (uint32_t i = 0; i < ev.n_attributes; i++)
        sum += strnlen(ev.attributes[i].key.ptr, ev.attributes[i].key.len) +
               strnlen(ev.attributes[i].value.ptr, ev.attributes[i].value.len);
    assert_true(sum <= 4 * b.len);
}

static void through_list_element(bytes b)
{
    rc_error err = RC_ERROR_INIT;
    rc_observation o;
    int rc = rc_decode_list_element(decoder, b.data, b.len, &o, &err);
    settle(rc, RC_PROTOCOL, &err);
    if (rc == RC_OK)
        use_row(&o.row);
}

static void through_inspect(bytes b)
{
    rc_error err = RC_ERROR_INIT;
    rc_observation o;
    int rc = rc_decode_inspect(decoder, b.data, b.len, &o, &err);
    settle(rc, RC_PROTOCOL, &err);
    if (rc == RC_OK)
        use_row(&o.row);
}

static void through_info(bytes b)
{
    rc_error err = RC_ERROR_INIT;
    rc_engine_info info;
    settle(rc_decode_info(decoder, b.data, b.len, &info, &err), RC_PROTOCOL, &err);
}

static void through_network(bytes b)
{
    rc_error err = RC_ERROR_INIT;
    rc_network net;
    settle(rc_decode_network(decoder, b.data, b.len, &net, &err), RC_PROTOCOL, &err);
}

static void through_error(bytes b)
{
    rc_str text = rc_decode_error(decoder, b.data, b.len);
    assert_true(text.len < RC_ERROR_MAX);
    for (size_t i = 0; i < text.len; i++)
        assert_true((unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f);
    accepted++;
}

static int count_value(void *arg, rc_str key, rc_str value)
{
    *(size_t *)arg += key.len + value.len;
    return RC_OK;
}

static void through_filters(bytes b)
{
    rc_error err = RC_ERROR_INIT;
    size_t n = 0;
    settle(rc_decode_filters(decoder, b.data, b.len, count_value, &n, &err), RC_INVALID, &err);
}

static void through_context(bytes b)
{
    rc_error err = RC_ERROR_INIT;
    rc_str name = RC_STR_EMPTY;
    rc_str host = RC_STR_EMPTY;
    bool skip = false;
    settle(rc_decode_docker_context(decoder, b.data, b.len, &name, &host, &skip, &err), RC_INVALID,
           &err);
    settle(rc_decode_docker_config(decoder, b.data, b.len, &name, &err), RC_INVALID, &err);
}

static int element(void *arg, char *json, size_t len)
{
    (void)arg;
    AUTO_BYTES b = bytes_of(json, len);
    through_list_element(b);
    return 0;
}

/* In pieces, as it comes from a socket. */
static void through_array(bytes b)
{
    rc_error err = RC_ERROR_INIT;
    rc_array_framer *f = rc_array_framer_new(1 << 16, element, NULL);
    int rc = RC_OK;
    for (size_t i = 0; i < b.len && rc == RC_OK;) {
        size_t n = 1 + below(b.len - i < 700 ? b.len - i : 700);
        AUTO_BYTES chunk = bytes_of(b.data + i, n);
        rc = rc_array_framer_feed(f, chunk.data, n, &err);
        i += n;
    }
    settle(rc == RC_OK ? rc_array_framer_finish(f, &err) : rc, RC_PROTOCOL, &err);
    rc_array_framer_free(f);
}

/* ---- the bytes ---- */

static void (*through)(bytes);
static size_t per_input;

static void mutate_bytes(bytes b)
{
    for (size_t i = 0; i < per_input * rounds; i++) {
        AUTO_BYTES m = mutate(b);
        through(m);
    }
}

static void mutate_line(const char *path, size_t number, bytes line)
{
    (void)path;
    (void)number;
    mutate_bytes(line);
}

static void mutate_lines(const char *path)
{
    each_line(path, mutate_line);
}

static void mutate_file(const char *path)
{
    AUTO_BYTES b = read_capture(path);
    mutate_bytes(b);
}

static void mutate_body(const char *path)
{
    http_answer a = read_http(path);
    mutate_bytes(a.body);
    bytes_free(&a.body);
}

static void run(void (*decoder_of)(bytes), size_t n, const char *pattern,
                void (*each)(const char *))
{
    through = decoder_of;
    per_input = n;
    accepted = refused = 0;
    each_file(pattern, each);
    print_message("%s: %zu accepted, %zu refused\n", pattern, accepted, refused);
}

/* Mutations that change nothing, or all: either would be no test. */
static void assert_both_happened(void)
{
    assert_true(accepted > 100);
    assert_true(refused > 100);
}

static void test_events(void **state)
{
    (void)state;
    run(through_event, 150, "docker-20.10/events/[a-q]*.jsonl", mutate_lines);
    assert_both_happened();
    run(through_event, 150, "podman-4.3.1/events/[a-q]*.jsonl", mutate_lines);
    assert_both_happened();
}

static void test_lists(void **state)
{
    (void)state;
    run(through_array, 300, "docker-20.10/list/[acf]*.json", mutate_file);
    assert_both_happened();
    run(through_array, 300, "synthetic/list*.json", mutate_file);
    run(through_array, 300, "podman-4.3.1/list/*.json", mutate_file);
    assert_both_happened();
}

static void test_inspects(void **state)
{
    (void)state;
    run(through_inspect, 500, "docker-20.10/inspect/*.json", mutate_file);
    assert_both_happened();
    run(through_inspect, 500, "podman-4.3.1/inspect/*.json", mutate_file);
    assert_both_happened();
}

static void test_small_ones(void **state)
{
    (void)state;
    run(through_info, 300, "*/misc/info.http", mutate_body);
    assert_both_happened();
    run(through_error, 50, "*/errors/*.http", mutate_body);
}

static void test_what_has_no_capture(void **state)
{
    static const char network[] =
        "{\"Name\":\"n\",\"Id\":\"37ec\",\"Created\":\"2026-11-23T20:56:22.5Z\",\"Scope\":"
        "\"local\","
        "\"Driver\":\"bridge\",\"EnableIPv6\":false,\"Internal\":false,\"Labels\":{\"a\":\"b\"}}";
    static const char filters[] = "{\"label\":[\"a=b\",\"c\"],\"status\":{\"running\":true}}";
    static const char context[] = "{\"Name\":\"x\",\"currentContext\":\"x\",\"Endpoints\":{"
                                  "\"docker\":{\"Host\":\"unix:///x\","
                                  "\"SkipTLSVerify\":false}}}";
    (void)state;
    static const struct {
        void (*through)(bytes);
        const char *text;
    } table[] = {
        {through_network, network}, {through_filters, filters}, {through_context, context}};
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        AUTO_BYTES b = bytes_of(table[i].text, strlen(table[i].text));
        through = table[i].through;
        per_input = 2000;
        accepted = refused = 0;
        mutate_bytes(b);
        assert_both_happened();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_inspects),
        cmocka_unit_test(test_small_ones),
        cmocka_unit_test(test_what_has_no_capture),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
