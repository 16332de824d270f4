/* The daemon's log lines. A line never passes PIPE_BUF, so one write(2) puts it out whole or not at
 * all; and the descriptor is asked before it is written to, so that a reader who sleeps costs a
 * line and not the event loop. O_NONBLOCK would do that too, but stderr is shared with whoever
 * started us. */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/json.h"

/* JSON may double every byte of a message, and the line must still fit. */
enum { LINE_MAX_BYTES = 4096, MESSAGE_MAX = 1900, COMPONENT_MAX = 32 };

struct rc_log {
    int fd;
    bool is_socket;
    atomic_int level;
    atomic_int format;
    atomic_uint_fast64_t dropped;
    pthread_mutex_t lock; /* between asking for room and writing; held for no longer */
    bool torn;            /* the last line went out in part */
};

static const struct level_name {
    const char *name;
    int priority; /* syslog's */
} levels[] = {
    [RC_LOG_ERROR] = {"error", 3},
    [RC_LOG_WARNING] = {"warning", 4},
    [RC_LOG_INFO] = {"info", 6},
    [RC_LOG_DEBUG] = {"debug", 7},
};

rc_log *rc_log_new(int fd, enum rc_log_level level, enum rc_log_format format)
{
    rc_log *log = calloc(1, sizeof(*log));
    if (!log)
        return NULL;
    struct stat st;
    log->fd = fd;
    log->is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
    if (pthread_mutex_init(&log->lock, NULL) != 0) {
        free(log);
        return NULL;
    }
    rc_log_set(log, level, format);
    return log;
}

rc_log *rc_log_free(rc_log *log)
{
    if (!log)
        return NULL;
    pthread_mutex_destroy(&log->lock);
    free(log);
    return NULL;
}

void rc_log_set(rc_log *log, enum rc_log_level level, enum rc_log_format format)
{
    atomic_store(&log->level, (int)level);
    atomic_store(&log->format, (int)format);
}

bool rc_log_enabled(const rc_log *log, enum rc_log_level level)
{
    return (int)level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

uint64_t rc_log_dropped(const rc_log *log)
{
    return atomic_load(&log->dropped);
}

enum rc_log_format rc_log_detect(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char own[64];
    if (!stream || fstat(fd, &st) != 0)
        return RC_LOG_TEXT;
    snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    return strcmp(stream, own) == 0 ? RC_LOG_JOURNAL : RC_LOG_TEXT;
}

/* Returns what went out, -1 for nothing. */
static ssize_t put_out(const rc_log *log, const char *line, size_t n)
{
    if (log->is_socket)
        return send(log->fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct pollfd p = {.fd = log->fd, .events = POLLOUT};
    if (poll(&p, 1, 0) != 1 || p.revents != POLLOUT)
        return -1;
    return write(log->fd, line, n);
}

/* line[0] is room for the newline that ends what a short write left behind. */
static void emit(rc_log *log, char *line, size_t n)
{
    line[0] = '\n';
    pthread_mutex_lock(&log->lock);
    size_t skip = log->torn ? 0 : 1;
    ssize_t out = put_out(log, line + skip, n - skip);
    if (out > 0)
        log->torn = (size_t)out < n - skip;
    bool whole = out >= 0 && (size_t)out == n - skip;
    pthread_mutex_unlock(&log->lock);
    if (!whole)
        atomic_fetch_add(&log->dropped, 1);
}

/* With three decimals always, so that the lines stand below one another. */
static void timestamp(char out[RC_TIME_MAX])
{
    int64_t now = rc_clock_real();
    size_t n = rc_time_format(out, now / RC_NS_PER_SEC * RC_NS_PER_SEC);
    int ms = (int)(now % RC_NS_PER_SEC / RC_NS_PER_MS);
    snprintf(out + n - 1, RC_TIME_MAX - n + 1, ".%03dZ", ms);
}

static void build_json(rc_buf *line, const char *time, const char *level, rc_str component,
                       const char *msg)
{
    rc_json j;
    rc_json_init(&j, line);
    rc_json_object(&j);
    RC_JSON_KEY(&j, "time");
    rc_json_str(&j, rc_str_c(time));
    RC_JSON_KEY(&j, "level");
    rc_json_str(&j, rc_str_c(level));
    RC_JSON_KEY(&j, "component");
    rc_json_str(&j, component);
    RC_JSON_KEY(&j, "msg");
    rc_json_str(&j, rc_str_c(msg));
    rc_json_object_end(&j);
}

void rc_logf(rc_log *log, enum rc_log_level level, const char *component, const char *fmt, ...)
{
    if (!log || !rc_log_enabled(log, level))
        return;
    /* A log line between a failed call and the look at errno must not change what is found. */
    int saved = errno;
    char raw[MESSAGE_MAX + 64] = "";
    char msg[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
        raw[0] = '\0';
    va_end(ap);
    rc_escape_rest_into(msg, sizeof(msg), rc_str_c(raw));

    char time[RC_TIME_MAX];
    timestamp(time);
    rc_str who = rc_str_n(component, strnlen(component, COMPONENT_MAX));
    const struct level_name *name = &levels[level];
    char bytes[LINE_MAX_BYTES + 1];
    /* A buffer over memory of ours: the cap is its size, so it never grows. */
    rc_buf line = {bytes, 1, sizeof(bytes) - 1, sizeof(bytes) - 1, false};
    switch ((enum rc_log_format)atomic_load_explicit(&log->format, memory_order_relaxed)) {
    case RC_LOG_JSON:
        build_json(&line, time, name->name, who, msg);
        break;
    case RC_LOG_JOURNAL:
        rc_buf_printf(&line, "<%d>%.*s: %s", name->priority, RC_STR_ARG(who), msg);
        break;
    case RC_LOG_TEXT:
        rc_buf_printf(&line, "%s %s %.*s: %s", time, name->name, RC_STR_ARG(who), msg);
        break;
    }
    rc_buf_putc(&line, '\n');
    if (line.failed)
        atomic_fetch_add(&log->dropped, 1);
    else
        emit(log, bytes, line.len);
    errno = saved;
}
