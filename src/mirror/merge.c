/* The merge rules as tables and small pure functions. What an action proves about the state, what
 * has to be asked afterwards, and which answers are behind their event, stand in one table each. */
#include "mirror/merge.h"

/* The state that an action proves; RC_STATE_UNKNOWN: it proves none. Podman says restart before
 * die, so restart proves nothing; kill is a signal and not yet a death. */
static enum rc_state proven_state(enum rc_action action)
{
    switch (action) {
    case RC_ACTION_CREATE:
        return RC_STATE_CREATED;
    case RC_ACTION_START:
    case RC_ACTION_UNPAUSE:
        return RC_STATE_RUNNING;
    case RC_ACTION_PAUSE:
        return RC_STATE_PAUSED;
    case RC_ACTION_DIE:
    case RC_ACTION_STOP:
        return RC_STATE_EXITED;
    default:
        return RC_STATE_UNKNOWN;
    }
}

unsigned rc_merge_needs(enum rc_action action, const rc_row *row)
{
    unsigned first = row ? 0 : RC_NEED_LIST | RC_NEED_INSPECT;

    switch (action) {
    case RC_ACTION_CREATE:
    case RC_ACTION_START:
    case RC_ACTION_RESTART:
    case RC_ACTION_UPDATE:
    case RC_ACTION_OOM:
    case RC_ACTION_HEALTH:
    case RC_ACTION_INIT:
        return RC_NEED_LIST | RC_NEED_INSPECT;
    case RC_ACTION_DIE:
        return RC_NEED_LIST | RC_NEED_INSPECT | RC_NEED_VERIFY;
    case RC_ACTION_PAUSE:
    case RC_ACTION_UNPAUSE:
        /* The engine stops probing a paused container and says so nowhere but in inspect. And what
         * was not running before has been started by an event that we do not know. */
        if (row && (row->health != RC_HEALTH_NONE ||
                    row->state != (action == RC_ACTION_PAUSE ? RC_STATE_RUNNING : RC_STATE_PAUSED)))
            first |= RC_NEED_INSPECT;
        return first | RC_NEED_LIST | RC_NEED_VERIFY;
    case RC_ACTION_STOP:
    case RC_ACTION_RENAME:
    case RC_ACTION_CONNECT:
    case RC_ACTION_DISCONNECT:
        return first | RC_NEED_LIST | RC_NEED_VERIFY;
    case RC_ACTION_OTHER:
        return first | RC_NEED_LIST;
    case RC_ACTION_KILL:
        return first;
    case RC_ACTION_DESTROY:
    case RC_ACTION_PRUNE:
    case RC_ACTION_IGNORED:
    case RC_ACTION_COUNT:
        break;
    }
    return 0;
}

enum rc_event_fate rc_merge_fate(const rc_merge_context *c, const rc_row *row, const rc_event *ev)
{
    enum rc_state proven = proven_state(ev->action);
    int64_t t = ev->time_ns;

    if (ev->action == RC_ACTION_DESTROY)
        return c->gone ? RC_FATE_IGNORE : RC_FATE_DESTROY;
    if (c->gone || ev->action == RC_ACTION_IGNORED || ev->action == RC_ACTION_PRUNE)
        return RC_FATE_IGNORE;
    /* Everything before the first list may be a replay; an inversion must not undo a later event.
     */
    if (!c->listed || t <= c->confirmed.sent_ns || t < c->last_event_ns)
        return RC_FATE_REREAD;
    if (row && ev->action == RC_ACTION_CREATE)
        return RC_FATE_REREAD;
    /* The answer was made somewhere between these two moments, so it may be the newer one. Where
     * both agree on the state there is nothing to take back. */
    if (row && t <= c->confirmed.received_ns &&
        (proven == RC_STATE_UNKNOWN || proven != row->state))
        return RC_FATE_REREAD;
    return RC_FATE_APPLY;
}

static void set_state(rc_row *row, enum rc_state state)
{
    row->state = state;
    row->engine_state = rc_str_c(rc_state_name(state));
    row->missing_since_ns = 0;
    row->missing_cause = RC_MISSING_NOT;
    if (!rc_state_holds_ports(state)) {
        row->ports = NULL;
        row->n_ports = 0;
        row->pid = 0;
    }
}

