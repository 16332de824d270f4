/* Configuration files: INI text as libinih reads it, held to a stricter form (docs/operations.md).
 */
#ifndef RC_DAEMON_CONFIG_FILE_H
#define RC_DAEMON_CONFIG_FILE_H

#include "daemon/config_draft.h"

#define RC_CONFIG_FILE_MAX ((size_t)1 << 20) /* bytes of a file */
#define RC_CONFIG_DIR_MAX  1000              /* files of a conf.d */

/* Sets what the file says. *ret_found (may be NULL): is there such a file? With it an absent file
 * is no error. RC_INVALID naming FILE:LINE; RC_NOMEM. What stood before a mistake is set already.
 */
int rc_config_file_read(rc_config_draft *d, const char *path, bool *ret_found, rc_error *err);

/* The files *.conf of a folder in bytewise order of their names; an absent folder has none. */
int rc_config_dir_read(rc_config_draft *d, const char *path, rc_error *err);

#endif
