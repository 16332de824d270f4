/* The layers, from the weakest: defaults, file, conf.d, environment, flags; then what follows from
 * the values together: derived defaults and the checks that need more than one of them. */
#include "daemon/config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "daemon/config_draft.h"
#include "daemon/config_file.h"
#include "daemon/config_keys.h"
#include "daemon/config_value.h"

#define DEFAULT_FILE      "/etc/rollcall/rollcall.conf"
#define DEFAULT_INDEX     "/run/rollcall"
#define SOCKET_PATH_BYTES 107             /* of sun_path, less its NUL */
#define MAP_GRAIN         UINT64_C(65536) /* the largest page size there is */

static const rc_config_key *key_of(const char *dotted)
{
    const rc_config_key *key = NULL;
    if (rc_config_key_find_dotted(rc_str_c(dotted), &key, NULL))
        abort(); /* a name written here that the table does not have */
    return key;
}

/* ---- The command line ---- */

/* What a flag says of one key. */
struct setting {
    const rc_config_key *key;
    const char *value;
    char origin[64];
};

struct command_line {
    enum rc_config_wish wish;
    const char *file; /* NULL: not given */
    struct setting *settings;
    size_t n_settings;
};

enum flag { FLAG_INDEX = 256, FLAG_SOCKET, FLAG_SET, FLAG_CHECK, FLAG_VERSION, FLAG_HELP };

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"host", required_argument, NULL, 'H'},
    {"index", required_argument, NULL, FLAG_INDEX},
    {"socket", required_argument, NULL, FLAG_SOCKET},
    {"set", required_argument, NULL, FLAG_SET},
    {"check-config", no_argument, NULL, FLAG_CHECK},
    {"version", no_argument, NULL, FLAG_VERSION},
    {"help", no_argument, NULL, FLAG_HELP},
    {NULL, 0, NULL, 0},
};

static void add(struct command_line *cl, const rc_config_key *key, const char *value,
                const char *origin)
{
    struct setting *s = &cl->settings[cl->n_settings++];
    s->key = key;
    s->value = value;
    snprintf(s->origin, sizeof(s->origin), "%s", origin);
}

/* section.key=value */
static int add_set(struct command_line *cl, const char *arg, rc_error *err)
{
    char text[120];
    const rc_config_key *key = NULL;
    const char *equals = strchr(arg, '=');
    if (!equals)
        return rc_fail(err, RC_INVALID, "--set: expected section.key=value, got \"%s\"",
                       rc_escape_into(text, sizeof(text), rc_str_c(arg)));
    int code = rc_config_key_find_dotted(rc_str_n(arg, (size_t)(equals - arg)), &key, err);
    if (code) {
        (void)rc_error_wrap(err, "--set");
        return code;
    }
    add(cl, key, equals + 1, "--set");
    return RC_OK;
}

/* getopt has met something that it does not know, or that lacks its value. */
static int misused(char *const argv[], int c, rc_error *err)
{
    char text[120];
    const char *arg = argv[optind - 1];
    char letter[3] = {'-', (char)optopt, '\0'};
    if (c == ':')
        return rc_fail(err, RC_INVALID, "%s: expected a value behind it",
                       rc_escape_into(text, sizeof(text), rc_str_c(arg)));
    if (optopt >= FLAG_INDEX)
        return rc_fail(err, RC_INVALID, "%s: expected no value",
                       rc_escape_into(text, sizeof(text), rc_str_c(arg)));
    return rc_fail(err, RC_INVALID, "unknown option %s, see --help",
                   rc_escape_into(text, sizeof(text), rc_str_c(optopt ? letter : arg)));
}

