/* Reads the list's Status text back into numbers. */
#include "wire/status_text.h"

#include "base/cleanup.h"
#include "wire/tree.h"

#define MINUTE INT64_C(60)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* A count beyond this is no age of a container; keeps the products in range. */
#define COUNT_MAX 1000000

typedef struct unit {
    const char *one;
    const char *many;
    int64_t size;
    int64_t early; /* how far below count × size the age may be: hours are rounded, not cut */
    int64_t late;  /* and how far above */
} unit;

static const unit units[] = {
    {"second", "seconds", 1, 0, 1},
    {"minute", "minutes", MINUTE, 0, MINUTE},
    {"hour", "hours", HOUR, HOUR / 2, HOUR / 2},
    {"day", "days", DAY, HOUR / 2, DAY},
    {"week", "weeks", 7 * DAY, HOUR / 2, 7 * DAY},
    {"month", "months", 30 * DAY, HOUR / 2, 30 * DAY},
    {"year", "years", 365 * DAY, HOUR / 2, 365 * DAY},
};

static bool cut_prefix(rc_str *s, const char *prefix)
{
    rc_str p = rc_str_c(prefix);
    if (!rc_str_starts(*s, p))
        return false;
    *s = rc_str_n(s->ptr + p.len, s->len - p.len);
    return true;
}

static bool set_age(rc_status_text *out, int64_t lo, int64_t hi)
{
    out->age_lo = lo;
    out->age_hi = hi;
    return true;
}

/* "7 seconds" */
static bool read_counted(rc_str age, rc_status_text *out)
{
    const char *space = memchr(age.ptr, ' ', age.len);
    int64_t n = 0;
    if (!space || !rc_parse_int(rc_str_n(age.ptr, (size_t)(space - age.ptr)), 0, COUNT_MAX, &n))
        return false;
    size_t at = (size_t)(space - age.ptr) + 1;
    rc_str word = rc_str_n(age.ptr + at, age.len - at);
    for (size_t i = 0; i < RC_ARRAY_LEN(units); i++) {
        const unit *u = &units[i];
        if (!rc_str_eq_c(word, u->one) && !rc_str_eq_c(word, u->many))
            continue;
        int64_t lo = n * u->size - u->early;
        return set_age(out, lo > 0 ? lo : 0, n * u->size + u->late);
    }
    return false;
}

static void read_age(rc_str age, rc_status_text *out)
{
    if (rc_str_eq(age, RC_STR("Less than a second")))
        set_age(out, 0, 1);
    else if (rc_str_eq(age, RC_STR("About a minute")))
        set_age(out, MINUTE, 2 * MINUTE);
    else if (rc_str_eq(age, RC_STR("About an hour")))
        set_age(out, HOUR / 2, HOUR + HOUR / 2);
    else
        read_counted(age, out);
}

/* "7 seconds (healthy)" → "7 seconds", and the health if it is one ("Paused" is not). */
static rc_str read_brackets(rc_str s, rc_status_text *out)
{
    const char *open = memchr(s.ptr, '(', s.len);
    if (!open || s.ptr[s.len - 1] != ')')
        return s;
    size_t at = (size_t)(open - s.ptr);
    rc_str word = rc_str_n(open + 1, s.len - at - 2);
    cut_prefix(&word, "health: ");
    out->has_health = rc_health_parse(word, &out->health);
    while (at > 0 && s.ptr[at - 1] == ' ')
        at--;
    return rc_str_n(s.ptr, at);
}

/* "(42) 8 seconds ago" */
static bool read_exit(rc_str s, rc_status_text *out)
{
    const char *close = memchr(s.ptr, ')', s.len);
    int64_t code = 0;
    if (!close || s.ptr[0] != '(' ||
        !rc_parse_int(rc_str_n(s.ptr + 1, (size_t)(close - s.ptr) - 1), INT32_MIN, INT32_MAX,
                      &code))
        return false;
    out->has_exit_code = true;
    out->exit_code = (int32_t)code;
    size_t at = (size_t)(close - s.ptr) + 1;
    rc_str age = rc_str_n(s.ptr + at, s.len - at);
    cut_prefix(&age, " ");
    rc_str ago = RC_STR(" ago");
    if (age.len > ago.len && rc_str_eq(rc_str_n(age.ptr + age.len - ago.len, ago.len), ago))
        age.len -= ago.len;
    read_age(age, out);
    return true;
}

bool rc_status_text_parse(rc_str text, rc_status_text *out)
{
    *out = (rc_status_text){.health = RC_HEALTH_NONE};
    if (cut_prefix(&text, "Up ")) {
        read_age(read_brackets(text, out), out);
        return true;
    }
    if (cut_prefix(&text, "Exited ") || cut_prefix(&text, "Restarting "))
        return read_exit(text, out);
    return true;
}
