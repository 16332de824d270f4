/* base/arena: alignment, the cap, marks, and what a reset keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_alloc_aligned_and_disjoint(void **state)
{
    (void)state;
    rc_arena *a = rc_arena_new(64, 0);
    unsigned char *p[200];
    assert_non_null(a);
    for (size_t i = 0; i < 200; i++) {
        p[i] = rc_arena_alloc(a, i);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t k = 0; k < i; k++)
            assert_int_equal(p[i][k], i);
    }
    assert_int_equal(rc_arena_failed(a), 0);
    assert_null(rc_arena_free(a));
    assert_null(rc_arena_free(NULL));
}

static void test_zero_bytes_are_unique(void **state)
{
    (void)state;
    rc_arena *a = rc_arena_new(0, 0);
    void *p = rc_arena_alloc(a, 0), *q = rc_arena_alloc(a, 0);
    assert_non_null(p);
    assert_non_null(q);
    assert_ptr_not_equal(p, q);
    rc_arena_free(a);
}

static void test_cap_fails_and_is_remembered(void **state)
{
    (void)state;
    rc_arena *a = rc_arena_new(1024, 4096);
    assert_null(rc_arena_alloc(a, 8192));
    assert_int_equal(rc_arena_failed(a), 1);
    /* What still fits is handed out. */
    assert_non_null(rc_arena_alloc(a, 1024));
    assert_non_null(rc_arena_alloc(a, 3072));
    assert_null(rc_arena_alloc(a, 1));
    assert_null(rc_arena_dup(a, RC_STR("x")).ptr);
    rc_arena_reset(a);
    assert_int_equal(rc_arena_failed(a), 0);
    assert_int_equal(rc_arena_used(a), 0);
    assert_non_null(rc_arena_alloc(a, 3072));
    rc_arena_free(a);

    /* A cap below the first block bounds that one. */
    a = rc_arena_new(0, 100);
    assert_non_null(rc_arena_alloc(a, 90));
    assert_null(rc_arena_alloc(a, 90));
    rc_arena_free(a);
}

static void test_zeroed_arrays(void **state)
{
    (void)state;
    rc_arena *a = rc_arena_new(256, 0);
    memset(rc_arena_alloc(a, 100), 0xff, 100);
    rc_arena_reset(a);
    unsigned char *p = rc_arena_calloc(a, 10, 10);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    assert_null(rc_arena_calloc(a, SIZE_MAX / 2, 3));
    assert_int_equal(rc_arena_failed(a), 1);
    assert_null(rc_arena_alloc(a, SIZE_MAX));
    assert_null(rc_arena_alloc(a, SIZE_MAX - 64));
    rc_arena_free(a);
}

static void test_dup_terminates(void **state)
{
    (void)state;
    rc_arena *a = rc_arena_new(0, 0);
    rc_str s = rc_arena_dup(a, rc_str_n("abcdef", 3));
    assert_int_equal(s.len, 3);
    assert_string_equal(s.ptr, "abc");
    s = rc_arena_dup(a, RC_STR_EMPTY);
    assert_int_equal(s.len, 0);
    assert_string_equal(s.ptr, "");
    rc_arena_free(a);
}

static void test_marks(void **state)
{
    (void)state;
    rc_arena *a = rc_arena_new(128, 0);
    char *first = rc_arena_alloc(a, 16);
    memcpy(first, "kept", 5);
    rc_arena_mark outer = rc_arena_save(a);
    assert_non_null(rc_arena_alloc(a, 4000));
    rc_arena_mark inner = rc_arena_save(a);
    assert_non_null(rc_arena_alloc(a, 100000));
    rc_arena_restore(a, inner);
    assert_int_equal(rc_arena_used(a), 4016);
    rc_arena_restore(a, outer);
    assert_int_equal(rc_arena_used(a), 16);
    assert_string_equal(first, "kept");
    assert_ptr_equal(rc_arena_alloc(a, 1), first + 16);
    rc_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_aligned_and_disjoint),
        cmocka_unit_test(test_zero_bytes_are_unique),
        cmocka_unit_test(test_cap_fails_and_is_remembered),
        cmocka_unit_test(test_zeroed_arrays),
        cmocka_unit_test(test_dup_terminates),
        cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
