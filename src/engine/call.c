/* The life of a call: from its request over the answer to the one on_done. Here it is decided which
 * outcome an end is. */
#include "engine/call.h"

#include <stdlib.h>

#include "base/clock.h"

#define CALL_MAGIC 0x52434543u

/* Bytes of an error's body that are read: its message is cut to far fewer. */
#define ERROR_BODY_MAX ((size_t)16 * 1024)

/* Many events of a burst share a batch; a request's turns stay short, so that a large list leaves
 * the stream its own. */
#define STREAM_TURN_MAX (256 * 1024)

static rc_engine_call *checked(void *arg)
{
    rc_engine_call *call = arg;
    if (!call || call->magic != CALL_MAGIC)
        abort();
    return call;
}

void *rc_call_new(rc_engine *engine, const struct rc_call_kind *kind, size_t size, rc_error *err)
{
    if (engine->freeing) {
        (void)rc_fail(err, RC_CANCELLED, "%s: the engine's client is being freed", kind->what);
        return NULL;
    }
    rc_engine_call *call = calloc(1, size);
    if (!call) {
        (void)rc_fail(err, RC_NOMEM, "%s: out of memory", kind->what);
        return NULL;
    }
    call->magic = CALL_MAGIC;
    call->engine = engine;
    call->kind = kind;
    call->body = (rc_buf)RC_BUF_INIT(0);
    call->date_s = -1;
    return call;
}

rc_engine_call *rc_call_discard(rc_engine_call *call)
{
    if (call->kind->release)
        call->kind->release(call);
    rc_buf_release(&call->body);
    call->magic = 0;
    free(call);
    return NULL;
}

char *rc_call_body(rc_engine_call *call, size_t *ret_len)
{
    static char nothing[1];

    *ret_len = call->body.len;
    return call->body.len ? call->body.data : nothing;
}

const char *rc_engine_api(const rc_engine *engine, rc_error *err)
{
    if (engine->api[0])
        return engine->api;
    (void)rc_fail(err, RC_INVALID, "no API version is agreed on with the engine: connect first");
    return NULL;
}

void rc_engine_cancel(rc_engine_call *call)
{
    if (!call)
        return;
    (void)checked(call);
    call->cancelled = true;
    rc_http_cancel(call->http);
}

/* ---- The answer ---- */

/* Ends the request from inside it, for the reason in call->err. */
static int stop(rc_engine_call *call, enum rc_engine_outcome why)
{
    call->trouble = why;
    return 1;
}

static void open_answer(rc_engine_call *call, const rc_http_headers *headers)
{
    call->status = headers->status;
    if (rc_http_date_parse(headers->date, &call->date_s, NULL) != RC_OK)
        call->date_s = -1;
    if (call->status == 200) {
        if (call->kind->open)
            call->kind->open(call, headers);
    } else if (call->kind->stream) {
        /* A stream may be quiet for ever, an error may not. */
        if (rc_http_limit_idle(call->http, call->engine->request_ms, NULL) != RC_OK) {
            call->trouble = RC_ENGINE_STATUS;
            rc_http_cancel(call->http);
        }
    }
}

static int gather(rc_engine_call *call, const char *bytes, size_t n)
{
    size_t max = call->status == 200 ? call->engine->element_max : ERROR_BODY_MAX;
    size_t room = max - call->body.len;

    rc_buf_append(&call->body, bytes, n < room ? n : room);
    if (rc_buf_failed(&call->body)) {
        (void)rc_fail(&call->err, RC_NOMEM, "out of memory for the answer");
        return stop(call, RC_ENGINE_FAILED);
    }
    if (n <= room)
        return 0;
    if (call->status != 200)
        return stop(call, RC_ENGINE_STATUS);
    (void)rc_fail(&call->err, RC_PROTOCOL, "the answer has more than %zu bytes", max);
    return stop(call, RC_ENGINE_BAD);
}

static int take_bytes(rc_engine_call *call, const char *bytes, size_t n)
{
    if (call->status != 200 || !call->kind->bytes)
        return gather(call, bytes, n);
    enum rc_engine_outcome outcome = call->kind->bytes(call, bytes, n, &call->err);
    return outcome == RC_ENGINE_OK ? 0 : stop(call, outcome);
}

static void end_batch(rc_engine_call *call)
{
    if (!call->handed_out)
        return;
    call->handed_out = false;
    if (call->kind->batch)
        call->kind->batch(call);
}

/* ---- The end ---- */

static int status_code(int status)
{
    switch (status) {
    case 401:
    case 403:
        return RC_PERM;
    case 404:
        return RC_NOTFOUND;
    case 503:
        return RC_BUSY;
    default:
        return RC_PROTOCOL;
    }
}

