/* POST /v1/resync: asks the mirror for a full list. */
#include "serve/handlers.h"

void rc_serve_resync(rc_api *api, rc_httpd_request *request)
{
    rc_error err = RC_ERROR_INIT;

    if (!rc_api_may_write(api, request))
        return;
    int code = api->options.resync(api->options.arg, &err);
    if (code == RC_OK)
        rc_httpd_reply(request, 202, "application/json", RC_STR("{\"status\":\"accepted\"}\n"));
    else
        rc_httpd_error(request, code == RC_BUSY ? 503 : 500, rc_code_name(code), err.msg);
}
