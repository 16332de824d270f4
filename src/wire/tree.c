/* cJSON behind a bump arena, and getters that trust nothing of what it parsed. */
#include "wire/tree.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/escape.h"
#include "wire/repair.h"

/* A usual event, element or inspect fits the first block, which alone outlives a call. */
#define ARENA_FIRST ((size_t)64 * 1024)

/* A tree takes up to 32 times its text ("[1,1,1,…"): bounds what one hostile line can cost. */
#define ARENA_MAX ((size_t)512 * 1024 * 1024)

/* cJSON's hooks are global and take no context. Set during a parse only: no other use of cJSON in
 * the process gets memory by way of these hooks. */
static _Thread_local rc_arena *parsing;

static void *hook_malloc(size_t n)
{
    return parsing ? rc_arena_alloc(parsing, n) : NULL;
}

static void hook_free(void *p)
{
    (void)p; /* the arena's reset does it */
}

void rc_wire_init(void)
{
    cJSON_Hooks hooks = {hook_malloc, hook_free};
    cJSON_InitHooks(&hooks);
}

rc_decoder *rc_decoder_new(void)
{
    rc_decoder *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->spare = (rc_buf)RC_BUF_INIT(0);
    d->text = RC_STR_EMPTY;
    d->arena = rc_arena_new(ARENA_FIRST, ARENA_MAX);
    return d->arena ? d : rc_decoder_free(d);
}

rc_decoder *rc_decoder_free(rc_decoder *d)
{
    if (d) {
        rc_arena_free(d->arena);
        rc_buf_release(&d->spare);
        free(d);
    }
    return NULL;
}

int rc_tree_status(const rc_decoder *d)
{
    return d->status;
}

void rc_tree_nomem(rc_decoder *d)
{
    if (d->status == RC_OK)
        d->status = rc_fail(d->err, RC_NOMEM, "out of memory while decoding JSON");
}

/* Keys of a table are ours, but labels and ports are keyed by foreign text. */
void rc_tree_bad(rc_decoder *d, rc_node parent, const char *key, const char *what)
{
    char escaped[128];
    if (d->status != RC_OK)
        return;
    rc_escape_into(escaped, sizeof(escaped), rc_str_c(key));
    const char *dot = *parent.name && *escaped ? "." : "";
    d->status = rc_fail(d->err, d->bad_code, "%s%s%s %s", parent.name, dot, escaped, what);
}

static bool only_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p == end;
}

rc_node rc_tree_parse(rc_decoder *d, char *json, size_t len, int bad_code, rc_error *err)
{
    rc_node none = {NULL, ""};
    d->status = RC_OK;
    d->bad_code = bad_code;
    d->err = err;
    d->text = RC_STR_EMPTY; /* the last call's may be gone */
    rc_arena_reset(d->arena);
    if (d->spare.cap > ARENA_FIRST)
        rc_buf_release(&d->spare);
    if (rc_repair(&json, &len, &d->spare) != RC_OK) {
        rc_tree_nomem(d);
        return none;
    }

    const char *end = NULL;
    parsing = d->arena;
    const cJSON *root = cJSON_ParseWithLengthOpts(json, len, &end, 0);
    parsing = NULL;
    if (!root && rc_arena_failed(d->arena)) {
        rc_tree_nomem(d);
    } else if (!root || !only_space(end, json + len)) {
        size_t at = end ? (size_t)(end - json) : 0;
        d->status = rc_fail(err, bad_code, "not valid JSON at byte %zu of %zu", at, len);
    } else if (!cJSON_IsObject(root)) {
        d->status = rc_fail(err, bad_code, "not a JSON object");
    } else {
        d->text = rc_str_n(json, len);
        return (rc_node){root, ""};
    }
    return none;
}

bool rc_tree_has(rc_node node, const char *key)
{
    return node.json && cJSON_GetObjectItemCaseSensitive(node.json, key) != NULL;
}

const cJSON *rc_tree_get(rc_node node, const char *key)
{
    if (!node.json)
        return NULL;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(node.json, key);
    return cJSON_IsNull(item) ? NULL : item;
}

