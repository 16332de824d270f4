/* The list's Status text: every form that Docker and Podman write, and what is no such form. */
#include "capture.h"

#include "base/clock.h"
#include "wire/status_text.h"

#define M INT64_C(60)
#define H INT64_C(3600)
#define D INT64_C(86400)

static const struct {
    const char *text;
    bool has_exit;
    int32_t exit;
    int health; /* -1: none is said */
    int64_t lo, hi;
} table[] = {
    {"", false, 0, -1, 0, 0},
    {"Created", false, 0, -1, 0, 0},
    {"Dead", false, 0, -1, 0, 0},
    {"Removal In Progress", false, 0, -1, 0, 0},
    {"Stopping", false, 0, -1, 0, 0},
    {"Unknown", false, 0, -1, 0, 0},
    {"Up Less than a second", false, 0, -1, 0, 1},
    {"Up 1 second", false, 0, -1, 1, 2},
    {"Up 7 seconds", false, 0, -1, 7, 8},
    {"Up 59 seconds", false, 0, -1, 59, 60},
    {"Up About a minute", false, 0, -1, M, 2 * M},
    {"Up 2 minutes", false, 0, -1, 2 * M, 3 * M},
    {"Up About an hour", false, 0, -1, H / 2, H + H / 2},
    {"Up 2 hours", false, 0, -1, H + H / 2, 2 * H + H / 2},
    {"Up 47 hours", false, 0, -1, 46 * H + H / 2, 47 * H + H / 2},
    {"Up 2 days", false, 0, -1, 2 * D - H / 2, 3 * D},
    {"Up 2 weeks", false, 0, -1, 14 * D - H / 2, 21 * D},
    {"Up 2 months", false, 0, -1, 60 * D - H / 2, 90 * D},
    {"Up 2 years", false, 0, -1, 730 * D - H / 2, 1095 * D},
    {"Up 7 seconds (healthy)", false, 0, RC_HEALTH_HEALTHY, 7, 8},
    {"Up 7 seconds (unhealthy)", false, 0, RC_HEALTH_UNHEALTHY, 7, 8},
    {"Up 7 seconds (health: starting)", false, 0, RC_HEALTH_STARTING, 7, 8},
    {"Up Less than a second (health: starting)", false, 0, RC_HEALTH_STARTING, 0, 1},
    {"Up 7 seconds (starting)", false, 0, RC_HEALTH_STARTING, 7, 8},
    {"Up 7 seconds (Paused)", false, 0, -1, 7, 8},
    {"Up About a minute (Paused)", false, 0, -1, M, 2 * M},
    {"Exited (0) 3 seconds ago", true, 0, -1, 3, 4},
    {"Exited (42) 8 seconds ago", true, 42, -1, 8, 9},
    {"Exited (137) Less than a second ago", true, 137, -1, 0, 1},
    {"Exited (-1) About an hour ago", true, -1, -1, H / 2, H + H / 2},
    {"Exited (255) 5 weeks ago", true, 255, -1, 35 * D - H / 2, 42 * D},
    {"Restarting (1) 3 seconds ago", true, 1, -1, 3, 4},
    {"Exited (2147483647)", true, INT32_MAX, -1, 0, 0},
    /* Ages of no container, or in words that are new: no age. */
    {"Up", false, 0, -1, 0, 0},
    {"Up ", false, 0, -1, 0, 0},
    {"Up 7", false, 0, -1, 0, 0},
    {"Up 7 fortnights", false, 0, -1, 0, 0},
    {"Up seven seconds", false, 0, -1, 0, 0},
    {"Up -7 seconds", false, 0, -1, 0, 0},
    {"Up 99999999999999999999 seconds", false, 0, -1, 0, 0},
    {"Up 1000001 years", false, 0, -1, 0, 0},
    {"Up 0 hours", false, 0, -1, 0, H / 2},
    {"Up (", false, 0, -1, 0, 0},
    {"Up )", false, 0, -1, 0, 0},
    {"Up ()", false, 0, -1, 0, 0},
    {"Up )(", false, 0, -1, 0, 0},
    {"Up 7 seconds (", false, 0, -1, 0, 0},
    {"Exited (0)", true, 0, -1, 0, 0},
    {"Exited (0) ago", true, 0, -1, 0, 0},
    {"Exited (0)  ago", true, 0, -1, 0, 0},
    {"exited (7) 3 seconds ago", false, 0, -1, 0, 0},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        AUTO_BYTES b = bytes_of(table[i].text, strlen(table[i].text));
        rc_status_text s;
        memset(&s, 0xaa, sizeof(s));
        if (!rc_status_text_parse(rc_str_n(b.data, b.len), &s))
            fail_msg("%s: refused", table[i].text);
        bool right = s.has_exit_code == table[i].has_exit && s.exit_code == table[i].exit &&
                     s.has_health == (table[i].health >= 0) &&
                     (int)s.health == (table[i].health >= 0 ? table[i].health : RC_HEALTH_NONE) &&
                     s.age_lo == table[i].lo && s.age_hi == table[i].hi;
        if (!right)
            fail_msg("%s: exit %d %d health %d %d age %lld..%lld", table[i].text, s.has_exit_code,
                     s.exit_code, s.has_health, (int)s.health, (long long)s.age_lo,
                     (long long)s.age_hi);
    }
}

static void test_exit_codes_that_are_none(void **state)
{
    static const char *const texts[] = {
        "Exited ",          "Exited (",
        "Exited )",         "Exited ()",
        "Exited (x) 1 day", "Exited 7",
        "Exited (7",        "Exited (2147483648) 3 seconds ago",
        "Restarting (1.5)", "Restarting (+1)",
        "Exited (--1)",     "Exited (99999999999999999999) 3 seconds ago",
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(texts); i++) {
        AUTO_BYTES b = bytes_of(texts[i], strlen(texts[i]));
        rc_status_text s;
        if (rc_status_text_parse(rc_str_n(b.data, b.len), &s))
            fail_msg("%s: taken as %d", texts[i], s.exit_code);
    }
}

/* The bounds hold the age that Docker's own words were made from. */
static void test_bounds_hold_every_age(void **state)
{
    (void)state;
    for (int64_t age = 0; age < 4000 * D; age += 1 + age / 50) {
        char words[RC_TIME_MAX];
        char text[64];
        rc_status_text s;
        rc_duration_human(words, age * RC_NS_PER_SEC);
        snprintf(text, sizeof(text), "Up %s", words);
        assert_true(rc_status_text_parse(rc_str_c(text), &s));
        if (age < s.age_lo || age >= s.age_hi)
            fail_msg("%lld s are \"%s\": %lld..%lld", (long long)age, text, (long long)s.age_lo,
                     (long long)s.age_hi);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_exit_codes_that_are_none),
        cmocka_unit_test(test_bounds_hold_every_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
