/* What is to go wrong with the next answers, by kind of request. Plain data: http.c and api.c do
 * it. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "sim.h"

#define SIM_FAULTS_QUEUED 16 /* of one kind */
#define SIM_FAULT_ALWAYS  UINT32_MAX

enum sim_garbage {
    SIM_GARBAGE_NONE,
    SIM_GARBAGE_ELEMENT, /* JSON, but no container */
    SIM_GARBAGE_SYNTAX   /* no JSON */
};

typedef struct sim_answer_fault {
    uint32_t times;   /* answers left; 0 = free */
    int64_t delay_ms; /* made when asked for, sent later */
    bool hold;        /* made when asked for, sent at `release` */
    bool hang;        /* never answered */
    bool no_last;     /* the end of the connection in place of the last chunk */
    bool truncates;
    size_t truncate;    /* bytes of body before the connection ends */
    int status;         /* this, and an error body, instead; 0 = none */
    size_t dribble;     /* bytes ... 0 = no */
    int64_t dribble_ms; /* ... each so often */
    enum sim_garbage garbage;
    size_t garbage_at; /* before this element of the list */
} sim_answer_fault;

struct sim_faults {
    sim_answer_fault queue[SIM_KIND_COUNT][SIM_FAULTS_QUEUED];
};

/* The name that commands and statistics use; NULL past the end. */
const char *sim_kind_name(enum sim_kind kind);
bool sim_kind_parse(rc_str name, enum sim_kind *out);

int sim_faults_add(sim_faults *f, enum sim_kind kind, const sim_answer_fault *fault, rc_error *err);

/* The fault of this answer, used up by one; all zero where there is none. */
sim_answer_fault sim_faults_take(sim_faults *f, enum sim_kind kind);

#endif
