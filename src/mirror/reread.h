/* Which containers wait for a re-read, and when: events are coalesced by container, the newest goes
 * first, an answer that is behind its event is asked for again with growing pauses and in the end
 * by inspect. Pure: the caller tells the time (ns, monotonic) and sends the requests. Not
 * thread-safe.
 *
 * Bounded by the number of containers: one entry a container, whatever happens to it. */
#ifndef RC_MIRROR_REREAD_H
#define RC_MIRROR_REREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/idmap.h"

/* How long a list waits for more containers to ask about, from the first event. */
#define RC_REREAD_COALESCE_NS (20 * INT64_C(1000000))
/* Full ids to one request: an ambiguous or unknown one is ignored by the engine. */
#define RC_REREAD_LIST_MAX    64
#define RC_REREAD_INSPECT_MAX 8

typedef struct rc_reread rc_reread;

enum rc_reread_kind { RC_REREAD_LIST, RC_REREAD_INSPECT };

enum rc_reread_outcome {
    RC_REREAD_SETTLED,     /* the answer holds (a 404 is one, too) */
    RC_REREAD_CONTRADICTS, /* it still shows what was before the event */
    RC_REREAD_FAILED,      /* no answer, or a 5xx: asked again, but not for ever */
};

rc_reread *rc_reread_new(void); /* NULL when out of memory */
rc_reread *rc_reread_free(rc_reread *r);

/* An event asks: needs is a mask of enum rc_need (mirror/merge.h). It ends the ladder of an older
 * one. False when out of memory: the next full list has to do. */
bool rc_reread_want(rc_reread *r, const rc_id *id, unsigned needs, int64_t now_ns);

/* Takes up to max containers that are due for a list, newest event first, into ids; they are in
 * flight until rc_reread_done. Returns how many. */
size_t rc_reread_take_list(rc_reread *r, int64_t now_ns, rc_id *ids, size_t max);

/* The newest that is due for an inspect; false where there is none or RC_REREAD_INSPECT_MAX are
 * out. */
bool rc_reread_take_inspect(rc_reread *r, int64_t now_ns, rc_id *id);

/* What became of a request in flight. Returns whether nothing more is owed for this container. */
bool rc_reread_done(rc_reread *r, const rc_id *id, enum rc_reread_kind kind,
                    enum rc_reread_outcome outcome, int64_t now_ns);

/* Is a re-read of the container owed or in flight? */
bool rc_reread_pending(const rc_reread *r, const rc_id *id);

/* Has it been asked for as often as there are pauses, with an answer that contradicted each time?
 */
bool rc_reread_exhausted(const rc_reread *r, const rc_id *id);

/* The container is gone: an answer still in flight finds nobody. */
void rc_reread_drop(rc_reread *r, const rc_id *id);

/* The connection is lost, and every request with it; the list of the next one covers all. */
void rc_reread_clear(rc_reread *r);

size_t rc_reread_count(const rc_reread *r);

/* When the next take of this kind can give something (of what is due already at now_ns, any such
 * time); INT64_MAX: never, as things stand. A container has one request out at a time. */
int64_t rc_reread_next(const rc_reread *r, enum rc_reread_kind kind, int64_t now_ns);

#endif
