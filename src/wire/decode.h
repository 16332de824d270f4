/* Decoders for what the engine says. Input is hostile JSON: cut, wrong types, duplicate keys, deep,
 * huge. A wrong type in a field that matters is RC_PROTOCOL naming the field; what does not matter
 * is passed over. All strings of a result live in the decoder until its next call. Not thread-safe;
 * one decoder a thread. Sources: Docker Engine API v1.41 to v1.55, Podman 4.3 compatible API. */
#ifndef RC_WIRE_DECODE_H
#define RC_WIRE_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/event.h"
#include "model/observation.h"

typedef struct rc_decoder rc_decoder;

/* Points cJSON's allocator at the calling decoder's arena. Call once, before any thread starts. */
void rc_wire_init(void);

/* NULL when out of memory. */
rc_decoder *rc_decoder_new(void);
rc_decoder *rc_decoder_free(rc_decoder *d);

/* One line of /events; json is repaired in place (\u0000 escapes and invalid UTF-8 become U+FFFD).
 */
int rc_decode_event(rc_decoder *d, char *json, size_t len, rc_event *out, rc_error *err);

/* One element of GET /containers/json. What it and an inspect of the same moment both tell is equal
 * (but for the image, which an inspect repeats as it was typed). Hence what a list has only in part
 * it does not tell at all: Docker's the mounts where an anonymous volume lacks its source, Podman's
 * the ports, of which it leaves some out. */
int rc_decode_list_element(rc_decoder *d, char *json, size_t len, rc_observation *out,
                           rc_error *err);

/* GET /containers/{id}/json. */
int rc_decode_inspect(rc_decoder *d, char *json, size_t len, rc_observation *out, rc_error *err);

/* One element of GET /networks. */
int rc_decode_network(rc_decoder *d, char *json, size_t len, rc_network *out, rc_error *err);

typedef struct rc_engine_info {
    rc_str id;      /* "" where the engine tells none */
    rc_str name;    /* the host's */
    rc_str version; /* ServerVersion */
} rc_engine_info;

/* GET /info */
int rc_decode_info(rc_decoder *d, char *json, size_t len, rc_engine_info *out, rc_error *err);

/* An error body: {"message"}, Podman's {"cause","message","response"}, or plain text; never fails,
 * gives a bounded, escaped text ("" for an empty body). */
rc_str rc_decode_error(rc_decoder *d, char *body, size_t len);

/* The docker CLI's config.json: currentContext ("" if none); and a context's meta.json. */
int rc_decode_docker_config(rc_decoder *d, char *json, size_t len, rc_str *ret_context,
                            rc_error *err);
int rc_decode_docker_context(rc_decoder *d, char *json, size_t len, rc_str *ret_name,
                             rc_str *ret_host, bool *ret_skip_verify, rc_error *err);

/* A filters parameter or a -f value as Docker writes it: {"key":["v",…]} or {"key":{"v":true}}.
 * Calls each(key, value); RC_INVALID with the offending part otherwise. */
int rc_decode_filters(rc_decoder *d, char *json, size_t len,
                      int (*each)(void *arg, rc_str key, rc_str value), void *arg, rc_error *err);

#endif
