/* The mirror loop's heart: carries the mirror's requests to the engine and the answers back,
 * commits the index, keeps the live page true. */
#ifndef RC_DAEMON_DRIVER_H
#define RC_DAEMON_DRIVER_H

#include "base/error.h"
#include "base/log.h"
#include "daemon/config.h"
#include "engine/endpoint.h"
#include "index/index.h"

struct event_base;
typedef struct rc_driver rc_driver;

/* Loads what the index holds and starts connecting. All arguments are borrowed and must outlive it.
 * base: the mirror loop's, with two priorities. */
int rc_driver_new(struct event_base *base, const rc_config *config, const rc_endpoint *endpoint,
                  rc_index *ix, rc_log *log, rc_driver **out, rc_error *err);

/* Says in the index that nobody watches any more, and drops the connection. From outside the loop's
 * callbacks. */
rc_driver *rc_driver_free(rc_driver *d);

/* A full list, now. */
void rc_driver_resync(rc_driver *d);

#endif
