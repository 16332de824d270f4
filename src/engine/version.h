/* Versions of the Engine API, and which of them are ours. Private to engine/. */
#ifndef RC_ENGINE_VERSION_H
#define RC_ENGINE_VERSION_H

#include <stdbool.h>

#include "base/str.h"
#include "engine/call.h"

struct rc_api_version {
    int major;
    int minor;
};

/* The newest whose answers we know, and the oldest: what Docker's own client goes down to. */
#define RC_API_NEWEST ((struct rc_api_version){1, 55})
#define RC_API_OLDEST ((struct rc_api_version){1, 24})

/* "1.41", as people write it also "v1.41"; up to four digits each. False: *out untouched. */
bool rc_api_version_parse(rc_str s, struct rc_api_version *out);

void rc_api_version_format(struct rc_api_version v, char out[RC_ENGINE_API_MAX]);

/* <0, 0, >0 */
int rc_api_version_cmp(struct rc_api_version a, struct rc_api_version b);

#endif
