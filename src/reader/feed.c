/* The feed: which steps of the change log a reader is told of, and the lines that tell. */
#include "reader/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/idmap.h"

struct told {
    rc_id id; /* first: rc_idmap's */
    bool here;
};

struct rc_feed {
    const rc_filter *filter;
    rc_idmap *told; /* by id: does the reader have the row? NULL without a filter */
    bool seeded;    /* what is not in `told` the reader does not have; else nobody knows */
};

rc_feed *rc_feed_new(const rc_filter *filter)
{
    rc_feed *feed = calloc(1, sizeof(*feed));
    if (!feed)
        return NULL;
    feed->filter = filter;
    if (filter && !(feed->told = rc_idmap_new(sizeof(struct told)))) {
        free(feed);
        return NULL;
    }
    return feed;
}

rc_feed *rc_feed_free(rc_feed *feed)
{
    if (feed && feed->told)
        rc_idmap_free(feed->told);
    free(feed);
    return NULL;
}

/* ---- which rows the reader has ---- */

static bool reader_has(const rc_feed *feed, const rc_id *id)
{
    const struct told *t = rc_idmap_get(feed->told, id);
    return t ? t->here : !feed->seeded;
}

/* Once seeded, only what the reader has is kept. */
static int note(rc_feed *feed, const rc_id *id, bool here, rc_error *err)
{
    if (!here && feed->seeded) {
        (void)rc_idmap_remove(feed->told, id);
        return RC_OK;
    }
    struct told *t = rc_idmap_add(feed->told, id, NULL);
    if (!t)
        return rc_fail(err, RC_NOMEM, "feed: out of memory");
    t->here = here;
    return RC_OK;
}

int rc_feed_seed(rc_feed *feed, rc_snapshot *s, rc_error *err)
{
    rc_rows *rows = NULL;
    rc_row row;
    rc_id id;
    if (!feed->filter)
        return RC_OK;
    rc_idmap_clear(feed->told);
    feed->seeded = true;
    int code = rc_rows_open(s, RC_STR_EMPTY, &rows, err);
    if (code)
        return code;
    while ((code = rc_rows_next(rows, &row, err)) == RC_OK) {
        if (!rc_id_parse(row.id, &id) || !rc_filter_match(feed->filter, &row))
            continue;
        if ((code = note(feed, &id, true, err)))
            break;
    }
    rc_rows_close(rows);
    return code == RC_NOTFOUND ? RC_OK : code;
}

/* ---- steps ---- */

/* Turns a step into what the reader sees of it. *ret_show: anything at all? */
static int filter_step(rc_feed *feed, rc_feed_step *step, bool *ret_show, rc_error *err)
{
    rc_id id;
    bool fits = step->op == RC_CHANGE_PUT && rc_filter_match(feed->filter, step->row);
    *ret_show = true;
    if (!feed->filter)
        return RC_OK;
    if (!rc_id_parse(step->id, &id)) {
        *ret_show = fits;
        return RC_OK;
    }
    bool had = reader_has(feed, &id);
    *ret_show = fits || had;
    if (!fits && step->op == RC_CHANGE_PUT) {
        step->op = RC_CHANGE_DEL;
        step->cause = "filter";
    }
    return fits != had || (!feed->seeded && !rc_idmap_get(feed->told, &id))
               ? note(feed, &id, fits, err)
               : RC_OK;
}

int rc_feed_each(rc_feed *feed, rc_snapshot *s, rc_change_reader *entry,
                 int (*each)(void *arg, const rc_feed_step *step), void *arg, rc_error *err)
{
    rc_change change;
    rc_row row;
    int code = RC_OK;
    while ((code = rc_change_next(entry, &change, err)) == RC_OK) {
        bool show = false;
        rc_feed_step step = {.op = change.op,
                             .cause = rc_change_cause_name(change.cause),
                             .action = change.action,
                             .prev_state = change.prev_state,
                             .id = change.body};
        if (change.op == RC_CHANGE_PUT) {
            if ((code = rc_snapshot_decode(s, change.body, &row, err)))
                return code;
            step.id = row.id;
            step.row = &row;
        }
        if ((code = filter_step(feed, &step, &show, err)))
            return code;
        if (show && (code = each(arg, &step)))
            return code;
    }
    return code == RC_NOTFOUND ? RC_OK : code;
}

/* ---- lines ---- */

struct line {
    rc_json json;
    void (*row)(rc_json *j, const rc_row *row);
    unsigned steps;
};

