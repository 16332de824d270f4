/* Rows as JSON, exactly as docs/http-api.md and `ps --json` show them. */
#ifndef RC_WIRE_ENCODE_H
#define RC_WIRE_ENCODE_H

#include "base/json.h"
#include "model/row.h"

/* One object. The key order is fixed; see the design of the row. */
void rc_encode_row(rc_json *j, const rc_row *row);

void rc_encode_network(rc_json *j, const rc_network *net);

#endif
