/* rollcall status, resync and healthcheck: what concerns the daemon and not a container. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "cli/cli.h"
#include "cli/post.h"
#include "cli/show.h"
#include "reader/feed.h"
#include "reader/status.h"
#include "wire/decode.h"

/* ---- status ---- */

static void put_label(rc_buf *out, const char *label)
{
    rc_buf_printf(out, "%-13s", label);
}

static void put_text(rc_buf *out, const char *text)
{
    rc_show_word(out, rc_str_c(text));
}

static void put_size(rc_buf *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)bytes;
    size_t unit = 0;
    for (; v >= 1024 && unit + 1 < RC_ARRAY_LEN(units); unit++)
        v /= 1024;
    rc_buf_printf(out, unit && v < 10 ? "%.1f %s" : "%.0f %s", v, units[unit]);
}

static void put_daemon(rc_buf *out, const rc_status *s, int64_t now_ns)
{
    put_label(out, "Daemon");
    rc_buf_printf(out, "%s, pid %" PRIu32 ", version ", rc_writer_state_name(s->writer),
                  s->live.pid);
    put_text(out, s->live.version);
    rc_buf_puts(out, ", started ");
    rc_show_ago(out, s->live.started_ns, now_ns);
    rc_buf_putc(out, '\n');
    put_label(out, "Ready");
    rc_buf_puts(out, s->ready ? "yes" : "no: ");
    rc_buf_puts(out, s->ready ? "" : s->not_ready.msg);
    rc_buf_putc(out, '\n');
}

static void put_engine(rc_buf *out, const rc_status *s, int64_t now_ns)
{
    put_label(out, "Engine");
    put_text(out, s->live.endpoint);
    rc_buf_puts(out, ", version ");
    put_text(out, s->live.engine_version);
    rc_buf_puts(out, ", API ");
    put_text(out, s->live.api_version);
    rc_buf_putc(out, '\n');
    put_label(out, "Mirror");
    rc_buf_puts(out, rc_mirror_state_name(s->mirror.state));
    if (s->mirror.stale_since_ns) {
        rc_buf_puts(out, ", stale since ");
        rc_show_ago(out, s->mirror.stale_since_ns, now_ns);
    }
    rc_buf_putc(out, '\n');
    if (s->live.last_error[0]) {
        put_label(out, "Last error");
        put_text(out, s->live.last_error);
        rc_buf_putc(out, '\n');
    }
}

static void put_times(rc_buf *out, const rc_status *s, int64_t now_ns)
{
    char took[RC_TIME_MAX];
    put_label(out, "Last resync");
    if (s->live.resync_ns) {
        int64_t shown = s->live.resync_took_ns;
        shown -= shown % (shown >= RC_NS_PER_MS ? RC_NS_PER_MS : 1000); /* nobody wants more */
        (void)rc_duration_format(took, shown);
        rc_show_ago(out, s->live.resync_ns, now_ns);
        rc_buf_printf(out, ", took %s", took);
    } else {
        rc_buf_puts(out, "none");
    }
    rc_buf_putc(out, '\n');
    put_label(out, "Last event");
    if (s->live.event_ns)
        rc_show_ago(out, s->live.event_ns, now_ns);
    else
        rc_buf_puts(out, "none");
    rc_buf_putc(out, '\n');
}

static void put_index(rc_buf *out, const rc_status *s)
{
    char epoch[RC_EPOCH_LEN + 1];
    rc_epoch_format(epoch, s->epoch);
    put_label(out, "Index");
    put_text(out, s->path);
    rc_buf_puts(out, ", ");
    put_size(out, s->live.used_bytes);
    rc_buf_puts(out, " of ");
    put_size(out, s->live.max_used_bytes);
    rc_buf_printf(out, ", %" PRIu32 " readers\n", s->live.readers);
    put_label(out, "Revision");
    rc_buf_printf(out, "%s:%" PRIu64 ", the log begins at %" PRIu64 "\n", epoch, s->rev,
                  s->oldest_rev);
}

static void put_containers(rc_buf *out, const rc_status *s)
{
    bool any = false;
    put_label(out, "Containers");
    for (int i = 0; i < RC_STATE_COUNT; i++) {
        if (s->live.containers[i] == 0)
            continue;
        rc_buf_printf(out, "%s%" PRIu64 " %s", any ? ", " : "", s->live.containers[i],
                      rc_state_name((enum rc_state)i));
        any = true;
    }
    rc_buf_puts(out, any ? "\n" : "none\n");
}

static uint64_t sum(const rc_status *s, unsigned first, unsigned n)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < n; i++)
        total += s->counters[first + i];
    return total;
}

