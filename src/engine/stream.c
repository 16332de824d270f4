/* GET /events: the stream that is read for as long as the engine lets us. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/escape.h"
#include "engine/call.h"
#include "wire/framing.h"

/* {"type":["container","network"]}: nothing finer, for Podman 4.3 answers other filters with
 * silence. */
#define FILTERS "filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D"

/* Bytes of a bad line that its message shows. */
#define SAMPLE_MAX 96

struct stream_call {
    rc_engine_call call;
    rc_engine_stream user;
    rc_framer *framer;
    uint64_t lines;
};

static struct stream_call *self(rc_engine_call *call)
{
    return (struct stream_call *)call; /* its first member */
}

static void open_stream(rc_engine_call *call, const rc_http_headers *headers)
{
    const struct stream_call *s = self(call);

    (void)headers;
    if (s->user.on_open)
        s->user.on_open(s->user.arg);
}

static void bad_line(struct stream_call *s, const char *line, size_t len, rc_error *err,
                     bool oversize)
{
    char sample[SAMPLE_MAX];

    (void)rc_escape_into(sample, sizeof(sample), rc_str_n(line, len));
    (void)rc_error_wrap(err, "line %" PRIu64 " of the event stream (%s)", s->lines, sample);
    if (s->user.on_bad)
        s->user.on_bad(s->user.arg, err, oversize);
}

static void on_line(void *arg, char *line, size_t len, int oversize)
{
    struct stream_call *s = arg;
    rc_error err = RC_ERROR_INIT;
    rc_event ev;

    if (s->call.cancelled)
        return;
    s->lines++;
    s->call.handed_out = true;
    if (oversize) {
        (void)rc_fail(&err, RC_FULL, "longer than %zu bytes", s->call.engine->line_max);
        bad_line(s, line, len, &err, true);
    } else if (rc_decode_event(s->call.engine->decoder, line, len, &ev, &err) != RC_OK) {
        bad_line(s, line, len, &err, false);
    } else {
        s->user.on_event(s->user.arg, &ev);
    }
}

static enum rc_engine_outcome take_bytes(rc_engine_call *call, const char *bytes, size_t n,
                                         rc_error *err)
{
    (void)err;
    /* A line that memory did not suffice for was reported like one that is too long. */
    (void)rc_framer_feed(self(call)->framer, bytes, n);
    return RC_ENGINE_OK;
}

static void batch(rc_engine_call *call)
{
    const struct stream_call *s = self(call);
    if (s->user.on_batch)
        s->user.on_batch(s->user.arg);
}

static enum rc_engine_outcome end(rc_engine_call *call, rc_error *err)
{
    if (rc_framer_pending(self(call)->framer) == 0)
        return RC_ENGINE_OK;
    (void)rc_fail(err, RC_CLOSED, "the stream ended in the middle of an event");
    return RC_ENGINE_CUT;
}

static void report(rc_engine_call *call, const rc_engine_result *result)
{
    const struct stream_call *s = self(call);
    s->user.on_done(s->user.arg, result);
}

static void release(rc_engine_call *call)
{
    (void)rc_framer_free(self(call)->framer);
}

static const struct rc_call_kind stream_kind = {
    .what = "GET /events",
    .stream = true,
    .open = open_stream,
    .bytes = take_bytes,
    .batch = batch,
    .end = end,
    .report = report,
    .release = release,
};

/* From integers: a double has no room for nanoseconds since 1970. */
static void write_path(char *out, size_t size, const char *api, int64_t since_ns)
{
    if (since_ns == 0)
        (void)snprintf(out, size, "/v%s/events?%s", api, FILTERS);
    else
        (void)snprintf(out, size, "/v%s/events?since=%" PRId64 ".%09" PRId64 "&%s", api,
                       since_ns / RC_NS_PER_SEC, since_ns % RC_NS_PER_SEC, FILTERS);
}

rc_engine_call *rc_engine_events(rc_engine *engine, int64_t since_ns,
                                 const rc_engine_stream *stream, rc_error *err)
{
    char path[256];
    const char *api = rc_engine_api(engine, err);

    if (!api)
        return NULL;
    if (since_ns < 0) {
        (void)rc_fail(err, RC_INVALID, "GET /events: a time before 1970");
        return NULL;
    }
    struct stream_call *s = rc_call_new(engine, &stream_kind, sizeof(*s), err);
    if (!s)
        return NULL;
    s->user = *stream;
    s->framer = rc_framer_new(engine->line_max, on_line, s);
    if (!s->framer) {
        (void)rc_fail(err, RC_NOMEM, "GET /events: out of memory");
        return rc_call_discard(&s->call);
    }
    write_path(path, sizeof(path), api, since_ns);
    return rc_call_request(&s->call, path, err) == RC_OK ? &s->call : rc_call_discard(&s->call);
}
