/* rollcall watch: the change log as it grows, as plain lines or as the feed's. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/show.h"
#include "reader/feed.h"
#include "wire/encode.h"

/* What is gathered before a snapshot is let go and the lines are written. A slow reader of ours
 * must not hold a snapshot; should the log move on past the cursor meanwhile, it is told. */
#define BATCH_BYTES (256U << 10)

struct watch {
    rc_cli *cli;
    rc_filter *filter;
    rc_feed *feed;
    bool json;
    const char *since; /* EPOCH:REV */
    uint64_t epoch;
    uint64_t rev; /* the cursor: what was told so far */
    rc_mirror_status mirror;
    rc_buf line;
};

static bool parse_since(const char *text, uint64_t *ret_epoch, uint64_t *ret_rev)
{
    const char *colon = strchr(text, ':');
    uint64_t rev = 0;
    if (!colon || !colon[1] || !rc_epoch_parse(rc_str_n(text, (size_t)(colon - text)), ret_epoch))
        return false;
    for (const char *p = colon + 1; *p; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (*p < '0' || *p > '9' || rev > (UINT64_MAX - digit) / 10)
            return false;
        rev = rev * 10 + digit;
    }
    *ret_rev = rev;
    return true;
}

/* ---- lines ---- */

struct plain {
    rc_buf *out;
    const char *time;
    uint64_t rev;
};

static int put_plain(void *arg, const rc_feed_step *step)
{
    const struct plain *p = arg;
    rc_buf *out = p->out;
    rc_buf_printf(out, "%s %" PRIu64 " %s %s ", p->time, p->rev, rc_change_op_name(step->op),
                  step->cause);
    rc_show_word(out, step->action);
    rc_buf_printf(out, " %s ", step->row ? rc_state_name(step->row->state) : "-");
    rc_show_word(out, step->row ? step->row->name : RC_STR_EMPTY);
    rc_buf_putc(out, ' ');
    rc_show_word(out, step->id);
    rc_buf_putc(out, '\n');
    return RC_OK;
}

/* Moves what a feed function wrote to stdout's buffer. */
static void put_line(struct watch *w)
{
    rc_cli_put_json(w->cli, &w->cli->out.buf, rc_buf_view(&w->line));
    w->cli->out.buf.failed |= w->line.failed;
    rc_buf_clear(&w->line);
}

static int put_entry(struct watch *w, rc_snapshot *s, uint64_t rev, rc_change_reader *entry,
                     rc_error *err)
{
    char time[RC_TIME_MAX];
    if (w->json) {
        int code = rc_feed_line(w->feed, s, rev, entry, rc_encode_row, &w->line, err);
        put_line(w);
        return code;
    }
    (void)rc_time_format(time, entry->time_ns);
    struct plain plain = {&w->cli->out.buf, time, rev};
    return rc_feed_each(w->feed, s, entry, put_plain, &plain, err);
}

static void put_mirror(struct watch *w, const rc_snapshot *s)
{
    const rc_mirror_status *now = rc_snapshot_mirror(s);
    if (now->state == w->mirror.state && now->synced == w->mirror.synced)
        return;
    w->mirror = *now;
    if (w->json) {
        rc_feed_bookmark(s, w->rev, &w->line);
        put_line(w);
    } else {
        rc_say("the mirror is %s", rc_mirror_state_name(now->state));
    }
}

/* The last line: this watch cannot go on. */
static int put_end(struct watch *w, rc_snapshot *s, const char *error)
{
    char epoch[RC_EPOCH_LEN + 1];
    if (w->json) {
        rc_feed_end(s, error, &w->line);
        put_line(w);
    }
    rc_epoch_format(epoch, rc_snapshot_epoch(s));
    if (strcmp(error, "epoch_changed") == 0)
        rc_say("%s: the index was made anew, its epoch is %s", error, epoch);
    else
        rc_say("%s: the change log begins at %" PRIu64 " and revision %" PRIu64 " was asked for",
               error, rc_snapshot_oldest(s), w->rev);
    return RC_EXIT_FAILURE;
}

/* ---- following ---- */

/* Tells of revisions until the snapshot has no more or a batch is full. *ret_more: which. */
static int tell(struct watch *w, rc_snapshot *s, bool *ret_more)
{
    rc_error err = RC_ERROR_INIT;
    rc_log_cursor *cursor = NULL;
    rc_change_reader entry;
    uint64_t rev = 0;
    *ret_more = false;
    if (rc_snapshot_epoch(s) != w->epoch)
        return put_end(w, s, "epoch_changed");
    int code = rc_log_open(s, w->rev, &cursor, &err);
    while (!code && !(*ret_more = w->cli->out.buf.len >= BATCH_BYTES)) {
        code = rc_log_next(cursor, &rev, &entry, &err);
        if (!code)
            code = put_entry(w, s, rev, &entry, &err);
        if (!code)
            w->rev = rev;
    }
    rc_log_close(cursor);
    if (code == RC_TOOOLD)
        return put_end(w, s, "revision_too_old");
    if (code && code != RC_NOTFOUND)
        return rc_cli_fail(&err);
    if (!*ret_more)
        put_mirror(w, s);
    return RC_EXIT_OK;
}