static void put_counters(rc_buf *out, const rc_status *s)
{
    put_label(out, "Events");
    rc_buf_printf(out, "%" PRIu64 " read, %" PRIu64 " of no row, %" PRIu64 " bad\n",
                  sum(s, RC_STAT_EVENTS, RC_ACTION_COUNT), s->counters[RC_STAT_EVENTS_IGNORED],
                  s->counters[RC_STAT_EVENTS_BAD] + s->counters[RC_STAT_EVENTS_OVERSIZE]);
    put_label(out, "Resyncs");
    rc_buf_printf(out, "%" PRIu64 " done, %" PRIu64 " failed, %" PRIu64 " corrections of drift\n",
                  s->counters[RC_STAT_RESYNCS], s->counters[RC_STAT_RESYNC_FAILURES],
                  s->counters[rc_stat_correction(RC_ADDED, RC_BY_DRIFT)] +
                      s->counters[rc_stat_correction(RC_CHANGED, RC_BY_DRIFT)] +
                      s->counters[rc_stat_correction(RC_REMOVED, RC_BY_DRIFT)]);
    put_label(out, "Reconnects");
    rc_buf_printf(out, "%" PRIu64 "\n", sum(s, RC_STAT_RECONNECTS, RC_RECONNECT_REASONS));
}

static void put_page(rc_buf *out, const rc_status *s)
{
    int64_t now_ns = rc_clock_real();
    put_daemon(out, s, now_ns);
    put_engine(out, s, now_ns);
    put_times(out, s, now_ns);
    put_containers(out, s);
    put_index(out, s);
    put_counters(out, s);
}

static void put_status_json(rc_cli *cli, const rc_status *s)
{
    rc_json j;
    rc_buf text = RC_BUF_INIT(0);
    rc_json_init(&j, &text);
    rc_status_encode(&j, s);
    rc_buf_putc(&text, '\n');
    rc_cli_put_json(cli, &cli->out.buf, rc_buf_view(&text));
    cli->out.buf.failed |= text.failed;
    rc_buf_release(&text);
}

int rc_verb_status(rc_cli *cli, int argc, char **argv)
{
    rc_error err = RC_ERROR_INIT;
    rc_status status;
    bool json = false;
    int exit_code = RC_EXIT_OK;
    const rc_option options[] = {{.name = "json", .flag = &json}};
    if (!rc_cli_options(cli, options, 1, 0, 0, argc, argv, &argc, &exit_code))
        return exit_code;
    if ((exit_code = rc_cli_open(cli)))
        return exit_code;
    if (rc_status_read(cli->reader, &status, &err))
        return rc_cli_fail(&err);
    status.path = cli->index;
    if (json)
        put_status_json(cli, &status);
    else
        put_page(&cli->out.buf, &status);
    return RC_EXIT_OK;
}

/* ---- healthcheck ---- */

int rc_verb_healthcheck(rc_cli *cli, int argc, char **argv)
{
    rc_error why = RC_ERROR_INIT;
    int exit_code = RC_EXIT_OK;
    if (!rc_cli_options(cli, NULL, 0, 0, 0, argc, argv, &argc, &exit_code))
        return exit_code;
    /* A daemon that is not live is what this is to find out. */
    cli->stale_ok = false;
    if ((exit_code = rc_cli_open(cli)))
        return exit_code;
    if (rc_reader_ready(cli->reader, &why))
        return RC_EXIT_OK;
    rc_say("not ready: %s", why.msg);
    return RC_EXIT_FAILURE;
}

/* ---- resync ---- */

static int report(int status, rc_buf *body)
{
    if (status == 202 || status == 200)
        return RC_EXIT_OK;
    rc_wire_init();
    rc_decoder *decoder = rc_decoder_new();
    rc_str message = decoder ? rc_decode_error(decoder, body->data, body->len) : RC_STR_EMPTY;
    rc_say("the daemon refused the resync: HTTP status %d%s%.*s", status, message.len ? ": " : "",
           RC_STR_ARG(message));
    rc_decoder_free(decoder);
    return RC_EXIT_FAILURE;
}

int rc_verb_resync(rc_cli *cli, int argc, char **argv)
{
    rc_error err = RC_ERROR_INIT;
    int status = 0;
    int exit_code = RC_EXIT_OK;
    if (!rc_cli_options(cli, NULL, 0, 0, 0, argc, argv, &argc, &exit_code))
        return exit_code;
    rc_buf path = RC_BUF_INIT(4096);
    rc_buf body = RC_BUF_INIT(RC_POST_MAX);
    rc_cli_socket_path(cli, &path);
    int code = rc_buf_failed(&path) ? rc_fail(&err, RC_INVALID, "the API socket's path is too long")
                                    : rc_post(path.data, "/v1/resync", &status, &body, &err);
    exit_code = code ? rc_cli_fail(&err) : report(status, &body);
    if (code == RC_CLOSED || code == RC_TIMEOUT)
        exit_code = RC_EXIT_NOT_LIVE;
    rc_buf_release(&path);
    rc_buf_release(&body);
    return exit_code;
}
