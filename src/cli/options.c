/* The option parser. getopt_long would do, but for its messages, its global state and its reading
 * of abbreviated names, which break scripts when an option is added. */
#include "cli/options.h"

#include <string.h>

#include "base/escape.h"

struct parser {
    const rc_option_set *sets;
    size_t n_sets;
    int argc;
    char **argv;
    int at;       /* the next argument */
    int operands; /* moved to the front so far */
    rc_error *err;
};

static const rc_option *find(const struct parser *p, const char *name, size_t len, char letter)
{
    for (size_t s = 0; s < p->n_sets; s++) {
        for (size_t i = 0; i < p->sets[s].count; i++) {
            const rc_option *o = &p->sets[s].options[i];
            if (letter ? o->letter == letter
                       : o->name && strlen(o->name) == len && memcmp(o->name, name, len) == 0)
                return o;
        }
    }
    return NULL;
}

static int complain(const struct parser *p, const char *what, const char *argument)
{
    char shown[128];
    return rc_fail(p->err, RC_INVALID, "%s: %s", what,
                   rc_escape_into(shown, sizeof(shown), rc_str_c(argument)));
}

static int take_value(struct parser *p, const rc_option *o, const char *joined,
                      const char *argument)
{
    const char *value = joined;
    if (!value) {
        if (p->at >= p->argc)
            return complain(p, "the option needs a value", argument);
        value = p->argv[p->at++];
    }
    if (o->each)
        return o->each(o->arg, value, p->err);
    *o->value = value;
    return RC_OK;
}

static int parse_long(struct parser *p, const char *argument)
{
    const char *name = argument + 2;
    const char *equals = strchr(name, '=');
    const rc_option *o = find(p, name, equals ? (size_t)(equals - name) : strlen(name), 0);
    if (!o)
        return complain(p, "no such option", argument);
    if (!o->flag)
        return take_value(p, o, equals ? equals + 1 : NULL, argument);
    if (equals)
        return complain(p, "the option takes no value", argument);
    *o->flag = true;
    return RC_OK;
}

static int parse_short(struct parser *p, const char *argument)
{
    for (const char *c = argument + 1; *c; c++) {
        const rc_option *o = find(p, NULL, 0, *c);
        if (!o)
            return complain(p, "no such option", argument);
        if (!o->flag)
            return take_value(p, o, c[1] ? c + 1 : NULL, argument);
        *o->flag = true;
    }
    return RC_OK;
}

int rc_options_parse(const rc_option_set *sets, size_t n_sets, bool to_first, int argc, char **argv,
                     int *ret_operands, rc_error *err)
{
    struct parser p = {.sets = sets, .n_sets = n_sets, .argc = argc, .argv = argv, .err = err};
    bool only_operands = false;
    while (p.at < argc) {
        char *argument = argv[p.at++];
        int code = RC_OK;
        if (only_operands || argument[0] != '-' || argument[1] == '\0') {
            argv[p.operands++] = argument;
            only_operands = only_operands || to_first;
        } else if (strcmp(argument, "--") == 0) {
            only_operands = true;
        } else if (argument[1] == '-') {
            code = parse_long(&p, argument);
        } else {
            code = parse_short(&p, argument);
        }
        if (code)
            return code;
    }
    *ret_operands = p.operands;
    return RC_OK;
}
