/* Versions of the Engine API as text and in order. */
#include "engine/version.h"

#include <stdio.h>

#define DIGITS_MAX 4

static bool parse_number(rc_str *s, int *out)
{
    int v = 0;
    size_t i = 0;

    for (; i < s->len && s->ptr[i] >= '0' && s->ptr[i] <= '9'; i++) {
        if (i == DIGITS_MAX)
            return false;
        v = v * 10 + (s->ptr[i] - '0');
    }
    if (i == 0)
        return false;
    *s = rc_str_n(s->ptr + i, s->len - i);
    *out = v;
    return true;
}

bool rc_api_version_parse(rc_str s, struct rc_api_version *out)
{
    struct rc_api_version v;

    if (rc_str_starts(s, RC_STR("v")))
        s = rc_str_n(s.ptr + 1, s.len - 1);
    if (!parse_number(&s, &v.major) || !rc_str_starts(s, RC_STR(".")))
        return false;
    s = rc_str_n(s.ptr + 1, s.len - 1);
    if (!parse_number(&s, &v.minor) || s.len)
        return false;
    *out = v;
    return true;
}

void rc_api_version_format(struct rc_api_version v, char out[RC_ENGINE_API_MAX])
{
    (void)snprintf(out, RC_ENGINE_API_MAX, "%d.%d", v.major, v.minor);
}

int rc_api_version_cmp(struct rc_api_version a, struct rc_api_version b)
{
    return a.major != b.major ? a.major - b.major : a.minor - b.minor;
}
