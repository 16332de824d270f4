/* From configuration, environment and the docker CLI's contexts to one socket and its TLS files. */
#include "engine/endpoint.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "engine/context.h"

#define USUAL_SOCKET "/var/run/docker.sock"
#define USUAL_HOST   "localhost"
#define PORT_PLAIN   2375
#define PORT_TLS     2376

/* A DNS name has 253 bytes at most, an IPv6 address with its zone far fewer. */
#define HOST_NAME_MAX_BYTES 253

/* Longest text that may say where the engine is. */
#define HOST_TEXT_MAX 4096

struct rc_endpoint {
    char *text;
    char *unix_path; /* or */
    char *base_url;
    char *ca;
    char *cert;
    char *key;
    bool no_verify;
};

/* Where the engine is, and who says so. */
struct source {
    const char *value; /* borrowed */
    char who[320];     /* "DOCKER_HOST", for messages */
    bool is_context;
    struct rc_context context;
};

struct address {
    rc_str host; /* without brackets */
    bool ipv6;
    int port; /* 0: the usual one */
};

static int out_of_memory(rc_error *err)
{
    return rc_fail(err, RC_NOMEM, "out of memory for the engine's endpoint");
}

static bool is_set(const char *s)
{
    return s && *s;
}

static const char *from_env(const rc_endpoint_options *o, const char *name)
{
    const char *value = o->getenv ? o->getenv(o->arg, name) : NULL;
    return is_set(value) ? value : NULL;
}

static int copy(char **out, const char *s, rc_error *err)
{
    char *dup = s ? strdup(s) : NULL;
    if (s && !dup)
        return out_of_memory(err);
    *out = dup;
    return RC_OK;
}

/* The docker CLI's folder; RC_NOTFOUND, with err untouched, where the environment tells of none. */
static int config_dir(const rc_endpoint_options *o, char out[PATH_MAX], rc_error *err)
{
    const char *dir = from_env(o, "DOCKER_CONFIG");
    const char *home = from_env(o, "HOME");
    const char *who = dir ? "DOCKER_CONFIG" : "HOME";

    if (!dir && !home)
        return RC_NOTFOUND;
    int n = snprintf(out, PATH_MAX, "%s%s", dir ? dir : home, dir ? "" : "/.docker");
    if (n < 0 || n >= PATH_MAX)
        return rc_fail(err, RC_INVALID, "%s: the path is too long", who);
    return RC_OK;
}

/* ---- Who says where ---- */

static int load_context(struct source *s, const char *dir, const char *name, const char *said_by,
                        rc_error *err)
{
    char shown[128];

    (void)snprintf(s->who, sizeof(s->who), "%s \"%s\"", said_by,
                   rc_escape_into(shown, sizeof(shown), rc_str_c(name)));
    if (!dir)
        return rc_fail(err, RC_INVALID, "%s: neither DOCKER_CONFIG nor HOME is set", s->who);
    if (rc_context_load(dir, name, &s->context, err) != RC_OK)
        return rc_error_wrap(err, "%s", s->who);
    s->value = s->context.host;
    s->is_context = true;
    return RC_OK;
}

static int find_context(const rc_endpoint_options *o, struct source *s, rc_error *err)
{
    char dir[PATH_MAX];
    RC_AUTO_FREE char *current = NULL;
    const char *name = from_env(o, "DOCKER_CONTEXT");
    const char *said_by = name ? "DOCKER_CONTEXT" : "the docker CLI's current context";
    int found = config_dir(o, dir, err);
    int rc = found == RC_NOTFOUND ? RC_OK : found;

    if (found == RC_OK && !name) {
        rc = rc_context_current(dir, &current, err);
        name = current;
    }
    if (rc != RC_OK)
        return rc;
    if (name && strcmp(name, "default") != 0)
        return load_context(s, found == RC_OK ? dir : NULL, name, said_by, err);
    s->value = "unix://" USUAL_SOCKET;
    (void)snprintf(s->who, sizeof(s->who), "the usual socket");
    return RC_OK;
}

static int find_source(const rc_endpoint_options *o, struct source *s, rc_error *err)
{
    bool configured = is_set(o->host);

    s->value = configured ? o->host : from_env(o, "DOCKER_HOST");
    if (!s->value)
        return find_context(o, s, err);
    (void)snprintf(s->who, sizeof(s->who), "%s", configured ? "engine.host" : "DOCKER_HOST");
    return RC_OK;
}

