/* One configuration value: text in, the typed member out. A function a type; each checks the bounds
 * that its key's line of the table gives. */
#include "daemon/config_value.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"

/* What the system's user database may say of one user or group. */
#define DATABASE_ENTRY_MAX ((size_t)1 << 20)

static int expected(const rc_config_key *key, rc_str text, rc_error *err)
{
    char expects[RC_CONFIG_EXPECTS_MAX], got[120];
    return rc_fail(err, RC_INVALID, "expected %s, got \"%s\"", rc_config_key_expects(key, expects),
                   rc_escape_into(got, sizeof(got), text));
}

static bool in_bounds(const rc_config_key *key, uint64_t v)
{
    return v >= key->min && v <= key->max;
}

/* ---- Text ---- */

static bool printable(rc_str s, bool blanks)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < ' ' || c == 0x7f || (c == ' ' && !blanks))
            return false;
    }
    return true;
}

static int set_text(char **field, rc_str text, rc_error *err)
{
    char *copy = strndup(text.ptr, text.len);
    if (!copy)
        return rc_fail(err, RC_NOMEM, "out of memory");
    free(*field);
    *field = copy;
    return RC_OK;
}

static int parse_text(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                      rc_error *err)
{
    (void)c;
    rc_str value = text;
    if (key->type == RC_KEY_PATH)
        while (value.len > 1 && value.ptr[value.len - 1] == '/')
            value.len--;
    if (!in_bounds(key, value.len) || !printable(value, key->type != RC_KEY_WORD))
        return expected(key, text, err);
    return set_text(field, value, err);
}

