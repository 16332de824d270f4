/* An HTTP/1.1 server on the caller's event base, hardened against whoever connects: the only file
 * that knows evhttp. It does not know what is served: a request is handed to one handler, which
 * answers it.
 *
 * What a client can take is bounded:
 *     connections        options.max_connections; one more is told 503 and closed
 *     a request          whole within options.deadline_ms of its first byte (the first one: of the
 *                        connection), however it drips; else 408 and closed
 *     an answer          taken in within the same time; else closed
 *     an idle connection closed after RC_HTTPD_IDLE_S
 *     header, body       RC_HTTPD_HEADER_MAX (400), RC_HTTPD_BODY_MAX (413)
 *     buffered input     RC_HTTPD_INPUT_MAX (413); nothing is read while an answer is under way
 *     descriptors        when accept fails (EMFILE …) the listener rests for RC_HTTPD_PAUSE_MS
 *
 * All calls on the base's thread; creating it before the loop runs and freeing it after are fine,
 * too.
 */
#ifndef RC_SERVE_HTTP_H
#define RC_SERVE_HTTP_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "model/stats.h"
#include "serve/target.h"

#define RC_HTTPD_HEADER_MAX  8192  /* first line and headers, bytes */
#define RC_HTTPD_BODY_MAX    65536 /* bytes */
#define RC_HTTPD_INPUT_MAX   (RC_HTTPD_BODY_MAX + 32768)
#define RC_HTTPD_DEADLINE_MS 10000
#define RC_HTTPD_PAUSE_MS    200
#define RC_HTTPD_IDLE_S      60

struct event_base;
typedef struct rc_httpd rc_httpd;
typedef struct rc_httpd_request rc_httpd_request;

/* One bit each, so that a route can name several. */
enum rc_httpd_method {
    RC_HTTPD_GET = 1 << 0,
    RC_HTTPD_HEAD = 1 << 1, /* answer as GET: the body is left out here */
    RC_HTTPD_POST = 1 << 2,
    RC_HTTPD_PUT = 1 << 3,
    RC_HTTPD_DELETE = 1 << 4,
    RC_HTTPD_OTHER = 1 << 5, /* any other word */
};

/* Answers the request with exactly one rc_httpd_reply or rc_httpd_error before it returns; the
 * request is gone then. May not free the server. */
typedef void (*rc_httpd_handler)(rc_httpd_request *request, void *arg);

typedef struct rc_httpd_options {
    unsigned max_connections; /* at least 1 */
    unsigned deadline_ms;     /* 0: RC_HTTPD_DEADLINE_MS */
    rc_stats *stats; /* HTTP_REQUESTS and HTTP_REJECTED are counted here; outlives the server */
    rc_httpd_handler handler;
    void *arg;
} rc_httpd_options;

/* fd: a listening, non-blocking stream socket. It is the server's from here on, and closed
 * on failure, too. RC_INVALID: SIGPIPE is not ignored by the process, without which any client that
 * hangs up would end it. RC_NOMEM. */
int rc_httpd_new(struct event_base *base, int fd, const rc_httpd_options *options, rc_httpd **out,
                 rc_error *err);

/* Closes the listener and every connection, answers under way included. Before the base is freed.
 */
rc_httpd *rc_httpd_free(rc_httpd *server);

/* ---- In a handler ---- */

enum rc_httpd_method rc_httpd_method(const rc_httpd_request *request);
const rc_target *rc_httpd_target(const rc_httpd_request *request);
rc_str rc_httpd_body(const rc_httpd_request *request);

/* The peer's user as of its connect(), told by the kernel; over a unix socket only. RC_CLOSED,
 * RC_UNSUPPORTED. */
int rc_httpd_peer(const rc_httpd_request *request, uid_t *ret_uid, rc_error *err);

/* A header for the answer that follows. name and value are copied; a value with a line break is
 * dropped. */
void rc_httpd_header(rc_httpd_request *request, const char *name, const char *value);

/* The whole answer. content_type: static. body is copied. */
void rc_httpd_reply(rc_httpd_request *request, int status, const char *content_type, rc_str body);

/* {"error":"code","message":"…"} */
void rc_httpd_error(rc_httpd_request *request, int status, const char *code, const char *message);

#endif
