/* The table of every configuration key, and how people are told of it. */
#include "daemon/config_keys.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "daemon/config.h"

#define KiB        UINT64_C(1024)
#define MiB        (1024 * KiB)
#define GiB        (1024 * MiB)
#define TiB        (1024 * GiB)
#define MS         ((uint64_t)RC_NS_PER_MS)
#define SECOND     ((uint64_t)RC_NS_PER_SEC)
#define HOUR       (3600 * SECOND)
#define YEAR       (HOUR * 24 * 365)
#define PATH_BYTES 3900 /* below PATH_MAX by what the index and its writer append */

/* clang-format off */
/* A member cannot stand in parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define KEY(section, member, type, fallback, min, max) \
    {#section, #member, type, offsetof(rc_config, section.member), fallback, min, max}
/* NOLINTEND(bugprone-macro-parentheses) */

static const rc_config_key keys[] = {
    KEY(engine, host,              RC_KEY_TEXT,     "",           0, PATH_BYTES),
    KEY(engine, api_version,       RC_KEY_API,      "",           0, 0),
    KEY(engine, tls_ca,            RC_KEY_PATH,     "",           0, PATH_BYTES),
    KEY(engine, tls_cert,          RC_KEY_PATH,     "",           0, PATH_BYTES),
    KEY(engine, tls_key,           RC_KEY_PATH,     "",           0, PATH_BYTES),
    KEY(engine, connect_timeout,   RC_KEY_DURATION, "5s",         100 * MS, HOUR),
    KEY(engine, request_timeout,   RC_KEY_DURATION, "30s",        100 * MS, HOUR),
    KEY(engine, reconnect_max,     RC_KEY_DURATION, "5s",         100 * MS, HOUR),
    KEY(engine, inspect,           RC_KEY_SWITCH,   "on",         0, 1),
    /* A resync is a full list: more often than this it would be the load it watches for. */
    KEY(mirror, resync_interval,   RC_KEY_DURATION, "30s",        SECOND, 24 * HOUR),
    KEY(mirror, missing_ttl,       RC_KEY_TTL,      "10m",        0, 10 * YEAR),
    KEY(index,  path,              RC_KEY_PATH,     "",           0, PATH_BYTES),
    KEY(index,  map_size,          RC_KEY_SIZE,     "16GiB",      16 * MiB, 16 * TiB),
    KEY(index,  max_used,          RC_KEY_SIZE,     "1GiB",       MiB, 16 * TiB),
    KEY(index,  history,           RC_KEY_COUNT,    "65536",      1, 1000000000),
    KEY(index,  history_bytes,     RC_KEY_SIZE,     "256MiB",     64 * KiB, 16 * TiB),
    KEY(index,  labels,            RC_KEY_GLOBS,    "*",          0, 256),
    KEY(index,  labels_drop,       RC_KEY_GLOBS,    "",           0, 256),
    KEY(workloads, prefix,         RC_KEY_WORD,     "tinyforge.", 1, 128),
    KEY(api,    socket,            RC_KEY_PATH,     "",           0, PATH_BYTES),
    KEY(api,    mode,              RC_KEY_MODE,     "0660",       0, 0777),
    {"api", "group", RC_KEY_GROUP, offsetof(rc_config, api.gid), "", 0, UINT32_MAX - 1},
    KEY(api,    writers,           RC_KEY_USERS,    "",           0, 64),
    KEY(api,    max_connections,   RC_KEY_NUMBER,   "256",        1, 65536),
    KEY(log,    level,             RC_KEY_LEVEL,    "info",       0, 0),
    KEY(log,    format,            RC_KEY_FORMAT,   "auto",       0, 0),
};
/* clang-format on */

_Static_assert(RC_ARRAY_LEN(keys) <= RC_CONFIG_KEYS_MAX, "RC_CONFIG_KEYS_MAX is too small");

size_t rc_config_key_count(void)
{
    return RC_ARRAY_LEN(keys);
}

const rc_config_key *rc_config_key_at(size_t i)
{
    return &keys[i];
}

size_t rc_config_key_index(const rc_config_key *key)
{
    return (size_t)(key - keys);
}

int rc_config_key_is_list(const rc_config_key *key)
{
    return key->type == RC_KEY_GLOBS || key->type == RC_KEY_USERS;
}

/* Is i the first key of its section? A section's keys stand together. */
static bool opens_section(size_t i)
{
    return i == 0 || strcmp(keys[i].section, keys[i - 1].section) != 0;
}

