/* Filters: a table of keys, each with a parser for its values and a test of a row. Whatever makes
 * matching costly is refused when a value is added. */
#include "model/filter.h"

#include <regex.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/escape.h"

enum key {
    KEY_ID,
    KEY_NAME,
    KEY_LABEL,
    KEY_STATUS,
    KEY_HEALTH,
    KEY_EXITED,
    KEY_ANCESTOR,
    KEY_NETWORK,
    KEY_PUBLISH,
    KEY_WORKLOAD,
    KEY_ROLE,
    KEY_KIND,
    KEY_COUNT
};

struct port_range {
    uint16_t first;
    uint16_t last;
    rc_str protocol; /* static */
};

struct value {
    struct value *next; /* of the same key */
    rc_str text;
    union {
        regex_t regex;
        enum rc_state state;
        enum rc_health health;
        int32_t exit_code;
        struct port_range ports;
    } as;
    char bytes[];
};

struct rc_filter {
    struct value *values[KEY_COUNT];
    unsigned count;
    bool only_managed;
    bool only_running;
};

struct key_rules {
    const char *name;
    int (*parse)(struct value *v, rc_error *err); /* NULL: any text will do */
    bool (*match)(const struct value *v, const rc_row *row);
    bool all;   /* every value must fit, not just one */
    bool empty; /* may the value be empty? */
};

/* ---- numbers ---- */

/* Decimal digits, at least one; false where they pass max. */
static bool parse_digits(rc_str s, uint32_t max, uint32_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(s.ptr[i] - '0');
        if (n > max)
            return false;
    }
    *out = (uint32_t)n;
    return s.len > 0;
}

static rc_str cut_before(rc_str *s, char c)
{
    const char *at = s->len ? memchr(s->ptr, c, s->len) : NULL;
    rc_str head = *s;
    if (at) {
        head.len = (size_t)(at - s->ptr);
        *s = rc_str_n(at + 1, s->len - head.len - 1);
    } else {
        *s = RC_STR_EMPTY;
    }
    return head;
}

static int refuse(rc_error *err, const char *key, rc_str value, const char *what)
{
    char shown[128];
    return rc_fail(err, RC_INVALID, "filter %s=%s: %s", key,
                   rc_escape_into(shown, sizeof(shown), value), what);
}

/* ---- name ---- */

/* Bytes of a name that an expression sees. Docker's names are shorter, and matching costs as much
 * as both are long. */
#define NAME_MAX_MATCHED 1024

/* Go's expressions that POSIX lacks would silently mean something else (\d is a d), and a back
 * reference costs exponential time. The others mean the same to both. */
static bool escape_is_shared(char c)
{
    bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return !alphanumeric || strchr("wWsSbB", c) != NULL;
}

/* The larger bound of the repetition that begins at s[i]. */
static uint64_t repeat_bound(rc_str s, size_t i)
{
    uint64_t largest = 1;
    uint64_t n = 0;
    for (i++; i < s.len && s.ptr[i] != '}'; i++) {
        char c = s.ptr[i];
        n = c >= '0' && c <= '9' && n <= RC_FILTER_MAX_COST ? n * 10 + (uint64_t)(c - '0') : 0;
        if (n > largest)
            largest = n;
    }
    return largest;
}

/* How large the C library makes an expression: it writes each repetition out, and (x)+ as (x)(x)*.
 * As if all were nested. Brackets are not looked into: at worst one is refused that would do. */
static uint64_t regex_cost(rc_str s)
{
    uint64_t cost = s.len;
    for (size_t i = 0; i < s.len && cost <= RC_FILTER_MAX_COST; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '{')
            cost *= repeat_bound(s, i);
        else if (s.ptr[i] == '+' && i > 0 && strchr(")}+*?", s.ptr[i - 1]))
            cost *= 2;
    }
    return cost;
}

static const char *regex_fault(rc_str s)
{
    if (s.len > RC_FILTER_MAX_REGEX)
        return "the regular expression is too long";
    if (s.len && memchr(s.ptr, '\0', s.len))
        return "a NUL in the regular expression";
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\\' && i + 1 < s.len && !escape_is_shared(s.ptr[++i]))
            return "regular expressions are POSIX extended ones, without this backslash";
    if (regex_cost(s) > RC_FILTER_MAX_COST)
        return "the regular expression repeats too much";
    return NULL;
}

