/* One blocking POST over the daemon's API socket: all the HTTP that the command line speaks. */
#ifndef RC_CLI_POST_H
#define RC_CLI_POST_H

#include "base/buf.h"
#include "base/error.h"

#define RC_POST_TIMEOUT_NS (INT64_C(10) * 1000000000)
#define RC_POST_MAX        (64U << 10) /* bytes of an answer */

/* POST without a body. *ret_status: HTTP's; body: what came with it, in a buffer whose cap is not
 * below RC_POST_MAX. RC_CLOSED: nobody listens at the socket. RC_TIMEOUT after RC_POST_TIMEOUT_NS
 * in all. RC_INVALID: a path too long for a socket. RC_PERM, RC_PROTOCOL, RC_IO, RC_NOMEM. */
int rc_post(const char *socket_path, const char *target, int *ret_status, rc_buf *body,
            rc_error *err);

#endif
