/* The row record: what goes in comes out, one row has one record, and no damaged record gets past
 * the validator or makes it read out of bounds (run under ASan: records lie in exact allocations).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/record.h"

#define HEX16 "0123456789abcdef"

static const rc_label labels[] = {{RC_STR("a"), RC_STR("")}, {RC_STR("b.c"), RC_STR("\xff value")}};
static const rc_port ports[] = {{RC_STR("127.0.0.1"), 80, 8081, RC_STR("tcp")},
                                {RC_STR(""), 65535, 0, RC_STR("udp")}};
static const rc_netif networks[] = {
    {RC_STR("bridge"), RC_STR("n1"), RC_STR("172.17.0.2"), RC_STR(""), RC_STR("02:42")}};
static const rc_mount mounts[] = {
    {RC_STR("volume"), RC_STR("data"), RC_STR("/var"), RC_STR("/data"), true},
    {RC_STR("bind"), RC_STR(""), RC_STR("/x"), RC_STR("/y"), false}};

static rc_row empty_row(void)
{
    rc_row r;
    memset(&r, 0, sizeof(r));
    r.id = r.name = r.image = r.image_id = r.command = r.engine_state = RC_STR_EMPTY;
    r.network_mode = r.restart_policy = r.workload_id = r.workload_kind = RC_STR_EMPTY;
    r.workload_role = r.reservation = RC_STR_EMPTY;
    return r;
}

static rc_row full_row(void)
{
    rc_row r = empty_row();
    r.id = RC_STR(HEX16 HEX16 HEX16 HEX16);
    r.name = RC_STR("web-1");
    r.image = RC_STR("nginx:1.27");
    r.image_id = RC_STR("sha256:00");
    r.command = RC_STR("nginx -g");
    r.engine_state = RC_STR("exited");
    r.network_mode = RC_STR("bridge");
    r.restart_policy = RC_STR("on-failure:3");
    r.workload_id = RC_STR("w1");
    r.workload_kind = RC_STR("project");
    r.workload_role = RC_STR("prod");
    r.reservation = RC_STR("token");
    r.state = RC_STATE_MISSING;
    r.health = RC_HEALTH_UNHEALTHY;
    r.missing_cause = RC_MISSING_VANISHED;
    r.scheme = RC_SCHEME_STACK;
    r.has_exit_code = r.oom_killed = r.managed = r.partial = true;
    r.exit_code = -1;
    r.restart_count = UINT32_MAX;
    r.pid = 4711;
    r.created_ns = INT64_MIN;
    r.started_ns = INT64_MAX;
    r.finished_ns = 1;
    r.missing_since_ns = -1;
    r.rev = 184101;
    r.labels = labels;
    r.n_labels = 2;
    r.ports = ports;
    r.n_ports = 2;
    r.networks = networks;
    r.n_networks = 1;
    r.mounts = mounts;
    r.n_mounts = 2;
    return r;
}

static void encode(const rc_row *row, rc_buf *out)
{
    rc_error err = RC_ERROR_INIT;
    assert_int_equal(rc_record_encode(row, out, &err), RC_OK);
}

static void same_str(rc_str a, rc_str b)
{
    assert_true(rc_str_eq(a, b));
    assert_int_equal(b.ptr[b.len], '\0');
}

static void test_round_trip(void **state)
{
    (void)state;
    rc_row in = full_row(), out;
    rc_buf buf = RC_BUF_INIT(0);
    rc_arena *arena = rc_arena_new(0, 0);
    encode(&in, &buf);
    assert_int_equal(buf.len % 8, 0);
    assert_int_equal(rc_record_decode(rc_buf_view(&buf), arena, &out, NULL), RC_OK);

    same_str(in.id, out.id);
    same_str(in.reservation, out.reservation);
    same_str(in.workload_role, out.workload_role);
    assert_int_equal(out.state, in.state);
    assert_int_equal(out.health, in.health);
    assert_int_equal(out.missing_cause, in.missing_cause);
    assert_int_equal(out.scheme, in.scheme);
    assert_true(out.has_exit_code && out.oom_killed && out.managed && out.partial);
    assert_int_equal(out.exit_code, -1);
    assert_true(out.restart_count == UINT32_MAX && out.pid == 4711);
    assert_true(out.created_ns == INT64_MIN && out.started_ns == INT64_MAX);
    assert_true(out.finished_ns == 1 && out.missing_since_ns == -1 && out.rev == 184101);
    assert_int_equal(out.n_labels, 2);
    same_str(labels[1].value, out.labels[1].value);
    assert_int_equal(out.n_ports, 2);
    assert_int_equal(out.ports[0].public_port, 8081);
    assert_int_equal(out.ports[1].private_port, 65535);
    same_str(ports[1].protocol, out.ports[1].protocol);
    assert_int_equal(out.n_networks, 1);
    same_str(networks[0].mac, out.networks[0].mac);
    assert_int_equal(out.n_mounts, 2);
    assert_true(out.mounts[0].read_only && !out.mounts[1].read_only);
    same_str(mounts[1].destination, out.mounts[1].destination);

    /* Every field that was not looked at above comes back, too: the same row, the same bytes. */
    rc_buf again = RC_BUF_INIT(0);
    encode(&out, &again);
    assert_true(rc_str_eq(rc_buf_view(&buf), rc_buf_view(&again)));
    rc_buf_release(&again);
    rc_buf_release(&buf);
    rc_arena_free(arena);
}

