/* The rule table: which label names a container's workload, and where the id, kind and role come
 * from. Changes when the rules do. */
#include "model/dispatch.h"

#define COMPOSE_PROJECT RC_STR("com.docker.compose.project")
#define COMPOSE_SERVICE RC_STR("com.docker.compose.service")

/* A label key that the configured prefix may start, in two parts so that none is ever built. */
typedef struct label_key {
    rc_str prefix;
    rc_str rest;
} label_key;

static int compare_key(rc_str key, const label_key *wanted)
{
    size_t n = wanted->prefix.len;
    size_t common = key.len < n ? key.len : n;
    int c = common ? memcmp(key.ptr, wanted->prefix.ptr, common) : 0;
    if (c)
        return c;
    if (key.len < n)
        return -1;
    return rc_str_cmp(rc_str_n(key.ptr + n, key.len - n), wanted->rest);
}

static const rc_str *find(const rc_row *row, rc_str prefix, rc_str rest)
{
    label_key wanted = {prefix, rest};
    uint32_t lo = 0;
    uint32_t hi = row->n_labels;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = compare_key(row->labels[mid].key, &wanted);
        if (c == 0)
            return &row->labels[mid].value;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static rc_str value_or_empty(const rc_str *value)
{
    return value ? *value : RC_STR_EMPTY;
}

static bool is_set(const rc_str *value)
{
    return value && value->len > 0;
}

/* "tinyforge." owns the compose projects "tinyforge-…". */
static bool owned_project(rc_str prefix, rc_str project)
{
    rc_str stem = prefix;
    if (stem.len > 0 && stem.ptr[stem.len - 1] == '.')
        stem.len--;
    return stem.len > 0 && project.len > stem.len && rc_str_starts(project, stem) &&
           project.ptr[stem.len] == '-';
}

static bool is_managed(const rc_dispatch *d, const rc_row *row)
{
    const rc_str *flag = find(row, d->prefix, RC_STR("managed"));
    return (flag && rc_str_eq(*flag, RC_STR("true"))) ||
           is_set(find(row, d->prefix, RC_STR("project"))) ||
           is_set(find(row, d->prefix, RC_STR("instance-id"))) ||
           find(row, d->prefix, RC_STR("static-site")) != NULL ||
           owned_project(d->prefix, value_or_empty(find(row, COMPOSE_PROJECT, RC_STR_EMPTY)));
}

static void set_workload(rc_row *row, enum rc_scheme scheme, rc_str id, rc_str kind, rc_str role)
{
    row->scheme = scheme;
    row->workload_id = id;
    row->workload_kind = kind;
    row->workload_role = role;
}

static rc_str joined(rc_dispatch_join join, void *ctx, enum rc_scheme scheme, rc_str value)
{
    /* A site label may be there and empty: it still decides the scheme, but refers to nothing. */
    return join && value.len > 0 ? join(ctx, scheme, value) : RC_STR_EMPTY;
}

void rc_dispatch_row(const rc_dispatch *d, rc_row *row, rc_dispatch_join join, void *ctx)
{
    row->managed = is_managed(d, row);
    set_workload(row, RC_SCHEME_NONE, RC_STR_EMPTY, RC_STR_EMPTY, RC_STR_EMPTY);

    /* Strongest first. A rule that matches ends it, even when its join finds nothing. */
    const rc_str *id = find(row, d->prefix, RC_STR("workload.id"));
    if (is_set(id)) {
        set_workload(row, RC_SCHEME_WORKLOAD, *id,
                     value_or_empty(find(row, d->prefix, RC_STR("workload.kind"))),
                     value_or_empty(find(row, d->prefix, RC_STR("role"))));
        return;
    }
    const rc_str *instance = find(row, d->prefix, RC_STR("instance-id"));
    if (is_set(instance)) {
        set_workload(row, RC_SCHEME_INSTANCE, joined(join, ctx, RC_SCHEME_INSTANCE, *instance),
                     RC_STR("project"), value_or_empty(find(row, d->prefix, RC_STR("stage"))));
        return;
    }
    const rc_str *site = find(row, d->prefix, RC_STR("static-site"));
    if (site) {
        set_workload(row, RC_SCHEME_SITE, joined(join, ctx, RC_SCHEME_SITE, *site), RC_STR("site"),
                     RC_STR_EMPTY);
        return;
    }
    const rc_str *project = find(row, COMPOSE_PROJECT, RC_STR_EMPTY);
    if (is_set(project))
        set_workload(row, RC_SCHEME_STACK, joined(join, ctx, RC_SCHEME_STACK, *project),
                     RC_STR("stack"), value_or_empty(find(row, COMPOSE_SERVICE, RC_STR_EMPTY)));
}
