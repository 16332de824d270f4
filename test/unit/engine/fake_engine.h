/* A scripted engine on the test's own event base: bytes in answer to paths, whole or in pieces, cut
 * or never. With it what every test of the client needs: an endpoint, a loop that cannot hang. */
#ifndef FAKE_ENGINE_H
#define FAKE_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "wire/decode.h"

#define FAKE_ANSWERS_MAX  16
#define FAKE_REQUESTS_MAX 128
#define FAKE_TARGET_MAX   16384

struct fake_answer {
    const char *prefix; /* of the request's target */
    const char *bytes;  /* borrowed */
    size_t len;         /* sent; 0: all of bytes, a string */
    bool pieces;        /* of random sizes, each after the last one has left */
    bool close;         /* behind it */
    bool hang;          /* says nothing at all */
};

struct fake {
    char dir[64];
    char path[100];
    char host[128];
    struct event_base *base;
    struct event *guard;
    struct evconnlistener *listener;
    void *tls; /* SSL_CTX, for TCP */
    struct fake_answer answers[FAKE_ANSWERS_MAX];
    int n_answers;
    char *targets[FAKE_REQUESTS_MAX]; /* what was asked for, in order */
    int n_requests;
    int n_connections; /* ever */
    uint64_t seed;
    TAILQ_HEAD(fake_connection_list, fake_connection) connections;
    rc_endpoint *endpoint;
    rc_engine *engine;
};

/* cmocka's set-up and tear-down: a fake on a unix socket; its seed is printed. */
int fake_set_up(void **state);
int fake_tear_down(void **state);

/* Listens on a loopback port instead, with TLS if tls (an SSL_CTX, which stays the caller's). */
void fake_listen_tcp(struct fake *f, void *tls);

void fake_stop_listening(struct fake *f);

/* The first whose prefix fits answers. */
void fake_answer(struct fake *f, struct fake_answer a);

/* The usual ping and info of the captured Docker. */
void fake_answer_hello(struct fake *f);
void fake_forget_answers(struct fake *f);

/* Says more on the connection that was opened last. */
void fake_send(struct fake *f, const char *bytes);

/* The client of the fake; version: NULL or pinned. */
struct rc_engine_options fake_options(const char *version);
void fake_client(struct fake *f, rc_engine_options options);

/* Runs until fake_stop(). Fails the test after a time that nothing here takes. */
void fake_run(struct fake *f);
void fake_stop(struct fake *f);

/* Runs what is ready. */
void fake_drain(struct fake *f);

/* A capture's bytes, terminated, with room for eight more; test_free it. */
char *fake_capture(const char *name, size_t *ret_len);

/* "HTTP/1.1 <status>\r\n…" around a body with its length; test_free it. */
char *fake_http(const char *status, const char *headers, const char *body);

int fake_count(const char *text, const char *part);

#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

#endif
