/* Engine → mirror → index, and the requests back. Every callback ends in `settle`, which commits
 * what came, sends what is due, and sets the timer for what is next. */
#include "daemon/driver.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/hash.h"
#include "daemon/pace.h"
#include "daemon/store.h"
#include "engine/engine.h"
#include "mirror/mirror.h"

#define BEAT_NS         RC_NS_PER_SEC
#define COMMIT_RETRY_NS (200 * RC_NS_PER_MS)

#define COMPONENT "mirror"

/* What may go on for hours, and is then not said each time. */
struct paces {
    rc_pace state, waiting, list, bad_line, over, commit, upkeep;
};

static const struct paces usual_paces = {
    .state = {.burst = 20, .every_ns = 10 * RC_NS_PER_SEC},
    .waiting = {.burst = 1, .every_ns = 60 * RC_NS_PER_SEC},
    .list = {.burst = 1, .every_ns = 60 * RC_NS_PER_SEC},
    .bad_line = {.burst = 1, .every_ns = 10 * RC_NS_PER_SEC},
    .over = {.burst = 1, .every_ns = 60 * RC_NS_PER_SEC},
    .commit = {.burst = 1, .every_ns = 60 * RC_NS_PER_SEC},
    .upkeep = {.burst = 1, .every_ns = 60 * RC_NS_PER_SEC},
};

/* A request under way; its answer is only wanted while `era` is the driver's. */
typedef struct call {
    rc_driver *d;
    rc_engine_call *engine_call;
    uint64_t token;
    unsigned era;
    enum rc_ask ask;
    LIST_ENTRY(call) link;
} call;

struct rc_driver {
    struct event_base *base;
    const rc_config *config;
    const rc_endpoint *endpoint;
    rc_index *ix;
    rc_log *log;
    rc_engine *engine;
    rc_mirror *m;
    rc_index_store store;
    LIST_HEAD(, call) calls;
    unsigned era;
    bool settling;
    bool again; /* settle was called from inside itself */
    struct event *timer;
    struct event *beat;
    struct event *commit_retry;
    enum rc_mirror_state logged;
    struct paces paces;
    int64_t failing_since_ns; /* monotonic: commits fail; 0: they do not */
    char last_error[RC_LIVE_TEXT_MAX];
    char engine_version[RC_LIVE_TEXT_MAX];
    char api_version[RC_LIVE_TEXT_MAX];
};

static rc_moment now(void)
{
    return (rc_moment){rc_clock_mono(), rc_clock_real()};
}

