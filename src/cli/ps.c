/* rollcall ps: the rows as a table, as IDs, or as JSON; newest first. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/idmap.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "wire/encode.h"

enum columns { COLUMNS = 7 };

struct request {
    rc_filter *filter;
    bool all, quiet, no_trunc, managed, json;
};

/* Where a row stands: newest first, of one age by ID. */
struct place {
    int64_t created_ns;
    char id[RC_ID_LEN];
    size_t row; /* in the table */
};

static int compare_places(const void *pa, const void *pb)
{
    const struct place *a = pa;
    const struct place *b = pb;
    if (a->created_ns != b->created_ns)
        return a->created_ns > b->created_ns ? -1 : 1;
    return memcmp(a->id, b->id, sizeof(a->id));
}

/* ---- a row's cells ---- */

static void add_columns(rc_table *table, const rc_row *row, bool truncate, int64_t now_ns)
{
    rc_buf *cell = rc_table_cell(table);
    rc_show_id(cell, row->id, truncate);
    rc_table_end_cell(table);
    rc_show_image(cell, row, truncate);
    rc_table_end_cell(table);
    rc_show_command(cell, row->command, truncate);
    rc_table_end_cell(table);
    rc_show_ago(cell, row->created_ns, now_ns);
    rc_table_end_cell(table);
    rc_show_status(cell, row, now_ns);
    rc_table_end_cell(table);
    rc_show_ports(cell, row);
    rc_table_end_cell(table);
    rc_escape(cell, row->name);
    rc_table_end_cell(table);
}

static void add_json(rc_cli *cli, rc_table *table, const rc_row *row)
{
    rc_json j;
    rc_buf text = RC_BUF_INIT(0);
    rc_json_init(&j, &text);
    rc_encode_row(&j, row);
    rc_cli_put_json(cli, rc_table_cell(table), rc_buf_view(&text));
    rc_table_cell(table)->failed |= text.failed;
    rc_table_end_cell(table);
    rc_buf_release(&text);
}

static void add_row(rc_cli *cli, const struct request *r, rc_table *table, const rc_row *row,
                    int64_t now_ns)
{
    if (r->json) {
        add_json(cli, table, row);
    } else if (r->quiet) {
        rc_show_id(rc_table_cell(table), row->id, !r->no_trunc);
        rc_table_end_cell(table);
    } else {
        add_columns(table, row, !r->no_trunc, now_ns);
    }
}

static void add_header(rc_table *table)
{
    static const char *const names[COLUMNS] = {"CONTAINER ID", "IMAGE", "COMMAND", "CREATED",
                                               "STATUS",       "PORTS", "NAMES"};
    for (size_t i = 0; i < COLUMNS; i++) {
        rc_buf_puts(rc_table_cell(table), names[i]);
        rc_table_end_cell(table);
    }
}

/* ---- all rows ---- */

/* Everything is rendered before anything is written: the snapshot must not wait for a pipe. */
static int collect(rc_cli *cli, const struct request *r, rc_snapshot *s, rc_table *table,
                   rc_buf *places, rc_error *err)
{
    rc_rows *rows = NULL;
    rc_row row;
    int64_t now_ns = rc_clock_real();
    int code = rc_rows_open(s, RC_STR_EMPTY, &rows, err);
    if (code)
        return code;
    while ((code = rc_rows_next(rows, &row, err)) == RC_OK) {
        if (!rc_filter_match(r->filter, &row))
            continue;
        struct place place = {.created_ns = row.created_ns, .row = rc_table_rows(table)};
        if (row.id.len == sizeof(place.id))
            memcpy(place.id, row.id.ptr, sizeof(place.id));
        rc_buf_append(places, &place, sizeof(place));
        add_row(cli, r, table, &row, now_ns);
        if (rc_table_failed(table) || rc_buf_failed(places)) {
            code = rc_fail(err, RC_NOMEM, "out of memory");
            break;
        }
    }
    rc_rows_close(rows);
    return code == RC_NOTFOUND ? RC_OK : code;
}

static void print(rc_cli *cli, const struct request *r, rc_table *table, rc_buf *places)
{
    size_t n = places->len / sizeof(struct place);
    bool plain = r->json || r->quiet;
    if (n)
        qsort(places->data, n, sizeof(struct place), compare_places);
    if (!plain) {
        rc_table_measure(table);
        rc_table_print(table, 0, false, &cli->out.buf);
    }
    for (size_t i = 0; i < n; i++) {
        struct place place;
        memcpy(&place, places->data + i * sizeof(place), sizeof(place));
        rc_table_print(table, place.row, plain, &cli->out.buf);
    }
}

static int list(rc_cli *cli, const struct request *r)
{
    rc_error err = RC_ERROR_INIT;
    rc_snapshot *s = NULL;
    rc_buf places = RC_BUF_INIT(0);
    int exit_code = rc_cli_open(cli);
    if (exit_code || (exit_code = rc_cli_snapshot(cli, &s)))
        return exit_code;
    bool plain = r->json || r->quiet;
    rc_table *table = rc_table_new(plain ? 1 : COLUMNS);
    int code = table ? RC_OK : rc_fail(&err, RC_NOMEM, "out of memory");
    if (!code) {
        if (!plain)
            add_header(table);
        code = collect(cli, r, s, table, &places, &err);
    }
    rc_snapshot_end(s);
    if (!code)
        print(cli, r, table, &places);
    rc_table_free(table);
    rc_buf_release(&places);
    return code ? rc_cli_fail(&err) : RC_EXIT_OK;
}

int rc_verb_ps(rc_cli *cli, int argc, char **argv)
{
    struct request r = {.filter = rc_filter_new()};
    int exit_code = RC_EXIT_OK;
    if (!r.filter) {
        rc_say("out of memory");
        return RC_EXIT_FAILURE;
    }
    const rc_option options[] = {
        {.name = "all", .letter = 'a', .flag = &r.all},
        {.name = "quiet", .letter = 'q', .flag = &r.quiet},
        {.name = "no-trunc", .flag = &r.no_trunc},
        {.name = "managed", .flag = &r.managed},
        {.name = "json", .flag = &r.json},
        {.name = "filter", .letter = 'f', .each = rc_cli_add_filter, .arg = r.filter},
    };
    if (rc_cli_options(cli, options, RC_ARRAY_LEN(options), 0, 0, argc, argv, &argc, &exit_code)) {
        if (!r.all)
            rc_filter_only_running(r.filter);
        if (r.managed)
            rc_filter_only_managed(r.filter);
        exit_code = list(cli, &r);
    }
    rc_filter_free(r.filter);
    return exit_code;
}
