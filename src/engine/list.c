/* GET /containers/json and /networks: arrays that are handed out element by element as they come,
 * and are complete only when the last byte says so. */
#include <inttypes.h>

#include "engine/call.h"
#include "wire/framing.h"

/* A version, the path and as many IDs as are allowed, each with its quotes encoded. */
#define PATH_MAX_BYTES ((size_t)(256 + RC_ENGINE_IDS_MAX * (RC_ID_LEN + 9)))

struct list_call {
    rc_engine_call call;
    /* Decodes one element and hands it out. Anything but OK ends the list. */
    enum rc_engine_outcome (*element)(struct list_call *l, char *json, size_t len, rc_error *err);
    int (*on_container)(void *arg, const rc_observation *obs);
    int (*on_network)(void *arg, const rc_network *net);
    void (*on_batch)(void *arg);
    void (*on_done)(void *arg, const rc_engine_result *result);
    void *arg;
    rc_array_framer *framer;
    uint64_t elements;
    enum rc_engine_outcome stopped; /* by an element */
    rc_error *err;                  /* of the feed in progress */
};

static struct list_call *self(rc_engine_call *call)
{
    return (struct list_call *)call; /* its first member */
}

static enum rc_engine_outcome undecodable(const struct list_call *l, int rc, rc_error *err)
{
    (void)rc_error_wrap(err, "element %" PRIu64, l->elements);
    return rc == RC_NOMEM ? RC_ENGINE_FAILED : RC_ENGINE_BAD;
}

static enum rc_engine_outcome handed_out(struct list_call *l, int wish, rc_error *err)
{
    l->call.handed_out = true;
    if (!wish)
        return RC_ENGINE_OK;
    (void)rc_fail(err, RC_CANCELLED, "called off by its reader");
    return RC_ENGINE_CANCELLED;
}

static enum rc_engine_outcome container_element(struct list_call *l, char *json, size_t len,
                                                rc_error *err)
{
    rc_observation obs;
    int rc = rc_decode_list_element(l->call.engine->decoder, json, len, &obs, err);

    if (rc != RC_OK)
        return undecodable(l, rc, err);
    return handed_out(l, l->on_container(l->arg, &obs), err);
}

static enum rc_engine_outcome network_element(struct list_call *l, char *json, size_t len,
                                              rc_error *err)
{
    rc_network net;
    int rc = rc_decode_network(l->call.engine->decoder, json, len, &net, err);

    if (rc != RC_OK)
        return undecodable(l, rc, err);
    return handed_out(l, l->on_network(l->arg, &net), err);
}

static int on_element(void *arg, char *json, size_t len)
{
    struct list_call *l = arg;

    if (l->call.cancelled)
        return RC_CANCELLED;
    l->elements++;
    l->stopped = l->element(l, json, len, l->err);
    return l->stopped == RC_ENGINE_OK ? RC_OK : RC_CANCELLED;
}

static enum rc_engine_outcome take_bytes(rc_engine_call *call, const char *bytes, size_t n,
                                         rc_error *err)
{
    struct list_call *l = self(call);

    l->err = err;
    int rc = rc_array_framer_feed(l->framer, bytes, n, err);
    l->err = NULL;
    if (rc == RC_OK)
        return RC_ENGINE_OK;
    if (call->cancelled)
        return RC_ENGINE_CANCELLED;
    if (l->stopped != RC_ENGINE_OK)
        return l->stopped;
    return rc == RC_NOMEM ? RC_ENGINE_FAILED : RC_ENGINE_BAD;
}

static void batch(rc_engine_call *call)
{
    const struct list_call *l = self(call);
    if (l->on_batch)
        l->on_batch(l->arg);
}

static enum rc_engine_outcome end(rc_engine_call *call, rc_error *err)
{
    return rc_array_framer_finish(self(call)->framer, err) == RC_OK ? RC_ENGINE_OK : RC_ENGINE_CUT;
}

