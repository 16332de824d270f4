/* The names below index.path, as the writer makes them and readers find them: `current` is a
 * symbolic link whose target is the name of the environment's folder. docs/index-format.md shows
 * the whole. */
#ifndef RC_INDEX_LAYOUT_H
#define RC_INDEX_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define RC_CURRENT_NAME "current"
#define RC_BOOT_MAX     33 /* 32 hex digits and a NUL */
#define RC_ENV_NAME_MAX 64

typedef struct rc_env_name {
    char boot[RC_BOOT_MAX]; /* "" where the folder lies in memory */
    uint64_t number;
} rc_env_name;

/* "env.7" and "env.<32 hex digits>.7". Whatever else there is under that name is not ours: false,
 * *out untouched. */
bool rc_env_name_parse(const char *s, rc_env_name *out);
void rc_env_name_format(const rc_env_name *name, char out[RC_ENV_NAME_MAX]);

/* Where the link `current` in the open folder leads. RC_NOTFOUND: there is no link. RC_CORRUPT: it
 * is something else, or leads to something else than an environment. RC_IO. */
int rc_current_read(int dir_fd, rc_env_name *out, rc_error *err);

/* dir/name, to be freed; NULL when out of memory. */
char *rc_path_join(const char *dir, const char *name);

#endif
