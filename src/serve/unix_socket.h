/* A listening unix socket: a stale one replaced, one in use respected, nobody let in before owner
 * and mode are right. */
#ifndef RC_SERVE_UNIX_SOCKET_H
#define RC_SERVE_UNIX_SOCKET_H

#include <sys/types.h>

#include "base/error.h"

#define RC_UNIX_PATH_MAX 107

typedef struct rc_unix_socket rc_unix_socket;

/* gid (gid_t)-1: leave the group. *ret_fd is non-blocking and close-on-exec and the caller's; it
 * listens. RC_EXISTS: somebody listens there. RC_INVALID: the path is empty or too long, or
 * something other than a socket is there. RC_PERM, RC_IO, RC_NOMEM. */
int rc_unix_socket_listen(const char *path, mode_t mode, gid_t gid, rc_unix_socket **out,
                          int *ret_fd, rc_error *err);

/* Removes the file, if it is still ours; does not close the descriptor. */
rc_unix_socket *rc_unix_socket_remove(rc_unix_socket *s);

#endif
