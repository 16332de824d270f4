/* The mirror: what the engine says in, rows out. It holds the rules of docs/architecture.md, "The
 * mirror": when to connect, when to list, what a re-read settles, what the sweep takes, what a
 * correction counts as. No clock, no I/O, no thread: the caller passes the time in, carries out the
 * requests that rc_mirror_next names, and hands the answers back. Rows go through the store.
 *
 * After every input ask rc_mirror_next until it says false, look at rc_mirror_failed, commit the
 * store, and come back at rc_mirror_deadline. One thread. Strings of inputs are borrowed during the
 * call only. */
#ifndef RC_MIRROR_MIRROR_H
#define RC_MIRROR_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/idmap.h"
#include "mirror/reread.h"
#include "model/change.h"
#include "model/dispatch.h"
#include "model/event.h"
#include "model/labels.h"
#include "model/mirror_state.h"
#include "model/observation.h"
#include "model/stats.h"

/* Missing rows, and tombstones without a row, that are kept at most; beyond, the oldest go early.
 */
#define RC_MIRROR_MISSING_MAX 100000
#define RC_MIRROR_GRAVES_MAX  100000

/* Differences that wait a second to prove themselves drift; beyond, they count as drift at once. */
#define RC_MIRROR_SUSPECTS_MAX 1024

/* Containers that each full list has inspected, in turn, though nothing speaks against them: the
 * loss of a death and of the start behind it shows nowhere else. */
#define RC_MIRROR_AUDIT 8

/* Lists of single ids that may be under way at a time. */
#define RC_MIRROR_SOME_MAX 2

typedef struct rc_moment {
    int64_t mono_ns;
    int64_t real_ns;
} rc_moment;

/* Where rows are kept. Any failure makes the mirror fail (rc_mirror_failed). */
typedef struct rc_store {
    /* RC_NOTFOUND; views valid until the next call. */
    int (*get)(void *ctx, const rc_id *id, rc_row *out, rc_error *err);
    /* A normalised row, whose strings may be views of the last get. */
    int (*put)(void *ctx, const rc_row *row, enum rc_change_cause cause, rc_str action,
               bool *ret_changed, rc_error *err);
    int (*del)(void *ctx, const rc_id *id, enum rc_change_cause cause, rc_error *err);
    void (*begin_networks)(void *ctx);
    int (*put_network)(void *ctx, const rc_network *net, rc_error *err);
    int (*sweep_networks)(void *ctx, rc_error *err);
    void (*set_status)(void *ctx, const rc_mirror_status *status);
    void *ctx;
} rc_store;

typedef struct rc_mirror_options {
    int64_t resync_interval_ns;
    int64_t missing_ttl_ns; /* 0: missing rows go at once; INT64_MAX: never,
                             * but for the oldest beyond RC_MIRROR_MISSING_MAX */
    int64_t reconnect_max_ns;
    bool inspect;     /* may containers be inspected? */
    bool local_clock; /* the engine's clock is ours (a unix socket) */
    rc_dispatch dispatch;
    rc_label_filter labels;
    uint64_t seed; /* of jitter and of the duplicates' fingerprints */
} rc_mirror_options;

typedef struct rc_mirror rc_mirror;

/* Strings of options and store are borrowed. stats is written to. NULL when out of memory. */
rc_mirror *rc_mirror_new(const rc_mirror_options *options, const rc_store *store, rc_stats *stats);
rc_mirror *rc_mirror_free(rc_mirror *m);

/* At start: every row that the store holds already, then the start itself. alive_ns: real time up
 * to which the last daemon is known to have lived (0: not known), for the age of missing rows.
 * stale_ns: since when the rows may be stale (0: now). False when out of memory. */
bool rc_mirror_load(rc_mirror *m, const rc_row *row, int64_t alive_ns);
void rc_mirror_start(rc_mirror *m, rc_moment now, int64_t stale_ns);

/* The store was emptied (another engine, a corrupt index): forgets every row. */
void rc_mirror_forget(rc_mirror *m);

/* ---- What the caller has to do ---- */