static int take_flag(struct command_line *cl, char *const argv[], int c, rc_error *err)
{
    switch (c) {
    case 'c':
        if (cl->file)
            return rc_fail(err, RC_INVALID,
                           "-c: expected it once, a folder conf.d beside the file "
                           "takes more of them");
        cl->file = optarg;
        return RC_OK;
    case 'H':
        add(cl, key_of("engine.host"), optarg, "-H");
        return RC_OK;
    case FLAG_INDEX:
        add(cl, key_of("index.path"), optarg, "--index");
        return RC_OK;
    case FLAG_SOCKET:
        add(cl, key_of("api.socket"), optarg, "--socket");
        return RC_OK;
    case FLAG_SET:
        return add_set(cl, optarg, err);
    case FLAG_CHECK:
        cl->wish = RC_CONFIG_CHECK;
        return RC_OK;
    case FLAG_VERSION:
        cl->wish = RC_CONFIG_VERSION;
        return RC_OK;
    case FLAG_HELP:
        cl->wish = RC_CONFIG_HELP;
        return RC_OK;
    default:
        return misused(argv, c, err);
    }
}

/* cl->settings has room for argc. Stops at --version or --help, whatever follows. */
static int read_command_line(int argc, char *const argv[], struct command_line *cl, rc_error *err)
{
    char text[120];
    optind = 0; /* starts getopt anew, also in the middle of an argument */
    opterr = 0;
    for (;;) {
        /* "+": arguments are not moved about; ":": a lacking value is told apart. */
        int c = getopt_long(argc, argv, "+:c:H:", long_options, NULL);
        if (c == -1)
            break;
        int code = take_flag(cl, argv, c, err);
        if (code || cl->wish == RC_CONFIG_VERSION || cl->wish == RC_CONFIG_HELP)
            return code;
    }
    if (optind < argc)
        return rc_fail(err, RC_INVALID, "expected options only, got \"%s\", see --help",
                       rc_escape_into(text, sizeof(text), rc_str_c(argv[optind])));
    return RC_OK;
}

/* ---- The environment ---- */

/* "" where it is not set: an empty variable counts for nothing. */
static const char *variable(char *const env[], const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; env && env[i]; i++)
        if (strncmp(env[i], name, n) == 0 && env[i][n] == '=')
            return env[i] + n + 1;
    return "";
}

static int apply_variables(rc_config_draft *d, char *const env[], rc_error *err)
{
    static const char *const table[][2] = {
        {"DOCKER_API_VERSION", "engine.api_version"},
        {"ROLLCALL_INDEX", "index.path"},
        {"ROLLCALL_SOCKET", "api.socket"},
    };
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        const char *value = variable(env, table[i][0]);
        if (!*value)
            continue;
        int code = rc_config_draft_set(d, key_of(table[i][1]), rc_str_c(value), table[i][0], err);
        if (code)
            return code;
    }
    return RC_OK;
}

/* Docker's own variables are read where the engine's endpoint is made, which takes a configured
 * value first. So where one of them is set, what the files said of the same gives way here. */
static int yield_to_docker(rc_config_draft *d, char *const env[], rc_error *err)
{
    static const char *const table[][2] = {
        {"DOCKER_HOST", "engine.host"},         {"DOCKER_CONTEXT", "engine.host"},
        {"DOCKER_CERT_PATH", "engine.tls_ca"},  {"DOCKER_CERT_PATH", "engine.tls_cert"},
        {"DOCKER_CERT_PATH", "engine.tls_key"},
    };
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        if (!*variable(env, table[i][0]))
            continue;
        int code = rc_config_draft_unset(d, key_of(table[i][1]), err);
        if (code)
            return code;
    }
    return RC_OK;
}

/* ---- Derived defaults ---- */

static bool by_default(const rc_config_draft *d, const char *dotted)
{
    return strcmp(rc_config_draft_origin(d, key_of(dotted)), "default") == 0;
}

/* A service's own runtime folder (systemd: one or more, separated by colons), else the system's for
 * root, else the user's. */
