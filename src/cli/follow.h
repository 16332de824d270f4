/* Waiting for the index to change, or for reasons not to: a signal, a deadline, a reader of stdout
 * that has gone. The daemon's death rings no bell, so a wait is never longer than a second. */
#ifndef RC_CLI_FOLLOW_H
#define RC_CLI_FOLLOW_H

#include <stdint.h>

#include "base/error.h"
#include "reader/reader.h"

/* Before the first look at the index, so that what is committed after it ends the first wait. From
 * here on SIGINT and SIGTERM only end rc_follow_wait. Once a process. As rc_reader_fd. */
int rc_follow_start(rc_reader *reader, rc_error *err);

/* Waits until a revision may have been committed, or about a second. deadline_ns: CLOCK_MONOTONIC,
 * INT64_MAX for none. out_fd: stdout, or -1. RC_OK; RC_TIMEOUT: the deadline passed; RC_CANCELLED:
 * a signal came; RC_CLOSED: nobody reads out_fd any more (an empty message); else as rc_reader_fd.
 * The descriptor is drained. */
int rc_follow_wait(rc_reader *reader, int out_fd, int64_t deadline_ns, rc_error *err);

/* Ends the process by the signal that came, if one did, so that a shell sees 130 or 143. Call when
 * all is tidied up. */
void rc_follow_raise(void);

#endif
