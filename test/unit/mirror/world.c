/* The small world. Engine times are real time + skew. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"

enum { SLOTS = 8, CONTS = 512, VERSIONS = 96, QUEUE = 4096, REQUESTS = 24 };
#define MS RC_NS_PER_MS

typedef struct version {
    enum rc_state state;
    int exit_code;
    int name;
    int64_t started_ns, finished_ns;
    int64_t made_ns;   /* engine's clock */
    int64_t listed_ns; /* lists show the one before until then */
} version;

typedef struct cont {
    rc_id id;
    char hex[RC_ID_LEN + 1];
    version v[VERSIONS];
    int n;
    bool exists;
    int64_t ended_ns; /* engine's clock; of the destroy */
    /* the row, as the store has it */
    bool stored;
    rc_row row;
    char name[16];
    /* the referee's */
    int shown; /* the oldest version that the row can be showing */
    bool buried;
} cont;

typedef struct wire_event {
    int cont;
    enum rc_action action;
    int exit_code;
    int name;
    int64_t time_ns;    /* engine's */
    int64_t deliver_ns; /* ours, monotonic */
} wire_event;

typedef struct pending {
    rc_request rq;
    bool used;
    bool made;
    bool fails;
    int64_t make_ns, done_ns;
    int at; /* elements handed out */
    int n;
    int conts[CONTS];
    version seen[CONTS];
} pending;

struct world {
    world_plan plan;
    uint64_t rand;
    rc_moment now;
    rc_mirror *m;
    rc_stats stats;
    cont conts[CONTS];
    int n_conts;
    int slots[SLOTS]; /* index of the living container, or -1 */
    wire_event ring[QUEUE];
    int n_ring;
    wire_event queue[QUEUE];
    int n_queue;
    int64_t subscribe_ns; /* -1: no stream; else from then on */
    bool subscribed;
    int64_t open_ns, hello_ns;
    int64_t since_ns;
    bool churning;
    unsigned dropped;
    pending requests[REQUESTS];
    int traced;
    char complaint[256];
};

static uint64_t rnd(world *w, uint64_t n)
{
    return rc_rand_next(&w->rand) % n;
}

static bool chance(world *w, int percent)
{
    return percent > 0 && rnd(w, 100) < (uint64_t)percent;
}

static int64_t engine_now(const world *w)
{
    return w->now.real_ns + w->plan.skew_ns;
}

static void complain(world *w, const cont *c, const char *what)
{
    if (w->complaint[0])
        return;
    snprintf(w->complaint, sizeof(w->complaint), "seed %llu at %lld ms, container %d: %s",
             (unsigned long long)w->plan.seed, (long long)(w->now.mono_ns / MS),
             (int)(c - w->conts), what);
}

/* RC_WORLD_TRACE=N tells the story of container N. */
static void trace(const world *w, const cont *c, const char *what, const char *detail, int64_t ns)
{
    if (w->traced < 0 || c != &w->conts[w->traced])
        return;
    fprintf(stderr, "%9.3f ms %-10s %-10s", (double)w->now.mono_ns / MS, what, detail);
    fprintf(stderr, " engine %.3f\n", (double)(ns - INT64_C(1790000000) * RC_NS_PER_SEC) / MS);
}

/* ---- the referee ---- */

/* The row may show any version from the one it showed last to the newest. */
static void judge_row(world *w, cont *c, const rc_row *row)
{
    if (row->state == RC_STATE_MISSING) {
        if (c->exists)
            complain(w, c, "is missing, but there");
        if (row->partial)
            complain(w, c, "is missing and waits for details");
        c->buried |= row->missing_cause == RC_MISSING_DESTROYED;
        return;
    }
    if (c->buried) {
        complain(w, c, "came back from the dead");
        return;
    }
    if (row->state == RC_STATE_UNKNOWN && (!c->stored || c->row.state == RC_STATE_UNKNOWN))
        return; /* first heard of by an event that proves no state */
    for (int i = c->shown; i < c->n; i++) {
        if (c->v[i].state == row->state) {
            c->shown = i;
            return;
        }
    }
    complain(w, c, "went back in time, or to a state that it never had");
}

