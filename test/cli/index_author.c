/* Writes an index as a test dictates it on stdin: a stand-in for the daemon. One command a line,
 * one answer a line ("ok EPOCH REV" or "error …"):
 *
 *     put KEY=VALUE …      a row; values percent-encoded; label=K=V, port=IP|PRIVATE|PUBLIC|PROTO,
 *                          net=NAME|ID may come again; also cause= and action=
 *     del ID CAUSE
 *     mirror STATE [SINCE_S]
 *     commit
 *     beat SECONDS         the last sign of life was so long ago
 *     resync SECONDS       and the last list
 *     rebuild              a new epoch
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "index/index.h"

#define MANY 64

struct author {
    rc_index *ix;
    rc_arena *arena;
    rc_label labels[MANY];
    rc_port ports[MANY];
    rc_netif nets[MANY];
    rc_row row;
    enum rc_change_cause cause;
    rc_str action;
};

static int hex(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) % 16 : -1;
}

/* In place; the terminator may move to the front, %00 stays what it is. */
static rc_str decode(char *s)
{
    char *to = s;
    for (char *from = s; *from; from++) {
        if (*from == '%' && hex(from[1]) >= 0 && hex(from[2]) >= 0) {
            *to++ = (char)(hex(from[1]) * 16 + hex(from[2]));
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return rc_str_n(s, (size_t)(to - s));
}

static char *part(char **rest)
{
    char *p = strsep(rest, "|");
    return p ? p : (char *)"";
}

static const struct {
    const char *key;
    size_t at;
} texts[] = {
    {"id", offsetof(rc_row, id)},
    {"name", offsetof(rc_row, name)},
    {"image", offsetof(rc_row, image)},
    {"image_id", offsetof(rc_row, image_id)},
    {"command", offsetof(rc_row, command)},
    {"engine_state", offsetof(rc_row, engine_state)},
    {"workload", offsetof(rc_row, workload_id)},
    {"kind", offsetof(rc_row, workload_kind)},
    {"role", offsetof(rc_row, workload_role)},
};

static const struct {
    const char *key;
    size_t at;
} times[] = {
    {"created", offsetof(rc_row, created_ns)},
    {"started", offsetof(rc_row, started_ns)},
    {"finished", offsetof(rc_row, finished_ns)},
    {"missing_since", offsetof(rc_row, missing_since_ns)},
};

static int set_plain(struct author *a, const char *key, char *value)
{
    for (size_t i = 0; i < RC_ARRAY_LEN(texts); i++) {
        if (strcmp(key, texts[i].key) == 0) {
            rc_str s = decode(value);
            memcpy((char *)&a->row + texts[i].at, &s, sizeof(s));
            return 0;
        }
    }
    for (size_t i = 0; i < RC_ARRAY_LEN(times); i++) {
        if (strcmp(key, times[i].key) == 0) {
            int64_t ns = strtoll(value, NULL, 10) * RC_NS_PER_SEC;
            memcpy((char *)&a->row + times[i].at, &ns, sizeof(ns));
            return 0;
        }
    }
    return -1;
}

static int set_list(struct author *a, const char *key, char *value)
{
    if (strcmp(key, "label") == 0 && a->row.n_labels < MANY) {
        rc_label *l = &a->labels[a->row.n_labels++];
        char *k = strsep(&value, "=");
        *l = (rc_label){decode(k), value ? decode(value) : RC_STR_EMPTY};
    } else if (strcmp(key, "port") == 0 && a->row.n_ports < MANY) {
        rc_port *p = &a->ports[a->row.n_ports++];
        p->ip = decode(part(&value));
        p->private_port = (uint16_t)strtoul(part(&value), NULL, 10);
        p->public_port = (uint16_t)strtoul(part(&value), NULL, 10);
        p->protocol = decode(part(&value));
    } else if (strcmp(key, "net") == 0 && a->row.n_networks < MANY) {
        rc_netif *n = &a->nets[a->row.n_networks++];
        n->network = decode(part(&value));
        n->id = decode(part(&value));
        n->ip = n->ip6 = n->mac = RC_STR_EMPTY;
    } else {
        return -1;
    }
    return 0;
}

static bool cause_of(const char *name, enum rc_change_cause *out)
{
    for (int i = 0; i < RC_CAUSE_COUNT; i++) {
        if (strcmp(name, rc_change_cause_name((enum rc_change_cause)i)) == 0) {
            *out = (enum rc_change_cause)i;
            return true;
        }
    }
    return false;
}

static int set_word(struct author *a, const char *key, char *value)
{
    if (strcmp(key, "state") == 0)
        return rc_state_parse(rc_str_c(value), &a->row.state) ? 0 : -1;
    if (strcmp(key, "health") == 0)
        return rc_health_parse(rc_str_c(value), &a->row.health) ? 0 : -1;
    if (strcmp(key, "cause") == 0)
        return cause_of(value, &a->cause) ? 0 : -1;
    if (strcmp(key, "action") == 0)
        a->action = decode(value);
    else if (strcmp(key, "exit") == 0)
        a->row.has_exit_code = true, a->row.exit_code = (int32_t)strtol(value, NULL, 10);
    else if (strcmp(key, "managed") == 0)
        a->row.managed = true;
    else if (strcmp(key, "partial") == 0)
        a->row.partial = true;
    else if (strcmp(key, "missing") == 0)
        a->row.missing_cause =
            strcmp(value, "destroyed") == 0 ? RC_MISSING_DESTROYED : RC_MISSING_VANISHED;
    else
        return -1;
    return 0;
}

static int put(struct author *a, char *args, rc_error *err)
{
    bool changed = false;
    rc_row_init(&a->row);
    a->row.state = RC_STATE_RUNNING;
    a->row.labels = a->labels;
    a->row.ports = a->ports;
    a->row.networks = a->nets;
    a->cause = RC_CAUSE_EVENT;
    a->action = RC_STR_EMPTY;
    while (args && *args) {
        char *value = strsep(&args, " ");
        const char *key = strsep(&value, "=");
        if (!value ||
            (set_plain(a, key, value) && set_list(a, key, value) && set_word(a, key, value)))
            return rc_fail(err, RC_INVALID, "what is %s?", key);
    }
    if (a->row.workload_id.len || a->row.workload_kind.len)
        a->row.scheme = RC_SCHEME_WORKLOAD;
    rc_arena_reset(a->arena);
    if (!rc_row_normalise(&a->row, a->arena))
        return rc_fail(err, RC_NOMEM, "out of memory");
    return rc_index_put(a->ix, &a->row, a->cause, a->action, &changed, err);
}

static int del(struct author *a, char *args, rc_error *err)
{
    rc_id id;
    enum rc_change_cause cause = RC_CAUSE_EXPIRED;
    const char *hex_id = strsep(&args, " ");
    if (!args || !rc_id_parse(rc_str_c(hex_id), &id) || !cause_of(args, &cause))
        return rc_fail(err, RC_INVALID, "del ID CAUSE");
    return rc_index_del(a->ix, &id, cause, err);
}

static int mirror(struct author *a, char *args, rc_error *err)
{
    const char *name = args ? strsep(&args, " ") : "";
    for (int i = 0; i < RC_MIRROR_STATE_COUNT; i++) {
        if (strcmp(name, rc_mirror_state_name((enum rc_mirror_state)i)) == 0) {
            rc_mirror_status status = {(enum rc_mirror_state)i, i == RC_MIRROR_LIVE,
                                       args ? strtoll(args, NULL, 10) * RC_NS_PER_SEC : 0};
            rc_index_set_mirror(a->ix, &status);
            return RC_OK;
        }
    }
    return rc_fail(err, RC_INVALID, "mirror STATE");
}

static void set_beat(rc_live_info *info, void *arg)
{
    info->mirror_beat_ns = rc_clock_mono() - *(const int64_t *)arg;
}

static void set_resync(rc_live_info *info, void *arg)
{
    info->resync_ns = rc_clock_real() - *(const int64_t *)arg;
    info->resync_mono_ns = rc_clock_mono() - *(const int64_t *)arg;
    info->resync_took_ns = 12345678;
    info->resync_every_ns = 30 * RC_NS_PER_SEC;
    (void)strcpy(info->endpoint, "unix:///run/a\x1b[2Jb.sock");
    (void)strcpy(info->engine_version, "20.10.24");
    (void)strcpy(info->api_version, "1.41");
}

static int obey(struct author *a, char *line, rc_error *err)
{
    const char *verb = strsep(&line, " ");
    int64_t ns = line ? (int64_t)atoi(line) * RC_NS_PER_SEC : 0; /* beat's and resync's */
    if (strcmp(verb, "put") == 0)
        return put(a, line, err);
    if (strcmp(verb, "del") == 0)
        return del(a, line, err);
    if (strcmp(verb, "mirror") == 0)
        return mirror(a, line, err);
    if (strcmp(verb, "commit") == 0)
        return rc_index_commit(a->ix, rc_clock_real(), err);
    if (strcmp(verb, "rebuild") == 0)
        return rc_index_rebuild(a->ix, "a test wants it", err);
    if (strcmp(verb, "beat") == 0)
        rc_live_update(rc_index_live(a->ix), set_beat, &ns);
    else if (strcmp(verb, "resync") == 0)
        rc_live_update(rc_index_live(a->ix), set_resync, &ns);
    else
        return rc_fail(err, RC_INVALID, "no such command");
    return RC_OK;
}

int main(int argc, char **argv)
{
    rc_error err = RC_ERROR_INIT;
    struct author a = {.arena = rc_arena_new(0, 0)};
    enum rc_index_origin origin = RC_INDEX_KEPT;
    char *line = NULL;
    size_t size = 0;
    rc_index_options options = {.path = argc == 3 ? argv[1] : "",
                                .map_size = (size_t)256 << 20,
                                .max_used = (size_t)128 << 20,
                                .history = strtoull(argc == 3 ? argv[2] : "1", NULL, 10),
                                .history_bytes = (uint64_t)64 << 20,
                                .gid = (gid_t)-1};
    if (argc != 3 || !a.arena || rc_index_open(&options, &a.ix, &origin, NULL, &err)) {
        (void)fprintf(stderr, "index_author DIR HISTORY: %s\n", err.msg);
        return 1;
    }
    for (ssize_t n = 0; (n = getline(&line, &size, stdin)) > 0;) {
        line[n - 1] = '\0';
        if (obey(&a, line, &err))
            printf("error %s\n", err.msg);
        else
            printf("ok %016" PRIx64 " %" PRIu64 "\n", rc_index_epoch(a.ix), rc_index_rev(a.ix));
        (void)fflush(stdout);
    }
    free(line);
    rc_index_close(a.ix);
    rc_arena_free(a.arena);
    return 0;
}