int rc_config_section_check(rc_str section, rc_error *err)
{
    char text[80], names[RC_ERROR_MAX / 2];
    int n = 0;
    for (size_t i = 0; i < RC_ARRAY_LEN(keys); i++) {
        if (!opens_section(i))
            continue;
        if (rc_str_eq_c(section, keys[i].section))
            return RC_OK;
        n += snprintf(names + n, sizeof(names) - (size_t)n, " [%s]", keys[i].section);
    }
    return rc_fail(err, RC_INVALID, "unknown section [%s], expected one of%s",
                   rc_escape_into(text, sizeof(text), section), names);
}

int rc_config_key_find(rc_str section, rc_str name, const rc_config_key **out, rc_error *err)
{
    char text[80], names[RC_ERROR_MAX / 2];
    size_t n = 0;
    int code = rc_config_section_check(section, err);
    if (code)
        return code;
    for (size_t i = 0; i < RC_ARRAY_LEN(keys); i++) {
        if (!rc_str_eq_c(section, keys[i].section))
            continue;
        if (rc_str_eq_c(name, keys[i].name)) {
            *out = &keys[i];
            return RC_OK;
        }
        if (n < sizeof(names))
            n += (size_t)snprintf(names + n, sizeof(names) - n, " %s", keys[i].name);
    }
    return rc_fail(err, RC_INVALID, "unknown key %.*s.%s, expected one of%s", RC_STR_ARG(section),
                   rc_escape_into(text, sizeof(text), name), names);
}

int rc_config_key_find_dotted(rc_str dotted, const rc_config_key **out, rc_error *err)
{
    char text[80];
    const char *dot = dotted.len ? memchr(dotted.ptr, '.', dotted.len) : NULL;
    if (!dot)
        return rc_fail(err, RC_INVALID, "expected section.key, got \"%s\"",
                       rc_escape_into(text, sizeof(text), dotted));
    size_t n = (size_t)(dot - dotted.ptr);
    return rc_config_key_find(rc_str_n(dotted.ptr, n), rc_str_n(dot + 1, dotted.len - n - 1), out,
                              err);
}

/* In the largest unit that takes it whole, as one would write it. */
static const char *size_text(char out[32], uint64_t bytes)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;
    while (i + 1 < RC_ARRAY_LEN(units) && bytes >= KiB && bytes % KiB == 0)
        bytes /= KiB, i++;
    snprintf(out, 32, "%llu%s", (unsigned long long)bytes, units[i]);
    return out;
}

char *rc_config_key_expects(const rc_config_key *key, char out[RC_CONFIG_EXPECTS_MAX])
{
    const size_t size = RC_CONFIG_EXPECTS_MAX;
    char low[RC_TIME_MAX], high[RC_TIME_MAX], bytes[32];
    unsigned long long min = key->min, max = key->max;
    switch (key->type) {
    case RC_KEY_TEXT:
    case RC_KEY_PATH:
        snprintf(out, size, "printable text of at most %llu bytes", max);
        break;
    case RC_KEY_WORD:
        snprintf(out, size, "a word of %llu to %llu printable bytes", min, max);
        break;
    case RC_KEY_API:
        snprintf(out, size, "an API version such as 1.41");
        break;
    case RC_KEY_DURATION:
    case RC_KEY_TTL:
        rc_duration_format(low, (int64_t)min);
        rc_duration_format(high, (int64_t)max);
        snprintf(out, size, "a duration from %s to %s, as 250ms, 30s or 1h30m%s", low, high,
                 key->type == RC_KEY_TTL ? ", or never" : "");
        break;
    case RC_KEY_SIZE:
        snprintf(out, size, "a size from %s to %s, as 16GiB, 256MiB, 64k or plain bytes",
                 size_text(bytes, min), size_text(high, max));
        break;
    case RC_KEY_COUNT:
    case RC_KEY_NUMBER:
        snprintf(out, size, "a whole number from %llu to %llu", min, max);
        break;
    case RC_KEY_SWITCH:
        snprintf(out, size, "on or off");
        break;
    case RC_KEY_MODE:
        snprintf(out, size, "octal permissions from 0 to %04llo, as 0660", max);
        break;
    case RC_KEY_GROUP:
        snprintf(out, size, "a group's name or number");
        break;
    case RC_KEY_USERS:
        snprintf(out, size, "at most %llu users' names or numbers, separated by commas or blanks",
                 max);
        break;
    case RC_KEY_GLOBS:
        snprintf(out, size, "at most %llu globs, separated by commas or blanks", max);
        break;
    case RC_KEY_LEVEL:
        snprintf(out, size, "error, warning, info or debug");
        break;
    case RC_KEY_FORMAT:
        snprintf(out, size, "auto, text, json or journal");
        break;
    }
    return out;
}
