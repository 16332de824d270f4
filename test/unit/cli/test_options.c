/* Options in all the ways that people write them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/options.h"

struct seen {
    bool all, quiet;
    const char *since;
    char filters[128];
    int operands;
    char *argv[16];
};

static int add(void *arg, const char *value, rc_error *err)
{
    struct seen *s = arg;
    if (strcmp(value, "bad") == 0)
        return rc_fail(err, RC_INVALID, "bad filter");
    size_t n = strlen(s->filters);
    (void)snprintf(s->filters + n, sizeof(s->filters) - n, "%s;", value);
    return RC_OK;
}

/* line: arguments, separated by blanks */
static int parse(struct seen *s, char *line, bool to_first, rc_error *err)
{
    *s = (struct seen){.since = NULL};
    bool global = false;
    const rc_option own[] = {
        {.name = "all", .letter = 'a', .flag = &s->all},
        {.name = "quiet", .letter = 'q', .flag = &s->quiet},
        {.name = "since", .value = &s->since},
        {.name = "filter", .letter = 'f', .each = add, .arg = s},
    };
    const rc_option globals[] = {{.name = "stale-ok", .flag = &global}};
    const rc_option_set sets[] = {{own, RC_ARRAY_LEN(own)}, {globals, 1}};
    int argc = 0;
    char *rest = NULL;
    for (char *p = strtok_r(line, " ", &rest); p; p = strtok_r(NULL, " ", &rest))
        s->argv[argc++] = p;
    return rc_options_parse(sets, 2, to_first, argc, s->argv, &s->operands, err);
}

static void test_forms(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "-a -q -f x=1 --filter y=2 --since e:1", "-aqfx=1 -f y=2 --since=e:1",
        "-qaf x=1 --filter=y=2 --since e:1", "--all --stale-ok --quiet -f x=1 -fy=2 --since=e:1"};
    for (size_t i = 0; i < RC_ARRAY_LEN(lines); i++) {
        struct seen s;
        char line[128];
        (void)snprintf(line, sizeof(line), "%s", lines[i]);
        assert_int_equal(parse(&s, line, false, NULL), RC_OK);
        assert_true(s.all && s.quiet);
        assert_string_equal(s.filters, "x=1;y=2;");
        assert_string_equal(s.since, "e:1");
        assert_int_equal(s.operands, 0);
    }
}

static void test_operands(void **state)
{
    (void)state;
    struct seen s;
    char mixed[] = "one -a two - --since x -- --all -q";
    assert_int_equal(parse(&s, mixed, false, NULL), RC_OK);
    assert_int_equal(s.operands, 5);
    assert_string_equal(s.argv[0], "one");
    assert_string_equal(s.argv[1], "two");
    assert_string_equal(s.argv[2], "-");
    assert_string_equal(s.argv[3], "--all");
    assert_string_equal(s.argv[4], "-q");
    assert_true(s.all && !s.quiet);
}

/* Before the verb: what follows is the verb's own. */
static void test_up_to_the_first_operand(void **state)
{
    (void)state;
    struct seen s;
    char line[] = "--stale-ok ps -a -- --nonsense";
    assert_int_equal(parse(&s, line, true, NULL), RC_OK);
    assert_int_equal(s.operands, 4);
    assert_string_equal(s.argv[0], "ps");
    assert_string_equal(s.argv[1], "-a");
    assert_string_equal(s.argv[2], "--");
    assert_false(s.all);
}

static void test_the_last_value_wins(void **state)
{
    (void)state;
    struct seen s;
    char line[] = "--since a --since=b --since=";
    assert_int_equal(parse(&s, line, false, NULL), RC_OK);
    assert_string_equal(s.since, "");
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } table[] = {
        {"--al", "--al"},       {"-x", "-x"}, {"-ax", "-ax"},           {"--all=yes", "--all=yes"},
        {"--since", "--since"}, {"-f", "-f"}, {"-f bad", "bad filter"}, {"--\x1b[2J", "\\x1b"},
    };
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        struct seen s;
        char line[64];
        rc_error err = RC_ERROR_INIT;
        (void)snprintf(line, sizeof(line), "%s", table[i].line);
        assert_int_equal(parse(&s, line, false, &err), RC_INVALID);
        if (!strstr(err.msg, table[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.msg, table[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_up_to_the_first_operand),
        cmocka_unit_test(test_the_last_value_wins),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
