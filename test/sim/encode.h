/* The engine's JSON: what each answer's body looks like, byte for byte as in test/captures. */
#ifndef SIM_ENCODE_H
#define SIM_ENCODE_H

#include "base/buf.h"
#include "sim.h"

/* One element of GET /containers/json as that API version shows it. */
void sim_encode_list_element(rc_buf *out, sim *s, const sim_container *c, int api);

/* GET /containers/{id}/json */
void sim_encode_inspect(rc_buf *out, sim *s, const sim_container *c, int api);

/* One element of GET /networks. */
void sim_encode_network(rc_buf *out, const sim *s, const sim_network *n);

void sim_encode_info(rc_buf *out, sim *s);
void sim_encode_version(rc_buf *out, const sim *s);

/* {"message":…}, or Podman's {"cause","message","response"}. */
void sim_encode_error(rc_buf *out, const sim *s, int status, const char *message);

/* The whole model as rows of the index would show it: what a mirror must equal at rest. */
void sim_encode_state(rc_buf *out, const sim *s);

/* "1.41"; returns out. */
const char *sim_api_text(int api, char out[8]);

#endif
