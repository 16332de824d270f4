/* The verbs' common ground: options, opening the index, what is said when something is wrong. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"

#define SHOWN_MAX 160 /* of foreign text in a message */

int rc_cli_fail(const rc_error *err)
{
    /* A closed pipe needs no words. */
    if (err->msg[0])
        rc_say("%s", err->msg);
    return err->code == RC_NOTFOUND ? RC_EXIT_NOTFOUND : RC_EXIT_FAILURE;
}

int rc_cli_add_filter(void *filter, const char *value, rc_error *err)
{
    return rc_filter_add_pair(filter, rc_str_c(value), err);
}

void rc_cli_put_json(rc_cli *cli, rc_buf *to, rc_str json)
{
    if (cli->out.terminal)
        rc_json_show(to, json, false);
    else
        rc_buf_str(to, json);
}

/* ---- options ---- */

void rc_cli_globals(rc_cli *cli, rc_option out[RC_CLI_GLOBALS])
{
    const rc_option globals[RC_CLI_GLOBALS] = {
        {.name = "index", .value = &cli->index},
        {.name = "socket", .value = &cli->socket},
        {.name = "stale-ok", .flag = &cli->stale_ok},
        {.name = "help", .letter = 'h', .flag = &cli->help},
    };
    memcpy(out, globals, sizeof(globals));
}

void rc_cli_help(rc_cli *cli, const rc_verb *verb)
{
    rc_buf_printf(&cli->out.buf, "usage: rollcall %s%s%s\n\n%s.\n", verb->name,
                  verb->usage[0] ? " " : "", verb->usage, verb->summary);
    if (verb->help[0])
        rc_buf_printf(&cli->out.buf, "\n%s", verb->help);
}

bool rc_cli_options(rc_cli *cli, const rc_option *options, size_t n, int min, int max, int argc,
                    char **argv, int *ret_argc, int *ret_exit)
{
    rc_error err = RC_ERROR_INIT;
    rc_option globals[RC_CLI_GLOBALS];
    int operands = 0;
    rc_cli_globals(cli, globals);
    const rc_option_set sets[] = {{options, n}, {globals, RC_CLI_GLOBALS}};
    int code = rc_options_parse(sets, RC_ARRAY_LEN(sets), false, argc, argv, &operands, &err);
    if (code == RC_OK && cli->help) {
        rc_cli_help(cli, cli->verb);
        *ret_exit = RC_EXIT_OK;
        return false;
    }
    if (code == RC_OK && (operands < min || operands > max))
        code = rc_fail(&err, RC_INVALID, "%s",
                       operands < min ? "an argument is missing" : "too many arguments");
    if (code) {
        rc_say("%s: %s", cli->verb->name, err.msg);
        rc_say("usage: rollcall %s %s", cli->verb->name, cli->verb->usage);
        *ret_exit = code == RC_INVALID ? RC_EXIT_USAGE : RC_EXIT_FAILURE;
        return false;
    }
    *ret_argc = operands;
    return true;
}

/* ---- the index ---- */

/* The daemon's own default: /run/rollcall, or the user's runtime directory. A user without a daemon
 * of their own means the system's. */
static const char *default_index(rc_cli *cli)
{
    const char *runtime = geteuid() ? getenv("XDG_RUNTIME_DIR") : NULL;
    if (runtime && runtime[0]) {
        int n = snprintf(cli->default_index, sizeof(cli->default_index), "%s/rollcall", runtime);
        if (n > 0 && (size_t)n < sizeof(cli->default_index) &&
            access(cli->default_index, F_OK) == 0)
            return cli->default_index;
    }
    return "/run/rollcall";
}

static const char *index_path(rc_cli *cli)
{
    if (!cli->index || !cli->index[0])
        cli->index = default_index(cli);
    return cli->index;
}

static int open_failed(const rc_cli *cli, const rc_error *err)
{
    char path[SHOWN_MAX];
    (void)rc_escape_into(path, sizeof(path), rc_str_c(cli->index));
    if (err->code == RC_NOTFOUND) {
        rc_say("no index at %s: rollcalld does not run, or keeps it elsewhere (--index)", path);
        return RC_EXIT_NOT_LIVE;
    }
    rc_say("the index at %s: %s", path, err->msg);
    return RC_EXIT_FAILURE;
}

