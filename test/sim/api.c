/* Routes and parameters of the Engine API; the bodies are encode's. */
#include "api.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/escape.h"
#include "encode.h"
#include "snapshot.h"
#include "stream.h"

#define JSON      "application/json"
#define PLAIN     "text/plain; charset=utf-8"
#define BODY_MAX  ((size_t)1 << 30)
#define ERROR_MAX 600

/* ---- parameters ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place; '+' is a space. Returns the length: the text may hold NULs. */
static size_t percent_decode(char *s)
{
    char *out = s;
    for (const char *p = s; *p; p++) {
        int hi = p[0] == '%' ? hex_digit(p[1]) : -1;
        int lo = hi >= 0 ? hex_digit(p[2]) : -1;
        if (lo >= 0) {
            *out++ = (char)(hi << 4 | lo);
            p += 2;
        } else {
            *out++ = *p == '+' ? ' ' : *p;
        }
    }
    *out = '\0';
    return (size_t)(out - s);
}

struct params {
    char *all, *limit, *filters, *since, *until; /* "" if absent */
    size_t filters_len;
};

static void read_params(char *query, struct params *p)
{
    char *save = NULL;
    char *end = query + strlen(query);
    *p = (struct params){end, end, end, end, end, 0};
    for (char *item = strtok_r(query, "&", &save); item; item = strtok_r(NULL, "&", &save)) {
        char *value = strchr(item, '=');
        if (!value)
            continue;
        *value++ = '\0';
        size_t len = percent_decode(value);
        if (strcmp(item, "all") == 0)
            p->all = value;
        else if (strcmp(item, "limit") == 0)
            p->limit = value;
        else if (strcmp(item, "since") == 0)
            p->since = value;
        else if (strcmp(item, "until") == 0)
            p->until = value;
        else if (strcmp(item, "filters") == 0) {
            p->filters = value;
            p->filters_len = len;
        }
    }
}

/* "sec[.nnnnnnnnn]" */
static bool parse_stamp(const char *text, int64_t *ret_ns)
{
    char *end;
    int64_t ns = 0, unit = RC_NS_PER_SEC / 10;
    if (!isdigit((unsigned char)text[0]))
        return false;
    unsigned long long seconds = strtoull(text, &end, 10);
    if (seconds > (unsigned long long)(INT64_MAX / RC_NS_PER_SEC - 1))
        return false;
    if (*end == '.')
        for (end++; isdigit((unsigned char)*end); end++, unit /= 10)
            ns += (*end - '0') * unit;
    if (*end != '\0')
        return false;
    *ret_ns = (int64_t)seconds * RC_NS_PER_SEC + ns;
    return true;
}

/* ---- small answers ---- */

static void answer_error(sim *s, sim_conn *c, int status, const char *message)
{
    rc_buf body = RC_BUF_INIT(0);
    sim_encode_error(&body, s, status, message);
    sim_conn_answer_buf(c, status, JSON, &body);
}

static void answer_text(sim_conn *c, int status, const char *text)
{
    rc_buf body = RC_BUF_INIT(0);
    rc_buf_puts(&body, text);
    sim_conn_answer_buf(c, status, PLAIN, &body);
}

static void answer_not_found(sim *s, sim_conn *c)
{
    (void)sim_conn_fault(c, SIM_OTHER);
    if (s->profile->podman)
        answer_text(c, 404, "Not Found\n");
    else
        answer_error(s, c, 404, "page not found");
}

static void answer_ping(sim *s, sim_conn *c, int api)
{
    (void)s, (void)api;
    answer_text(c, 200, "OK");
}

static void answer_version(sim *s, sim_conn *c, int api)
{
    rc_buf body = RC_BUF_INIT(0);
    (void)api;
    sim_encode_version(&body, s);
    sim_conn_answer_buf(c, 200, JSON, &body);
}

static void answer_info(sim *s, sim_conn *c, int api)
{
    rc_buf body = RC_BUF_INIT(0);
    (void)api;
    sim_encode_info(&body, s);
    sim_conn_answer_buf(c, 200, JSON, &body);
}

static void answer_networks(sim *s, sim_conn *c, int api)
{
    rc_buf body = RC_BUF_INIT(BODY_MAX);
    sim_network *n;
    char separator = '[';
    (void)api;
    TAILQ_FOREACH(n, sim_model_networks(s->model), link)
    {
        rc_buf_putc(&body, separator);
        sim_encode_network(&body, s, n);
        separator = ',';
    }
    rc_buf_puts(&body, separator == '[' ? "[]\n" : "]\n");
    sim_conn_answer_buf(c, 200, JSON, &body);
}