static struct timeval until(int64_t ns)
{
    int64_t left = ns > 0 ? ns : 0;
    /* Rounded up: a timer that fires early would only be set again. */
    int64_t us = (left + 999) / 1000;
    return (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
}

/* ---- the live page ---- */

static void copy_text(char *to, const char *from)
{
    snprintf(to, RC_LIVE_TEXT_MAX, "%s", from);
}

static void fill_live(rc_live_info *info, void *arg)
{
    rc_driver *d = arg;
    rc_mirror_report report;
    rc_mirror_report_of(d->m, &report);
    info->epoch = rc_index_epoch(d->ix);
    info->mirror = *rc_mirror_status_of(d->m);
    info->mirror_beat_ns = rc_clock_mono();
    info->resync_ns = report.resync_ns;
    info->resync_mono_ns = report.resync_mono_ns;
    info->resync_took_ns = report.resync_took_ns;
    info->resync_every_ns = d->config->mirror.resync_interval;
    info->event_ns = report.event_ns;
    for (int s = 0; s < RC_STATE_COUNT; s++)
        info->containers[s] = report.containers[s];
    copy_text(info->endpoint, rc_endpoint_text(d->endpoint));
    copy_text(info->engine_version, d->engine_version);
    copy_text(info->api_version, d->api_version);
    /* The commit that makes the mirror live publishes before the error is forgotten. */
    copy_text(info->last_error, info->mirror.synced ? "" : d->last_error);
}

static void publish(rc_driver *d)
{
    rc_live_update(rc_index_live(d->ix), fill_live, d);
}

/* ---- committing ---- */

/* What is not said now is said at a later beat, if it is still true then. */
static void log_status(rc_driver *d)
{
    const rc_mirror_status *status = rc_mirror_status_of(d->m);
    if (status->state == d->logged || !rc_pace_allows(&d->paces.state, rc_clock_mono()))
        return;
    d->logged = status->state;
    if (status->synced) {
        rc_mirror_report report;
        uint64_t there = 0;
        rc_mirror_report_of(d->m, &report);
        for (int s = 0; s < RC_STATE_COUNT; s++)
            there += s == RC_STATE_MISSING ? 0 : report.containers[s];
        rc_logf(d->log, RC_LOG_INFO, COMPONENT, "live containers=%llu rev=%llu list_ms=%lld",
                (unsigned long long)there, (unsigned long long)rc_index_rev(d->ix),
                (long long)(report.resync_took_ns / RC_NS_PER_MS));
    } else if (status->state == RC_MIRROR_DISCONNECTED) {
        rc_logf(d->log, RC_LOG_WARNING, COMPONENT,
                "disconnected, rows keep their last state endpoint=%s: %s",
                rc_endpoint_text(d->endpoint), d->last_error);
    } else {
        rc_logf(d->log, RC_LOG_INFO, COMPONENT, "%s", rc_mirror_state_name(status->state));
    }
}

static void rebuild(rc_driver *d, const char *why)
{
    rc_error err = RC_ERROR_INIT;
    rc_logf(d->log, RC_LOG_ERROR, "index", "set aside and made anew: %s", why);
    if (rc_index_rebuild(d->ix, why, &err)) {
        /* Nothing can be kept, and a supervisor may find another disk. */
        rc_logf(d->log, RC_LOG_ERROR, "index", "cannot be made anew: %s", err.msg);
        event_base_loopbreak(d->base);
    }
    rc_mirror_lost(d->m, now(), RC_RECONNECT_FAILED);
    rc_mirror_forget(d->m);
}

static void committed(rc_driver *d)
{
    if (d->failing_since_ns) {
        rc_logf(d->log, RC_LOG_INFO, "index", "commits again rev=%llu after_s=%lld",
                (unsigned long long)rc_index_rev(d->ix),
                (long long)((rc_clock_mono() - d->failing_since_ns) / RC_NS_PER_SEC));
        rc_pace_reset(&d->paces.commit);
    }
    d->failing_since_ns = 0;
    publish(d);
}

static void commit_later(rc_driver *d, const rc_error *why)
{
    struct timeval tv = until(COMMIT_RETRY_NS);
    int64_t mono = rc_clock_mono();
    if (!d->failing_since_ns)
        d->failing_since_ns = mono;
    if (rc_pace_allows(&d->paces.commit, mono))
        rc_logf(d->log, RC_LOG_ERROR, "index", "cannot commit, the changes wait: %s", why->msg);
    evtimer_add(d->commit_retry, &tv);
}

/* Anything but RC_CORRUPT waits in memory and is tried again, but not for every event that comes:
 * each time is the whole batch. May be called from inside the mirror. */
static int commit_batch(rc_driver *d, rc_error *err)
{
    rc_error why = RC_ERROR_INIT;
    d->store.steps = 0;
    if (!rc_index_dirty(d->ix) || evtimer_pending(d->commit_retry, NULL))
        return RC_OK;
    int code = rc_index_commit(d->ix, rc_clock_real(), &why);
    if (code == RC_CORRUPT)
        return rc_fail(err, code, "%s", why.msg);
    if (code)
        commit_later(d, &why);
    else
        committed(d);
    return RC_OK;
}

static void commit(rc_driver *d)
{
    rc_error err = RC_ERROR_INIT;
    if (commit_batch(d, &err))
        rebuild(d, err.msg);
}

static void check_failure(rc_driver *d)
{
    rc_error err = RC_ERROR_INIT;
    int code = rc_mirror_failed(d->m, now(), &err);
    if (!code)
        return;
    copy_text(d->last_error, err.msg);
    if (code == RC_CORRUPT || code == RC_VERSION)
        rebuild(d, err.msg);
    else if (rc_pace_allows(&d->paces.over, rc_clock_mono()))
        rc_logf(d->log, RC_LOG_ERROR, COMPONENT, "starts over: %s", err.msg);
}

/* ---- requests ---- */

static void carry_out(rc_driver *d, const rc_request *rq);

static void settle(rc_driver *d)
{
    rc_request rq;
    if (d->settling) {
        d->again = true;
        return;
    }
    d->settling = true;
    do {
        d->again = false;
        commit(d); /* first: who reads waits for this */
        check_failure(d);
        while (rc_mirror_next(d->m, now(), &rq))
            carry_out(d, &rq);
        check_failure(d);
        commit(d);
    } while (d->again);
    d->settling = false;
    log_status(d);
    int64_t mono = rc_clock_mono();
    int64_t at = rc_mirror_deadline(d->m, mono);
    if (at == INT64_MAX) {
        (void)evtimer_del(d->timer);
        return;
    }
    struct timeval tv = until(at - mono);
    evtimer_add(d->timer, &tv);
}

static enum rc_answer answer_of(const rc_engine_result *r)
{
    switch (r->outcome) {
    case RC_ENGINE_OK:
        return RC_ANSWER_OK;
    case RC_ENGINE_STATUS:
        if (r->status == 404)
            return RC_ANSWER_NOTFOUND;
        return r->status >= 400 && r->status < 500 ? RC_ANSWER_DENIED : RC_ANSWER_FAILED;
    case RC_ENGINE_TIMEOUT:
        return RC_ANSWER_TIMEOUT;
    default:
        return RC_ANSWER_FAILED;
    }
}

static enum rc_reconnect_reason reason_of(const rc_engine_result *r)
{
    static const enum rc_reconnect_reason reasons[] = {
        [RC_ENGINE_OK] = RC_RECONNECT_CLOSED,        [RC_ENGINE_STATUS] = RC_RECONNECT_STATUS,
        [RC_ENGINE_CUT] = RC_RECONNECT_CUT,          [RC_ENGINE_TIMEOUT] = RC_RECONNECT_TIMEOUT,
        [RC_ENGINE_REFUSED] = RC_RECONNECT_REFUSED,  [RC_ENGINE_BAD] = RC_RECONNECT_FAILED,
        [RC_ENGINE_CANCELLED] = RC_RECONNECT_FAILED, [RC_ENGINE_FAILED] = RC_RECONNECT_FAILED,
    };
    return reasons[r->outcome];
}

/* The call is over; false if nobody wants its answer any more. */
static bool over(call *c)
{
    bool wanted = c->era == c->d->era;
    LIST_REMOVE(c, link);
    free(c);
    return wanted;
}

static void note_failure(rc_driver *d, const char *what, const rc_engine_result *r)
{
    if (r->outcome == RC_ENGINE_OK)
        return;
    snprintf(d->last_error, sizeof(d->last_error), "%s: %.200s", what, r->err->msg);
    rc_logf(d->log, RC_LOG_DEBUG, "engine", "%s: %s", what, r->err->msg);
}

static void lost(rc_driver *d, const char *what, const rc_engine_result *r)
{
    if (r->outcome == RC_ENGINE_OK)
        snprintf(d->last_error, sizeof(d->last_error), "%s: the engine ended it", what);
    else
        note_failure(d, what, r);
    /* While there never was a connection the state does not change, and nobody else would say why.
     */
    if (rc_mirror_status_of(d->m)->state == RC_MIRROR_CONNECTING &&
        rc_pace_allows(&d->paces.waiting, rc_clock_mono()))
        rc_logf(d->log, RC_LOG_WARNING, "engine", "not connected yet endpoint=%s: %s",
                rc_endpoint_text(d->endpoint), d->last_error);
    rc_mirror_lost(d->m, now(), reason_of(r));
    publish(d); /* why, even where no state changes and so nothing is committed */
}

/* Are these the containers that the index holds? It is theirs afterwards. False: the connection is
 * given up; an index that is sound is not thrown away because it cannot be written to just now. */
static bool identify(rc_driver *d, const rc_engine_hello *hello)
{
    rc_error err = RC_ERROR_INIT;
    bool rebuilt = false;
    int code = rc_index_identify(d->ix, rc_str_c(hello->identity), &rebuilt, &err);
    if (code == RC_CORRUPT || code == RC_VERSION) {
        rebuild(d, err.msg);
        return false;
    }
    if (code) {
        rc_engine_result failed = {.outcome = RC_ENGINE_FAILED, .date_s = -1, .err = &err};
        lost(d, "identify the engine", &failed);
        return false;
    }
    if (rebuilt) {
        char shown[128];
        rc_escape_into(shown, sizeof(shown), rc_str_c(hello->identity));
        rc_logf(d->log, RC_LOG_WARNING, "index", "another engine answers, made anew: engine=%s",
                shown);
        rc_mirror_forget(d->m);
    }
    return true;
}

static void on_hello(void *arg, const rc_engine_hello *hello, const rc_engine_result *r)
{
    call *c = arg;
    rc_driver *d = c->d;
    if (!over(c))
        return;
    if (!hello) {
        lost(d, "connect", r);
        settle(d);
        return;
    }
    copy_text(d->engine_version, hello->version);
    copy_text(d->api_version, hello->api_version);
    if (identify(d, hello)) {
        enum rc_log_level level =
            rc_pace_allows(&d->paces.state, rc_clock_mono()) ? RC_LOG_INFO : RC_LOG_DEBUG;
        rc_logf(d->log, level, "engine", "connected endpoint=%s version=%s api=%s",
                rc_endpoint_text(d->endpoint), d->engine_version, d->api_version);
        rc_mirror_connected(d->m, now(), hello->date_s);
    }
    settle(d);
}

static void on_stream_open(void *arg)
{
    call *c = arg;
    if (c->era != c->d->era)
        return;
    rc_mirror_stream_open(c->d->m, now());
    settle(c->d);
}

static void on_stream_event(void *arg, const rc_event *ev)
{
    call *c = arg;
    if (c->era == c->d->era)
        rc_mirror_event(c->d->m, now(), ev);
}

static void on_stream_bad(void *arg, const rc_error *err, bool oversize)
{
    call *c = arg;
    rc_driver *d = c->d;
    rc_moment t = now();
    if (c->era != d->era)
        return;
    if (rc_pace_allows(&d->paces.bad_line, t.mono_ns))
        rc_logf(d->log, RC_LOG_WARNING, "engine", "an event could not be read, listing anew: %s",
                err->msg);
    rc_mirror_bad_line(d->m, t, oversize);
}

static void on_batch(void *arg)
{
    call *c = arg;
    if (c->era == c->d->era)
        settle(c->d);
}

static void on_stream_done(void *arg, const rc_engine_result *r)
{
    call *c = arg;
    rc_driver *d = c->d;
    if (!over(c))
        return;
    lost(d, "events", r);
    settle(d);
}

static int on_element(void *arg, const rc_observation *obs)
{
    call *c = arg;
    if (c->era != c->d->era)
        return -1;
    rc_mirror_element(c->d->m, now(), c->token, obs);
    return 0;
}

static void on_list_done(void *arg, const rc_engine_result *r)
{
    call *c = arg;
    rc_driver *d = c->d;
    uint64_t token = c->token;
    bool full = c->ask == RC_ASK_LIST;
    if (!over(c))
        return;
    note_failure(d, full ? "list" : "list of single containers", r);
    if (full && r->outcome != RC_ENGINE_OK && rc_pace_allows(&d->paces.list, rc_clock_mono()))
        rc_logf(d->log, RC_LOG_WARNING, "engine", "the full list failed: %s", r->err->msg);
    rc_mirror_list_done(d->m, now(), token, answer_of(r), r->date_s);
    settle(d);
}

static void on_inspect_done(void *arg, const rc_observation *obs, const rc_engine_result *r)
{
    call *c = arg;
    rc_driver *d = c->d;
    uint64_t token = c->token;
    if (!over(c))
        return;
    if (r->status != 404)
        note_failure(d, "inspect", r);
    rc_mirror_inspected(d->m, now(), token, answer_of(r), obs, r->date_s);
    settle(d);
}

static int on_network(void *arg, const rc_network *net)
{
    call *c = arg;
    if (c->era != c->d->era)
        return -1;
    rc_mirror_network(c->d->m, c->token, net);
    return 0;
}

static void on_networks_done(void *arg, const rc_engine_result *r)
{
    call *c = arg;
    rc_driver *d = c->d;
    uint64_t token = c->token;
    if (!over(c))
        return;
    note_failure(d, "networks", r);
    rc_mirror_networks_done(d->m, now(), token, answer_of(r), r->date_s);
    settle(d);
}

static rc_engine_call *start(call *c, const rc_request *rq, rc_error *err)
{
    rc_engine *e = c->d->engine;
    rc_engine_stream stream = {.on_open = on_stream_open,
                               .on_event = on_stream_event,
                               .on_bad = on_stream_bad,
                               .on_batch = on_batch,
                               .on_done = on_stream_done,
                               .arg = c};
    rc_engine_list list = {
        .on_element = on_element, .on_batch = on_batch, .on_done = on_list_done, .arg = c};
    switch (rq->ask) {
    case RC_ASK_CONNECT:
        return rc_engine_connect(e, on_hello, c, err);
    case RC_ASK_STREAM:
        return rc_engine_events(e, rq->since_ns, &stream, err);
    case RC_ASK_LIST:
        return rc_engine_containers(e, NULL, 0, &list, err);
    case RC_ASK_SOME:
        return rc_engine_containers(e, rq->ids, rq->n, &list, err);
    case RC_ASK_INSPECT:
        return rc_engine_inspect(e, &rq->ids[0], on_inspect_done, c, err);
    case RC_ASK_NETWORKS:
        return rc_engine_networks(e, on_network, on_networks_done, c, err);
    case RC_ASK_CLOSE:
        break;
    }
    return NULL;
}

/* It could not even be sent: memory, or too many at once. */
static void not_sent(rc_driver *d, const rc_request *rq, const rc_error *err)
{
    rc_engine_result failed = {.outcome = RC_ENGINE_FAILED, .date_s = -1, .err = err};
    rc_moment t = now();
    switch (rq->ask) {
    case RC_ASK_CONNECT:
    case RC_ASK_STREAM:
        lost(d, "connect", &failed);
        break;
    case RC_ASK_LIST:
    case RC_ASK_SOME:
        rc_mirror_list_done(d->m, t, rq->token, RC_ANSWER_FAILED, -1);
        break;
    case RC_ASK_INSPECT:
        rc_mirror_inspected(d->m, t, rq->token, RC_ANSWER_FAILED, NULL, -1);
        break;
    case RC_ASK_NETWORKS:
        rc_mirror_networks_done(d->m, t, rq->token, RC_ANSWER_FAILED, -1);
        break;
    case RC_ASK_CLOSE:
        break;
    }
}

static void close_all(rc_driver *d)
{
    call *c = NULL;
    d->era++;
    LIST_FOREACH(c, &d->calls, link)
    rc_engine_cancel(c->engine_call);
}

static void carry_out(rc_driver *d, const rc_request *rq)
{
    rc_error err = RC_ERROR_INIT;
    if (rq->ask == RC_ASK_CLOSE) {
        close_all(d);
        return;
    }
    call *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)rc_fail(&err, RC_NOMEM, "no memory for a request");
        not_sent(d, rq, &err);
        return;
    }
    *c = (call){.d = d, .token = rq->token, .era = d->era, .ask = rq->ask};
    LIST_INSERT_HEAD(&d->calls, c, link);
    c->engine_call = start(c, rq, &err);
    if (c->engine_call)
        return;
    (void)over(c);
    not_sent(d, rq, &err);
}

