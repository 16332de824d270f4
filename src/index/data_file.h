/* The look at LMDB's data file before LMDB maps it. */
#ifndef RC_INDEX_DATA_FILE_H
#define RC_INDEX_DATA_FILE_H

#include <stddef.h>

#include "base/error.h"

/* Is it one, and whole? A file that ends before its last page opens well, and kills with SIGBUS
 * later. Good, with *ret_page_size 0, where there is none or an empty one. RC_CORRUPT, RC_PERM,
 * RC_IO. */
int rc_data_file_check(const char *file, size_t *ret_page_size, rc_error *err);

/* The same, and every page in it; nobody may write to it meanwhile. RC_NOMEM, too. */
int rc_data_file_check_tree(const char *file, rc_error *err);

#endif
