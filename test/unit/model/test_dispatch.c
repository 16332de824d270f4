/* Labels → workload: the whole matrix of rules, each against every stronger one, and the corner
 * cases of what counts as a label that is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/dispatch.h"

#define LABELS_MAX 8

/* "key=value" strings as a container has them; ends with NULL. */
typedef const char *label_list[LABELS_MAX];

typedef struct registry {
    int asked; /* how often a join was made */
    enum rc_scheme scheme;
    rc_str value;
} registry;

/* Knows instance i1, site s1 and project p1; remembers what it was asked last. */
static rc_str join(void *ctx, enum rc_scheme scheme, rc_str value)
{
    registry *r = ctx;
    r->asked++;
    r->scheme = scheme;
    r->value = value;
    if (scheme == RC_SCHEME_INSTANCE && rc_str_eq_c(value, "i1"))
        return RC_STR("by-instance");
    if (scheme == RC_SCHEME_SITE && rc_str_eq_c(value, "s1"))
        return RC_STR("by-site");
    if (scheme == RC_SCHEME_STACK && rc_str_eq_c(value, "p1"))
        return RC_STR("by-project");
    return RC_STR_EMPTY;
}

/* A row with these labels, normalised as dispatch wants it. */
static rc_row row_of(rc_arena *arena, const label_list list)
{
    rc_row row;
    rc_row_init(&row);
    rc_label *labels = rc_arena_calloc(arena, LABELS_MAX, sizeof(*labels));
    uint32_t n = 0;
    assert_non_null(labels);
    for (; n < LABELS_MAX && list[n]; n++) {
        const char *equals = strchr(list[n], '=');
        assert_non_null(equals);
        labels[n].key = rc_str_n(list[n], (size_t)(equals - list[n]));
        labels[n].value = rc_str_c(equals + 1);
    }
    row.labels = labels;
    row.n_labels = n;
    assert_true(rc_row_normalise(&row, arena));
    return row;
}

static void check_str(const char *of, rc_str actual, const char *expected)
{
    if (!rc_str_eq_c(actual, expected))
        fail_msg("%s: \"%.*s\" is not \"%s\"", of, RC_STR_ARG(actual), expected);
}

#define WL   "tinyforge.workload.id=w1"
#define KIND "tinyforge.workload.kind=project"
#define ROLE "tinyforge.role=prod"
#define INST "tinyforge.instance-id=i1"
#define STAG "tinyforge.stage=staging"
#define SITE "tinyforge.static-site=s1"
#define PROJ "com.docker.compose.project=p1"
#define SERV "com.docker.compose.service=web"

