/* The daemon's configuration: flags over environment over conf.d over file over defaults. */
#ifndef RC_DAEMON_CONFIG_H
#define RC_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

#define RC_MISSING_TTL_NEVER INT64_MAX

/* Every string is owned by the configuration and never NULL ("" is not set). Times in ns, sizes in
 * bytes. */
typedef struct rc_config {
    struct {
        char *host, *api_version, *tls_ca, *tls_cert, *tls_key;
        int64_t connect_timeout, request_timeout, reconnect_max;
        bool inspect;
    } engine;
    struct {
        int64_t resync_interval;
        int64_t missing_ttl; /* 0: not at all; RC_MISSING_TTL_NEVER */
    } mirror;
    struct {
        char *path;
        uint64_t map_size, max_used, history, history_bytes;
        char *labels, *labels_drop; /* globs, separated by commas or spaces */
    } index;
    struct {
        char *socket; /* resolved: <index.path>/api.sock by default */
        mode_t mode;
        gid_t gid; /* (gid_t)-1: not set */
        uid_t *writers;
        size_t n_writers;
        unsigned max_connections;
    } api;
    struct {
        char *prefix; /* of the labels that dispatch reads: "tinyforge." */
    } workloads;
    struct {
        enum rc_log_level level;
        enum rc_log_format format; /* resolved: auto has become one of the three */
    } log;
} rc_config;

enum rc_config_wish { RC_CONFIG_RUN, RC_CONFIG_CHECK, RC_CONFIG_VERSION, RC_CONFIG_HELP };

/* argv as main got it; env: NAME=VALUE strings as environ (a test passes its own). *ret_wish: what
 * the command line asks for; with RC_CONFIG_VERSION and RC_CONFIG_HELP nothing is read and *out is
 * NULL. Where DOCKER_HOST, DOCKER_CONTEXT or DOCKER_CERT_PATH is set, engine.host and engine.tls_*
 * hold only what flags say: engine/endpoint.h reads the variables. RC_INVALID: err names flag,
 * variable, or file:line, the key, and what was expected. One thread at a time (getopt). */
int rc_config_load(int argc, char *const argv[], char *const env[], rc_config **out,
                   enum rc_config_wish *ret_wish, rc_error *err);
rc_config *rc_config_free(rc_config *c);

/* The text of --help. Static. */
const char *rc_config_usage(void);

#endif
