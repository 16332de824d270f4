/* Filters mean what they mean to Docker: a table of filters and rows, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/filter.h"

#define ID "ab12cd34ef56ab12cd34ef56ab12cd34ef56ab12cd34ef56ab12cd34ef56ab12"

static const rc_label labels[] = {
    {RC_STR("app"), RC_STR("web")},
    {RC_STR("empty"), RC_STR("")},
    {RC_STR("tier"), RC_STR("a=b")},
};
static const rc_port ports[] = {
    {RC_STR("0.0.0.0"), 80, 8081, RC_STR("tcp")},
    {RC_STR(""), 443, 0, RC_STR("tcp")},
    {RC_STR("127.0.0.1"), 53, 5353, RC_STR("udp")},
};
static const rc_netif networks[] = {
    {RC_STR("front"), RC_STR("5f00aa"), RC_STR("10.0.0.2"), RC_STR(""), RC_STR("")},
};

static rc_row web(void)
{
    rc_row row;
    rc_row_init(&row);
    row.id = RC_STR(ID);
    row.name = RC_STR("web-1");
    row.image = RC_STR("nginx:1.27");
    row.image_id = RC_STR("sha256:beef0123456789");
    row.state = RC_STATE_RUNNING;
    row.health = RC_HEALTH_HEALTHY;
    row.managed = true;
    row.scheme = RC_SCHEME_WORKLOAD;
    row.workload_id = RC_STR("w1");
    row.workload_kind = RC_STR("project");
    row.workload_role = RC_STR("prod");
    row.labels = labels;
    row.n_labels = RC_ARRAY_LEN(labels);
    row.ports = ports;
    row.n_ports = RC_ARRAY_LEN(ports);
    row.networks = networks;
    row.n_networks = RC_ARRAY_LEN(networks);
    return row;
}

/* filters: pairs, separated by blanks */
static rc_filter *build(const char *filters)
{
    char text[512];
    rc_error err = RC_ERROR_INIT;
    rc_filter *f = rc_filter_new();
    assert_non_null(f);
    assert_true((size_t)snprintf(text, sizeof(text), "%s", filters) < sizeof(text));
    char *rest = NULL;
    for (char *p = strtok_r(text, " ", &rest); p; p = strtok_r(NULL, " ", &rest))
        if (rc_filter_add_pair(f, rc_str_c(p), &err))
            fail_msg("%s: %s", p, err.msg);
    return f;
}

static void expect(const rc_row *row, const char *filters, bool fits)
{
    rc_filter *f = build(filters);
    if (rc_filter_match(f, row) != fits)
        fail_msg("\"%s\" should%s fit %.*s", filters, fits ? "" : " not", RC_STR_ARG(row->name));
    rc_filter_free(f);
}

static void test_one_row(void **state)
{
    (void)state;
    static const struct {
        const char *filters;
        bool fits;
    } table[] = {
        {"", true},
        /* a prefix, and no expression */
        {"id=ab12", true},
        {"id=" ID, true},
        {"id=b12", false},
        {"id=^ab", false},
        {"id=ab12 id=ff", true},
        /* found anywhere, with and without the slash */
        {"name=web", true},
        {"name=eb-", true},
        {"name=^web-1$", true},
        {"name=^/web-1$", true},
        {"name=/web", true},
        {"name=^eb", false},
        {"name=web-[0-9]{1,2}$", true},
        {"name=^(db|web)-", true},
        {"name=db name=web", true},
        {"name=db", false},
        {"name=", true},
        {"name=web\\-1", true},
        {"name=web.\\w$", true},
        {"name=^([a-z0-9]{1,63}-)+[0-9]{1}$", true},
        /* all of them, a key alone or with its value */
        {"label=app", true},
        {"label=app=web", true},
        {"label=app=we", false},
        {"label=app=", false},
        {"label=empty=", true},
        {"label=empty", true},
        {"label=tier=a=b", true},
        {"label=tier=a", false},
        {"label=app label=tier", true},
        {"label=app label=none", false},
        {"label==web", false},
        {"status=running", true},
        {"status=exited status=running", true},
        {"status=exited", false},
        {"health=healthy", true},
        {"health=none", false},
        {"health=none health=healthy", true},
        {"exited=0", false},
        {"ancestor=nginx:1.27", true},
        {"ancestor=docker.io/library/nginx:1.27", true},
        {"ancestor=library/nginx:1.27", true},
        {"ancestor=nginx", false},
        {"ancestor=sha256:beef0123456789", true},
        {"ancestor=beef", true},
        {"ancestor=bee", false},
        {"ancestor=sha256:bee", false},
        {"ancestor=BEEF", false},
        {"network=front", true},
        {"network=5f00", true},
        {"network=fron", false},
        {"publish=8081", true},
        {"publish=8081/tcp", true},
        {"publish=8081/udp", false},
        {"publish=8000-8100", true},
        {"publish=8082-8100", false},
        {"publish=5353/udp", true},
        {"publish=5353", false},
        {"publish=80", false},
        {"publish=1-65535/sctp", false},
        {"publish=443", false},
        {"workload=w1", true},
        {"workload=w", false},
        {"role=prod", true},
        {"role=", false},
        {"kind=project", true},
        {"kind=site", false},
        /* across keys: and */
        {"name=web status=running", true},
        {"name=web status=paused", false},
    };
    rc_row row = web();
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++)
        expect(&row, table[i].filters, table[i].fits);
}

