/* A configuration in the making: each layer, from the weakest to the strongest, sets keys in it,
 * and it remembers who set what, for the messages about values that do not fit together. */
#ifndef RC_DAEMON_CONFIG_DRAFT_H
#define RC_DAEMON_CONFIG_DRAFT_H

#include "daemon/config.h"
#include "daemon/config_keys.h"

typedef struct rc_config_draft {
    rc_config *config;
    char *origin[RC_CONFIG_KEYS_MAX]; /* "FILE:LINE", "--set", …; NULL: the default */
} rc_config_draft;

/* All defaults. RC_NOMEM. */
int rc_config_draft_init(rc_config_draft *d, rc_error *err);
void rc_config_draft_release(rc_config_draft *d);

/* origin: who says so; is put in front of the error's message together with the key's name. */
int rc_config_draft_set(rc_config_draft *d, const rc_config_key *key, rc_str text,
                        const char *origin, rc_error *err);

/* The default again, as if nobody had set it. */
int rc_config_draft_unset(rc_config_draft *d, const rc_config_key *key, rc_error *err);

/* Who set it: "FILE:LINE", …, "default". Borrowed from d. */
const char *rc_config_draft_origin(const rc_config_draft *d, const rc_config_key *key);

#endif