void rc_cli_socket_path(rc_cli *cli, rc_buf *out)
{
    if (cli->socket && cli->socket[0])
        rc_buf_puts(out, cli->socket);
    else
        rc_buf_printf(out, "%s/api.sock", index_path(cli));
    rc_buf_putc(out, '\0');
}

int rc_cli_check_live(rc_cli *cli)
{
    char path[SHOWN_MAX];
    enum rc_writer_state writer = rc_reader_writer(cli->reader);
    if (writer == RC_WRITER_LIVE)
        return RC_EXIT_OK;
    if (cli->stale_ok && cli->warned)
        return RC_EXIT_OK;
    (void)rc_escape_into(path, sizeof(path), rc_str_c(cli->index));
    rc_say("%s (index %s)%s",
           writer == RC_WRITER_HUNG ? "the daemon hangs: it gives no sign of life"
                                    : "the daemon is gone",
           path, cli->stale_ok ? ": the rows show what was last known" : "");
    cli->warned = true;
    return cli->stale_ok ? RC_EXIT_OK : RC_EXIT_NOT_LIVE;
}

int rc_cli_open(rc_cli *cli)
{
    rc_error err = RC_ERROR_INIT;
    if (rc_reader_open(index_path(cli), &cli->reader, &err))
        return open_failed(cli, &err);
    return rc_cli_check_live(cli);
}

static void warn_if_away(rc_cli *cli, const rc_mirror_status *mirror)
{
    char since[RC_TIME_MAX];
    if (mirror->state == RC_MIRROR_LIVE || cli->warned)
        return;
    cli->warned = true;
    if (mirror->state == RC_MIRROR_SYNCING) {
        rc_say("the engine's first list is on its way: rows may be missing or old");
    } else if (mirror->stale_since_ns) {
        (void)rc_time_format(since, mirror->stale_since_ns);
        rc_say("the engine is away since %s: the rows show what was last known", since);
    } else {
        rc_say("the engine has not answered yet: the rows show what was last known");
    }
}

int rc_cli_snapshot(rc_cli *cli, rc_snapshot **out)
{
    rc_error err = RC_ERROR_INIT;
    if (rc_snapshot_begin(cli->reader, out, &err))
        return open_failed(cli, &err);
    warn_if_away(cli, rc_snapshot_mirror(*out));
    return RC_EXIT_OK;
}

/* ---- a container that was not found ---- */

#define CANDIDATES_SHOWN 4

/* Those that a key fits, as rc_snapshot_find sees it: " ab12cd34ef56 (web)," and so on. */
static int name_candidates(rc_snapshot *s, rc_str key, rc_buf *out, rc_error *err)
{
    rc_rows *rows = NULL;
    rc_row row;
    unsigned n = 0;
    int code = rc_rows_open(s, RC_STR_EMPTY, &rows, err);
    if (code)
        return code;
    while ((code = rc_rows_next(rows, &row, err)) == RC_OK) {
        char name[64];
        if (!rc_str_eq(row.name, key) && !rc_str_starts(row.id, key))
            continue;
        if (n++ < CANDIDATES_SHOWN)
            rc_buf_printf(out, "%s %.12s (%s)", n > 1 ? "," : "", row.id.ptr,
                          rc_escape_into(name, sizeof(name), row.name));
    }
    rc_rows_close(rows);
    if (n > CANDIDATES_SHOWN)
        rc_buf_printf(out, " and %u more", n - CANDIDATES_SHOWN);
    return code == RC_NOTFOUND ? RC_OK : code;
}

int rc_cli_unfound(rc_snapshot *s, const char *key, const rc_error *err)
{
    char shown[SHOWN_MAX];
    rc_error why = *err;
    rc_str wanted = rc_str_c(key);
    (void)rc_escape_into(shown, sizeof(shown), wanted);
    if (err->code == RC_NOTFOUND) {
        rc_say("no such container: %s", shown);
        return RC_EXIT_NOTFOUND;
    }
    if (err->code != RC_AMBIGUOUS)
        return rc_cli_fail(err);
    if (wanted.len && wanted.ptr[0] == '/')
        wanted = rc_str_c(key + 1);
    rc_buf candidates = RC_BUF_INIT(4096);
    if (name_candidates(s, wanted, &candidates, &why))
        (void)rc_cli_fail(&why);
    else
        rc_say("%s fits several containers:%.*s", shown, RC_STR_ARG(rc_buf_view(&candidates)));
    rc_buf_release(&candidates);
    return RC_EXIT_FAILURE;
}
