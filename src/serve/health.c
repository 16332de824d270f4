/* /livez and /readyz, as Kubernetes' API server has them: a word and a status code for machines,
 * and with ?verbose, or where a check fails, a line for each check. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "serve/handlers.h"

#define BEAT_MAX_NS (INT64_C(10) * RC_NS_PER_SEC)

struct checks {
    rc_buf text; /* "[+]mirror-loop ok\n" … */
    bool passed;
};

static void note(struct checks *c, const char *name, const char *problem)
{
    if (problem) {
        c->passed = false;
        rc_buf_printf(&c->text, "[-]%s failed: %s\n", name, problem);
    } else {
        rc_buf_printf(&c->text, "[+]%s ok\n", name);
    }
}

static void note_beat(struct checks *c, const char *name, int64_t beat_ns, int64_t now_ns)
{
    int64_t age = now_ns - beat_ns;
    char problem[80];
    if (beat_ns == 0) {
        note(c, name, "it does not run");
        return;
    }
    (void)snprintf(problem, sizeof(problem), "no sign of life for %" PRId64 " s",
                   age / RC_NS_PER_SEC);
    note(c, name, age < BEAT_MAX_NS ? NULL : problem);
}

static void answer(const char *name, rc_httpd_request *request, struct checks *c)
{
    bool verbose = rc_target_param(rc_httpd_target(request), "verbose") != NULL;
    rc_str body = RC_STR("ok");
    if (verbose || !c->passed) {
        rc_buf_printf(&c->text, "%s check %s\n", name, c->passed ? "passed" : "failed");
        body = rc_buf_view(&c->text);
    }
    rc_httpd_reply(request, c->passed ? 200 : 503, "text/plain; charset=utf-8", body);
    rc_buf_release(&c->text);
}

/* The live page; false where it cannot be had, which has been noted. */
static bool read_live(rc_api *api, struct checks *c, rc_live_info *out)
{
    rc_error err = RC_ERROR_INIT;
    rc_reader *reader = NULL;
    int code = rc_api_reader(api, &reader, &err);
    if (code == RC_OK) {
        code = rc_reader_live(reader, out, &err);
        if (code == RC_BUSY) /* its writer died in mid-update, and what it left will tell its age */
            code = RC_OK;
        if (code)
            rc_api_drop_reader(api);
    }
    note(c, "live-page", code ? err.msg : NULL);
    return code == RC_OK;
}

void rc_serve_livez(rc_api *api, rc_httpd_request *request)
{
    struct checks c = {.text = RC_BUF_INIT(RC_REPLY_MAX), .passed = true};
    rc_live_info live;
    if (read_live(api, &c, &live)) {
        int64_t now = rc_clock_mono();
        note_beat(&c, "mirror-loop", live.mirror_beat_ns, now);
        note_beat(&c, "serve-loop", live.serve_beat_ns, now);
    }
    answer("livez", request, &c);
}

void rc_serve_readyz(rc_api *api, rc_httpd_request *request)
{
    struct checks c = {.text = RC_BUF_INIT(RC_REPLY_MAX), .passed = true};
    rc_error err = RC_ERROR_INIT;
    rc_reader *reader = NULL;
    int code = rc_api_reader(api, &reader, &err);
    note(&c, "index", code ? err.msg : NULL);
    if (code == RC_OK)
        note(&c, "full-list", rc_reader_ready(reader, &err) ? NULL : err.msg);
    answer("readyz", request, &c);
}
