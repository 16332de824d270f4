/* Bursts and churn, both paced by one timer. They wait while a subscriber is behind, so that what
 * a benchmark sends is what it receives. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "ops.h"
#include "stream.h"

#define POOL_MAX     200000
#define TICK_MS      1
#define BATCH        4096
#define BACKLOG_FULL ((size_t)4 << 20)
#define LABELS_MAX   64

struct pace {
    uint64_t left;
    bool endless;
    uint64_t rate;
    int64_t started;
    uint64_t done;
};

enum stage { STAGE_NONE, STAGE_CREATED, STAGE_RUNNING, STAGE_EXITED };

struct member {
    rc_id id;
    enum stage stage;
};

struct sim_load {
    sim *s;
    struct event *timer;
    struct pace burst;
    struct pace churn;
    sim_spec *spec; /* of the burst's containers */
    struct member *pool;
    unsigned n_pool, at;
    bool flap;
    uint64_t names; /* given so far, for names that are new */
    uint64_t rng;   /* the churn's own */
    unsigned churn_max;
};

static int shared_spec(unsigned n_labels, const char *image, bool check, sim_spec **ret,
                       rc_error *err)
{
    char keys[LABELS_MAX][32], values[LABELS_MAX][32];
    rc_label labels[LABELS_MAX];
    rc_port port = {RC_STR("127.0.0.1"), 80, 8080, RC_STR("tcp")};
    sim_spec_options o = {.image = rc_str_c(image),
                          .image_id = RC_STR_EMPTY,
                          .command = RC_STR("/bin/serve --port 80"),
                          .network_mode = RC_STR("none"),
                          .labels = labels,
                          .n_labels = n_labels,
                          .ports = &port,
                          .n_ports = 1,
                          .has_check = check};
    if (n_labels > LABELS_MAX)
        return rc_fail(err, RC_INVALID, "at most %d labels", LABELS_MAX);
    for (unsigned i = 0; i < n_labels; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "com.example.label-%02u", i);
        (void)snprintf(values[i], sizeof(values[i]), "value-%u", i * 7919 % 1000);
        labels[i] = (rc_label){rc_str_c(keys[i]), rc_str_c(values[i])};
    }
    return sim_spec_new(&o, ret, err);
}

/* ---- pace ---- */

static bool at_work(const struct pace *p)
{
    return p->left > 0 || p->endless;
}

/* How many steps are due now, at most a batch. */
static uint64_t due(const struct pace *p)
{
    uint64_t n = BATCH;
    if (p->rate > 0) {
        uint64_t us = (uint64_t)(rc_clock_mono() - p->started) / 1000;
        uint64_t target = us / 1000000 * p->rate + us % 1000000 * p->rate / 1000000;
        n = target > p->done ? target - p->done : 0;
        n = n > BATCH ? BATCH : n;
    }
    return p->endless || n < p->left ? n : p->left;
}

static void count_step(struct pace *p)
{
    p->done++;
    if (!p->endless)
        p->left--;
}

static struct pace new_pace(uint64_t steps, bool endless, uint64_t rate)
{
    return (struct pace){
        .left = steps, .endless = endless, .rate = rate, .started = rc_clock_mono()};
}

/* ---- the burst ---- */

static int burst_create(sim_load *l, struct member *m, rc_error *err)
{
    char name[40];
    sim_slot *slot;
    (void)snprintf(name, sizeof(name), "burst-%llu", (unsigned long long)l->names++);
    int rc = sim_op_create(l->s, rc_str_c(name), l->spec, "no", NULL, 0, &slot, err);
    if (rc == RC_OK)
        m->id = slot->now->id;
    return rc;
}

/* One container one stage on. One that a command has taken away begins anew. */
static void burst_step(sim_load *l)
{
    struct member *m = &l->pool[l->at];
    sim_slot *slot = m->stage == STAGE_NONE ? NULL : sim_model_by_id(l->s->model, &m->id);
    enum stage next = STAGE_CREATED;
    int rc;
    l->at = (l->at + 1) % l->n_pool;
    if (!slot) {
        rc = burst_create(l, m, NULL);
    } else if (m->stage == STAGE_CREATED || (m->stage == STAGE_EXITED && l->flap)) {
        rc = sim_op_start(l->s, slot, NULL);
        next = STAGE_RUNNING;
    } else if (m->stage == STAGE_RUNNING) {
        rc = sim_op_die(l->s, slot, (int32_t)(l->at % 3), false, NULL);
        next = STAGE_EXITED;
    } else {
        rc = sim_op_destroy(l->s, slot, NULL);
        next = STAGE_NONE;
    }
    /* A command came between: start over with this one. */
    m->stage = rc == RC_OK ? next : STAGE_NONE;
    count_step(&l->burst);
}