/* ---- TLS ---- */

static int check_file(const char *who, const char *path, rc_error *err)
{
    char shown[256];

    if (!path || access(path, R_OK) == 0)
        return RC_OK;
    return rc_fail_errno(err, RC_INVALID, errno, "%s: %s", who,
                         rc_escape_into(shown, sizeof(shown), rc_str_c(path)));
}

/* One file of a folder that the environment names. demanded: also where it is not there. */
static int take_file(const char *dir, const char *file, bool demanded, char **out, rc_error *err)
{
    char *path = NULL;

    if (*out)
        return RC_OK;
    if (asprintf(&path, "%s/%s", dir, file) < 0)
        return out_of_memory(err);
    if (demanded || access(path, F_OK) == 0)
        *out = path;
    else
        free(path);
    return RC_OK;
}

/* As the docker CLI does: DOCKER_CERT_PATH's three files have to be there; those of the folder that
 * it falls back to may be. */
static int take_env_files(const rc_endpoint_options *o, rc_endpoint *e, rc_error *err)
{
    const char *cert_path = from_env(o, "DOCKER_CERT_PATH");
    char usual[PATH_MAX];
    int found = cert_path ? RC_OK : config_dir(o, usual, err);
    const char *dir = cert_path ? cert_path : usual;

    if (found != RC_OK)
        return found == RC_NOTFOUND ? RC_OK : found;
    int rc = e->no_verify ? RC_OK : take_file(dir, "ca.pem", cert_path, &e->ca, err);
    if (rc == RC_OK && !is_set(o->tls_cert)) {
        rc = take_file(dir, "cert.pem", cert_path, &e->cert, err);
        if (rc == RC_OK)
            rc = take_file(dir, "key.pem", cert_path, &e->key, err);
    }
    return rc;
}

static int check_tls(const rc_endpoint *e, const char *who, rc_error *err)
{
    if (!e->cert != !e->key)
        return rc_fail(err, RC_INVALID, "%s: a client certificate and its key go together", who);
    int rc = check_file(who, e->ca, err);
    if (rc == RC_OK)
        rc = check_file(who, e->cert, err);
    return rc == RC_OK ? check_file(who, e->key, err) : rc;
}

static bool tls_configured(const rc_endpoint_options *o)
{
    return is_set(o->tls_ca) || is_set(o->tls_cert) || is_set(o->tls_key);
}

static int take_configured_files(const rc_endpoint_options *o, rc_endpoint *e, rc_error *err)
{
    if (is_set(o->tls_cert) != is_set(o->tls_key))
        return rc_fail(err, RC_INVALID, "engine.tls_cert and engine.tls_key go together");
    int rc = is_set(o->tls_ca) ? copy(&e->ca, o->tls_ca, err) : RC_OK;
    if (rc == RC_OK && is_set(o->tls_cert))
        rc = copy(&e->cert, o->tls_cert, err);
    if (rc == RC_OK && is_set(o->tls_key))
        rc = copy(&e->key, o->tls_key, err);
    if (rc == RC_OK)
        rc = check_file("engine.tls_ca", e->ca, err);
    if (rc == RC_OK)
        rc = check_file("engine.tls_cert", e->cert, err);
    return rc == RC_OK ? check_file("engine.tls_key", e->key, err) : rc;
}

/* Configured files come first and are there to verify with; what they leave open is for whoever
 * says where the engine is: the context has files of its own, everybody else the environment's. */
static int choose_tls(const rc_endpoint_options *o, const struct source *s, rc_endpoint *e,
                      bool *ret_tls, rc_error *err)
{
    bool configured = tls_configured(o);
    int rc = take_configured_files(o, e, err);

    if (rc != RC_OK)
        return rc;
    if (s->is_context) {
        const struct rc_context *c = &s->context;
        *ret_tls = configured || c->ca || c->cert || c->key || c->skip_verify;
        e->no_verify = !configured && c->skip_verify;
        if (!e->ca && !e->no_verify)
            rc = copy(&e->ca, c->ca, err);
        if (rc == RC_OK && !e->cert)
            rc = copy(&e->cert, c->cert, err);
        if (rc == RC_OK && !e->key)
            rc = copy(&e->key, c->key, err);
        return rc == RC_OK ? check_tls(e, s->who, err) : rc;
    }
    bool verify = from_env(o, "DOCKER_TLS_VERIFY");
    bool cert_path = from_env(o, "DOCKER_CERT_PATH");
    *ret_tls = configured || verify || cert_path;
    e->no_verify = !configured && !verify;
    if (verify || cert_path)
        rc = take_env_files(o, e, err);
    if (rc != RC_OK)
        return rc;
    return check_tls(e, cert_path ? "DOCKER_CERT_PATH" : "DOCKER_TLS_VERIFY", err);
}

