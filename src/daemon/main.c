/* rollcalld: reads the configuration, opens the index, runs the two loops until it is told to end.
 */
#include <event2/event.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/commands.h"
#include "daemon/config.h"
#include "daemon/driver.h"
#include "daemon/serve_loop.h"
#include "wire/decode.h"

enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

extern char **environ;

typedef struct daemon {
    int argc;
    char **argv;
    rc_config *config;
    rc_log *log;
    rc_endpoint *endpoint;
    rc_index *ix;
    struct event_base *base;
    rc_commands *commands;
    rc_driver *driver;
    rc_serve_loop *serve;
    struct event *events[5];
    bool stopping;
} daemon_state;

static const char *look_up_env(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

/* ---- signals and commands ---- */

static void on_end(evutil_socket_t signal_number, short what, void *arg)
{
    daemon_state *d = arg;
    (void)what;
    rc_logf(d->log, RC_LOG_INFO, "daemon", "stopping signal=%s",
            signal_number == SIGTERM ? "TERM" : "INT");
    d->stopping = true;
    event_base_loopbreak(d->base);
}

static void on_resync_signal(evutil_socket_t fd, short what, void *arg)
{
    daemon_state *d = arg;
    (void)fd, (void)what;
    rc_logf(d->log, RC_LOG_INFO, "daemon", "resync asked for by signal");
    rc_driver_resync(d->driver);
}

/* What can change in a running daemon is its log; the rest is checked, and said to wait. */
static void on_reload(evutil_socket_t fd, short what, void *arg)
{
    daemon_state *d = arg;
    rc_config *fresh = NULL;
    enum rc_config_wish wish = RC_CONFIG_RUN;
    rc_error err = RC_ERROR_INIT;
    (void)fd, (void)what;
    if (rc_config_load(d->argc, d->argv, environ, &fresh, &wish, &err)) {
        rc_logf(d->log, RC_LOG_ERROR, "daemon", "not reloaded: %s", err.msg);
        return;
    }
    rc_log_set(d->log, fresh->log.level, fresh->log.format);
    rc_config_free(fresh);
    rc_logf(d->log, RC_LOG_INFO, "daemon", "reloaded [log]; other changes take a restart");
}

static void on_command(evutil_socket_t fd, short what, void *arg)
{
    daemon_state *d = arg;
    enum rc_command commands[RC_COMMANDS_MAX];
    (void)fd, (void)what;
    /* Resync is the only one, and a full list serves all that asked for it. */
    if (rc_commands_take(d->commands, commands, RC_COMMANDS_MAX) > 0)
        rc_driver_resync(d->driver);
}

/* SIG_BLOCK: what comes waits, for nobody is there yet to make sense of it; SIG_UNBLOCK. */
static void hold_signals(int how)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGUSR1);
    sigaddset(&ours, SIGHUP);
    sigprocmask(how, &ours, NULL);
}

static int watch(daemon_state *d, rc_error *err)
{
    d->events[0] = evsignal_new(d->base, SIGTERM, on_end, d);
    d->events[1] = evsignal_new(d->base, SIGINT, on_end, d);
    d->events[2] = evsignal_new(d->base, SIGUSR1, on_resync_signal, d);
    d->events[3] = evsignal_new(d->base, SIGHUP, on_reload, d);
    d->events[4] =
        event_new(d->base, rc_commands_fd(d->commands), EV_READ | EV_PERSIST, on_command, d);
    for (size_t i = 0; i < RC_ARRAY_LEN(d->events); i++) {
        if (!d->events[i])
            return rc_fail(err, RC_NOMEM, "cannot watch for signals and commands");
        /* As urgent as the stream: a flood of events must not hold up the end. */
        if (event_priority_set(d->events[i], 0) || event_add(d->events[i], NULL))
            return rc_fail(err, RC_NOMEM, "cannot watch for signals and commands");
    }
    hold_signals(SIG_UNBLOCK);
    return RC_OK;
}

/* ---- life ---- */

