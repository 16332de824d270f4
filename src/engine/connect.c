/* Who answers, and in which version of the API: GET /_ping, then GET /info. */
#include <stdio.h>

#include "base/escape.h"
#include "engine/call.h"
#include "engine/version.h"

struct connect_call {
    rc_engine_call call;
    void (*on_done)(void *arg, const rc_engine_hello *hello, const rc_engine_result *result);
    void *arg;
    bool pinged;
    bool podman;
    bool has_version; /* the ping named one … */
    bool bad_version; /* … that cannot be read */
    struct rc_api_version theirs;
    int64_t date_s;
    char api[RC_ENGINE_API_MAX];
    char version[128];
    char identity[256];
};

static struct connect_call *self(rc_engine_call *call)
{
    return (struct connect_call *)call; /* its first member */
}

static void open_ping(rc_engine_call *call, const rc_http_headers *headers)
{
    struct connect_call *c = self(call);

    if (c->pinged)
        return;
    c->podman = rc_str_starts(headers->server, RC_STR("Libpod/"));
    c->date_s = call->date_s;
    c->has_version = headers->api_version.len > 0;
    c->bad_version = c->has_version && !rc_api_version_parse(headers->api_version, &c->theirs);
}

static enum rc_engine_outcome negotiate(struct connect_call *c, rc_error *err)
{
    const rc_engine *engine = c->call.engine;
    struct rc_api_version use = RC_API_OLDEST; /* an engine that names none is as old as that */
    char theirs[RC_ENGINE_API_MAX], oldest[RC_ENGINE_API_MAX];

    if (engine->pinned) {
        (void)snprintf(c->api, sizeof(c->api), "%s", engine->api);
        return RC_ENGINE_OK;
    }
    if (c->bad_version) {
        (void)rc_fail(err, RC_PROTOCOL, "the engine's Api-Version header is no version");
        return RC_ENGINE_BAD;
    }
    if (c->has_version)
        use = rc_api_version_cmp(c->theirs, RC_API_NEWEST) < 0 ? c->theirs : RC_API_NEWEST;
    if (rc_api_version_cmp(use, RC_API_OLDEST) < 0) {
        rc_api_version_format(use, theirs);
        rc_api_version_format(RC_API_OLDEST, oldest);
        (void)rc_fail(err, RC_UNSUPPORTED, "the engine speaks API %s at most, %s is needed", theirs,
                      oldest);
        return RC_ENGINE_BAD;
    }
    rc_api_version_format(use, c->api);
    return RC_ENGINE_OK;
}

static enum rc_engine_outcome ask_info(struct connect_call *c, rc_error *err)
{
    char path[RC_ENGINE_API_MAX + 16];
    enum rc_engine_outcome outcome = negotiate(c, err);

    if (outcome != RC_ENGINE_OK)
        return outcome;
    c->pinged = true;
    (void)snprintf(path, sizeof(path), "/v%s/info", c->api);
    return rc_call_request(&c->call, path, err) == RC_OK ? RC_ENGINE_OK : RC_ENGINE_FAILED;
}

static enum rc_engine_outcome take_info(struct connect_call *c, rc_error *err)
{
    rc_engine *engine = c->call.engine;
    rc_engine_info info;
    size_t len = 0;
    char *body = rc_call_body(&c->call, &len);
    int rc = rc_decode_info(engine->decoder, body, len, &info, err);

    if (rc != RC_OK)
        return rc == RC_NOMEM ? RC_ENGINE_FAILED : RC_ENGINE_BAD;
    (void)rc_escape_into(c->version, sizeof(c->version), info.version);
    /* Podman makes its ID anew for every answer. */
    rc_str identity =
        c->podman || !info.id.len ? rc_str_c(rc_endpoint_text(engine->endpoint)) : info.id;
    (void)rc_escape_into(c->identity, sizeof(c->identity), identity);
    (void)snprintf(engine->api, sizeof(engine->api), "%s", c->api);
    return RC_ENGINE_OK;
}

static enum rc_engine_outcome end(rc_engine_call *call, rc_error *err)
{
    struct connect_call *c = self(call);
    return c->pinged ? take_info(c, err) : ask_info(c, err);
}

static void report(rc_engine_call *call, const rc_engine_result *result)
{
    const struct connect_call *c = self(call);
    rc_engine_hello hello = {
        .podman = c->podman,
        .api_version = c->api,
        .version = c->version,
        .identity = c->identity,
        .date_s = c->date_s,
    };

    c->on_done(c->arg, result->outcome == RC_ENGINE_OK ? &hello : NULL, result);
}

static const struct rc_call_kind connect_kind = {
    .what = "connecting to the engine",
    .open = open_ping,
    .end = end,
    .report = report,
};

rc_engine_call *rc_engine_connect(rc_engine *engine,
                                  void (*on_done)(void *arg, const rc_engine_hello *hello,
                                                  const rc_engine_result *result),
                                  void *arg, rc_error *err)
{
    struct connect_call *c = rc_call_new(engine, &connect_kind, sizeof(*c), err);
    if (!c)
        return NULL;
    c->on_done = on_done;
    c->arg = arg;
    c->date_s = -1;
    return rc_call_request(&c->call, "/_ping", err) == RC_OK ? &c->call : rc_call_discard(&c->call);
}
