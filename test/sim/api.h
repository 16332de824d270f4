/* The Engine API: which path is answered with what. */
#ifndef SIM_API_H
#define SIM_API_H

#include "http.h"

/* The handler for sim_http_new. */
void sim_api_handle(sim *s, sim_conn *conn, sim_request *request);

#endif
