/* The configuration as a whole: every key of the table, the layers' precedence, the command line,
 * the environment, what is derived, and what does not fit together. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/config_draft.h"
#include "daemon/config_file.h"
#include "daemon/config_value.h"

#define ARGS_MAX 16

struct room {
    char dir[64];
    char file[96];
    rc_config *config; /* of the last load */
    enum rc_config_wish wish;
    rc_error err;
};

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    strcpy(r->dir, "/tmp/rc_conf_XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->file, sizeof(r->file), "%s/r.conf", r->dir);
    *state = r;
    return 0;
}

static void path_in(const struct room *r, const char *name, char out[160])
{
    snprintf(out, 160, "%s/%s", r->dir, name);
}

static int teardown(void **state)
{
    static const char *const names[] = {"r.conf", "conf.d/1.conf", "conf.d/2.conf"};
    struct room *r = *state;
    char path[160];
    rc_config_free(r->config);
    for (size_t i = 0; i < RC_ARRAY_LEN(names); i++) {
        path_in(r, names[i], path);
        (void)unlink(path);
    }
    path_in(r, "conf.d", path);
    (void)rmdir(path);
    assert_int_equal(rmdir(r->dir), 0);
    free(r);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) < 0, 0);
    assert_int_equal(fclose(f), 0);
}