static bool has_attribute_label(const rc_row *row, rc_str key)
{
    for (uint32_t i = 0; i < row->n_labels; i++)
        if (rc_str_eq(row->labels[i].key, key))
            return true;
    return false;
}

static bool take_exit_code(rc_row *row, const rc_event *ev)
{
    /* A label of that name overwrites the engine's own attribute. */
    if (!ev->has_exit_code || has_attribute_label(row, RC_STR("exitCode")))
        return false;
    if (row->has_exit_code && row->exit_code == ev->exit_code)
        return false;
    row->has_exit_code = true;
    row->exit_code = ev->exit_code;
    return true;
}

bool rc_merge_event(rc_row *row, const rc_event *ev)
{
    enum rc_state proven = proven_state(ev->action);
    bool changed = false;

    /* A removal under way, or one that failed, is later than the death that it began with. */
    if (proven == RC_STATE_EXITED &&
        (row->state == RC_STATE_REMOVING || row->state == RC_STATE_DEAD))
        proven = RC_STATE_UNKNOWN;
    if (proven != RC_STATE_UNKNOWN && proven != row->state) {
        set_state(row, proven);
        if (rc_state_holds_ports(proven))
            row->has_exit_code = false;
        changed = true;
    }
    switch (ev->action) {
    case RC_ACTION_DIE:
        changed |= take_exit_code(row, ev);
        break;
    case RC_ACTION_START:
        /* What the last run left is not this run's. */
        changed |= row->oom_killed;
        row->oom_killed = false;
        break;
    case RC_ACTION_OOM:
        changed |= !row->oom_killed;
        row->oom_killed = true;
        break;
    case RC_ACTION_HEALTH:
        changed |= row->health != ev->health;
        row->health = ev->health;
        break;
    case RC_ACTION_RENAME:
        if (ev->name.len > 0 && !rc_str_eq(row->name, ev->name)) {
            row->name = ev->name;
            changed = true;
        }
        break;
    default:
        break;
    }
    return changed;
}

bool rc_merge_first_sight(rc_row *row, const rc_event *ev, rc_arena *arena)
{
    rc_row_init(row);
    row->id = ev->container;
    row->name = ev->type == RC_EVENT_CONTAINER ? ev->name : RC_STR_EMPTY;
    row->image = ev->image;
    row->partial = true;
    row->engine_state = RC_STR("unknown");
    if (ev->action == RC_ACTION_CREATE || ev->action == RC_ACTION_START) {
        rc_label *labels = rc_arena_calloc(arena, ev->n_attributes, sizeof(*labels));
        uint32_t n = 0;

        if (!labels)
            return false;
        for (uint32_t i = 0; i < ev->n_attributes; i++)
            if (!rc_str_eq_c(ev->attributes[i].key, "image") &&
                !rc_str_eq_c(ev->attributes[i].key, "name"))
                labels[n++] = ev->attributes[i];
        row->labels = labels;
        row->n_labels = n;
    }
    rc_merge_event(row, ev);
    return true;
}

static void take_state(rc_row *row, const rc_observation *obs)
{
    row->state = obs->row.state;
    row->engine_state = obs->row.engine_state;
    row->missing_since_ns = 0;
    row->missing_cause = RC_MISSING_NOT;
}

void rc_merge_observation(rc_row *row, const rc_observation *obs)
{
    const rc_row *o = &obs->row;

#define TAKE(bit, member)            \
    do {                             \
        if (obs->fields & (bit))     \
            row->member = o->member; \
    } while (0)

    if (row->id.len == 0)
        row->id = o->id;
    if (obs->fields & RC_FIELD_STATE)
        take_state(row, obs);
    TAKE(RC_FIELD_NAME, name);
    /* Inspect repeats what the user typed; the list says what it resolves to now. */
    if (obs->source == RC_SOURCE_LIST || row->image.len == 0)
        TAKE(RC_FIELD_IMAGE, image);
    TAKE(RC_FIELD_IMAGE_ID, image_id);
    TAKE(RC_FIELD_COMMAND, command);
    TAKE(RC_FIELD_HEALTH, health);
    TAKE(RC_FIELD_EXIT_CODE, has_exit_code);
    TAKE(RC_FIELD_EXIT_CODE, exit_code);
    TAKE(RC_FIELD_OOM, oom_killed);
    TAKE(RC_FIELD_RESTART_COUNT, restart_count);
    TAKE(RC_FIELD_CREATED, created_ns);
    TAKE(RC_FIELD_STARTED, started_ns);
    TAKE(RC_FIELD_FINISHED, finished_ns);
    TAKE(RC_FIELD_NETWORK_MODE, network_mode);
    TAKE(RC_FIELD_PID, pid);
    TAKE(RC_FIELD_RESTART_POLICY, restart_policy);
    TAKE(RC_FIELD_LABELS, labels);
    TAKE(RC_FIELD_LABELS, n_labels);
    TAKE(RC_FIELD_PORTS, ports);
    TAKE(RC_FIELD_PORTS, n_ports);
    TAKE(RC_FIELD_NETWORKS, networks);
    TAKE(RC_FIELD_NETWORKS, n_networks);
    TAKE(RC_FIELD_MOUNTS, mounts);
    TAKE(RC_FIELD_MOUNTS, n_mounts);
#undef TAKE
}