static int open_index(daemon_state *d, rc_error *err)
{
    const rc_config *c = d->config;
    rc_error reason = RC_ERROR_INIT;
    enum rc_index_origin origin = RC_INDEX_NEW;
    rc_index_options options = {.path = c->index.path,
                                .map_size = c->index.map_size,
                                .max_used = c->index.max_used,
                                .history = c->index.history,
                                .history_bytes = c->index.history_bytes,
                                .gid = c->api.gid};
    int code = rc_index_open(&options, &d->ix, &origin, &reason, err);
    if (code)
        return code;
    if (origin == RC_INDEX_ASIDE)
        rc_logf(d->log, RC_LOG_WARNING, "index", "the old one was set aside: %s", reason.msg);
    rc_logf(d->log, RC_LOG_INFO, "index", "%s path=%s epoch=%016llx rev=%llu",
            origin == RC_INDEX_KEPT ? "opened" : "made anew", c->index.path,
            (unsigned long long)rc_index_epoch(d->ix), (unsigned long long)rc_index_rev(d->ix));
    return RC_OK;
}

static int make_base(daemon_state *d, rc_error *err)
{
    struct event_config *config = event_config_new();
    /* One callback of the lesser priority, then a look at whether the stream has something. */
    if (config && !event_config_set_max_dispatch_interval(config, NULL, 1, 1))
        d->base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    /* 0: the engine's stream; 1: all else. */
    if (!d->base || event_base_priority_init(d->base, 2))
        return rc_fail(err, RC_NOMEM, "cannot make the event loop");
    return RC_OK;
}

static int start(daemon_state *d, rc_error *err)
{
    int code = make_base(d, err);
    if (!code)
        code = rc_commands_new(&d->commands, err);
    /* First of all: a large index takes a while to open, and a signal that comes meanwhile waits
     * for the loop instead of killing. */
    if (!code)
        code = watch(d, err);
    if (!code)
        code = open_index(d, err);
    if (!code)
        code = rc_driver_new(d->base, d->config, d->endpoint, d->ix, d->log, &d->driver, err);
    if (!code)
        code = rc_serve_loop_start(d->config, rc_index_live(d->ix), d->commands, d->log, &d->serve,
                                   err);
    return code;
}

static void stop(daemon_state *d)
{
    rc_serve_loop_stop(d->serve);
    rc_driver_free(d->driver);
    for (size_t i = 0; i < RC_ARRAY_LEN(d->events); i++)
        if (d->events[i])
            event_free(d->events[i]);
    rc_commands_free(d->commands);
    rc_index_close(d->ix);
    rc_endpoint_free(d->endpoint);
    if (d->base)
        event_base_free(d->base);
}

static int run(daemon_state *d)
{
    rc_error err = RC_ERROR_INIT;
    int code = start(d, &err);
    if (code)
        rc_logf(d->log, RC_LOG_ERROR, "daemon", "cannot start: %s", err.msg);
    else if (event_base_dispatch(d->base) < 0)
        rc_logf(d->log, RC_LOG_ERROR, "daemon", "the mirror loop ended");
    stop(d);
    if (d->stopping)
        rc_logf(d->log, RC_LOG_INFO, "daemon", "stopped");
    return !code && d->stopping ? EXIT_OK : EXIT_FAILED;
}

static int usage_error(const rc_error *err)
{
    fprintf(stderr, "rollcalld: %s\n", err->msg);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    daemon_state d = {.argc = argc, .argv = argv};
    rc_error err = RC_ERROR_INIT;
    enum rc_config_wish wish = RC_CONFIG_RUN;

    hold_signals(SIG_BLOCK);
    signal(SIGPIPE, SIG_IGN);
    umask(027);
    if (rc_config_load(argc, argv, environ, &d.config, &wish, &err))
        return usage_error(&err);
    if (wish == RC_CONFIG_HELP || wish == RC_CONFIG_VERSION) {
        fputs(wish == RC_CONFIG_HELP ? rc_config_usage() : "rollcalld " ROLLCALL_VERSION "\n",
              stdout);
        rc_config_free(d.config);
        return EXIT_OK;
    }
    rc_wire_init();
    rc_endpoint_options where = {.host = d.config->engine.host,
                                 .tls_ca = d.config->engine.tls_ca,
                                 .tls_cert = d.config->engine.tls_cert,
                                 .tls_key = d.config->engine.tls_key,
                                 .getenv = look_up_env};
    if (rc_endpoint_resolve(&where, &d.endpoint, &err)) {
        rc_config_free(d.config);
        return usage_error(&err);
    }
    int code = EXIT_OK;
    if (wish == RC_CONFIG_CHECK) {
        rc_endpoint_free(d.endpoint);
    } else {
        d.log = rc_log_new(STDERR_FILENO, d.config->log.level, d.config->log.format);
        code = run(&d);
        rc_log_free(d.log);
    }
    rc_config_free(d.config);
    return code;
}
