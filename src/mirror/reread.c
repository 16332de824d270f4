/* One entry a container in an ID map, threaded newest first through a list. A take walks that list:
 * with all of 10,000 containers waiting that is microseconds, once a request. */
#include "mirror/reread.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "mirror/merge.h"

/* Pauses between lists that contradict; measured lags of engines are up to 212 ms. Then inspect. */
static const int ladder_ms[] = {50, 100, 200, 400, 800, 1600, 2000};
#define LADDER ((int)RC_ARRAY_LEN(ladder_ms))

typedef struct node {
    struct node *newer, *older;
    rc_id id;
    bool want[2]; /* by enum rc_reread_kind */
    bool out[2];  /* in flight */
    int64_t due[2];
    int attempt;
} node;

typedef struct entry {
    rc_id id;
    node *node;
} entry;

struct rc_reread {
    rc_idmap *map;
    node *newest, *oldest;
    size_t inspects; /* in flight */
};

rc_reread *rc_reread_new(void)
{
    rc_reread *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->map = rc_idmap_new(sizeof(entry));
    return r->map ? r : rc_reread_free(r);
}

rc_reread *rc_reread_free(rc_reread *r)
{
    if (!r)
        return NULL;
    if (r->map)
        rc_reread_clear(r);
    rc_idmap_free(r->map);
    free(r);
    return NULL;
}

static node *find(const rc_reread *r, const rc_id *id)
{
    const entry *e = rc_idmap_get(r->map, id);

    return e ? e->node : NULL;
}

static void unlink_node(rc_reread *r, node *n)
{
    *(n->newer ? &n->newer->older : &r->newest) = n->older;
    *(n->older ? &n->older->newer : &r->oldest) = n->newer;
}

static void link_newest(rc_reread *r, node *n)
{
    n->newer = NULL;
    n->older = r->newest;
    *(r->newest ? &r->newest->newer : &r->oldest) = n;
    r->newest = n;
}

static node *add(rc_reread *r, const rc_id *id)
{
    node *n = calloc(1, sizeof(*n));
    entry *e = n ? rc_idmap_add(r->map, id, NULL) : NULL;

    if (!e) {
        free(n);
        return NULL;
    }
    n->id = *id;
    e->node = n;
    link_newest(r, n);
    return n;
}

static void want(node *n, enum rc_reread_kind kind, int64_t due)
{
    /* Coalescing counts from the first event: a busy container must not put its re-read off for
     * ever. */
    if (n->want[kind] && n->due[kind] <= due)
        return;
    n->want[kind] = true;
    n->due[kind] = due;
}

bool rc_reread_want(rc_reread *r, const rc_id *id, unsigned needs, int64_t now_ns)
{
    node *n = find(r, id);

    if (!(needs & (RC_NEED_LIST | RC_NEED_INSPECT)))
        return true;
    if (!n)
        n = add(r, id);
    else {
        unlink_node(r, n);
        link_newest(r, n);
    }
    if (!n)
        return false;
    n->attempt = 0;
    if (needs & RC_NEED_LIST)
        want(n, RC_REREAD_LIST, now_ns + RC_REREAD_COALESCE_NS);
    if (needs & RC_NEED_INSPECT)
        want(n, RC_REREAD_INSPECT, now_ns);
    return true;
}

static bool due(const node *n, enum rc_reread_kind kind, int64_t now_ns)
{
    return n->want[kind] && !n->out[kind] && n->due[kind] <= now_ns;
}

static void take(node *n, enum rc_reread_kind kind)
{
    n->want[kind] = false;
    n->out[kind] = true;
}

size_t rc_reread_take_list(rc_reread *r, int64_t now_ns, rc_id *ids, size_t max)
{
    size_t count = 0;

    for (node *n = r->newest; n && count < max; n = n->older) {
        if (!due(n, RC_REREAD_LIST, now_ns))
            continue;
        take(n, RC_REREAD_LIST);
        ids[count++] = n->id;
    }
    return count;
}

bool rc_reread_take_inspect(rc_reread *r, int64_t now_ns, rc_id *id)
{
    if (r->inspects >= RC_REREAD_INSPECT_MAX)
        return false;
    for (node *n = r->newest; n; n = n->older) {
        if (!due(n, RC_REREAD_INSPECT, now_ns))
            continue;
        take(n, RC_REREAD_INSPECT);
        r->inspects++;
        *id = n->id;
        return true;
    }
    return false;
}

static void forget(rc_reread *r, node *n)
{
    if (n->out[RC_REREAD_INSPECT])
        r->inspects--;
    unlink_node(r, n);
    rc_idmap_remove(r->map, &n->id);
    free(n);
}

static void retry(node *n, enum rc_reread_kind kind, enum rc_reread_outcome outcome, int64_t now_ns)
{
    int rung = n->attempt < LADDER ? n->attempt : LADDER - 1;
    bool exhausted = n->attempt >= LADDER;

    if (n->attempt < LADDER)
        n->attempt++;
    if (outcome == RC_REREAD_CONTRADICTS && exhausted)
        want(n, RC_REREAD_INSPECT, now_ns);
    else
        want(n, kind, now_ns + ladder_ms[rung] * INT64_C(1000000));
}

bool rc_reread_done(rc_reread *r, const rc_id *id, enum rc_reread_kind kind,
                    enum rc_reread_outcome outcome, int64_t now_ns)
{
    node *n = find(r, id);

    /* Not in flight: dropped and perhaps wanted anew since; the answer is not this one's. */
    if (!n || !n->out[kind])
        return !n;
    n->out[kind] = false;
    if (kind == RC_REREAD_INSPECT)
        r->inspects--;
    if (outcome != RC_REREAD_SETTLED)
        retry(n, kind, outcome, now_ns);
    for (int k = 0; k < 2; k++)
        if (n->want[k] || n->out[k])
            return false;
    forget(r, n);
    return true;
}

bool rc_reread_pending(const rc_reread *r, const rc_id *id)
{
    return find(r, id) != NULL;
}

void rc_reread_drop(rc_reread *r, const rc_id *id)
{
    node *n = find(r, id);

    if (n)
        forget(r, n);
}

void rc_reread_clear(rc_reread *r)
{
    while (r->newest)
        forget(r, r->newest);
}

size_t rc_reread_count(const rc_reread *r)
{
    return rc_idmap_count(r->map);
}

int64_t rc_reread_next(const rc_reread *r)
{
    int64_t next = INT64_MAX;

    for (const node *n = r->newest; n; n = n->older)
        for (int k = 0; k < 2; k++) {
            if (!n->want[k] || n->out[k] || n->due[k] >= next)
                continue;
            if (k == RC_REREAD_INSPECT && r->inspects >= RC_REREAD_INSPECT_MAX)
                continue;
            next = n->due[k];
        }
    return next;
}
