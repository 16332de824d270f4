/* One line of /events → rc_event. Knows the two engines' words for what happened. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "wire/exact.h"
#include "wire/tree.h"

typedef struct action_word {
    rc_str word;
    enum rc_action action;
} action_word;

#define WORD(lit, value)              \
    {                                 \
        {lit, sizeof(lit) - 1}, value \
    }

static const action_word container_words[] = {
    WORD("create", RC_ACTION_CREATE),
    WORD("start", RC_ACTION_START),
    WORD("die", RC_ACTION_DIE),
    WORD("destroy", RC_ACTION_DESTROY),
    WORD("exec_create", RC_ACTION_IGNORED),
    WORD("exec_start", RC_ACTION_IGNORED),
    WORD("exec_die", RC_ACTION_IGNORED),
    WORD("kill", RC_ACTION_KILL),
    WORD("stop", RC_ACTION_STOP),
    WORD("restart", RC_ACTION_RESTART),
    WORD("health_status", RC_ACTION_HEALTH),
    WORD("pause", RC_ACTION_PAUSE),
    WORD("unpause", RC_ACTION_UNPAUSE),
    WORD("rename", RC_ACTION_RENAME),
    WORD("update", RC_ACTION_UPDATE),
    WORD("oom", RC_ACTION_OOM),
    WORD("prune", RC_ACTION_PRUNE),
    WORD("attach", RC_ACTION_IGNORED),
    WORD("detach", RC_ACTION_IGNORED),
    WORD("resize", RC_ACTION_IGNORED),
    WORD("exec_detach", RC_ACTION_IGNORED),
    WORD("top", RC_ACTION_IGNORED),
    WORD("copy", RC_ACTION_IGNORED),
    WORD("archive-path", RC_ACTION_IGNORED),
    WORD("extract-to-dir", RC_ACTION_IGNORED),
    WORD("export", RC_ACTION_IGNORED),
    WORD("commit", RC_ACTION_IGNORED),
    WORD("checkpoint", RC_ACTION_IGNORED),
    /* Podman's own */
    WORD("init", RC_ACTION_INIT),
    WORD("died", RC_ACTION_DIE),
    WORD("remove", RC_ACTION_DESTROY),
    WORD("exec", RC_ACTION_IGNORED),
    WORD("exec_died", RC_ACTION_IGNORED),
    WORD("cleanup", RC_ACTION_IGNORED),
    WORD("sync", RC_ACTION_IGNORED),
    WORD("mount", RC_ACTION_IGNORED),
    WORD("unmount", RC_ACTION_IGNORED),
};

static const action_word network_words[] = {
    WORD("connect", RC_ACTION_CONNECT), WORD("disconnect", RC_ACTION_DISCONNECT),
    WORD("create", RC_ACTION_CREATE),   WORD("destroy", RC_ACTION_DESTROY),
    WORD("remove", RC_ACTION_DESTROY),  WORD("update", RC_ACTION_UPDATE),
    WORD("prune", RC_ACTION_PRUNE),
};

static enum rc_action look_up(const action_word *words, size_t n, rc_str word)
{
    for (size_t i = 0; i < n; i++)
        if (rc_str_eq(words[i].word, word))
            return words[i].action;
    return RC_ACTION_OTHER;
}

/* "exec_create: cmd" → "exec_create" and "cmd" */
static rc_str split_word(rc_str text, rc_str *ret_detail)
{
    const char *colon = memchr(text.ptr, ':', text.len);
    *ret_detail = RC_STR_EMPTY;
    if (!colon)
        return text;
    size_t n = (size_t)(colon - text.ptr);
    size_t skip = n + 1 < text.len && colon[1] == ' ' ? n + 2 : n + 1;
    *ret_detail = rc_str_n(text.ptr + skip, text.len - skip);
    return rc_str_n(text.ptr, n);
}

static void read_action(rc_event *ev)
{
    rc_str detail;
    rc_str word = split_word(ev->action_text, &detail);
    if (ev->type == RC_EVENT_NETWORK) {
        ev->action = look_up(network_words, RC_ARRAY_LEN(network_words), word);
        return;
    }
    ev->action = look_up(container_words, RC_ARRAY_LEN(container_words), word);
    /* A health that is not said (Podman) or not known has to be read from the container. */
    if (ev->action == RC_ACTION_HEALTH && !rc_health_parse(detail, &ev->health))
        ev->action = RC_ACTION_OTHER;
}

static void read_exit_code(rc_event *ev, rc_str docker, rc_str podman)
{
    int64_t code = 0;
    /* Podman writes its own into every event, 0 but for die. */
    if (rc_parse_int(docker, INT32_MIN, INT32_MAX, &code) ||
        (ev->action == RC_ACTION_DIE && rc_parse_int(podman, INT32_MIN, INT32_MAX, &code))) {
        ev->has_exit_code = true;
        ev->exit_code = (int32_t)code;
    }
}

/* The attributes with a meaning for us, whatever their place among the labels. */
typedef struct known_attributes {
    rc_str name;
    rc_str image;
    rc_str container;
    rc_str type;
    rc_str exit_code;
    rc_str podman_exit_code;
} known_attributes;