static void answer_inspect(sim *s, sim_conn *c, char *ref, int api)
{
    rc_buf body = RC_BUF_INIT(BODY_MAX);
    char message[ERROR_MAX], shown[256];
    sim_slot *slot = NULL;
    rc_str name = rc_str_n(ref, percent_decode(ref));
    int rc = sim_model_find(s->model, name, &slot, NULL);
    if (rc == RC_OK) {
        sim_encode_inspect(&body, s, slot->now, api);
        sim_conn_answer_buf(c, 200, JSON, &body);
        return;
    }
    (void)rc_escape_into(shown, sizeof(shown), name);
    if (rc == RC_AMBIGUOUS)
        (void)snprintf(message, sizeof(message), "Multiple IDs found with provided prefix: %s",
                       shown);
    else if (s->profile->podman)
        (void)snprintf(message, sizeof(message),
                       "no container with name or ID \"%s\" found: no such container", shown);
    else
        (void)snprintf(message, sizeof(message), "No such container: %s", shown);
    answer_error(s, c, rc == RC_AMBIGUOUS ? 400 : 404, message);
}

/* ---- the list ---- */

struct list {
    sim *s;
    sim_snapshot *snap;
    size_t next;
    int api;
    enum sim_garbage garbage;
    size_t garbage_at;
};

static void list_garbage(struct list *list, rc_buf *out)
{
    if (list->garbage == SIM_GARBAGE_NONE || list->next != list->garbage_at)
        return;
    if (list->garbage == SIM_GARBAGE_SYNTAX)
        rc_buf_puts(out, "{\"Id\":\"00\"oops],");
    else
        rc_buf_puts(out, "{\"Id\":42,\"Names\":\"none\",\"State\":[]},");
    list->garbage = SIM_GARBAGE_NONE;
}

static bool list_more(void *arg, rc_buf *out)
{
    struct list *list = arg;
    size_t n = sim_snapshot_count(list->snap);
    size_t enough = 1 + (size_t)sim_random(list->s, list->s->settings.chunk_max);
    if (list->next == 0)
        rc_buf_putc(out, '[');
    while (list->next < n && out->len < enough) {
        if (list->next > 0)
            rc_buf_putc(out, ',');
        list_garbage(list, out);
        sim_encode_list_element(out, list->s, sim_snapshot_at(list->snap, list->next++), list->api);
    }
    if (list->next < n)
        return true;
    rc_buf_puts(out, "]\n");
    return false;
}

static void list_done(void *arg)
{
    struct list *list = arg;
    (void)sim_snapshot_unref(list->snap);
    free(list);
}

static void send_list(sim *s, sim_conn *c, const sim_answer_fault *fault, sim_snapshot *snap,
                      int api)
{
    struct list *list = malloc(sizeof(*list));
    if (!list || !snap) {
        free(list);
        (void)sim_snapshot_unref(snap);
        answer_error(s, c, 500, "out of memory");
        return;
    }
    *list = (struct list){s, snap, 0, api, fault->garbage, fault->garbage_at};
    sim_conn_answer(c, 200, JSON, &(sim_body){list_more, list_done, list});
}

/* The snapshot that a `freeze` has kept, for as many lists as it was for. */
static sim_snapshot *frozen(sim *s)
{
    sim_snapshot *snap = sim_snapshot_ref(s->frozen);
    if (--s->frozen_lists == 0)
        s->frozen = sim_snapshot_unref(s->frozen);
    return snap;
}

static bool read_limit(const char *text, size_t *ret)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*text && *end)
        return false;
    *ret = n > 0 ? (size_t)n : 0;
    return true;
}

static bool list_refused(sim *s, sim_conn *c, const struct params *p, sim_selection *what)
{
    char message[ERROR_MAX], shown[200];
    rc_str unknown = sim_selection_unknown(what);
    if (!read_limit(p->limit, &what->limit)) {
        (void)rc_escape_into(shown, sizeof(shown), rc_str_c(p->limit));
        (void)snprintf(message, sizeof(message), "strconv.Atoi: parsing \"%s\": invalid syntax",
                       shown);
        answer_error(s, c, 500, message);
        return true;
    }
    if (unknown.len == 0)
        return false;
    (void)rc_escape_into(shown, sizeof(shown), unknown);
    if (s->profile->podman) {
        (void)snprintf(message, sizeof(message), "%s is an invalid filter", shown);
        answer_error(s, c, 500, message);
    } else {
        (void)snprintf(message, sizeof(message), "Invalid filter '%s'", shown);
        answer_error(s, c, 400, message);
    }
    return true;
}