/* ---- timers ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    settle(arg);
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    rc_driver *d = arg;
    rc_error err = RC_ERROR_INIT;
    (void)fd, (void)what;
    publish(d);
    log_status(d);
    if (rc_index_housekeep(d->ix, &err) && rc_pace_allows(&d->paces.upkeep, rc_clock_mono()))
        rc_logf(d->log, RC_LOG_WARNING, "index", "upkeep failed: %s", err.msg);
}

/* ---- life ---- */

typedef struct loading {
    rc_mirror *m;
    int64_t watched_ns;
} loading;

static int load_row(void *arg, const rc_row *row)
{
    loading *l = arg;
    return rc_mirror_load(l->m, row, l->watched_ns) ? RC_OK : RC_NOMEM;
}

/* Real time up to which the last daemon saw what happens; 0: not known. Until its last sign of
 * life, unless it had lost the engine before. */
static int64_t watched_until(rc_driver *d)
{
    const rc_live *live = rc_index_live(d->ix);
    rc_live_info info;
    (void)rc_live_read(live, &info, NULL);
    int64_t beat = rc_live_beat_before(live, rc_index_epoch(d->ix));
    int64_t ago = rc_clock_mono() - beat;
    if (beat <= 0 || ago < 0)
        return 0;
    bool lost_before = !info.mirror.synced && info.mirror.stale_since_ns;
    return lost_before ? info.mirror.stale_since_ns : rc_clock_real() - ago;
}