static int parse_name(struct value *v, rc_error *err)
{
    char what[128];
    const char *fault = regex_fault(v->text);
    if (fault)
        return refuse(err, "name", v->text, fault);
    int code = regcomp(&v->as.regex, v->bytes, REG_EXTENDED | REG_NOSUB);
    if (code == REG_ESPACE)
        return rc_fail(err, RC_NOMEM, "filter name: out of memory");
    if (code == 0)
        return RC_OK;
    (void)regerror(code, &v->as.regex, what, sizeof(what));
    return refuse(err, "name", v->text, what);
}

static bool match_name(const struct value *v, const rc_row *row)
{
    /* Docker's own form of the name, terminated. */
    char slashed[NAME_MAX_MATCHED + 2] = "/";
    size_t n = row->name.len < NAME_MAX_MATCHED ? row->name.len : NAME_MAX_MATCHED;
    if (rc_str_eq(v->text, row->name))
        return true;
    memcpy(slashed + 1, row->name.ptr, n);
    slashed[n + 1] = '\0';
    return regexec(&v->as.regex, slashed + 1, 0, NULL, 0) == 0 ||
           regexec(&v->as.regex, slashed, 0, NULL, 0) == 0;
}

/* ---- state ---- */

static int parse_status(struct value *v, rc_error *err)
{
    if (rc_state_parse(v->text, &v->as.state))
        return RC_OK;
    return refuse(err, "status", v->text,
                  "not one of created, running, paused, restarting, removing, exited, dead, "
                  "pending, missing, unknown");
}

static bool match_status(const struct value *v, const rc_row *row)
{
    return v->as.state == row->state;
}

static int parse_health(struct value *v, rc_error *err)
{
    if (rc_health_parse(v->text, &v->as.health))
        return RC_OK;
    return refuse(err, "health", v->text, "not one of none, starting, healthy, unhealthy");
}

static bool match_health(const struct value *v, const rc_row *row)
{
    return v->as.health == row->health;
}

static int parse_exited(struct value *v, rc_error *err)
{
    rc_str digits = v->text;
    uint32_t n = 0;
    bool negative = digits.len > 0 && digits.ptr[0] == '-';
    if (negative)
        digits = rc_str_n(digits.ptr + 1, digits.len - 1);
    if (!parse_digits(digits, INT32_MAX, &n))
        return refuse(err, "exited", v->text, "not an exit code");
    v->as.exit_code = negative ? -(int32_t)n : (int32_t)n;
    return RC_OK;
}

static bool match_exited(const struct value *v, const rc_row *row)
{
    /* To Docker a restarting container is a running one. */
    return row->has_exit_code && row->exit_code == v->as.exit_code &&
           !rc_state_holds_ports(row->state);
}

/* ---- image ---- */

/* "docker.io/library/nginx" and "library/nginx" are both what people call "nginx". */
static rc_str familiar_image(rc_str image)
{
    static const rc_str hosts[] = {RC_STR("docker.io/"), RC_STR("index.docker.io/")};
    for (size_t i = 0; i < RC_ARRAY_LEN(hosts); i++) {
        if (rc_str_starts(image, hosts[i])) {
            image = rc_str_n(image.ptr + hosts[i].len, image.len - hosts[i].len);
            break;
        }
    }
    const rc_str library = RC_STR("library/");
    if (rc_str_starts(image, library) &&
        !memchr(image.ptr + library.len, '/', image.len - library.len))
        image = rc_str_n(image.ptr + library.len, image.len - library.len);
    return image;
}

/* Cuts off ":latest", which is what a name without tag and digest means. */
static rc_str without_latest(rc_str image)
{
    const rc_str latest = RC_STR(":latest");
    if (image.len > latest.len &&
        memcmp(image.ptr + image.len - latest.len, latest.ptr, latest.len) == 0)
        image.len -= latest.len;
    return image;
}

static bool is_hex(rc_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
            return false;
    return true;
}

/* Fewer digits than these are taken for a name only. */
#define IMAGE_PREFIX_MIN 4

