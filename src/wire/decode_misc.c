/* The small ones: networks, /info, error bodies, the docker CLI's files, filters. */
#include "base/escape.h"
#include "wire/tree.h"

int rc_decode_network(rc_decoder *d, char *json, size_t len, rc_network *out, rc_error *err)
{
    rc_node root = rc_tree_parse(d, json, len, RC_PROTOCOL, err);
    rc_row sorter; /* a row's normal form has the labels sorted */
    rc_row_init(&sorter);
    rc_network net = {
        .id = rc_tree_str(d, root, "Id"),
        .name = rc_tree_str(d, root, "Name"),
        .driver = rc_tree_str(d, root, "Driver"),
        .scope = rc_tree_str(d, root, "Scope"),
        .internal = rc_tree_bool(d, root, "Internal", false),
        .ingress = rc_tree_bool(d, root, "Ingress", false),
        .attachable = rc_tree_bool(d, root, "Attachable", false),
        .ipv6 = rc_tree_bool(d, root, "EnableIPv6", false),
        .created_ns = rc_tree_time(d, root, "Created"),
    };
    if (net.id.len == 0)
        rc_tree_bad(d, root, "Id", "is missing");
    rc_tree_labels(d, rc_tree_object(d, root, "Labels"), &sorter.labels, &sorter.n_labels);
    if (!rc_row_normalise(&sorter, d->arena))
        rc_tree_nomem(d);
    net.labels = sorter.labels;
    net.n_labels = sorter.n_labels;
    if (rc_tree_status(d) == RC_OK)
        *out = net;
    return rc_tree_status(d);
}

int rc_decode_info(rc_decoder *d, char *json, size_t len, rc_engine_info *out, rc_error *err)
{
    rc_node root = rc_tree_parse(d, json, len, RC_PROTOCOL, err);
    rc_engine_info info = {
        .id = rc_tree_str(d, root, "ID"),
        .name = rc_tree_str(d, root, "Name"),
        .version = rc_tree_str(d, root, "ServerVersion"),
    };
    if (rc_tree_status(d) == RC_OK)
        *out = info;
    return rc_tree_status(d);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static rc_str trim(rc_str s)
{
    while (s.len > 0 && is_space(s.ptr[0]))
        s = rc_str_n(s.ptr + 1, s.len - 1);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

rc_str rc_decode_error(rc_decoder *d, char *body, size_t len)
{
    rc_str text = trim(rc_str_n(body, len));
    if (text.len > 0 && text.ptr[0] == '{') {
        rc_node root = rc_tree_parse(d, body, len, RC_PROTOCOL, NULL);
        const cJSON *message = rc_tree_get(root, "message");
        if (!cJSON_IsString(message) || !*message->valuestring)
            message = rc_tree_get(root, "cause");
        if (cJSON_IsString(message))
            text = trim(rc_str_c(message->valuestring));
    }
    rc_escape_into(d->message, sizeof(d->message), text);
    return rc_str_c(d->message);
}

int rc_decode_docker_config(rc_decoder *d, char *json, size_t len, rc_str *ret_context,
                            rc_error *err)
{
    rc_node root = rc_tree_parse(d, json, len, RC_INVALID, err);
    rc_str context = rc_tree_str(d, root, "currentContext");
    if (rc_tree_status(d) == RC_OK)
        *ret_context = context;
    return rc_tree_status(d);
}

int rc_decode_docker_context(rc_decoder *d, char *json, size_t len, rc_str *ret_name,
                             rc_str *ret_host, bool *ret_skip_verify, rc_error *err)
{
    rc_node root = rc_tree_parse(d, json, len, RC_INVALID, err);
    rc_str name = rc_tree_str(d, root, "Name");
    rc_node docker = rc_tree_object(d, rc_tree_object(d, root, "Endpoints"), "docker");
    rc_str host = rc_tree_str(d, docker, "Host");
    bool skip_verify = rc_tree_bool(d, docker, "SkipTLSVerify", false);
    if (rc_tree_status(d) == RC_OK) {
        *ret_name = name;
        *ret_host = host;
        *ret_skip_verify = skip_verify;
    }
    return rc_tree_status(d);
}

/* One value of a key: an array's string, or an object's member that is true (false is as if
 * absent). */
static int filter_value(rc_decoder *d, rc_node values, const cJSON *item,
                        int (*each)(void *arg, rc_str key, rc_str value), void *arg)
{
    rc_str key = rc_str_c(values.name);
    if (cJSON_IsArray(values.json) && cJSON_IsString(item))
        return each(arg, key, rc_str_c(item->valuestring));
    if (cJSON_IsObject(values.json) && cJSON_IsTrue(item))
        return each(arg, key, rc_str_c(item->string));
    if (!cJSON_IsObject(values.json) || !cJSON_IsFalse(item))
        rc_tree_bad(d, (rc_node){NULL, ""}, values.name, "holds what is no filter value");
    return rc_tree_status(d);
}

int rc_decode_filters(rc_decoder *d, char *json, size_t len,
                      int (*each)(void *arg, rc_str key, rc_str value), void *arg, rc_error *err)
{
    rc_node root = rc_tree_parse(d, json, len, RC_INVALID, err);
    int rc = rc_tree_status(d);
    for (const cJSON *c = root.json ? root.json->child : NULL; c && rc == RC_OK; c = c->next) {
        rc_node values = {c, c->string};
        if (!cJSON_IsArray(c) && !cJSON_IsObject(c)) {
            rc_tree_bad(d, root, c->string, "is neither an array nor an object of values");
            rc = rc_tree_status(d);
        }
        for (const cJSON *v = c->child; v && rc == RC_OK; v = v->next)
            rc = filter_value(d, values, v, each, arg);
    }
    return rc;
}