static enum rc_engine_outcome bad_status(rc_engine_call *call)
{
    size_t len = 0;
    char *body = rc_call_body(call, &len);
    rc_str said = rc_decode_error(call->engine->decoder, body, len);

    (void)rc_fail(&call->err, status_code(call->status), "HTTP %d%s%.*s", call->status,
                  said.len ? ": " : "", RC_STR_ARG(said));
    return RC_ENGINE_STATUS;
}

/* Leaves the reason in call->err. */
static enum rc_engine_outcome judge(rc_engine_call *call, const rc_http_result *result)
{
    if (call->cancelled || (result->outcome == RC_HTTP_ABORTED && !call->trouble)) {
        (void)rc_fail(&call->err, RC_CANCELLED, "called off");
        return RC_ENGINE_CANCELLED;
    }
    if (call->trouble && call->trouble != RC_ENGINE_STATUS)
        return call->trouble;
    if (call->status && call->status != 200)
        return bad_status(call); /* even where its body broke off: the status is known */
    if (result->outcome == RC_HTTP_COMPLETE)
        return call->kind->end(call, &call->err);
    call->err = *result->err;
    switch (result->outcome) {
    case RC_HTTP_CLOSED_EARLY:
        return RC_ENGINE_CUT;
    case RC_HTTP_TIMED_OUT:
        return RC_ENGINE_TIMEOUT;
    case RC_HTTP_REFUSED:
        return RC_ENGINE_REFUSED;
    default:
        return call->err.code == RC_PROTOCOL ? RC_ENGINE_BAD : RC_ENGINE_FAILED;
    }
}

static void finish(rc_engine_call *call, const rc_http_result *http_result)
{
    call->http = NULL;
    rc_engine_result result = {
        .outcome = judge(call, http_result), .status = call->status, .date_s = call->date_s};

    if (result.outcome == RC_ENGINE_OK) {
        if (call->http) /* there is more to ask */
            return;
        call->err = (rc_error)RC_ERROR_INIT;
    } else {
        (void)rc_error_wrap(&call->err, "%s", call->kind->what);
    }
    result.err = &call->err;
    if (result.outcome != RC_ENGINE_CANCELLED)
        end_batch(call);
    call->kind->report(call, &result);
    (void)rc_call_discard(call);
}

/* ---- What the HTTP client calls ---- */

static void on_headers(rc_http_call *http, const rc_http_headers *headers, void *arg)
{
    rc_engine_call *call = checked(arg);
    rc_engine *engine = call->engine;

    (void)http;
    engine->depth++;
    open_answer(call, headers);
    engine->depth--;
}

static int on_body(rc_http_call *http, const char *bytes, size_t n, void *arg)
{
    rc_engine_call *call = checked(arg);
    rc_engine *engine = call->engine;

    (void)http;
    engine->depth++;
    int rc = take_bytes(call, bytes, n);
    engine->depth--;
    return rc;
}

static void on_batch(rc_http_call *http, void *arg)
{
    rc_engine_call *call = checked(arg);
    rc_engine *engine = call->engine;

    (void)http;
    engine->depth++;
    end_batch(call);
    engine->depth--;
}

static void on_done(rc_http_call *http, const rc_http_result *result, void *arg)
{
    rc_engine_call *call = checked(arg);
    rc_engine *engine = call->engine;

    (void)http;
    engine->depth++;
    finish(call, result);
    engine->depth--;
}

int rc_call_request(rc_engine_call *call, const char *path, rc_error *err)
{
    const rc_engine *engine = call->engine;
    bool stream = call->kind->stream;
    rc_http_request_options options = {
        .path = path,
        .stream = stream,
        .connect_timeout_ms = engine->connect_ms,
        .header_timeout_ms = stream ? engine->stream_header_ms : engine->request_ms,
        .idle_timeout_ms = stream ? 0 : engine->request_ms,
        .turn_max = stream ? STREAM_TURN_MAX : 0,
        .on_headers = on_headers,
        .on_body = on_body,
        .on_batch = on_batch,
        .on_done = on_done,
        .arg = call,
    };

    rc_error reason = RC_ERROR_INIT;
    call->http =
        rc_http_request(stream ? engine->stream_http : engine->request_http, &options, &reason);
    if (!call->http)
        return rc_fail(err, reason.code, "%s: %s", call->kind->what, reason.msg);
    call->status = 0;
    call->date_s = -1;
    rc_buf_clear(&call->body);
    return RC_OK;
}
