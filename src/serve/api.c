/* The API's life: its socket, its server, its reader, and who may write. */
#include "serve/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "serve/handlers.h"
#include "serve/unix_socket.h"

int rc_api_reader(rc_api *api, rc_reader **out, rc_error *err)
{
    if (!api->reader) {
        int code = rc_reader_open(api->options.index_path, &api->reader, err);
        if (code)
            return code;
    }
    *out = api->reader;
    return RC_OK;
}

void rc_api_drop_reader(rc_api *api)
{
    api->reader = rc_reader_close(api->reader);
}

void rc_api_no_index(rc_httpd_request *request, const rc_error *err)
{
    const char *code = err->code == RC_NOTFOUND ? "no_index" : rc_code_name(err->code);
    rc_httpd_error(request, 503, code, err->msg);
}

bool rc_api_may_write(const rc_api *api, rc_httpd_request *request)
{
    rc_error err = RC_ERROR_INIT;
    uid_t uid = (uid_t)-1;
    if (rc_httpd_peer(request, &uid, &err) == RC_OK) {
        if (uid == 0 || uid == geteuid())
            return true;
        for (size_t i = 0; i < api->options.n_writers; i++)
            if (uid == api->options.writers[i])
                return true;
        (void)rc_fail(&err, RC_PERM,
                      "user %" PRIu32 " is not among those who may write (api.writers)",
                      (uint32_t)uid);
    }
    rc_httpd_error(request, 403, "forbidden", err.msg);
    return false;
}

static bool copy_options(rc_api *api, const rc_api_options *options)
{
    size_t size = options->n_writers * sizeof(uid_t);
    uid_t *writers = malloc(size ? size : 1);
    api->options = *options;
    api->options.index_path = strdup(options->index_path);
    api->options.socket = NULL; /* the socket's own copy serves */
    api->options.writers = writers;
    if (writers && size)
        memcpy(writers, options->writers, size);
    return writers && api->options.index_path;
}

static int start(rc_api *api, struct event_base *base, const char *path, rc_error *err)
{
    rc_httpd_options http = {.max_connections = api->options.max_connections,
                             .stats = api->options.stats,
                             .handler = rc_api_route,
                             .arg = api};
    int fd = -1;
    int code =
        rc_unix_socket_listen(path, api->options.mode, api->options.gid, &api->socket, &fd, err);
    return code ? code : rc_httpd_new(base, fd, &http, &api->httpd, err);
}

int rc_api_new(struct event_base *base, const rc_api_options *options, rc_api **out, rc_error *err)
{
    if (options->max_connections == 0)
        return rc_fail(err, RC_INVALID, "an API without connections (api.max_connections=0)");
    rc_api *api = calloc(1, sizeof(*api));
    if (!api)
        return rc_fail(err, RC_NOMEM, "out of memory");
    int code = copy_options(api, options) ? start(api, base, options->socket, err)
                                          : rc_fail(err, RC_NOMEM, "out of memory");
    if (code) {
        rc_api_free(api);
        return code;
    }
    *out = api;
    return RC_OK;
}

rc_api *rc_api_free(rc_api *api)
{
    if (!api)
        return NULL;
    /* The name first, so that nobody connects to what is about to close. */
    rc_unix_socket_remove(api->socket);
    rc_httpd_free(api->httpd);
    rc_reader_close(api->reader);
    free((char *)api->options.index_path);
    free((uid_t *)api->options.writers);
    free(api);
    return NULL;
}
