/* Commands that make the engine misbehave, and its settings. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "commands.h"
#include "faults.h"
#include "http.h"
#include "ops.h"
#include "snapshot.h"
#include "stream.h"

#define DELAY_MAX_MS 3600000
#define LINE_MAX     ((int64_t)64 << 20)

static int unknown(const char *what, rc_str word, rc_error *err)
{
    char shown[64];
    return rc_fail(err, RC_INVALID, "no %s %s", what, rc_escape_into(shown, sizeof(shown), word));
}

static int parse_kind(const sim_args *a, unsigned i, enum sim_kind *ret, rc_error *err)
{
    return sim_kind_parse(sim_arg(a, i), ret) ? RC_OK
                                              : unknown("kind of request", sim_arg(a, i), err);
}

/* ---- answers ---- */

/* BYTES/MS */
static int read_dribble(const sim_args *a, sim_answer_fault *f, rc_error *err)
{
    rc_str text;
    int64_t bytes = 0, ms = 1;
    if (!sim_option(a, "dribble", &text))
        return RC_OK;
    const char *slash = memchr(text.ptr, '/', text.len);
    size_t n = slash ? (size_t)(slash - text.ptr) : text.len;
    int rc = sim_parse_i64(rc_str_n(text.ptr, n), "dribble", 1, INT32_MAX, &bytes, err);
    if (rc == RC_OK && slash)
        rc = sim_parse_i64(rc_str_n(slash + 1, text.len - n - 1), "dribble", 1, DELAY_MAX_MS, &ms,
                           err);
    f->dribble = (size_t)bytes;
    f->dribble_ms = ms;
    return rc;
}

static int read_garbage(const sim_args *a, sim_answer_fault *f, rc_error *err)
{
    int64_t at = -1;
    int rc = sim_option_i64(a, "garbage", 0, SIM_CONTAINERS_MAX, &at, err);
    if (at >= 0)
        f->garbage = SIM_GARBAGE_ELEMENT;
    if (rc == RC_OK && at < 0) {
        rc = sim_option_i64(a, "bad_json", 0, SIM_CONTAINERS_MAX, &at, err);
        if (at >= 0)
            f->garbage = SIM_GARBAGE_SYNTAX;
    }
    f->garbage_at = at >= 0 ? (size_t)at : 0;
    return rc;
}

static int read_fault(const sim_args *a, sim_answer_fault *f, rc_error *err)
{
    int64_t times = 1, truncate = -1, status = 0;
    int rc = sim_option_i64(a, "times", 1, INT32_MAX, &times, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "delay", 0, DELAY_MAX_MS, &f->delay_ms, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "truncate", 0, INT64_MAX, &truncate, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "status", 400, 599, &status, err);
    if (rc == RC_OK)
        rc = read_dribble(a, f, err);
    if (rc == RC_OK)
        rc = read_garbage(a, f, err);
    f->times = sim_flag(a, "always") ? SIM_FAULT_ALWAYS : (uint32_t)times;
    f->hold = sim_flag(a, "hold");
    f->hang = sim_flag(a, "hang");
    f->no_last = sim_flag(a, "no_last");
    f->truncates = truncate >= 0;
    f->truncate = truncate >= 0 ? (size_t)truncate : 0;
    f->status = (int)status;
    return rc;
}

static int cmd_fault(sim_args *a, rc_error *err)
{
    enum sim_kind kind;
    sim_answer_fault f = {0};
    if (rc_str_eq(sim_arg(a, 0), RC_STR("clear"))) {
        memset(a->s->faults, 0, sizeof(*a->s->faults));
        return RC_OK;
    }
    int rc = parse_kind(a, 0, &kind, err);
    if (rc == RC_OK)
        rc = read_fault(a, &f, err);
    return rc == RC_OK ? sim_faults_add(a->s->faults, kind, &f, err) : rc;
}

static int cmd_release(sim_args *a, rc_error *err)
{
    enum sim_kind kind;
    int rc = parse_kind(a, 0, &kind, err);
    if (rc != RC_OK)
        return rc;
    RC_JSON_KEY(a->out, "released");
    rc_json_u64(a->out, sim_http_release(a->s->http, kind));
    return RC_OK;
}