/* A daemon that was killed left an index that says it is live. That is taken back before the rows
 * are read, which takes a while where there are many. */
static int say_connecting(rc_driver *d, int64_t stale_ns, rc_error *err)
{
    rc_mirror_status status = {.state = RC_MIRROR_CONNECTING, .stale_since_ns = stale_ns};
    rc_index_set_mirror(d->ix, &status);
    int code = rc_index_commit(d->ix, rc_clock_real(), err);
    /* On a full disk it is tried again like any other commit: the daemon starts all the same. */
    return code == RC_CORRUPT ? code : RC_OK;
}

static int load(rc_driver *d, rc_error *err)
{
    loading l = {d->m, watched_until(d)};
    int64_t stale_ns = l.watched_ns ? l.watched_ns : rc_clock_real();
    int code = say_connecting(d, stale_ns, err);
    if (!code)
        code = rc_index_each(d->ix, load_row, &l, err);
    if (code == RC_CORRUPT || code == RC_VERSION) {
        rebuild(d, err ? err->msg : "a row cannot be read");
        code = RC_OK;
    }
    if (!code)
        rc_mirror_start(d->m, now(), stale_ns);
    return code;
}

static int commit_many(void *arg, rc_error *err)
{
    return commit_batch(arg, err);
}

static int make_mirror(rc_driver *d, rc_error *err)
{
    const rc_config *c = d->config;
    rc_mirror_options options = {.resync_interval_ns = c->mirror.resync_interval,
                                 .missing_ttl_ns = c->mirror.missing_ttl,
                                 .reconnect_max_ns = c->engine.reconnect_max,
                                 .inspect = c->engine.inspect,
                                 .local_clock = rc_endpoint_is_local(d->endpoint),
                                 .dispatch = {rc_str_c(c->workloads.prefix)},
                                 .labels = {rc_str_c(c->index.labels),
                                            rc_str_c(c->index.labels_drop),
                                            rc_str_c(c->workloads.prefix)}};
    if (rc_random_bytes(&options.seed, sizeof(options.seed)))
        options.seed = (uint64_t)rc_clock_mono();
    d->store = (rc_index_store){.ix = d->ix, .on_many = commit_many, .arg = d};
    rc_store ops = rc_index_store_ops(&d->store);
    d->m = rc_mirror_new(&options, &ops, rc_live_stats(rc_index_live(d->ix)));
    return d->m ? RC_OK : rc_fail(err, RC_NOMEM, "no memory for the mirror");
}

