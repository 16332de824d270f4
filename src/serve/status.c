/* What the daemon says about itself: /v1/status and /version. */
#include "reader/status.h"
#include "serve/handlers.h"

static void reply_json(rc_httpd_request *request, rc_buf *text)
{
    rc_buf_putc(text, '\n');
    if (rc_buf_failed(text))
        rc_httpd_error(request, 500, "out_of_memory", "no memory for the answer");
    else
        rc_httpd_reply(request, 200, "application/json", rc_buf_view(text));
}

void rc_serve_status(rc_api *api, rc_httpd_request *request)
{
    rc_buf text = RC_BUF_INIT(RC_REPLY_MAX);
    rc_error err = RC_ERROR_INIT;
    rc_reader *reader = NULL;
    rc_status status;
    rc_json j;

    int code = rc_api_reader(api, &reader, &err);
    if (code == RC_OK) {
        code = rc_status_read(reader, &status, &err);
        if (code)
            rc_api_drop_reader(api);
    }
    if (code) {
        rc_api_no_index(request, &err);
        return;
    }
    status.path = api->options.index_path;
    rc_json_init(&j, &text);
    rc_status_encode(&j, &status);
    reply_json(request, &text);
    rc_buf_release(&text);
}

void rc_serve_version(rc_api *api, rc_httpd_request *request)
{
    rc_buf text = RC_BUF_INIT(RC_REPLY_MAX);
    rc_json j;

    (void)api;
    rc_json_init(&j, &text);
    rc_json_object(&j);
    RC_JSON_KEY(&j, "version");
    rc_json_str(&j, RC_STR(ROLLCALL_VERSION));
    RC_JSON_KEY(&j, "api_version");
    rc_json_str(&j, RC_STR("v1"));
    rc_json_object_end(&j);
    reply_json(request, &text);
    rc_buf_release(&text);
}
