/* The mirror's insides, shared by the files of mirror/: session (connection, timers, requests),
 * events, answers (re-reads), resync (full list, sweep, corrections), rows (the only door to the
 * store), table (what is known of each container beside its row). */
#ifndef RC_MIRROR_MIRROR_PRIVATE_H
#define RC_MIRROR_MIRROR_PRIVATE_H

#include "base/clock.h"
#include "mirror/backoff.h"
#include "mirror/engine_clock.h"
#include "mirror/merge.h"
#include "mirror/mirror.h"
#include "mirror/recent.h"

/* What is known of a container beside its row. An entry without a row is a tombstone. */
typedef struct rc_entry {
    rc_id id;
    rc_confirmed confirmed; /* engine's clock */
    int64_t last_event_ns;  /* engine's clock; of the last event that was applied */
    int64_t missing_at;     /* when its missing row ends, on the mirror's live clock */
    uint64_t touched;       /* m->seq of the last event of it that counts, or answer applied */
    rc_expectation *expect; /* its strings live behind it; NULL: nothing to verify */
    uint32_t list_no;       /* the last full list that had it */
    uint8_t state;          /* enum rc_state of the row */
    bool has_row;
    bool partial;   /* of the row */
    bool gone;      /* destroyed: a tombstone, row or not */
    bool distrust;  /* its Status text's age cannot be brought to agree with its times */
    bool aged;      /* an inspect is wanted because of that age alone */
    bool in_graves; /* a place in that queue refers to it */
} rc_entry;

/* Things that end in the order they began. */
typedef struct rc_deadline {
    rc_id id;
    int64_t at_ns;
} rc_deadline;

typedef struct rc_fifo {
    rc_deadline *items; /* a ring */
    size_t cap, first, count;
} rc_fifo;

/* A request that is under way. */
typedef struct rc_flight {
    uint64_t token; /* 0: free */
    enum rc_ask ask;
    uint64_t seq;         /* m->seq when it was sent */
    int64_t sent_ns;      /* engine's clock, earliest */
    int64_t sent_real_ns; /* ours */
    int64_t sent_mono_ns;
    bool spoilt; /* NETWORKS: one could not be stored, so there is nothing to sweep by */
    size_t n;    /* SOME, INSPECT */
    rc_id ids[RC_REREAD_LIST_MAX];
    bool seen[RC_REREAD_LIST_MAX];
} rc_flight;

enum { RC_FLIGHTS = 2 + RC_MIRROR_SOME_MAX + RC_REREAD_INSPECT_MAX };

/* A difference that a full list found and no event had told of: drift, if it stays for a second. */
typedef struct rc_suspect {
    rc_id id;
    int64_t due_ns; /* monotonic */
    uint8_t kind;   /* enum rc_correction_kind */
    uint8_t state;  /* that the list showed */
    bool asked;     /* the confirming inspect is wanted or out */
    uint32_t list;  /* the last full list when it was asked for */
} rc_suspect;

enum rc_phase {
    RC_PHASE_IDLE,    /* no connection; the next try at retry_ns */
    RC_PHASE_HELLO,   /* hello is to be sent, or out */
    RC_PHASE_OPENING, /* the stream is to be asked for, or asked for */
    RC_PHASE_OPEN,
};

struct rc_mirror {
    rc_mirror_options options;
    rc_store store;
    rc_stats *stats;
    rc_arena *arena; /* of one input */
    rc_idmap *table; /* rc_entry */
    rc_reread *reread;
    rc_recent recent;
    rc_engine_clock clock;
    uint64_t seq;
    uint64_t next_token;
    rc_flight flights[RC_FLIGHTS];
    int failed; /* the store's first failure */
    rc_error error;
    rc_mirror_status status;
    rc_mirror_report report;

    /* session */
    enum rc_phase phase;
    bool asked; /* HELLO, OPENING: the request is out */
    bool close; /* CLOSE is to be asked for */
    int64_t retry_ns;
    int64_t hello_real_ns; /* when hello was sent */
    int64_t opened_ns;     /* monotonic: the stream's headers came */
    int64_t since_ns;      /* for the next stream */
    rc_backoff backoff;

    /* resync */
    bool listed;          /* a full list of this connection was committed */
    bool verify;          /* inspect all of the first list: nobody watched for too long */
    unsigned lists;       /* committed on this connection */
    uint32_t list_no;     /* of the full list under way or last */
    int64_t list_due_ns;  /* monotonic */
    rc_confirmed absence; /* by the last full list, of whom it did not name */
    bool list_again;      /* asked for while one was under way */
    rc_backoff list_backoff;
    bool networks_due;
    int64_t networks_retry_ns;
    rc_suspect *suspects;
    size_t n_suspects;
    bool drift;             /* found: the stream is to be reopened */
    int64_t reopened_ns;    /* monotonic: because of drift; INT64_MIN: never */
    int64_t blind_since_ns; /* monotonic: when the last connection was lost */

