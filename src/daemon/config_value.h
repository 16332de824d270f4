/* One configuration value: text in, the typed member out. */
#ifndef RC_DAEMON_CONFIG_VALUE_H
#define RC_DAEMON_CONFIG_VALUE_H

#include "daemon/config.h"
#include "daemon/config_keys.h"

/* Sets the key's member of c, freeing what was there. RC_INVALID naming what was expected and what
 * was found; RC_NOMEM. */
int rc_config_value_set(rc_config *c, const rc_config_key *key, rc_str text, rc_error *err);

/* Frees the members that rc_config_value_set made. */
void rc_config_value_clear(rc_config *c, const rc_config_key *key);

#endif