/* ---- The text that says where ---- */

static int refuse(const struct source *s, int code, const char *why, rc_error *err)
{
    char shown[128];
    return rc_fail(err, code, "%s: \"%s\" %s", s->who,
                   rc_escape_into(shown, sizeof(shown), rc_str_c(s->value)), why);
}

/* Escaped text is what people and logs get. */
static int set_text(rc_endpoint *e, const char *scheme, const char *rest, rc_error *err)
{
    RC_CLEANUP(rc_buf_release) rc_buf text = RC_BUF_INIT(0);

    rc_buf_puts(&text, scheme);
    rc_escape(&text, rc_str_c(rest));
    rc_buf_putc(&text, '\0');
    return rc_buf_failed(&text) ? out_of_memory(err) : copy(&e->text, text.data, err);
}

static int set_unix(const rc_endpoint_options *o, const struct source *s, const char *path,
                    rc_endpoint *e, rc_error *err)
{
    char why[96];

    if (!*path)
        path = USUAL_SOCKET;
    if (path[0] != '/')
        return refuse(s, RC_INVALID, "is not unix:// and an absolute path", err);
    if (strlen(path) > RC_HTTP_UNIX_PATH_MAX) {
        (void)snprintf(why, sizeof(why), "has a path of %zu bytes, %d are the most", strlen(path),
                       RC_HTTP_UNIX_PATH_MAX);
        return refuse(s, RC_INVALID, why, err);
    }
    if (tls_configured(o))
        return refuse(s, RC_INVALID, "is a unix socket, which needs no engine.tls_* files", err);
    int rc = copy(&e->unix_path, path, err);
    return rc == RC_OK ? set_text(e, "unix://", path, err) : rc;
}

static bool all_of(rc_str s, const char *set)
{
    for (size_t i = 0; i < s.len; i++)
        if (!strchr(set, s.ptr[i]) || !s.ptr[i])
            return false;
    return true;
}

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool parse_port(rc_str s, int *out)
{
    int port = 0;

    if (s.len == 0 || s.len > 5 || !all_of(s, DIGITS))
        return false;
    for (size_t i = 0; i < s.len; i++)
        port = port * 10 + (s.ptr[i] - '0');
    if (port < 1 || port > 65535)
        return false;
    *out = port;
    return true;
}

/* host, host:port, [v6], [v6]:port, :port, or nothing; a / may end it. */
static bool parse_address(rc_str s, struct address *out)
{
    struct address a = {0};
    const char *end = NULL;

    if (s.len && s.ptr[s.len - 1] == '/')
        s.len--;
    a.ipv6 = s.len && s.ptr[0] == '[';
    if (a.ipv6) {
        end = memchr(s.ptr, ']', s.len);
        if (!end)
            return false;
        a.host = rc_str_n(s.ptr + 1, (size_t)(end - s.ptr) - 1);
        end++;
    } else {
        end = memchr(s.ptr, ':', s.len);
        if (!end)
            end = s.ptr + s.len;
        a.host = rc_str_n(s.ptr, (size_t)(end - s.ptr));
    }
    rc_str rest = rc_str_n(end, (size_t)(s.ptr + s.len - end));
    if (rest.len &&
        (rest.ptr[0] != ':' || !parse_port(rc_str_n(rest.ptr + 1, rest.len - 1), &a.port)))
        return false;
    if (a.host.len > HOST_NAME_MAX_BYTES || (a.ipv6 && !a.host.len) ||
        !all_of(a.host, a.ipv6 ? DIGITS LETTERS ":.%-_" : DIGITS LETTERS ".-_"))
        return false;
    if (!a.host.len)
        a.host = RC_STR(USUAL_HOST);
    *out = a;
    return true;
}

