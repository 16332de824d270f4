/* The filters parameter, kept as a flat array of pairs. */
#include "filter.h"

#include <stdlib.h>

#include "base/arena.h"
#include "wire/decode.h"

struct pair {
    rc_str key;
    rc_str value;
};

struct sim_filter {
    rc_arena *arena;
    struct pair *pairs;
    size_t n;
};

static int take(void *arg, rc_str key, rc_str value)
{
    sim_filter *f = arg;
    if (f->n == SIM_FILTER_MAX)
        return RC_FULL;
    f->pairs[f->n].key = rc_arena_dup(f->arena, key);
    f->pairs[f->n].value = rc_arena_dup(f->arena, value);
    f->n++;
    return rc_arena_failed(f->arena) ? RC_NOMEM : RC_OK;
}

static int decode(sim_filter *f, char *json, size_t len, rc_error *err)
{
    rc_decoder *d = rc_decoder_new();
    if (!d)
        return rc_fail(err, RC_NOMEM, "out of memory for a decoder");
    int rc = rc_decode_filters(d, json, len, take, f, err);
    (void)rc_decoder_free(d);
    if (rc == RC_FULL)
        return rc_fail(err, rc, "more than %d filter values", SIM_FILTER_MAX);
    return rc;
}

int sim_filter_parse(char *json, size_t len, sim_filter **ret, rc_error *err)
{
    sim_filter *f = calloc(1, sizeof(*f));
    if (!f)
        return rc_fail(err, RC_NOMEM, "out of memory for a filter");
    f->arena = rc_arena_new(0, (size_t)4 << 20);
    f->pairs =
        f->arena && len > 0 ? rc_arena_calloc(f->arena, SIM_FILTER_MAX, sizeof(*f->pairs)) : NULL;
    int rc = RC_OK;
    if (!f->arena || (len > 0 && !f->pairs))
        rc = rc_fail(err, RC_NOMEM, "out of memory for a filter");
    else if (len > 0)
        rc = decode(f, json, len, err);
    if (rc != RC_OK) {
        (void)sim_filter_free(f);
        return rc;
    }
    *ret = f;
    return RC_OK;
}

sim_filter *sim_filter_free(sim_filter *f)
{
    if (!f)
        return NULL;
    (void)rc_arena_free(f->arena);
    free(f);
    return NULL;
}

size_t sim_filter_count(const sim_filter *f)
{
    return f->n;
}

rc_str sim_filter_key(const sim_filter *f, size_t i)
{
    return f->pairs[i].key;
}

rc_str sim_filter_value(const sim_filter *f, size_t i)
{
    return f->pairs[i].value;
}

bool sim_filter_has(const sim_filter *f, const char *key)
{
    for (size_t i = 0; i < f->n; i++)
        if (rc_str_eq_c(f->pairs[i].key, key))
            return true;
    return false;
}

bool sim_filter_match(const sim_filter *f, const char *key, rc_str value)
{
    bool any = false;
    for (size_t i = 0; i < f->n; i++) {
        if (!rc_str_eq_c(f->pairs[i].key, key))
            continue;
        any = true;
        if (rc_str_eq(f->pairs[i].value, value))
            return true;
    }
    return !any;
}
