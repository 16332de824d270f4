/* What the parts of the simulated engine share: one event loop, one thread, one of everything. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <event2/event.h>

#include "base/clock.h"
#include "model.h"
#include "profile.h"

typedef struct sim_stream sim_stream;   /* stream.h */
typedef struct sim_http sim_http;       /* http.h */
typedef struct sim_load sim_load;       /* load.h */
typedef struct sim_control sim_control; /* control.h */
typedef struct sim_faults sim_faults;   /* faults.h */
typedef struct sim_snapshot sim_snapshot;

/* What a request asks for; the unit of counting and of faults. */
enum sim_kind {
    SIM_PING,
    SIM_VERSION,
    SIM_INFO,
    SIM_EVENTS,
    SIM_LIST,   /* GET /containers/json without an id filter */
    SIM_REREAD, /* the same with one */
    SIM_INSPECT,
    SIM_NETWORKS,
    SIM_OTHER, /* a path or method that is not served */
    SIM_KIND_COUNT
};

typedef struct sim_stats {
    uint64_t requests[SIM_KIND_COUNT];
    uint64_t non_get; /* methods but GET and HEAD */
    uint64_t bad_requests;
    uint64_t connections;    /* accepted */
    uint64_t answers_cut;    /* by the other side, in mid-answer */
    uint64_t events;         /* published, whatever became of them */
    uint64_t events_sent;    /* handed to a subscriber's socket, counted for each */
    uint64_t events_lost;    /* by a fault */
    uint64_t events_dropped; /* for a slow reader */
    uint64_t replayed;
    uint64_t subscriptions; /* ever */
} sim_stats;

typedef struct sim_settings {
    int64_t skew_ns;            /* the engine's clock less ours */
    int64_t read_delay_ms;      /* before a new connection's request is read */
    int64_t subscribe_delay_ms; /* between the stream's headers and its subscription */
    size_t chunk_max;           /* bytes of a list's chunk at most */
    bool network_events;
    bool drop_slow;    /* as the engine: over slow_events waiting, events are lost */
    bool replay_twice; /* the ring, and the ring again */
    bool no_date;      /* answers have no Date */
} sim_settings;

/* How long lists go on showing the version before an action. */
typedef struct sim_stale_rule {
    int64_t ms;
    unsigned lists;
} sim_stale_rule;

enum sim_stale_action {
    SIM_STALE_PAUSE,
    SIM_STALE_UNPAUSE,
    SIM_STALE_DIE,
    SIM_STALE_STOP,
    SIM_STALE_CONNECT,
    SIM_STALE_DISCONNECT,
    SIM_STALE_RENAME,
    SIM_STALE_COUNT
};

typedef struct sim {
    struct event_base *base;
    const sim_profile *profile;
    uint64_t seed;
    uint64_t rng; /* all chance of the engine itself */
    sim_model *model;
    sim_stream *stream;
    sim_http *http;
    sim_load *load;
    sim_control *control;
    sim_faults *faults;
    sim_snapshot *frozen;  /* what the next full lists show, or NULL */
    unsigned frozen_lists; /* how many of them */
    sim_stats stats;
    sim_settings settings;
    sim_stale_rule stale[SIM_STALE_COUNT];
    char engine_id[64]; /* /info's ID; Podman makes a new one for every answer */
    bool silent;        /* operations publish nothing */
} sim;

/* Real time on the engine's clock. */
static inline int64_t sim_now(const sim *s)
{
    return rc_clock_real() + s->settings.skew_ns;
}

/* A number below n, n > 0. */
uint64_t sim_random(sim *s, uint64_t n);

/* A new identity in the engine's own format. */
void sim_new_identity(sim *s);

#endif
