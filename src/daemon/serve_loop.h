/* The serve loop: a thread with an event base of its own that runs the API and beats once a second.
 */
#ifndef RC_DAEMON_SERVE_LOOP_H
#define RC_DAEMON_SERVE_LOOP_H

#include "base/error.h"
#include "base/log.h"
#include "daemon/commands.h"
#include "daemon/config.h"
#include "index/live.h"

typedef struct rc_serve_loop rc_serve_loop;

/* Opens the socket, then starts the thread. All arguments are borrowed and must outlive it. Errors
 * as rc_api_new. */
int rc_serve_loop_start(const rc_config *config, rc_live *live, rc_commands *commands, rc_log *log,
                        rc_serve_loop **out, rc_error *err);

/* Ends the thread, closes every connection, removes the socket. Takes NULL, returns NULL. */
rc_serve_loop *rc_serve_loop_stop(rc_serve_loop *s);

#endif
