/* The simulated engine's containers and networks.
 *
 * A container is a chain of immutable versions: whoever wants to keep one (a list that is being
 * sent, the ring of events, a stale answer) holds a reference, and a change copies the version
 * first if anybody does. So a snapshot of 100,000 containers is an array of pointers, and an event
 * costs no more than its own container. What never changes (image, labels, ports, mounts) is a spec
 * that all versions, and all containers of one burst, share. */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/idmap.h"
#include "model/row.h"

#define SIM_CONTAINERS_MAX 1000000
#define SIM_NETWORKS_MAX   4096
#define SIM_ENDPOINTS_MAX  8
#define SIM_SPEC_ITEMS_MAX 4096 /* labels, ports or mounts of one container */

typedef struct sim_label {
    rc_str key;
    rc_str value;
    rc_str json; /* "key":"value", escaped: events and lists copy it */
} sim_label;

typedef struct sim_spec {
    unsigned refs;
    rc_arena *arena; /* owns all below */
    rc_str image;
    rc_str image_id;
    rc_str image_json; /* "image":"…" */
    rc_str command;    /* as the list shows it */
    rc_str network_mode;
    const sim_label *labels; /* sorted by key */
    const rc_port *ports;    /* public_port as when running */
    const rc_mount *mounts;
    uint32_t n_labels, n_ports, n_mounts;
    bool has_check;
    bool auto_remove;
} sim_spec;

/* What a create command collects before it becomes a spec; borrowed strings. */
typedef struct sim_spec_options {
    rc_str image;
    rc_str image_id; /* "" = made from the image's name */
    rc_str command;
    rc_str network_mode;
    const rc_label *labels;
    const rc_port *ports;
    const rc_mount *mounts;
    uint32_t n_labels, n_ports, n_mounts;
    bool has_check;
    bool auto_remove;
} sim_spec_options;

typedef struct sim_network {
    unsigned refs;
    rc_id id;
    char *name;
    const char *driver; /* static */
    int64_t created_ns;
    uint32_t subnet; /* of 172.S.0.0/16; 0 for those without addresses (none, host) */
    uint32_t last_host;
    unsigned in_use; /* endpoints of current versions */
    TAILQ_ENTRY(sim_network) link;
} sim_network;

typedef struct sim_endpoint {
    sim_network *network;
    uint32_t host; /* low 16 bits of the address; 0 = none yet */
} sim_endpoint;

typedef struct sim_container {
    unsigned refs;
    rc_id id;     /* as in the map */
    uint64_t seq; /* order of creation */
    sim_spec *spec;
    char *name;
    char *error; /* of a failed start; NULL if none */
    enum rc_state state;
    enum rc_health health;
    int32_t exit_code;
    uint32_t pid;
    uint32_t restart_count;
    bool oom_killed;
    char restart_policy[24];                     /* "no", "always", "on-failure:3" */
    int64_t created_ns, started_ns, finished_ns; /* the engine's clock; 0 = never */
    unsigned n_endpoints;
    sim_endpoint endpoints[SIM_ENDPOINTS_MAX];
} sim_container;

/* A container's place in the engine. */
typedef struct sim_slot {
    TAILQ_ENTRY(sim_slot) link; /* newest first */
    sim_container *now;
    sim_container *stale; /* what lists still show instead, or NULL */
    int64_t stale_until;  /* monotonic ns; 0 = by count */
    unsigned stale_lists; /* lists that will still show it */
} sim_slot;

TAILQ_HEAD(sim_slot_list, sim_slot);
TAILQ_HEAD(sim_network_list, sim_network);

typedef struct sim_model sim_model;

/* rng: the state all IDs come from, borrowed. NULL when out of memory. Starts with the networks
 * bridge, host and none. */
sim_model *sim_model_new(uint64_t *rng, int64_t now_ns);
sim_model *sim_model_free(sim_model *m);

/* A new spec with one reference, strings copied. */
int sim_spec_new(const sim_spec_options *o, sim_spec **ret, rc_error *err);
void sim_spec_unref(sim_spec *spec);

void sim_container_ref(sim_container *c);
void sim_container_unref(sim_container *c); /* takes NULL */
void sim_network_ref(sim_network *n);
void sim_network_unref(sim_network *n); /* takes NULL */

/* Takes a reference on spec. RC_EXISTS when the name is taken, RC_FULL at the cap. */
int sim_model_add(sim_model *m, sim_spec *spec, rc_str name, int64_t created_ns, sim_slot **ret,
                  rc_error *err);
void sim_model_remove(sim_model *m, sim_slot *slot);

/* The container as something that may be changed: copied first if anybody else holds it. NULL when
 * out of memory. */
sim_container *sim_model_edit(sim_model *m, sim_slot *slot);
int sim_model_rename(sim_model *m, sim_slot *slot, rc_str name, rc_error *err);

/* By name, full ID or unique prefix of an ID. RC_NOTFOUND, RC_AMBIGUOUS. */
int sim_model_find(const sim_model *m, rc_str ref, sim_slot **ret, rc_error *err);
sim_slot *sim_model_by_id(const sim_model *m, const rc_id *id);

const struct sim_slot_list *sim_model_slots(const sim_model *m);
size_t sim_model_count(const sim_model *m);

int sim_network_add(sim_model *m, rc_str name, int64_t created_ns, sim_network **ret,
                    rc_error *err);
void sim_network_remove(sim_model *m, sim_network *n);
int sim_network_find(const sim_model *m, rc_str ref, sim_network **ret, rc_error *err);
const struct sim_network_list *sim_model_networks(const sim_model *m);

/* Endpoints of a container that is being edited. */
int sim_container_attach(sim_container *c, sim_network *n, rc_error *err);
bool sim_container_detach(sim_container *c, const sim_network *n);
/* Addresses are given at start and taken back at the end. */
void sim_container_assign(sim_container *c, bool up);

/* 32 bytes that look random but follow from the seed. */
rc_id sim_random_id(uint64_t *rng);

/* All of them away, silently; networks stay. */
void sim_model_clear(sim_model *m);

#endif
