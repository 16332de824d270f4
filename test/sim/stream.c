/* The event stream; see stream.h. A record holds references on the versions it speaks of, so that
 * a filter can be asked about them as long as it is in the ring. */
#include "stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

#define ACTION_MAX 200

struct record {
    TAILQ_ENTRY(record) link; /* while held */
    struct event *timer;      /* while delayed */
    sim_stream *stream;
    char action[ACTION_MAX];
    sim_container *container; /* NULL: a network's, or prune */
    sim_network *network;
    int64_t time_ns;
    rc_buf line; /* with status, id and from; ends in \n */
    size_t rest; /* where what is left without them begins */
};

TAILQ_HEAD(record_list, record);

struct rule {
    enum sim_event_fault fault;
    bool any_container;
    rc_id container;
    char action[ACTION_MAX]; /* "" = any */
    unsigned count;          /* 0 = free */
    int64_t delay_ms;
};

struct sim_subscriber {
    TAILQ_ENTRY(sim_subscriber) link;
    sim_stream *stream;
    sim_subscription sub;
    struct event *until;
    bool muted;
};

struct sim_stream {
    sim *s;
    struct record ring[SIM_RING];
    uint64_t published; /* the ring's newest is published - 1 */
    uint64_t forgotten; /* records below are lost */
    struct record scratch;
    rc_buf plain; /* a line without the old fields, while it is sent */
    TAILQ_HEAD(, sim_subscriber) subscribers;
    unsigned n_subscribers;
    struct record_list held;    /* until the next event */
    struct record_list delayed; /* until their timer */
    unsigned n_held;
    struct rule rules[SIM_EVENT_FAULTS_MAX];
    unsigned n_rules;
    bool cut_armed;
    size_t cut_at;
};

/* ---- records ---- */

static void record_clear(struct record *r)
{
    sim_container_unref(r->container);
    sim_network_unref(r->network);
    r->container = NULL;
    r->network = NULL;
    rc_buf_clear(&r->line);
}

static void record_free(struct record *r)
{
    record_clear(r);
    rc_buf_release(&r->line);
    if (r->timer)
        event_free(r->timer);
    free(r);
}

/* The scratch record's content in one of its own. NULL when out of memory or at the cap. */
static struct record *record_detach(sim_stream *st)
{
    if (st->n_held >= SIM_HELD_MAX)
        return NULL;
    struct record *r = malloc(sizeof(*r));
    if (!r)
        return NULL;
    *r = st->scratch;
    r->stream = st;
    r->timer = NULL;
    st->scratch = (struct record){.line = RC_BUF_INIT(0)};
    st->n_held++;
    return r;
}

static void put_attribute(rc_json *j, const sim_container *c, const sim_attribute *a)
{
    if (strcmp(a->key, "image") == 0) {
        rc_json_raw(j, c->spec->image_json);
        return;
    }
    rc_json_key(j, rc_str_c(a->key));
    rc_json_str(j, a->value);
}

/* Does the engine's own attribute stand where a label has its key? Docker lets only the two win
 * that it writes last; Podman writes all of its own last. */
static bool own_wins(const sim *s, const char *key)
{
    return s->profile->podman || strcmp(key, "image") == 0 || strcmp(key, "name") == 0;
}

/* Go writes maps sorted by key: a merge of two sorted sequences. */
static void put_attributes(rc_json *j, const sim *s, const sim_container *c,
                           const sim_attribute *own, unsigned n_own)
{
    const sim_spec *spec = c->spec;
    uint32_t label = 0;
    rc_json_object(j);
    for (unsigned i = 0; i < n_own; i++) {
        bool shadowed = false;
        int order = 1;
        while (label < spec->n_labels &&
               (order = rc_str_cmp(spec->labels[label].key, rc_str_c(own[i].key))) < 0)
            rc_json_raw(j, spec->labels[label++].json);
        if (label < spec->n_labels && order == 0) {
            shadowed = !own_wins(s, own[i].key);
            if (shadowed)
                rc_json_raw(j, spec->labels[label].json);
            label++;
        }
        if (!shadowed)
            put_attribute(j, c, &own[i]);
    }
    while (label < spec->n_labels)
        rc_json_raw(j, spec->labels[label++].json);
    rc_json_object_end(j);
}

