/* A row's texts are Docker's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/show.h"

#define SEC INT64_C(1000000000)
#define NOW (INT64_C(1795465600) * SEC)

static void expect(rc_buf *got, const char *wanted)
{
    rc_buf_putc(got, '\0');
    assert_false(rc_buf_failed(got));
    assert_string_equal(got->data, wanted);
    rc_buf_release(got);
}

/* ---- status ---- */

static void expect_status(const rc_row *row, const char *wanted)
{
    rc_buf got = RC_BUF_INIT(0);
    rc_show_status(&got, row, NOW);
    expect(&got, wanted);
}

static void test_running(void **state)
{
    (void)state;
    rc_row row;
    rc_row_init(&row);
    row.state = RC_STATE_RUNNING;
    expect_status(&row, "Up"); /* partial: since when is not known yet */
    row.started_ns = NOW - 180 * SEC;
    expect_status(&row, "Up 3 minutes");
    row.health = RC_HEALTH_HEALTHY;
    expect_status(&row, "Up 3 minutes (healthy)");
    row.health = RC_HEALTH_UNHEALTHY;
    expect_status(&row, "Up 3 minutes (unhealthy)");
    row.health = RC_HEALTH_STARTING;
    expect_status(&row, "Up 3 minutes (health: starting)");
    row.state = RC_STATE_PAUSED;
    expect_status(&row, "Up 3 minutes (Paused)");
    row.started_ns = NOW + 5 * SEC; /* the engine's clock is ahead */
    expect_status(&row, "Up Less than a second (Paused)");
}

static void test_ended(void **state)
{
    (void)state;
    rc_row row;
    rc_row_init(&row);
    row.state = RC_STATE_EXITED;
    expect_status(&row, "Exited");
    row.has_exit_code = true;
    row.exit_code = 3;
    expect_status(&row, "Exited (3)");
    row.finished_ns = NOW - 2 * SEC;
    expect_status(&row, "Exited (3) 2 seconds ago");
    row.state = RC_STATE_RESTARTING;
    expect_status(&row, "Restarting (3) 2 seconds ago");
    row.state = RC_STATE_DEAD;
    expect_status(&row, "Dead");
    row.state = RC_STATE_REMOVING;
    expect_status(&row, "Removal In Progress");
    row.state = RC_STATE_CREATED;
    expect_status(&row, "Created");
    row.state = RC_STATE_PENDING;
    expect_status(&row, "Pending");
}

static void test_missing(void **state)
{
    (void)state;
    rc_row row;
    rc_row_init(&row);
    row.state = RC_STATE_MISSING;
    row.missing_cause = RC_MISSING_DESTROYED;
    row.missing_since_ns = NOW - 4 * SEC;
    row.finished_ns = NOW - 9 * SEC;
    expect_status(&row, "Missing (destroyed) 4 seconds ago");
    row.missing_cause = RC_MISSING_VANISHED;
    expect_status(&row, "Missing (vanished) 4 seconds ago");
}

static void test_unknown(void **state)
{
    (void)state;
    rc_row row;
    rc_row_init(&row);
    expect_status(&row, "-");
    row.engine_state = RC_STR("frozen\x1b[2J");
    expect_status(&row, "frozen\\x1b[2J");
}

/* ---- ports ---- */

static rc_port port(const char *ip, unsigned private_port, unsigned public_port, const char *proto)
{
    return (rc_port){rc_str_c(ip), (uint16_t)private_port, (uint16_t)public_port, rc_str_c(proto)};
}

static void expect_ports(const rc_port *ports, size_t n, const char *wanted)
{
    rc_buf got = RC_BUF_INIT(0);
    rc_row row;
    rc_row_init(&row);
    row.ports = ports;
    row.n_ports = (uint32_t)n;
    rc_buf_puts(&got, "|"); /* what is in the buffer before does not matter */
    rc_show_ports(&got, &row);
    expect(&got, wanted);
}

static void test_ports(void **state)
{
    (void)state;
    const rc_port one[] = {port("0.0.0.0", 80, 8081, "tcp")};
    const rc_port exposed[] = {port("", 80, 0, "tcp")};
    const rc_port both[] = {port("::", 80, 8081, "tcp"), port("0.0.0.0", 80, 8081, "tcp")};
    const rc_port mixed[] = {port("", 9000, 0, "tcp"), port("127.0.0.1", 53, 53, "udp"),
                             port("0.0.0.0", 80, 8080, "tcp"), port("", 443, 0, "tcp")};
    expect_ports(NULL, 0, "|");
    expect_ports(one, 1, "|0.0.0.0:8081->80/tcp");
    expect_ports(exposed, 1, "|80/tcp");
    expect_ports(both, 2, "|0.0.0.0:8081->80/tcp, [::]:8081->80/tcp");
    expect_ports(mixed, 4, "|443/tcp, 127.0.0.1:53->53/udp, 9000/tcp, 0.0.0.0:8080->80/tcp");
}

