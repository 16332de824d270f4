/* One error type for the whole project: a code that the caller can act on, an errno, and a bounded
 * message for people. Functions that can fail return an rc_code (0 = RC_OK) and take `rc_error
 * *err` last; err may be NULL. Context is wrapped around the message on the way up. */
#ifndef RC_BASE_ERROR_H
#define RC_BASE_ERROR_H

#include <stdarg.h>

enum rc_code {
    RC_OK = 0,
    RC_NOMEM,       /* out of memory */
    RC_INVALID,     /* bad input: argument, configuration, JSON */
    RC_NOTFOUND,    /* no such thing; a code to ask for, not a message */
    RC_EXISTS,      /* there already, or held by somebody else */
    RC_AMBIGUOUS,   /* a prefix that fits several */
    RC_IO,          /* a system call failed: see errnum */
    RC_CORRUPT,     /* stored bytes that cannot be right */
    RC_VERSION,     /* stored bytes of another format version, boot or engine */
    RC_BUSY,        /* try again later */
    RC_FULL,        /* a cap, the map or the disk is full */
    RC_TIMEOUT,     /* a deadline passed */
    RC_PROTOCOL,    /* the peer does not speak as agreed */
    RC_CANCELLED,   /* called off by the caller */
    RC_UNSUPPORTED, /* not possible here */
    RC_TOOOLD,      /* a cursor that the change log no longer reaches */
    RC_PERM,        /* not allowed */
    RC_CLOSED,      /* the peer closed, or nobody listens */
    RC_INTERNAL,    /* a bug of ours */
};

#define RC_ERROR_MAX 512

typedef struct rc_error {
    int code;               /* enum rc_code */
    int errnum;             /* errno, or 0 */
    char msg[RC_ERROR_MAX]; /* always terminated; foreign text in it is already escaped */
} rc_error;

#define RC_ERROR_INIT \
    {                 \
        0, 0, ""      \
    }

/* Sets err (if not NULL) and returns code, so that `return rc_fail(err, …)` reads as one step. */
int rc_fail(rc_error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same with an errno, whose text is appended after ": ". */
int rc_fail_errno(rc_error *err, int code, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "context: " in front of the message and returns err's code (RC_INTERNAL if err is NULL). */
int rc_error_wrap(rc_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The code's name in the lower case with underscores that JSON errors use, as "not_found". Static.
 */
const char *rc_code_name(int code);

#endif
