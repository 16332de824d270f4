/* The table of simulated engines. Sources: test/captures, and moby's release notes for the API
 * version and minimum of each release. */
#include "profile.h"

#include <stddef.h>
#include <string.h>

static const sim_profile profiles[] = {
    {.key = "docker-20.10",
     .version = "20.10.24+dfsg1",
     .server = "Docker/20.10.24+dfsg1 (linux)",
     .api = 141,
     .api_min = 112},
    {.key = "docker-26",
     .version = "26.1.4",
     .server = "Docker/26.1.4 (linux)",
     .api = 145,
     .api_min = 124,
     .disconnect_before_die = true,
     .stop_races_die = true},
    {.key = "docker-28",
     .version = "28.5.2",
     .server = "Docker/28.5.2 (linux)",
     .api = 151,
     .api_min = 124,
     .disconnect_before_die = true,
     .stop_races_die = true,
     .removing_is_dead = true},
    {.key = "docker-29",
     .version = "29.0.4",
     .server = "Docker/29.0.4 (linux)",
     .api = 152,
     .api_min = 144,
     .disconnect_before_die = true,
     .stop_races_die = true,
     .removing_is_dead = true},
    {.key = "podman-4.3",
     .version = "4.3.1",
     .server = "Libpod/4.3.1 (linux)",
     .api = 141,
     .api_min = 124,
     .podman = true},
};

const sim_profile *sim_profile_find(const char *key)
{
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
        if (strcmp(profiles[i].key, key) == 0)
            return &profiles[i];
    return NULL;
}

const char *sim_profile_names(void)
{
    return "docker-20.10, docker-26, docker-28, docker-29, podman-4.3";
}