static bool match_ancestor(const struct value *v, const rc_row *row)
{
    const rc_str algorithm = RC_STR("sha256:");
    rc_str id = row->image_id;
    rc_str wanted = v->text;
    if (rc_str_eq(without_latest(familiar_image(wanted)),
                  without_latest(familiar_image(row->image))))
        return true;
    if (rc_str_starts(id, algorithm))
        id = rc_str_n(id.ptr + algorithm.len, id.len - algorithm.len);
    if (rc_str_starts(wanted, algorithm))
        wanted = rc_str_n(wanted.ptr + algorithm.len, wanted.len - algorithm.len);
    return wanted.len >= IMAGE_PREFIX_MIN && is_hex(wanted) && rc_str_starts(id, wanted);
}

/* ---- ports ---- */

static int parse_publish(struct value *v, rc_error *err)
{
    static const rc_str protocols[] = {RC_STR("tcp"), RC_STR("udp"), RC_STR("sctp")};
    rc_str protocol = v->text;
    rc_str range = cut_before(&protocol, '/');
    rc_str last = range;
    rc_str first = cut_before(&last, '-');
    uint32_t lo = 0;
    if (!parse_digits(first, UINT16_MAX, &lo) || lo == 0)
        return refuse(err, "publish", v->text, "not a PORT[-PORT][/PROTOCOL]");
    uint32_t hi = lo;
    if (first.len < range.len && (!parse_digits(last, UINT16_MAX, &hi) || hi < lo))
        return refuse(err, "publish", v->text, "not a range of ports");
    v->as.ports = (struct port_range){(uint16_t)lo, (uint16_t)hi, protocols[0]};
    if (range.len == v->text.len)
        return RC_OK;
    for (size_t i = 0; i < RC_ARRAY_LEN(protocols); i++) {
        if (rc_str_eq(protocol, protocols[i])) {
            v->as.ports.protocol = protocols[i];
            return RC_OK;
        }
    }
    return refuse(err, "publish", v->text, "the protocol is not tcp, udp or sctp");
}

static bool match_publish(const struct value *v, const rc_row *row)
{
    const struct port_range *wanted = &v->as.ports;
    for (uint32_t i = 0; i < row->n_ports; i++) {
        uint16_t port = row->ports[i].public_port;
        if (port >= wanted->first && port <= wanted->last &&
            rc_str_eq(row->ports[i].protocol, wanted->protocol))
            return true;
    }
    return false;
}

/* ---- the rest ---- */

static bool match_id(const struct value *v, const rc_row *row)
{
    return row->id.len > 0 && rc_str_starts(row->id, v->text);
}

static bool match_label(const struct value *v, const rc_row *row)
{
    rc_str value = v->text;
    rc_str key = cut_before(&value, '=');
    const rc_str *found = rc_row_label(row, key);
    return found && (key.len == v->text.len || rc_str_eq(*found, value));
}

static bool match_network(const struct value *v, const rc_row *row)
{
    for (uint32_t i = 0; i < row->n_networks; i++)
        if (rc_str_eq(row->networks[i].network, v->text) ||
            rc_str_starts(row->networks[i].id, v->text))
            return true;
    return false;
}

static bool match_workload(const struct value *v, const rc_row *row)
{
    return row->scheme != RC_SCHEME_NONE && rc_str_eq(v->text, row->workload_id);
}

static bool match_role(const struct value *v, const rc_row *row)
{
    return row->scheme != RC_SCHEME_NONE && rc_str_eq(v->text, row->workload_role);
}

static bool match_kind(const struct value *v, const rc_row *row)
{
    return row->scheme != RC_SCHEME_NONE && rc_str_eq(v->text, row->workload_kind);
}

static const struct key_rules rules[KEY_COUNT] = {
    [KEY_ID] = {"id", NULL, match_id, false, false},
    [KEY_NAME] = {"name", parse_name, match_name, false, true},
    [KEY_LABEL] = {"label", NULL, match_label, true, false},
    [KEY_STATUS] = {"status", parse_status, match_status, false, false},
    [KEY_HEALTH] = {"health", parse_health, match_health, false, false},
    [KEY_EXITED] = {"exited", parse_exited, match_exited, false, false},
    [KEY_ANCESTOR] = {"ancestor", NULL, match_ancestor, false, false},
    [KEY_NETWORK] = {"network", NULL, match_network, false, false},
    [KEY_PUBLISH] = {"publish", parse_publish, match_publish, false, false},
    [KEY_WORKLOAD] = {"workload", NULL, match_workload, false, true},
    [KEY_ROLE] = {"role", NULL, match_role, false, true},
    [KEY_KIND] = {"kind", NULL, match_kind, false, true},
};

