/* A configuration in the making: values and who set them. */
#include "daemon/config_draft.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/config_value.h"

int rc_config_draft_init(rc_config_draft *d, rc_error *err)
{
    rc_config_draft made = {.config = calloc(1, sizeof(rc_config))};
    if (!made.config)
        return rc_fail(err, RC_NOMEM, "out of memory");
    for (size_t i = 0; i < rc_config_key_count(); i++) {
        int code = rc_config_draft_unset(&made, rc_config_key_at(i), err);
        if (code) {
            rc_config_draft_release(&made);
            return code;
        }
    }
    *d = made;
    return RC_OK;
}

void rc_config_draft_release(rc_config_draft *d)
{
    for (size_t i = 0; i < RC_CONFIG_KEYS_MAX; i++)
        free(d->origin[i]);
    rc_config_free(d->config);
    *d = (rc_config_draft){0};
}

int rc_config_draft_set(rc_config_draft *d, const rc_config_key *key, rc_str text,
                        const char *origin, rc_error *err)
{
    int code = rc_config_value_set(d->config, key, text, err);
    if (code) {
        (void)rc_error_wrap(err, "%s: %s.%s", origin, key->section, key->name);
        return code;
    }
    char *copy = strdup(origin);
    if (!copy)
        return rc_fail(err, RC_NOMEM, "out of memory");
    char **at = &d->origin[rc_config_key_index(key)];
    free(*at);
    *at = copy;
    return RC_OK;
}

int rc_config_draft_unset(rc_config_draft *d, const rc_config_key *key, rc_error *err)
{
    int code = rc_config_value_set(d->config, key, rc_str_c(key->fallback), err);
    if (code) {
        (void)rc_error_wrap(err, "default of %s.%s", key->section, key->name);
        return code;
    }
    char **at = &d->origin[rc_config_key_index(key)];
    free(*at);
    *at = NULL;
    return RC_OK;
}

const char *rc_config_draft_origin(const rc_config_draft *d, const rc_config_key *key)
{
    const char *origin = d->origin[rc_config_key_index(key)];
    return origin ? origin : "default";
}
