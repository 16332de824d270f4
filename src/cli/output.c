/* Output: the buffer for stdout, messages, JSON for people, the table. */
#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"

void rc_out_init(rc_out *out, int fd)
{
    *out = (rc_out){.fd = fd, .terminal = isatty(fd) == 1, .buf = RC_BUF_INIT(0)};
}

void rc_out_release(rc_out *out)
{
    rc_buf_release(&out->buf);
}

static int write_all(rc_out *out, rc_error *err)
{
    size_t done = 0;
    if (rc_buf_failed(&out->buf))
        return rc_fail(err, RC_NOMEM, "out of memory");
    while (done < out->buf.len) {
        ssize_t n = write(out->fd, out->buf.data + done, out->buf.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EPIPE)
            return rc_fail(err, RC_CLOSED, "%s", "");
        if (n < 0)
            return rc_fail_errno(err, RC_IO, errno, "cannot write to standard output");
        done += (size_t)n;
    }
    rc_buf_clear(&out->buf);
    return RC_OK;
}

int rc_out_flush(rc_out *out, rc_error *err)
{
    if (out->broken)
        return rc_fail(err, out->broken, "%s", "");
    out->broken = write_all(out, err);
    return out->broken;
}

void rc_say(const char *fmt, ...)
{
    char text[2 * RC_ERROR_MAX];
    char line[2 * RC_ERROR_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)rc_escape_rest_into(line, sizeof(line), rc_str_c(text));
    (void)fprintf(stderr, "rollcall: %s\n", line);
}

/* ---- JSON for people ---- */

static void put_utf16(rc_buf *out, uint32_t c)
{
    if (c >= 0x10000) {
        c -= 0x10000;
        rc_buf_printf(out, "\\u%04x\\u%04x", 0xD800U + (c >> 10), 0xDC00U + (c & 0x3FF));
    } else {
        rc_buf_printf(out, "\\u%04x", c);
    }
}

/* A string's characters, quotes included; returns where it ends. */
static size_t show_string(rc_buf *out, rc_str json, size_t i)
{
    char escaped[16];
    i++;
    rc_buf_putc(out, '"');
    while (i < json.len && json.ptr[i] != '"') {
        size_t start = i;
        if (json.ptr[i] == '\\') {
            i += 2;
            rc_buf_append(out, json.ptr + start, 2);
            continue;
        }
        int32_t c = rc_utf8_next(json, &i);
        rc_str one = rc_str_n(json.ptr + start, i - start);
        if (c >= 0x7F && rc_escape_into(escaped, sizeof(escaped), one)[0] == '\\')
            put_utf16(out, (uint32_t)c);
        else
            rc_buf_str(out, one);
    }
    rc_buf_putc(out, '"');
    return i + 1;
}

static void new_line(rc_buf *out, bool indent, unsigned depth)
{
    if (!indent)
        return;
    rc_buf_putc(out, '\n');
    for (unsigned k = 0; k < depth; k++)
        rc_buf_puts(out, "    ");
}

void rc_json_show(rc_buf *out, rc_str json, bool indent)
{
    unsigned depth = 0;
    for (size_t i = 0; i < json.len;) {
        char c = json.ptr[i];
        char next = i + 1 < json.len ? json.ptr[i + 1] : '\0';
        if (c == '"') {
            i = show_string(out, json, i);
            continue;
        }
        i++;
        if (c == '}' || c == ']')
            new_line(out, indent, --depth);
        rc_buf_putc(out, c);
        if ((c == '{' && next == '}') || (c == '[' && next == ']')) {
            rc_buf_putc(out, next);
            i++;
        } else if (c == '{' || c == '[') {
            new_line(out, indent, ++depth);
        } else if (c == ',') {
            new_line(out, indent, depth);
        } else if (c == ':' && indent) {
            rc_buf_putc(out, ' ');
        }
    }
}

/* ---- the table ---- */

#define COLUMN_MIN 10
#define COLUMN_GAP 3

struct cell {
    size_t end; /* in the text */
    size_t width;
};

struct rc_table {
    size_t columns;
    size_t *widths; /* of the columns, once measured */
    rc_buf text;
    rc_buf cells; /* of struct cell */
};

rc_table *rc_table_new(size_t columns)
{
    rc_table *t = calloc(1, sizeof(*t));
    if (t)
        t->widths = calloc(columns, sizeof(*t->widths));
    if (!t || !t->widths) {
        free(t);
        return NULL;
    }
    t->columns = columns;
    return t;
}

rc_table *rc_table_free(rc_table *table)
{
    if (table) {
        rc_buf_release(&table->text);
        rc_buf_release(&table->cells);
        free(table->widths);
    }
    free(table);
    return NULL;
}

static struct cell cell_at(const rc_table *table, size_t i)
{
    struct cell cell;
    memcpy(&cell, table->cells.data + i * sizeof(cell), sizeof(cell));
    return cell;
}

static size_t cell_count(const rc_table *table)
{
    return table->cells.len / sizeof(struct cell);
}

static rc_str cell_text(const rc_table *table, size_t i)
{
    size_t start = i ? cell_at(table, i - 1).end : 0;
    return rc_str_n(table->text.data + start, cell_at(table, i).end - start);
}

rc_buf *rc_table_cell(rc_table *table)
{
    return &table->text;
}

void rc_table_end_cell(rc_table *table)
{
    struct cell cell = {.end = table->text.len};
    rc_buf_append(&table->cells, &cell, sizeof(cell));
}

size_t rc_table_rows(const rc_table *table)
{
    return cell_count(table) / table->columns;
}

bool rc_table_failed(const rc_table *table)
{
    return rc_buf_failed(&table->text) || rc_buf_failed(&table->cells);
}

void rc_table_measure(rc_table *table)
{
    for (size_t k = 0; k < table->columns; k++)
        table->widths[k] = COLUMN_MIN;
    size_t column = 0;
    for (size_t i = 0; i < cell_count(table); i++) {
        struct cell cell = cell_at(table, i);
        cell.width = rc_text_width(cell_text(table, i));
        memcpy(table->cells.data + i * sizeof(cell), &cell, sizeof(cell));
        if (cell.width + COLUMN_GAP > table->widths[column])
            table->widths[column] = cell.width + COLUMN_GAP;
        if (++column == table->columns)
            column = 0;
    }
}

void rc_table_print(const rc_table *table, size_t row, bool plain, rc_buf *out)
{
    for (size_t k = 0; k < table->columns; k++) {
        size_t i = row * table->columns + k;
        rc_buf_str(out, cell_text(table, i));
        if (plain || k + 1 == table->columns)
            continue;
        for (size_t w = cell_at(table, i).width; w < table->widths[k]; w++)
            rc_buf_putc(out, ' ');
    }
    rc_buf_putc(out, '\n');
}