static cont *find(world *w, const rc_id *id)
{
    int i = id->b[0] | id->b[1] << 8;
    return i < w->n_conts ? &w->conts[i] : NULL;
}

/* ---- the store ---- */

static int store_get(void *ctx, const rc_id *id, rc_row *out, rc_error *err)
{
    const cont *c = find(ctx, id);
    if (!c || !c->stored)
        return rc_fail(err, RC_NOTFOUND, "no row");
    *out = c->row;
    return RC_OK;
}

/* What the world tells of a row is a fixed text or a number, so that a row can be kept as it is. */
static int store_put(void *ctx, const rc_row *row, enum rc_change_cause cause, rc_str action,
                     bool *ret_changed, rc_error *err)
{
    world *w = ctx;
    rc_id id;
    (void)cause, (void)action;
    if (!rc_id_parse(row->id, &id))
        return rc_fail(err, RC_INVALID, "no id");
    cont *c = find(w, &id);
    char name[16];
    snprintf(name, sizeof(name), "%.*s", RC_STR_ARG(row->name));
    rc_row kept = *row;
    memcpy(c->name, name, sizeof(name));
    kept.id = rc_str_c(c->hex);
    kept.name = rc_str_c(c->name);
    kept.image = kept.image_id = kept.command = RC_STR_EMPTY;
    kept.engine_state = rc_str_c(rc_state_name(row->state));
    kept.network_mode = kept.restart_policy = RC_STR_EMPTY;
    kept.labels = NULL;
    kept.n_labels = 0;
    *ret_changed = !c->stored || !rc_row_equal(&kept, &c->row);
    trace(w, c, row->partial ? "put partial" : "put", rc_state_name(row->state), row->started_ns);
    judge_row(w, c, &kept);
    c->row = kept;
    c->stored = true;
    return RC_OK;
}

static int store_del(void *ctx, const rc_id *id, enum rc_change_cause cause, rc_error *err)
{
    cont *c = find(ctx, id);
    (void)cause;
    if (!c || !c->stored)
        return rc_fail(err, RC_NOTFOUND, "no row");
    if (c->row.state != RC_STATE_MISSING)
        complain(ctx, c, "was deleted without having been missing");
    c->stored = false;
    return RC_OK;
}

static void store_begin_networks(void *ctx)
{
    (void)ctx;
}

static int store_put_network(void *ctx, const rc_network *net, rc_error *err)
{
    (void)ctx, (void)net, (void)err;
    return RC_OK;
}

static int store_sweep_networks(void *ctx, rc_error *err)
{
    (void)ctx, (void)err;
    return RC_OK;
}

static void store_status(void *ctx, const rc_mirror_status *status)
{
    (void)ctx, (void)status;
}

/* ---- the engine ---- */

static void emit(world *w, cont *c, enum rc_action action)
{
    const version *v = &c->v[c->n - 1];
    wire_event ev = {.cont = (int)(c - w->conts),
                     .action = action,
                     .exit_code = v->exit_code,
                     .name = v->name,
                     .time_ns = engine_now(w),
                     .deliver_ns = w->now.mono_ns + (int64_t)rnd(w, (uint64_t)w->plan.delay_ns)};
    if (chance(w, w->plan.invert_percent))
        ev.time_ns -= (int64_t)rnd(w, 2 * MS);
    if (w->n_ring < QUEUE)
        w->ring[w->n_ring++] = ev;
    trace(w, c, w->subscribed ? "engine" : "unheard", rc_action_name(action), ev.time_ns);
    if (!w->subscribed)
        return;
    bool may = !w->plan.drop_total || w->dropped < (unsigned)w->plan.drop_total;
    if (may && chance(w, w->plan.drop_percent)) {
        w->dropped++;
        trace(w, c, "drop", "", ev.time_ns);
        return;
    }
    /* The stream is a stream: nothing overtakes. */
    if (w->n_queue && w->queue[w->n_queue - 1].deliver_ns > ev.deliver_ns)
        ev.deliver_ns = w->queue[w->n_queue - 1].deliver_ns;
    for (int times = chance(w, w->plan.dup_percent) ? 2 : 1; times > 0; times--)
        if (w->n_queue < QUEUE)
            w->queue[w->n_queue++] = ev;
}

