/* The docker CLI's own files: config.json, and a context's meta.json and TLS files, kept in folders
 * named after the SHA-256 of the context's name. The only user of OpenSSL. */
#include "engine/context.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "wire/decode.h"

#define FILE_MAX_BYTES ((size_t)1024 * 1024)

#define HEX_MAX (2 * EVP_MAX_MD_SIZE + 1)

/* For messages. */
struct shown {
    char text[256];
};

static const char *show(struct shown *s, const char *name)
{
    return rc_escape_into(s->text, sizeof(s->text), rc_str_c(name));
}

static int out_of_memory(rc_error *err)
{
    return rc_fail(err, RC_NOMEM, "out of memory for the docker CLI's files");
}

static int path_of(char **out, rc_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int path_of(char **out, rc_error *err, const char *fmt, ...)
{
    char *path = NULL;
    va_list args;

    va_start(args, fmt);
    int n = vasprintf(&path, fmt, args);
    va_end(args);
    if (n < 0)
        return out_of_memory(err);
    *out = path;
    return RC_OK;
}

static int read_all(int fd, rc_buf *out)
{
    for (;;) {
        char bytes[4096];
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0)
            rc_buf_append(out, bytes, (size_t)n);
        if (rc_buf_failed(out))
            return EFBIG;
    }
}

/* RC_NOTFOUND, with err untouched, where there is no such file. */
static int read_file(const char *path, rc_buf *out, rc_error *err)
{
    struct shown shown;
    RC_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int errnum = fd < 0 ? errno : read_all(fd, out);

    if (!errnum)
        return RC_OK;
    if (errnum == ENOENT || errnum == ENOTDIR)
        return RC_NOTFOUND;
    int code = errnum == EACCES ? RC_PERM : errnum == EFBIG ? RC_INVALID : RC_IO;
    return rc_fail_errno(err, code, errnum, "%s", show(&shown, path));
}

static int copy_text(char **out, rc_str s, rc_error *err)
{
    char *copy = strndup(s.ptr, s.len);
    if (!copy)
        return out_of_memory(err);
    *out = copy;
    return RC_OK;
}

/* ---- config.json ---- */

static int decode_current(const char *path, rc_buf *text, char **out, rc_error *err)
{
    struct shown shown;
    rc_str name = RC_STR_EMPTY;
    rc_decoder *decoder = rc_decoder_new();

    if (!decoder)
        return out_of_memory(err);
    int rc = rc_decode_docker_config(decoder, text->data, text->len, &name, err);
    if (rc != RC_OK)
        (void)rc_error_wrap(err, "%s", show(&shown, path));
    else if (name.len)
        rc = copy_text(out, name, err);
    (void)rc_decoder_free(decoder);
    return rc;
}

int rc_context_current(const char *config_dir, char **out, rc_error *err)
{
    RC_AUTO_FREE char *path = NULL;
    char *name = NULL;
    int rc = path_of(&path, err, "%s/config.json", config_dir);

    if (rc != RC_OK)
        return rc;
    RC_CLEANUP(rc_buf_release) rc_buf text = RC_BUF_INIT(FILE_MAX_BYTES);
    rc = read_file(path, &text, err);
    if (rc == RC_OK && text.len)
        rc = decode_current(path, &text, &name, err);
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    *out = name;
    return RC_OK;
}

/* ---- A context ---- */

void rc_context_release(struct rc_context *c)
{
    free(c->host);
    free(c->ca);
    free(c->cert);
    free(c->key);
    *c = (struct rc_context){0};
}

static int folder_name(const char *name, char hex[HEX_MAX], rc_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_Digest(name, strlen(name), digest, &n, EVP_sha256(), NULL) != 1)
        return rc_fail(err, RC_INTERNAL, "cannot compute a SHA-256");
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
    return RC_OK;
}

static int decode_meta(const char *name, rc_buf *text, struct rc_context *out, rc_error *err)
{
    rc_str told = RC_STR_EMPTY, host = RC_STR_EMPTY;
    rc_decoder *decoder = rc_decoder_new();

    if (!decoder)
        return out_of_memory(err);
    rc_buf_putc(text, '\0'); /* an empty file, too, has bytes to decode */
    int rc = rc_buf_failed(text) ? rc_fail(err, RC_INVALID, "too large")
                                 : rc_decode_docker_context(decoder, text->data, text->len - 1,
                                                            &told, &host, &out->skip_verify, err);
    if (rc == RC_OK && !rc_str_eq_c(told, name))
        rc = rc_fail(err, RC_INVALID, "Name is another context's");
    if (rc == RC_OK && !host.len)
        rc = rc_fail(err, RC_INVALID, "Endpoints.docker.Host is missing");
    if (rc == RC_OK)
        rc = copy_text(&out->host, host, err);
    (void)rc_decoder_free(decoder);
    return rc;
}

static int load_meta(const char *config_dir, const char *name, const char *hex,
                     struct rc_context *out, rc_error *err)
{
    struct shown shown;
    RC_AUTO_FREE char *path = NULL;
    RC_CLEANUP(rc_buf_release) rc_buf text = RC_BUF_INIT(FILE_MAX_BYTES);
    int rc = path_of(&path, err, "%s/contexts/meta/%s/meta.json", config_dir, hex);

    if (rc == RC_OK)
        rc = read_file(path, &text, err);
    if (rc == RC_NOTFOUND)
        return rc_fail(err, RC_INVALID, "there is no such context in %s/contexts",
                       show(&shown, config_dir));
    if (rc != RC_OK)
        return rc;
    rc = decode_meta(name, &text, out, err);
    return rc == RC_OK ? rc : rc_error_wrap(err, "%s", show(&shown, path));
}

/* Each is there or not; whether they make sense together is for the endpoint to say. */
static int find_tls(const char *config_dir, const char *hex, const char *file, char **out,
                    rc_error *err)
{
    RC_AUTO_FREE char *path = NULL;
    int rc = path_of(&path, err, "%s/contexts/tls/%s/docker/%s", config_dir, hex, file);

    if (rc == RC_OK && access(path, F_OK) == 0)
        *out = RC_STEAL(path);
    return rc;
}

int rc_context_load(const char *config_dir, const char *name, struct rc_context *out, rc_error *err)
{
    char hex[HEX_MAX];
    struct rc_context c = {0};
    int rc = folder_name(name, hex, err);

    if (rc == RC_OK)
        rc = load_meta(config_dir, name, hex, &c, err);
    if (rc == RC_OK)
        rc = find_tls(config_dir, hex, "ca.pem", &c.ca, err);
    if (rc == RC_OK)
        rc = find_tls(config_dir, hex, "cert.pem", &c.cert, err);
    if (rc == RC_OK)
        rc = find_tls(config_dir, hex, "key.pem", &c.key, err);
    if (rc == RC_OK)
        *out = c;
    else
        rc_context_release(&c);
    return rc;
}