static void test_exited(void **state)
{
    (void)state;
    rc_row row = web();
    row.has_exit_code = true;
    row.exit_code = 137;
    row.state = RC_STATE_EXITED;
    expect(&row, "exited=137", true);
    expect(&row, "exited=0 exited=137", true);
    expect(&row, "exited=13", false);
    row.exit_code = -1;
    expect(&row, "exited=-1", true);
    row.state = RC_STATE_MISSING;
    expect(&row, "exited=-1", true);
    row.state = RC_STATE_RESTARTING; /* which is running, says Docker */
    expect(&row, "exited=-1", false);
    row.state = RC_STATE_EXITED;
    row.has_exit_code = false;
    row.exit_code = 0;
    expect(&row, "exited=0", false);
}

static void test_image_names(void **state)
{
    (void)state;
    static const struct {
        const char *image, *filters;
        bool fits;
    } table[] = {
        {"nginx", "ancestor=nginx:latest", true},
        {"nginx:latest", "ancestor=nginx", true},
        {"docker.io/library/nginx:latest", "ancestor=nginx", true},
        {"index.docker.io/me/app", "ancestor=me/app", true},
        {"library/a/b", "ancestor=a/b", false},
        {"quay.io/library/nginx", "ancestor=nginx", false},
        {"localhost:5000/app", "ancestor=localhost:5000/app:latest", true},
        {"app@sha256:00", "ancestor=app", false},
        {"app:late", "ancestor=app", false},
    };
    rc_row row = web();
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        row.image = rc_str_c(table[i].image);
        expect(&row, table[i].filters, table[i].fits);
    }
}

static void test_without_workload(void **state)
{
    (void)state;
    rc_row row = web();
    row.workload_role = RC_STR_EMPTY;
    expect(&row, "workload=w1 role=", true);
    row.scheme = RC_SCHEME_NONE;
    row.workload_id = row.workload_kind = RC_STR_EMPTY;
    expect(&row, "role=", false);
    expect(&row, "workload=", false);
    expect(&row, "kind=", false);
}

static void test_placeholder(void **state)
{
    (void)state;
    rc_row row = web();
    row.id = RC_STR_EMPTY;
    row.state = RC_STATE_PENDING;
    expect(&row, "status=pending", true);
    expect(&row, "id=a", false);
}

static bool shown_by_default(enum rc_state st, const char *filters)
{
    rc_row row = web();
    row.state = st;
    row.has_exit_code = st == RC_STATE_EXITED;
    rc_filter *f = build(filters);
    rc_filter_only_running(f);
    bool fits = rc_filter_match(f, &row);
    rc_filter_free(f);
    return fits;
}

static void test_default_states(void **state)
{
    (void)state;
    for (int st = 0; st < RC_STATE_COUNT; st++) {
        bool docker_shows =
            st == RC_STATE_RUNNING || st == RC_STATE_PAUSED || st == RC_STATE_RESTARTING;
        assert_int_equal(shown_by_default((enum rc_state)st, ""), docker_shows);
        assert_int_equal(shown_by_default((enum rc_state)st, "name=web"), docker_shows);
    }
    assert_true(shown_by_default(RC_STATE_EXITED, "status=exited"));
    assert_true(shown_by_default(RC_STATE_EXITED, "exited=0"));
    assert_false(shown_by_default(RC_STATE_CREATED, "exited=0"));
}

static void test_managed(void **state)
{
    (void)state;
    rc_row row = web();
    rc_filter *f = rc_filter_new();
    rc_filter_only_managed(f);
    assert_true(rc_filter_match(f, &row));
    row.managed = false;
    assert_false(rc_filter_match(f, &row));
    assert_true(rc_filter_match(NULL, &row));
    assert_null(rc_filter_free(f));
    assert_null(rc_filter_free(NULL));
}