static void test_port_runs(void **state)
{
    (void)state;
    const rc_port run[] = {port("0.0.0.0", 8000, 8000, "tcp"), port("0.0.0.0", 8001, 8001, "tcp"),
                           port("0.0.0.0", 8002, 8002, "tcp")};
    const rc_port gap[] = {port("", 80, 0, "tcp"), port("", 81, 0, "tcp"), port("", 83, 0, "tcp")};
    const rc_port protocols[] = {port("", 80, 0, "tcp"), port("", 81, 0, "udp")};
    const rc_port shifted[] = {port("0.0.0.0", 80, 8080, "tcp"), port("0.0.0.0", 81, 8081, "tcp")};
    const rc_port sixes[] = {port("::1", 80, 80, "tcp"), port("::1", 81, 81, "tcp")};
    expect_ports(run, 3, "|0.0.0.0:8000-8002->8000-8002/tcp");
    expect_ports(gap, 3, "|80-81/tcp, 83/tcp");
    expect_ports(protocols, 2, "|80/tcp, 81/udp");
    /* to other numbers: Docker does not join these */
    expect_ports(shifted, 2, "|0.0.0.0:8080->80/tcp, 0.0.0.0:8081->81/tcp");
    expect_ports(sixes, 2, "|[::1]:80-81->80-81/tcp");
}

/* By number, not by text: 9.0.0.1 is before 10.0.0.1, and each address keeps to its own run. */
static void test_port_addresses(void **state)
{
    (void)state;
    const rc_port ports[] = {port("10.0.0.1", 80, 80, "tcp"), port("9.0.0.1", 80, 80, "tcp"),
                             port("9.0.0.1", 81, 81, "tcp"), port("bogus\x1b", 82, 1, "tcp")};
    expect_ports(ports, 4, "|9.0.0.1:80-81->80-81/tcp, 10.0.0.1:80->80/tcp, bogus\\x1b:1->82/tcp");
}

static void test_many_ports(void **state)
{
    (void)state;
    static rc_port many[3 * RC_SHOW_PORTS_MAX];
    for (size_t i = 0; i < RC_ARRAY_LEN(many); i++)
        many[i] = port("", 1 + (unsigned)i, 0, "tcp");
    expect_ports(many, RC_ARRAY_LEN(many), "|1-1024/tcp, …");
    expect_ports(many, RC_SHOW_PORTS_MAX, "|1-1024/tcp");
}

/* ---- command, image, ID ---- */

static void expect_command(const char *command, bool truncate, const char *wanted)
{
    rc_buf got = RC_BUF_INIT(0);
    rc_show_command(&got, rc_str_c(command), truncate);
    expect(&got, wanted);
}

static void test_command(void **state)
{
    (void)state;
    expect_command("", true, "\"\"");
    expect_command("12345678901234567890", true, "\"12345678901234567890\"");
    expect_command("123456789012345678901", true, "\"1234567890123456789…\"");
    expect_command("123456789012345678901", false, "\"123456789012345678901\"");
    /* two columns each: nine fit beside the ellipsis */
    expect_command("世世世世世世世世世世", true, "\"世世世世世世世世世世\"");
    expect_command("世世世世世世世世世世世", true, "\"世世世世世世世世世…\"");
    expect_command("sh -c 'echo \"hi\"'", false, "\"sh -c 'echo \\\"hi\\\"'\"");
    expect_command("\"", true, "\"\\\"\"");
    expect_command("a\x1b[31m\n", false, "\"a\\x1b[31m\\x0a\"");
    expect_command("\xff\xfe", false, "\"\\xff\\xfe\"");
}

static void expect_image(const char *image, const char *id, bool truncate, const char *wanted)
{
    rc_buf got = RC_BUF_INIT(0);
    rc_row row;
    rc_row_init(&row);
    row.image = rc_str_c(image);
    row.image_id = rc_str_c(id);
    rc_show_image(&got, &row, truncate);
    expect(&got, wanted);
}

static void test_image(void **state)
{
    (void)state;
    expect_image("nginx:1.27", "sha256:00", true, "nginx:1.27");
    expect_image("docker.io/library/nginx", "", true, "nginx");
    expect_image("docker.io/library/nginx", "", false, "docker.io/library/nginx");
    expect_image("quay.io/a/b:1@sha256:0123", "", true, "quay.io/a/b:1");
    expect_image("quay.io/a/b@sha256:0123", "", false, "quay.io/a/b@sha256:0123");
    expect_image("sha256:0123456789abcdef", "sha256:0123456789abcdef", true, "0123456789ab");
    expect_image("", "", true, "<no image>");
    expect_image("\xe2\x80\xaegnp", "", true, "\\u{202e}gnp");
}

static void test_id(void **state)
{
    (void)state;
    rc_buf got = RC_BUF_INIT(0);
    rc_show_id(&got, RC_STR("0123456789abcdef"), true);
    expect(&got, "0123456789ab");
    rc_show_id(&got, RC_STR("0123456789abcdef"), false);
    expect(&got, "0123456789abcdef");
    rc_show_id(&got, RC_STR_EMPTY, true);
    expect(&got, "");
}

static void test_ago(void **state)
{
    (void)state;
    rc_buf got = RC_BUF_INIT(0);
    rc_show_ago(&got, NOW - 3600 * SEC, NOW);
    expect(&got, "About an hour ago");
    rc_show_ago(&got, 0, NOW);
    expect(&got, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_port_runs),
        cmocka_unit_test(test_port_addresses),
        cmocka_unit_test(test_many_ports),
        cmocka_unit_test(test_command),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