static int cmd_freeze(sim_args *a, rc_error *err)
{
    int64_t lists = 1;
    sim_filter *none = NULL;
    int rc = sim_option_i64(a, "lists", 1, INT32_MAX, &lists, err);
    if (rc == RC_OK)
        rc = sim_filter_parse(NULL, 0, &none, err);
    if (rc != RC_OK)
        return rc;
    sim_snapshot *snap = sim_snapshot_take(a->s, &(sim_selection){.all = true, .filter = none});
    (void)sim_filter_free(none);
    if (!snap)
        return rc_fail(err, RC_NOMEM, "out of memory for a snapshot");
    (void)sim_snapshot_unref(a->s->frozen);
    a->s->frozen = snap;
    a->s->frozen_lists = (unsigned)lists;
    return RC_OK;
}

static int cmd_thaw(sim_args *a, rc_error *err)
{
    (void)err;
    a->s->frozen = sim_snapshot_unref(a->s->frozen);
    return RC_OK;
}

/* ---- lists behind events ---- */

static const char *const stale_names[] = {"pause",   "unpause",    "die",   "stop",
                                          "connect", "disconnect", "rename"};

/* The longest delays that were seen on real engines. */
static void stale_as_measured(sim *s)
{
    s->stale[SIM_STALE_PAUSE].ms = s->stale[SIM_STALE_UNPAUSE].ms = 12;
    s->stale[SIM_STALE_CONNECT].ms = s->stale[SIM_STALE_DISCONNECT].ms = 212;
    if (s->profile->stop_races_die)
        s->stale[SIM_STALE_STOP].ms = 12;
    else
        s->stale[SIM_STALE_DIE].ms = 12;
}

static int cmd_stale(sim_args *a, rc_error *err)
{
    rc_str word = sim_arg(a, 0);
    int64_t ms = 0, lists = 0;
    int rc = sim_option_i64(a, "ms", 0, DELAY_MAX_MS, &ms, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "lists", 0, INT32_MAX, &lists, err);
    if (rc != RC_OK)
        return rc;
    if (rc_str_eq(word, RC_STR("off")) || rc_str_eq(word, RC_STR("real"))) {
        memset(a->s->stale, 0, sizeof(a->s->stale));
        if (rc_str_eq(word, RC_STR("real")))
            stale_as_measured(a->s);
        return RC_OK;
    }
    for (size_t i = 0; i < RC_ARRAY_LEN(stale_names); i++) {
        if (rc_str_eq_c(word, stale_names[i])) {
            a->s->stale[i] = (sim_stale_rule){.ms = ms, .lists = (unsigned)lists};
            return RC_OK;
        }
    }
    return unknown("action that lists are late with", word, err);
}

/* ---- events ---- */

static int event_fault(const sim_args *a, enum sim_event_fault fault, rc_error *err)
{
    rc_str ref, action = RC_STR_EMPTY;
    sim_slot *slot = NULL;
    int64_t count = 1, ms = 10;
    int rc = sim_option_i64(a, "count", 1, INT32_MAX, &count, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "ms", 0, DELAY_MAX_MS, &ms, err);
    if (rc == RC_OK && sim_option(a, "container", &ref))
        rc = sim_model_find(a->s->model, ref, &slot, err);
    (void)sim_option(a, "action", &action);
    return rc == RC_OK ? sim_stream_fault(a->s->stream, fault, slot ? &slot->now->id : NULL, action,
                                          (unsigned)count, ms, err)
                       : rc;
}

static int cmd_event(sim_args *a, rc_error *err)
{
    static const char *const names[] = {
        [SIM_EVENT_DROP] = "drop", [SIM_EVENT_LOSE] = "lose",   [SIM_EVENT_DUP] = "dup",
        [SIM_EVENT_SWAP] = "swap", [SIM_EVENT_DELAY] = "delay",
    };
    rc_str word = sim_arg(a, 0);
    if (rc_str_eq(word, RC_STR("clear"))) {
        sim_stream_faults_clear(a->s->stream);
        return RC_OK;
    }
    for (size_t i = 0; i < RC_ARRAY_LEN(names); i++)
        if (rc_str_eq_c(word, names[i]))
            return event_fault(a, (enum sim_event_fault)i, err);
    return unknown("event fault", word, err);
}