    /* table */
    rc_fifo missing;      /* rows, by live_ns */
    rc_fifo graves;       /* tombstones, by the monotonic clock */
    int64_t live_ns;      /* time that was spent synced */
    int64_t live_from_ns; /* monotonic: since when more of it passes; -1: it stands still */
    size_t audited;       /* place in the table up to which the last audit came */
    uint64_t forgot_seq;  /* of the newest tombstone that had to go early */
};

/* ---- table.c ---- */

rc_entry *rc_table_get(const rc_mirror *m, const rc_id *id);
/* NULL, and the mirror failed, when out of memory. */
rc_entry *rc_table_add(rc_mirror *m, const rc_id *id);
void rc_table_remove(rc_mirror *m, rc_entry *e);
void rc_table_clear(rc_mirror *m);

/* NULL and ev without VERIFY: expects nothing. */
void rc_table_expect(rc_mirror *m, rc_entry *e, const rc_event *ev);

/* The row turned missing: it has missing_ttl from now on, less what has passed already. */
void rc_table_missing(rc_mirror *m, rc_entry *e, rc_moment now, int64_t passed_ns);
/* Puts what was loaded in any order into the order of its ends. */
void rc_table_sort(rc_mirror *m);
/* The container is gone for good. */
void rc_table_bury(rc_mirror *m, rc_entry *e, rc_moment now);
/* What is over by now, or too many. Ends entries: pointers to them do not survive it. */
void rc_table_expire(rc_mirror *m, rc_moment now);
int64_t rc_table_deadline(const rc_mirror *m);              /* monotonic */
void rc_table_live(rc_mirror *m, rc_moment now, bool live); /* does missing time pass? */
int64_t rc_table_live_now(const rc_mirror *m, rc_moment now);

/* ---- rows.c ---- */

/* The row as stored (an empty one without a row). False: the mirror failed. */
bool rc_rows_get(rc_mirror *m, rc_entry *e, rc_row *out);
/* Normalises and stores it. Returns whether it changed. */
bool rc_rows_put(rc_mirror *m, rc_entry *e, rc_row *row, enum rc_change_cause cause, rc_str action);
void rc_rows_missing(rc_mirror *m, rc_entry *e, enum rc_missing why, enum rc_change_cause cause,
                     rc_str action, rc_moment now);
void rc_rows_del(rc_mirror *m, rc_entry *e, enum rc_change_cause cause);

typedef struct rc_taken {
    bool changed;   /* anything but `partial` */
    bool existence; /* there was no row, or it was missing */
    bool state;     /* the state differs */
    enum rc_state before;
    bool was_partial;
    int64_t started_ns, finished_ns; /* of the row as it is now */
} rc_taken;
/* Takes an answer over. False: the mirror failed. */
bool rc_rows_take(rc_mirror *m, rc_entry *e, const rc_observation *obs, const rc_flight *f,
                  rc_moment now, bool partial, enum rc_change_cause cause, rc_taken *out);

/* ---- answers.c ---- */

/* Does the age that the Status text tells fit the row's times? */
bool rc_answer_age_fits(const rc_mirror *m, const rc_taken *t, const rc_observation *obs,
                        rc_moment now);
/* Something newer than this answer is known already: it is not to be applied. */
bool rc_answer_overtaken(const rc_mirror *m, const rc_entry *e, const rc_flight *f);
/* A list showed what was before the event that the container waits for. */
bool rc_answer_contradicts(const rc_entry *e, const rc_observation *obs);
void rc_answer_some(rc_mirror *m, rc_moment now, rc_flight *f, const rc_observation *obs);
void rc_answer_some_done(rc_mirror *m, rc_moment now, const rc_flight *f, enum rc_answer answer);
void rc_answer_want(rc_mirror *m, const rc_id *id, unsigned needs, rc_moment now);

/* ---- resync.c ---- */

void rc_resync_begin(rc_mirror *m); /* a full list is sent */
void rc_resync_element(rc_mirror *m, rc_moment now, const rc_flight *f, const rc_observation *obs);
void rc_resync_complete(rc_mirror *m, rc_moment now, const rc_flight *f);
void rc_resync_failed(rc_mirror *m, rc_moment now, enum rc_answer answer);
/* An event of the container came: what looked like drift was lateness. */
void rc_resync_cleared(rc_mirror *m, const rc_id *id);
/* An inspect answered (obs NULL: 404): does it confirm a suspicion? */
void rc_resync_confirm(rc_mirror *m, rc_moment now, const rc_id *id, const rc_observation *obs);
void rc_resync_suspects(rc_mirror *m, rc_moment now);
int64_t rc_resync_suspects_due(const rc_mirror *m);

/* ---- session.c ---- */

void rc_mirror_fail(rc_mirror *m, int code, const rc_error *err);
void rc_session_lost(rc_mirror *m, rc_moment now, enum rc_reconnect_reason reason, bool at_once);
/* The flight of this token, whose Date tells of the clock; NULL: not wanted any more. */
rc_flight *rc_session_landed(rc_mirror *m, rc_moment now, uint64_t token, int64_t date_s);
void rc_session_status(rc_mirror *m, rc_moment now, enum rc_mirror_state state);

#endif
