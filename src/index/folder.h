/* The writer's hands on index.path: making it, and making, switching, setting aside and removing
 * the environments in it. `current` is the only thing that says what is in use, and it is replaced
 * in one step; whatever else a killed writer left is swept at the next start. */
#ifndef RC_INDEX_FOLDER_H
#define RC_INDEX_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "index/layout.h"

typedef struct rc_folder rc_folder;

/* Makes the folder, with its parents, where it is absent: 0750, or wider as data_mode lets others
 * read; with a gid ((gid_t)-1: none) that group's, and set-gid. */
int rc_folder_open(const char *path, mode_t data_mode, gid_t gid, rc_folder **out, rc_error *err);
rc_folder *rc_folder_close(rc_folder *f);

/* Does it lie in memory, where a power cut leaves nothing that is torn? */
bool rc_folder_in_memory(const rc_folder *f);

/* The environment in use. As rc_current_read, and RC_VERSION: of another boot, or of a file system
 * of another kind. RC_NOTFOUND with *ret_dangling: the link leads nowhere. */
int rc_folder_current(const rc_folder *f, rc_env_name *out, bool *ret_dangling, rc_error *err);

/* A path into the folder, to be freed; NULL when out of memory. */
char *rc_folder_path(const rc_folder *f, const rc_env_name *env);

/* Makes the empty folder of a new environment, numbered after all that are there. */
int rc_folder_make(rc_folder *f, rc_env_name *out, rc_error *err);

/* Gives an environment's files to the group, where there is one. */
int rc_folder_share(const rc_folder *f, const rc_env_name *env, rc_error *err);

/* `current` leads to env from now on. */
int rc_folder_switch(rc_folder *f, const rc_env_name *env, rc_error *err);

/* Keeps an environment that is not in use as aside.N, instead of the one kept before. Removes one
 * of another boot. Best effort: what fails is left for the next sweep. */
void rc_folder_set_aside(rc_folder *f, const rc_env_name *env);

/* Removes an environment that is not in use; readers that have it open read on. Best effort. */
void rc_folder_remove(rc_folder *f, const rc_env_name *env);

/* Removes all environments but the one in use, and all but the newest aside. Best effort. */
void rc_folder_sweep(rc_folder *f);

/* Something in the way of `current` that is not our link is kept as aside.N. */
int rc_folder_clear_current(rc_folder *f, rc_error *err);

#endif