static int put_step(void *arg, const rc_feed_step *step)
{
    struct line *line = arg;
    rc_json *j = &line->json;
    line->steps++;
    rc_json_object(j);
    RC_JSON_KEY(j, "op");
    rc_json_str(j, rc_str_c(rc_change_op_name(step->op)));
    RC_JSON_KEY(j, "cause");
    rc_json_str(j, rc_str_c(step->cause));
    if (step->op == RC_CHANGE_DEL) {
        RC_JSON_KEY(j, "id");
        rc_json_str(j, step->id);
    } else {
        if (step->action.len) {
            RC_JSON_KEY(j, "action");
            rc_json_str(j, step->action);
        }
        /* UNKNOWN: there was no row, or none whose state we had a word for. */
        RC_JSON_KEY(j, "prev_state");
        if (step->prev_state == RC_STATE_UNKNOWN)
            rc_json_null(j);
        else
            rc_json_str(j, rc_str_c(rc_state_name(step->prev_state)));
        RC_JSON_KEY(j, "container");
        line->row(j, step->row);
    }
    rc_json_object_end(j);
    return RC_OK;
}

int rc_feed_line(rc_feed *feed, rc_snapshot *s, uint64_t rev, rc_change_reader *entry,
                 void (*row)(rc_json *j, const rc_row *row), rc_buf *out, rc_error *err)
{
    struct line line = {.row = row};
    size_t start = out->len;
    rc_json_init(&line.json, out);
    rc_json_object(&line.json);
    RC_JSON_KEY(&line.json, "rev");
    rc_json_u64(&line.json, rev);
    RC_JSON_KEY(&line.json, "time");
    rc_json_time(&line.json, entry->time_ns);
    RC_JSON_KEY(&line.json, "changes");
    rc_json_array(&line.json);
    int code = rc_feed_each(feed, s, entry, put_step, &line, err);
    rc_json_array_end(&line.json);
    rc_json_object_end(&line.json);
    rc_buf_putc(out, '\n');
    if (!code && rc_buf_failed(out))
        code = rc_fail(err, RC_FULL, "feed: revision %" PRIu64 " makes too long a line", rev);
    if (code || (feed->filter && line.steps == 0))
        out->len = start;
    return code;
}

static void put_mirror(rc_json *j, const rc_snapshot *s)
{
    const rc_mirror_status *mirror = rc_snapshot_mirror(s);
    RC_JSON_KEY(j, "synced");
    rc_json_bool(j, mirror->synced);
    RC_JSON_KEY(j, "mirror");
    rc_json_str(j, rc_str_c(rc_mirror_state_name(mirror->state)));
}

static void put_epoch(rc_json *j, const rc_snapshot *s)
{
    char epoch[RC_EPOCH_LEN + 1];
    rc_epoch_format(epoch, rc_snapshot_epoch(s));
    RC_JSON_KEY(j, "epoch");
    rc_json_str(j, rc_str_c(epoch));
}

void rc_feed_hello(const rc_snapshot *s, uint64_t rev, rc_buf *out)
{
    rc_json j;
    rc_json_init(&j, out);
    rc_json_object(&j);
    put_epoch(&j, s);
    RC_JSON_KEY(&j, "rev");
    rc_json_u64(&j, rev);
    put_mirror(&j, s);
    rc_json_object_end(&j);
    rc_buf_putc(out, '\n');
}

void rc_feed_bookmark(const rc_snapshot *s, uint64_t rev, rc_buf *out)
{
    rc_json j;
    rc_json_init(&j, out);
    rc_json_object(&j);
    RC_JSON_KEY(&j, "rev");
    rc_json_u64(&j, rev);
    RC_JSON_KEY(&j, "bookmark");
    rc_json_bool(&j, true);
    put_mirror(&j, s);
    rc_json_object_end(&j);
    rc_buf_putc(out, '\n');
}

void rc_feed_end(rc_snapshot *s, const char *error, rc_buf *out)
{
    rc_json j;
    rc_json_init(&j, out);
    rc_json_object(&j);
    RC_JSON_KEY(&j, "error");
    rc_json_str(&j, rc_str_c(error));
    RC_JSON_KEY(&j, "oldest");
    rc_json_u64(&j, rc_snapshot_oldest(s));
    RC_JSON_KEY(&j, "current");
    rc_json_u64(&j, rc_snapshot_rev(s));
    put_epoch(&j, s);
    rc_json_object_end(&j);
    rc_buf_putc(out, '\n');
}

void rc_epoch_format(char out[RC_EPOCH_LEN + 1], uint64_t epoch)
{
    (void)snprintf(out, RC_EPOCH_LEN + 1, "%016" PRIx64, epoch);
}

bool rc_epoch_parse(rc_str s, uint64_t *out)
{
    uint64_t epoch = 0;
    if (s.len != RC_EPOCH_LEN)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c >= '0' && c <= '9')
            epoch = epoch << 4 | (uint64_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            epoch = epoch << 4 | (uint64_t)((c | 32) - 'a' + 10);
        else
            return false;
    }
    *out = epoch;
    return true;
}
