/* A ring of keyed 64-bit fingerprints, searched from the newest. */
#include "mirror/recent.h"

#include <string.h>

#include "base/hash.h"

void rc_recent_init(rc_recent *r, uint64_t key0, uint64_t key1)
{
    memset(r, 0, sizeof(*r));
    r->key[0] = key0;
    r->key[1] = key1;
}

static uint64_t chain(const rc_recent *r, uint64_t h, rc_str s)
{
    /* Each part is hashed under the ones before it, so that no bytes can move from one to the next.
     */
    return rc_siphash(r->key[0] ^ h, r->key[1], s.ptr, s.len);
}

static uint64_t fingerprint(const rc_recent *r, const rc_event *ev)
{
    uint64_t h = rc_siphash(r->key[0], r->key[1], &ev->time_ns, sizeof(ev->time_ns));

    h = chain(r, h, ev->container);
    h = chain(r, h, ev->network);
    return chain(r, h, ev->action_text);
}

bool rc_recent_repeat(rc_recent *r, const rc_event *ev)
{
    uint64_t print = fingerprint(r, ev);

    for (unsigned i = 0; i < r->count; i++)
        if (r->seen[(r->next + RC_RECENT_MAX - 1 - i) % RC_RECENT_MAX] == print)
            return true;
    r->seen[r->next] = print;
    r->next = (r->next + 1) % RC_RECENT_MAX;
    if (r->count < RC_RECENT_MAX)
        r->count++;
    return false;
}
