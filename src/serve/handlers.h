/* What the handlers of the API share. A further endpoint is a function here, in a file of its own,
 * and a line in routes.c. */
#ifndef RC_SERVE_HANDLERS_H
#define RC_SERVE_HANDLERS_H

#include "reader/reader.h"
#include "serve/api.h"
#include "serve/http.h"

#define RC_REPLY_MAX (1U << 20) /* bytes of an answer that is built whole */

struct rc_api {
    rc_api_options options; /* its strings and arrays are copies */
    rc_reader *reader;      /* NULL until an index could be opened: rc_api_reader */
    rc_httpd *httpd;
    struct rc_unix_socket *socket;
};

/* The index's reader, opened if it was not. As rc_reader_open. */
int rc_api_reader(rc_api *api, rc_reader **out, rc_error *err);

/* Drops the reader, so that the next request opens the index anew: after an error of it. */
void rc_api_drop_reader(rc_api *api);

/* 503, saying that there is no index or what is wrong with it. */
void rc_api_no_index(rc_httpd_request *request, const rc_error *err);

/* May the peer change anything? If not, it has been answered 403. */
bool rc_api_may_write(const rc_api *api, rc_httpd_request *request);

/* The server's handler: arg is the API. */
void rc_api_route(rc_httpd_request *request, void *arg);

void rc_serve_livez(rc_api *api, rc_httpd_request *request);   /* health.c */
void rc_serve_readyz(rc_api *api, rc_httpd_request *request);  /* health.c */
void rc_serve_resync(rc_api *api, rc_httpd_request *request);  /* resync.c */
void rc_serve_status(rc_api *api, rc_httpd_request *request);  /* status.c */
void rc_serve_version(rc_api *api, rc_httpd_request *request); /* status.c */

#endif
