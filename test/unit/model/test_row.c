/* The row: its one normal form, what equal means field by field, and copies that stand alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "model/row.h"

static rc_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = rc_arena_new(0, 0);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena = rc_arena_free(arena);
    return 0;
}

static void check_str(rc_str actual, const char *expected)
{
    if (!rc_str_eq_c(actual, expected))
        fail_msg("\"%.*s\" is not \"%s\"", RC_STR_ARG(actual), expected);
}

#define S(lit)               \
    {                        \
        lit, sizeof(lit) - 1 \
    }

static const rc_label labels[] = {{S("a"), S("1")}, {S("b"), S("2")}, {S("c"), S("3")}};
static const rc_port ports[] = {
    {S("127.0.0.1"), 53, 10053, S("udp")},
    {S("127.0.0.1"), 53, 10054, S("udp")},
    {S("0.0.0.0"), 443, 18443, S("tcp")},
    {S("::"), 443, 18443, S("tcp")},
    {S(""), 443, 0, S("udp")},
    {S(""), 9000, 0, S("tcp")},
};
static const rc_netif nets[] = {
    {S("blue"), S("n1"), S("10.0.0.2"), S("fd00::2"), S("02:42")},
    {S("red"), S("n2"), S("10.1.0.2"), S(""), S("02:43")},
};
static const rc_mount mounts[] = {
    {S("volume"), S("v"), S("/vol/v"), S("/data"), false},
    {S("bind"), S(""), S("/etc"), S("/etc"), true},
};

/* Normalised, with something in every field. */
static rc_row full_row(void)
{
    rc_row r;
    rc_row_init(&r);
    r.id = RC_STR("d0a30fc1cf9835a488a1e2e05917157e88dc85c52a527dbdb4f2180313e89cf5");
    r.name = RC_STR("web");
    r.image = RC_STR("nginx");
    r.image_id = RC_STR("sha256:x");
    r.command = RC_STR("nginx -g");
    r.engine_state = RC_STR("running");
    r.network_mode = RC_STR("bridge");
    r.restart_policy = RC_STR("always");
    r.workload_id = RC_STR("w");
    r.workload_kind = RC_STR("project");
    r.workload_role = RC_STR("prod");
    r.reservation = RC_STR("token");
    r.state = RC_STATE_RUNNING;
    r.health = RC_HEALTH_HEALTHY;
    r.scheme = RC_SCHEME_WORKLOAD;
    r.managed = true;
    r.partial = true;
    r.oom_killed = true;
    r.restart_count = 3;
    r.pid = 4711;
    r.created_ns = 1;
    r.started_ns = 2;
    r.finished_ns = 3;
    r.rev = 9;
    r.labels = labels;
    r.n_labels = RC_ARRAY_LEN(labels);
    r.ports = ports;
    r.n_ports = RC_ARRAY_LEN(ports);
    r.networks = nets;
    r.n_networks = RC_ARRAY_LEN(nets);
    r.mounts = mounts;
    r.n_mounts = RC_ARRAY_LEN(mounts);
    return r;
}

static void test_init_is_empty(void **state)
{
    (void)state;
    rc_row r;
    memset(&r, 0xaa, sizeof(r));
    rc_row_init(&r);
    const rc_str *const strings[] = {
        &r.id,          &r.name,          &r.image,         &r.image_id,
        &r.command,     &r.engine_state,  &r.network_mode,  &r.restart_policy,
        &r.workload_id, &r.workload_kind, &r.workload_role, &r.reservation,
    };
    for (size_t i = 0; i < RC_ARRAY_LEN(strings); i++) {
        assert_non_null(strings[i]->ptr);
        assert_int_equal(strings[i]->len, 0);
    }
    assert_int_equal(r.state, RC_STATE_UNKNOWN);
    assert_int_equal(r.n_labels + r.n_ports + r.n_networks + r.n_mounts, 0);
    assert_true(rc_row_normalise(&r, arena));
    assert_null(r.labels);
    assert_null(r.ports);
    assert_true(rc_row_equal(&r, &r));
}

/* ---- normal form ---- */