static void test_empty_row_at_any_alignment(void **state)
{
    (void)state;
    rc_row in = empty_row(), out;
    rc_buf buf = RC_BUF_INIT(0);
    rc_arena *arena = rc_arena_new(0, 0);
    encode(&in, &buf);
    char *room = malloc(buf.len + 8);
    for (size_t shift = 0; shift < 8; shift++) {
        memcpy(room + shift, buf.data, buf.len);
        assert_int_equal(rc_record_decode(rc_str_n(room + shift, buf.len), arena, &out, NULL), 0);
        assert_int_equal(out.n_labels + out.n_ports + out.n_networks + out.n_mounts, 0);
        same_str(RC_STR_EMPTY, out.name);
    }
    free(room);
    rc_buf_release(&buf);
    rc_arena_free(arena);
}

static void test_same_but_for_the_revision(void **state)
{
    (void)state;
    rc_row row = full_row();
    rc_buf a = RC_BUF_INIT(0), b = RC_BUF_INIT(0);
    encode(&row, &a);
    row.rev = 7;
    encode(&row, &b);
    assert_false(rc_str_eq(rc_buf_view(&a), rc_buf_view(&b)));
    assert_true(rc_record_same(rc_buf_view(&a), rc_buf_view(&b)));
    rc_record_set_rev(b.data, 184101);
    assert_true(rc_record_rev(rc_buf_view(&b)) == 184101);
    assert_true(rc_str_eq(rc_buf_view(&a), rc_buf_view(&b)));
    rc_buf_clear(&b);
    row.pid++;
    encode(&row, &b);
    assert_false(rc_record_same(rc_buf_view(&a), rc_buf_view(&b)));
    rc_buf_release(&a);
    rc_buf_release(&b);
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    rc_row row = full_row();
    rc_buf buf = RC_BUF_INIT(0);
    encode(&row, &buf);
    for (size_t n = 0; n < buf.len; n++) {
        char *cut = malloc(n ? n : 1);
        memcpy(cut, buf.data, n);
        rc_error err = RC_ERROR_INIT;
        assert_int_equal(rc_record_validate(rc_str_n(cut, n), &err), RC_CORRUPT);
        assert_true(err.msg[0] != '\0');
        free(cut);
    }
    rc_buf_release(&buf);
}

/* A mutated record is refused, or it is the canonical record of another row. */
static void test_every_byte_mutated(void **state)
{
    (void)state;
    rc_row row = full_row(), out;
    rc_buf buf = RC_BUF_INIT(0), again = RC_BUF_INIT(0);
    rc_arena *arena = rc_arena_new(0, 0);
    encode(&row, &buf);
    char *bad = malloc(buf.len);
    size_t accepted = 0;
    memcpy(bad, buf.data, buf.len);
    for (size_t i = 0; i < buf.len; i++) {
        for (int flip = 1; flip < 256; flip++) {
            bad[i] = (char)(buf.data[i] ^ flip);
            rc_arena_reset(arena);
            if (rc_record_decode(rc_str_n(bad, buf.len), arena, &out, NULL) == RC_OK) {
                rc_buf_clear(&again);
                encode(&out, &again);
                assert_true(rc_str_eq(rc_str_n(bad, buf.len), rc_buf_view(&again)));
                accepted++;
            }
        }
        bad[i] = buf.data[i];
    }
    assert_true(accepted > 0);
    free(bad);
    rc_buf_release(&buf);
    rc_buf_release(&again);
    rc_arena_free(arena);
}

static void test_errors_name_the_field(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        int code;
        const char *name;
    } cases[] = {
        {0, RC_VERSION, "version"},      {2, RC_CORRUPT, "header_size"},
        {4, RC_CORRUPT, "total_size"},   {60, RC_CORRUPT, "state"},
        {63, RC_CORRUPT, "scheme"},      {65, RC_CORRUPT, "flags"},
        {71, RC_CORRUPT, "labels"},      {95, RC_CORRUPT, "mounts"},
        {102, RC_CORRUPT, "id"},         {199, RC_CORRUPT, "reserved"},
        {203, RC_CORRUPT, "labels.key"},
    };
    rc_row row = full_row(), out = empty_row();
    rc_buf buf = RC_BUF_INIT(0);
    encode(&row, &buf);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rc_error err = RC_ERROR_INIT;
        buf.data[cases[i].at] ^= 0x40;
        assert_int_equal(rc_record_decode(rc_buf_view(&buf), NULL, &out, &err), cases[i].code);
        assert_non_null(strstr(err.msg, cases[i].name));
        buf.data[cases[i].at] ^= 0x40;
    }
    assert_int_equal(out.n_labels, 0);
    rc_buf_release(&buf);
}

static void test_rows_that_cannot_be_stored(void **state)
{
    (void)state;
    rc_buf buf = RC_BUF_INIT(0), small = RC_BUF_INIT(64);
    rc_row row = full_row();
    row.id = RC_STR("ABC");
    assert_int_equal(rc_record_encode(&row, &buf, NULL), RC_INVALID);
    row = full_row();
    row.state = RC_STATE_COUNT;
    assert_int_equal(rc_record_encode(&row, &buf, NULL), RC_INVALID);
    row = full_row();
    row.command.len = SIZE_MAX; /* refused by its length, never read */
    assert_int_equal(rc_record_encode(&row, &buf, NULL), RC_FULL);
    row = full_row();
    assert_int_equal(rc_record_encode(&row, &small, NULL), RC_FULL);
    assert_int_equal(buf.len + small.len, 0);
    rc_buf_release(&small);
    rc_buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_empty_row_at_any_alignment),
        cmocka_unit_test(test_same_but_for_the_revision),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_byte_mutated),
        cmocka_unit_test(test_errors_name_the_field),
        cmocka_unit_test(test_rows_that_cannot_be_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