/* own with what every event of a container carries, in order; returns how many. */
static unsigned with_common(const sim *s, const sim_container *c, const sim_attribute *own,
                            unsigned n_own, sim_attribute out[SIM_ATTRIBUTES_MAX + 4])
{
    sim_attribute common[4];
    unsigned n_common = 0, n = 0, i = 0;
    if (s->profile->podman)
        common[n_common++] = (sim_attribute){"containerExitCode", RC_STR("0")};
    common[n_common++] = (sim_attribute){"image", RC_STR_EMPTY};
    common[n_common++] = (sim_attribute){"name", rc_str_c(c->name)};
    if (s->profile->podman)
        common[n_common++] = (sim_attribute){"podId", RC_STR_EMPTY};
    for (unsigned k = 0; k < n_common; k++) {
        while (i < n_own && strcmp(own[i].key, common[k].key) < 0)
            out[n++] = own[i++];
        if (i < n_own && strcmp(own[i].key, common[k].key) == 0)
            out[n++] = own[i++];
        else
            out[n++] = common[k];
    }
    while (i < n_own)
        out[n++] = own[i++];
    return n;
}

static void put_actor(rc_buf *line, const char *type, const char *action, const char *actor)
{
    rc_json j;
    rc_buf_puts(line, "\"Type\":\"");
    rc_buf_puts(line, type);
    rc_buf_puts(line, "\",\"Action\":");
    rc_json_init(&j, line);
    rc_json_str(&j, rc_str_c(action));
    rc_buf_puts(line, ",\"Actor\":{\"ID\":\"");
    rc_buf_puts(line, actor);
    rc_buf_puts(line, "\",\"Attributes\":");
}

/* Hand-made digits: this is the hottest formatting there is. */
static void put_number(rc_buf *line, uint64_t v)
{
    char digits[24];
    char *p = digits + sizeof(digits);
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    rc_buf_append(line, p, (size_t)(digits + sizeof(digits) - p));
}

static void put_tail(rc_buf *line, int64_t time_ns)
{
    rc_buf_puts(line, "},\"scope\":\"local\",\"time\":");
    put_number(line, (uint64_t)(time_ns / RC_NS_PER_SEC));
    rc_buf_puts(line, ",\"timeNano\":");
    put_number(line, (uint64_t)time_ns);
    rc_buf_puts(line, "}\n");
}

static struct record *begin(sim_stream *st, const char *action)
{
    struct record *r = &st->scratch;
    record_clear(r);
    r->time_ns = sim_now(st->s);
    (void)snprintf(r->action, sizeof(r->action), "%s", action);
    return r;
}

/* ---- filters ---- */

static bool match_action(const sim *s, const sim_filter *f, const char *action)
{
    const char *colon = strchr(action, ':');
    rc_str word = rc_str_n(action, colon ? (size_t)(colon - action) : strlen(action));
    if (!sim_filter_has(f, "event"))
        return true;
    /* Podman 4.3 calls it "died" inside and writes "die" outside. */
    if (s->profile->podman && rc_str_eq(word, RC_STR("die")))
        return sim_filter_match(f, "event", RC_STR("died"));
    return sim_filter_match(f, "event", rc_str_c(action)) || sim_filter_match(f, "event", word);
}

static bool has_label(const sim_spec *spec, rc_str want)
{
    const char *eq = memchr(want.ptr, '=', want.len);
    rc_str key = rc_str_n(want.ptr, eq ? (size_t)(eq - want.ptr) : want.len);
    for (uint32_t i = 0; i < spec->n_labels; i++)
        if (rc_str_eq(spec->labels[i].key, key) &&
            (!eq || rc_str_eq(spec->labels[i].value, rc_str_n(eq + 1, want.len - key.len - 1))))
            return true;
    return false;
}

static bool match_labels(const struct record *r, const sim_filter *f)
{
    for (size_t i = 0; i < sim_filter_count(f); i++)
        if (rc_str_eq_c(sim_filter_key(f, i), "label") &&
            !(r->container && has_label(r->container->spec, sim_filter_value(f, i))))
            return false;
    return true;
}