/* The n elements in a random order. */
static void shuffle(void *items, size_t n, size_t size, uint64_t *seed)
{
    char swap[128];
    char *p = items;
    assert_true(size <= sizeof(swap));
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)(rc_rand_next(seed) % i);
        memcpy(swap, p + (i - 1) * size, size);
        memcpy(p + (i - 1) * size, p + k * size, size);
        memcpy(p + k * size, swap, size);
    }
}

/* The engine writes ports and mounts in another order each time: all orders are one form. */
static void test_order_does_not_matter(void **state)
{
    (void)state;
    const rc_row sorted = full_row();
    uint64_t seed = 1;
    for (int round = 0; round < 500; round++) {
        rc_label l[RC_ARRAY_LEN(labels)];
        rc_port p[RC_ARRAY_LEN(ports)];
        rc_netif n[RC_ARRAY_LEN(nets)];
        rc_mount m[RC_ARRAY_LEN(mounts)];
        memcpy(l, labels, sizeof(l));
        memcpy(p, ports, sizeof(p));
        memcpy(n, nets, sizeof(n));
        memcpy(m, mounts, sizeof(m));
        shuffle(l, RC_ARRAY_LEN(l), sizeof(*l), &seed);
        shuffle(p, RC_ARRAY_LEN(p), sizeof(*p), &seed);
        shuffle(n, RC_ARRAY_LEN(n), sizeof(*n), &seed);
        shuffle(m, RC_ARRAY_LEN(m), sizeof(*m), &seed);
        rc_row r = sorted;
        r.labels = l;
        r.ports = p;
        r.networks = n;
        r.mounts = m;
        assert_true(rc_row_normalise(&r, arena));
        assert_true(rc_row_equal(&r, &sorted));
        /* New arrays: the source may go. */
        assert_ptr_not_equal(r.labels, l);
        assert_ptr_not_equal(r.ports, p);
        assert_ptr_not_equal(r.networks, n);
        assert_ptr_not_equal(r.mounts, m);
        /* Twice is once. */
        rc_row again = r;
        assert_true(rc_row_normalise(&again, arena));
        assert_true(rc_row_equal(&again, &r));
        rc_arena_reset(arena);
    }
}

static void test_equal_keys(void **state)
{
    (void)state;
    static const rc_label twice[] = {
        {S("b"), S("old")}, {S("a"), S("1")},   {S("b"), S("mid")},
        {S(""), S("e")},    {S("b"), S("new")},
    };
    rc_row r = full_row();
    r.labels = twice;
    r.n_labels = RC_ARRAY_LEN(twice);
    assert_true(rc_row_normalise(&r, arena));
    assert_int_equal(r.n_labels, 3);
    check_str(r.labels[0].value, "e");
    check_str(r.labels[1].value, "1");
    check_str(r.labels[2].value, "new");
}

static void test_equal_ports(void **state)
{
    (void)state;
    const rc_port twice[] = {ports[2], ports[0], ports[2], ports[1], ports[2]};
    rc_row r = full_row();
    r.ports = twice;
    r.n_ports = RC_ARRAY_LEN(twice);
    assert_true(rc_row_normalise(&r, arena));
    assert_int_equal(r.n_ports, 3); /* two that differ in the public port alone stay two */
    assert_int_equal(r.ports[0].public_port, 10053);
    assert_int_equal(r.ports[1].public_port, 10054);
    assert_int_equal(r.ports[2].public_port, 18443);
}

static const struct {
    enum rc_state state;
    bool ports, pid, exit_code;
} keeps[] = {
    {RC_STATE_UNKNOWN, false, false, false}, {RC_STATE_PENDING, false, false, false},
    {RC_STATE_CREATED, false, false, false}, {RC_STATE_RUNNING, true, true, false},
    {RC_STATE_PAUSED, true, true, false},    {RC_STATE_RESTARTING, true, false, true},
    {RC_STATE_REMOVING, false, false, true}, {RC_STATE_EXITED, false, false, true},
    {RC_STATE_DEAD, false, false, true},     {RC_STATE_MISSING, false, false, true},
};