static bool make_timers(rc_driver *d)
{
    struct timeval beat = until(BEAT_NS);
    d->timer = event_new(d->base, -1, 0, on_timer, d);
    d->commit_retry = event_new(d->base, -1, 0, on_timer, d);
    d->beat = event_new(d->base, -1, EV_PERSIST, on_beat, d);
    /* As urgent as the stream: a flood of events must not keep it from being committed. */
    return d->timer && d->commit_retry && d->beat && !event_priority_set(d->commit_retry, 0) &&
           !event_add(d->beat, &beat);
}

int rc_driver_new(struct event_base *base, const rc_config *config, const rc_endpoint *endpoint,
                  rc_index *ix, rc_log *log, rc_driver **out, rc_error *err)
{
    rc_driver *d = calloc(1, sizeof(*d));
    if (!d)
        return rc_fail(err, RC_NOMEM, "no memory for the mirror");
    d->base = base;
    d->config = config;
    d->endpoint = endpoint;
    d->ix = ix;
    d->log = log;
    d->paces = usual_paces;
    LIST_INIT(&d->calls);
    rc_engine_options options = {.api_version = config->engine.api_version,
                                 .connect_timeout_ns = config->engine.connect_timeout,
                                 .request_timeout_ns = config->engine.request_timeout};
    int code = rc_engine_new(base, endpoint, &options, &d->engine, err);
    if (!code)
        code = make_mirror(d, err);
    if (!code && !make_timers(d))
        code = rc_fail(err, RC_NOMEM, "no memory for timers");
    if (!code)
        code = load(d, err);
    if (code) {
        rc_driver_free(d);
        return code;
    }
    publish(d);
    settle(d);
    *out = d;
    return RC_OK;
}

rc_driver *rc_driver_free(rc_driver *d)
{
    if (!d)
        return NULL;
    d->era++; /* no answer is wanted any more */
    d->engine = rc_engine_free(d->engine);
    if (d->m && d->commit_retry) {
        rc_error err = RC_ERROR_INIT;
        rc_mirror_lost(d->m, now(), RC_RECONNECT_CLOSED);
        copy_text(d->last_error, "the daemon was stopped");
        if (rc_index_commit(d->ix, rc_clock_real(), &err))
            rc_logf(d->log, RC_LOG_ERROR, "index", "the last changes are lost: %s", err.msg);
        publish(d);
    }
    rc_mirror_free(d->m);
    if (d->timer)
        event_free(d->timer);
    if (d->commit_retry)
        event_free(d->commit_retry);
    if (d->beat)
        event_free(d->beat);
    free(d);
    return NULL;
}

void rc_driver_resync(rc_driver *d)
{
    rc_mirror_resync(d->m, now());
    settle(d);
}