static bool match_container(const struct record *r, const sim_filter *f)
{
    char id[RC_ID_LEN + 1];
    if (!sim_filter_has(f, "container"))
        return true;
    if (!r->container)
        return false;
    rc_id_format(&r->container->id, id);
    return sim_filter_match(f, "container", rc_str_c(id)) ||
           sim_filter_match(f, "container", rc_str_c(r->container->name));
}

static bool match_network(const struct record *r, const sim_filter *f)
{
    char id[RC_ID_LEN + 1];
    if (!sim_filter_has(f, "network"))
        return true;
    if (!r->network)
        return false;
    rc_id_format(&r->network->id, id);
    return sim_filter_match(f, "network", rc_str_c(id)) ||
           sim_filter_match(f, "network", rc_str_c(r->network->name));
}

/* A key that Podman does not know leaves no event at all. */
static bool podman_knows(const sim_filter *f)
{
    static const char *const known[] = {"type", "event", "container", "image", "label", "volume"};
    for (size_t i = 0; i < sim_filter_count(f); i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]) && !found; k++)
            found = rc_str_eq_c(sim_filter_key(f, i), known[k]);
        if (!found)
            return false;
    }
    return true;
}

static bool matches(const sim *s, const struct record *r, const sim_filter *f)
{
    if (sim_filter_count(f) == 0)
        return true;
    if (s->profile->podman && !podman_knows(f))
        return false;
    return sim_filter_match(f, "type", rc_str_c(r->network ? "network" : "container")) &&
           match_action(s, f, r->action) && match_container(r, f) && match_network(r, f) &&
           match_labels(r, f) &&
           (!r->container || sim_filter_match(f, "image", r->container->spec->image));
}

/* ---- delivery ---- */

static rc_str line_for(sim_stream *st, const struct record *r, int api)
{
    if (api < SIM_API_HEALTH_IN_LIST || r->rest <= 1)
        return rc_buf_view(&r->line);
    rc_buf_clear(&st->plain);
    rc_buf_putc(&st->plain, '{');
    rc_buf_append(&st->plain, r->line.data + r->rest, r->line.len - r->rest);
    return rc_buf_view(&st->plain);
}

static void give(sim_stream *st, sim_subscriber *sub, const struct record *r)
{
    sim *s = st->s;
    if (sub->muted || !matches(s, r, sub->sub.filter))
        return;
    const sim_sink *sink = &sub->sub.sink;
    rc_str line = line_for(st, r, sub->sub.api);
    size_t backlog = sink->backlog(sink->arg);
    if (s->settings.drop_slow && backlog > SIM_SLOW_BACKLOG) {
        s->stats.events_dropped++;
        return;
    }
    if (backlog > SIM_BACKLOG_MAX) {
        sink->end(sink->arg, false);
        return;
    }
    if (st->cut_armed) {
        sub->muted = true; /* the connection goes once its bytes are out */
        sink->cut(sink->arg, line, st->cut_at);
        return;
    }
    s->stats.events_sent++;
    sink->send(sink->arg, line);
}

static void deliver(sim_stream *st, const struct record *r)
{
    sim_subscriber *sub, *next;
    bool armed = st->cut_armed && !TAILQ_EMPTY(&st->subscribers);
    for (sub = TAILQ_FIRST(&st->subscribers); sub; sub = next) {
        next = TAILQ_NEXT(sub, link);
        give(st, sub, r);
    }
    if (armed)
        st->cut_armed = false;
}

/* What a record says, from one to the other; each keeps its memory, its place and its timer. */
static void record_move(struct record *to, struct record *from)
{
    rc_buf line = to->line;
    record_clear(to);
    memcpy(to->action, from->action, sizeof(to->action));
    to->container = from->container;
    to->network = from->network;
    to->time_ns = from->time_ns;
    to->line = from->line;
    to->rest = from->rest;
    from->container = NULL;
    from->network = NULL;
    from->line = line;
    rc_buf_clear(&from->line);
}

static struct record *enter_ring(sim_stream *st, struct record *r)
{
    struct record *place = &st->ring[st->published % SIM_RING];
    record_move(place, r);
    st->published++;
    return place;
}

static void publish_now(sim_stream *st, struct record *r, unsigned times)
{
    struct record *placed = enter_ring(st, r);
    for (unsigned i = 0; i < times; i++)
        deliver(st, placed);
}

