/* base/idmap: against a plain array as its model, and IDs as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/idmap.h"

struct item {
    rc_id id;
    uint64_t value;
};

/* IDs that differ in one byte only, in front or at the end, beside spread ones. */
static rc_id make_id(uint32_t n)
{
    rc_id id = {{0}};
    uint64_t s = n;
    switch (n % 3) {
    case 0:
        memcpy(id.b, &n, sizeof(n));
        break;
    case 1:
        memcpy(id.b + 28, &n, sizeof(n));
        break;
    default:
        for (size_t i = 0; i < 32; i++)
            id.b[i] = (uint8_t)rc_rand_next(&s);
        break;
    }
    return id;
}

static void test_id_text(void **state)
{
    (void)state;
    static const char text[] = "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210";
    rc_id id;
    char out[RC_ID_LEN + 1];
    assert_true(rc_id_parse(rc_str_c(text), &id));
    assert_int_equal(id.b[0], 0x01);
    assert_int_equal(id.b[31], 0x10);
    rc_id_format(&id, out);
    assert_string_equal(out, text);

    static const char wrong[] = {'A', 'F', 'g', '/', ':', '`', ' ', '\0', '\xff'};
    rc_id untouched = id;
    for (size_t i = 0; i < sizeof(wrong); i++) {
        memcpy(out, text, sizeof(text));
        out[i * 7] = wrong[i];
        assert_false(rc_id_parse(rc_str_n(out, RC_ID_LEN), &id));
    }
    assert_false(rc_id_parse(rc_str_n(text, 63), &id));
    assert_false(rc_id_parse(RC_STR_EMPTY, &id));
    assert_true(rc_id_eq(&id, &untouched));
}

static void test_add_get_remove(void **state)
{
    (void)state;
    rc_idmap *m = rc_idmap_new(sizeof(struct item));
    rc_id a = make_id(2), b = make_id(5);
    bool added = false;
    assert_null(rc_idmap_get(m, &a));
    assert_false(rc_idmap_remove(m, &a));
    struct item *e = rc_idmap_add(m, &a, &added);
    assert_true(added);
    assert_int_equal(e->value, 0);
    assert_true(rc_id_eq(&e->id, &a));
    e->value = 7;
    e = rc_idmap_add(m, &a, &added);
    assert_false(added);
    assert_int_equal(e->value, 7);
    assert_non_null(rc_idmap_add(m, &b, NULL));
    assert_int_equal(rc_idmap_count(m), 2);
    /* The key may be the entry's own. */
    assert_true(rc_idmap_remove(m, &((struct item *)rc_idmap_at(m, 0))->id));
    assert_int_equal(rc_idmap_count(m), 1);
    assert_true(rc_id_eq(&((struct item *)rc_idmap_at(m, 0))->id, &b));
    e = rc_idmap_add(m, &a, &added);
    assert_true(added);
    assert_int_equal(e->value, 0);
    rc_idmap_clear(m);
    assert_int_equal(rc_idmap_count(m), 0);
    assert_null(rc_idmap_get(m, &a));
    assert_non_null(rc_idmap_add(m, &a, NULL));
    assert_null(rc_idmap_free(m));
    assert_null(rc_idmap_free(NULL));
}

static void test_hundred_thousand(void **state)
{
    (void)state;
    enum { N = 100000 };
    rc_idmap *m = rc_idmap_new(sizeof(struct item));
    for (uint32_t i = 0; i < N; i++) {
        rc_id id = make_id(i);
        ((struct item *)rc_idmap_add(m, &id, NULL))->value = i;
    }
    assert_int_equal(rc_idmap_count(m), N);
    for (uint32_t i = 0; i < N; i++) {
        rc_id id = make_id(i);
        struct item *e = rc_idmap_get(m, &id);
        assert_non_null(e);
        assert_int_equal(e->value, i);
        assert_ptr_equal(rc_idmap_at(m, i), e);
    }
    /* Downwards, removing on the way. */
    for (size_t i = N; i-- > 0;) {
        struct item *e = rc_idmap_at(m, i);
        if (e->value % 2)
            assert_true(rc_idmap_remove(m, &e->id));
    }
    assert_int_equal(rc_idmap_count(m), N / 2);
    for (uint32_t i = 0; i < N; i++) {
        rc_id id = make_id(i);
        struct item *e = rc_idmap_get(m, &id);
        assert_true((e != NULL) == (i % 2 == 0));
        if (e)
            assert_int_equal(e->value, i);
    }
    rc_idmap_free(m);
}

static void test_against_model(void **state)
{
    (void)state;
    enum { IDS = 300, STEPS = 200000 };
    rc_idmap *m = rc_idmap_new(sizeof(struct item));
    uint64_t model[IDS] = {0}; /* 0: absent */
    size_t count = 0;
    uint64_t seed = 7;
    for (uint64_t step = 1; step <= STEPS; step++) {
        uint32_t n = (uint32_t)(rc_rand_next(&seed) % IDS);
        rc_id id = make_id(n);
        /* Waves of growth and shrinking. */
        bool add = rc_rand_next(&seed) % 100 < (step / 2000 % 2 ? 80 : 20);
        if (add) {
            bool added = false;
            struct item *e = rc_idmap_add(m, &id, &added);
            assert_true(added == (model[n] == 0));
            assert_true(e->value == model[n]);
            count += added;
            e->value = model[n] = step;
        } else {
            assert_true(rc_idmap_remove(m, &id) == (model[n] != 0));
            count -= model[n] != 0;
            model[n] = 0;
        }
        assert_int_equal(rc_idmap_count(m), count);
        if (step % 100)
            continue;
        for (uint32_t i = 0; i < IDS; i++) {
            rc_id probe = make_id(i);
            struct item *e = rc_idmap_get(m, &probe);
            assert_true((e ? e->value : 0) == model[i]);
        }
    }
    rc_idmap_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id_text),
        cmocka_unit_test(test_add_get_remove),
        cmocka_unit_test(test_hundred_thousand),
        cmocka_unit_test(test_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
