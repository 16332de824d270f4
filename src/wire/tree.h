/* The parsed JSON tree that the decoders read, and typed getters that name the field they stumble
 * over. Private to wire/. The first failure sticks: getters then give defaults, and the decoder
 * returns rc_tree_status() once at its end. Strings are views into the tree, which lives in the
 * decoder's arena. */
#ifndef RC_WIRE_TREE_H
#define RC_WIRE_TREE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/decode.h"

struct rc_decoder {
    rc_arena *arena;
    rc_buf spare;  /* the text, where its repair made it longer */
    rc_str text;   /* the text that was parsed, "" where that failed */
    int bad_code;  /* what bad input is: RC_PROTOCOL from an engine, RC_INVALID from a person */
    int status;    /* of the call in progress */
    rc_error *err; /* its caller's */
    char message[RC_ERROR_MAX];
};

/* An object or array (NULL: absent or null) and what messages call it ("" = the whole). */
typedef struct rc_node {
    const cJSON *json;
    const char *name;
} rc_node;

/* Starts a call: forgets the last one's tree, parses; the root must be an object. */
rc_node rc_tree_parse(rc_decoder *d, char *json, size_t len, int bad_code, rc_error *err);

int rc_tree_status(const rc_decoder *d);
void rc_tree_bad(rc_decoder *d, rc_node parent, const char *key, const char *what);
void rc_tree_nomem(rc_decoder *d);

/* Is the key there, even as null? */
bool rc_tree_has(rc_node node, const char *key);

/* The member if it is there and not null; any type. */
const cJSON *rc_tree_get(rc_node node, const char *key);

/* Absent and null give "", false, fallback, a node without json, 0. */
rc_str rc_tree_str(rc_decoder *d, rc_node node, const char *key);
bool rc_tree_bool(rc_decoder *d, rc_node node, const char *key, bool fallback);
int64_t rc_tree_int(rc_decoder *d, rc_node node, const char *key, int64_t min, int64_t max);
rc_node rc_tree_object(rc_decoder *d, rc_node node, const char *key);
rc_node rc_tree_array(rc_decoder *d, rc_node node, const char *key);
int64_t rc_tree_time(rc_decoder *d, rc_node node, const char *key); /* RFC 3339 → ns */

/* As above for an element: named like its parent. */
rc_node rc_tree_element(rc_decoder *d, rc_node parent, const cJSON *item);

/* Members of an object or elements of an array. */
uint32_t rc_tree_count(rc_node node);

/* {"k":"v",…} → labels in the arena, in the text's order. A null value is "". */
void rc_tree_labels(rc_decoder *d, rc_node object, const rc_label **ret_labels, uint32_t *ret_n);

/* A whole decimal number, digits only but for one leading minus. */
bool rc_parse_int(rc_str s, int64_t min, int64_t max, int64_t *out);

/* A zeroed array in the arena, NULL (and the failure noted) when out of memory. */
void *rc_tree_calloc(rc_decoder *d, uint32_t count, size_t size);

#endif
