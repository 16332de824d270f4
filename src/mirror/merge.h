/* The merge: row + event → row, row + observation → row. Pure functions: no clock, no I/O, no
 * memory of their own; what time it is and what was confirmed when is told by the caller. The rules
 * are those of docs/architecture.md, "The merge". */
#ifndef RC_MIRROR_MERGE_H
#define RC_MIRROR_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"
#include "model/observation.h"
#include "model/row.h"

/* When the row was last confirmed by an answer of the engine: the moments, on the engine's clock in
 * ns, at which that request was sent and its answer was read. 0, 0: never. */
typedef struct rc_confirmed {
    int64_t sent_ns;
    int64_t received_ns;
} rc_confirmed;

/* What is known of a container beside its row, as far as an event's fate depends on it. */
typedef struct rc_merge_context {
    bool listed; /* this connection's first list is committed */
    bool gone;   /* destroyed: a tombstone */
    rc_confirmed confirmed;
    int64_t last_event_ns; /* timeNano of the last event that was applied; 0 = none */
} rc_merge_context;

enum rc_event_fate {
    RC_FATE_IGNORE,  /* says nothing of a row, or the container is gone for good */
    RC_FATE_REREAD,  /* late or ambiguous: the row stays, a re-read settles it */
    RC_FATE_APPLY,   /* what the action proves shows at once */
    RC_FATE_DESTROY, /* terminal, whatever its time */
};

/* What may happen to a row because of this event. row is NULL where there is none. */
enum rc_event_fate rc_merge_fate(const rc_merge_context *c, const rc_row *row, const rc_event *ev);

/* What has to be asked of the engine after an event; a bit mask. */
enum rc_need {
    RC_NEED_LIST = 1,    /* a coalesced list of just these ids */
    RC_NEED_INSPECT = 2, /* details that only inspect tells */
    RC_NEED_VERIFY =
        4, /* the list may answer with what was before: compare with rc_merge_contradicts */
};

/* The needs of an event of this action, given the row as it was before; NULL where there is none.
 */
unsigned rc_merge_needs(enum rc_action action, const rc_row *row);

/* Applies what the event proves to the row, which must be as stored (or, for a container not seen
 * before, as rc_merge_first_sight made it). Strings are borrowed from the event. Returns whether
 * anything but `partial` changed. */
bool rc_merge_event(rc_row *row, const rc_event *ev);

/* A row for a container that an event names first; its state is what the action proves, or unknown.
 * Of create and start the attributes are image, name and the labels and nothing else, so the labels
 * are taken at once (arena holds the array). False when the arena is exhausted. */
bool rc_merge_first_sight(rc_row *row, const rc_event *ev, rc_arena *arena);

/* Takes over what the observation tells. A row that is missing comes back; partial is the caller's
 * business. Strings are borrowed from the observation; the result is not normalised. */
void rc_merge_observation(rc_row *row, const rc_observation *obs);

/* What still waits for an answer that agrees with it: the newest event, and the newest that told of
 * a state, since a death is followed at once by the networks' disconnects. */
typedef struct rc_expectation {
    enum rc_action
        action; /* PAUSE, UNPAUSE, DIE, STOP, RENAME, CONNECT or DISCONNECT; else nothing */
    enum rc_action before; /* PAUSE, UNPAUSE, DIE or STOP: an earlier one; else nothing */
    rc_str name;           /* RENAME: the new name */
    rc_str network;        /* CONNECT, DISCONNECT: the network's ID */
    rc_str network_type;   /* its driver: null and host networks give no address */
} rc_expectation;

/* Is the action of those that lists show late, and does it prove a state? */
bool rc_merge_lags_in_state(enum rc_action action);

/* What lists have to show once an inspect has shown this change of state: an inspect can run ahead
 * of the event, and lists lag behind both. RC_ACTION_OTHER: nothing. */
enum rc_action rc_merge_expected(enum rc_state before, enum rc_state after);

/* Does a list's answer still show what was before the event? Inspect is never behind an event, so
 * an inspect contradicts nothing. */
bool rc_merge_contradicts(const rc_expectation *e, const rc_observation *obs);

/* Flips the row to missing. A row that is missing already keeps when and, once destroyed, why.
 * Returns whether it changed. */
bool rc_merge_missing(rc_row *row, enum rc_missing cause, int64_t now_ns);

#endif