static int derive_index_path(rc_config_draft *d, char *const env[], rc_error *err)
{
    const char *runtime = variable(env, "RUNTIME_DIRECTORY");
    const char *user = variable(env, "XDG_RUNTIME_DIR");
    char path[4096];
    if (d->config->index.path[0])
        return RC_OK;
    if (*runtime)
        snprintf(path, sizeof(path), "%.*s", (int)strcspn(runtime, ":"), runtime);
    else if (geteuid() == 0)
        snprintf(path, sizeof(path), "%s", DEFAULT_INDEX);
    else if (*user)
        snprintf(path, sizeof(path), "%s/rollcall", user);
    else
        return rc_fail(err, RC_INVALID,
                       "index.path: no default without XDG_RUNTIME_DIR, expected --index, "
                       "ROLLCALL_INDEX or index.path in a file");
    return rc_config_draft_set(d, key_of("index.path"), rc_str_c(path),
                               *runtime ? "RUNTIME_DIRECTORY" : "default", err);
}

static int derive_socket(rc_config_draft *d, rc_error *err)
{
    const rc_config_key *key = key_of("api.socket");
    char path[4096];
    if (!d->config->api.socket[0]) {
        const char *dir = d->config->index.path;
        snprintf(path, sizeof(path), "%s%sapi.sock", dir, strcmp(dir, "/") == 0 ? "" : "/");
        /* It follows from index.path, so that is where a mistake in it is to be mended. */
        const char *origin = rc_config_draft_origin(d, key_of("index.path"));
        int code = rc_config_draft_set(d, key, rc_str_c(path), origin, err);
        if (code)
            return code;
    }
    size_t n = strlen(d->config->api.socket);
    if (n > SOCKET_PATH_BYTES) {
        char text[200];
        return rc_fail(err, RC_INVALID,
                       "%s: api.socket: expected at most %d bytes, which a unix socket's path may "
                       "have, got %zu: \"%s\"",
                       rc_config_draft_origin(d, key), SOCKET_PATH_BYTES, n,
                       rc_escape_into(text, sizeof(text), rc_str_c(d->config->api.socket)));
    }
    return RC_OK;
}

/* A smaller map, or less used of it, makes the defaults that lie within it smaller, too. */
static void derive_sizes(rc_config_draft *d)
{
    rc_config *c = d->config;
    c->index.map_size -= c->index.map_size % MAP_GRAIN;
    if (by_default(d, "index.max_used") && c->index.max_used > c->index.map_size / 2)
        c->index.max_used = c->index.map_size / 2;
    if (by_default(d, "index.history_bytes") && c->index.history_bytes > c->index.max_used / 4)
        c->index.history_bytes = c->index.max_used / 4;
}

/* ---- Values together ---- */

/* a may be as large as b, at most. */
static int check_fits(const rc_config_draft *d, const char *a, uint64_t a_value, const char *b,
                      uint64_t b_value, rc_error *err)
{
    if (a_value <= b_value)
        return RC_OK;
    const char *origin = rc_config_draft_origin(d, key_of(a));
    return rc_fail(err, RC_INVALID,
                   "%s: %s: expected at most %s, which is %llu bytes (%s), got %llu bytes", origin,
                   a, b, (unsigned long long)b_value, rc_config_draft_origin(d, key_of(b)),
                   (unsigned long long)a_value);
}

/* A client certificate is of no use without its key, nor the other way round. */
static int check_tls(const rc_config_draft *d, rc_error *err)
{
    const char *cert = d->config->engine.tls_cert, *key = d->config->engine.tls_key;
    if (!*cert == !*key)
        return RC_OK;
    const char *there = *cert ? "engine.tls_cert" : "engine.tls_key";
    const char *absent = *cert ? "engine.tls_key" : "engine.tls_cert";
    return rc_fail(err, RC_INVALID, "%s: %s: expected %s beside it",
                   rc_config_draft_origin(d, key_of(there)), there, absent);
}

static int check_together(const rc_config_draft *d, rc_error *err)
{
    const rc_config *c = d->config;
    int code = check_fits(d, "index.max_used", c->index.max_used, "index.map_size",
                          c->index.map_size, err);
    if (code == RC_OK)
        code = check_fits(d, "index.history_bytes", c->index.history_bytes, "index.max_used",
                          c->index.max_used, err);
    if (code == RC_OK)
        code = check_tls(d, err);
    return code;
}

