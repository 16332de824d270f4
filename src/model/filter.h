/* Which rows somebody wants to see: the filters of `docker ps` with Docker's meaning, and our own.
 * Shared by the command line, the HTTP API and the feed. A filter is built by one thread and then
 * only read, by any.
 *
 * - id: prefix of the container's ID.
 * - name: POSIX extended regular expression, found anywhere in the name (in its first KiB), with or
 *   without the slash that Docker puts in front.
 * - label: KEY or KEY=VALUE.
 * - status: created, running, paused, restarting, removing, exited, dead; pending, missing,
 * unknown.
 * - health: none, starting, healthy, unhealthy.
 * - exited: exit code of one that ran and does not run any more.
 * - ancestor: an image's name ("nginx" is "docker.io/library/nginx:latest"), its ID, or the ID's
 *   first four digits and more. Images built on it are not known here.
 * - network: a network's name, or prefix of its ID.
 * - publish: a published port: 8080, 8080/udp, 8000-8010/tcp.
 * - workload, role, kind: of the workload, exactly; only a workload's container has one.
 *
 * Values of one key are alternatives (all labels must fit, though), and every key must fit.
 * Source: moby's daemon/list.go and api/types/filters. */
#ifndef RC_MODEL_FILTER_H
#define RC_MODEL_FILTER_H

#include <stdbool.h>

#include "base/error.h"
#include "model/row.h"

#define RC_FILTER_MAX_VALUES 256  /* of all keys together */
#define RC_FILTER_MAX_VALUE  4096 /* bytes of one */
#define RC_FILTER_MAX_REGEX  256  /* bytes of a name's expression */
#define RC_FILTER_MAX_COST   4096 /* its length times its repetitions */

typedef struct rc_filter rc_filter;

/* An empty filter fits every row. NULL when out of memory. */
rc_filter *rc_filter_new(void);
rc_filter *rc_filter_free(rc_filter *filter);

/* Adds a value; a filter that refused one is as it was. RC_INVALID names what is wrong: an unknown
 * key, a value that the key does not take, too many. RC_NOMEM. */
int rc_filter_add(rc_filter *filter, rc_str key, rc_str value, rc_error *err);

/* The same from "key=value". */
int rc_filter_add_pair(rc_filter *filter, rc_str pair, rc_error *err);

/* Only containers of the platform's own. */
void rc_filter_only_managed(rc_filter *filter);

/* What `docker ps` shows without -a: running, paused and restarting ones. As with Docker a status
 * lifts this, whether added before or after; and so does an exit code, where Docker shows nothing.
 */
void rc_filter_only_running(rc_filter *filter);

/* Does it fit every row? */
bool rc_filter_empty(const rc_filter *filter);

/* NULL fits every row, too. The row's labels must be sorted. */
bool rc_filter_match(const rc_filter *filter, const rc_row *row);

#endif
