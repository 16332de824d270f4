/* rollcall inspect and port: what is asked of single containers. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "wire/encode.h"

/* ---- inspect ---- */

/* Of several failures, one that is not "not found" is the exit code. */
static int worse(int a, int b)
{
    return a == RC_EXIT_OK || a == RC_EXIT_NOTFOUND ? (b ? b : a) : a;
}

static int encode_found(rc_snapshot *s, int n, char **keys, rc_buf *json)
{
    int exit_code = RC_EXIT_OK;
    rc_json j;
    rc_json_init(&j, json);
    rc_json_array(&j);
    for (int i = 0; i < n; i++) {
        rc_error err = RC_ERROR_INIT;
        rc_row row;
        if (rc_snapshot_find(s, rc_str_c(keys[i]), &row, &err) == RC_OK)
            rc_encode_row(&j, &row);
        else
            exit_code = worse(exit_code, rc_cli_unfound(s, keys[i], &err));
    }
    rc_json_array_end(&j);
    return exit_code;
}

int rc_verb_inspect(rc_cli *cli, int argc, char **argv)
{
    rc_snapshot *s = NULL;
    int exit_code = RC_EXIT_OK;
    if (!rc_cli_options(cli, NULL, 0, 1, argc, argc, argv, &argc, &exit_code))
        return exit_code;
    if ((exit_code = rc_cli_open(cli)) || (exit_code = rc_cli_snapshot(cli, &s)))
        return exit_code;
    rc_buf json = RC_BUF_INIT(0);
    exit_code = encode_found(s, argc, argv, &json);
    rc_snapshot_end(s);
    rc_json_show(&cli->out.buf, rc_buf_view(&json), true);
    rc_buf_putc(&cli->out.buf, '\n');
    cli->out.buf.failed |= json.failed;
    rc_buf_release(&json);
    return exit_code;
}

/* ---- port ---- */

struct wanted_port {
    bool any;
    unsigned port;
    const char *protocol;
};

static bool parse_port(const char *text, struct wanted_port *out)
{
    unsigned port = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9' && port <= UINT16_MAX; p++)
        port = port * 10 + (unsigned)(*p - '0');
    if (p == text || port == 0 || port > UINT16_MAX || (*p && (*p != '/' || !p[1])))
        return false;
    *out = (struct wanted_port){.port = port, .protocol = *p ? p + 1 : "tcp"};
    return true;
}

static unsigned print_ports(const rc_row *row, const struct wanted_port *wanted, rc_buf *out)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < row->n_ports; i++) {
        const rc_port *p = &row->ports[i];
        if (p->public_port == 0)
            continue;
        if (!wanted->any &&
            (p->private_port != wanted->port || !rc_str_eq_c(p->protocol, wanted->protocol)))
            continue;
        n++;
        if (wanted->any) {
            rc_buf_printf(out, "%u/", p->private_port);
            rc_escape(out, p->protocol);
            rc_buf_puts(out, " -> ");
        }
        rc_show_address(out, p->ip);
        rc_buf_printf(out, "%u\n", p->public_port);
    }
    return n;
}

static int port_of(rc_cli *cli, rc_snapshot *s, const char *key, const struct wanted_port *wanted)
{
    rc_error err = RC_ERROR_INIT;
    rc_row row;
    char shown[128];
    if (rc_snapshot_find(s, rc_str_c(key), &row, &err))
        return rc_cli_unfound(s, key, &err);
    if (print_ports(&row, wanted, &cli->out.buf) || wanted->any)
        return RC_EXIT_OK;
    rc_say("port %u/%s of %s is not published%s", wanted->port, wanted->protocol,
           rc_escape_into(shown, sizeof(shown), rc_str_c(key)),
           row.partial ? " (details are still being read)" : "");
    return RC_EXIT_NOTFOUND;
}

int rc_verb_port(rc_cli *cli, int argc, char **argv)
{
    rc_snapshot *s = NULL;
    struct wanted_port wanted = {.any = true};
    int exit_code = RC_EXIT_OK;
    char shown[128];
    if (!rc_cli_options(cli, NULL, 0, 1, 2, argc, argv, &argc, &exit_code))
        return exit_code;
    if (argc == 2 && !parse_port(argv[1], &wanted)) {
        rc_say("port: not a PORT[/PROTOCOL]: %s",
               rc_escape_into(shown, sizeof(shown), rc_str_c(argv[1])));
        return RC_EXIT_USAGE;
    }
    if ((exit_code = rc_cli_open(cli)) || (exit_code = rc_cli_snapshot(cli, &s)))
        return exit_code;
    exit_code = port_of(cli, s, argv[0], &wanted);
    rc_snapshot_end(s);
    return exit_code;
}