static void test_what_a_state_holds(void **state)
{
    (void)state;
    assert_int_equal(RC_ARRAY_LEN(keeps), RC_STATE_COUNT);
    for (size_t i = 0; i < RC_ARRAY_LEN(keeps); i++) {
        rc_row r = full_row();
        r.state = keeps[i].state;
        r.has_exit_code = true;
        r.exit_code = 137;
        assert_true(rc_row_normalise(&r, arena));
        if ((r.n_ports > 0) != keeps[i].ports || (r.pid > 0) != keeps[i].pid ||
            r.has_exit_code != keeps[i].exit_code)
            fail_msg("%s: %u ports, pid %u, exit code %d", rc_state_name(r.state), r.n_ports, r.pid,
                     r.has_exit_code);
        assert_int_equal(r.exit_code, keeps[i].exit_code ? 137 : 0);
        assert_int_equal(rc_state_holds_ports(r.state), keeps[i].ports);
        assert_int_equal(r.n_networks, 2);
        assert_int_equal(r.n_mounts, 2);
    }
    /* A code without the flag is none. */
    rc_row r = full_row();
    r.state = RC_STATE_EXITED;
    r.exit_code = 5;
    assert_true(rc_row_normalise(&r, arena));
    assert_int_equal(r.exit_code, 0);
}

/* ---- equality ---- */