static void drop_pool(sim_load *l)
{
    free(l->pool);
    l->pool = NULL;
    if (l->spec)
        sim_spec_unref(l->spec);
    l->spec = NULL;
}

/* ---- churn ---- */

static uint64_t pick(sim_load *l, uint64_t n)
{
    return rc_rand_next(&l->rng) % n;
}

/* A walk from a random end is enough chance, and cheap. */
static sim_slot *random_slot(sim_load *l)
{
    sim_slot *slot = TAILQ_FIRST(sim_model_slots(l->s->model));
    size_t n = sim_model_count(l->s->model);
    for (size_t steps = n ? pick(l, n < 1000 ? n : 1000) : 0; steps > 0 && slot; steps--)
        slot = TAILQ_NEXT(slot, link);
    return slot;
}

static void churn_create(sim_load *l)
{
    static const char *const networks[] = {"bridge", "none", "host"};
    char name[40];
    sim_slot *slot;
    sim_spec *spec;
    rc_str network = rc_str_c(networks[pick(l, RC_ARRAY_LEN(networks))]);
    bool check = pick(l, 3) == 0;
    if (shared_spec((unsigned)pick(l, 5), check ? "checked:1" : "plain:1", check, &spec, NULL) !=
        RC_OK)
        return;
    (void)snprintf(name, sizeof(name), "churn-%llu", (unsigned long long)l->names++);
    (void)sim_op_create(l->s, rc_str_c(name), spec, pick(l, 4) ? "no" : "on-failure:3", &network, 1,
                        &slot, NULL);
    sim_spec_unref(spec);
}

static void churn_running(sim_load *l, sim_slot *slot)
{
    sim *s = l->s;
    switch (pick(l, 13)) {
    case 0:
    case 1:
        (void)sim_op_die(s, slot, (int32_t)pick(l, 3), false, NULL);
        break;
    case 2:
        (void)sim_op_die(s, slot, 1, true, NULL);
        break;
    case 3:
    case 4:
        (void)sim_op_stop(s, slot, 0, pick(l, 2) == 0, NULL);
        break;
    case 5:
        (void)sim_op_pause(s, slot, NULL);
        break;
    case 6:
        (void)sim_op_kill(s, slot, pick(l, 2) ? 9 : 1, NULL);
        break;
    case 7:
        (void)sim_op_oom(s, slot, true, NULL);
        break;
    case 8:
        (void)sim_op_restart(s, slot, NULL);
        break;
    case 9:
        (void)sim_op_health(s, slot, (enum rc_health)(2 + pick(l, 2)), NULL);
        break;
    case 10:
        (void)sim_op_probe(s, slot, NULL);
        break;
    case 11:
        if (sim_op_connect(s, slot, RC_STR("bridge"), NULL) != RC_OK)
            (void)sim_op_disconnect(s, slot, RC_STR("bridge"), NULL);
        break;
    default:
        (void)sim_op_destroy(s, slot, NULL);
    }
}

static void churn_resting(sim_load *l, sim_slot *slot)
{
    char name[40];
    switch (pick(l, 6)) {
    case 0:
        (void)sim_op_destroy(l->s, slot, NULL);
        break;
    case 1:
        (void)snprintf(name, sizeof(name), "renamed-%llu", (unsigned long long)l->names++);
        (void)sim_op_rename(l->s, slot, rc_str_c(name), NULL);
        break;
    case 2:
        (void)sim_op_fail_start(l->s, slot, 127, RC_STR("no such file"), NULL);
        break;
    default:
        (void)sim_op_start(l->s, slot, NULL);
    }
}

static void churn_step(sim_load *l)
{
    size_t n = sim_model_count(l->s->model);
    sim_slot *slot = random_slot(l);
    count_step(&l->churn);
    if (!slot || (n < l->churn_max && pick(l, 4) == 0)) {
        churn_create(l);
        return;
    }
    if (n > l->churn_max)
        (void)sim_op_destroy(l->s, slot, NULL);
    else if (slot->now->state == RC_STATE_PAUSED && pick(l, 2))
        (void)sim_op_unpause(l->s, slot, NULL);
    else if (slot->now->state == RC_STATE_RUNNING || slot->now->state == RC_STATE_PAUSED)
        churn_running(l, slot);
    else
        churn_resting(l, slot);
}

