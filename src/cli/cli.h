/* What the verbs share: global options, the index, exit codes. */
#ifndef RC_CLI_CLI_H
#define RC_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cli/options.h"
#include "cli/output.h"
#include "model/filter.h"
#include "reader/reader.h"

enum rc_exit {
    RC_EXIT_OK = 0,
    RC_EXIT_FAILURE = 1,
    RC_EXIT_USAGE = 2,
    RC_EXIT_NOTFOUND = 3,
    RC_EXIT_NOT_LIVE = 4, /* the daemon; nothing was printed */
    RC_EXIT_TIMEOUT = 5,  /* wait */
};

struct rc_verb;

typedef struct rc_cli {
    const struct rc_verb *verb;
    const char *index;  /* --index, ROLLCALL_INDEX or the default */
    const char *socket; /* --socket or ROLLCALL_SOCKET; NULL: api.sock in the index */
    bool stale_ok;
    bool help;
    bool warned; /* that the engine is away */
    char default_index[256];
    rc_out out;
    rc_reader *reader; /* once opened */
} rc_cli;

/* argv[0] is what follows the verb. Returns an exit code. What is in cli->out is written by the
 * caller. */
typedef int rc_verb_run(rc_cli *cli, int argc, char **argv);

typedef struct rc_verb {
    const char *name;
    const char *summary;
    const char *usage; /* what follows the verb's name */
    const char *help;  /* its options and what is to be known; "" if nothing */
    rc_verb_run *run;
} rc_verb;

extern const rc_verb rc_verbs[];
extern const size_t rc_n_verbs;

rc_verb_run rc_verb_ps, rc_verb_inspect, rc_verb_port, rc_verb_watch, rc_verb_wait, rc_verb_status,
    rc_verb_resync, rc_verb_healthcheck, rc_verb_version, rc_verb_help;

/* Parses the verb's own and the global options. True to go on: *ret_argc operands, between min and
 * max, are at argv's start. False to return *ret_exit at once: help was asked for and given, or
 * what is wrong was said. */
bool rc_cli_options(rc_cli *cli, const rc_option *options, size_t n, int min, int max, int argc,
                    char **argv, int *ret_argc, int *ret_exit);

/* The global options, for main. */
#define RC_CLI_GLOBALS 4
void rc_cli_globals(rc_cli *cli, rc_option out[RC_CLI_GLOBALS]);

/* Appends the API socket's path, terminated. */
void rc_cli_socket_path(rc_cli *cli, rc_buf *out);

/* Opens the index. RC_EXIT_OK, or says what is wrong and returns the exit code: the daemon must be
 * live, or --stale-ok given, which warns. */
int rc_cli_open(rc_cli *cli);

/* Is the daemon live, or may it be otherwise (then it warns, once)? Else says so. */
int rc_cli_check_live(rc_cli *cli);

/* Begins a snapshot; warns once where the engine is away. RC_EXIT_OK, or the exit code. */
int rc_cli_snapshot(rc_cli *cli, rc_snapshot **out);

/* Says what went wrong and returns the exit code for it. */
int rc_cli_fail(const rc_error *err);

/* Says why a container could not be found by its key: RC_NOTFOUND, RC_AMBIGUOUS (naming some that
 * fit) or worse. Returns the exit code. */
int rc_cli_unfound(rc_snapshot *s, const char *key, const rc_error *err);

/* Adds a filter given as KEY=VALUE: an rc_option's `each`, arg is the filter. */
int rc_cli_add_filter(void *filter, const char *value, rc_error *err);

/* Appends JSON for whoever reads stdout: made safe to look at where that is a terminal. */
void rc_cli_put_json(rc_cli *cli, rc_buf *to, rc_str json);

/* Prints a verb's help. */
void rc_cli_help(rc_cli *cli, const rc_verb *verb);

#endif