static void answer_list(sim *s, sim_conn *c, char *query, int api, sim_request *request)
{
    struct params p;
    rc_error err = RC_ERROR_INIT;
    sim_filter *filter = NULL;
    read_params(query, &p);
    int rc = sim_filter_parse(p.filters, p.filters_len, &filter, &err);
    request->kind = rc == RC_OK && sim_filter_has(filter, "id") ? SIM_REREAD : SIM_LIST;
    s->stats.requests[request->kind]++;
    const sim_answer_fault *fault = sim_conn_fault(c, request->kind);
    sim_selection what = {.all = strcmp(p.all, "1") == 0 || strcmp(p.all, "true") == 0,
                          .filter = filter};
    if (fault->status)
        answer_error(s, c, fault->status, "simulated failure");
    else if (rc != RC_OK)
        answer_error(s, c, s->profile->api >= 144 ? 400 : 500, err.msg);
    else if (!list_refused(s, c, &p, &what))
        send_list(s, c, fault,
                  request->kind == SIM_LIST && s->frozen ? frozen(s) : sim_snapshot_take(s, &what),
                  api);
    (void)sim_filter_free(filter);
}

/* ---- the event stream ---- */

struct listening {
    sim *s;
    sim_conn *conn;
    sim_subscription options;
    sim_subscriber *subscriber; /* NULL before the headers are out */
    bool ended;
};

static void sink_send(void *arg, rc_str line)
{
    sim_conn_chunk(((struct listening *)arg)->conn, line);
}

static void sink_cut(void *arg, rc_str line, size_t n)
{
    sim_conn_chunk_cut(((struct listening *)arg)->conn, line, n);
}

static void sink_end(void *arg, bool clean)
{
    sim_conn_end(((struct listening *)arg)->conn, clean);
}

static size_t sink_backlog(void *arg)
{
    return sim_conn_backlog(((struct listening *)arg)->conn);
}

static void events_ready(void *arg, sim_conn *c)
{
    struct listening *l = arg;
    l->conn = c;
    l->subscriber = sim_stream_subscribe(l->s->stream, &l->options);
    l->options.filter = NULL; /* the stream's */
    if (!l->subscriber)
        sim_conn_end(c, true);
}

static void events_closed(void *arg)
{
    struct listening *l = arg;
    if (l->subscriber)
        sim_stream_unsubscribe(l->s->stream, l->subscriber);
    (void)sim_filter_free(l->options.filter);
    free(l);
}

static void bad_stamp(sim *s, sim_conn *c, const char *text)
{
    char message[ERROR_MAX], shown[200];
    (void)rc_escape_into(shown, sizeof(shown), rc_str_c(text));
    (void)snprintf(message, sizeof(message), "strconv.ParseInt: parsing \"%s\": invalid syntax",
                   shown);
    answer_error(s, c, 500, message);
}

/* False when it has been answered with an error. */
static bool read_range(sim *s, sim_conn *c, const struct params *p, sim_subscription *o)
{
    char message[ERROR_MAX];
    o->replay = *p->since || *p->until;
    if (*p->since && !parse_stamp(p->since, &o->since_ns)) {
        bad_stamp(s, c, p->since);
        return false;
    }
    if (*p->until && !parse_stamp(p->until, &o->until_ns)) {
        bad_stamp(s, c, p->until);
        return false;
    }
    if (o->until_ns && o->since_ns > o->until_ns) {
        (void)snprintf(message, sizeof(message),
                       "`since` time (%.30s) cannot be after `until` time (%.30s)", p->since,
                       p->until);
        answer_error(s, c, 400, message);
        return false;
    }
    return true;
}

static void answer_events(sim *s, sim_conn *c, char *query, int api)
{
    struct params p;
    rc_error err = RC_ERROR_INIT;
    struct listening *l = calloc(1, sizeof(*l));
    if (!l) {
        answer_error(s, c, 500, "out of memory");
        return;
    }
    l->s = s;
    l->options.api = api;
    l->options.sink = (sim_sink){sink_send, sink_cut, sink_end, sink_backlog, l};
    read_params(query, &p);
    if (!read_range(s, c, &p, &l->options)) {
        free(l);
        return;
    }
    if (sim_filter_parse(p.filters, p.filters_len, &l->options.filter, &err) != RC_OK) {
        free(l);
        answer_error(s, c, 400, err.msg);
        return;
    }
    sim_conn_stream_begin(c, &(sim_conn_stream){events_ready, events_closed, l});
}

