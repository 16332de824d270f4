/* rollcall: finds the verb, runs it, writes what it has to say. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "cli/cli.h"
#include "cli/follow.h"

#define FILTER_HELP                                                                                \
    "  -f, --filter KEY=VALUE  only rows that fit; values of one key are alternatives, all keys\n" \
    "                          (and all labels) must fit: id (prefix), name (regular "             \
    "expression),\n"                                                                               \
    "                          label (KEY or KEY=VALUE), status, health, exited, ancestor, "       \
    "network,\n"                                                                                   \
    "                          publish (8080, 8000-8010/udp), workload, role, kind\n"              \
    "      --managed           only the platform's own containers\n"

const rc_verb rc_verbs[] = {
    {"ps", "Lists containers, newest first; without -a those that run, as docker ps does",
     "[-a] [-q] [--no-trunc] [-f KEY=VALUE]… [--managed] [--json]",
     "  -a, --all               all of them; a status or exited filter implies it\n"
     "  -q, --quiet             only IDs\n"
     "      --no-trunc          nothing cut\n" FILTER_HELP
     "      --json              one row a line\n",
     rc_verb_ps},
    {"inspect", "Prints rows as a JSON array", "ID|NAME|PREFIX…",
     "What is found is printed even if something else is not (exit 3) or is ambiguous (exit 1).\n",
     rc_verb_inspect},
    {"watch", "Follows the changes as they are committed",
     "[--since EPOCH:REV] [-f KEY=VALUE]… [--managed] [--json]",
     "      --since EPOCH:REV   every change after that revision, then what follows\n" FILTER_HELP
     "      --json              the feed's lines, as GET /v1/watch writes them\n\n"
     "Plain lines are: TIME REVISION put|del CAUSE ACTION STATE NAME ID, \"-\" where there is "
     "none.\n"
     "Ends with 1 where it cannot go on without a gap (revision_too_old, epoch_changed), with 4 "
     "when\n"
     "the daemon goes, and by the signal on SIGINT and SIGTERM (130 and 143 to a shell).\n",
     rc_verb_watch},
    {"wait", "Waits until a container is as wanted", "ID|NAME --for STATE [--timeout DURATION]",
     "      --for STATE         running, healthy, exited (prints the exit code), gone, created,\n"
     "                          paused, restarting, removing, dead, missing, pending, unhealthy\n"
     "      --timeout DURATION  as in 30s or 1m30s; then exit 5. 0 only looks. Default: for "
     "ever\n\n"
     "A container that is not there yet is waited for by its name where it can still become what "
     "is\n"
     "wanted; and so is one that takes over the name.\n",
     rc_verb_wait},
    {"port", "Prints published ports", "ID|NAME|PREFIX [PORT[/PROTOCOL]]",
     "With PORT only where that is published: ADDRESS:PORT a line, or exit 3.\n", rc_verb_port},
    {"status", "Says how daemon, engine and index stand", "[--json]", "", rc_verb_status},
    {"resync", "Asks the daemon to list all containers anew", "",
     "Returns when the daemon has taken it on.\n", rc_verb_resync},
    {"healthcheck", "Exits with 0 if the mirror is fresh, else says why not", "",
     "1: the last committed list is older than two resync intervals. 4: the daemon is not live.\n",
     rc_verb_healthcheck},
    {"version", "Prints the version", "", "", rc_verb_version},
    {"help", "Explains a verb", "[VERB]", "", rc_verb_help},
};
const size_t rc_n_verbs = RC_ARRAY_LEN(rc_verbs);

static const rc_verb *find_verb(const char *name)
{
    for (size_t i = 0; i < rc_n_verbs; i++)
        if (strcmp(rc_verbs[i].name, name) == 0)
            return &rc_verbs[i];
    return NULL;
}

static int unknown_verb(const char *name)
{
    char shown[64];
    rc_say("no such verb: %s (rollcall help lists them)",
           rc_escape_into(shown, sizeof(shown), rc_str_c(name)));
    return RC_EXIT_USAGE;
}

static void print_overview(rc_buf *out)
{
    rc_buf_puts(out, "usage: rollcall [--index DIR] [--socket PATH] [--stale-ok] VERB …\n\n");
    for (size_t i = 0; i < rc_n_verbs; i++)
        rc_buf_printf(out, "  %-12s %s\n", rc_verbs[i].name, rc_verbs[i].summary);
    rc_buf_puts(
        out, "\n"
             "  --index DIR    the index (ROLLCALL_INDEX; else $XDG_RUNTIME_DIR/rollcall where it\n"
             "                 is, else /run/rollcall)\n"
             "  --socket PATH  the daemon's API (ROLLCALL_SOCKET; else api.sock in the index)\n"
             "  --stale-ok     read on, with a warning, though the daemon is not live\n"
             "  -h, --help     of a verb, too\n\n"
             "exit codes: 0; 1 failure; 2 usage; 3 not found; 4 the daemon is not live; 5 wait\n"
             "timed out\n");
}

int rc_verb_help(rc_cli *cli, int argc, char **argv)
{
    int exit_code = RC_EXIT_OK;
    if (!rc_cli_options(cli, NULL, 0, 0, 1, argc, argv, &argc, &exit_code))
        return exit_code;
    const rc_verb *verb = argc ? find_verb(argv[0]) : NULL;
    if (argc && !verb)
        return unknown_verb(argv[0]);
    if (verb)
        rc_cli_help(cli, verb);
    else
        print_overview(&cli->out.buf);
    return RC_EXIT_OK;
}

int rc_verb_version(rc_cli *cli, int argc, char **argv)
{
    int exit_code = RC_EXIT_OK;
    if (rc_cli_options(cli, NULL, 0, 0, 0, argc, argv, &argc, &exit_code))
        rc_buf_puts(&cli->out.buf, "rollcall " ROLLCALL_VERSION "\n");
    return exit_code;
}

static int run(rc_cli *cli, int argc, char **argv)
{
    rc_error err = RC_ERROR_INIT;
    rc_option options[RC_CLI_GLOBALS + 1];
    bool version = false;
    int operands = 0;
    rc_cli_globals(cli, options);
    options[RC_CLI_GLOBALS] = (rc_option){.name = "version", .flag = &version};
    const rc_option_set set = {options, RC_ARRAY_LEN(options)};
    if (rc_options_parse(&set, 1, true, argc, argv, &operands, &err)) {
        rc_say("%s", err.msg);
        return RC_EXIT_USAGE;
    }
    if (version || (cli->help && operands == 0)) {
        cli->help = false;
        return version ? rc_verb_version(cli, 0, argv) : rc_verb_help(cli, 0, argv);
    }
    if (operands == 0) {
        rc_say("a verb is missing (rollcall help lists them)");
        return RC_EXIT_USAGE;
    }
    cli->verb = find_verb(argv[0]);
    return cli->verb ? cli->verb->run(cli, operands - 1, argv + 1) : unknown_verb(argv[0]);
}

/* A pipe that nobody reads ends us as it ends everybody: quietly, by the signal. */
static int write_failed(const rc_error *err, void (*sigpipe)(int))
{
    if (err->code != RC_CLOSED)
        return rc_cli_fail(err);
    if (sigpipe != SIG_IGN) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)raise(SIGPIPE);
    }
    return RC_EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    rc_error err = RC_ERROR_INIT;
    rc_cli cli = {.index = getenv("ROLLCALL_INDEX"), .socket = getenv("ROLLCALL_SOCKET")};
    /* Until the reader is closed, for it holds a slot in the index. */
    void (*sigpipe)(int) = signal(SIGPIPE, SIG_IGN);
    rc_out_init(&cli.out, STDOUT_FILENO);
    int exit_code = run(&cli, argc > 0 ? argc - 1 : 0, argc > 0 ? argv + 1 : argv);
    rc_reader_close(cli.reader);
    if (rc_out_flush(&cli.out, &err))
        exit_code = write_failed(&err, sigpipe);
    rc_out_release(&cli.out);
    rc_follow_raise();
    return exit_code;
}
