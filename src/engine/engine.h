/* The Engine API as the mirror uses it: GET only, by construction: nothing here takes a method.
 * Asynchronous on the caller's event base, one thread. The event stream has a client (and so a
 * connection) of its own and the most urgent event priority; all else goes over another, less
 * urgent one. Sources: Docker Engine API v1.24 to v1.55, Podman 4.3's compatible API.
 *
 * Caveats. Call rc_wire_init() before. The process must ignore SIGPIPE. All but rc_engine_connect
 * need a version that is agreed on: RC_INVALID before the first connect that went well, unless one
 * is pinned. */
#ifndef RC_ENGINE_ENGINE_H
#define RC_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/idmap.h"
#include "engine/endpoint.h"
#include "model/event.h"
#include "model/observation.h"

struct event_base;
typedef struct rc_engine rc_engine;
typedef struct rc_engine_call rc_engine_call;

typedef struct rc_engine_options {
    const char *api_version;    /* "1.41" to pin it (then it is tried as it is, whatever the engine
                                   says); NULL or "": negotiate */
    int64_t connect_timeout_ns; /* to connect, and for the stream's headers twice as long … */
    int64_t request_timeout_ns; /* … but at least this; a request without a byte for so long */
    size_t line_max;            /* longest event line, bytes; 0: 16 MiB */
    size_t element_max;         /* longest list element or inspect answer; 0: 16 MiB */
} rc_engine_options;

/* base needs at least two priorities: 0 is the stream's, 1 the requests'. endpoint is borrowed and
 * must outlive it. RC_INVALID (options, base), RC_NOMEM. */
int rc_engine_new(struct event_base *base, const rc_endpoint *endpoint,
                  const rc_engine_options *options, rc_engine **out, rc_error *err);

/* Ends every call (their on_done comes, with RC_ENGINE_CANCELLED, before this returns). Not from
 * inside a callback: that is a bug and aborts. */
rc_engine *rc_engine_free(rc_engine *engine);

enum rc_engine_outcome {
    RC_ENGINE_OK,        /* 200, whole and decoded; of the stream: ended cleanly */
    RC_ENGINE_STATUS,    /* another HTTP status: see status; the message is the engine's own */
    RC_ENGINE_CUT,       /* the connection broke off, or the answer was not whole */
    RC_ENGINE_TIMEOUT,   /* no answer in time */
    RC_ENGINE_REFUSED,   /* no connection */
    RC_ENGINE_BAD,       /* an answer that cannot be decoded, or in no version that we speak */
    RC_ENGINE_CANCELLED, /* by the caller */
    RC_ENGINE_FAILED,    /* anything else: memory, TLS */
};

typedef struct rc_engine_result {
    enum rc_engine_outcome outcome;
    int status;          /* HTTP's; 0 if none came */
    int64_t date_s;      /* the answer's Date, seconds since 1970; -1 if none */
    const rc_error *err; /* never NULL; code RC_OK with RC_ENGINE_OK; valid in the callback */
} rc_engine_result;

/* Every call: NULL and err if it could not be started (then no callback comes); else on_done comes
 * exactly once, last, from the event loop and never from inside the function that started or
 * cancelled it. A call handle is valid until its on_done returns. */
/* No callback but on_done comes after this, not even the on_batch of what was handed out. From
 * inside any callback, too; takes NULL. */
void rc_engine_cancel(rc_engine_call *call);

typedef struct rc_engine_hello {
    bool podman;
    const char *api_version; /* negotiated: min(ours, theirs), or as pinned; used from here on */
    const char *version;     /* the engine's own, "20.10.24+dfsg1" */
    const char *identity; /* Docker: /info's ID; where it has none, and for Podman (whose ID is new
                             with every answer): the endpoint's text */
    int64_t date_s;       /* of the first answer; -1 */
} rc_engine_hello;

/* GET /_ping, then GET /info: negotiates the version, learns who answers. Call it at every connect.
 * hello is valid in the callback and NULL unless the outcome is RC_ENGINE_OK. */
rc_engine_call *rc_engine_connect(rc_engine *engine,
                                  void (*on_done)(void *arg, const rc_engine_hello *hello,
                                                  const rc_engine_result *result),
                                  void *arg, rc_error *err);

typedef struct rc_engine_stream {
    void (*on_open)(void *arg); /* 200 came (which does not mean subscribed) */
    void (*on_event)(void *arg, const rc_event *ev);
    /* A line that is no event: err says what and where; oversize: over the cap. The stream goes
     * on. */
    void (*on_bad)(void *arg, const rc_error *err, bool oversize);
    void (*on_batch)(void *arg); /* after the events of one turn of the loop (some 256 KiB at most):
                                    commit now */
    void (*on_done)(void *arg, const rc_engine_result *result);
    void *arg;
} rc_engine_stream;

/* GET /events?since=…&filters={"type":["container","network"]}. since_ns: engine's time; 0: now.
 * No total time-out and none while quiet. */
rc_engine_call *rc_engine_events(rc_engine *engine, int64_t since_ns,
                                 const rc_engine_stream *stream, rc_error *err);

typedef struct rc_engine_list {
    /* Non-zero ends the call as RC_ENGINE_CANCELLED. An element that cannot be decoded ends it as
     * RC_ENGINE_BAD: a list with a hole is not complete. */
    int (*on_element)(void *arg, const rc_observation *obs);
    void (*on_batch)(void *arg); /* after the elements of one turn (some 32 KiB at most, at least
                                    one element); may be NULL */
    void (*on_done)(void *arg, const rc_engine_result *result);
    void *arg;
} rc_engine_list;

/* GET /containers/json?all=1, with a filter on ids if n > 0; n > 100 is RC_INVALID. */
rc_engine_call *rc_engine_containers(rc_engine *engine, const rc_id *ids, size_t n,
                                     const rc_engine_list *list, rc_error *err);

/* GET /containers/{id}/json. obs is valid in the callback and NULL unless RC_ENGINE_OK. A 404 is
 * RC_ENGINE_STATUS with status 404; an answer about another container is RC_ENGINE_BAD. */
rc_engine_call *rc_engine_inspect(rc_engine *engine, const rc_id *id,
                                  void (*on_done)(void *arg, const rc_observation *obs,
                                                  const rc_engine_result *result),
                                  void *arg, rc_error *err);

/* GET /networks */
rc_engine_call *rc_engine_networks(rc_engine *engine,
                                   int (*on_element)(void *arg, const rc_network *net),
                                   void (*on_done)(void *arg, const rc_engine_result *result),
                                   void *arg, rc_error *err);

#endif
