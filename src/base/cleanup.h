/* Cleanup attributes and ownership transfer for locals. */
#ifndef RC_BASE_CLEANUP_H
#define RC_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define RC_CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void rc_cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void rc_cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define RC_AUTO_FREE  RC_CLEANUP(rc_cleanup_free)
#define RC_AUTO_CLOSE RC_CLEANUP(rc_cleanup_close)

/* Moves a pointer out of a local that would free it. */
#define RC_STEAL(p)                     \
    __extension__({                     \
        __typeof__(p) rc_stolen_ = (p); \
        (p) = NULL;                     \
        rc_stolen_;                     \
    })

#define RC_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