static void publish_held(sim_stream *st)
{
    struct record *r;
    while ((r = TAILQ_FIRST(&st->held))) {
        TAILQ_REMOVE(&st->held, r, link);
        st->n_held--;
        publish_now(st, r, 1);
        record_free(r);
    }
}

static void on_delay(evutil_socket_t fd, short what, void *arg)
{
    struct record *r = arg;
    sim_stream *st = r->stream;
    (void)fd, (void)what;
    TAILQ_REMOVE(&st->delayed, r, link);
    st->n_held--;
    publish_now(st, r, 1);
    record_free(r);
}

static struct rule *rule_for(sim_stream *st, const struct record *r)
{
    for (unsigned i = 0; st->n_rules > 0 && i < SIM_EVENT_FAULTS_MAX; i++) {
        struct rule *rule = &st->rules[i];
        if (rule->count == 0 || (rule->action[0] && strcmp(rule->action, r->action) != 0))
            continue;
        if (rule->any_container || (r->container && rc_id_eq(&rule->container, &r->container->id)))
            return rule;
    }
    return NULL;
}

static bool hold(sim_stream *st, const struct rule *rule)
{
    struct record *r = record_detach(st);
    if (!r)
        return false;
    if (rule->fault == SIM_EVENT_SWAP) {
        TAILQ_INSERT_TAIL(&st->held, r, link);
        return true;
    }
    struct timeval tv = {.tv_sec = rule->delay_ms / 1000, .tv_usec = rule->delay_ms % 1000 * 1000};
    TAILQ_INSERT_TAIL(&st->delayed, r, link);
    r->timer = evtimer_new(st->s->base, on_delay, r);
    if (!r->timer || evtimer_add(r->timer, &tv) != 0)
        on_delay(-1, 0, r);
    return true;
}

static void publish(sim_stream *st)
{
    struct record *r = &st->scratch;
    struct rule *rule = rule_for(st, r);
    unsigned times = 1;
    st->s->stats.events++;
    if (rule) {
        if (--rule->count == 0)
            st->n_rules--;
        switch (rule->fault) {
        case SIM_EVENT_LOSE:
            st->s->stats.events_lost++;
            return;
        case SIM_EVENT_DROP:
            st->s->stats.events_lost++;
            times = 0;
            break;
        case SIM_EVENT_DUP:
            times = 2;
            break;
        case SIM_EVENT_SWAP:
        case SIM_EVENT_DELAY:
            if (hold(st, rule))
                return;
            break;
        }
    }
    publish_now(st, r, times);
    publish_held(st);
}

/* ---- what happens ---- */

void sim_stream_container(sim_stream *st, sim_container *c, const char *action,
                          const sim_attribute *own, unsigned n_own)
{
    char id[RC_ID_LEN + 1];
    rc_json j;
    sim_attribute all[SIM_ATTRIBUTES_MAX + 4];
    struct record *r;
    if (st->s->silent)
        return;
    r = begin(st, action);
    rc_id_format(&c->id, id);
    rc_buf_puts(&r->line, "{\"status\":");
    rc_json_init(&j, &r->line);
    rc_json_str(&j, rc_str_c(action));
    rc_buf_puts(&r->line, ",\"id\":\"");
    rc_buf_puts(&r->line, id);
    rc_buf_puts(&r->line, "\",\"from\"");
    /* "image":"…" without its key */
    rc_buf_append(&r->line, c->spec->image_json.ptr + strlen("\"image\""),
                  c->spec->image_json.len - strlen("\"image\""));
    rc_buf_putc(&r->line, ',');
    r->rest = r->line.len;
    put_actor(&r->line, "container", action, id);
    rc_json_init(&j, &r->line);
    put_attributes(&j, st->s, c, all, with_common(st->s, c, own, n_own, all));
    put_tail(&r->line, r->time_ns);
    sim_container_ref(c);
    r->container = c;
    publish(st);
}

