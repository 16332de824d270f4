/* The error type: formatting into its bounded message, and context wrapped in front. */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void error_vset(rc_error *err, int code, int errnum,
                                                             const char *fmt, va_list ap)
{
    /* Formatted aside first: an argument may be err's own message. */
    char msg[RC_ERROR_MAX];

    vsnprintf(msg, sizeof(msg), fmt, ap);
    err->code = code;
    err->errnum = errnum;
    memcpy(err->msg, msg, sizeof(msg));
}

int rc_fail(rc_error *err, int code, const char *fmt, ...)
{
    if (err) {
        va_list ap;

        va_start(ap, fmt);
        error_vset(err, code, 0, fmt, ap);
        va_end(ap);
    }
    return code;
}

int rc_fail_errno(rc_error *err, int code, int errnum, const char *fmt, ...)
{
    if (err) {
        char text[128];
        size_t len;
        va_list ap;

        va_start(ap, fmt);
        error_vset(err, code, errnum, fmt, ap);
        va_end(ap);
        len = strlen(err->msg);
        snprintf(err->msg + len, sizeof(err->msg) - len, ": %s",
                 strerror_r(errnum, text, sizeof(text)));
    }
    return code;
}

int rc_error_wrap(rc_error *err, const char *fmt, ...)
{
    /* The innermost message says most: context may take half of the room at the most. */
    char context[RC_ERROR_MAX / 2];
    size_t room = sizeof(err->msg), used, old;
    va_list ap;

    if (!err)
        return RC_INTERNAL;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context) - 2, fmt, ap);
    va_end(ap);
    used = strlen(context);
    memcpy(context + used, ": ", 2);
    used += 2;

    old = strlen(err->msg);
    if (old > room - 1 - used)
        old = room - 1 - used;
    memmove(err->msg + used, err->msg, old);
    memcpy(err->msg, context, used);
    err->msg[used + old] = '\0';
    return err->code;
}

const char *rc_code_name(int code)
{
    static const char *const names[] = {
        [RC_OK] = "ok",
        [RC_NOMEM] = "out_of_memory",
        [RC_INVALID] = "invalid",
        [RC_NOTFOUND] = "not_found",
        [RC_EXISTS] = "exists",
        [RC_AMBIGUOUS] = "ambiguous",
        [RC_IO] = "io",
        [RC_CORRUPT] = "corrupt",
        [RC_VERSION] = "version",
        [RC_BUSY] = "busy",
        [RC_FULL] = "full",
        [RC_TIMEOUT] = "timeout",
        [RC_PROTOCOL] = "protocol",
        [RC_CANCELLED] = "cancelled",
        [RC_UNSUPPORTED] = "unsupported",
        [RC_TOOOLD] = "too_old",
        [RC_PERM] = "permission",
        [RC_CLOSED] = "closed",
        [RC_INTERNAL] = "internal",
    };

    if (code < 0 || (size_t)code >= sizeof(names) / sizeof(names[0]))
        return "internal";
    return names[code];
}