/* One line of that many bytes: an event nobody knows, with one long attribute. */
static int oversize(sim_args *a, rc_error *err)
{
    static const char head[] =
        "{\"Type\":\"container\",\"Action\":\"update\",\"Actor\":{\"ID\":\"\","
        "\"Attributes\":{\"image\":\"";
    static const char tail[] = "\"}},\"scope\":\"local\",\"time\":1,\"timeNano\":1000000000}\n";
    int64_t n = 0;
    rc_buf line = RC_BUF_INIT(0);
    int rc = sim_parse_i64(sim_arg(a, 1), "bytes", sizeof(head) + sizeof(tail), LINE_MAX, &n, err);
    if (rc != RC_OK)
        return rc;
    rc_buf_puts(&line, head);
    size_t filler = (size_t)n - strlen(head) - strlen(tail);
    void *room = rc_buf_extend(&line, filler);
    if (room)
        memset(room, 'x', filler);
    rc_buf_puts(&line, tail);
    if (rc_buf_failed(&line))
        rc = rc_fail(err, RC_NOMEM, "out of memory for the line");
    else
        sim_stream_inject(a->s->stream, rc_buf_view(&line));
    rc_buf_release(&line);
    return rc;
}

static int inject(sim_args *a, rc_error *err)
{
    rc_buf line = RC_BUF_INIT(0);
    int rc = RC_OK;
    rc_buf_str(&line, sim_arg(a, 1));
    rc_buf_putc(&line, '\n');
    if (rc_buf_failed(&line))
        rc = rc_fail(err, RC_NOMEM, "out of memory for the line");
    else
        sim_stream_inject(a->s->stream, rc_buf_view(&line));
    rc_buf_release(&line);
    return rc;
}

static int cmd_stream(sim_args *a, rc_error *err)
{
    sim_stream *st = a->s->stream;
    rc_str word = sim_arg(a, 0);
    int64_t n = 0;
    if (rc_str_eq(word, RC_STR("cut")))
        sim_stream_end_all(st, false);
    else if (rc_str_eq(word, RC_STR("end")))
        sim_stream_end_all(st, true);
    else if (rc_str_eq(word, RC_STR("mute")))
        sim_stream_mute(st);
    else if (rc_str_eq(word, RC_STR("forget")))
        sim_stream_forget(st);
    else if (rc_str_eq(word, RC_STR("line")))
        return inject(a, err);
    else if (rc_str_eq(word, RC_STR("oversize")))
        return oversize(a, err);
    else if (rc_str_eq(word, RC_STR("cut-at"))) {
        int rc = sim_parse_i64(sim_arg(a, 1), "byte", 0, INT32_MAX, &n, err);
        if (rc != RC_OK)
            return rc;
        sim_stream_cut_at(st, (size_t)n);
    } else {
        return unknown("thing to do to the stream", word, err);
    }
    return RC_OK;
}

/* ---- the daemon ---- */

static int cmd_mode(sim_args *a, rc_error *err)
{
    static const char *const names[] = {
        [SIM_HTTP_SERVE] = "serve",
        [SIM_HTTP_HANG] = "hang",
        [SIM_HTTP_REFUSE] = "refuse",
        [SIM_HTTP_GONE] = "gone",
    };
    for (size_t i = 0; i < RC_ARRAY_LEN(names); i++)
        if (rc_str_eq_c(sim_arg(a, 0), names[i]))
            return sim_http_mode(a->s->http, (enum sim_http_mode)i, err);
    return unknown("mode", sim_arg(a, 0), err);
}

static int cmd_cut(sim_args *a, rc_error *err)
{
    (void)err;
    sim_http_cut_all(a->s->http);
    return RC_OK;
}

/* As after kill -9: every connection ends in the middle of what it was doing. */
static int cmd_daemon_kill(sim_args *a, rc_error *err)
{
    sim_http_cut_all(a->s->http);
    sim_op_daemon_died(a->s, sim_flag(a, "live"));
    return sim_http_mode(a->s->http, SIM_HTTP_REFUSE, err);
}

/* As after a clean stop: without live-restore containers end with their events, streams with
 * theirs, and the socket's file goes. */
static int cmd_daemon_stop(sim_args *a, rc_error *err)
{
    bool live = sim_flag(a, "live");
    sim_slot *slot, *next;
    for (slot = TAILQ_FIRST(sim_model_slots(a->s->model)); slot && !live; slot = next) {
        next = TAILQ_NEXT(slot, link);
        if (slot->now->state == RC_STATE_RUNNING)
            (void)sim_op_stop(a->s, slot, 0, false, NULL);
    }
    sim_stream_end_all(a->s->stream, false);
    sim_op_daemon_died(a->s, live);
    return sim_http_mode(a->s->http, SIM_HTTP_GONE, err);
}

