/* The look at LMDB's data file before it is mapped: one that ends before its last page opens well,
 * and kills with SIGBUS later. */
#ifndef RC_INDEX_DATA_FILE_H
#define RC_INDEX_DATA_FILE_H

#include "base/error.h"

/* Good where there is none, or an empty one, too. RC_CORRUPT, RC_PERM, RC_IO. */
int rc_data_file_check(const char *file, rc_error *err);

#endif
