/* The filters parameter of lists and of the event stream: {"key":["value",…]}. */
#ifndef SIM_FILTER_H
#define SIM_FILTER_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

#define SIM_FILTER_MAX 8192 /* values of all keys together */

typedef struct sim_filter sim_filter;

/* json is decoded in place; "" is no filter at all. */
int sim_filter_parse(char *json, size_t len, sim_filter **ret, rc_error *err);
sim_filter *sim_filter_free(sim_filter *f);

size_t sim_filter_count(const sim_filter *f); /* of all values */
rc_str sim_filter_key(const sim_filter *f, size_t i);
rc_str sim_filter_value(const sim_filter *f, size_t i);

/* Is there any value for the key? */
bool sim_filter_has(const sim_filter *f, const char *key);

/* Does one of the key's values equal this? True where the key has none. */
bool sim_filter_match(const sim_filter *f, const char *key, rc_str value);

#endif
