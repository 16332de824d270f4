/* The clocks, and times and durations as text. The calendar is computed here (after Howard
 * Hinnant's days_from_civil), for gmtime and timegm depend on the process's time zone tables and
 * locale. */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

#define NS_PER_MINUTE   (60 * RC_NS_PER_SEC)
#define NS_PER_HOUR     (3600 * RC_NS_PER_SEC)
#define SECONDS_PER_DAY INT64_C(86400)
#define HOURS_PER_DAY   INT64_C(24)

static int64_t read_clock(clockid_t id)
{
    struct timespec ts = {0};
    /* Cannot fail for these two clocks. */
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * RC_NS_PER_SEC + ts.tv_nsec;
}

int64_t rc_clock_mono(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t rc_clock_real(void)
{
    return read_clock(CLOCK_REALTIME);
}

/* Proleptic Gregorian; years begin in March, so that the leap day is the last. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Writes width digits, zeros in front. */
static char *put_digits(char *p, uint64_t v, int width)
{
    for (int i = width - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + width;
}

size_t rc_time_format(char out[RC_TIME_MAX], int64_t ns)
{
    int64_t seconds = ns / RC_NS_PER_SEC;
    int64_t frac = ns % RC_NS_PER_SEC;
    if (frac < 0) {
        frac += RC_NS_PER_SEC;
        seconds--;
    }
    int64_t days = seconds / SECONDS_PER_DAY;
    int64_t rest = seconds % SECONDS_PER_DAY;
    if (rest < 0) {
        rest += SECONDS_PER_DAY;
        days--;
    }
    int year = 0, month = 0, day = 0;
    civil_from_days(days, &year, &month, &day);
    char *p = put_digits(out, (uint64_t)year, 4);
    *p++ = '-';
    p = put_digits(p, (uint64_t)month, 2);
    *p++ = '-';
    p = put_digits(p, (uint64_t)day, 2);
    *p++ = 'T';
    p = put_digits(p, (uint64_t)(rest / 3600), 2);
    *p++ = ':';
    p = put_digits(p, (uint64_t)(rest / 60 % 60), 2);
    *p++ = ':';
    p = put_digits(p, (uint64_t)(rest % 60), 2);
    if (frac) {
        *p++ = '.';
        p = put_digits(p, (uint64_t)frac, 9);
        while (p[-1] == '0')
            p--;
    }
    *p++ = 'Z';
    *p = '\0';
    return (size_t)(p - out);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads width digits at s[*i]. */
static bool take_digits(rc_str s, size_t *i, int width, int *ret)
{
    if (s.len - *i < (size_t)width)
        return false;
    int v = 0;
    for (int k = 0; k < width; k++) {
        char c = s.ptr[*i + (size_t)k];
        if (!is_digit(c))
            return false;
        v = v * 10 + (c - '0');
    }
    *i += (size_t)width;
    *ret = v;
    return true;
}

static bool take_char(rc_str s, size_t *i, char c)
{
    if (*i >= s.len || s.ptr[*i] != c)
        return false;
    (*i)++;
    return true;
}

struct civil {
    int year, month, day, hour, minute, second;
};

/* A leap second is the first of the next minute, as for every clock without them. */
static bool civil_valid(const struct civil *c)
{
    return c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in_month(c->year, c->month) && c->hour < 24 && c->minute < 60 &&
           c->second <= 60;
}

static int64_t civil_seconds(const struct civil *c)
{
    return days_from_civil(c->year, c->month, c->day) * SECONDS_PER_DAY + INT64_C(3600) * c->hour +
           INT64_C(60) * c->minute + c->second;
}

/* At most nine decimals count, but any number may stand there. */
static bool take_fraction(rc_str s, size_t *i, int64_t *ret_ns)
{
    *ret_ns = 0;
    if (!take_char(s, i, '.'))
        return true;
    size_t from = *i;
    int64_t unit = RC_NS_PER_SEC / 10;
    for (; *i < s.len && is_digit(s.ptr[*i]); (*i)++, unit /= 10)
        *ret_ns += unit * (s.ptr[*i] - '0');
    return *i > from;
}

static bool take_offset(rc_str s, size_t *i, int64_t *ret_seconds)
{
    *ret_seconds = 0;
    if (take_char(s, i, 'Z') || take_char(s, i, 'z'))
        return true;
    int sign = take_char(s, i, '+') ? 1 : take_char(s, i, '-') ? -1 : 0;
    int hours = 0, minutes = 0;
    if (sign == 0 || !take_digits(s, i, 2, &hours) || !take_char(s, i, ':') ||
        !take_digits(s, i, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_seconds = sign * (INT64_C(3600) * hours + INT64_C(60) * minutes);
    return true;
}

int rc_time_parse(rc_str s, int64_t *ret_ns, rc_error *err)
{
    /* Where 0001-01-01T00:00:00Z lies, which is how Go writes "no time". */
    const int64_t zero_time = INT64_C(-62135596800);
    if (s.len == 0) {
        *ret_ns = 0;
        return RC_OK;
    }
    struct civil c = {0};
    int64_t frac = 0, offset = 0;
    size_t i = 0;
    if (!take_digits(s, &i, 4, &c.year) || !take_char(s, &i, '-') ||
        !take_digits(s, &i, 2, &c.month) || !take_char(s, &i, '-') ||
        !take_digits(s, &i, 2, &c.day) || !(take_char(s, &i, 'T') || take_char(s, &i, 't')) ||
        !take_digits(s, &i, 2, &c.hour) || !take_char(s, &i, ':') ||
        !take_digits(s, &i, 2, &c.minute) || !take_char(s, &i, ':') ||
        !take_digits(s, &i, 2, &c.second) || !take_fraction(s, &i, &frac) ||
        !take_offset(s, &i, &offset) || i != s.len || !civil_valid(&c))
        return rc_fail(err, RC_INVALID, "not an RFC 3339 time");
    int64_t seconds = civil_seconds(&c) - offset;
    if (seconds == zero_time && frac == 0) {
        *ret_ns = 0;
        return RC_OK;
    }
    /* Wider than the result: before 1970 the product may pass the range that the sum is still in.
     */
    __extension__ __int128 ns = (__int128)seconds * RC_NS_PER_SEC + frac;
    if (ns < INT64_MIN || ns > INT64_MAX)
        return rc_fail(err, RC_INVALID, "a time outside the years 1677 to 2262");
    *ret_ns = (int64_t)ns;
    return RC_OK;
}

/* Reads one of n three-letter names that follow one another. */
static bool take_name(rc_str s, size_t *i, const char *names, int n, int *ret)
{
    if (s.len - *i < 3)
        return false;
    for (int k = 0; k < n; k++) {
        if (memcmp(s.ptr + *i, names + (size_t)k * 3, 3) == 0) {
            *i += 3;
            *ret = k;
            return true;
        }
    }
    return false;
}

int rc_http_date_parse(rc_str s, int64_t *ret_seconds, rc_error *err)
{
    struct civil c = {0};
    int weekday = 0, month = 0;
    size_t i = 0;
    if (!take_name(s, &i, "SunMonTueWedThuFriSat", 7, &weekday) || !take_char(s, &i, ',') ||
        !take_char(s, &i, ' ') || !take_digits(s, &i, 2, &c.day) || !take_char(s, &i, ' ') ||
        !take_name(s, &i, "JanFebMarAprMayJunJulAugSepOctNovDec", 12, &month) ||
        !take_char(s, &i, ' ') || !take_digits(s, &i, 4, &c.year) || !take_char(s, &i, ' ') ||
        !take_digits(s, &i, 2, &c.hour) || !take_char(s, &i, ':') ||
        !take_digits(s, &i, 2, &c.minute) || !take_char(s, &i, ':') ||
        !take_digits(s, &i, 2, &c.second) ||
        !rc_str_eq(rc_str_n(s.ptr + i, s.len - i), RC_STR(" GMT")))
        return rc_fail(err, RC_INVALID, "not an HTTP date");
    c.month = month + 1;
    if (!civil_valid(&c))
        return rc_fail(err, RC_INVALID, "not an HTTP date");
    *ret_seconds = civil_seconds(&c);
    return RC_OK;
}

static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    {"h", NS_PER_HOUR},   {"m", NS_PER_MINUTE}, {"s", RC_NS_PER_SEC},
    {"ms", RC_NS_PER_MS}, {"us", 1000},         {"ns", 1},
};

/* The unit at s[*i], its name whole: what follows is a digit or the end. */
static const struct unit *take_unit(rc_str s, size_t *i)
{
    size_t n = 0;
    while (*i + n < s.len && !is_digit(s.ptr[*i + n]))
        n++;
    for (size_t k = 0; k < RC_ARRAY_LEN(units); k++) {
        if (rc_str_eq_c(rc_str_n(s.ptr + *i, n), units[k].name)) {
            *i += n;
            return &units[k];
        }
    }
    return NULL;
}

int rc_duration_parse(rc_str s, int64_t *ret_ns, rc_error *err)
{
    static const char bad[] = "not a duration such as 30s, 10m, 1h30m or 250ms";
    if (rc_str_eq(s, RC_STR("0"))) {
        *ret_ns = 0;
        return RC_OK;
    }
    if (s.len == 0)
        return rc_fail(err, RC_INVALID, "%s", bad);
    int64_t sum = 0;
    const struct unit *last = NULL;
    for (size_t i = 0; i < s.len;) {
        size_t from = i;
        int64_t v = 0;
        bool over = false;
        for (; i < s.len && is_digit(s.ptr[i]); i++) {
            over |= __builtin_mul_overflow(v, 10, &v);
            over |= __builtin_add_overflow(v, s.ptr[i] - '0', &v);
        }
        const struct unit *unit = i > from ? take_unit(s, &i) : NULL;
        /* From the large unit to the small: "1m1h" is more likely a slip than meant. */
        if (!unit || (last && unit <= last))
            return rc_fail(err, RC_INVALID, "%s", bad);
        last = unit;
        over |= __builtin_mul_overflow(v, unit->ns, &v);
        over |= __builtin_add_overflow(sum, v, &sum);
        if (over)
            return rc_fail(err, RC_INVALID, "a duration longer than 292 years");
    }
    *ret_ns = sum;
    return RC_OK;
}

size_t rc_duration_format(char out[RC_TIME_MAX], int64_t ns)
{
    uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    size_t n = 0;
    if (ns == 0)
        out[n++] = '0';
    else if (ns < 0)
        out[n++] = '-';
    out[n] = '\0';
    for (size_t k = 0; k < RC_ARRAY_LEN(units) && left; k++) {
        uint64_t size = (uint64_t)units[k].ns;
        if (left >= size)
            n += (size_t)snprintf(out + n, RC_TIME_MAX - n, "%llu%s",
                                  (unsigned long long)(left / size), units[k].name);
        left %= size;
    }
    return n;
}

size_t rc_duration_human(char out[RC_TIME_MAX], int64_t ns)
{
    int64_t seconds = ns / RC_NS_PER_SEC;
    int64_t minutes = ns / NS_PER_MINUTE;
    /* Docker rounds hours to the nearest, all else it cuts. */
    int64_t hours = ns / NS_PER_HOUR + (ns % NS_PER_HOUR >= NS_PER_HOUR / 2);
    const char *text = NULL;
    int64_t v = 0;
    if (seconds < 1)
        text = "Less than a second";
    else if (seconds == 1)
        text = "1 second";
    else if (seconds < 60)
        v = seconds, text = "seconds";
    else if (minutes == 1)
        text = "About a minute";
    else if (minutes < 60)
        v = minutes, text = "minutes";
    else if (hours == 1)
        text = "About an hour";
    else if (hours < 48)
        v = hours, text = "hours";
    else if (hours < HOURS_PER_DAY * 7 * 2)
        v = hours / HOURS_PER_DAY, text = "days";
    else if (hours < HOURS_PER_DAY * 30 * 2)
        v = hours / HOURS_PER_DAY / 7, text = "weeks";
    else if (hours < HOURS_PER_DAY * 365 * 2)
        v = hours / HOURS_PER_DAY / 30, text = "months";
    else
        v = ns / NS_PER_HOUR / HOURS_PER_DAY / 365, text = "years";
    int n = v ? snprintf(out, RC_TIME_MAX, "%lld %s", (long long)v, text)
              : snprintf(out, RC_TIME_MAX, "%s", text);
    return (size_t)n;
}
