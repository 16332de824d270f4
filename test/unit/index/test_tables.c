/* The keys by which rows are found: which a row has, and that none can be mistaken for another's.
 */
#include "room.h"

#include "index/tables.h"

static rc_row_keys keys_of(const rc_row *row, rc_arena *arena)
{
    rc_row_keys keys;
    assert_true(rc_row_keys_of(row, arena, &keys));
    for (size_t i = 0; i < keys.n; i++) {
        assert_true(keys.at[i].key.len <= RC_KV_KEY_MAX);
        assert_true(rc_str_eq(rc_key_id(keys.at[i].key), row->id));
        if (i > 0) /* sorted, none twice */
            assert_true(rc_row_key_cmp(&keys.at[i - 1], &keys.at[i]) < 0);
    }
    return keys;
}

static size_t count(const rc_row_keys *keys, enum rc_secondary table)
{
    size_t n = 0;
    for (size_t i = 0; i < keys->n; i++)
        n += keys->at[i].table == table;
    return n;
}

static void expect_counts(const rc_row *row, size_t names, size_t workloads, size_t ports)
{
    rc_arena *arena = rc_arena_new(0, 0);
    rc_row_keys keys = keys_of(row, arena);
    assert_int_equal(count(&keys, RC_BY_NAME), names);
    assert_int_equal(count(&keys, RC_BY_WORKLOAD), workloads);
    assert_int_equal(count(&keys, RC_BY_PORT), ports);
    rc_arena_free(arena);
}

static void test_which_keys_a_row_has(void **state)
{
    (void)state;
    const rc_port ports[] = {{RC_STR("::"), 80, 90, RC_STR("tcp")},
                             {RC_STR("0.0.0.0"), 80, 90, RC_STR("tcp")},
                             {RC_STR("0.0.0.0"), 81, 70, RC_STR("udp")},
                             {RC_STR(""), 82, 0, RC_STR("tcp")}};
    rc_row row = row_of(1, "web", RC_STATE_RUNNING);
    expect_counts(&row, 1, 0, 0);
    row.workload_id = RC_STR("w");
    row.ports = ports;
    row.n_ports = 4;
    expect_counts(&row, 1, 1, 2);
    row.state = RC_STATE_MISSING; /* leaves names and ports, not its workload */
    expect_counts(&row, 0, 1, 0);
    row = row_of(1, "", RC_STATE_RUNNING);
    expect_counts(&row, 0, 0, 0);
}

static void test_no_prefix_begins_another(void **state)
{
    (void)state;
    static char long_name[1000];
    char a[RC_PREFIX_MAX], b[RC_PREFIX_MAX];
    memset(long_name, 'x', sizeof(long_name));
    const rc_str names[] = {RC_STR("a"),
                            RC_STR("ab"),
                            RC_STR(""),
                            RC_STR("a\0b"),
                            RC_STR("\0\1a"),
                            rc_str_n(long_name, 200),
                            rc_str_n(long_name, 201),
                            rc_str_n(long_name, 202),
                            rc_str_n(long_name, 1000)};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
            if (i != j)
                assert_false(
                    rc_str_starts(rc_prefix_name(names[i], a), rc_prefix_name(names[j], b)));
    /* nor a name that is what a long one is hashed to */
    rc_str hashed = rc_prefix_name(rc_str_n(long_name, 1000), a);
    assert_int_equal(hashed.len, 18);
    assert_false(rc_str_eq(hashed, rc_prefix_name(rc_str_n(hashed.ptr + 2, 16), b)));
    assert_false(rc_str_eq(rc_prefix_role(RC_STR("ab"), RC_STR("c"), a),
                           rc_prefix_role(RC_STR("a"), RC_STR("bc"), b)));
    assert_true(rc_prefix_role(rc_str_n(long_name, 1000), rc_str_n(long_name, 200), a).len <=
                RC_PREFIX_MAX);
}

/* Many ports, as a published range makes them: sorted, not compared each with each. */
static void test_a_range_of_ports(void **state)
{
    (void)state;
    rc_port *ports = calloc(65535, sizeof(*ports));
    for (uint32_t i = 0; i < 65535; i++)
        ports[i] = (rc_port){RC_STR(""), (uint16_t)i, (uint16_t)(65535 - i), RC_STR("tcp")};
    rc_row row = row_of(1, "web", RC_STATE_RUNNING);
    row.ports = ports;
    row.n_ports = 65535;
    expect_counts(&row, 1, 0, 65535);
    free(ports);
}

static void test_no_memory(void **state)
{
    (void)state;
    rc_arena *arena = rc_arena_new(64, 64);
    rc_row_keys keys;
    rc_row row = row_of(1, "web", RC_STATE_RUNNING);
    assert_false(rc_row_keys_of(&row, arena, &keys));
    rc_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_keys_a_row_has),
        cmocka_unit_test(test_no_prefix_begins_another),
        cmocka_unit_test(test_a_range_of_ports),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