/* ---- the timer ---- */

static void arm(sim_load *l)
{
    bool hurry =
        (at_work(&l->burst) && l->burst.rate == 0) || (at_work(&l->churn) && l->churn.rate == 0);
    struct timeval tv = {
        .tv_usec = hurry && sim_stream_backlog(l->s->stream) < BACKLOG_FULL ? 0 : TICK_MS * 1000};
    if (at_work(&l->burst) || at_work(&l->churn))
        (void)evtimer_add(l->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    sim_load *l = arg;
    (void)fd, (void)what;
    if (sim_stream_backlog(l->s->stream) < BACKLOG_FULL) {
        for (uint64_t n = at_work(&l->burst) ? due(&l->burst) : 0; n > 0; n--)
            burst_step(l);
        for (uint64_t n = at_work(&l->churn) ? due(&l->churn) : 0; n > 0; n--)
            churn_step(l);
    }
    if (!at_work(&l->burst) && l->pool)
        drop_pool(l);
    arm(l);
}

int sim_load_burst(sim_load *l, const sim_burst_options *o, rc_error *err)
{
    if (at_work(&l->burst))
        return rc_fail(err, RC_BUSY, "a burst is running");
    if (o->pool == 0 || o->pool > POOL_MAX)
        return rc_fail(err, RC_INVALID, "the pool is from 1 to %d", POOL_MAX);
    drop_pool(l);
    int rc = shared_spec(o->n_labels, "burst:1", false, &l->spec, err);
    if (rc != RC_OK)
        return rc;
    l->pool = calloc(o->pool, sizeof(*l->pool));
    if (!l->pool) {
        drop_pool(l);
        return rc_fail(err, RC_NOMEM, "out of memory for the pool");
    }
    l->n_pool = o->pool;
    l->at = 0;
    l->flap = o->flap;
    l->burst = new_pace(o->steps, false, o->rate);
    arm(l);
    return RC_OK;
}

int sim_load_churn(sim_load *l, const sim_churn_options *o, rc_error *err)
{
    if (at_work(&l->churn))
        return rc_fail(err, RC_BUSY, "churn is running");
    if (o->containers == 0 || o->containers > POOL_MAX)
        return rc_fail(err, RC_INVALID, "containers is from 1 to %d", POOL_MAX);
    l->churn_max = o->containers;
    l->rng = o->seed;
    l->churn = new_pace(o->steps, o->steps == 0, o->rate);
    arm(l);
    return RC_OK;
}

void sim_load_stop(sim_load *l)
{
    l->burst = l->churn = (struct pace){0};
    drop_pool(l);
    (void)evtimer_del(l->timer);
}

uint64_t sim_load_burst_left(const sim_load *l)
{
    return l->burst.left;
}

uint64_t sim_load_churn_left(const sim_load *l)
{
    return l->churn.endless ? UINT64_MAX : l->churn.left;
}

int sim_load_fill(sim *s, rc_str prefix, uint64_t count, unsigned n_labels, bool running,
                  rc_error *err)
{
    static const rc_str bridge = {"bridge", 6};
    sim_spec *spec = NULL;
    int rc = shared_spec(n_labels, "fill:1", false, &spec, err);
    if (!spec)
        return rc;
    for (uint64_t i = 0; i < count && rc == RC_OK; i++) {
        char name[300];
        sim_slot *slot = NULL;
        (void)snprintf(name, sizeof(name), "%.*s-%llu", RC_STR_ARG(prefix), (unsigned long long)i);
        rc = sim_op_create(s, rc_str_c(name), spec, "no", &bridge, 1, &slot, err);
        if (rc == RC_OK && running)
            rc = sim_op_start(s, slot, err);
    }
    sim_spec_unref(spec);
    return rc;
}

sim_load *sim_load_free(sim_load *l)
{
    if (!l)
        return NULL;
    drop_pool(l);
    if (l->timer)
        event_free(l->timer);
    free(l);
    return NULL;
}

sim_load *sim_load_new(sim *s)
{
    sim_load *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->s = s;
    l->timer = evtimer_new(s->base, on_timer, l);
    return l->timer ? l : sim_load_free(l);
}
