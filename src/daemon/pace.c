/* A bucket that fills again by one every so often. */
#include "daemon/pace.h"

bool rc_pace_allows(rc_pace *p, int64_t now_ns)
{
    if (p->used == 0)
        p->from_ns = now_ns;
    int64_t back = (now_ns - p->from_ns) / p->every_ns;
    if (back >= (int64_t)p->used) {
        p->used = 0;
        p->from_ns = now_ns;
    } else if (back > 0) {
        p->used -= (unsigned)back;
        p->from_ns += back * p->every_ns;
    }
    if (p->used >= p->burst)
        return false;
    p->used++;
    return true;
}

void rc_pace_reset(rc_pace *p)
{
    p->used = 0;
}