/* An IPv6 address's zone begins with %, which a URL writes as %25. */
static void write_host(rc_buf *out, const struct address *a, const char *percent)
{
    if (a->ipv6)
        rc_buf_putc(out, '[');
    for (size_t i = 0; i < a->host.len; i++) {
        if (a->host.ptr[i] == '%')
            rc_buf_puts(out, percent);
        else
            rc_buf_putc(out, a->host.ptr[i]);
    }
    if (a->ipv6)
        rc_buf_putc(out, ']');
    rc_buf_printf(out, ":%d", a->port);
    rc_buf_putc(out, '\0');
}

static int set_tcp(const rc_endpoint_options *o, const struct source *s, const char *rest,
                   rc_endpoint *e, rc_error *err)
{
    struct address a;
    bool tls = false;

    if (!parse_address(rc_str_c(rest), &a))
        return refuse(s, RC_INVALID, "is not tcp://host:port, with no path behind it", err);
    int rc = choose_tls(o, s, e, &tls, err);
    if (rc != RC_OK)
        return rc;
    if (!tls)
        e->no_verify = false;
    if (!a.port)
        a.port = tls ? PORT_TLS : PORT_PLAIN;
    RC_CLEANUP(rc_buf_release) rc_buf url = RC_BUF_INIT(0);
    RC_CLEANUP(rc_buf_release) rc_buf shown = RC_BUF_INIT(0);
    rc_buf_puts(&url, tls ? "https://" : "http://");
    write_host(&url, &a, "%25");
    write_host(&shown, &a, "%");
    if (rc_buf_failed(&url) || rc_buf_failed(&shown))
        return out_of_memory(err);
    rc = copy(&e->base_url, url.data, err);
    return rc == RC_OK ? set_text(e, "tcp://", shown.data, err) : rc;
}

static int set_address(const rc_endpoint_options *o, const struct source *s, rc_endpoint *e,
                       rc_error *err)
{
    static const char *const unsupported[] = {"ssh", "npipe", "fd"};
    const char *sep = strstr(s->value, "://");
    rc_str scheme = sep ? rc_str_n(s->value, (size_t)(sep - s->value)) : RC_STR("tcp");
    const char *rest = sep ? sep + 3 : s->value;

    if (strlen(s->value) > HOST_TEXT_MAX)
        return refuse(s, RC_INVALID, "is too long", err);
    if (!sep && s->value[0] == '/')
        return refuse(s, RC_INVALID, "has no scheme: a socket's path begins with unix://", err);
    if (rc_str_eq_c(scheme, "unix"))
        return set_unix(o, s, rest, e, err);
    if (rc_str_eq_c(scheme, "tcp"))
        return set_tcp(o, s, rest, e, err);
    for (size_t i = 0; i < RC_ARRAY_LEN(unsupported); i++)
        if (rc_str_eq_c(scheme, unsupported[i]))
            return refuse(s, RC_UNSUPPORTED,
                          "is of a kind that is not supported: unix:// or tcp://", err);
    return refuse(s, RC_INVALID, "is neither unix:// nor tcp://", err);
}

/* ---- The endpoint ---- */

int rc_endpoint_resolve(const rc_endpoint_options *options, rc_endpoint **out, rc_error *err)
{
    struct source s = {.value = NULL};
    rc_endpoint *e = calloc(1, sizeof(*e));

    if (!e)
        return out_of_memory(err);
    int rc = find_source(options, &s, err);
    if (rc == RC_OK)
        rc = set_address(options, &s, e, err);
    rc_context_release(&s.context);
    if (rc == RC_OK)
        *out = e;
    else
        (void)rc_endpoint_free(e);
    return rc;
}

rc_endpoint *rc_endpoint_free(rc_endpoint *e)
{
    if (!e)
        return NULL;
    free(e->text);
    free(e->unix_path);
    free(e->base_url);
    free(e->ca);
    free(e->cert);
    free(e->key);
    free(e);
    return NULL;
}

const char *rc_endpoint_text(const rc_endpoint *e)
{
    return e->text;
}

bool rc_endpoint_is_local(const rc_endpoint *e)
{
    return e->unix_path;
}

void rc_endpoint_http(const rc_endpoint *e, rc_http_options *out)
{
    *out = (rc_http_options){
        .unix_path = e->unix_path,
        .base_url = e->base_url,
        .ca_file = e->ca,
        .cert_file = e->cert,
        .key_file = e->key,
        .tls_no_verify = e->no_verify,
    };
}
