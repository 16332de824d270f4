/* rollcall-sim: a simulated container engine for tests and benchmarks. Options, wiring, the loop.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "api.h"
#include "base/hash.h"
#include "base/json.h"
#include "control.h"
#include "faults.h"
#include "load.h"
#include "sim.h"
#include "snapshot.h"
#include "stream.h"
#include "wire/decode.h"

static const char usage[] =
    "usage: rollcall-sim [--profile NAME] [--socket PATH] [--tcp ADDRESS:PORT]\n"
    "                    [--control PATH] [--stdio] [--seed N]\n"
    "profiles: ";

typedef struct options {
    const sim_profile *profile;
    const char *socket;
    const char *control;
    char tcp_address[64];
    uint16_t tcp_port;
    bool tcp;
    bool stdio;
    uint64_t seed;
} options;

uint64_t sim_random(sim *s, uint64_t n)
{
    return rc_rand_next(&s->rng) % n;
}

/* Docker: twelve groups of base 32; Podman: a UUID. */
void sim_new_identity(sim *s)
{
    static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    static const char hex[] = "0123456789abcdef";
    char *p = s->engine_id;
    if (s->profile->podman) {
        for (int i = 0; i < 36; i++)
            *p++ = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : hex[sim_random(s, 16)];
    } else {
        for (int i = 0; i < 59; i++)
            *p++ = i % 5 == 4 ? ':' : base32[sim_random(s, 32)];
    }
    *p = '\0';
}

/* ---- options ---- */

static bool parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno || *end || end == text || text[0] == '-' || n > max)
        return false;
    *ret = n;
    return true;
}

static bool parse_tcp(const char *text, options *o)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (!colon || (size_t)(colon - text) >= sizeof(o->tcp_address) ||
        !parse_u64(colon + 1, UINT16_MAX, &port))
        return false;
    memcpy(o->tcp_address, text, (size_t)(colon - text));
    o->tcp_port = (uint16_t)port;
    o->tcp = true;
    return true;
}

static int bad_usage(const char *what, const char *value)
{
    (void)fprintf(stderr, "rollcall-sim: %s: %s\n%s%s\n", what, value, usage, sim_profile_names());
    return 2;
}

static int parse_options(int argc, char **argv, options *o)
{
    static const struct option known[] = {
        {"profile", required_argument, NULL, 'p'},
        {"socket", required_argument, NULL, 's'},
        {"tcp", required_argument, NULL, 't'},
        {"control", required_argument, NULL, 'c'},
        {"stdio", no_argument, NULL, 'i'},
        {"seed", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    int c;
    if (rc_random_bytes(&o->seed, sizeof(o->seed)) != 0)
        o->seed = (uint64_t)rc_clock_mono();
    o->seed >>= 11; /* fits a double, for those who read the line as JSON */
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 'p' && !(o->profile = sim_profile_find(optarg)))
            return bad_usage("no such profile", optarg);
        if (c == 's')
            o->socket = optarg;
        if (c == 't' && !parse_tcp(optarg, o))
            return bad_usage("not ADDRESS:PORT", optarg);
        if (c == 'c')
            o->control = optarg;
        if (c == 'i')
            o->stdio = true;
        if (c == 'r' && !parse_u64(optarg, UINT64_MAX, &o->seed))
            return bad_usage("not a seed", optarg);
        if (c == '?')
            return bad_usage("bad option", argv[optind - 1]);
    }
    if (optind < argc)
        return bad_usage("what is this", argv[optind]);
    if (!o->socket && !o->tcp)
        return bad_usage("one is needed", "--socket or --tcp");
    return 0;
}

/* ---- life ---- */

static void sim_release(sim *s)
{
    s->load = sim_load_free(s->load);
    s->control = sim_control_free(s->control);
    s->http = sim_http_free(s->http); /* before the stream: it unsubscribes */
    s->stream = sim_stream_free(s->stream);
    s->frozen = sim_snapshot_unref(s->frozen);
    s->model = sim_model_free(s->model);
    free(s->faults);
    if (s->base)
        event_base_free(s->base);
}

