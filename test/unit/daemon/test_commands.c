/* The queue between the two loops: its order, its cap, and its bell. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/commands.h"

static int set_up(void **state)
{
    rc_error err = RC_ERROR_INIT;
    rc_commands *c = NULL;
    assert_int_equal(rc_commands_new(&c, &err), RC_OK);
    *state = c;
    return 0;
}

static int tear_down(void **state)
{
    assert_null(rc_commands_free(*state));
    return 0;
}

static bool rings(const rc_commands *c)
{
    struct pollfd p = {.fd = rc_commands_fd(c), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void test_what_is_pushed_is_taken(void **state)
{
    rc_commands *c = *state;
    enum rc_command out[RC_COMMANDS_MAX];
    assert_false(rings(c));
    assert_int_equal(rc_commands_take(c, out, RC_COMMANDS_MAX), 0);
    assert_int_equal(rc_commands_push(c, RC_COMMAND_RESYNC, NULL), RC_OK);
    assert_true(rings(c));
    assert_int_equal(rc_commands_take(c, out, RC_COMMANDS_MAX), 1);
    assert_int_equal(out[0], RC_COMMAND_RESYNC);
    assert_false(rings(c));
}

static void test_a_full_queue_refuses(void **state)
{
    rc_commands *c = *state;
    rc_error err = RC_ERROR_INIT;
    enum rc_command out[RC_COMMANDS_MAX];
    for (int i = 0; i < RC_COMMANDS_MAX; i++)
        assert_int_equal(rc_commands_push(c, RC_COMMAND_RESYNC, &err), RC_OK);
    assert_int_equal(rc_commands_push(c, RC_COMMAND_RESYNC, &err), RC_BUSY);
    assert_int_equal(rc_commands_take(c, out, RC_COMMANDS_MAX), RC_COMMANDS_MAX);
    assert_int_equal(rc_commands_push(c, RC_COMMAND_RESYNC, &err), RC_OK);
}

static void test_what_was_not_taken_rings_again(void **state)
{
    rc_commands *c = *state;
    enum rc_command out[RC_COMMANDS_MAX];
    for (int i = 0; i < 3; i++)
        assert_int_equal(rc_commands_push(c, RC_COMMAND_RESYNC, NULL), RC_OK);
    assert_int_equal(rc_commands_take(c, out, 2), 2);
    assert_true(rings(c));
    assert_int_equal(rc_commands_take(c, out, 2), 1);
    assert_false(rings(c));
}

enum { PUSHES = 20000 };

static void *push_many(void *arg)
{
    uintptr_t pushed = 0;
    while (pushed < PUSHES)
        pushed += rc_commands_push(arg, RC_COMMAND_RESYNC, NULL) == RC_OK;
    return NULL;
}

/* Nothing is lost between two threads, and the bell alone tells when to look. */
static void test_two_threads(void **state)
{
    rc_commands *c = *state;
    enum rc_command out[RC_COMMANDS_MAX];
    pthread_t thread;
    unsigned taken = 0;
    assert_int_equal(pthread_create(&thread, NULL, push_many, c), 0);
    while (taken < PUSHES) {
        struct pollfd p = {.fd = rc_commands_fd(c), .events = POLLIN};
        assert_int_equal(poll(&p, 1, 30000), 1);
        taken += rc_commands_take(c, out, 7);
    }
    pthread_join(thread, NULL);
    assert_int_equal(taken, PUSHES);
    /* The last bell may ring behind the command that it rang for. */
    assert_int_equal(rc_commands_take(c, out, 7), 0);
    assert_false(rings(c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_pushed_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_queue_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_not_taken_rings_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_threads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
