/* Which handler answers what: one line an endpoint. */
#include <stdio.h>

#include "base/cleanup.h"
#include "serve/handlers.h"

#define ROUTE_SEGMENTS 4

struct route {
    const char *path[ROUTE_SEGMENTS]; /* its segments, up to the first NULL */
    enum rc_httpd_method method;      /* GET stands for HEAD, too */
    void (*serve)(rc_api *api, rc_httpd_request *request);
};

static const struct route routes[] = {
    {{"v1", "status"}, RC_HTTPD_GET, rc_serve_status},
    {{"v1", "resync"}, RC_HTTPD_POST, rc_serve_resync},
    {{"livez"}, RC_HTTPD_GET, rc_serve_livez},
    {{"readyz"}, RC_HTTPD_GET, rc_serve_readyz},
    {{"version"}, RC_HTTPD_GET, rc_serve_version},
};

static bool fits(const struct route *route, const rc_target *target)
{
    unsigned i = 0;
    for (; i < ROUTE_SEGMENTS && route->path[i]; i++)
        if (i >= target->n_segments || !rc_str_eq_c(target->segments[i], route->path[i]))
            return false;
    return i == target->n_segments;
}

/* Right path, wrong method. methods: those that the path has. */
static void refuse_method(rc_httpd_request *request, unsigned methods)
{
    static const struct {
        unsigned method;
        const char *name;
    } names[] = {{RC_HTTPD_GET, "GET, HEAD"},
                 {RC_HTTPD_POST, "POST"},
                 {RC_HTTPD_PUT, "PUT"},
                 {RC_HTTPD_DELETE, "DELETE"}};
    char allow[64] = "", message[96];
    size_t len = 0;
    for (size_t i = 0; i < RC_ARRAY_LEN(names); i++)
        if (methods & names[i].method)
            len += (size_t)snprintf(allow + len, sizeof(allow) - len, "%s%s", len ? ", " : "",
                                    names[i].name);
    (void)snprintf(message, sizeof(message), "this path takes %s only", allow);
    rc_httpd_header(request, "Allow", allow);
    rc_httpd_error(request, 405, "method_not_allowed", message);
}

void rc_api_route(rc_httpd_request *request, void *arg)
{
    const rc_target *target = rc_httpd_target(request);
    enum rc_httpd_method method = rc_httpd_method(request);
    unsigned methods = 0;

    if (method == RC_HTTPD_HEAD)
        method = RC_HTTPD_GET;
    for (size_t i = 0; i < RC_ARRAY_LEN(routes); i++) {
        if (!fits(&routes[i], target))
            continue;
        if (routes[i].method == method) {
            routes[i].serve(arg, request);
            return;
        }
        methods |= routes[i].method;
    }
    if (methods)
        refuse_method(request, methods);
    else
        rc_httpd_error(request, 404, "not_found", "there is nothing at this path");
}