rc_str rc_tree_str(rc_decoder *d, rc_node node, const char *key)
{
    const cJSON *item = rc_tree_get(node, key);
    if (!item)
        return RC_STR_EMPTY;
    if (!cJSON_IsString(item)) {
        rc_tree_bad(d, node, key, "is not a string");
        return RC_STR_EMPTY;
    }
    return rc_str_c(item->valuestring);
}

bool rc_tree_bool(rc_decoder *d, rc_node node, const char *key, bool fallback)
{
    const cJSON *item = rc_tree_get(node, key);
    if (!item)
        return fallback;
    if (!cJSON_IsBool(item)) {
        rc_tree_bad(d, node, key, "is not true or false");
        return fallback;
    }
    return cJSON_IsTrue(item) != 0;
}

int64_t rc_tree_int(rc_decoder *d, rc_node node, const char *key, int64_t min, int64_t max)
{
    const cJSON *item = rc_tree_get(node, key);
    if (!item)
        return 0;
    /* Exact in a double as all our bounds are below 2^53; the comparison is before the cast, which
     * would be undefined for what does not fit. */
    double v = item->valuedouble;
    if (!cJSON_IsNumber(item) || v != floor(v))
        rc_tree_bad(d, node, key, "is not a whole number");
    else if (v < (double)min || v > (double)max)
        rc_tree_bad(d, node, key, "is out of range");
    else
        return (int64_t)v;
    return 0;
}

rc_node rc_tree_object(rc_decoder *d, rc_node node, const char *key)
{
    const cJSON *item = rc_tree_get(node, key);
    if (item && !cJSON_IsObject(item)) {
        rc_tree_bad(d, node, key, "is not an object");
        item = NULL;
    }
    return (rc_node){item, key};
}

rc_node rc_tree_array(rc_decoder *d, rc_node node, const char *key)
{
    const cJSON *item = rc_tree_get(node, key);
    if (item && !cJSON_IsArray(item)) {
        rc_tree_bad(d, node, key, "is not an array");
        item = NULL;
    }
    return (rc_node){item, key};
}

int64_t rc_tree_time(rc_decoder *d, rc_node node, const char *key)
{
    int64_t ns = 0;
    if (rc_time_parse(rc_tree_str(d, node, key), &ns, NULL) != RC_OK)
        rc_tree_bad(d, node, key, "is not a time");
    return ns;
}

rc_node rc_tree_element(rc_decoder *d, rc_node parent, const cJSON *item)
{
    if (cJSON_IsNull(item))
        return (rc_node){NULL, parent.name};
    if (!cJSON_IsObject(item)) {
        rc_tree_bad(d, parent, item->string ? item->string : "", "is not an object");
        return (rc_node){NULL, parent.name};
    }
    return (rc_node){item, parent.name};
}

uint32_t rc_tree_count(rc_node node)
{
    uint32_t n = 0;
    for (const cJSON *c = node.json ? node.json->child : NULL; c; c = c->next)
        n++;
    return n;
}

void *rc_tree_calloc(rc_decoder *d, uint32_t count, size_t size)
{
    void *p = rc_arena_calloc(d->arena, count, size);
    if (!p)
        rc_tree_nomem(d);
    return p;
}

void rc_tree_labels(rc_decoder *d, rc_node object, const rc_label **ret_labels, uint32_t *ret_n)
{
    uint32_t n = rc_tree_count(object);
    rc_label *labels = n > 0 ? rc_tree_calloc(d, n, sizeof(*labels)) : NULL;
    if (!labels)
        return;
    uint32_t i = 0;
    for (const cJSON *c = object.json->child; c; c = c->next, i++) {
        if (!cJSON_IsString(c) && !cJSON_IsNull(c)) {
            rc_tree_bad(d, object, c->string, "is not a string");
            return;
        }
        labels[i].key = rc_str_c(c->string);
        labels[i].value = rc_str_c(cJSON_IsString(c) ? c->valuestring : NULL);
    }
    *ret_labels = labels;
    *ret_n = n;
}

bool rc_parse_int(rc_str s, int64_t min, int64_t max, int64_t *out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i == s.len)
        return false;
    int64_t v = 0;
    for (; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, s.ptr[i] - '0', &v))
            return false;
    }
    v = negative ? -v : v;
    if (v < min || v > max)
        return false;
    *out = v;
    return true;
}