void sim_stream_network(sim_stream *st, sim_network *n, const char *action, const rc_id *container)
{
    char id[RC_ID_LEN + 1];
    rc_json j;
    struct record *r;
    /* Podman's event log has no networks. */
    if (st->s->silent || st->s->profile->podman || !st->s->settings.network_events)
        return;
    r = begin(st, action);
    rc_id_format(&n->id, id);
    rc_buf_putc(&r->line, '{');
    r->rest = 1;
    put_actor(&r->line, "network", action, id);
    rc_json_init(&j, &r->line);
    rc_json_object(&j);
    if (container) {
        rc_id_format(container, id);
        RC_JSON_KEY(&j, "container");
        rc_json_str(&j, rc_str_c(id));
    }
    RC_JSON_KEY(&j, "name");
    rc_json_str(&j, rc_str_c(n->name));
    RC_JSON_KEY(&j, "type");
    rc_json_str(&j, rc_str_c(n->driver));
    rc_json_object_end(&j);
    put_tail(&r->line, r->time_ns);
    sim_network_ref(n);
    r->network = n;
    publish(st);
}

void sim_stream_prune(sim_stream *st)
{
    static const char status[] = "{\"status\":\"prune\",";
    struct record *r;
    if (st->s->silent)
        return;
    r = begin(st, "prune");
    rc_buf_puts(&r->line, status);
    r->rest = strlen(status);
    put_actor(&r->line, "container", "prune", "");
    rc_buf_puts(&r->line, "{\"reclaimed\":\"0\"}");
    put_tail(&r->line, r->time_ns);
    publish(st);
}

/* ---- subscribers ---- */

/* As the engine: walks back and stops at the first that is too old, so a replay can be cut short by
 * an inversion. */
static uint64_t replay_from(const sim_stream *st, int64_t since_ns)
{
    uint64_t oldest = st->published > SIM_RING ? st->published - SIM_RING : 0;
    uint64_t i = st->published;
    if (oldest < st->forgotten)
        oldest = st->forgotten;
    while (i > oldest && st->ring[(i - 1) % SIM_RING].time_ns >= since_ns)
        i--;
    return i;
}

static void replay(sim_stream *st, sim_subscriber *sub)
{
    for (uint64_t i = replay_from(st, sub->sub.since_ns); i < st->published; i++) {
        const struct record *r = &st->ring[i % SIM_RING];
        if (sub->sub.until_ns && r->time_ns > sub->sub.until_ns)
            continue;
        st->s->stats.replayed++;
        give(st, sub, r);
    }
}

static void on_until(evutil_socket_t fd, short what, void *arg)
{
    sim_subscriber *sub = arg;
    (void)fd, (void)what;
    sub->sub.sink.end(sub->sub.sink.arg, true);
}

static bool arm_until(sim_subscriber *sub)
{
    if (!sub->sub.until_ns)
        return true;
    int64_t left = sub->sub.until_ns - sim_now(sub->stream->s);
    left = left < 0 ? 0 : left;
    struct timeval tv = {.tv_sec = left / RC_NS_PER_SEC, .tv_usec = left % RC_NS_PER_SEC / 1000};
    sub->until = evtimer_new(sub->stream->s->base, on_until, sub);
    return sub->until && evtimer_add(sub->until, &tv) == 0;
}

sim_subscriber *sim_stream_subscribe(sim_stream *st, const sim_subscription *options)
{
    sim_subscriber *sub = st->n_subscribers < SIM_SUBSCRIBERS ? calloc(1, sizeof(*sub)) : NULL;
    if (!sub) {
        (void)sim_filter_free(options->filter);
        return NULL;
    }
    sub->stream = st;
    sub->sub = *options;
    TAILQ_INSERT_TAIL(&st->subscribers, sub, link);
    st->n_subscribers++;
    st->s->stats.subscriptions++;
    if (!arm_until(sub)) {
        sim_stream_unsubscribe(st, sub);
        return NULL;
    }
    if (options->replay) {
        replay(st, sub);
        if (st->s->settings.replay_twice)
            replay(st, sub);
    }
    return sub;
}

void sim_stream_unsubscribe(sim_stream *st, sim_subscriber *sub)
{
    TAILQ_REMOVE(&st->subscribers, sub, link);
    st->n_subscribers--;
    if (sub->until)
        event_free(sub->until);
    (void)sim_filter_free(sub->sub.filter);
    free(sub);
}