static void change(world *w, cont *c, enum rc_state state, bool lags)
{
    version v = c->v[c->n - 1];
    if (c->n == VERSIONS)
        return;
    v.made_ns = engine_now(w);
    bool late = lags && chance(w, w->plan.lag_percent);
    int64_t listed = v.made_ns + (late ? (int64_t)rnd(w, 12 * MS) : 0);
    v.listed_ns = listed > v.listed_ns ? listed : v.listed_ns; /* lists do not go back */
    if (state == RC_STATE_RUNNING && v.state != state && v.state != RC_STATE_PAUSED)
        v.started_ns = v.made_ns;
    if (state == RC_STATE_EXITED && v.state != state) {
        v.finished_ns = v.made_ns;
        v.exit_code = (int)rnd(w, 3);
    }
    v.state = state;
    c->v[c->n++] = v;
}

static void create(world *w, int slot)
{
    if (w->n_conts == CONTS)
        return;
    int i = w->n_conts++;
    cont *c = &w->conts[i];
    memset(c, 0, sizeof(*c));
    c->id.b[0] = (uint8_t)i;
    c->id.b[1] = (uint8_t)(i >> 8);
    rc_id_format(&c->id, c->hex);
    rc_row_init(&c->row);
    c->exists = true;
    c->n = 1;
    c->v[0] = (version){.state = RC_STATE_CREATED, .name = i, .made_ns = engine_now(w)};
    w->slots[slot] = i;
    emit(w, c, RC_ACTION_CREATE);
}

static void die(world *w, cont *c)
{
    change(w, c, RC_STATE_EXITED, true);
    emit(w, c, RC_ACTION_DIE);
}

static void operate(world *w)
{
    int slot = (int)rnd(w, SLOTS);
    if (w->slots[slot] < 0) {
        create(w, slot);
        return;
    }
    cont *c = &w->conts[w->slots[slot]];
    if (c->n > VERSIONS - 4)
        return;
    enum rc_state state = c->v[c->n - 1].state;
    switch (rnd(w, 8)) {
    case 0: /* destroy, by force where it must be */
        if (state == RC_STATE_RUNNING || state == RC_STATE_PAUSED)
            die(w, c);
        emit(w, c, RC_ACTION_DESTROY);
        c->exists = false;
        c->ended_ns = engine_now(w);
        w->slots[slot] = -1;
        return;
    case 1:
        change(w, c, state, false);
        c->v[c->n - 1].name += 1000;
        emit(w, c, RC_ACTION_RENAME);
        return;
    default:
        break;
    }
    if (state == RC_STATE_PAUSED) {
        change(w, c, RC_STATE_RUNNING, true);
        emit(w, c, RC_ACTION_UNPAUSE);
    } else if (state == RC_STATE_RUNNING && chance(w, 30)) {
        change(w, c, RC_STATE_PAUSED, true);
        emit(w, c, RC_ACTION_PAUSE);
    } else if (state == RC_STATE_RUNNING) {
        die(w, c);
    } else if (chance(w, w->plan.silent_percent)) {
        change(w, c, state, false);
        c->v[c->n - 1].exit_code = 127;
    } else {
        change(w, c, RC_STATE_RUNNING, false);
        emit(w, c, RC_ACTION_START);
    }
}

/* ---- answers ---- */

static version listed_version(const world *w, const cont *c)
{
    int i = c->n - 1;
    while (i > 0 && c->v[i].listed_ns > engine_now(w))
        i--;
    return c->v[i];
}

