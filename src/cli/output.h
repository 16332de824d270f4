/* What the command line prints: data in a buffer for stdout, written whole or not at all; messages
 * to stderr; and a table as `docker ps` lays one out. */
#ifndef RC_CLI_OUTPUT_H
#define RC_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

typedef struct rc_out {
    int fd;
    bool terminal; /* somebody looks at it */
    int broken;    /* why nothing can be written any more: RC_CLOSED, RC_IO, RC_NOMEM; or 0 */
    rc_buf buf;    /* append here; without a cap: what is held is what was read */
} rc_out;

void rc_out_init(rc_out *out, int fd);
void rc_out_release(rc_out *out);

/* Writes the buffer and empties it. RC_CLOSED: nobody reads any more (the message is empty: a
 * closed pipe is no news). RC_IO; RC_NOMEM where an append had failed: then nothing is written.
 * After a failure each call gives the same code, without a message. */
int rc_out_flush(rc_out *out, rc_error *err);

/* One line on stderr behind "rollcall: ". Foreign text in it must be escaped; what was missed is
 * escaped here. */
void rc_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Copies JSON: on one line, or indented by four blanks as `docker inspect` does. What could drive a
 * terminal inside of a string becomes \uNNNN, which is the same JSON. The text must be valid. */
void rc_json_show(rc_buf *out, rc_str json, bool indent);

/* Rows of cells, kept until all widths are known. */
typedef struct rc_table rc_table;

/* NULL when out of memory. */
rc_table *rc_table_new(size_t columns);
rc_table *rc_table_free(rc_table *table);

/* A buffer to write a row's next cell to; rc_table_end_cell completes it. Rows follow each other.
 */
rc_buf *rc_table_cell(rc_table *table);
void rc_table_end_cell(rc_table *table);
size_t rc_table_rows(const rc_table *table); /* complete ones */

/* Appends row i's cells, each padded to its column but for the last one, and a newline. Columns are
 * as wide as their widest cell and three blanks, ten at least. plain: no padding, for a table of
 * one column. RC_NOMEM where a cell could not be kept. */
void rc_table_measure(rc_table *table);
void rc_table_print(const rc_table *table, size_t row, bool plain, rc_buf *out);
bool rc_table_failed(const rc_table *table);

#endif
