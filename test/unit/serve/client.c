/* Blocking sockets with a guard. */
#include "client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

int client_connect(const char *path)
{
    static const struct timeval guard = {.tv_sec = 60};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &guard, sizeof(guard)), 0);
    return fd;
}

bool client_send(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            fail_msg("the server does not read");
        if (sent < 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool client_say(int fd, const char *text)
{
    return client_send(fd, text, strlen(text));
}

/* 0 at the end, whether it came in peace or by reset. */
static size_t receive(int fd, void *to, size_t n)
{
    ssize_t got = recv(fd, to, n, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        fail_msg("the server does not answer");
    return got > 0 ? (size_t)got : 0;
}

static bool read_head(int fd, struct answer *a)
{
    size_t n = 0;
    while (n < sizeof(a->head) - 1) {
        if (receive(fd, a->head + n, 1) == 0) {
            assert_int_equal(n, 0); /* never half a head */
            return false;
        }
        a->head[++n] = '\0';
        if (n >= 4 && strcmp(a->head + n - 4, "\r\n\r\n") == 0)
            return true;
    }
    fail_msg("a head without an end: %s", a->head);
    return false;
}

struct answer client_read(int fd, bool no_body)
{
    static struct answer a;
    const char *length;

    memset(&a, 0, sizeof(a));
    if (!read_head(fd, &a))
        return a;
    assert_int_equal(sscanf(a.head, "HTTP/1.%*d %d", &a.status), 1);
    if (a.status == 100 || no_body)
        return a;
    length = strcasestr(a.head, "\r\nContent-Length:");
    if (!length)
        return a;
    size_t n = strtoul(length + 17, NULL, 10);
    assert_true(n < sizeof(a.body));
    while (a.body_len < n) {
        size_t got = receive(fd, a.body + a.body_len, n - a.body_len);
        if (got == 0)
            fail_msg("an answer torn after %zu of %zu bytes", a.body_len, n);
        a.body_len += got;
    }
    return a;
}

size_t client_drain(int fd)
{
    static char bytes[65536];
    size_t total = 0, got;
    while ((got = receive(fd, bytes, sizeof(bytes))))
        total += got;
    return total;
}

bool client_ended(int fd)
{
    char c;
    return receive(fd, &c, 1) == 0;
}

struct answer client_ask(const char *path, const char *request)
{
    int fd = client_connect(path);
    (void)client_say(fd, request);
    struct answer a = client_read(fd, strncmp(request, "HEAD ", 5) == 0);
    close(fd);
    return a;
}