static const struct {
    const char *name;
    label_list labels;
    enum rc_scheme scheme;
    bool managed;
    const char *id, *kind, *role;
} matrix[] = {
    {"no label", {NULL}, RC_SCHEME_NONE, false, "", "", ""},
    {"others' labels", {"a=b", "maintainer=x"}, RC_SCHEME_NONE, false, "", "", ""},

    {"workload", {WL, KIND, ROLE}, RC_SCHEME_WORKLOAD, false, "w1", "project", "prod"},
    {"workload alone", {WL}, RC_SCHEME_WORKLOAD, false, "w1", "", ""},
    {"workload's kind and role alone", {KIND, ROLE}, RC_SCHEME_NONE, false, "", "", ""},
    {"workload, empty kind and role",
     {WL, "tinyforge.workload.kind=", "tinyforge.role="},
     RC_SCHEME_WORKLOAD,
     false,
     "w1",
     "",
     ""},
    {"workload's values are taken as they are",
     {"tinyforge.workload.id= x=y ", "tinyforge.role=Prod/1"},
     RC_SCHEME_WORKLOAD,
     false,
     " x=y ",
     "",
     "Prod/1"},

    {"instance", {INST, STAG}, RC_SCHEME_INSTANCE, true, "by-instance", "project", "staging"},
    {"instance without a stage", {INST}, RC_SCHEME_INSTANCE, true, "by-instance", "project", ""},
    {"instance that is not registered",
     {"tinyforge.instance-id=i2", STAG},
     RC_SCHEME_INSTANCE,
     true,
     "",
     "project",
     "staging"},

    {"site", {SITE}, RC_SCHEME_SITE, true, "by-site", "site", ""},
    {"site has no role", {SITE, STAG, ROLE}, RC_SCHEME_SITE, true, "by-site", "site", ""},
    {"site that is there and empty",
     {"tinyforge.static-site="},
     RC_SCHEME_SITE,
     true,
     "",
     "site",
     ""},

    {"stack", {PROJ, SERV}, RC_SCHEME_STACK, false, "by-project", "stack", "web"},
    {"stack without a service", {PROJ}, RC_SCHEME_STACK, false, "by-project", "stack", ""},
    {"stack that is not registered",
     {"com.docker.compose.project=p2", SERV},
     RC_SCHEME_STACK,
     false,
     "",
     "stack",
     "web"},
    {"a service without a project", {SERV}, RC_SCHEME_NONE, false, "", "", ""},

    /* The stronger one wins, whatever the order of the labels. */
    {"workload over instance", {INST, STAG, WL}, RC_SCHEME_WORKLOAD, true, "w1", "", ""},
    {"workload over site", {SITE, WL}, RC_SCHEME_WORKLOAD, true, "w1", "", ""},
    {"workload over stack", {PROJ, SERV, WL}, RC_SCHEME_WORKLOAD, false, "w1", "", ""},
    {"workload over all of them",
     {PROJ, SERV, SITE, INST, STAG, WL, KIND, ROLE},
     RC_SCHEME_WORKLOAD,
     true,
     "w1",
     "project",
     "prod"},
    {"instance over site", {SITE, INST}, RC_SCHEME_INSTANCE, true, "by-instance", "project", ""},
    {"instance over stack",
     {PROJ, SERV, INST},
     RC_SCHEME_INSTANCE,
     true,
     "by-instance",
     "project",
     ""},
    {"site over stack", {PROJ, SERV, SITE}, RC_SCHEME_SITE, true, "by-site", "site", ""},

    /* A join that finds nothing still ends it. */
    {"an unknown instance over a known site",
     {SITE, "tinyforge.instance-id=i2"},
     RC_SCHEME_INSTANCE,
     true,
     "",
     "project",
     ""},
    {"an unknown site over a known stack",
     {PROJ, SERV, "tinyforge.static-site=s2"},
     RC_SCHEME_SITE,
     true,
     "",
     "site",
     ""},
    {"an empty site over a known stack",
     {PROJ, SERV, "tinyforge.static-site="},
     RC_SCHEME_SITE,
     true,
     "",
     "site",
     ""},

    /* An empty label is none, but for the site's. */
    {"an empty workload before an instance",
     {"tinyforge.workload.id=", KIND, INST},
     RC_SCHEME_INSTANCE,
     true,
     "by-instance",
     "project",
     ""},
    {"an empty instance before a site",
     {"tinyforge.instance-id=", SITE},
     RC_SCHEME_SITE,
     true,
     "by-site",
     "site",
     ""},
    {"an empty instance before a stack",
     {"tinyforge.instance-id=", PROJ},
     RC_SCHEME_STACK,
     false,
     "by-project",
     "stack",
     ""},
    {"an empty project", {"com.docker.compose.project=", SERV}, RC_SCHEME_NONE, false, "", "", ""},
    {"all empty but the site's",
     {"tinyforge.workload.id=", "tinyforge.instance-id=", "com.docker.compose.project="},
     RC_SCHEME_NONE,
     false,
     "",
     "",
     ""},

    /* Managed, beside the scheme. */
    {"managed=true", {"tinyforge.managed=true"}, RC_SCHEME_NONE, true, "", "", ""},
    {"managed=false", {"tinyforge.managed=false"}, RC_SCHEME_NONE, false, "", "", ""},
    {"managed=True", {"tinyforge.managed=True"}, RC_SCHEME_NONE, false, "", "", ""},
    {"managed=1", {"tinyforge.managed=1"}, RC_SCHEME_NONE, false, "", "", ""},
    {"managed empty", {"tinyforge.managed="}, RC_SCHEME_NONE, false, "", "", ""},
    {"managed=false is not a veto",
     {"tinyforge.managed=false", INST},
     RC_SCHEME_INSTANCE,
     true,
     "by-instance",
     "project",
     ""},
    {"project", {"tinyforge.project=shop"}, RC_SCHEME_NONE, true, "", "", ""},
    {"project empty", {"tinyforge.project="}, RC_SCHEME_NONE, false, "", "", ""},
    {"its own compose project",
     {"com.docker.compose.project=tinyforge-x"},
     RC_SCHEME_STACK,
     true,
     "",
     "stack",
     ""},
    {"its own compose project's bare prefix",
     {"com.docker.compose.project=tinyforge-"},
     RC_SCHEME_STACK,
     true,
     "",
     "stack",
     ""},
    {"a project of like name",
     {"com.docker.compose.project=tinyforge"},
     RC_SCHEME_STACK,
     false,
     "",
     "stack",
     ""},
    {"a project of like name, with a dot",
     {"com.docker.compose.project=tinyforge.x"},
     RC_SCHEME_STACK,
     false,
     "",
     "stack",
     ""},
    {"a project that has it inside",
     {"com.docker.compose.project=my-tinyforge-x"},
     RC_SCHEME_STACK,
     false,
     "",
     "stack",
     ""},

    /* Keys are whole and exact. */
    {"keys that only start alike",
     {"tinyforge.workload.idx=w", "tinyforge.workload=w", "tinyforge.workload.i=w"},
     RC_SCHEME_NONE,
     false,
     "",
     "",
     ""},
    {"keys in other letters", {"Tinyforge.workload.id=w"}, RC_SCHEME_NONE, false, "", "", ""},
    {"another prefix's",
     {"xtinyforge.workload.id=w", "tinyforg.workload.id=w"},
     RC_SCHEME_NONE,
     false,
     "",
     "",
     ""},
    {"the last of equal keys",
     {"tinyforge.workload.id=old", "tinyforge.workload.id=w1"},
     RC_SCHEME_WORKLOAD,
     false,
     "w1",
     "",
     ""},
};

