/* The client's own life: two HTTP clients to one endpoint, the stream's the more urgent. */
#include "engine/engine.h"

#include <stdlib.h>

#include "base/clock.h"
#include "engine/call.h"
#include "engine/version.h"

#define LINE_MAX_USUAL    ((size_t)16 * 1024 * 1024)
#define ELEMENT_MAX_USUAL ((size_t)16 * 1024 * 1024)

#define PRIORITY_STREAM  0
#define PRIORITY_REQUEST 1

/* Rounded up: a timeout of less than a millisecond is not none. */
static uint32_t milliseconds(int64_t ns)
{
    int64_t ms = ns / RC_NS_PER_MS + (ns % RC_NS_PER_MS ? 1 : 0);
    return ms < INT32_MAX ? (uint32_t)ms : (uint32_t)INT32_MAX;
}

static int set_options(rc_engine *engine, const rc_engine_options *o, rc_error *err)
{
    if (o->connect_timeout_ns <= 0 || o->request_timeout_ns <= 0)
        return rc_fail(err, RC_INVALID, "the engine's timeouts must be more than 0");
    if (o->api_version && *o->api_version) {
        struct rc_api_version pinned;
        if (!rc_api_version_parse(rc_str_c(o->api_version), &pinned))
            return rc_fail(err, RC_INVALID, "the API version to use must look like 1.41");
        rc_api_version_format(pinned, engine->api);
        engine->pinned = true;
    }
    engine->line_max = o->line_max ? o->line_max : LINE_MAX_USUAL;
    engine->element_max = o->element_max ? o->element_max : ELEMENT_MAX_USUAL;
    engine->connect_ms = milliseconds(o->connect_timeout_ns);
    engine->request_ms = milliseconds(o->request_timeout_ns);
    uint32_t twice = engine->connect_ms <= INT32_MAX / 2 ? engine->connect_ms * 2 : INT32_MAX;
    engine->stream_header_ms = twice > engine->request_ms ? twice : engine->request_ms;
    return RC_OK;
}

static rc_http *new_client(struct event_base *base, const rc_endpoint *endpoint, int priority,
                           rc_error *err)
{
    rc_http_options options;

    rc_endpoint_http(endpoint, &options);
    options.priority = priority;
    return rc_http_new(base, &options, err);
}

static int set_up(rc_engine *engine, struct event_base *base, rc_error *err)
{
    rc_error reason = RC_ERROR_INIT;

    engine->decoder = rc_decoder_new();
    if (!engine->decoder)
        return rc_fail(err, RC_NOMEM, "out of memory for the engine's client");
    engine->stream_http = new_client(base, engine->endpoint, PRIORITY_STREAM, &reason);
    if (engine->stream_http)
        engine->request_http = new_client(base, engine->endpoint, PRIORITY_REQUEST, &reason);
    if (!engine->request_http)
        return rc_fail(err, reason.code, "%s: %s", rc_endpoint_text(engine->endpoint), reason.msg);
    return RC_OK;
}

int rc_engine_new(struct event_base *base, const rc_endpoint *endpoint,
                  const rc_engine_options *options, rc_engine **out, rc_error *err)
{
    rc_engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return rc_fail(err, RC_NOMEM, "out of memory for the engine's client");
    engine->endpoint = endpoint;
    int rc = set_options(engine, options, err);
    if (rc == RC_OK)
        rc = set_up(engine, base, err);
    if (rc != RC_OK) {
        (void)rc_engine_free(engine);
        return rc;
    }
    *out = engine;
    return RC_OK;
}

rc_engine *rc_engine_free(rc_engine *engine)
{
    if (!engine)
        return NULL;
    if (engine->depth || engine->freeing)
        abort(); /* from inside a callback, which would go on in freed memory */
    engine->freeing = true;
    (void)rc_http_free(engine->stream_http);
    (void)rc_http_free(engine->request_http);
    (void)rc_decoder_free(engine->decoder);
    free(engine);
    return NULL;
}