enum rc_ask {
    RC_ASK_CONNECT,  /* say hello: rc_mirror_connected or rc_mirror_lost */
    RC_ASK_STREAM,   /* open the stream of events from since_ns on */
    RC_ASK_LIST,     /* the full list: elements, then rc_mirror_list_done */
    RC_ASK_SOME,     /* a list of the n ids: elements, then rc_mirror_list_done */
    RC_ASK_INSPECT,  /* of ids[0]: rc_mirror_inspected */
    RC_ASK_NETWORKS, /* rc_mirror_network each, then rc_mirror_networks_done */
    RC_ASK_CLOSE,    /* drop the stream and all requests; their answers are not wanted */
};

typedef struct rc_request {
    enum rc_ask ask;
    uint64_t token;   /* goes back with the answer */
    int64_t since_ns; /* STREAM: the engine's time */
    size_t n;         /* SOME, INSPECT */
    rc_id ids[RC_REREAD_LIST_MAX];
} rc_request;

/* The next request to send now, which counts as sent. */
bool rc_mirror_next(rc_mirror *m, rc_moment now, rc_request *out);

/* When, on the monotonic clock, to ask rc_mirror_next again; INT64_MAX: not before an input. */
int64_t rc_mirror_deadline(const rc_mirror *m, int64_t now_ns);

/* Did the store fail? The first failure's code (err gets its message), cleared by the call; RC_OK
 * if none. The mirror has lost its connection then, as by rc_mirror_lost, and starts over. */
int rc_mirror_failed(rc_mirror *m, rc_moment now, rc_error *err);

const rc_mirror_status *rc_mirror_status_of(const rc_mirror *m);

/* ---- What comes in ---- */

/* How a request ended. */
enum rc_answer {
    RC_ANSWER_OK,
    RC_ANSWER_NOTFOUND, /* 404 */
    RC_ANSWER_DENIED,   /* another 4xx: asking again will not help */
    RC_ANSWER_FAILED,   /* 5xx, cut, undecodable: ask again */
    RC_ANSWER_TIMEOUT,  /* no answer in time */
};

/* Hello was answered. date_s: its Date header, -1 if none (likewise below). */
void rc_mirror_connected(rc_mirror *m, rc_moment now, int64_t date_s);

/* The stream's headers came; an event; a line that was none. */
void rc_mirror_stream_open(rc_mirror *m, rc_moment now);
void rc_mirror_event(rc_mirror *m, rc_moment now, const rc_event *ev);
void rc_mirror_bad_line(rc_mirror *m, rc_moment now, bool oversize);

/* Hello or the stream ended, or could not be opened. */
void rc_mirror_lost(rc_mirror *m, rc_moment now, enum rc_reconnect_reason reason);

/* One element of the full list or of a list of ids. */
void rc_mirror_element(rc_mirror *m, rc_moment now, uint64_t token, const rc_observation *obs);
/* OK only if the list was proven complete. */
void rc_mirror_list_done(rc_mirror *m, rc_moment now, uint64_t token, enum rc_answer answer,
                         int64_t date_s);
/* obs: NULL unless OK. */
void rc_mirror_inspected(rc_mirror *m, rc_moment now, uint64_t token, enum rc_answer answer,
                         const rc_observation *obs, int64_t date_s);
void rc_mirror_network(rc_mirror *m, uint64_t token, const rc_network *net);
void rc_mirror_networks_done(rc_mirror *m, rc_moment now, uint64_t token, enum rc_answer answer,
                             int64_t date_s);

/* Somebody wants a full list now. */
void rc_mirror_resync(rc_mirror *m, rc_moment now);

/* ---- For the live page ---- */

typedef struct rc_mirror_report {
    int64_t resync_ns;      /* real time of the last committed full list; 0: none */
    int64_t resync_mono_ns; /* the same on the monotonic clock */
    int64_t resync_took_ns; /* from request to commit */
    int64_t event_ns;       /* engine's time of the newest event; 0: none */
    size_t rereads;         /* containers that wait for a re-read */
    uint64_t containers[RC_STATE_COUNT];
} rc_mirror_report;
void rc_mirror_report_of(const rc_mirror *m, rc_mirror_report *out);

#endif
