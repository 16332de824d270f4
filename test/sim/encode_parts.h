/* What lists and inspect have in common. */
#ifndef SIM_ENCODE_PARTS_H
#define SIM_ENCODE_PARTS_H

#include "base/json.h"
#include "encode.h"

void sim_encode_str(rc_json *j, const char *key, rc_str value);
void sim_encode_id(rc_json *j, const char *key, const rc_id *id);
void sim_encode_slash_name(rc_json *j, const char *name);
void sim_encode_labels(rc_json *j, const sim_spec *spec);
void sim_encode_mount(rc_json *j, const rc_mount *m);

/* The Networks object; aliases only inspect shows. */
void sim_encode_endpoints(rc_json *j, const sim_container *c, int api, bool aliases);

/* The engine's own word. */
const char *sim_engine_state(const sim *s, const sim_container *c);

/* Of an endpoint with an address, else "". Both terminated. */
void sim_endpoint_address(const sim_endpoint *e, char ip[16], char mac[18]);

#endif
