/* Binding and removing the API's socket. */
#include "serve/unix_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BACKLOG 128

struct rc_unix_socket {
    dev_t dev;
    ino_t ino;
    char path[RC_UNIX_PATH_MAX + 1];
};

static int fail(rc_error *err, int errnum, const char *what, const char *path)
{
    int code = errnum == EACCES || errnum == EPERM || errnum == EROFS ? RC_PERM : RC_IO;
    return rc_fail_errno(err, code, errnum, "%s %s", what, path);
}

static int new_socket(int *ret_fd, rc_error *err)
{
    *ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return *ret_fd >= 0 ? RC_OK : rc_fail_errno(err, RC_IO, errno, "making a socket");
}

/* Nobody may be there: only a socket that refuses is stale. */
static int clear_stale(const struct sockaddr_un *address, rc_error *err)
{
    const char *path = address->sun_path;
    RC_AUTO_CLOSE int fd = -1;
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? RC_OK : fail(err, errno, "looking at", path);
    if (!S_ISSOCK(st.st_mode))
        return rc_fail(err, RC_INVALID, "%s is there and is not a socket", path);
    int code = new_socket(&fd, err);
    if (code)
        return code;
    /* EAGAIN: its backlog is full, so somebody does listen. */
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
        return rc_fail(err, RC_EXISTS, "somebody listens at %s", path);
    if (errno != ECONNREFUSED && errno != ENOENT)
        return fail(err, errno, "connecting to", path);
    if (unlink(path) != 0 && errno != ENOENT)
        return fail(err, errno, "removing the stale socket", path);
    return RC_OK;
}

/* Before listen(): until then connect() is refused, so no one passes with the wrong mode. */
static int set_owner(rc_unix_socket *s, mode_t mode, gid_t gid, rc_error *err)
{
    struct stat st;
    if (gid != (gid_t)-1 && lchown(s->path, (uid_t)-1, gid) != 0)
        return fail(err, errno, "changing the group of", s->path);
    if (chmod(s->path, mode) != 0)
        return fail(err, errno, "changing the mode of", s->path);
    if (lstat(s->path, &st) != 0)
        return fail(err, errno, "looking at", s->path);
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    return RC_OK;
}

static int open_socket(rc_unix_socket *s, mode_t mode, gid_t gid, int *ret_fd, rc_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    RC_AUTO_CLOSE int fd = -1;

    memcpy(address.sun_path, s->path, sizeof(s->path));
    int code = clear_stale(&address, err);
    if (code == RC_OK)
        code = new_socket(&fd, err);
    if (code)
        return code;
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        return errno == EADDRINUSE ? rc_fail(err, RC_EXISTS, "somebody else just bound %s", s->path)
                                   : fail(err, errno, "binding", s->path);
    code = set_owner(s, mode, gid, err);
    if (code == RC_OK && listen(fd, BACKLOG) != 0)
        code = fail(err, errno, "listening at", s->path);
    if (code) {
        (void)unlink(s->path);
        return code;
    }
    *ret_fd = fd;
    fd = -1;
    return RC_OK;
}

int rc_unix_socket_listen(const char *path, mode_t mode, gid_t gid, rc_unix_socket **out,
                          int *ret_fd, rc_error *err)
{
    size_t len = strlen(path);
    if (len == 0 || len > RC_UNIX_PATH_MAX)
        return rc_fail(err, RC_INVALID, "a socket's path has 1 to %d bytes, not %zu: '%.120s'",
                       RC_UNIX_PATH_MAX, len, path);
    rc_unix_socket *s = calloc(1, sizeof(*s));
    if (!s)
        return rc_fail(err, RC_NOMEM, "out of memory");
    memcpy(s->path, path, len + 1);
    int code = open_socket(s, mode, gid, ret_fd, err);
    if (code) {
        free(s);
        return code;
    }
    *out = s;
    return RC_OK;
}

rc_unix_socket *rc_unix_socket_remove(rc_unix_socket *s)
{
    struct stat st;
    if (!s)
        return NULL;
    if (lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
        (void)unlink(s->path);
    free(s);
    return NULL;
}