unsigned sim_stream_subscribers(const sim_stream *st)
{
    return st->n_subscribers;
}

size_t sim_stream_backlog(const sim_stream *st)
{
    size_t most = 0;
    const sim_subscriber *sub;
    TAILQ_FOREACH(sub, &st->subscribers, link)
    {
        size_t n = sub->sub.sink.backlog(sub->sub.sink.arg);
        most = n > most ? n : most;
    }
    return most;
}

/* ---- faults ---- */

int sim_stream_fault(sim_stream *st, enum sim_event_fault fault, const rc_id *container,
                     rc_str action, unsigned count, int64_t delay_ms, rc_error *err)
{
    if (action.len >= ACTION_MAX)
        return rc_fail(err, RC_INVALID, "an action has at most %d bytes", ACTION_MAX - 1);
    if (count == 0)
        return rc_fail(err, RC_INVALID, "the count is at least 1");
    for (unsigned i = 0; i < SIM_EVENT_FAULTS_MAX; i++) {
        struct rule *rule = &st->rules[i];
        if (rule->count != 0)
            continue;
        *rule = (struct rule){
            .fault = fault, .any_container = !container, .count = count, .delay_ms = delay_ms};
        if (container)
            rule->container = *container;
        memcpy(rule->action, action.ptr, action.len);
        st->n_rules++;
        return RC_OK;
    }
    return rc_fail(err, RC_FULL, "there are %d event faults already", SIM_EVENT_FAULTS_MAX);
}

void sim_stream_faults_clear(sim_stream *st)
{
    struct record *r, *next;
    memset(st->rules, 0, sizeof(st->rules));
    st->n_rules = 0;
    st->cut_armed = false;
    publish_held(st);
    for (r = TAILQ_FIRST(&st->delayed); r; r = next) {
        next = TAILQ_NEXT(r, link);
        on_delay(-1, 0, r);
    }
}

unsigned sim_stream_faults_left(const sim_stream *st)
{
    return st->n_rules + st->n_held + (st->cut_armed ? 1 : 0);
}

void sim_stream_cut_at(sim_stream *st, size_t n)
{
    st->cut_armed = true;
    st->cut_at = n;
}

void sim_stream_end_all(sim_stream *st, bool clean)
{
    sim_subscriber *sub, *next;
    for (sub = TAILQ_FIRST(&st->subscribers); sub; sub = next) {
        next = TAILQ_NEXT(sub, link);
        sub->sub.sink.end(sub->sub.sink.arg, clean);
    }
}

void sim_stream_mute(sim_stream *st)
{
    sim_subscriber *sub;
    TAILQ_FOREACH(sub, &st->subscribers, link)
    sub->muted = true;
}

void sim_stream_inject(sim_stream *st, rc_str line)
{
    sim_subscriber *sub;
    TAILQ_FOREACH(sub, &st->subscribers, link)
    sub->sub.sink.send(sub->sub.sink.arg, line);
}

void sim_stream_forget(sim_stream *st)
{
    st->forgotten = st->published;
}

/* ---- life ---- */

sim_stream *sim_stream_new(sim *s)
{
    sim_stream *st = calloc(1, sizeof(*st));
    if (!st)
        return NULL;
    st->s = s;
    TAILQ_INIT(&st->subscribers);
    TAILQ_INIT(&st->held);
    TAILQ_INIT(&st->delayed);
    return st;
}

static void free_list(struct record_list *list)
{
    struct record *r;
    while ((r = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, r, link);
        record_free(r);
    }
}

sim_stream *sim_stream_free(sim_stream *st)
{
    sim_subscriber *sub, *next;
    if (!st)
        return NULL;
    for (sub = TAILQ_FIRST(&st->subscribers); sub; sub = next) {
        next = TAILQ_NEXT(sub, link);
        sim_stream_unsubscribe(st, sub);
    }
    free_list(&st->held);
    free_list(&st->delayed);
    for (size_t i = 0; i < SIM_RING; i++) {
        record_clear(&st->ring[i]);
        rc_buf_release(&st->ring[i].line);
    }
    record_clear(&st->scratch);
    rc_buf_release(&st->scratch.line);
    rc_buf_release(&st->plain);
    free(st);
    return NULL;
}