/* ---- routes ---- */

/* "/v1.41/x" → "/x" and 141; unversioned is the newest. */
static char *split_version(const sim *s, char *path, int *ret_api)
{
    int major, minor, used = 0;
    *ret_api = s->profile->api;
    if (sscanf(path, "/v%2d.%2d%n", &major, &minor, &used) != 2 || path[used] != '/')
        return path;
    *ret_api = major * 100 + minor;
    return path + used;
}

/* Podman takes any version. True when it has been answered. */
static bool version_refused(sim *s, sim_conn *c, int *api)
{
    char asked[8], limit[8], message[ERROR_MAX];
    const sim_profile *p = s->profile;
    if (p->podman) {
        *api = p->api;
        return false;
    }
    if (*api > p->api)
        (void)snprintf(message, sizeof(message),
                       "client version %s is too new. Maximum supported API version is %s",
                       sim_api_text(*api, asked), sim_api_text(p->api, limit));
    else if (*api < p->api_min)
        (void)snprintf(message, sizeof(message),
                       "client version %s is too old. Minimum supported API version is %s, please "
                       "upgrade your client to a newer version",
                       sim_api_text(*api, asked), sim_api_text(p->api_min, limit));
    else
        return false;
    (void)sim_conn_fault(c, SIM_OTHER);
    s->stats.requests[SIM_OTHER]++;
    if (*api < SIM_API_PLAIN_REFUSAL)
        answer_text(c, 400, message);
    else
        answer_error(s, c, 400, message);
    return true;
}

static const struct {
    const char *path;
    enum sim_kind kind;
    void (*answer)(sim *s, sim_conn *c, int api);
} routes[] = {
    {"/_ping", SIM_PING, answer_ping},
    {"/version", SIM_VERSION, answer_version},
    {"/info", SIM_INFO, answer_info},
    {"/networks", SIM_NETWORKS, answer_networks},
};

static bool fixed_route(sim *s, sim_conn *c, const char *path, int api)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(path, routes[i].path) != 0)
            continue;
        const sim_answer_fault *fault = sim_conn_fault(c, routes[i].kind);
        s->stats.requests[routes[i].kind]++;
        if (fault->status)
            answer_error(s, c, fault->status, "simulated failure");
        else
            routes[i].answer(s, c, api);
        return true;
    }
    return false;
}

/* "/containers/REF/json" → REF, in place; NULL if it is not that. */
static char *inspected(char *path)
{
    static const char before[] = "/containers/", after[] = "/json";
    size_t len = strlen(path);
    if (strncmp(path, before, strlen(before)) != 0 || len <= strlen(before) + strlen(after) ||
        strcmp(path + len - strlen(after), after) != 0)
        return NULL;
    path[len - strlen(after)] = '\0';
    return strchr(path + strlen(before), '/') ? NULL : path + strlen(before);
}

static void counted(sim *s, sim_conn *c, enum sim_kind kind, char *what, int api)
{
    const sim_answer_fault *fault = sim_conn_fault(c, kind);
    s->stats.requests[kind]++;
    if (fault->status)
        answer_error(s, c, fault->status, "simulated failure");
    else if (kind == SIM_EVENTS)
        answer_events(s, c, what, api);
    else
        answer_inspect(s, c, what, api);
}

void sim_api_handle(sim *s, sim_conn *c, sim_request *request)
{
    int api;
    char *ref;
    char *path = split_version(s, request->path, &api);
    if (version_refused(s, c, &api))
        return;
    if (!request->get && !request->head)
        ref = NULL;
    else if (fixed_route(s, c, path, api))
        return;
    else if (strcmp(path, "/containers/json") == 0) {
        answer_list(s, c, request->query, api, request);
        return;
    } else if (strcmp(path, "/events") == 0) {
        counted(s, c, SIM_EVENTS, request->query, api);
        return;
    } else {
        ref = inspected(path);
    }
    if (ref) {
        counted(s, c, SIM_INSPECT, ref, api);
        return;
    }
    s->stats.requests[SIM_OTHER]++;
    answer_not_found(s, c);
}
