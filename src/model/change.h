/* Why a row changed: stored in the change log, shown in the feed. */
#ifndef RC_MODEL_CHANGE_H
#define RC_MODEL_CHANGE_H

/* Stored: append only. */
enum rc_change_op { RC_CHANGE_PUT, RC_CHANGE_DEL, RC_CHANGE_OP_COUNT };
enum rc_change_cause {
    RC_CAUSE_EVENT,    /* the engine's event, or the re-read that it asked for */
    RC_CAUSE_RESYNC,   /* a full list found it so */
    RC_CAUSE_EXPIRED,  /* a missing row's time was over */
    RC_CAUSE_REGISTRY, /* a workload was registered, changed or removed */
    RC_CAUSE_CLAIM,    /* a container took over its placeholder */
    RC_CAUSE_COUNT
};

/* As in JSON ("event", "resync", …; "put", "del"); "unknown" out of range. Static. */
const char *rc_change_cause_name(enum rc_change_cause cause);
const char *rc_change_op_name(enum rc_change_op op);

#endif
