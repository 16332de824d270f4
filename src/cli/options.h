/* Command line options from a table: flags, values, and values that may come more than once; long
 * and short, joined (-aq, -fKEY=V, --name=V) or not; operands may stand between them; "--" ends
 * them. */
#ifndef RC_CLI_OPTIONS_H
#define RC_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct rc_option {
    const char *name; /* without the dashes; NULL where there is only a letter */
    char letter;      /* 0: none */
    /* Exactly one of the three: what to set, or whom to tell. */
    bool *flag;
    const char **value; /* the last one wins */
    int (*each)(void *arg, const char *value, rc_error *err);
    void *arg; /* each's */
} rc_option;

typedef struct rc_option_set {
    const rc_option *options;
    size_t count;
} rc_option_set;

/* Parses argv[0] … argv[argc - 1] by all sets. Operands are moved to the front of argv, in order;
 * *ret_operands says how many. to_first: stops at the first operand, and *ret_operands counts it
 * and all that follow, options or not. RC_INVALID names the option that is wrong; else what an
 * `each` returned. */
int rc_options_parse(const rc_option_set *sets, size_t n_sets, bool to_first, int argc, char **argv,
                     int *ret_operands, rc_error *err);

#endif
