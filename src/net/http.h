/* An HTTP/1.1 client on the caller's event loop: many requests and streams at once, over one unix
 * socket or to one TCP host, with or without TLS.
 *
 * Caveats. The process must ignore SIGPIPE. A client and its requests belong to the thread that
 * runs the event base; nothing here may be called from another one. No callback ever runs inside
 * rc_http_request or rc_http_cancel; rc_http_free alone calls on_done before it returns. */
#ifndef RC_NET_HTTP_H
#define RC_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct event_base;

/* Requests of one client that may be unfinished at a time; one more is refused with RC_FULL. */
#define RC_HTTP_REQUESTS_MAX 1024

/* The longest unix socket path, in bytes, without the terminator. */
#define RC_HTTP_UNIX_PATH_MAX 107

/* See rc_http_request_options.turn_max. */
#define RC_HTTP_TURN_MIN   1024
#define RC_HTTP_TURN_USUAL (16 * 1024)
#define RC_HTTP_TURN_MAX   (512 * 1024)

/* A header value longer than this many bytes is reported cut to it. */
#define RC_HTTP_VALUE_MAX 127

typedef struct rc_http rc_http;
typedef struct rc_http_call rc_http_call;

/* Where and how to connect. Zero-initialise it, then set exactly one of unix_path and base_url. All
 * strings are copied. */
typedef struct rc_http_options {
    const char *unix_path; /* file system path of a unix socket */
    const char *base_url;  /* "http://host:port" or "https://host:port", no path behind it */
    const char *ca_file;   /* https only; NULL: the system's authorities */
    const char *cert_file; /* https only: the client certificate, PEM; needs key_file */
    const char *key_file;
    bool tls_no_verify; /* https only: accept any certificate and name */
    int priority;       /* of every event of this client: 0 is the most urgent */
} rc_http_options;

enum rc_http_method {
    RC_HTTP_GET = 0,
    RC_HTTP_POST,
};

/* How a request ended. The HTTP status is another matter: a 500 that came whole is COMPLETE. */
enum rc_http_outcome {
    RC_HTTP_COMPLETE = 0, /* the whole response came; on a stream: the peer ended it cleanly */
    RC_HTTP_CLOSED_EARLY, /* the peer closed before the response was whole: RC_CLOSED */
    RC_HTTP_TIMED_OUT,    /* one of the four timeouts passed: RC_TIMEOUT */
    RC_HTTP_REFUSED, /* no connection: nobody listens, no such socket, no such host (RC_CLOSED),
                        or RC_PERM */
    RC_HTTP_ABORTED, /* on_body, rc_http_cancel or rc_http_free called it off: RC_CANCELLED */
    RC_HTTP_FAILED,  /* anything else: see the error */
};

/* Header values are the peer's bytes, unescaped; empty if absent; valid during the callback. */
typedef struct rc_http_headers {
    int status;
    rc_str date;
    rc_str api_version;
    rc_str server;
} rc_http_headers;

typedef struct rc_http_result {
    enum rc_http_outcome outcome;
    int status;          /* HTTP status, 0 if the headers never came whole */
    const rc_error *err; /* code RC_OK for RC_HTTP_COMPLETE; never NULL; valid in the callback */
} rc_http_result;

/* One request. Zero-initialise it. path and body are copied; every timeout is in milliseconds. */
typedef struct rc_http_request_options {
    const char *path; /* "/…", already percent-encoded: printable ASCII without spaces */
    enum rc_http_method method;
    rc_str body;                 /* POST only, sent as application/json; empty: Content-Length: 0 */
    uint32_t header_timeout_ms;  /* from the start until the headers are whole; 0 none */
    uint32_t connect_timeout_ms; /* 0: curl's own, 300 s */
    uint32_t idle_timeout_ms;    /* from whole headers on, no byte for so long; 0 none */
    uint32_t total_timeout_ms;   /* start to end; 0 none; must be 0 on a stream */
    bool stream;                 /* a connection of its own, closed behind it */
    uint32_t turn_max;           /* bytes that are handed out, give or take a read of the socket,
                                    before other events get their turn; RC_HTTP_TURN_MIN to
                                    RC_HTTP_TURN_MAX, 0: RC_HTTP_TURN_USUAL */

    /* Each may be NULL, except on_done. arg is handed to all of them. From inside any of them every
     * function of this header may be called. */
    /* Once, before any body, when the final (not 1xx) headers are whole. */
    void (*on_headers)(rc_http_call *call, const rc_http_headers *headers, void *arg);
    /* Bytes as they come, n > 0, borrowed. Non-zero aborts the request. */
    int (*on_body)(rc_http_call *call, const char *bytes, size_t n, void *arg);
    /* After the on_body calls that one read of the socket led to, unless the request was called off
     * in one of them: a chunked body is handed out chunk by chunk, and this is where a batch ends.
     */
    void (*on_batch)(rc_http_call *call, void *arg);
    /* Exactly once for every request that was started, always last; call dies as it returns. */
    void (*on_done)(rc_http_call *call, const rc_http_result *result, void *arg);
    void *arg;
} rc_http_request_options;

/* A client on base, which is borrowed and must outlive it. The caller owns the client and ends it
 * with rc_http_free. Connects to nothing yet. NULL on failure: RC_INVALID (options), RC_UNSUPPORTED
 * (TLS over a unix socket), RC_NOMEM. Loop thread only. */
rc_http *rc_http_new(struct event_base *base, const rc_http_options *options, rc_error *err);

/* Cancels every request (each on_done is called with RC_HTTP_ABORTED), closes every connection and
 * frees the client. Call it before the event base is freed. From inside a callback the requests are
 * called off at once, the rest happens when the client's event handler returns, so the base must
 * live until then. NULL is fine. Loop thread only. Returns NULL. */
rc_http *rc_http_free(rc_http *http);

/* Starts a request; it is sent from the event loop. The returned pointer is borrowed and valid
 * until on_done has returned. NULL on failure, and then no callback comes: RC_INVALID (options),
 * RC_FULL (too many requests), RC_CANCELLED (the client is being freed), RC_NOMEM. Loop thread
 * only. */
rc_http_call *rc_http_request(rc_http *http, const rc_http_request_options *options, rc_error *err);

/* Calls the request off: no on_headers or on_body after this, and on_done with RC_HTTP_ABORTED from
 * the event loop. Does nothing to a request that is ending already. NULL is fine. Loop thread only.
 */
void rc_http_cancel(rc_http_call *call);

/* From here on the request times out when no byte comes for ms milliseconds (> 0), instead of what
 * idle_timeout_ms said: for a stream whose headers tell that it is none. RC_NOMEM. Loop thread
 * only.
 */
int rc_http_limit_idle(rc_http_call *call, uint32_t ms, rc_error *err);

#endif
