/* The daemon's log: levelled lines with key=value fields to stderr, as text, as JSON, or with
 * journald's <N> priorities. Only the daemon and the CLI log; libraries report through rc_error and
 * callbacks. Thread-safe: a line is one write(2). A reader of stderr that is gone or slow costs
 * lines, never the daemon (EPIPE, EAGAIN and short writes drop the line and count it); SIGPIPE must
 * be ignored. */
#ifndef RC_BASE_LOG_H
#define RC_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum rc_log_level { RC_LOG_ERROR, RC_LOG_WARNING, RC_LOG_INFO, RC_LOG_DEBUG };
enum rc_log_format { RC_LOG_TEXT, RC_LOG_JSON, RC_LOG_JOURNAL };

typedef struct rc_log rc_log;

rc_log *rc_log_new(int fd, enum rc_log_level level, enum rc_log_format format);
rc_log *rc_log_free(rc_log *log);
void rc_log_set(rc_log *log, enum rc_log_level level, enum rc_log_format format);
bool rc_log_enabled(const rc_log *log, enum rc_log_level level);
uint64_t rc_log_dropped(const rc_log *log);

/* journal when stderr is the journal's socket (JOURNAL_STREAM names its device and inode), else
 * text. */
enum rc_log_format rc_log_detect(int fd);

/* One line, cut with "…" at about 1,900 bytes; does nothing on a NULL log; keeps errno.
 * component: a static lower-case word. fmt: a constant sentence, then key=value fields:
 *     rc_logf(log, RC_LOG_INFO, "engine", "connected api=%s pid=%d", api, pid);
 * Foreign strings go through rc_escape_into() in the argument, which makes them unambiguous. As a
 * net below that, what is still unsafe to print is escaped in the finished line (its backslashes
 * stay). */
void rc_logf(rc_log *log, enum rc_log_level level, const char *component, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
