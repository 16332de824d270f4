/* Commands that ask, wait and end. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "commands.h"
#include "encode.h"
#include "http.h"
#include "load.h"
#include "stream.h"

/* One table for `stats` and `wait`: what is not a kind of request. */
enum measure {
    NON_GET,
    BAD_REQUESTS,
    CONNECTIONS,
    OPEN,
    ANSWERS_CUT,
    EVENTS,
    EVENTS_SENT,
    EVENTS_LOST,
    EVENTS_DROPPED,
    REPLAYED,
    SUBSCRIBERS,
    SUBSCRIPTIONS,
    BACKLOG,
    HELD,
    EVENT_FAULTS,
    BURST_LEFT,
    CHURN_LEFT,
    CONTAINERS,
    MEASURES
};

static const char *const measure_names[MEASURES] = {
    [NON_GET] = "non_get",
    [BAD_REQUESTS] = "bad_requests",
    [CONNECTIONS] = "connections",
    [OPEN] = "open",
    [ANSWERS_CUT] = "answers_cut",
    [EVENTS] = "events_published",
    [EVENTS_SENT] = "events_sent",
    [EVENTS_LOST] = "events_lost",
    [EVENTS_DROPPED] = "events_dropped",
    [REPLAYED] = "replayed",
    [SUBSCRIBERS] = "subscribers",
    [SUBSCRIPTIONS] = "subscriptions",
    [BACKLOG] = "backlog",
    [HELD] = "held",
    [EVENT_FAULTS] = "event_faults",
    [BURST_LEFT] = "burst_left",
    [CHURN_LEFT] = "churn_left",
    [CONTAINERS] = "containers",
};

static uint64_t measure_value(const sim *s, int what)
{
    const sim_stats *st = &s->stats;
    switch ((enum measure)what) {
    case NON_GET:
        return st->non_get;
    case BAD_REQUESTS:
        return st->bad_requests;
    case CONNECTIONS:
        return st->connections;
    case OPEN:
        return sim_http_open(s->http);
    case ANSWERS_CUT:
        return st->answers_cut;
    case EVENTS:
        return st->events;
    case EVENTS_SENT:
        return st->events_sent;
    case EVENTS_LOST:
        return st->events_lost;
    case EVENTS_DROPPED:
        return st->events_dropped;
    case REPLAYED:
        return st->replayed;
    case SUBSCRIBERS:
        return sim_stream_subscribers(s->stream);
    case SUBSCRIPTIONS:
        return st->subscriptions;
    case BACKLOG:
        return sim_stream_backlog(s->stream);
    case HELD:
        return sim_http_held(s->http);
    case EVENT_FAULTS:
        return sim_stream_faults_left(s->stream);
    case BURST_LEFT:
        return sim_load_burst_left(s->load);
    case CHURN_LEFT:
        return sim_load_churn_left(s->load);
    case CONTAINERS:
        return sim_model_count(s->model);
    case MEASURES:
        break;
    }
    return 0;
}

static uint64_t request_value(const sim *s, int what)
{
    return s->stats.requests[what];
}

static int cmd_stats(sim_args *a, rc_error *err)
{
    (void)err;
    RC_JSON_KEY(a->out, "requests");
    rc_json_object(a->out);
    for (int i = 0; i < SIM_KIND_COUNT; i++) {
        rc_json_key(a->out, rc_str_c(sim_kind_name((enum sim_kind)i)));
        rc_json_u64(a->out, a->s->stats.requests[i]);
    }
    rc_json_object_end(a->out);
    for (int i = 0; i < MEASURES; i++) {
        rc_json_key(a->out, rc_str_c(measure_names[i]));
        rc_json_u64(a->out, measure_value(a->s, i));
    }
    return RC_OK;
}

static int cmd_wait(sim_args *a, rc_error *err)
{
    rc_str name = sim_arg(a, 0);
    enum sim_kind kind;
    char shown[64];
    int64_t value = 0, timeout = 30000;
    int rc = sim_parse_i64(sim_arg(a, 1), "value", 0, INT64_MAX, &value, err);
    if (rc == RC_OK)
        rc = sim_option_i64(a, "timeout", 1, SIM_WAIT_MAX_MS, &timeout, err);
    if (rc != RC_OK)
        return rc;
    *a->wait = (sim_wait){
        .at_least = (uint64_t)value, .at_most = sim_flag(a, "max"), .timeout_ms = timeout};
    if (sim_kind_parse(name, &kind)) {
        a->wait->value = request_value;
        a->wait->what = (int)kind;
    }
    for (int i = 0; i < MEASURES && !a->wait->value; i++) {
        if (rc_str_eq_c(name, measure_names[i])) {
            a->wait->value = measure_value;
            a->wait->what = i;
        }
    }
    if (!a->wait->value)
        return rc_fail(err, RC_INVALID, "nothing of the name %s is counted",
                       rc_escape_into(shown, sizeof(shown), name));
    a->result = SIM_COMMAND_WAIT;
    return RC_OK;
}

static int cmd_state(sim_args *a, rc_error *err)
{
    (void)err;
    RC_JSON_KEY(a->out, "state");
    rc_buf_str(a->out->out, RC_STR_EMPTY);
    a->out->need_comma[a->out->depth] = true;
    sim_encode_state(a->out->out, a->s);
    return RC_OK;
}

static int cmd_id(sim_args *a, rc_error *err)
{
    sim_slot *slot;
    char id[RC_ID_LEN + 1];
    int rc = sim_arg_container(a, 0, &slot, err);
    if (rc != RC_OK)
        return rc;
    rc_id_format(&slot->now->id, id);
    RC_JSON_KEY(a->out, "id");
    rc_json_str(a->out, rc_str_c(id));
    return RC_OK;
}

static int cmd_seed(sim_args *a, rc_error *err)
{
    (void)err;
    RC_JSON_KEY(a->out, "seed");
    rc_json_u64(a->out, a->s->seed);
    return RC_OK;
}

static int cmd_quit(sim_args *a, rc_error *err)
{
    (void)err;
    a->result = SIM_COMMAND_QUIT;
    return RC_OK;
}

static int cmd_help(sim_args *a, rc_error *err);

const sim_command_row sim_query_commands[] = {
    {"state", 0, cmd_state, ""},
    {"stats", 0, cmd_stats, ""},
    {"wait", 2, cmd_wait, "KIND|MEASURE N [max] [timeout=30000]"},
    {"id", 1, cmd_id, "CONTAINER"},
    {"seed", 0, cmd_seed, ""},
    {"help", 0, cmd_help, ""},
    {"quit", 0, cmd_quit, ""},
    {0},
};

static int cmd_help(sim_args *a, rc_error *err)
{
    static const sim_command_row *const tables[] = {sim_life_commands, sim_fault_commands,
                                                    sim_query_commands};
    (void)err;
    RC_JSON_KEY(a->out, "commands");
    rc_json_object(a->out);
    for (size_t t = 0; t < RC_ARRAY_LEN(tables); t++) {
        for (const sim_command_row *row = tables[t]; row->name; row++) {
            rc_json_key(a->out, rc_str_c(row->name));
            rc_json_str(a->out, rc_str_c(row->usage));
        }
    }
    rc_json_object_end(a->out);
    return RC_OK;
}