static void observe(const cont *c, const version *v, enum rc_source source, char name[16],
                    rc_observation *out)
{
    *out = (rc_observation){.source = source,
                            .fields = RC_FIELD_NAME | RC_FIELD_STATE | RC_FIELD_CREATED};
    rc_row_init(&out->row);
    snprintf(name, 16, "n%d", v->name);
    out->row.id = rc_str_c(c->hex);
    out->row.name = rc_str_c(name);
    out->row.state = v->state;
    out->row.engine_state = rc_str_c(rc_state_name(v->state));
    out->row.created_ns = c->v[0].made_ns;
    if (source == RC_SOURCE_INSPECT || v->state == RC_STATE_EXITED) {
        out->fields |= RC_FIELD_EXIT_CODE;
        out->row.has_exit_code = true;
        out->row.exit_code = v->exit_code;
    }
    if (source != RC_SOURCE_INSPECT)
        return;
    out->fields |= RC_FIELD_STARTED | RC_FIELD_FINISHED;
    out->row.started_ns = v->started_ns;
    out->row.finished_ns = v->finished_ns;
}

static bool asked_for(const rc_request *rq, const cont *c)
{
    for (size_t i = 0; i < rq->n; i++)
        if (rc_id_eq(&rq->ids[i], &c->id))
            return true;
    return rq->ask == RC_ASK_LIST;
}

static void make(world *w, pending *p)
{
    p->made = true;
    for (int i = w->n_conts; i-- > 0;) {
        const cont *c = &w->conts[i];
        if (!c->exists || !asked_for(&p->rq, c))
            continue;
        p->conts[p->n] = i;
        p->seen[p->n++] = p->rq.ask == RC_ASK_INSPECT ? c->v[c->n - 1] : listed_version(w, c);
    }
}

static void answer_inspect(world *w, pending *p)
{
    rc_observation obs;
    char name[16];
    enum rc_answer how = p->fails ? RC_ANSWER_FAILED : p->n ? RC_ANSWER_OK : RC_ANSWER_NOTFOUND;
    if (how == RC_ANSWER_OK)
        observe(&w->conts[p->conts[0]], &p->seen[0], RC_SOURCE_INSPECT, name, &obs);
    if (how == RC_ANSWER_OK)
        trace(w, &w->conts[p->conts[0]], "inspected", rc_state_name(obs.row.state),
              obs.row.started_ns);
    rc_mirror_inspected(w->m, w->now, p->rq.token, how, how == RC_ANSWER_OK ? &obs : NULL,
                        engine_now(w) / RC_NS_PER_SEC);
}

static void answer_element(world *w, pending *p)
{
    rc_observation obs;
    char name[16];
    observe(&w->conts[p->conts[p->at]], &p->seen[p->at], RC_SOURCE_LIST, name, &obs);
    trace(w, &w->conts[p->conts[p->at]], p->rq.ask == RC_ASK_LIST ? "listed" : "some",
          rc_state_name(obs.row.state), obs.row.created_ns);
    p->at++;
    rc_mirror_element(w->m, w->now, p->rq.token, &obs);
}

static void serve(world *w, pending *p)
{
    if (!p->made && w->now.mono_ns >= p->make_ns)
        make(w, p);
    if (!p->made)
        return;
    bool over = w->now.mono_ns >= p->done_ns;
    if (p->rq.ask == RC_ASK_LIST || p->rq.ask == RC_ASK_SOME) {
        int stop = p->fails ? p->n / 2 : p->n;
        while (p->at < stop && (over || chance(w, 50)))
            answer_element(w, p);
    }
    if (!over)
        return;
    p->used = false;
    if (p->rq.ask == RC_ASK_INSPECT)
        answer_inspect(w, p);
    else if (p->rq.ask == RC_ASK_NETWORKS)
        rc_mirror_networks_done(w->m, w->now, p->rq.token, RC_ANSWER_OK, -1);
    else
        rc_mirror_list_done(w->m, w->now, p->rq.token, p->fails ? RC_ANSWER_FAILED : RC_ANSWER_OK,
                            engine_now(w) / RC_NS_PER_SEC);
}

/* ---- the network ---- */

static void hang_up(world *w)
{
    w->subscribed = false;
    w->subscribe_ns = w->open_ns = w->hello_ns = -1;
    w->n_queue = 0;
    for (int i = 0; i < REQUESTS; i++)
        w->requests[i].used = false;
}

