/* rc_store's calls, handed on to the index. */
#include "daemon/store.h"

/* A sweep of 100,000 rows would otherwise be one transaction; each row is right alone. */
#define MANY_STEPS 4096

static rc_index *index_of(void *ctx)
{
    return ((rc_index_store *)ctx)->ix;
}

static int get(void *ctx, const rc_id *id, rc_row *out, rc_error *err)
{
    return rc_index_get(index_of(ctx), id, out, err);
}

static int count_step(rc_index_store *s, rc_error *err)
{
    return ++s->steps >= MANY_STEPS ? s->on_many(s->arg, err) : RC_OK;
}

static int put(void *ctx, const rc_row *row, enum rc_change_cause cause, rc_str action,
               bool *ret_changed, rc_error *err)
{
    int code = rc_index_put(index_of(ctx), row, cause, action, ret_changed, err);
    return !code && *ret_changed ? count_step(ctx, err) : code;
}

static int del(void *ctx, const rc_id *id, enum rc_change_cause cause, rc_error *err)
{
    int code = rc_index_del(index_of(ctx), id, cause, err);
    return code ? code : count_step(ctx, err);
}

static void begin_networks(void *ctx)
{
    rc_index_begin_networks(index_of(ctx));
}

static int put_network(void *ctx, const rc_network *net, rc_error *err)
{
    return rc_index_put_network(index_of(ctx), net, err);
}

static int sweep_networks(void *ctx, rc_error *err)
{
    return rc_index_sweep_networks(index_of(ctx), err);
}

static void set_status(void *ctx, const rc_mirror_status *status)
{
    rc_index_set_mirror(index_of(ctx), status);
}

rc_store rc_index_store_ops(rc_index_store *s)
{
    return (rc_store){.get = get,
                      .put = put,
                      .del = del,
                      .begin_networks = begin_networks,
                      .put_network = put_network,
                      .sweep_networks = sweep_networks,
                      .set_status = set_status,
                      .ctx = s};
}
