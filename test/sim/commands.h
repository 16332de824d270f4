/* What a line of the control channel means. test/sim/README.md lists the commands. */
#ifndef SIM_COMMANDS_H
#define SIM_COMMANDS_H

#include "base/buf.h"
#include "base/json.h"
#include "control.h"

/* Does what the line says and appends its answer, a JSON object without the \n: {"ok":true,…} or
 * {"error":"…"}. line is changed. *ret_wait is set for SIM_COMMAND_WAIT only, which appends
 * nothing. */
enum sim_command_result sim_command(sim *s, char *line, size_t len, rc_buf *out,
                                    sim_wait *ret_wait);

/* ---- for the files of commands ---- */

#define SIM_WORDS_MAX 8192

typedef struct sim_args {
    sim *s;
    rc_arena *arena; /* of this command */
    rc_str *words;   /* raw; word 0 is the command's own */
    unsigned n;
    rc_json *out; /* the answer's object is open */
    sim_wait *wait;
    enum sim_command_result result;
} sim_args;

typedef int sim_command_fn(sim_args *a, rc_error *err);

typedef struct sim_command_row {
    const char *name;
    unsigned min_words; /* after the name, without key=value */
    sim_command_fn *fn;
    const char *usage;
} sim_command_row;

/* NULL-terminated. */
extern const sim_command_row sim_life_commands[];
extern const sim_command_row sim_fault_commands[];
extern const sim_command_row sim_query_commands[];

/* The i-th positional word, percent-decoded; "" past the end. */
rc_str sim_arg(const sim_args *a, unsigned i);

/* The value of key=…, decoded; from is the word to start at and is moved past the one found, for
 * keys that come several times. False if there is none. */
bool sim_option_next(const sim_args *a, const char *key, unsigned *from, rc_str *ret);
bool sim_option(const sim_args *a, const char *key, rc_str *ret);

/* The same as a number, RC_INVALID naming the key; *ret untouched where it is absent. */
int sim_option_i64(const sim_args *a, const char *key, int64_t lo, int64_t hi, int64_t *ret,
                   rc_error *err);
int sim_parse_i64(rc_str text, const char *what, int64_t lo, int64_t hi, int64_t *ret,
                  rc_error *err);
bool sim_flag(const sim_args *a, const char *key); /* key=1, or the bare word */

int sim_arg_container(const sim_args *a, unsigned i, sim_slot **ret, rc_error *err);

rc_str sim_decode_word(const sim_args *a, rc_str raw);

#endif