/* ---- All of it ---- */

static int apply_files(rc_config_draft *d, const char *file, rc_error *err)
{
    const char *path = file ? file : DEFAULT_FILE;
    const char *slash = strrchr(path, '/');
    RC_AUTO_FREE char *dir = NULL;
    bool found = false;
    int code = rc_config_file_read(d, path, file ? NULL : &found, err);
    if (code)
        return code;
    if (asprintf(&dir, "%.*sconf.d", slash ? (int)(slash - path) + 1 : 0, path) < 0) {
        dir = NULL;
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    return rc_config_dir_read(d, dir, err);
}

static int apply_flags(rc_config_draft *d, const struct command_line *cl, rc_error *err)
{
    for (size_t i = 0; i < cl->n_settings; i++) {
        const struct setting *s = &cl->settings[i];
        int code = rc_config_draft_set(d, s->key, rc_str_c(s->value), s->origin, err);
        if (code)
            return code;
    }
    return RC_OK;
}

static int resolve(rc_config_draft *d, char *const env[], rc_error *err)
{
    int code = derive_index_path(d, env, err);
    if (code == RC_OK)
        code = derive_socket(d, err);
    if (code)
        return code;
    derive_sizes(d);
    return check_together(d, err);
}

static int load(const struct command_line *cl, char *const env[], rc_config **out, rc_error *err)
{
    rc_config_draft d;
    int code = rc_config_draft_init(&d, err);
    if (code)
        return code;
    code = apply_files(&d, cl->file, err);
    if (code == RC_OK)
        code = yield_to_docker(&d, env, err);
    if (code == RC_OK)
        code = apply_variables(&d, env, err);
    if (code == RC_OK)
        code = apply_flags(&d, cl, err);
    if (code == RC_OK)
        code = resolve(&d, env, err);
    if (code == RC_OK)
        *out = RC_STEAL(d.config);
    rc_config_draft_release(&d);
    return code;
}

int rc_config_load(int argc, char *const argv[], char *const env[], rc_config **out,
                   enum rc_config_wish *ret_wish, rc_error *err)
{
    struct command_line cl = {.wish = RC_CONFIG_RUN};
    rc_config *config = NULL;
    cl.settings = calloc((size_t)argc + 1, sizeof(*cl.settings));
    if (!cl.settings)
        return rc_fail(err, RC_NOMEM, "out of memory");
    int code = read_command_line(argc, argv, &cl, err);
    if (code == RC_OK && (cl.wish == RC_CONFIG_RUN || cl.wish == RC_CONFIG_CHECK))
        code = load(&cl, env, &config, err);
    free(cl.settings);
    if (code)
        return code;
    *out = config;
    *ret_wish = cl.wish;
    return RC_OK;
}

rc_config *rc_config_free(rc_config *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < rc_config_key_count(); i++)
        rc_config_value_clear(c, rc_config_key_at(i));
    free(c);
    return NULL;
}

const char *rc_config_usage(void)
{
    return "Usage: rollcalld [OPTION]...\n"
           "Mirrors a Docker Engine's containers into an index that other programs read.\n"
           "\n"
           "  -c, --config FILE        configuration (" DEFAULT_FILE ");\n"
           "                           conf.d/*.conf beside it is read after it\n"
           "  -H, --host HOST          the engine, as in DOCKER_HOST\n"
           "      --index DIR          the index's folder (ROLLCALL_INDEX)\n"
           "      --socket PATH        the API's socket (ROLLCALL_SOCKET)\n"
           "      --set SECTION.KEY=VALUE\n"
           "                           sets any key of the configuration; may be repeated\n"
           "      --check-config       reads the configuration, says what is wrong, and ends\n"
           "      --version            prints the version\n"
           "      --help               prints this\n"
           "\n"
           "A flag wins over the environment, that over conf.d, that over the file.\n"
           "Exit codes: 0; 1 failure; 2 usage or configuration; 6 state unusable.\n";
}
