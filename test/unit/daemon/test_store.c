/* The mirror's store over a real index: what is handed on, and when so many steps are committed. */
#include "daemon/store.h"

#include "../index/room.h"

enum { MANY = 4096 }; /* steps, as store.c has it */

struct bench {
    struct room *room;
    rc_index_store store;
    rc_store ops;
    int asked;  /* how often a commit was asked for */
    int answer; /* what that returns */
};

static int on_many(void *arg, rc_error *err)
{
    struct bench *b = arg;
    b->asked++;
    if (b->answer)
        return rc_fail(err, b->answer, "cannot");
    b->store.steps = 0;
    commit(b->room);
    return RC_OK;
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->room = new_room(MEMORY);
    open_index(b->room);
    b->store = (rc_index_store){.ix = b->room->ix, .on_many = on_many, .arg = b};
    b->ops = rc_index_store_ops(&b->store);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    free_room(b->room);
    free(b);
    return 0;
}

static int put_row(struct bench *b, uint32_t n, bool *ret_changed, rc_error *err)
{
    rc_row row = row_of(n, "x", RC_STATE_RUNNING);
    return b->ops.put(b->ops.ctx, &row, RC_CAUSE_EVENT, RC_STR("start"), ret_changed, err);
}

static void test_rows_come_back(void **state)
{
    struct bench *b = *state;
    rc_error err = RC_ERROR_INIT;
    rc_row row;
    bool changed = false;
    rc_id id = id_of(1);
    assert_int_equal(b->ops.get(b->ops.ctx, &id, &row, &err), RC_NOTFOUND);
    ok(put_row(b, 1, &changed, &err), &err);
    assert_true(changed);
    ok(b->ops.get(b->ops.ctx, &id, &row, &err), &err);
    assert_true(rc_str_eq_c(row.name, "x"));
    ok(b->ops.del(b->ops.ctx, &id, RC_CAUSE_EXPIRED, &err), &err);
    assert_int_equal(b->ops.get(b->ops.ctx, &id, &row, &err), RC_NOTFOUND);
    assert_int_equal(b->ops.del(b->ops.ctx, &id, RC_CAUSE_EXPIRED, &err), RC_NOTFOUND);
    assert_int_equal(b->store.steps, 2);
}

static void test_only_changes_are_steps(void **state)
{
    struct bench *b = *state;
    rc_error err = RC_ERROR_INIT;
    bool changed = false;
    ok(put_row(b, 1, &changed, &err), &err);
    ok(put_row(b, 1, &changed, &err), &err);
    assert_false(changed);
    assert_int_equal(b->store.steps, 1);
}

static void test_many_steps_are_committed(void **state)
{
    struct bench *b = *state;
    rc_error err = RC_ERROR_INIT;
    bool changed = false;
    for (uint32_t i = 0; i < 2 * MANY - 1; i++)
        ok(put_row(b, i, &changed, &err), &err);
    assert_int_equal(b->asked, 1);
    assert_int_equal(rc_index_rev(b->room->ix), 1);
    ok(put_row(b, 2 * MANY, &changed, &err), &err);
    assert_int_equal(b->asked, 2);
    assert_false(rc_index_dirty(b->room->ix));
}

/* The mirror is in the middle of a sweep then: all that may happen is that it fails. */
static void test_a_broken_index_fails_the_put(void **state)
{
    struct bench *b = *state;
    rc_error err = RC_ERROR_INIT;
    bool changed = false;
    rc_id id = id_of(1);
    b->answer = RC_CORRUPT;
    b->store.steps = MANY - 1;
    assert_int_equal(put_row(b, 1, &changed, &err), RC_CORRUPT);
    assert_string_equal(err.msg, "cannot");
    b->store.steps = MANY - 1;
    assert_int_equal(b->ops.del(b->ops.ctx, &id, RC_CAUSE_EXPIRED, &err), RC_CORRUPT);
    assert_int_equal(b->asked, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only_changes_are_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_steps_are_committed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_broken_index_fails_the_put, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
