/* One entry a container in an ID map. Those that want a list and those that want an inspect are
 * each threaded through a queue of their own, newest first, so that 100,000 that wait for an
 * inspect do not stand in the way of the few that wait for a list. */
#include "mirror/reread.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "mirror/merge.h"

/* Pauses between lists that contradict; measured lags of engines are up to 212 ms. Then inspect. */
static const int ladder_ms[] = {50, 100, 200, 400, 800, 1600, 2000};
#define LADDER ((int)RC_ARRAY_LEN(ladder_ms))

#define KINDS 2 /* enum rc_reread_kind */

typedef struct node {
    TAILQ_ENTRY(node) queued[KINDS];
    rc_id id;
    bool want[KINDS]; /* then it stands in that queue */
    bool out[KINDS];  /* in flight */
    int64_t due[KINDS];
    int attempt;
} node;

TAILQ_HEAD(node_queue, node);

typedef struct entry {
    rc_id id;
    node *node;
} entry;

struct rc_reread {
    rc_idmap *map;
    struct node_queue queues[KINDS]; /* the newest first */
    size_t inspects;                 /* in flight */
};

rc_reread *rc_reread_new(void)
{
    rc_reread *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    for (int k = 0; k < KINDS; k++)
        TAILQ_INIT(&r->queues[k]);
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
    return n;
}

static void want(rc_reread *r, node *n, enum rc_reread_kind kind, int64_t due)
{
    /* Coalescing counts from the first event: a busy container must not put its re-read off for
     * ever. */
    if (n->want[kind] && n->due[kind] <= due)
        return;
    if (!n->want[kind])
        TAILQ_INSERT_HEAD(&r->queues[kind], n, queued[kind]);
    n->want[kind] = true;
    n->due[kind] = due;
}

static void unwant(rc_reread *r, node *n, enum rc_reread_kind kind)
{
    if (n->want[kind])
        TAILQ_REMOVE(&r->queues[kind], n, queued[kind]);
    n->want[kind] = false;
}

/* Its event is the newest of all. */
static void move_ahead(rc_reread *r, node *n)
{
    for (int k = 0; k < KINDS; k++) {
        if (!n->want[k])
            continue;
        TAILQ_REMOVE(&r->queues[k], n, queued[k]);
        TAILQ_INSERT_HEAD(&r->queues[k], n, queued[k]);
    }
}

bool rc_reread_want(rc_reread *r, const rc_id *id, unsigned needs, int64_t now_ns)
{
    node *n = find(r, id);

    if (!(needs & (RC_NEED_LIST | RC_NEED_INSPECT)))
        return true;
    if (n)
        move_ahead(r, n);
    else if (!(n = add(r, id)))
        return false;
    n->attempt = 0;
    if (needs & RC_NEED_LIST)
        want(r, n, RC_REREAD_LIST, now_ns + RC_REREAD_COALESCE_NS);
    if (needs & RC_NEED_INSPECT)
        want(r, n, RC_REREAD_INSPECT, now_ns);
    return true;
}

/* One answer at a time: of two that cross, neither could be told to be the newer one. */
static bool may_go(const node *n)
{
    return !n->out[RC_REREAD_LIST] && !n->out[RC_REREAD_INSPECT];
}

static void take(rc_reread *r, node *n, enum rc_reread_kind kind)
{
    unwant(r, n, kind);
    n->out[kind] = true;
}

size_t rc_reread_take_list(rc_reread *r, int64_t now_ns, rc_id *ids, size_t max)
{
    size_t count = 0;
    node *next = NULL;

    for (node *n = TAILQ_FIRST(&r->queues[RC_REREAD_LIST]); n && count < max; n = next) {
        next = TAILQ_NEXT(n, queued[RC_REREAD_LIST]);
        if (n->due[RC_REREAD_LIST] > now_ns || !may_go(n))
            continue;
        take(r, n, RC_REREAD_LIST);
        ids[count++] = n->id;
    }
    return count;
}

bool rc_reread_take_inspect(rc_reread *r, int64_t now_ns, rc_id *id)
{
    node *n = NULL;

    if (r->inspects >= RC_REREAD_INSPECT_MAX)
        return false;
    TAILQ_FOREACH(n, &r->queues[RC_REREAD_INSPECT], queued[RC_REREAD_INSPECT])
    {
        if (n->due[RC_REREAD_INSPECT] > now_ns || !may_go(n))
            continue;
        take(r, n, RC_REREAD_INSPECT);
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
    unwant(r, n, RC_REREAD_LIST);
    unwant(r, n, RC_REREAD_INSPECT);
    rc_idmap_remove(r->map, &n->id);
    free(n);
}

static void retry(rc_reread *r, node *n, enum rc_reread_kind kind, enum rc_reread_outcome outcome,
                  int64_t now_ns)
{
    if (n->attempt < LADDER)
        want(r, n, kind, now_ns + ladder_ms[n->attempt++] * INT64_C(1000000));
    else if (outcome == RC_REREAD_CONTRADICTS)
        want(r, n, RC_REREAD_INSPECT, now_ns);
    /* What has failed that often is left to the next full list. */
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
        retry(r, n, kind, outcome, now_ns);
    for (int k = 0; k < KINDS; k++)
        if (n->want[k] || n->out[k])
            return false;
    forget(r, n);
    return true;
}

bool rc_reread_pending(const rc_reread *r, const rc_id *id)
{
    return find(r, id) != NULL;
}

bool rc_reread_exhausted(const rc_reread *r, const rc_id *id)
{
    const node *n = find(r, id);

    return n && n->attempt >= LADDER;
}

void rc_reread_drop(rc_reread *r, const rc_id *id)
{
    node *n = find(r, id);

    if (n)
        forget(r, n);
}

void rc_reread_clear(rc_reread *r)
{
    while (rc_idmap_count(r->map) > 0)
        forget(r, ((entry *)rc_idmap_at(r->map, rc_idmap_count(r->map) - 1))->node);
}

size_t rc_reread_count(const rc_reread *r)
{
    return rc_idmap_count(r->map);
}

int64_t rc_reread_next(const rc_reread *r, enum rc_reread_kind kind, int64_t now_ns)
{
    int64_t next = INT64_MAX;
    const node *n = NULL;

    if (kind == RC_REREAD_INSPECT && r->inspects >= RC_REREAD_INSPECT_MAX)
        return next;
    TAILQ_FOREACH(n, &r->queues[kind], queued[kind])
    {
        if (!may_go(n) || n->due[kind] >= next)
            continue;
        next = n->due[kind];
        if (next <= now_ns)
            break;
    }
    return next;
}
