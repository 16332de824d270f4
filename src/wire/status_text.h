/* The list's Status text, which alone carries the exit code, and below API 1.52 the health: private
 * to wire/. Sources: moby's container/state.go (String), docker/go-units' HumanDuration; Podman
 * writes the same words. */
#ifndef RC_WIRE_STATUS_TEXT_H
#define RC_WIRE_STATUS_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/row.h"

typedef struct rc_status_text {
    bool has_exit_code;
    int32_t exit_code;
    bool has_health; /* a health stands in brackets */
    enum rc_health health;
    int64_t age_lo; /* seconds, lo <= age < hi; hi = 0: no age, or words that we do not know */
    int64_t age_hi;
} rc_status_text;

/* "Up 7 seconds (healthy)", "Exited (42) 8 seconds ago", "Created", … False only where an exit code
 * is no number of 32 bits. */
bool rc_status_text_parse(rc_str text, rc_status_text *out);

#endif