static void report(rc_engine_call *call, const rc_engine_result *result)
{
    const struct list_call *l = self(call);
    l->on_done(l->arg, result);
}

static void release(rc_engine_call *call)
{
    (void)rc_array_framer_free(self(call)->framer);
}

static const struct rc_call_kind containers_kind = {
    .what = "GET /containers/json",
    .bytes = take_bytes,
    .batch = batch,
    .end = end,
    .report = report,
    .release = release,
};

static const struct rc_call_kind networks_kind = {
    .what = "GET /networks",
    .bytes = take_bytes,
    .end = end,
    .report = report,
    .release = release,
};

static struct list_call *new_list(rc_engine *engine, const struct rc_call_kind *kind, rc_error *err)
{
    struct list_call *l = rc_call_new(engine, kind, sizeof(*l), err);
    if (!l)
        return NULL;
    l->framer = rc_array_framer_new(engine->element_max, on_element, l);
    if (l->framer)
        return l;
    (void)rc_fail(err, RC_NOMEM, "%s: out of memory", kind->what);
    (void)rc_call_discard(&l->call);
    return NULL;
}

static rc_engine_call *start(struct list_call *l, rc_buf *path, rc_error *err)
{
    int rc = RC_OK;

    rc_buf_putc(path, '\0');
    if (rc_buf_failed(path))
        rc = rc_fail(err, RC_NOMEM, "%s: out of memory", l->call.kind->what);
    else
        rc = rc_call_request(&l->call, path->data, err);
    return rc == RC_OK ? &l->call : rc_call_discard(&l->call);
}

/* {"id":["…","…"]}, percent-encoded */
static void write_ids(rc_buf *path, const rc_id *ids, size_t n)
{
    char hex[RC_ID_LEN + 1];

    rc_buf_puts(path, "&filters=%7B%22id%22%3A%5B");
    for (size_t i = 0; i < n; i++) {
        rc_id_format(&ids[i], hex);
        rc_buf_printf(path, "%s%%22%s%%22", i ? "%2C" : "", hex);
    }
    rc_buf_puts(path, "%5D%7D");
}

rc_engine_call *rc_engine_containers(rc_engine *engine, const rc_id *ids, size_t n,
                                     const rc_engine_list *list, rc_error *err)
{
    const char *api = rc_engine_api(engine, err);

    if (!api)
        return NULL;
    if (n > RC_ENGINE_IDS_MAX) {
        (void)rc_fail(err, RC_INVALID, "GET /containers/json: %zu IDs are asked for, %d at most", n,
                      RC_ENGINE_IDS_MAX);
        return NULL;
    }
    struct list_call *l = new_list(engine, &containers_kind, err);
    if (!l)
        return NULL;
    l->element = container_element;
    l->on_container = list->on_element;
    l->on_batch = list->on_batch;
    l->on_done = list->on_done;
    l->arg = list->arg;
    rc_buf path = RC_BUF_INIT(PATH_MAX_BYTES);
    rc_buf_printf(&path, "/v%s/containers/json?all=1", api);
    if (n > 0)
        write_ids(&path, ids, n);
    rc_engine_call *call = start(l, &path, err);
    rc_buf_release(&path);
    return call;
}

rc_engine_call *rc_engine_networks(rc_engine *engine,
                                   int (*on_each)(void *arg, const rc_network *net),
                                   void (*on_done)(void *arg, const rc_engine_result *result),
                                   void *arg, rc_error *err)
{
    const char *api = rc_engine_api(engine, err);
    struct list_call *l = api ? new_list(engine, &networks_kind, err) : NULL;

    if (!l)
        return NULL;
    l->element = network_element;
    l->on_network = on_each;
    l->on_done = on_done;
    l->arg = arg;
    rc_buf path = RC_BUF_INIT(PATH_MAX_BYTES);
    rc_buf_printf(&path, "/v%s/networks", api);
    rc_engine_call *call = start(l, &path, err);
    rc_buf_release(&path);
    return call;
}