static const rc_netif *find_network(const rc_row *row, rc_str id)
{
    for (uint32_t i = 0; i < row->n_networks; i++)
        if (rc_str_eq(row->networks[i].id, id))
            return &row->networks[i];
    return NULL;
}

static bool has_address(const rc_netif *n)
{
    return n->ip.len > 0 || n->ip6.len > 0 || n->mac.len > 0;
}

static bool contradicts_network(const rc_expectation *e, const rc_row *row)
{
    const rc_netif *n = find_network(row, e->network);
    bool addressless = rc_str_eq_c(e->network_type, "null") || rc_str_eq_c(e->network_type, "host");

    if (e->action == RC_ACTION_DISCONNECT)
        return n && has_address(n);
    return !n || (!addressless && !has_address(n));
}

static bool is_up(enum rc_state state)
{
    return state == RC_STATE_RUNNING || state == RC_STATE_PAUSED;
}

bool rc_merge_lags_in_state(enum rc_action action)
{
    return action == RC_ACTION_PAUSE || action == RC_ACTION_UNPAUSE || action == RC_ACTION_DIE ||
           action == RC_ACTION_STOP;
}

static bool contradicts_state(enum rc_action action, enum rc_state state)
{
    if (action == RC_ACTION_PAUSE)
        return state == RC_STATE_RUNNING;
    if (action == RC_ACTION_UNPAUSE)
        return state == RC_STATE_PAUSED;
    return rc_merge_lags_in_state(action) && is_up(state);
}

bool rc_merge_contradicts(const rc_expectation *e, const rc_observation *obs)
{
    enum rc_state state = obs->row.state;

    if (obs->source == RC_SOURCE_INSPECT)
        return false;
    if (contradicts_state(e->action, state) || contradicts_state(e->before, state))
        return true;
    switch (e->action) {
    case RC_ACTION_RENAME:
        return obs->name_ambiguous || !rc_str_eq(obs->row.name, e->name);
    case RC_ACTION_CONNECT:
    case RC_ACTION_DISCONNECT:
        /* A stopped container has no addresses, and some engines list no networks at all. */
        return is_up(state) && (obs->fields & RC_FIELD_NETWORKS) &&
               contradicts_network(e, &obs->row);
    default:
        return false;
    }
}

enum rc_action rc_merge_expected(enum rc_state before, enum rc_state after)
{
    if (before == after)
        return RC_ACTION_OTHER;
    if (after == RC_STATE_PAUSED)
        return RC_ACTION_PAUSE;
    if (after == RC_STATE_RUNNING && before == RC_STATE_PAUSED)
        return RC_ACTION_UNPAUSE;
    return after == RC_STATE_EXITED ? RC_ACTION_DIE : RC_ACTION_OTHER;
}

bool rc_merge_missing(rc_row *row, enum rc_missing cause, int64_t now_ns)
{
    if (row->state == RC_STATE_MISSING) {
        if (cause != RC_MISSING_DESTROYED || row->missing_cause == RC_MISSING_DESTROYED)
            return false;
        row->missing_cause = cause;
        return true;
    }
    row->state = RC_STATE_MISSING;
    row->missing_since_ns = now_ns;
    row->missing_cause = cause;
    row->ports = NULL;
    row->n_ports = 0;
    row->pid = 0;
    row->partial = false;
    return true;
}
