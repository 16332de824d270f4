/* The network record: round trip, every truncation, every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/kv.h"
#include "index/network_record.h"

static const rc_label labels[] = {{{"a", 1}, {"", 0}}, {{"b", 1}, {"value", 5}}};

static rc_network full(void)
{
    return (rc_network){.id = RC_STR("f00"),
                        .name = RC_STR("bridge"),
                        .driver = RC_STR("overlay"),
                        .scope = RC_STR("swarm"),
                        .internal = true,
                        .ipv6 = true,
                        .created_ns = -5,
                        .labels = labels,
                        .n_labels = 2};
}

static void encode(const rc_network *net, rc_buf *out)
{
    rc_error err = RC_ERROR_INIT;
    assert_int_equal(rc_network_encode(net, out, &err), RC_OK);
}

static void test_round_trip(void **state)
{
    (void)state;
    rc_network in = full(), out;
    rc_buf buf = RC_BUF_INIT(0), again = RC_BUF_INIT(0);
    rc_arena *arena = rc_arena_new(0, 0);
    encode(&in, &buf);
    for (size_t shift = 0; shift < 8; shift++) { /* at any alignment */
        char *room = malloc(buf.len + shift);
        memcpy(room + shift, buf.data, buf.len);
        assert_int_equal(rc_network_decode(rc_str_n(room + shift, buf.len), arena, &out, NULL), 0);
        assert_true(rc_str_eq(out.id, in.id) && rc_str_eq(out.name, in.name));
        assert_true(rc_str_eq(out.driver, in.driver) && rc_str_eq(out.scope, in.scope));
        assert_true(out.internal && !out.ingress && !out.attachable && out.ipv6);
        assert_true(out.created_ns == -5 && out.n_labels == 2);
        assert_true(rc_str_eq(out.labels[1].value, labels[1].value));
        assert_int_equal(out.scope.ptr[out.scope.len], '\0');
        rc_buf_clear(&again);
        encode(&out, &again);
        assert_true(rc_str_eq(rc_buf_view(&buf), rc_buf_view(&again)));
        free(room);
    }
    rc_arena_free(arena);
    rc_buf_release(&buf);
    rc_buf_release(&again);
}

static void test_every_truncation_and_every_byte(void **state)
{
    (void)state;
    rc_network net = full(), out;
    rc_buf buf = RC_BUF_INIT(0), again = RC_BUF_INIT(0);
    rc_arena *arena = rc_arena_new(0, 0);
    encode(&net, &buf);
    for (size_t n = 0; n < buf.len; n++) {
        char *cut = malloc(n ? n : 1);
        memcpy(cut, buf.data, n);
        assert_int_equal(rc_network_decode(rc_str_n(cut, n), arena, &out, NULL), RC_CORRUPT);
        free(cut);
    }
    char *bad = malloc(buf.len ? buf.len : 1);
    memcpy(bad, buf.data, buf.len);
    for (size_t i = 0; i < buf.len; i++) {
        for (int flip = 1; flip < 256; flip++) {
            bad[i] = (char)(buf.data[i] ^ flip);
            rc_arena_reset(arena);
            if (rc_network_decode(rc_str_n(bad, buf.len), arena, &out, NULL) == RC_OK) {
                rc_buf_clear(&again); /* then it is another network's only record */
                encode(&out, &again);
                assert_true(rc_str_eq(rc_str_n(bad, buf.len), rc_buf_view(&again)));
            }
        }
        bad[i] = buf.data[i];
    }
    free(bad);
    rc_arena_free(arena);
    rc_buf_release(&buf);
    rc_buf_release(&again);
}

static void test_networks_that_cannot_be_stored(void **state)
{
    (void)state;
    static char big[2 << 20];
    rc_buf buf = RC_BUF_INIT(0);
    rc_network net = full();
    net.id = RC_STR("");
    assert_int_equal(rc_network_encode(&net, &buf, NULL), RC_INVALID);
    net.id = rc_str_n(big, RC_KV_KEY_MAX + 1);
    assert_int_equal(rc_network_encode(&net, &buf, NULL), RC_INVALID);
    net = full();
    net.name = rc_str_n(big, sizeof(big));
    assert_int_equal(rc_network_encode(&net, &buf, NULL), RC_FULL);
    net.name = (rc_str){"", SIZE_MAX}; /* refused by its length, never read */
    assert_int_equal(rc_network_encode(&net, &buf, NULL), RC_FULL);
    net = full();
    rc_label huge = {{"", SIZE_MAX / 2}, {"", SIZE_MAX / 2}};
    net.labels = &huge;
    net.n_labels = 1;
    assert_int_equal(rc_network_encode(&net, &buf, NULL), RC_FULL);
    assert_int_equal(buf.len, 0);
    rc_buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_truncation_and_every_byte),
        cmocka_unit_test(test_networks_that_cannot_be_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