static int parse_api(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                     rc_error *err)
{
    (void)c;
    size_t i = 0, dot = 0;
    while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
        i++;
    dot = i;
    if (i < text.len && text.ptr[i] == '.')
        i++;
    while (i > dot && i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
        i++;
    bool good = dot >= 1 && dot <= 3 && i >= dot + 2 && i <= dot + 4 && i == text.len;
    if (text.len && !good)
        return expected(key, text, err);
    return set_text(field, text, err);
}

/* ---- Numbers ---- */

/* All of s as digits of the base. */
static bool read_number(rc_str s, unsigned base, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
            __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *ret = v;
    return s.len > 0;
}

/* Units are binary, with or without the iB that says so; "64kB" could mean either and is none. */
static bool read_size(rc_str s, uint64_t *ret)
{
    static const char units[] = "kKmMgGtT";
    unsigned shift = 0;
    uint64_t v = 0;
    if (s.len > 3 && memcmp(s.ptr + s.len - 2, "iB", 2) == 0) {
        s.len -= 2;
        if (!strchr(units, s.ptr[s.len - 1]))
            return false;
    }
    const char *unit = s.len ? strchr(units, s.ptr[s.len - 1]) : NULL;
    if (unit && *unit) {
        shift = 10 * (1 + (unsigned)(unit - units) / 2);
        s.len--;
    }
    return read_number(s, 10, &v) && !__builtin_mul_overflow(v, UINT64_C(1) << shift, ret);
}

static int parse_size(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                      rc_error *err)
{
    (void)c;
    uint64_t v = 0;
    if (!read_size(text, &v) || !in_bounds(key, v))
        return expected(key, text, err);
    *(uint64_t *)field = v;
    return RC_OK;
}

static int parse_count(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                       rc_error *err)
{
    (void)c;
    uint64_t v = 0;
    if (!read_number(text, 10, &v) || !in_bounds(key, v))
        return expected(key, text, err);
    if (key->type == RC_KEY_NUMBER)
        *(unsigned *)field = (unsigned)v;
    else
        *(uint64_t *)field = v;
    return RC_OK;
}

static int parse_mode(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                      rc_error *err)
{
    (void)c;
    uint64_t v = 0;
    if (!read_number(text, 8, &v) || !in_bounds(key, v))
        return expected(key, text, err);
    *(mode_t *)field = (mode_t)v;
    return RC_OK;
}

static int parse_duration(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                          rc_error *err)
{
    (void)c;
    int64_t ns = 0;
    if (key->type == RC_KEY_TTL && rc_str_eq(text, RC_STR("never")))
        ns = RC_MISSING_TTL_NEVER;
    else if (rc_duration_parse(text, &ns, NULL) || !in_bounds(key, (uint64_t)ns))
        return expected(key, text, err);
    *(int64_t *)field = ns;
    return RC_OK;
}

/* ---- Words ---- */

static int parse_switch(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                        rc_error *err)
{
    (void)c;
    bool on = rc_str_eq(text, RC_STR("on"));
    if (!on && !rc_str_eq(text, RC_STR("off")))
        return expected(key, text, err);
    *(bool *)field = on;
    return RC_OK;
}

static int parse_level(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                       rc_error *err)
{
    static const char *const names[] = {
        [RC_LOG_ERROR] = "error",
        [RC_LOG_WARNING] = "warning",
        [RC_LOG_INFO] = "info",
        [RC_LOG_DEBUG] = "debug",
    };
    (void)c;
    for (size_t i = 0; i < RC_ARRAY_LEN(names); i++) {
        if (rc_str_eq_c(text, names[i])) {
            *(enum rc_log_level *)field = (enum rc_log_level)i;
            return RC_OK;
        }
    }
    return expected(key, text, err);
}

static int parse_format(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                        rc_error *err)
{
    static const char *const names[] = {
        [RC_LOG_TEXT] = "text",
        [RC_LOG_JSON] = "json",
        [RC_LOG_JOURNAL] = "journal",
    };
    (void)c;
    if (rc_str_eq(text, RC_STR("auto"))) {
        *(enum rc_log_format *)field = rc_log_detect(STDERR_FILENO);
        return RC_OK;
    }
    for (size_t i = 0; i < RC_ARRAY_LEN(names); i++) {
        if (rc_str_eq_c(text, names[i])) {
            *(enum rc_log_format *)field = (enum rc_log_format)i;
            return RC_OK;
        }
    }
    return expected(key, text, err);
}

/* ---- Lists ---- */

static bool separates(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

/* The next element of a list separated by commas and blanks; false at its end. */
static bool next_element(rc_str *rest, rc_str *ret)
{
    size_t from = 0;
    while (from < rest->len && separates(rest->ptr[from]))
        from++;
    size_t to = from;
    while (to < rest->len && !separates(rest->ptr[to]))
        to++;
    *ret = rc_str_n(rest->ptr + from, to - from);
    *rest = rc_str_n(rest->ptr + to, rest->len - to);
    return ret->len > 0;
}

static int parse_globs(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                       rc_error *err)
{
    (void)c;
    rc_str rest = text, glob;
    uint64_t count = 0;
    while (next_element(&rest, &glob))
        if (++count > key->max || !printable(glob, false))
            return expected(key, text, err);
    return set_text(field, text, err);
}

/* One look with a buffer of this size: ERANGE wants a larger one. *ret_found: is there such a name?
 */
static int ask_database(bool group, const char *name, char *buf, size_t size, uint64_t *ret_id,
                        bool *ret_found)
{
    struct passwd pw, *pw_found = NULL;
    struct group gr, *gr_found = NULL;
    int rc = group ? getgrnam_r(name, &gr, buf, size, &gr_found)
                   : getpwnam_r(name, &pw, buf, size, &pw_found);
    *ret_found = gr_found || pw_found;
    if (*ret_found)
        *ret_id = gr_found ? (uint64_t)gr.gr_gid : (uint64_t)pw.pw_uid;
    return rc;
}

static int look_up(bool group, const char *name, uint64_t *ret_id, rc_error *err)
{
    const char *what = group ? "group" : "user";
    char shown[120];
    bool found = false;
    int rc = ERANGE;
    for (size_t size = 1024; rc == ERANGE && size <= DATABASE_ENTRY_MAX; size *= 2) {
        char *buf = malloc(size);
        if (!buf)
            return rc_fail(err, RC_NOMEM, "out of memory");
        rc = ask_database(group, name, buf, size, ret_id, &found);
        free(buf);
    }
    if (found)
        return RC_OK;
    /* Absence is reported with several errnos, and none of them helps. */
    return rc_fail(err, RC_INVALID, "there is no %s \"%s\"", what,
                   rc_escape_into(shown, sizeof(shown), rc_str_c(name)));
}

/* A number, or a name of the user or group database. */
static int read_id(const rc_config_key *key, rc_str text, bool group, uint64_t *ret_id,
                   rc_error *err)
{
    uint64_t id = 0;
    char name[256];
    if (read_number(text, 10, &id)) {
        /* The last one means "none" to the system calls. */
        if (id >= UINT32_MAX)
            return expected(key, text, err);
        *ret_id = id;
        return RC_OK;
    }
    if (text.len >= sizeof(name) || !printable(text, false))
        return expected(key, text, err);
    memcpy(name, text.ptr, text.len);
    name[text.len] = '\0';
    return look_up(group, name, ret_id, err);
}

static int parse_group(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                       rc_error *err)
{
    (void)c;
    uint64_t id = (gid_t)-1;
    int code = text.len ? read_id(key, text, true, &id, err) : RC_OK;
    if (code == RC_OK)
        *(gid_t *)field = (gid_t)id;
    return code;
}

/* Every element's id; out has room for key->max. */
static int read_users(const rc_config_key *key, rc_str text, uid_t *out, size_t *ret_n,
                      rc_error *err)
{
    rc_str rest = text, one;
    size_t n = 0;
    for (; next_element(&rest, &one); n++) {
        uint64_t id = 0;
        if (n == key->max)
            return expected(key, text, err);
        int code = read_id(key, one, false, &id, err);
        if (code)
            return code;
        out[n] = (uid_t)id;
    }
    *ret_n = n;
    return RC_OK;
}

static int parse_users(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                       rc_error *err)
{
    size_t n = 0;
    uid_t *uids = calloc(key->max, sizeof(*uids));
    if (!uids)
        return rc_fail(err, RC_NOMEM, "out of memory");
    int code = read_users(key, text, uids, &n, err);
    if (code) {
        free(uids);
        return code;
    }
    free(*(uid_t **)field);
    *(uid_t **)field = uids;
    c->api.n_writers = n;
    return RC_OK;
}

/* ---- All of them ---- */

typedef int parse_fn(rc_config *c, const rc_config_key *key, rc_str text, void *field,
                     rc_error *err);

static parse_fn *const parsers[] = {
    [RC_KEY_TEXT] = parse_text,         [RC_KEY_WORD] = parse_text,
    [RC_KEY_PATH] = parse_text,         [RC_KEY_API] = parse_api,
    [RC_KEY_DURATION] = parse_duration, [RC_KEY_TTL] = parse_duration,
    [RC_KEY_SIZE] = parse_size,         [RC_KEY_COUNT] = parse_count,
    [RC_KEY_NUMBER] = parse_count,      [RC_KEY_SWITCH] = parse_switch,
    [RC_KEY_MODE] = parse_mode,         [RC_KEY_GROUP] = parse_group,
    [RC_KEY_USERS] = parse_users,       [RC_KEY_GLOBS] = parse_globs,
    [RC_KEY_LEVEL] = parse_level,       [RC_KEY_FORMAT] = parse_format,
};

int rc_config_value_set(rc_config *c, const rc_config_key *key, rc_str text, rc_error *err)
{
    return parsers[key->type](c, key, text, (char *)c + key->offset, err);
}

void rc_config_value_clear(rc_config *c, const rc_config_key *key)
{
    void *field = (char *)c + key->offset;
    switch (key->type) {
    case RC_KEY_TEXT:
    case RC_KEY_WORD:
    case RC_KEY_PATH:
    case RC_KEY_API:
    case RC_KEY_GLOBS:
        free(*(char **)field);
        *(char **)field = NULL;
        break;
    case RC_KEY_USERS:
        free(*(uid_t **)field);
        *(uid_t **)field = NULL;
        c->api.n_writers = 0;
        break;
    default:
        break;
    }
}