static void carry_out(world *w, const rc_request *rq)
{
    switch (rq->ask) {
    case RC_ASK_CLOSE:
        hang_up(w);
        return;
    case RC_ASK_CONNECT:
        w->hello_ns = w->now.mono_ns + (int64_t)rnd(w, 4 * MS);
        return;
    case RC_ASK_STREAM:
        /* Headers are flushed before the subscription. */
        w->open_ns = w->now.mono_ns + (int64_t)rnd(w, 2 * MS);
        w->subscribe_ns = w->open_ns + (int64_t)rnd(w, 5 * MS);
        w->since_ns = rq->since_ns;
        return;
    default:
        break;
    }
    for (int i = 0; i < REQUESTS; i++) {
        pending *p = &w->requests[i];
        if (p->used)
            continue;
        memset(p, 0, sizeof(*p));
        p->used = true;
        p->rq = *rq;
        p->fails = w->churning && chance(w, w->plan.fail_percent);
        p->make_ns = w->now.mono_ns + (int64_t)rnd(w, 6 * MS);
        p->done_ns = p->make_ns + (int64_t)rnd(w, rq->ask == RC_ASK_LIST ? 60 * MS : 8 * MS);
        return;
    }
    complain(w, w->conts, "the mirror has too many requests under way");
}

static void pump(world *w)
{
    rc_request rq;
    rc_error err = RC_ERROR_INIT;
    for (int n = 0; rc_mirror_next(w->m, w->now, &rq); n++) {
        carry_out(w, &rq);
        if (n > 200) {
            complain(w, w->conts, "the mirror never stops asking");
            return;
        }
    }
    if (rc_mirror_failed(w->m, w->now, &err))
        complain(w, w->conts, err.msg);
}

static void deliver(world *w, const wire_event *e)
{
    char name[16];
    const cont *c = &w->conts[e->cont];
    rc_event ev = {.type = RC_EVENT_CONTAINER,
                   .action = e->action,
                   .action_text = rc_str_c(rc_action_name(e->action)),
                   .container = rc_str_c(c->hex),
                   .name = rc_str_c(name),
                   .image = RC_STR_EMPTY,
                   .network = RC_STR_EMPTY,
                   .network_name = RC_STR_EMPTY,
                   .network_type = RC_STR_EMPTY,
                   .has_exit_code = e->action == RC_ACTION_DIE,
                   .exit_code = e->exit_code,
                   .time_ns = e->time_ns};
    snprintf(name, sizeof(name), "n%d", e->name);
    trace(w, c, "event", rc_action_name(e->action), e->time_ns);
    rc_mirror_event(w->m, w->now, &ev);
}

static void subscribe(world *w)
{
    w->subscribed = true;
    w->subscribe_ns = -1;
    int from = w->n_ring > 256 ? w->n_ring - 256 : 0;
    for (int i = from; i < w->n_ring; i++) {
        if (w->ring[i].time_ns < w->since_ns)
            continue;
        wire_event ev = w->ring[i];
        ev.deliver_ns = w->now.mono_ns;
        w->queue[w->n_queue++] = ev;
    }
}

static void connection(world *w)
{
    int64_t now = w->now.mono_ns;
    if (w->hello_ns >= 0 && now >= w->hello_ns) {
        w->hello_ns = -1;
        rc_mirror_connected(w->m, w->now, engine_now(w) / RC_NS_PER_SEC);
    }
    if (w->open_ns >= 0 && now >= w->open_ns) {
        w->open_ns = -1;
        rc_mirror_stream_open(w->m, w->now);
    }
    if (w->subscribe_ns >= 0 && now >= w->subscribe_ns)
        subscribe(w);
    int done = 0;
    while (done < w->n_queue && w->queue[done].deliver_ns <= now)
        deliver(w, &w->queue[done++]);
    memmove(w->queue, w->queue + done, (size_t)(w->n_queue - done) * sizeof(w->queue[0]));
    w->n_queue -= done;
}