static rc_str *known_slot(known_attributes *known, rc_str key)
{
    switch (key.len) {
    case 4:
        return rc_str_eq(key, RC_STR("name"))   ? &known->name
               : rc_str_eq(key, RC_STR("type")) ? &known->type
                                                : NULL;
    case 5:
        return rc_str_eq(key, RC_STR("image")) ? &known->image : NULL;
    case 8:
        return rc_str_eq(key, RC_STR("exitCode")) ? &known->exit_code : NULL;
    case 9:
        return rc_str_eq(key, RC_STR("container")) ? &known->container : NULL;
    case 17:
        return rc_str_eq(key, RC_STR("containerExitCode")) ? &known->podman_exit_code : NULL;
    default:
        return NULL;
    }
}

/* Labels are mixed in, and their number is the container's maker's choice (the line's cap bounds
 * it). One walk: looking thousands of them up by name would be quadratic. */
static void read_attributes(rc_decoder *d, rc_node actor, rc_event *ev, known_attributes *known)
{
    rc_node object = rc_tree_object(d, actor, "Attributes");
    uint32_t n = rc_tree_count(object);
    if (n == 0)
        return;
    rc_label *list = rc_tree_calloc(d, n, sizeof(*list));
    if (!list)
        return;
    for (const cJSON *c = object.json->child; c; c = c->next) {
        rc_str key = rc_str_c(c->string);
        rc_str *slot = known_slot(known, key);
        if (!cJSON_IsString(c)) {
            if (slot && !cJSON_IsNull(c))
                rc_tree_bad(d, object, c->string, "is not a string");
            continue;
        }
        rc_str value = rc_str_c(c->valuestring);
        if (slot)
            *slot = value;
        list[ev->n_attributes++] = (rc_label){key, value};
    }
    ev->attributes = list;
}

static void read_time(rc_decoder *d, rc_node root, rc_event *ev)
{
    enum rc_exact found = rc_exact_member(d->text, RC_STR("timeNano"), &ev->time_ns);
    if (found == RC_EXACT_BAD)
        rc_tree_bad(d, root, "timeNano", "is not a whole number of nanoseconds since 1970");
    else if (found == RC_EXACT_ABSENT)
        ev->time_ns = rc_tree_int(d, root, "time", 0, INT64_MAX / RC_NS_PER_SEC) * RC_NS_PER_SEC;
}

static rc_str checked_id(rc_decoder *d, rc_node parent, const char *key, rc_str id, bool may_lack)
{
    rc_id parsed;
    if ((id.len > 0 || !may_lack) && !rc_id_parse(id, &parsed))
        rc_tree_bad(d, parent, key, "is not a container ID");
    return id;
}

static void read_container(rc_decoder *d, rc_node actor, rc_event *ev)
{
    known_attributes known = {RC_STR_EMPTY, RC_STR_EMPTY, RC_STR_EMPTY,
                              RC_STR_EMPTY, RC_STR_EMPTY, RC_STR_EMPTY};
    read_action(ev);
    ev->container =
        checked_id(d, actor, "ID", rc_tree_str(d, actor, "ID"), ev->action == RC_ACTION_PRUNE);
    read_attributes(d, actor, ev, &known);
    ev->name = known.name;
    ev->image = known.image;
    read_exit_code(ev, known.exit_code, known.podman_exit_code);
}

static void read_network(rc_decoder *d, rc_node actor, rc_event *ev)
{
    known_attributes known = {RC_STR_EMPTY, RC_STR_EMPTY, RC_STR_EMPTY,
                              RC_STR_EMPTY, RC_STR_EMPTY, RC_STR_EMPTY};
    read_action(ev);
    ev->network = rc_tree_str(d, actor, "ID");
    read_attributes(d, actor, ev, &known);
    ev->container = checked_id(d, actor, "Attributes.container", known.container, true);
    ev->network_name = known.name;
    ev->network_type = known.type;
}

static void event_init(rc_event *ev)
{
    *ev = (rc_event){
        .type = RC_EVENT_OTHER,
        .action_text = RC_STR_EMPTY,
        .container = RC_STR_EMPTY,
        .name = RC_STR_EMPTY,
        .image = RC_STR_EMPTY,
        .network = RC_STR_EMPTY,
        .network_name = RC_STR_EMPTY,
        .network_type = RC_STR_EMPTY,
    };
}

int rc_decode_event(rc_decoder *d, char *json, size_t len, rc_event *out, rc_error *err)
{
    rc_event ev;
    event_init(&ev);
    rc_node root = rc_tree_parse(d, json, len, RC_PROTOCOL, err);
    rc_str type = rc_tree_str(d, root, "Type");
    ev.action_text = rc_tree_str(d, root, "Action");
    if (type.len == 0)
        rc_tree_bad(d, root, "Type", "is missing");
    if (ev.action_text.len == 0)
        rc_tree_bad(d, root, "Action", "is missing");
    rc_node actor = rc_tree_object(d, root, "Actor");
    if (rc_str_eq(type, RC_STR("container"))) {
        ev.type = RC_EVENT_CONTAINER;
        read_container(d, actor, &ev);
    } else if (rc_str_eq(type, RC_STR("network"))) {
        ev.type = RC_EVENT_NETWORK;
        read_network(d, actor, &ev);
    }
    read_time(d, root, &ev);
    if (rc_tree_status(d) == RC_OK)
        *out = ev;
    return rc_tree_status(d);
}
