/* GET /containers/{id}/json: one container, all that the engine knows of it. */
#include <stdio.h>

#include "engine/call.h"

struct inspect_call {
    rc_engine_call call;
    void (*on_done)(void *arg, const rc_observation *obs, const rc_engine_result *result);
    void *arg;
    rc_id id;
    rc_observation obs;
};

static struct inspect_call *self(rc_engine_call *call)
{
    return (struct inspect_call *)call; /* its first member */
}

static enum rc_engine_outcome end(rc_engine_call *call, rc_error *err)
{
    struct inspect_call *c = self(call);
    rc_id told;
    size_t len = 0;
    char *body = rc_call_body(call, &len);
    int rc = rc_decode_inspect(call->engine->decoder, body, len, &c->obs, err);

    if (rc != RC_OK)
        return rc == RC_NOMEM ? RC_ENGINE_FAILED : RC_ENGINE_BAD;
    if (rc_id_parse(c->obs.row.id, &told) && rc_id_eq(&told, &c->id))
        return RC_ENGINE_OK;
    (void)rc_fail(err, RC_PROTOCOL, "the answer is about another container");
    return RC_ENGINE_BAD;
}

static void report(rc_engine_call *call, const rc_engine_result *result)
{
    const struct inspect_call *c = self(call);
    c->on_done(c->arg, result->outcome == RC_ENGINE_OK ? &c->obs : NULL, result);
}

static const struct rc_call_kind inspect_kind = {
    .what = "GET /containers/{id}/json",
    .end = end,
    .report = report,
};

rc_engine_call *rc_engine_inspect(rc_engine *engine, const rc_id *id,
                                  void (*on_done)(void *arg, const rc_observation *obs,
                                                  const rc_engine_result *result),
                                  void *arg, rc_error *err)
{
    char hex[RC_ID_LEN + 1];
    char path[RC_ENGINE_API_MAX + RC_ID_LEN + 32];
    const char *api = rc_engine_api(engine, err);
    struct inspect_call *c = api ? rc_call_new(engine, &inspect_kind, sizeof(*c), err) : NULL;

    if (!c)
        return NULL;
    c->on_done = on_done;
    c->arg = arg;
    c->id = *id;
    rc_id_format(id, hex);
    (void)snprintf(path, sizeof(path), "/v%s/containers/%s/json", api, hex);
    return rc_call_request(&c->call, path, err) == RC_OK ? &c->call : rc_call_discard(&c->call);
}
