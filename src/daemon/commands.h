/* What the serve loop asks of the mirror loop: a bounded queue of commands and the eventfd that
 * rings for them. */
#ifndef RC_DAEMON_COMMANDS_H
#define RC_DAEMON_COMMANDS_H

#include "base/error.h"

#define RC_COMMANDS_MAX 64

enum rc_command { RC_COMMAND_RESYNC };

typedef struct rc_commands rc_commands;

int rc_commands_new(rc_commands **out, rc_error *err);
rc_commands *rc_commands_free(rc_commands *c);

/* Any thread. RC_BUSY at the cap. */
int rc_commands_push(rc_commands *c, enum rc_command command, rc_error *err);

/* The mirror loop: readable while commands wait. */
int rc_commands_fd(const rc_commands *c);

/* Up to max commands, the oldest first; the number of them. */
unsigned rc_commands_take(rc_commands *c, enum rc_command *out, unsigned max);

#endif
