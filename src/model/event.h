/* What the engine's event stream says, decoded: plain data, strings borrowed from the decoder's
 * arena until its next event. */
#ifndef RC_MODEL_EVENT_H
#define RC_MODEL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/idmap.h"
#include "model/row.h"

enum rc_event_type {
    RC_EVENT_CONTAINER,
    RC_EVENT_NETWORK, /* connect and disconnect carry a container; create and destroy do not */
    RC_EVENT_OTHER    /* image, volume, daemon …: decoded no further */
};

/* Docker's actions and what Podman says instead (in brackets). */
enum rc_action {
    RC_ACTION_OTHER, /* a word that is new to us: worth a re-read */
    RC_ACTION_CREATE,
    RC_ACTION_START,
    RC_ACTION_RESTART,
    RC_ACTION_STOP,
    RC_ACTION_DIE, /* (died) */
    RC_ACTION_OOM,
    RC_ACTION_PAUSE,
    RC_ACTION_UNPAUSE,
    RC_ACTION_RENAME,
    RC_ACTION_UPDATE,
    RC_ACTION_KILL,
    RC_ACTION_DESTROY, /* (remove) */
    RC_ACTION_HEALTH,  /* "health_status: healthy" */
    RC_ACTION_CONNECT, /* network */
    RC_ACTION_DISCONNECT,
    RC_ACTION_PRUNE,
    RC_ACTION_INIT,    /* (init) */
    RC_ACTION_IGNORED, /* exec_*, attach, detach, resize, top, copy, archive-path, extract-to-dir,
                         export, commit, checkpoint, (cleanup, sync, exec_died, mount, unmount): say
                         nothing of the row */
    RC_ACTION_COUNT
};

/* The action's word as metrics show it ("die", "health_status", …, "other", "ignored"). Static. */
const char *rc_action_name(enum rc_action action);

typedef struct rc_event {
    enum rc_event_type type;
    enum rc_action action;
    rc_str action_text; /* as the engine wrote it; never stored unescaped */
    rc_str container;   /* container events: Actor.ID; network events: Attributes.container; "" if
                           none */
    rc_str name;        /* Attributes.name of a container event: trustworthy */
    rc_str image;       /* Attributes.image: trustworthy */
    rc_str network;     /* network events: Actor.ID, and its name and driver type */
    rc_str network_name;
    rc_str network_type;
    enum rc_health health; /* HEALTH only */
    bool has_exit_code;    /* Attributes.exitCode (Podman: containerExitCode on die) parses as an
                              integer; */
    int32_t exit_code;     /* a label may have forged it */
    int64_t time_ns;       /* timeNano, exact; `time` × 1e9 where it is absent; 0 where both are */
    const rc_label *attributes; /* all of them, in the engine's order; labels are mixed in */
    uint32_t n_attributes;
} rc_event;

#endif