/* Every field but rev, changed alone, is a change. */
static void test_each_field_counts(void **state)
{
    (void)state;
    const rc_row base = full_row();
#define DIFFERS(change)                          \
    do {                                         \
        rc_row r = base;                         \
        change;                                  \
        if (rc_row_equal(&r, &base))             \
            fail_msg("equal after %s", #change); \
        assert_false(rc_row_equal(&base, &r));   \
    } while (0)
    DIFFERS(r.id = RC_STR_EMPTY);
    DIFFERS(r.name = RC_STR("we"));
    DIFFERS(r.image = RC_STR("x"));
    DIFFERS(r.image_id = RC_STR("x"));
    DIFFERS(r.command = RC_STR("x"));
    DIFFERS(r.engine_state = RC_STR("x"));
    DIFFERS(r.network_mode = RC_STR("x"));
    DIFFERS(r.restart_policy = RC_STR("x"));
    DIFFERS(r.workload_id = RC_STR("x"));
    DIFFERS(r.workload_kind = RC_STR("x"));
    DIFFERS(r.workload_role = RC_STR("x"));
    DIFFERS(r.reservation = RC_STR("x"));
    DIFFERS(r.state = RC_STATE_PAUSED);
    DIFFERS(r.health = RC_HEALTH_NONE);
    DIFFERS(r.missing_cause = RC_MISSING_VANISHED);
    DIFFERS(r.scheme = RC_SCHEME_STACK);
    DIFFERS(r.has_exit_code = true);
    DIFFERS(r.exit_code = 1);
    DIFFERS(r.oom_killed = false);
    DIFFERS(r.managed = false);
    DIFFERS(r.partial = false);
    DIFFERS(r.restart_count = 4);
    DIFFERS(r.pid = 1);
    DIFFERS(r.created_ns = 9);
    DIFFERS(r.started_ns = 9);
    DIFFERS(r.finished_ns = 9);
    DIFFERS(r.missing_since_ns = 9);
    DIFFERS(r.n_labels = 2);
    DIFFERS(r.n_ports = 2);
    DIFFERS(r.n_networks = 1);
    DIFFERS(r.n_mounts = 1);
    rc_row r = base;
    r.rev = 10;
    assert_true(rc_row_equal(&r, &base));
}

/* And so is every member of every array. */
static void test_each_array_member_counts(void **state)
{
    (void)state;
    const rc_row base = full_row();
#define MEMBER_DIFFERS(type, array, field, change)           \
    do {                                                     \
        type copy[RC_ARRAY_LEN(array)];                      \
        memcpy(copy, (array), sizeof(copy));                 \
        rc_row r = base;                                     \
        r.field = copy;                                      \
        assert_true(rc_row_equal(&r, &base));                \
        copy[RC_ARRAY_LEN(array) - 1].change;                \
        if (rc_row_equal(&r, &base))                         \
            fail_msg("equal after %s: %s", #field, #change); \
    } while (0)
    MEMBER_DIFFERS(rc_label, labels, labels, key = RC_STR("x"));
    MEMBER_DIFFERS(rc_label, labels, labels, value = RC_STR("x"));
    MEMBER_DIFFERS(rc_port, ports, ports, ip = RC_STR("x"));
    MEMBER_DIFFERS(rc_port, ports, ports, private_port = 1);
    MEMBER_DIFFERS(rc_port, ports, ports, public_port = 1);
    MEMBER_DIFFERS(rc_port, ports, ports, protocol = RC_STR("x"));
    MEMBER_DIFFERS(rc_netif, nets, networks, network = RC_STR("x"));
    MEMBER_DIFFERS(rc_netif, nets, networks, id = RC_STR("x"));
    MEMBER_DIFFERS(rc_netif, nets, networks, ip = RC_STR("x"));
    MEMBER_DIFFERS(rc_netif, nets, networks, ip6 = RC_STR("x"));
    MEMBER_DIFFERS(rc_netif, nets, networks, mac = RC_STR("x"));
    MEMBER_DIFFERS(rc_mount, mounts, mounts, type = RC_STR("x"));
    MEMBER_DIFFERS(rc_mount, mounts, mounts, name = RC_STR("x"));
    MEMBER_DIFFERS(rc_mount, mounts, mounts, source = RC_STR("x"));
    MEMBER_DIFFERS(rc_mount, mounts, mounts, destination = RC_STR("x"));
    MEMBER_DIFFERS(rc_mount, mounts, mounts, read_only = false);
}

/* ---- copies ---- */

/* A string on the heap of exactly its length: what still points there is seen by the sanitizer. */
static rc_str on_heap(rc_str s, char **ret_to_free)
{
    *ret_to_free = malloc(s.len);
    assert_non_null(*ret_to_free);
    memcpy(*ret_to_free, s.ptr, s.len);
    return rc_str_n(*ret_to_free, s.len);
}

static void assert_terminated(rc_str s)
{
    assert_int_equal(s.ptr[s.len], '\0');
}

static void assert_all_terminated(const rc_row *r)
{
    const rc_str strings[] = {r->id,          r->name,          r->image,         r->image_id,
                              r->command,     r->engine_state,  r->network_mode,  r->restart_policy,
                              r->workload_id, r->workload_kind, r->workload_role, r->reservation};
    for (size_t i = 0; i < RC_ARRAY_LEN(strings); i++)
        assert_terminated(strings[i]);
    for (uint32_t i = 0; i < r->n_labels; i++) {
        assert_terminated(r->labels[i].key);
        assert_terminated(r->labels[i].value);
    }
    for (uint32_t i = 0; i < r->n_ports; i++) {
        assert_terminated(r->ports[i].ip);
        assert_terminated(r->ports[i].protocol);
    }
    for (uint32_t i = 0; i < r->n_networks; i++) {
        assert_terminated(r->networks[i].network);
        assert_terminated(r->networks[i].id);
        assert_terminated(r->networks[i].ip);
        assert_terminated(r->networks[i].ip6);
        assert_terminated(r->networks[i].mac);
    }
    for (uint32_t i = 0; i < r->n_mounts; i++) {
        assert_terminated(r->mounts[i].type);
        assert_terminated(r->mounts[i].name);
        assert_terminated(r->mounts[i].source);
        assert_terminated(r->mounts[i].destination);
    }
}

static void test_copy_stands_alone(void **state)
{
    (void)state;
    const rc_row base = full_row();
    char *heap[11];
    rc_label *label = malloc(sizeof(*label));
    rc_port *port = malloc(sizeof(*port));
    rc_netif *net = malloc(sizeof(*net));
    rc_mount *mount = malloc(sizeof(*mount));
    assert_true(label && port && net && mount);
    rc_row src = base;
    src.name = on_heap(base.name, &heap[0]);
    label->key = on_heap(labels[0].key, &heap[1]);
    label->value = on_heap(labels[0].value, &heap[2]);
    *port = ports[0];
    port->ip = on_heap(ports[0].ip, &heap[3]);
    *net = nets[0];
    net->network = on_heap(nets[0].network, &heap[4]);
    net->id = on_heap(nets[0].id, &heap[5]);
    net->ip = on_heap(nets[0].ip, &heap[6]);
    net->ip6 = on_heap(nets[0].ip6, &heap[7]);
    net->mac = on_heap(nets[0].mac, &heap[8]);
    *mount = mounts[0];
    mount->source = on_heap(mounts[0].source, &heap[9]);
    mount->destination = on_heap(mounts[0].destination, &heap[10]);
    src.labels = label;
    src.ports = port;
    src.networks = net;
    src.mounts = mount;
    src.n_labels = src.n_ports = src.n_networks = src.n_mounts = 1;

    rc_row copy;
    assert_true(rc_row_copy(&copy, &src, arena));
    assert_true(rc_row_equal(&copy, &src));
    assert_int_equal(copy.rev, src.rev);
    for (size_t i = 0; i < RC_ARRAY_LEN(heap); i++)
        free(heap[i]);
    free(label);
    free(port);
    free(net);
    free(mount);

    assert_all_terminated(&copy);
    check_str(copy.name, "web");
    check_str(copy.labels[0].value, "1");
    check_str(copy.ports[0].ip, "127.0.0.1");
    check_str(copy.networks[0].mac, "02:42");
    check_str(copy.mounts[0].destination, "/data");
    /* Onto itself, as when a row is kept beyond its arena's mark. */
    assert_true(rc_row_copy(&copy, &copy, arena));
    check_str(copy.networks[0].network, "blue");
}

/* However little memory there is: false and the target as it was, or true and all of it. */
static void test_exhausted_arena(void **state)
{
    (void)state;
    const rc_row base = full_row();
    bool copied = false;
    bool normalised = false;
    for (size_t max = 16; max < 8192; max += 16) {
        rc_arena *small = rc_arena_new(16, max);
        rc_row r;
        rc_row before;
        memset(&r, 0x5a, sizeof(r));
        before = r;
        copied = rc_row_copy(&r, &base, small);
        if (copied)
            assert_true(rc_row_equal(&r, &base));
        else
            assert_memory_equal(&r, &before, sizeof(r));
        rc_arena_free(small);

        small = rc_arena_new(16, max);
        r = before = base;
        normalised = rc_row_normalise(&r, small);
        if (!normalised)
            assert_memory_equal(&r, &before, sizeof(r));
        rc_arena_free(small);
    }
    assert_true(copied && normalised);
}

/* ---- labels ---- */

static void test_label_lookup(void **state)
{
    (void)state;
    rc_row r = full_row();
    for (uint32_t n = 0; n <= RC_ARRAY_LEN(labels); n++) {
        r.n_labels = n;
        for (uint32_t i = 0; i < RC_ARRAY_LEN(labels); i++) {
            const rc_str *value = rc_row_label(&r, labels[i].key);
            if (i < n)
                assert_ptr_equal(value, &labels[i].value);
            else
                assert_null(value);
        }
    }
    assert_null(rc_row_label(&r, RC_STR("")));
    assert_null(rc_row_label(&r, RC_STR("aa")));
    assert_null(rc_row_label(&r, RC_STR("d")));
}

static void test_engine_states(void **state)
{
    static const struct {
        const char *word;
        enum rc_state state;
        const char *kept;
    } words[] = {
        {"running", RC_STATE_RUNNING, "running"},
        {"stopped", RC_STATE_EXITED, "exited"},
        {"stopping", RC_STATE_RUNNING, "running"},
        {"initialized", RC_STATE_CREATED, "created"},
        {"configured", RC_STATE_CREATED, "created"},
        {"dead", RC_STATE_DEAD, "dead"},
        {"frozen", RC_STATE_UNKNOWN, "frozen"},
        {"", RC_STATE_UNKNOWN, ""},
        {"unknown", RC_STATE_UNKNOWN, "unknown"},
        /* Our own words: an engine that says them means something else. */
        {"pending", RC_STATE_UNKNOWN, "pending"},
        {"missing", RC_STATE_UNKNOWN, "missing"},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(words); i++) {
        rc_str kept = RC_STR_EMPTY;
        assert_int_equal(rc_state_from_engine(rc_str_c(words[i].word), &kept), words[i].state);
        check_str(kept, words[i].kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_is_empty),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_equal_keys),
        cmocka_unit_test(test_equal_ports),
        cmocka_unit_test(test_what_a_state_holds),
        cmocka_unit_test(test_each_field_counts),
        cmocka_unit_test(test_each_array_member_counts),
        cmocka_unit_test(test_copy_stands_alone),
        cmocka_unit_test(test_exhausted_arena),
        cmocka_unit_test(test_label_lookup),
        cmocka_unit_test(test_engine_states),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