/* The refused value, and a word that its message has. */
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pair, *says;
    } table[] = {
        {"volume=x", "volume"},
        {"=x", "unknown"},
        {"name", "KEY=VALUE"},
        {"", "KEY=VALUE"},
        {"id=", "id"},
        {"label=", "label"},
        {"status=up", "status=up"},
        {"status=Running", "status=Running"},
        {"health=ill", "health=ill"},
        {"exited=", "exited"},
        {"exited=one", "exited=one"},
        {"exited=-", "exited=-"},
        {"exited=2147483648", "exited=2147483648"},
        {"publish=", "publish"},
        {"publish=0", "publish=0"},
        {"publish=65536", "publish=65536"},
        {"publish=80-", "range"},
        {"publish=90-80", "range"},
        {"publish=80-81-82", "range"},
        {"publish=80/", "protocol"},
        {"publish=80/icmp", "protocol"},
        {"publish=0.0.0.0:80", "publish=0.0.0.0:80"},
        {"name=[", "name=["},
        {"name=(?i)web", "name=(?i)web"},
        {"name=\\d", "backslash"},
        {"name=(a)\\1", "backslash"},
        {"name=(a{50}){30}", "repeats"},
        {"name=a{1000}", "repeats"},
        {"name=a{1,1000}", "repeats"},
        {"name=((((a{99}){99}){99}){99}){99}", "repeats"},
        {"name=a{99999999999999999999}", "repeats"},
        {"name=(((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)", "repeats"},
        {"na\x1bme=a", "na\\x1bme"},
        {"status=\xe2\x80\xaeup", "\\u{202e}up"},
    };
    rc_filter *f = rc_filter_new();
    for (size_t i = 0; i < RC_ARRAY_LEN(table); i++) {
        rc_error err = RC_ERROR_INIT;
        assert_int_equal(rc_filter_add_pair(f, rc_str_c(table[i].pair), &err), RC_INVALID);
        if (!strstr(err.msg, table[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.msg, table[i].says);
    }
    rc_row row = web();
    assert_true(rc_filter_match(f, &row)); /* what was refused left nothing behind */
    rc_filter_free(f);
}

static void test_bounds(void **state)
{
    (void)state;
    char pair[RC_FILTER_MAX_VALUE + 16];
    rc_filter *f = rc_filter_new();
    size_t n = (size_t)snprintf(pair, sizeof(pair), "name=");
    memset(pair + n, 'a', RC_FILTER_MAX_REGEX + 1);
    assert_int_equal(rc_filter_add_pair(f, rc_str_n(pair, n + RC_FILTER_MAX_REGEX + 1), NULL),
                     RC_INVALID);
    assert_int_equal(rc_filter_add_pair(f, rc_str_n(pair, n + RC_FILTER_MAX_REGEX), NULL), RC_OK);
    assert_int_equal(rc_filter_add(f, RC_STR("name"), rc_str_n("a\0b", 3), NULL), RC_INVALID);
    n = (size_t)snprintf(pair, sizeof(pair), "label=");
    memset(pair + n, 'a', RC_FILTER_MAX_VALUE + 1);
    assert_int_equal(rc_filter_add_pair(f, rc_str_n(pair, n + RC_FILTER_MAX_VALUE + 1), NULL),
                     RC_INVALID);
    for (int i = 1; i < RC_FILTER_MAX_VALUES; i++)
        assert_int_equal(rc_filter_add_pair(f, RC_STR("label=x"), NULL), RC_OK);
    assert_int_equal(rc_filter_add_pair(f, RC_STR("label=x"), NULL), RC_INVALID);
    rc_filter_free(f);
}

/* Names that Docker would not give: what is too long is cut, and no byte behind a name is read. */
static void test_hostile_names(void **state)
{
    (void)state;
    static char big[1 << 16];
    rc_row row = web();
    memset(big, 'a', sizeof(big));
    row.name = rc_str_n(big, sizeof(big));
    expect(&row, "name=^a+$", true);
    expect(&row, "name=^/a", true);
    expect(&row, "name=(a|a)*b$", false);
    row.name = rc_str_n("abc", 2); /* not terminated */
    expect(&row, "name=^ab$", true);
    row.name = RC_STR_EMPTY;
    expect(&row, "name=^$", true);
    expect(&row, "name=a", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_row),     cmocka_unit_test(test_exited),
        cmocka_unit_test(test_image_names), cmocka_unit_test(test_without_workload),
        cmocka_unit_test(test_placeholder), cmocka_unit_test(test_default_states),
        cmocka_unit_test(test_managed),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bounds),      cmocka_unit_test(test_hostile_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
