/* The control channel: one command a line, one answer a line, over a unix socket and over stdin
 * and stdout. Lines are framed here; what they mean is commands.c's business. */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "sim.h"

#define SIM_LINE_MAX     1048576 /* bytes of a command */
#define SIM_CONTROLS_MAX 32
#define SIM_WAIT_MAX_MS  600000

sim_control *sim_control_new(sim *s);
sim_control *sim_control_free(sim_control *c);

int sim_control_listen(sim_control *c, const char *unix_path, rc_error *err);

/* Commands come from fd 0, answers go to fd 1; the end of input ends the program. */
int sim_control_stdio(sim_control *c, rc_error *err);

/* What a command wants of the connection it came over. */
enum sim_command_result {
    SIM_COMMAND_ANSWERED, /* the answer is in the buffer */
    SIM_COMMAND_WAIT,     /* the answer comes when the condition is met, or the time is over */
    SIM_COMMAND_QUIT      /* the answer is in the buffer; then the program ends */
};

typedef struct sim_wait {
    uint64_t (*value)(const sim *s, int what);
    int what;
    uint64_t at_least;
    bool at_most; /* instead */
    int64_t timeout_ms;
} sim_wait;

#endif
