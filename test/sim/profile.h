/* Which engine is simulated: the versions it speaks and the ways in which it differs from the
 * others. Plain constants; what a difference looks like is said where it is written. */
#ifndef SIM_PROFILE_H
#define SIM_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_profile {
    const char *key;     /* for --profile */
    const char *version; /* ServerVersion */
    const char *server;  /* the Server header */
    int api;             /* 1.41 is 141 */
    int api_min;
    bool podman;
    bool disconnect_before_die; /* seen on engines 26 and 28 */
    bool stop_races_die;        /* from 23.0 `stop` may come before `die` */
    bool removing_is_dead;      /* 28.2 and later list a container in removal as "dead" */
} sim_profile;

/* NULL where there is no such profile. */
const sim_profile *sim_profile_find(const char *key);

/* "docker-20.10, docker-26, ..." for messages. */
const char *sim_profile_names(void);

/* The API version from which the old event fields are gone and lists have a Health object. */
#define SIM_API_HEALTH_IN_LIST 152
/* Below this an asked version is refused in plain text instead of JSON. */
#define SIM_API_PLAIN_REFUSAL 124

#endif
