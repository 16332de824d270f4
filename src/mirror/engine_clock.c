/* Interval arithmetic over Date headers: the header was written between request and answer, and its
 * second had then begun but not ended. */
#include "mirror/engine_clock.h"

#include "base/clock.h"

void rc_engine_clock_local(rc_engine_clock *c)
{
    *c = (rc_engine_clock){.lo = 0, .hi = 0, .known = true};
}

void rc_engine_clock_unknown(rc_engine_clock *c)
{
    *c = (rc_engine_clock){.known = false};
}

void rc_engine_clock_date(rc_engine_clock *c, int64_t date_s, int64_t sent_ns, int64_t received_ns)
{
    int64_t date_ns, lo, hi;

    /* Foreign numbers: what would overflow tells nothing. The 4e9 is the year 2096. */
    if (date_s < 0 || date_s > INT64_C(4000000000) || received_ns < sent_ns)
        return;
    date_ns = date_s * RC_NS_PER_SEC;
    lo = date_ns - received_ns;
    hi = date_ns + RC_NS_PER_SEC - sent_ns;
    if (c->known) {
        int64_t both_lo = lo > c->lo ? lo : c->lo;
        int64_t both_hi = hi < c->hi ? hi : c->hi;

        if (both_lo <= both_hi) {
            lo = both_lo;
            hi = both_hi;
        }
    }
    *c = (rc_engine_clock){.lo = lo, .hi = hi, .known = true};
}

int64_t rc_engine_clock_earliest(const rc_engine_clock *c, int64_t now_ns)
{
    return c->known ? now_ns + c->lo : INT64_MAX;
}

int64_t rc_engine_clock_latest(const rc_engine_clock *c, int64_t now_ns)
{
    return c->known ? now_ns + c->hi : INT64_MAX;
}