/* ---- building ---- */

rc_filter *rc_filter_new(void)
{
    return calloc(1, sizeof(rc_filter));
}

static void free_value(enum key key, struct value *v)
{
    if (key == KEY_NAME)
        regfree(&v->as.regex);
    free(v);
}

rc_filter *rc_filter_free(rc_filter *filter)
{
    for (unsigned key = 0; filter && key < KEY_COUNT; key++) {
        struct value *v = filter->values[key];
        while (v) {
            struct value *next = v->next;
            free_value((enum key)key, v);
            v = next;
        }
    }
    free(filter);
    return NULL;
}

static bool find_key(rc_str name, enum key *out)
{
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        if (rc_str_eq_c(name, rules[i].name)) {
            *out = (enum key)i;
            return true;
        }
    }
    return false;
}

int rc_filter_add(rc_filter *filter, rc_str key, rc_str value, rc_error *err)
{
    enum key k = KEY_ID;
    char shown[64];
    if (!find_key(key, &k))
        return rc_fail(err, RC_INVALID,
                       "unknown filter %s: there are id, name, label, status, health, exited, "
                       "ancestor, network, publish, workload, role and kind",
                       rc_escape_into(shown, sizeof(shown), key));
    if (filter->count >= RC_FILTER_MAX_VALUES)
        return rc_fail(err, RC_INVALID, "more than %d filters", RC_FILTER_MAX_VALUES);
    if (value.len > RC_FILTER_MAX_VALUE)
        return rc_fail(err, RC_INVALID, "filter %s: the value is longer than %d bytes",
                       rules[k].name, RC_FILTER_MAX_VALUE);
    if (value.len == 0 && !rules[k].empty)
        return rc_fail(err, RC_INVALID, "filter %s: the value is empty", rules[k].name);
    struct value *v = calloc(1, sizeof(*v) + value.len + 1);
    if (!v)
        return rc_fail(err, RC_NOMEM, "filter %s: out of memory", rules[k].name);
    if (value.len)
        memcpy(v->bytes, value.ptr, value.len);
    v->text = rc_str_n(v->bytes, value.len);
    int code = rules[k].parse ? rules[k].parse(v, err) : RC_OK;
    if (code) {
        free(v); /* what was not parsed holds nothing */
        return code;
    }
    v->next = filter->values[k];
    filter->values[k] = v;
    filter->count++;
    return RC_OK;
}

int rc_filter_add_pair(rc_filter *filter, rc_str pair, rc_error *err)
{
    char shown[128];
    rc_str value = pair;
    rc_str key = cut_before(&value, '=');
    if (key.len == pair.len)
        return rc_fail(err, RC_INVALID, "filter %s: a filter is KEY=VALUE",
                       rc_escape_into(shown, sizeof(shown), pair));
    return rc_filter_add(filter, key, value, err);
}

void rc_filter_only_managed(rc_filter *filter)
{
    filter->only_managed = true;
}

void rc_filter_only_running(rc_filter *filter)
{
    filter->only_running = true;
}

bool rc_filter_empty(const rc_filter *filter)
{
    return filter->count == 0 && !filter->only_managed && !filter->only_running;
}

/* ---- matching ---- */

static bool key_matches(const struct key_rules *rule, const struct value *v, const rc_row *row)
{
    for (; v; v = v->next)
        if (rule->match(v, row) != rule->all)
            return !rule->all;
    return rule->all;
}

bool rc_filter_match(const rc_filter *filter, const rc_row *row)
{
    if (!filter)
        return true;
    if (filter->only_managed && !row->managed)
        return false;
    if (filter->only_running && !filter->values[KEY_STATUS] && !filter->values[KEY_EXITED] &&
        !rc_state_holds_ports(row->state))
        return false;
    for (unsigned key = 0; key < KEY_COUNT; key++)
        if (filter->values[key] && !key_matches(&rules[key], filter->values[key], row))
            return false;
    return true;
}
