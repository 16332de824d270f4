/* The docker CLI's contexts: which one is current, and what it says of where the engine is. Private
 * to engine/. Source: docker/cli, "cli/context/store" and "cli/config". */
#ifndef RC_ENGINE_CONTEXT_H
#define RC_ENGINE_CONTEXT_H

#include <stdbool.h>

#include "base/error.h"

/* All strings are the struct's own; NULL where not told. */
struct rc_context {
    char *host;
    char *ca;
    char *cert;
    char *key;
    bool skip_verify;
};

/* The name that config.json in the folder gives as current, or NULL where there is no such file or
 * it names none; the caller frees it. RC_INVALID, RC_PERM, RC_IO naming the file. */
int rc_context_current(const char *config_dir, char **out, rc_error *err);

/* The context of that name. RC_INVALID naming the context or the file that is wrong. */
int rc_context_load(const char *config_dir, const char *name, struct rc_context *out,
                    rc_error *err);

void rc_context_release(struct rc_context *c);

#endif