static void step(world *w)
{
    int64_t dt = 1 + (int64_t)rnd(w, 4 * MS);
    w->now.mono_ns += dt;
    w->now.real_ns += dt;
    if (w->churning && chance(w, 25))
        operate(w);
    connection(w);
    pump(w);
    for (int i = 0; i < REQUESTS; i++) {
        if (!w->requests[i].used)
            continue;
        serve(w, &w->requests[i]);
        pump(w);
    }
    if (w->churning && rnd(w, 1000) < (uint64_t)w->plan.cut_permille) {
        hang_up(w);
        rc_mirror_lost(w->m, w->now, RC_RECONNECT_CUT);
        pump(w);
    }
}

/* ---- the run ---- */

world *world_new(const world_plan *plan)
{
    world *w = calloc(1, sizeof(*w));
    rc_store store = {store_get,         store_put,
                      store_del,         store_begin_networks,
                      store_put_network, store_sweep_networks,
                      store_status,      w};
    rc_mirror_options options = {.resync_interval_ns = 2 * RC_NS_PER_SEC,
                                 .missing_ttl_ns = plan->missing_ttl_ns,
                                 .reconnect_max_ns = RC_NS_PER_SEC,
                                 .inspect = plan->inspect,
                                 .local_clock = plan->local_clock,
                                 .dispatch = {RC_STR("tinyforge.")},
                                 .labels = {RC_STR("*"), RC_STR_EMPTY, RC_STR_EMPTY},
                                 .seed = plan->seed};
    w->plan = *plan;
    w->rand = plan->seed;
    const char *traced = getenv("RC_WORLD_TRACE");
    w->traced = traced ? (int)strtol(traced, NULL, 10) : -1;
    w->now = (rc_moment){RC_NS_PER_SEC, INT64_C(1790000000) * RC_NS_PER_SEC};
    for (int i = 0; i < SLOTS; i++)
        w->slots[i] = -1;
    hang_up(w);
    w->m = rc_mirror_new(&options, &store, &w->stats);
    return w;
}

world *world_free(world *w)
{
    rc_mirror_free(w->m);
    free(w);
    return NULL;
}

static void check_rest(world *w)
{
    if (!rc_mirror_status_of(w->m)->synced)
        complain(w, w->conts, "the mirror is not synced at rest");
    for (int i = 0; i < w->n_conts; i++) {
        cont *c = &w->conts[i];
        const version *v = &c->v[c->n - 1];
        char name[16];
        if (!c->exists) {
            if (c->stored && c->row.state != RC_STATE_MISSING)
                complain(w, c, "is gone, but its row is there at rest");
            continue;
        }
        snprintf(name, sizeof(name), "n%d", v->name);
        if (!c->stored)
            complain(w, c, "has no row at rest");
        else if (c->row.state != v->state)
            complain(w, c, "has another state at rest");
        else if (!rc_str_eq_c(c->row.name, name))
            complain(w, c, "has another name at rest");
        else if (v->state == RC_STATE_EXITED && c->row.exit_code != v->exit_code)
            complain(w, c, "has another exit code at rest");
        else if (c->row.partial)
            complain(w, c, "still waits for details at rest");
        else if (w->plan.inspect && c->row.started_ns != v->started_ns)
            complain(w, c, "has another start at rest");
        else if (w->plan.inspect && c->row.finished_ns != v->finished_ns)
            complain(w, c, "has another end at rest");
    }
}

void world_run(world *w)
{
    int64_t end = w->now.mono_ns + w->plan.churn_ns;
    for (int i = 0; i < SLOTS / 2; i++)
        create(w, i);
    rc_mirror_start(w->m, w->now, 0);
    w->churning = true;
    while (w->now.mono_ns < end && !w->complaint[0])
        step(w);
    w->churning = false;
    /* Two resyncs, the ladder of re-reads and a reopened stream. */
    for (end += 12 * RC_NS_PER_SEC; w->now.mono_ns < end && !w->complaint[0];)
        step(w);
    if (!w->complaint[0])
        check_rest(w);
}

const char *world_complaint(const world *w)
{
    return w->complaint;
}

uint64_t world_stat(const world *w, unsigned stat)
{
    return rc_stat_get(&w->stats, stat);
}

unsigned world_dropped(const world *w)
{
    return w->dropped;
}
