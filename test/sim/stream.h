/* The event stream: encodes each event once, keeps the ring of 256, and hands lines to the
 * subscribers, with whatever a fault makes of them on the way. Nothing here costs more with more
 * containers. */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include "filter.h"
#include "sim.h"

#define SIM_RING         256
#define SIM_HELD_MAX     1024
#define SIM_SUBSCRIBERS  64
#define SIM_BACKLOG_MAX  ((size_t)256 << 20)
#define SIM_SLOW_BACKLOG ((size_t)512 << 10) /* about the engine's 1,024 events */

/* What a subscriber is to the stream. line ends in \n and is borrowed for the call. None of them
 * may unsubscribe from inside. */
typedef struct sim_sink {
    void (*send)(void *arg, rc_str line);
    /* The first n bytes of the line, then the end of the connection without a last chunk. */
    void (*cut)(void *arg, rc_str line, size_t n);
    void (*end)(void *arg, bool clean); /* the whole stream ends */
    size_t (*backlog)(void *arg);       /* bytes that the reader has not taken */
    void *arg;
} sim_sink;

typedef struct sim_subscription {
    sim_sink sink;
    int api;
    bool replay;        /* since or until was given */
    int64_t since_ns;   /* 0 = all of the ring */
    int64_t until_ns;   /* 0 = for ever */
    sim_filter *filter; /* becomes the stream's */
} sim_subscription;

typedef struct sim_subscriber sim_subscriber;

sim_stream *sim_stream_new(sim *s);
sim_stream *sim_stream_free(sim_stream *st);

/* Replays what is asked for and subscribes; both at once, as the engine does under its lock. NULL
 * at the cap or out of memory (the filter is freed). May call the sink's end from inside. */
sim_subscriber *sim_stream_subscribe(sim_stream *st, const sim_subscription *sub);
void sim_stream_unsubscribe(sim_stream *st, sim_subscriber *sub);
unsigned sim_stream_subscribers(const sim_stream *st);

/* Bytes that the slowest subscriber has not taken: what a burst waits for. */
size_t sim_stream_backlog(const sim_stream *st);

typedef struct sim_attribute {
    const char *key;
    rc_str value;
} sim_attribute;

#define SIM_ATTRIBUTES_MAX 8

/* own: sorted by key, at most SIM_ATTRIBUTES_MAX. Labels overwrite them, `image` and `name` the
 * labels. c may be one that never was in the model. */
void sim_stream_container(sim_stream *st, sim_container *c, const char *action,
                          const sim_attribute *own, unsigned n_own);

/* container: of connect and disconnect, else NULL. */
void sim_stream_network(sim_stream *st, sim_network *n, const char *action, const rc_id *container);

/* `prune`, which has an empty Actor.ID. */
void sim_stream_prune(sim_stream *st);

/* ---- faults ---- */

enum sim_event_fault {
    SIM_EVENT_DROP,  /* not sent, but in the ring */
    SIM_EVENT_LOSE,  /* not in the ring either */
    SIM_EVENT_DUP,   /* sent twice */
    SIM_EVENT_SWAP,  /* after the one that follows it */
    SIM_EVENT_DELAY, /* some milliseconds later, with its own time */
};

#define SIM_EVENT_FAULTS_MAX 64

/* For the next `count` events of the container (NULL = any) with the action ("" = any). */
int sim_stream_fault(sim_stream *st, enum sim_event_fault fault, const rc_id *container,
                     rc_str action, unsigned count, int64_t delay_ms, rc_error *err);
void sim_stream_faults_clear(sim_stream *st); /* what is held is sent */
unsigned sim_stream_faults_left(const sim_stream *st);

void sim_stream_cut_at(sim_stream *st, size_t n); /* at byte n of the next event */
void sim_stream_end_all(sim_stream *st, bool clean);
void sim_stream_mute(sim_stream *st); /* those that are subscribed hear nothing any more */
void sim_stream_inject(sim_stream *st, rc_str line); /* to all, not into the ring */
void sim_stream_forget(sim_stream *st);              /* the ring is lost */

#endif
