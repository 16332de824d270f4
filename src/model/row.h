/* The container row: plain data, as docs/index-format.md stores it and as JSON shows it. Strings
 * and arrays are borrowed from whoever filled the row (an arena, a record); copying the struct
 * copies views. */
#ifndef RC_MODEL_ROW_H
#define RC_MODEL_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* Stored in records: append only. */
enum rc_state {
    RC_STATE_UNKNOWN, /* a word we do not know; engine_state has it verbatim */
    RC_STATE_PENDING, /* placeholder: reserved, no container yet */
    RC_STATE_CREATED,
    RC_STATE_RUNNING,
    RC_STATE_PAUSED,
    RC_STATE_RESTARTING,
    RC_STATE_REMOVING,
    RC_STATE_EXITED,
    RC_STATE_DEAD,
    RC_STATE_MISSING,
    RC_STATE_COUNT
};

enum rc_health { RC_HEALTH_NONE, RC_HEALTH_STARTING, RC_HEALTH_HEALTHY, RC_HEALTH_UNHEALTHY };
enum rc_missing { RC_MISSING_NOT, RC_MISSING_DESTROYED, RC_MISSING_VANISHED };
enum rc_scheme {
    RC_SCHEME_NONE,
    RC_SCHEME_WORKLOAD,
    RC_SCHEME_INSTANCE,
    RC_SCHEME_SITE,
    RC_SCHEME_STACK
};

typedef struct rc_label {
    rc_str key;
    rc_str value;
} rc_label;

typedef struct rc_port {
    rc_str ip; /* "" where not published */
    uint16_t private_port;
    uint16_t public_port; /* 0 = not published */
    rc_str protocol;      /* tcp, udp, sctp */
} rc_port;

typedef struct rc_netif {
    rc_str network; /* the network's name: the key of the JSON object */
    rc_str id;
    rc_str ip;
    rc_str ip6;
    rc_str mac;
} rc_netif;

typedef struct rc_mount {
    rc_str type;
    rc_str name; /* "" unless a volume */
    rc_str source;
    rc_str destination;
    bool read_only;
} rc_mount;

typedef struct rc_row {
    rc_str id; /* 64 lower-case hex digits; "" for a placeholder */
    rc_str name;
    rc_str image;
    rc_str image_id;
    rc_str command;
    rc_str engine_state; /* the engine's own word (Podman's mapped to Docker's) */
    rc_str network_mode;
    rc_str restart_policy; /* "no", "always", "on-failure:3" */
    rc_str workload_id;
    rc_str workload_kind;
    rc_str workload_role;
    rc_str reservation; /* the token by which a placeholder was claimed; not part of the JSON row */

    enum rc_state state;
    enum rc_health health;
    enum rc_missing missing_cause;
    enum rc_scheme scheme; /* NONE: no label names a workload */

    bool has_exit_code;
    bool oom_killed;
    bool managed;
    bool partial;
    int32_t exit_code;
    uint32_t restart_count;
    uint32_t pid; /* 0 = none */

    int64_t created_ns; /* ns since 1970; 0 = null, for all times */
    int64_t started_ns;
    int64_t finished_ns;
    int64_t missing_since_ns;
    uint64_t rev; /* of the commit that wrote the row */

    const rc_label *labels; /* sorted by key after rc_row_normalise */
    uint32_t n_labels;
    const rc_port *ports; /* sorted by private, protocol, ip, public */
    uint32_t n_ports;
    const rc_netif *networks; /* sorted by name */
    uint32_t n_networks;
    const rc_mount *mounts; /* sorted by destination */
    uint32_t n_mounts;
} rc_row;

/* Names as in JSON; "unknown" for values out of range. Static strings. */
const char *rc_state_name(enum rc_state s);
const char *rc_health_name(enum rc_health h);
const char *rc_missing_name(enum rc_missing m); /* "" for NOT */
const char *rc_scheme_name(enum rc_scheme s);   /* "" for NONE */

/* By name, exact. False where there is no such name (*out untouched). */
bool rc_state_parse(rc_str name, enum rc_state *out);
bool rc_health_parse(rc_str name, enum rc_health *out);

/* The engine's word → our state; sets *ret_word to the word that engine_state keeps (Podman:
 * stopped → exited, stopping → running, initialized and configured → created; else the word
 * itself). Unknown words give RC_STATE_UNKNOWN. */
enum rc_state rc_state_from_engine(rc_str word, rc_str *ret_word);

/* Only running, paused and restarting containers hold ports. */
static inline bool rc_state_holds_ports(enum rc_state s)
{
    return s == RC_STATE_RUNNING || s == RC_STATE_PAUSED || s == RC_STATE_RESTARTING;
}

/* An empty row with every string "". */
void rc_row_init(rc_row *row);

/* Puts the row into its one normal form, new arrays from the arena: labels, ports, networks and
 * mounts sorted, exact duplicates of ports dropped, of equal label keys the last kept; ports and
 * the networks' addresses emptied unless the state holds them; pid 0 unless running or paused; exit
 * code dropped unless exited, restarting, dead, removing or missing. False when the arena is
 * exhausted (row untouched).
 */
bool rc_row_normalise(rc_row *row, rc_arena *arena);

/* Equal in everything but rev. Both must be normalised. */
bool rc_row_equal(const rc_row *a, const rc_row *b);

/* A deep copy, all strings terminated, in the arena. False when it is exhausted. */
bool rc_row_copy(rc_row *dst, const rc_row *src, rc_arena *arena);

/* The label's value, or NULL. Labels must be sorted (binary search). */
const rc_str *rc_row_label(const rc_row *row, rc_str key);

/* A network of the engine: the `networks` table. */
typedef struct rc_network {
    rc_str id;
    rc_str name;
    rc_str driver;
    rc_str scope;
    bool internal;
    bool ingress;
    bool attachable;
    bool ipv6;
    int64_t created_ns;
    const rc_label *labels; /* sorted */
    uint32_t n_labels;
} rc_network;

#endif
