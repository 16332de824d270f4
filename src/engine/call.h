/* One call of the Engine API, whatever it asks for: what all have in common, and the table of what
 * differs. Private to engine/. A kind embeds rc_engine_call as its first member. */
#ifndef RC_ENGINE_CALL_H
#define RC_ENGINE_CALL_H

#include <sys/queue.h>

#include "base/buf.h"
#include "engine/engine.h"
#include "net/http.h"
#include "wire/decode.h"

#define RC_ENGINE_IDS_MAX 100

/* "1.41" */
#define RC_ENGINE_API_MAX 16

struct rc_call_kind {
    const char *what; /* for messages: "GET /containers/json" */
    bool stream;
    /* A 200's headers. May be NULL. */
    void (*open)(rc_engine_call *call, const rc_http_headers *headers);
    /* Bytes of a 200. What is not RC_ENGINE_OK ends the call so, for the reason in err. NULL: they
     * are gathered in body. */
    enum rc_engine_outcome (*bytes)(rc_engine_call *call, const char *bytes, size_t n,
                                    rc_error *err);
    /* After the bytes of one read, where handed_out was set. May be NULL. */
    void (*batch)(rc_engine_call *call);
    /* A 200 came to its end. It may ask for more by rc_call_request: the call then goes on. */
    enum rc_engine_outcome (*end)(rc_engine_call *call, rc_error *err);
    /* Calls the user's on_done. */
    void (*report)(rc_engine_call *call, const rc_engine_result *result);
    /* Frees what the kind holds besides. May be NULL. */
    void (*release)(rc_engine_call *call);
};

struct rc_engine_call {
    unsigned magic;
    rc_engine *engine;
    const struct rc_call_kind *kind;
    rc_http_call *http; /* NULL between requests and while the call is reported */
    rc_buf body;        /* of a 200 that is decoded whole, and of every error */
    int status;
    int64_t date_s;
    bool cancelled;                 /* no callback but on_done from here on */
    bool handed_out;                /* something, since the last batch */
    enum rc_engine_outcome trouble; /* why we ended the request ourselves; OK: we did not */
    rc_error err;
};

struct rc_engine {
    const rc_endpoint *endpoint;
    rc_http *stream_http;
    rc_http *request_http;
    rc_decoder *decoder;
    size_t line_max;
    size_t element_max;
    uint32_t connect_ms;
    uint32_t request_ms;
    uint32_t stream_header_ms;
    bool pinned;
    char api[RC_ENGINE_API_MAX]; /* "" until one is agreed on */
    unsigned depth;              /* callbacks on the stack */
    bool freeing;
};

/* A zeroed call of size bytes, nothing asked yet. NULL: RC_NOMEM; RC_CANCELLED while the engine is
 * being freed. */
void *rc_call_new(rc_engine *engine, const struct rc_call_kind *kind, size_t size, rc_error *err);

/* Frees a call that was never started. Returns NULL. */
rc_engine_call *rc_call_discard(rc_engine_call *call);

/* The body gathered so far, for a decoder: writable, never NULL. */
char *rc_call_body(rc_engine_call *call, size_t *ret_len);

/* Asks for a path, which is copied; what came so far is forgotten. */
int rc_call_request(rc_engine_call *call, const char *path, rc_error *err);

/* The version that paths begin with, or NULL and RC_INVALID where none is agreed on yet. */
const char *rc_engine_api(const rc_engine *engine, rc_error *err);

#endif