static int sim_make(sim *s, const options *o, rc_error *err)
{
    s->profile = o->profile;
    s->seed = s->rng = o->seed;
    s->settings = (sim_settings){.chunk_max = (size_t)64 << 10, .network_events = true};
    s->base = event_base_new();
    s->faults = calloc(1, sizeof(*s->faults));
    s->model = sim_model_new(&s->rng, rc_clock_real());
    if (!s->base || !s->faults || !s->model)
        return rc_fail(err, RC_NOMEM, "out of memory");
    s->stream = sim_stream_new(s);
    s->http = sim_http_new(s, sim_api_handle);
    s->load = sim_load_new(s);
    s->control = sim_control_new(s);
    if (!s->stream || !s->http || !s->load || !s->control)
        return rc_fail(err, RC_NOMEM, "out of memory");
    sim_new_identity(s);
    return RC_OK;
}

static int sim_open(sim *s, const options *o, uint16_t *ret_port, rc_error *err)
{
    int rc = RC_OK;
    if (o->socket)
        rc = sim_http_listen_unix(s->http, o->socket, err);
    if (rc == RC_OK && o->tcp)
        rc = sim_http_listen_tcp(s->http, o->tcp_address, o->tcp_port, ret_port, err);
    if (rc == RC_OK && o->control)
        rc = sim_control_listen(s->control, o->control, err);
    if (rc == RC_OK && o->stdio)
        rc = sim_control_stdio(s->control, err);
    return rc;
}

/* One line, before any answer to a command. */
static void announce(const sim *s, const options *o, uint16_t port)
{
    rc_buf line = RC_BUF_INIT(0);
    rc_json j;
    rc_json_init(&j, &line);
    rc_json_object(&j);
    RC_JSON_KEY(&j, "ready");
    rc_json_bool(&j, true);
    RC_JSON_KEY(&j, "seed");
    rc_json_u64(&j, s->seed);
    RC_JSON_KEY(&j, "profile");
    rc_json_str(&j, rc_str_c(s->profile->key));
    RC_JSON_KEY(&j, "socket");
    rc_json_str(&j, rc_str_c(o->socket));
    RC_JSON_KEY(&j, "tcp_port");
    rc_json_u64(&j, port);
    rc_json_object_end(&j);
    (void)printf("%.*s\n", RC_STR_ARG(rc_buf_view(&line)));
    (void)fflush(stdout);
    rc_buf_release(&line);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number, (void)what;
    (void)event_base_loopbreak(arg);
}

static int run(sim *s, const options *o, rc_error *err)
{
    uint16_t port = 0;
    int rc = sim_make(s, o, err);
    if (rc != RC_OK)
        return rc;
    struct event *term = evsignal_new(s->base, SIGTERM, on_signal, s->base);
    struct event *intr = evsignal_new(s->base, SIGINT, on_signal, s->base);
    if (!term || !intr || event_add(term, NULL) != 0 || event_add(intr, NULL) != 0)
        rc = rc_fail(err, RC_NOMEM, "out of memory for signals");
    if (rc == RC_OK)
        rc = sim_open(s, o, &port, err);
    if (rc == RC_OK) {
        announce(s, o, port);
        (void)event_base_dispatch(s->base);
    }
    if (term)
        event_free(term);
    if (intr)
        event_free(intr);
    return rc;
}

int main(int argc, char **argv)
{
    options o = {.profile = sim_profile_find("docker-20.10")};
    sim s = {0};
    rc_error err = RC_ERROR_INIT;
    int rc = parse_options(argc, argv, &o);
    if (rc != 0)
        return rc;
    (void)signal(SIGPIPE, SIG_IGN);
    rc_wire_init();
    rc = run(&s, &o, &err);
    sim_release(&s);
    if (rc != RC_OK)
        (void)fprintf(stderr, "rollcall-sim: %s\n", err.msg);
    return rc == RC_OK ? 0 : 1;
}