static int cmd_daemon_start(sim_args *a, rc_error *err)
{
    return sim_http_mode(a->s->http, sim_flag(a, "hang") ? SIM_HTTP_HANG : SIM_HTTP_SERVE, err);
}

static int cmd_daemon_restart(sim_args *a, rc_error *err)
{
    sim_http_cut_all(a->s->http);
    sim_op_daemon_died(a->s, sim_flag(a, "live"));
    return sim_http_mode(a->s->http, SIM_HTTP_SERVE, err);
}

static int cmd_identity(sim_args *a, rc_error *err)
{
    (void)err;
    sim_new_identity(a->s);
    RC_JSON_KEY(a->out, "engine_id");
    rc_json_str(a->out, rc_str_c(a->s->engine_id));
    return RC_OK;
}

static int cmd_empty(sim_args *a, rc_error *err)
{
    (void)err;
    sim_model_clear(a->s->model);
    sim_stream_forget(a->s->stream);
    return RC_OK;
}

/* ---- settings ---- */

static int set_number(sim_settings *set, rc_str key, int64_t n, rc_error *err)
{
    if (rc_str_eq(key, RC_STR("skew_ms")))
        set->skew_ns = n * RC_NS_PER_MS;
    else if (n < 0)
        return rc_fail(err, RC_INVALID, "only skew_ms may be negative");
    else if (rc_str_eq(key, RC_STR("read_delay_ms")))
        set->read_delay_ms = n;
    else if (rc_str_eq(key, RC_STR("subscribe_delay_ms")))
        set->subscribe_delay_ms = n;
    else if (rc_str_eq(key, RC_STR("chunk")))
        set->chunk_max = n > 0 ? (size_t)n : 1;
    else if (rc_str_eq(key, RC_STR("network_events")))
        set->network_events = n != 0;
    else if (rc_str_eq(key, RC_STR("drop_slow")))
        set->drop_slow = n != 0;
    else if (rc_str_eq(key, RC_STR("replay_twice")))
        set->replay_twice = n != 0;
    else if (rc_str_eq(key, RC_STR("no_date")))
        set->no_date = n != 0;
    else
        return unknown("setting", key, err);
    return RC_OK;
}

static int cmd_set(sim_args *a, rc_error *err)
{
    int64_t n = 0;
    int rc = sim_parse_i64(sim_arg(a, 1), "value", -DELAY_MAX_MS * INT64_C(24),
                           DELAY_MAX_MS * INT64_C(24), &n, err);
    return rc == RC_OK ? set_number(&a->s->settings, sim_arg(a, 0), n, err) : rc;
}

const sim_command_row sim_fault_commands[] = {
    {"fault", 1, cmd_fault,
     "clear | KIND [times=1] [always] [delay=MS] [hold] [hang] [status=] [truncate=BYTE] [no_last] "
     "[dribble=BYTES/MS] [garbage=N] [bad_json=N]"},
    {"release", 1, cmd_release, "KIND"},
    {"freeze", 0, cmd_freeze, "[lists=1]"},
    {"thaw", 0, cmd_thaw, ""},
    {"stale", 1, cmd_stale, "off | real | ACTION [ms=] [lists=]"},
    {"event", 1, cmd_event,
     "clear | drop|lose|dup|swap|delay [container=] [action=] [count=1] [ms=10]"},
    {"stream", 1, cmd_stream,
     "cut | end | mute | forget | cut-at BYTE | line TEXT | oversize BYTES"},
    {"mode", 1, cmd_mode, "serve|hang|refuse|gone"},
    {"cut", 0, cmd_cut, ""},
    {"daemon-kill", 0, cmd_daemon_kill, "[live]"},
    {"daemon-stop", 0, cmd_daemon_stop, "[live]"},
    {"daemon-start", 0, cmd_daemon_start, "[hang]"},
    {"daemon-restart", 0, cmd_daemon_restart, "[live]"},
    {"identity", 0, cmd_identity, ""},
    {"empty", 0, cmd_empty, ""},
    {"set", 2, cmd_set,
     "skew_ms|read_delay_ms|subscribe_delay_ms|chunk|network_events|drop_slow|replay_twice|"
     "no_date N"},
    {0},
};
