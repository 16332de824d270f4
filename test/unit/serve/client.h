/* The client's side of the server tests: raw bytes over a unix socket. Every wait is guarded, so
 * that a server that hangs fails the test. */
#ifndef RC_TEST_SERVE_CLIENT_H
#define RC_TEST_SERVE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_MAX 16384

struct answer {
    int status; /* 0: the connection ended without one */
    char head[4096];
    char body[ANSWER_MAX];
    size_t body_len;
};

int client_connect(const char *path);
/* False: the peer does not take it any more. */
bool client_send(int fd, const void *bytes, size_t n);
bool client_say(int fd, const char *text);
/* One answer with the body that its Content-Length says, and no byte more. no_body: of a HEAD. */
struct answer client_read(int fd, bool no_body);
/* Reads until the connection ends; how many bytes came. */
size_t client_drain(int fd);
bool client_ended(int fd); /* waits for a byte or the end: was it the end? */

/* A connection of its own for one request: what it answers. */
struct answer client_ask(const char *path, const char *request);

#endif
