/* A POST on a unix socket: connect, write, read to the end, look at the first line. The answer's
 * end is the connection's end, for "Connection: close" is what we ask for. */
#include "cli/post.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"

static int socket_failed(const char *path, int errnum, rc_error *err)
{
    char shown[128];
    int code = RC_IO;
    if (errnum == ENOENT || errnum == ECONNREFUSED)
        code = RC_CLOSED;
    else if (errnum == EACCES || errnum == EPERM)
        code = RC_PERM;
    return rc_fail_errno(err, code, errnum, "the API socket %s",
                         rc_escape_into(shown, sizeof(shown), rc_str_c(path)));
}

static int open_socket(const char *path, int *ret_fd, rc_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char shown[128];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(address.sun_path))
        return rc_fail(err, RC_INVALID, "the API socket's path has %zu bytes, not 1 to %zu: %s",
                       len, sizeof(address.sun_path) - 1,
                       rc_escape_into(shown, sizeof(shown), rc_str_c(path)));
    memcpy(address.sun_path, path, len + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return rc_fail_errno(err, RC_IO, errno, "socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int errnum = errno;
        close(fd);
        /* A full backlog, on a unix socket: the daemon does not accept. */
        return errnum == EAGAIN ? rc_fail(err, RC_TIMEOUT, "the daemon does not accept connections")
                                : socket_failed(path, errnum, err);
    }
    *ret_fd = fd;
    return RC_OK;
}

static int wait_ready(int fd, short events, int64_t deadline_ns, rc_error *err)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left = deadline_ns - rc_clock_mono();
    int n = left > 0 ? poll(&p, 1, (int)(left / RC_NS_PER_MS) + 1) : 0;
    if (n < 0 && errno != EINTR)
        return rc_fail_errno(err, RC_IO, errno, "poll");
    return n == 0 ? rc_fail(err, RC_TIMEOUT, "the daemon gave no answer in time") : RC_OK;
}

static int send_request(int fd, const char *target, int64_t deadline_ns, rc_error *err)
{
    rc_buf request = RC_BUF_INIT(4096);
    size_t done = 0;
    int code = RC_OK;
    rc_buf_printf(&request,
                  "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                  "Connection: close\r\nUser-Agent: rollcall/" ROLLCALL_VERSION "\r\n\r\n",
                  target);
    if (rc_buf_failed(&request))
        code = rc_fail(err, RC_NOMEM, "out of memory");
    while (!code && done < request.len) {
        ssize_t n = send(fd, request.data + done, request.len - done, MSG_NOSIGNAL);
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            code = wait_ready(fd, POLLOUT, deadline_ns, err);
        else if (errno == EPIPE)
            break; /* refused before it was read: the answer says why */
        else if (errno != EINTR)
            code = rc_fail_errno(err, RC_IO, errno, "cannot write to the API socket");
    }
    rc_buf_release(&request);
    return code;
}

static int read_answer(int fd, int64_t deadline_ns, rc_buf *answer, rc_error *err)
{
    char chunk[4096];
    for (;;) {
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return RC_OK;
        if (n < 0 && errno == EAGAIN) {
            int code = wait_ready(fd, POLLIN, deadline_ns, err);
            if (code)
                return code;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rc_fail_errno(err, RC_IO, errno, "cannot read from the API socket");
        rc_buf_append(answer, chunk, (size_t)n);
        if (rc_buf_failed(answer))
            return rc_fail(err, RC_PROTOCOL, "the daemon's answer is too long");
    }
}

/* "HTTP/1.1 202 …", headers, an empty line, the body: cuts off all before that. */
static int parse_answer(rc_buf *answer, int *ret_status, rc_error *err)
{
    static const char start[] = "HTTP/1.";
    const char *p = answer->data;
    size_t at = sizeof(start) - 1 + 2; /* the minor version and a blank */
    const char *end = answer->len ? memmem(p, answer->len, "\r\n\r\n", 4) : NULL;
    int status = 0;
    if (!end || answer->len < at + 3 || memcmp(p, start, sizeof(start) - 1) != 0)
        return rc_fail(err, RC_PROTOCOL, "what answers at the API socket does not speak HTTP");
    for (size_t i = at; i < at + 3; i++) {
        if (p[i] < '0' || p[i] > '9')
            return rc_fail(err, RC_PROTOCOL, "the daemon's answer has no status");
        status = status * 10 + (p[i] - '0');
    }
    rc_buf_consume(answer, (size_t)(end - p) + 4);
    *ret_status = status;
    return RC_OK;
}

int rc_post(const char *socket_path, const char *target, int *ret_status, rc_buf *body,
            rc_error *err)
{
    int64_t deadline_ns = rc_clock_mono() + RC_POST_TIMEOUT_NS;
    RC_AUTO_CLOSE int fd = -1;
    int code = open_socket(socket_path, &fd, err);
    if (!code)
        code = send_request(fd, target, deadline_ns, err);
    if (!code)
        code = read_answer(fd, deadline_ns, body, err);
    return code ? code : parse_answer(body, ret_status, err);
}