static int catch_up(struct watch *w)
{
    bool more = true;
    while (more) {
        rc_error err = RC_ERROR_INIT;
        rc_snapshot *s = NULL;
        int exit_code = rc_cli_snapshot(w->cli, &s);
        if (exit_code)
            return exit_code;
        exit_code = tell(w, s, &more);
        rc_snapshot_end(s);
        if (rc_out_flush(&w->cli->out, &err))
            return rc_cli_fail(&err);
        if (exit_code)
            return exit_code;
    }
    return RC_EXIT_OK;
}

static int follow(struct watch *w)
{
    rc_error err = RC_ERROR_INIT;
    int code = RC_OK;
    while (code == RC_OK) {
        /* Asked first: what a daemon committed before it ended is still told. */
        bool live = rc_reader_writer(w->cli->reader) == RC_WRITER_LIVE;
        int exit_code = catch_up(w);
        if (exit_code)
            return exit_code;
        if (!live && (exit_code = rc_cli_check_live(w->cli)))
            return exit_code;
        code = rc_follow_wait(w->cli->reader, w->cli->out.fd, INT64_MAX, &err);
    }
    if (code == RC_CANCELLED)
        return RC_EXIT_OK;
    if (code == RC_CLOSED)
        w->cli->out.broken = RC_CLOSED;
    return rc_cli_fail(&err);
}

/* Places the cursor and says hello. */
static int begin(struct watch *w)
{
    rc_error err = RC_ERROR_INIT;
    rc_snapshot *s = NULL;
    int exit_code = rc_cli_snapshot(w->cli, &s);
    if (exit_code)
        return exit_code;
    if (!w->since) {
        w->epoch = rc_snapshot_epoch(s);
        w->rev = rc_snapshot_rev(s);
        exit_code = rc_feed_seed(w->feed, s, &err) ? rc_cli_fail(&err) : RC_EXIT_OK;
    } else if (rc_snapshot_epoch(s) != w->epoch) {
        exit_code = put_end(w, s, "epoch_changed");
    } else if (w->rev > rc_snapshot_rev(s)) {
        rc_say("revision %" PRIu64 " is not there yet: the last one is %" PRIu64, w->rev,
               rc_snapshot_rev(s));
        exit_code = RC_EXIT_FAILURE;
    }
    w->mirror = *rc_snapshot_mirror(s);
    if (!exit_code && w->json) {
        rc_feed_hello(s, w->rev, &w->line);
        put_line(w);
    }
    rc_snapshot_end(s);
    return exit_code;
}

static int watch(struct watch *w)
{
    rc_error err = RC_ERROR_INIT;
    int exit_code = rc_cli_open(w->cli);
    if (exit_code)
        return exit_code;
    if (!(w->feed = rc_feed_new(w->filter))) {
        rc_say("out of memory");
        return RC_EXIT_FAILURE;
    }
    if (rc_follow_start(w->cli->reader, &err))
        return rc_cli_fail(&err);
    exit_code = begin(w);
    return exit_code ? exit_code : follow(w);
}

int rc_verb_watch(rc_cli *cli, int argc, char **argv)
{
    bool managed = false;
    int exit_code = RC_EXIT_OK;
    struct watch w = {.cli = cli, .line = RC_BUF_INIT(0)};
    rc_filter *filter = rc_filter_new();
    if (!filter) {
        rc_say("out of memory");
        return RC_EXIT_FAILURE;
    }
    const rc_option options[] = {
        {.name = "since", .value = &w.since},
        {.name = "json", .flag = &w.json},
        {.name = "managed", .flag = &managed},
        {.name = "filter", .letter = 'f', .each = rc_cli_add_filter, .arg = filter},
    };
    bool go =
        rc_cli_options(cli, options, RC_ARRAY_LEN(options), 0, 0, argc, argv, &argc, &exit_code);
    if (go && w.since && !parse_since(w.since, &w.epoch, &w.rev)) {
        rc_say("watch: --since is EPOCH:REV, as in 7f3a00000000c0de:184460");
        exit_code = RC_EXIT_USAGE;
        go = false;
    }
    if (managed)
        rc_filter_only_managed(filter);
    w.filter = rc_filter_empty(filter) ? NULL : filter;
    if (go)
        exit_code = watch(&w);
    rc_feed_free(w.feed);
    rc_filter_free(filter);
    rc_buf_release(&w.line);
    return exit_code;
}
