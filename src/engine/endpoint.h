/* Where the engine is: DOCKER_HOST, the docker CLI's contexts, TLS files; as the docker CLI finds
 * it. Source: docker/cli's docs "docker context" and "Protect the Docker daemon socket". */
#ifndef RC_ENGINE_ENDPOINT_H
#define RC_ENGINE_ENDPOINT_H

#include <stdbool.h>

#include "base/error.h"
#include "net/http.h"

typedef struct rc_endpoint rc_endpoint;

/* Configured values; NULL or "" where not set. They win over the environment. */
typedef struct rc_endpoint_options {
    const char *host;
    const char *tls_ca;
    const char *tls_cert;
    const char *tls_key;
    /* The environment: getenv, or a test's own. NULL: no environment at all. */
    const char *(*getenv)(void *arg, const char *name);
    void *arg;
} rc_endpoint_options;

/* Call rc_wire_init() before. In this order: host; DOCKER_HOST; DOCKER_CONTEXT or config.json's
 * currentContext (from DOCKER_CONFIG or $HOME/.docker) other than "default";
 * unix:///var/run/docker.sock. With DOCKER_TLS_VERIFY (not empty) or DOCKER_CERT_PATH, TCP is TLS;
 * with the latter alone it is not verified, as Docker's client does. Configured TLS files are
 * verified with; a context has its own. RC_INVALID naming the variable or file that is wrong;
 * RC_UNSUPPORTED for ssh://, npipe://, fd://; RC_PERM and RC_IO naming the file that cannot be
 * read; RC_NOMEM. */
int rc_endpoint_resolve(const rc_endpoint_options *options, rc_endpoint **out, rc_error *err);
rc_endpoint *rc_endpoint_free(rc_endpoint *e);

/* "unix:///var/run/docker.sock", "tcp://host:2376"; borrowed. Safe to print. */
const char *rc_endpoint_text(const rc_endpoint *e);

/* Over a unix socket the engine's clock is ours. */
bool rc_endpoint_is_local(const rc_endpoint *e);

/* How to connect; strings borrowed from e. priority is left 0. */
void rc_endpoint_http(const rc_endpoint *e, rc_http_options *out);

#endif
