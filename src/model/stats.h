/* The counters: what the daemon has done since it started. They live in the index's `live` page, so
 * that readers, the HTTP API and metrics see the very same numbers. One writer a counter (the
 * mirror loop, or the serve loop where it says so); reading is lock-free from any thread or
 * process. */
#ifndef RC_MODEL_STATS_H
#define RC_MODEL_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "model/event.h"

enum rc_correction_kind { RC_ADDED, RC_CHANGED, RC_REMOVED, RC_CORRECTION_KINDS };
enum rc_correction_cause { RC_BY_CONNECT, RC_BY_SILENT, RC_BY_DRIFT, RC_CORRECTION_CAUSES };

/* Why the stream was opened anew. */
enum rc_reconnect_reason {
    RC_RECONNECT_CLOSED,  /* the peer ended it cleanly */
    RC_RECONNECT_CUT,     /* it broke off */
    RC_RECONNECT_TIMEOUT, /* no answer in time */
    RC_RECONNECT_REFUSED, /* nobody listens, or not for us */
    RC_RECONNECT_STATUS,  /* an HTTP status other than 200 */
    RC_RECONNECT_DRIFT,   /* the stream had lost an event */
    RC_RECONNECT_ENGINE,  /* another engine answered */
    RC_RECONNECT_FAILED,  /* anything else */
    RC_RECONNECT_REASONS
};

/* Their places in the live page: append only. */
enum rc_stat {
    RC_STAT_EVENTS,                                /* + enum rc_action */
    RC_STAT_EVENTS_IGNORED = RC_STAT_EVENTS + 32,  /* read, but of no row */
    RC_STAT_EVENTS_DUPLICATE,                      /* read twice */
    RC_STAT_EVENTS_LATE,                           /* only marked a re-read */
    RC_STAT_EVENTS_BAD,                            /* lines that could not be decoded */
    RC_STAT_EVENTS_OVERSIZE,                       /* lines over the cap */
    RC_STAT_RESYNCS,                               /* full lists committed */
    RC_STAT_RESYNC_FAILURES,                       /* full lists that failed */
    RC_STAT_CORRECTIONS,                           /* + kind * causes + cause */
    RC_STAT_RECONNECTS = RC_STAT_CORRECTIONS + 16, /* + enum rc_reconnect_reason */
    RC_STAT_REREADS = RC_STAT_RECONNECTS + 16,     /* lists of single ids sent */
    RC_STAT_INSPECTS,                              /* inspects sent */
    RC_STAT_REREAD_FAILURES,                       /* of both */
    RC_STAT_COMMITS,                               /* revisions written */
    RC_STAT_COMMIT_FAILURES,                       /* batches that had to wait */
    RC_STAT_STEPS,                                 /* steps in the change log */
    RC_STAT_COMPACTIONS,                           /* of the index */
    RC_STAT_STALE_READERS,                         /* slots of dead readers freed */
    RC_STAT_EXPIRED,                               /* missing rows deleted */
    RC_STAT_HTTP_REQUESTS,                         /* serve loop */
    RC_STAT_HTTP_REJECTED,                         /* serve loop: over a limit */
    RC_STAT_COUNT
};
#define RC_STAT_ROOM 256 /* places reserved in the live page */
_Static_assert(RC_STAT_COUNT <= RC_STAT_ROOM, "the live page has room");
_Static_assert(RC_ACTION_COUNT <= 32, "actions fit their places");
_Static_assert(RC_CORRECTION_KINDS *RC_CORRECTION_CAUSES <= 16, "corrections fit their places");
_Static_assert((int)RC_RECONNECT_REASONS <= 16, "reasons fit their places");

typedef struct rc_stats {
    _Atomic uint64_t at[RC_STAT_ROOM];
} rc_stats;

static inline unsigned rc_stat_correction(enum rc_correction_kind kind,
                                          enum rc_correction_cause cause)
{
    return RC_STAT_CORRECTIONS + (unsigned)kind * RC_CORRECTION_CAUSES + (unsigned)cause;
}

static inline void rc_stat_add(rc_stats *s, unsigned stat, uint64_t n)
{
    atomic_fetch_add_explicit(&s->at[stat], n, memory_order_relaxed);
}

static inline uint64_t rc_stat_get(const rc_stats *s, unsigned stat)
{
    return atomic_load_explicit(&s->at[stat], memory_order_relaxed);
}

/* As in metrics' labels: "added", "connect", "drift", … ; "unknown" out of range. Static. */
const char *rc_correction_kind_name(enum rc_correction_kind kind);
const char *rc_correction_cause_name(enum rc_correction_cause cause);
const char *rc_reconnect_reason_name(enum rc_reconnect_reason reason);

#endif
