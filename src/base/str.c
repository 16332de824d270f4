/* Order and globs of borrowed byte strings. */
#include "base/str.h"

int rc_str_cmp(rc_str a, rc_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

    if (c != 0)
        return c;
    return (a.len > b.len) - (a.len < b.len);
}

bool rc_glob_match(rc_str glob, rc_str s)
{
    size_t g = 0, i = 0;
    size_t star = (size_t)-1, mark = 0;

    /* Only the last star can ever need to take more: earlier ones are settled, so no backtracking
     * deeper than one level and at most glob.len * s.len steps. */
    while (i < s.len) {
        if (g < glob.len && glob.ptr[g] == '*') {
            star = g++;
            mark = i;
        } else if (g < glob.len && (glob.ptr[g] == '?' || glob.ptr[g] == s.ptr[i])) {
            g++;
            i++;
        } else if (star != (size_t)-1) {
            g = star + 1;
            i = ++mark;
        } else {
            return false;
        }
    }
    while (g < glob.len && glob.ptr[g] == '*')
        g++;
    return g == glob.len;
}