static void test_matrix(void **state)
{
    (void)state;
    const rc_dispatch d = {RC_STR("tinyforge.")};
    for (size_t i = 0; i < RC_ARRAY_LEN(matrix); i++) {
        rc_arena *arena = rc_arena_new(0, 0);
        rc_row row = row_of(arena, matrix[i].labels);
        registry r = {0};
        rc_dispatch_row(&d, &row, join, &r);
        if (row.scheme != matrix[i].scheme || row.managed != matrix[i].managed)
            fail_msg("%s: scheme \"%s\", managed %d", matrix[i].name, rc_scheme_name(row.scheme),
                     row.managed);
        check_str(matrix[i].name, row.workload_id, matrix[i].id);
        check_str(matrix[i].name, row.workload_kind, matrix[i].kind);
        check_str(matrix[i].name, row.workload_role, matrix[i].role);
        /* A rule that did not decide is never looked up, nor is an empty reference. */
        bool joins = row.scheme > RC_SCHEME_WORKLOAD && !strstr(matrix[i].name, "empty site") &&
                     !strstr(matrix[i].name, "there and empty");
        assert_int_equal(r.asked, joins);
        if (joins)
            assert_int_equal(r.scheme, row.scheme);
        rc_arena_free(arena);
    }
}

/* The order in which a container's maker wrote its labels decides nothing. */
static void test_order_of_labels(void **state)
{
    (void)state;
    const rc_dispatch d = {RC_STR("tinyforge.")};
    static const char *const all[] = {WL, KIND, ROLE, INST, STAG, SITE, PROJ, SERV};
    for (size_t shift = 0; shift < RC_ARRAY_LEN(all); shift++) {
        rc_arena *arena = rc_arena_new(0, 0);
        label_list list;
        for (size_t i = 0; i < RC_ARRAY_LEN(all); i++)
            list[i] = all[(i + shift) % RC_ARRAY_LEN(all)];
        rc_row row = row_of(arena, list);
        registry r = {0};
        rc_dispatch_row(&d, &row, join, &r);
        assert_int_equal(row.scheme, RC_SCHEME_WORKLOAD);
        check_str("role", row.workload_role, "prod");
        rc_arena_free(arena);
    }
}

/* Labels that are gone take with them what they had said. */
static void test_again_with_other_labels(void **state)
{
    (void)state;
    const rc_dispatch d = {RC_STR("tinyforge.")};
    rc_arena *arena = rc_arena_new(0, 0);
    rc_row row = row_of(arena, (label_list){INST, STAG});
    registry r = {0};
    rc_dispatch_row(&d, &row, join, &r);
    assert_int_equal(row.scheme, RC_SCHEME_INSTANCE);
    row.n_labels = 0;
    rc_dispatch_row(&d, &row, join, &r);
    assert_int_equal(row.scheme, RC_SCHEME_NONE);
    assert_false(row.managed);
    check_str("id", row.workload_id, "");
    check_str("kind", row.workload_kind, "");
    check_str("role", row.workload_role, "");
    rc_arena_free(arena);
}

static void test_without_a_registry(void **state)
{
    (void)state;
    const rc_dispatch d = {RC_STR("tinyforge.")};
    rc_arena *arena = rc_arena_new(0, 0);
    rc_row row = row_of(arena, (label_list){INST, STAG});
    rc_dispatch_row(&d, &row, NULL, NULL);
    assert_int_equal(row.scheme, RC_SCHEME_INSTANCE);
    check_str("id", row.workload_id, "");
    check_str("role", row.workload_role, "staging");
    rc_arena_free(arena);
}

static void test_other_prefixes(void **state)
{
    static const struct {
        const char *prefix;
        label_list labels;
        const char *id;
        bool managed;
    } table[] = {
        {"acme.io/", {"acme.io/workload.id=w", "acme.io/managed=true"}, "w", true},
        {"acme.io/", {WL, "tinyforge.managed=true"}, "", false},
        {"acme.", {"com.docker.compose.project=acme-x"}, "", true},
        {"acme.", {"com.docker.compose.project=tinyforge-x"}, "", false},
        {"acme/", {"com.docker.compose.project=acme/-x"}, "", true}, /* only a dot is cut */
        /* No prefix: bare keys, and no compose project of its own. */
        {"", {"workload.id=w"}, "w", false},
        {"", {"com.docker.compose.project=-x"}, "", false},
        {".", {"com.docker.compose.project=-x"}, "", false},
    };
    (void)state;
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        rc_arena *arena = rc_arena_new(0, 0);
        const rc_dispatch d = {rc_str_c(table[i].prefix)};
        rc_row row = row_of(arena, table[i].labels);
        rc_dispatch_row(&d, &row, NULL, NULL);
        check_str(table[i].prefix, row.workload_id, table[i].id);
        if (row.managed != table[i].managed)
            fail_msg("%zu: managed %d", i, row.managed);
        rc_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_order_of_labels),
        cmocka_unit_test(test_again_with_other_labels),
        cmocka_unit_test(test_without_a_registry),
        cmocka_unit_test(test_other_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
