/* A row's texts as `docker ps` words them. All take any bytes and append text that is safe to
 * print. Times are nanoseconds since 1970. */
#ifndef RC_CLI_SHOW_H
#define RC_CLI_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/row.h"

/* "3 minutes ago"; nothing for an unknown time. */
void rc_show_ago(rc_buf *out, int64_t then_ns, int64_t now_ns);

/* "Up 3 minutes (healthy)", "Exited (3) 2 seconds ago", "Missing (destroyed) 4 seconds ago".
 * What is not known yet is left out. Source: moby's container/state.go, State.String. */
void rc_show_status(rc_buf *out, const rc_row *row, int64_t now_ns);

/* "0.0.0.0:8081->80/tcp, 443/tcp", runs of ports collapsed.
 * Source: docker/cli's formatter, DisplayablePorts. */
#define RC_SHOW_PORTS_MAX 1024 /* more end in "…" */
void rc_show_ports(rc_buf *out, const rc_row *row);

/* "127.0.0.1:" or "[::1]:", for a port to follow. */
void rc_show_address(rc_buf *out, rc_str ip);

/* In quotes, and where truncated cut to 20 columns. */
void rc_show_command(rc_buf *out, rc_str command, bool truncate);

/* Truncated: without "docker.io/library/" and without a digest; an image's own ID to 12 digits. */
void rc_show_image(rc_buf *out, const rc_row *row, bool truncate);

/* 12 digits where truncated. */
void rc_show_id(rc_buf *out, rc_str id, bool truncate);

/* Escaped; "-" where it is empty. */
void rc_show_word(rc_buf *out, rc_str text);

#endif