/* args and env: lists that end with NULL; env may be NULL. */
static int load(struct room *r, const char *const args[], const char *const env[])
{
    char *argv[ARGS_MAX] = {(char *)(uintptr_t) "rollcalld"};
    int argc = 1;
    for (; args[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    r->config = rc_config_free(r->config);
    r->err = (rc_error)RC_ERROR_INIT;
    return rc_config_load(argc, argv, (char *const *)(uintptr_t)env, &r->config, &r->wish, &r->err);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE      ((const char *const[]){NULL})

/* What stands at /etc is no business of these tests. */
#define NO_FILE "-c", "/dev/null"

static void good(struct room *r, const char *const args[], const char *const env[])
{
    if (load(r, args, env))
        fail_msg("%s", r->err.msg);
}

static void refused(struct room *r, const char *const args[], const char *const env[],
                    const char *message)
{
    assert_int_equal(load(r, args, env), RC_INVALID);
    assert_string_equal(r->err.msg, message);
}

/* ---- Every key ---- */

/* A value of each key and how the member then looks; and one that is refused. */
static const struct sample {
    const char *key, *text, *shown, *bad;
} samples[] = {
    {"engine.host", "tcp://h:1", "tcp://h:1", "a\nb"},
    {"engine.api_version", "1.41", "1.41", "v1.41"},
    {"engine.tls_ca", "/a b/ca.pem", "/a b/ca.pem", "a\x7f"},
    {"engine.tls_cert", "/cert//", "/cert", "a\tb"},
    {"engine.tls_key", "/", "/", "a\x1b"},
    {"engine.connect_timeout", "1500ms", "1500000000", "5"},
    {"engine.request_timeout", "1m", "60000000000", "-1s"},
    {"engine.reconnect_max", "1s", "1000000000", ""},
    {"engine.inspect", "off", "0", "no"},
    {"mirror.resync_interval", "5m", "300000000000", "0"},
    {"mirror.missing_ttl", "never", "9223372036854775807", "Never"},
    {"index.path", "/x/", "/x", "\x01"},
    {"index.map_size", "64MiB", "67108864", "64MB"},
    {"index.max_used", "2048K", "2097152", "1.5GiB"},
    {"index.history", "12", "12", "12k"},
    {"index.history_bytes", "65536", "65536", "65536B"},
    {"index.labels", "com.*, org.?", "com.*, org.?", "a\x01"},
    {"index.labels_drop", "secret.*", "secret.*", "a\x7f"},
    {"workloads.prefix", "acme.", "acme.", ""},
    {"api.socket", "/s", "/s", "\r"},
    {"api.mode", "0600", "384", "0680"},
    {"api.group", "65533", "65533", "no-such-group"},
    {"api.writers", "0 7,root", "3: 0 7 0", "no-such-user"},
    {"api.max_connections", "17", "17", "+17"},
    {"log.level", "debug", "3", "DEBUG"},
    {"log.format", "json", "1", "xml"},
};

/* What a member holds, as text. */
static void show(const rc_config *c, const rc_config_key *key, char *out, size_t size)
{
    const void *field = (const char *)c + key->offset;
    size_t n = 0;
    switch (key->type) {
    case RC_KEY_TEXT:
    case RC_KEY_WORD:
    case RC_KEY_PATH:
    case RC_KEY_API:
    case RC_KEY_GLOBS:
        snprintf(out, size, "%s", *(char *const *)field);
        break;
    case RC_KEY_DURATION:
    case RC_KEY_TTL:
        snprintf(out, size, "%lld", (long long)*(const int64_t *)field);
        break;
    case RC_KEY_SIZE:
    case RC_KEY_COUNT:
        snprintf(out, size, "%llu", (unsigned long long)*(const uint64_t *)field);
        break;
    case RC_KEY_SWITCH:
        snprintf(out, size, "%d", *(const bool *)field);
        break;
    case RC_KEY_USERS:
        n = (size_t)snprintf(out, size, "%zu:", c->api.n_writers);
        for (size_t i = 0; i < c->api.n_writers; i++)
            n += (size_t)snprintf(out + n, size - n, " %u", c->api.writers[i]);
        break;
    default: /* of 32 bits each */
        snprintf(out, size, "%u", *(const unsigned *)field);
        break;
    }
}

static const rc_config_key *find(const char *dotted)
{
    rc_error err = RC_ERROR_INIT;
    const rc_config_key *key = NULL;
    if (rc_config_key_find_dotted(rc_str_c(dotted), &key, &err))
        fail_msg("%s", err.msg);
    return key;
}

static void draft(rc_config_draft *d)
{
    assert_int_equal(rc_config_draft_init(d, NULL), RC_OK);
}

/* Sets one and looks at all. */
static void try_sample(const struct sample *s)
{
    char before[RC_CONFIG_KEYS_MAX][128], after[128], expected[128], prefix[128];
    rc_error err = RC_ERROR_INIT;
    rc_config_draft d;
    const rc_config_key *key = find(s->key);
    draft(&d);
    for (size_t i = 0; i < rc_config_key_count(); i++)
        show(d.config, rc_config_key_at(i), before[i], sizeof(before[i]));
    assert_int_equal(rc_config_draft_set(&d, key, rc_str_c(s->text), "here", &err), RC_OK);
    /* A refused value leaves what was there, and says who, which and what. */
    assert_int_equal(rc_config_draft_set(&d, key, rc_str_c(s->bad), "there", &err), RC_INVALID);
    snprintf(prefix, sizeof(prefix), "there: %s: ", s->key);
    assert_memory_equal(err.msg, prefix, strlen(prefix));
    assert_true(strlen(err.msg) > strlen(prefix) + 10);
    assert_string_equal(rc_config_draft_origin(&d, key), "here");
    for (size_t i = 0; i < rc_config_key_count(); i++) {
        bool self = rc_config_key_at(i) == key;
        show(d.config, rc_config_key_at(i), after, sizeof(after));
        snprintf(expected, sizeof(expected), "%s", self ? s->shown : before[i]);
        assert_string_equal(after, expected);
        assert_int_equal(self && strcmp(before[i], after) == 0, 0);
    }
    rc_config_draft_release(&d);
}

static void test_every_key(void **state)
{
    (void)state;
    assert_int_equal(RC_ARRAY_LEN(samples), rc_config_key_count());
    for (size_t i = 0; i < RC_ARRAY_LEN(samples); i++) {
        /* The samples are in the table's order, so that none is missing. */
        assert_int_equal(rc_config_key_index(find(samples[i].key)), i);
        try_sample(&samples[i]);
    }
}

/* A value of the key's unit as text. False where the type has no bounds of its value. */
static bool bound_text(const rc_config_key *key, uint64_t v, char out[RC_TIME_MAX])
{
    switch (key->type) {
    case RC_KEY_DURATION:
    case RC_KEY_TTL:
        rc_duration_format(out, (int64_t)v);
        return true;
    case RC_KEY_SIZE:
    case RC_KEY_COUNT:
    case RC_KEY_NUMBER:
    case RC_KEY_GROUP:
        snprintf(out, RC_TIME_MAX, "%llu", (unsigned long long)v);
        return true;
    case RC_KEY_MODE:
        snprintf(out, RC_TIME_MAX, "%llo", (unsigned long long)v);
        return true;
    default:
        return false;
    }
}

static void test_every_bound(void **state)
{
    unsigned tried = 0;
    (void)state;
    for (size_t i = 0; i < rc_config_key_count(); i++) {
        const rc_config_key *key = rc_config_key_at(i);
        const struct {
            uint64_t value;
            int code;
        } at[] = {{key->min, RC_OK},
                  {key->max, RC_OK},
                  {key->min - 1, key->min ? RC_INVALID : RC_OK},
                  {key->max + 1, RC_INVALID}};
        rc_config_draft d;
        draft(&d);
        for (size_t k = 0; k < RC_ARRAY_LEN(at); k++) {
            char text[RC_TIME_MAX], shown[64], expected[64];
            /* There is nothing below 0. */
            if ((k == 2 && key->min == 0) || !bound_text(key, at[k].value, text))
                continue;
            assert_int_equal(rc_config_draft_set(&d, key, rc_str_c(text), "x", NULL), at[k].code);
            show(d.config, key, shown, sizeof(shown));
            snprintf(expected, sizeof(expected), "%llu",
                     (unsigned long long)at[at[k].code ? 1 : k].value);
            assert_string_equal(shown, expected);
            tried++;
        }
        rc_config_draft_release(&d);
    }
    assert_in_range(tried, 12 * 3, SIZE_MAX);
}

static void test_sizes_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes; /* 0: refused */
    } cases[] = {
        {"16777216", 16777216},
        {"16384k", 16777216},
        {"16384K", 16777216},
        {"16384KiB", 16777216},
        {"17M", 17825792},
        {"17MiB", 17825792},
        {"17m", 17825792},
        {"1g", 1073741824},
        {"1GiB", 1073741824},
        {"2T", 2199023255552},
        {"1Gi", 0},
        {"1GB", 0},
        {"1G B", 0},
        {"GiB", 0},
        {"", 0},
        {"iB", 0},
        {"17iB", 0},
        {"17 MiB", 0},
        {"0x1000000", 0},
        {"-17MiB", 0},
        {"17MiB ", 0},
        {"18446744073709551616", 0},
        {"18014398509481985k", 0},
    };
    rc_config_draft d;
    (void)state;
    draft(&d);
    for (size_t i = 0; i < RC_ARRAY_LEN(cases); i++) {
        d.config->index.map_size = 0;
        (void)rc_config_draft_set(&d, find("index.map_size"), rc_str_c(cases[i].text), "x", NULL);
        assert_int_equal(d.config->index.map_size, cases[i].bytes);
    }
    rc_config_draft_release(&d);
}

static void test_lists_are_bounded(void **state)
{
    char text[2048] = "";
    rc_config_draft d;
    (void)state;
    draft(&d);
    for (int i = 0; i < 64; i++)
        strcat(text, "1,");
    assert_int_equal(rc_config_draft_set(&d, find("api.writers"), rc_str_c(text), "x", NULL),
                     RC_OK);
    assert_int_equal(d.config->api.n_writers, 64);
    strcat(text, "1");
    assert_int_equal(rc_config_draft_set(&d, find("api.writers"), rc_str_c(text), "x", NULL),
                     RC_INVALID);
    memset(text, 0, sizeof(text));
    for (int i = 0; i < 256; i++)
        strcat(text, "a ");
    assert_int_equal(rc_config_draft_set(&d, find("index.labels"), rc_str_c(text), "x", NULL),
                     RC_OK);
    strcat(text, "a");
    assert_int_equal(rc_config_draft_set(&d, find("index.labels"), rc_str_c(text), "x", NULL),
                     RC_INVALID);
    rc_config_draft_release(&d);
}

static void test_defaults(void **state)
{
    struct room *r = *state;
    good(r, ARGS(NO_FILE), ARGS("RUNTIME_DIRECTORY=/run/a:/run/b"));
    const rc_config *c = r->config;
    assert_int_equal(r->wish, RC_CONFIG_RUN);
    assert_string_equal(c->engine.host, "");
    assert_string_equal(c->engine.api_version, "");
    assert_string_equal(c->engine.tls_ca, "");
    assert_string_equal(c->engine.tls_cert, "");
    assert_string_equal(c->engine.tls_key, "");
    assert_int_equal(c->engine.connect_timeout, 5 * RC_NS_PER_SEC);
    assert_int_equal(c->engine.request_timeout, 30 * RC_NS_PER_SEC);
    assert_int_equal(c->engine.reconnect_max, 5 * RC_NS_PER_SEC);
    assert_true(c->engine.inspect);
    assert_int_equal(c->mirror.resync_interval, 30 * RC_NS_PER_SEC);
    assert_int_equal(c->mirror.missing_ttl, 600 * RC_NS_PER_SEC);
    assert_string_equal(c->index.path, "/run/a");
    assert_int_equal(c->index.map_size, UINT64_C(16) << 30);
    assert_int_equal(c->index.max_used, UINT64_C(1) << 30);
    assert_int_equal(c->index.history, 65536);
    assert_int_equal(c->index.history_bytes, UINT64_C(256) << 20);
    assert_string_equal(c->index.labels, "*");
    assert_string_equal(c->index.labels_drop, "");
    assert_string_equal(c->api.socket, "/run/a/api.sock");
    assert_int_equal(c->api.mode, 0660);
    assert_int_equal(c->api.gid, (gid_t)-1);
    assert_int_equal(c->api.n_writers, 0);
    assert_int_equal(c->api.max_connections, 256);
    assert_string_equal(c->workloads.prefix, "tinyforge.");
    assert_int_equal(c->log.level, RC_LOG_INFO);
    assert_int_equal(c->log.format, rc_log_detect(STDERR_FILENO));
}

/* The manual names every key with its default: a row of its table begins with them. */
static void test_the_manual_names_every_key(void **state)
{
    static char text[1 << 20];
    FILE *f = fopen(RC_DOCS "/operations.md", "r");
    (void)state;
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
    assert_int_equal(fclose(f), 0);
    for (size_t i = 0; i < rc_config_key_count(); i++) {
        const rc_config_key *key = rc_config_key_at(i);
        char row[128];
        const char *tick = *key->fallback ? "`" : "";
        snprintf(row, sizeof(row), "| `%s.%s` |%s%s%s%s |", key->section, key->name,
                 *tick ? " " : "", tick, key->fallback, tick);
        if (!strstr(text, row))
            fail_msg("docs/operations.md lacks: %s", row);
    }
}

/* ---- Precedence ---- */

enum layer { L_FILE, L_DROP1, L_DROP2, L_ENV, L_FLAG, LAYERS };

/* Sets the key in the layers of the bit set and expects the strongest of them, and what is expected
 * of none. variable: NULL where the environment has none for it. */
static void try_layers(struct room *r, unsigned set, const char *dotted, const char *variable,
                       const char *flag, const char *const values[LAYERS], const char *none)
{
    static const char *const files[] = {"r.conf", "conf.d/1.conf", "conf.d/2.conf"};
    const rc_config_key *key = find(dotted);
    char path[160], text[160], env[128], shown[128];
    for (size_t i = L_FILE; i <= L_DROP2; i++) {
        path_in(r, files[i], path);
        snprintf(text, sizeof(text), "[%s]\n%s=%s\n", key->section, key->name, values[i]);
        write_file(path, set & (1U << i) ? text : "");
    }
    snprintf(env, sizeof(env), "%s=%s", variable ? variable : "X",
             set & (1U << L_ENV) ? values[L_ENV] : "");
    if (flag)
        snprintf(text, sizeof(text), "%s=%s", flag, values[L_FLAG]);
    else
        snprintf(text, sizeof(text), "--set=%s=%s", dotted, values[L_FLAG]);
    good(r, ARGS("-c", r->file, set & (1U << L_FLAG) ? text : NULL),
         ARGS(env, "RUNTIME_DIRECTORY=/d"));
    const char *expected = none;
    for (size_t i = 0; i < LAYERS; i++)
        if (set & (1U << i) && (i != L_ENV || variable))
            expected = values[i];
    show(r->config, key, shown, sizeof(shown));
    assert_string_equal(shown, expected);
}

static void test_precedence(void **state)
{
    static const char *const paths[] = {"/file", "/one", "/two", "/env", "/flag"};
    static const char *const versions[] = {"1.1", "1.2", "1.3", "1.4", "1.5"};
    static const char *const counts[] = {"1", "2", "3", "4", "5"};
    struct room *r = *state;
    char path[160];
    path_in(r, "conf.d", path);
    assert_int_equal(mkdir(path, 0700), 0);
    for (unsigned set = 0; set < 1U << LAYERS; set++) {
        try_layers(r, set, "index.path", "ROLLCALL_INDEX", "--index", paths, "/d");
        try_layers(r, set, "api.socket", "ROLLCALL_SOCKET", "--socket", paths, "/d/api.sock");
        try_layers(r, set, "engine.api_version", "DOCKER_API_VERSION", NULL, versions, "");
        try_layers(r, set, "engine.host", NULL, "--host", paths, "");
        try_layers(r, set, "index.history", NULL, NULL, counts, "65536");
    }
}

static void test_the_last_flag_wins(void **state)
{
    struct room *r = *state;
    good(r,
         ARGS(NO_FILE, "--index", "/a", "--set", "index.path=/b", "--set", "index.history=1",
              "--set", "index.history=2"),
         NULL);
    assert_string_equal(r->config->index.path, "/b");
    assert_int_equal(r->config->index.history, 2);
    good(r, ARGS(NO_FILE, "--set", "index.path=/b", "--index=/a"), NULL);
    assert_string_equal(r->config->index.path, "/a");
}

/* In a mount namespace of its own, where /etc is the test's. Returns the child's exit code. */
static int with_own_etc(struct room *r)
{
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", "/etc", "tmpfs", 0, NULL))
        return 77;
    if (load(r, ARGS("--index", "/i"), NULL) || r->config->index.history != 65536)
        return 1;
    if (mkdir("/etc/rollcall", 0755) || mkdir("/etc/rollcall/conf.d", 0755))
        return 2;
    write_file("/etc/rollcall/rollcall.conf", "[index]\nhistory=5\n[api]\nmode=0600\n");
    write_file("/etc/rollcall/conf.d/a.conf", "[index]\nhistory=6\n");
    if (load(r, ARGS("--index", "/i"), NULL) || r->config->index.history != 6 ||
        r->config->api.mode != 0600)
        return 3;
    if (unlink("/etc/rollcall/rollcall.conf") || load(r, ARGS("--index", "/i"), NULL) ||
        r->config->index.history != 6)
        return 4;
    return load(r, ARGS(NO_FILE, "--index", "/i"), NULL) || r->config->index.history != 65536;
}

static void test_the_default_file(void **state)
{
    int status = 0;
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0)
        _exit(with_own_etc(*state));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* no namespaces without root */
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- The command line ---- */

static void test_flags(void **state)
{
    struct room *r = *state;
    good(r, ARGS("-c/dev/null", "-Hunix:///x", "--index", "/i", "--socket=/s", "--check-config"),
         NULL);
    assert_int_equal(r->wish, RC_CONFIG_CHECK);
    assert_string_equal(r->config->engine.host, "unix:///x");
    assert_string_equal(r->config->index.path, "/i");
    assert_string_equal(r->config->api.socket, "/s");
    good(r, ARGS("--config=/dev/null", "--host", "tcp://h", "--set=api.socket=/a=b"), NULL);
    assert_string_equal(r->config->api.socket, "/a=b");
    assert_string_equal(r->config->engine.host, "tcp://h");
}

static void test_version_and_help_read_nothing(void **state)
{
    struct room *r = *state;
    good(r, ARGS("-c", "/nonexistent", "--version", "--nonsense"), NULL);
    assert_int_equal(r->wish, RC_CONFIG_VERSION);
    assert_null(r->config);
    good(r, ARGS("--set", "index.history=none", "--help"), ARGS("ROLLCALL_INDEX=\x01"));
    assert_int_equal(r->wish, RC_CONFIG_HELP);
    assert_null(r->config);
    assert_non_null(strstr(rc_config_usage(), "--check-config"));
}

static void test_flags_that_are_wrong(void **state)
{
    struct room *r = *state;
    refused(r, ARGS("--state", "/s"), NULL, "unknown option --state, see --help");
    refused(r, ARGS("--check-config", "-xc"), NULL, "unknown option -x, see --help");
    refused(r, ARGS("--esc\x1b"), NULL, "unknown option --esc\\x1b, see --help");
    refused(r, ARGS("file"), NULL, "expected options only, got \"file\", see --help");
    refused(r, ARGS("--", "-c"), NULL, "expected options only, got \"-c\", see --help");
    refused(r, ARGS("-H"), NULL, "-H: expected a value behind it");
    refused(r, ARGS("--index"), NULL, "--index: expected a value behind it");
    refused(r, ARGS("--help=x"), NULL, "--help=x: expected no value");
    refused(r, ARGS("-c", "a", "-c", "b"), NULL,
            "-c: expected it once, a folder conf.d beside the file takes more of them");
    refused(r, ARGS("--set", "index.path"), NULL,
            "--set: expected section.key=value, got \"index.path\"");
    refused(r, ARGS("--set", "path=x"), NULL, "--set: expected section.key, got \"path\"");
    refused(r, ARGS("--set", "state.path=x"), NULL,
            "--set: unknown section [state], expected one of [engine] [mirror] [index] [workloads] "
            "[api] [log]");
    refused(r, ARGS("--set", "log.path.x=y"), NULL,
            "--set: unknown key log.path.x, expected one of level format");
    refused(r, ARGS(NO_FILE, "--set", "log.level=x"), NULL,
            "--set: log.level: expected error, warning, info or debug, got \"x\"");
    refused(r, ARGS(NO_FILE, "-H", "a\nb"), NULL,
            "-H: engine.host: expected printable text of at most 3900 bytes, got \"a\\x0ab\"");
    refused(r, ARGS("-c", "/nonexistent"), NULL,
            "/nonexistent: cannot open it: No such file or directory");
}

/* ---- The environment ---- */

static void test_variables_that_are_wrong(void **state)
{
    struct room *r = *state;
    refused(r, ARGS(NO_FILE), ARGS("DOCKER_API_VERSION=latest"),
            "DOCKER_API_VERSION: engine.api_version: expected an API version such as 1.41, got "
            "\"latest\"");
    /* Empty is not set; nor is one whose name only begins like it. */
    good(r, ARGS(NO_FILE), ARGS("ROLLCALL_INDEX=", "ROLLCALL_INDEXES=/x", "RUNTIME_DIRECTORY=/d"));
    assert_string_equal(r->config->index.path, "/d");
}

/* Files give way to Docker's variables, flags do not. */
static void test_dockers_own_variables(void **state)
{
    struct room *r = *state;
    const char *const with_host[] = {"-c", r->file, "-H", "tcp://flag", NULL};
    write_file(r->file, "[engine]\nhost=tcp://file\ntls_ca=/a\ntls_cert=/b\ntls_key=/c\n");
    good(r, ARGS("-c", r->file), ARGS("DOCKER_HOST=", "DOCKER_CERT_PATH=", "DOCKER_CONTEXT="));
    assert_string_equal(r->config->engine.host, "tcp://file");
    assert_string_equal(r->config->engine.tls_ca, "/a");
    good(r, ARGS("-c", r->file), ARGS("DOCKER_HOST=tcp://env"));
    assert_string_equal(r->config->engine.host, "");
    assert_string_equal(r->config->engine.tls_key, "/c");
    good(r, ARGS("-c", r->file), ARGS("DOCKER_CONTEXT=prod"));
    assert_string_equal(r->config->engine.host, "");
    good(r, with_host, ARGS("DOCKER_HOST=tcp://env", "DOCKER_CERT_PATH=/certs"));
    assert_string_equal(r->config->engine.host, "tcp://flag");
    assert_string_equal(r->config->engine.tls_ca, "");
    assert_string_equal(r->config->engine.tls_cert, "");
    assert_string_equal(r->config->engine.tls_key, "");
}

/* ---- Derived values ---- */

static void test_the_index_of_root_and_of_a_user(void **state)
{
    struct room *r = *state;
    bool root = geteuid() == 0;
    if (root) {
        good(r, ARGS(NO_FILE), ARGS("XDG_RUNTIME_DIR=/run/user/0"));
        assert_string_equal(r->config->index.path, "/run/rollcall");
        assert_int_equal(seteuid(65534), 0);
    }
    /* Nothing may fail here, else what follows runs as nobody. */
    int with = load(r, ARGS(NO_FILE), ARGS("XDG_RUNTIME_DIR=/run/user/7"));
    bool right = with == RC_OK && strcmp(r->config->index.path, "/run/user/7/rollcall") == 0;
    int without = load(r, ARGS(NO_FILE), NONE);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_true(right);
    assert_int_equal(without, RC_INVALID);
    assert_string_equal(r->err.msg,
                        "index.path: no default without XDG_RUNTIME_DIR, expected --index, "
                        "ROLLCALL_INDEX or index.path in a file");
}

static void test_the_sockets_length(void **state)
{
    struct room *r = *state;
    char path[256], message[RC_ERROR_MAX];
    /* 107 bytes with /api.sock */
    snprintf(path, sizeof(path), "--index=/%097d", 0);
    good(r, ARGS(NO_FILE, path), NULL);
    assert_int_equal(strlen(r->config->api.socket), 107);
    snprintf(path, sizeof(path), "--index=/%098d", 0);
    snprintf(
        message, sizeof(message),
        "--index: api.socket: expected at most 107 bytes, which a unix socket's path may have, "
        "got 108: \"/%098d/api.sock\"",
        0);
    refused(r, ARGS(NO_FILE, path), NULL, message);
    good(r, ARGS(NO_FILE, path, "--socket", "/s"), NULL);
    good(r, ARGS(NO_FILE, "--index", "/"), NULL);
    assert_string_equal(r->config->api.socket, "/api.sock");
}

static void test_defaults_fit_a_smaller_map(void **state)
{
    struct room *r = *state;
    good(r, ARGS(NO_FILE, "--set", "index.map_size=16777217"), NULL);
    assert_int_equal(r->config->index.map_size, 16 << 20); /* whole pages */
    assert_int_equal(r->config->index.max_used, 8 << 20);
    assert_int_equal(r->config->index.history_bytes, 2 << 20);
}

/* ---- Values together ---- */

static void test_what_does_not_fit_together(void **state)
{
    struct room *r = *state;
    char message[RC_ERROR_MAX];
    write_file(r->file, "[index]\nmap_size=64MiB\nmax_used=64MiB\n");
    good(r, ARGS("-c", r->file), NULL);
    snprintf(message, sizeof(message),
             "--set: index.max_used: expected at most index.map_size, which is 67108864 bytes "
             "(%s:2), got 67108865 bytes",
             r->file);
    refused(r, ARGS("-c", r->file, "--set", "index.max_used=67108865"), NULL, message);
    snprintf(message, sizeof(message),
             "%s:3: index.max_used: expected at most index.map_size, which is 16777216 bytes "
             "(--set), got 67108864 bytes",
             r->file);
    refused(r, ARGS("-c", r->file, "--set", "index.map_size=16MiB"), NULL, message);
    refused(
        r, ARGS(NO_FILE, "--set", "index.history_bytes=2GiB"), NULL,
        "--set: index.history_bytes: expected at most index.max_used, which is 1073741824 bytes "
        "(default), got 2147483648 bytes");
    write_file(r->file, "[engine]\n\ntls_cert=/c\n");
    snprintf(message, sizeof(message), "%s:3: engine.tls_cert: expected engine.tls_key beside it",
             r->file);
    refused(r, ARGS("-c", r->file), NULL, message);
    refused(r, ARGS(NO_FILE, "--set=engine.tls_key=/k"), NULL,
            "--set: engine.tls_key: expected engine.tls_cert beside it");
}

static void test_failure_leaves_the_outputs(void **state)
{
    struct room *r = *state;
    rc_config *mine = NULL, *before = NULL;
    enum rc_config_wish wish = RC_CONFIG_HELP;
    char *argv[] = {(char *)(uintptr_t) "rollcalld", (char *)(uintptr_t) "--nonsense", NULL};
    good(r, ARGS(NO_FILE), ARGS("RUNTIME_DIRECTORY=/d"));
    mine = before = r->config;
    assert_int_equal(rc_config_load(2, argv, NULL, &mine, &wish, NULL), RC_INVALID);
    assert_ptr_equal(mine, before);
    assert_int_equal(wish, RC_CONFIG_HELP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_every_bound),
        cmocka_unit_test(test_sizes_as_people_write_them),
        cmocka_unit_test(test_lists_are_bounded),
        cmocka_unit_test(test_the_manual_names_every_key),
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_precedence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_last_flag_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_default_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version_and_help_read_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags_that_are_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_variables_that_are_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dockers_own_variables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_index_of_root_and_of_a_user, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_sockets_length, setup, teardown),
        cmocka_unit_test_setup_teardown(test_defaults_fit_a_smaller_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure_leaves_the_outputs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
