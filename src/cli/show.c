/* Rows as text, in Docker's words. */
#include "cli/show.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"

#define ID_SHOWN        12
#define COMMAND_COLUMNS 20

void rc_show_ago(rc_buf *out, int64_t then_ns, int64_t now_ns)
{
    char age[RC_TIME_MAX];
    if (then_ns == 0)
        return;
    (void)rc_duration_human(age, now_ns > then_ns ? now_ns - then_ns : 0);
    rc_buf_printf(out, "%s ago", age);
}

void rc_show_word(rc_buf *out, rc_str text)
{
    if (text.len)
        rc_escape(out, text);
    else
        rc_buf_putc(out, '-');
}

void rc_show_id(rc_buf *out, rc_str id, bool truncate)
{
    rc_escape(out, rc_str_n(id.ptr, truncate && id.len > ID_SHOWN ? ID_SHOWN : id.len));
}

/* ---- status ---- */

static void show_up(rc_buf *out, const rc_row *row, int64_t now_ns)
{
    char age[RC_TIME_MAX];
    rc_buf_puts(out, "Up");
    if (row->started_ns) {
        (void)rc_duration_human(age, now_ns > row->started_ns ? now_ns - row->started_ns : 0);
        rc_buf_printf(out, " %s", age);
    }
    if (row->state == RC_STATE_PAUSED)
        rc_buf_puts(out, " (Paused)");
    else if (row->health == RC_HEALTH_STARTING)
        rc_buf_puts(out, " (health: starting)");
    else if (row->health != RC_HEALTH_NONE)
        rc_buf_printf(out, " (%s)", rc_health_name(row->health));
}

static void show_ended(rc_buf *out, const char *word, const rc_row *row, int64_t now_ns)
{
    rc_buf_puts(out, word);
    if (row->has_exit_code)
        rc_buf_printf(out, " (%d)", row->exit_code);
    if (row->finished_ns) {
        rc_buf_putc(out, ' ');
        rc_show_ago(out, row->finished_ns, now_ns);
    }
}

static void show_missing(rc_buf *out, const rc_row *row, int64_t now_ns)
{
    rc_buf_puts(out, "Missing");
    if (row->missing_cause != RC_MISSING_NOT)
        rc_buf_printf(out, " (%s)", rc_missing_name(row->missing_cause));
    if (row->missing_since_ns) {
        rc_buf_putc(out, ' ');
        rc_show_ago(out, row->missing_since_ns, now_ns);
    }
}

void rc_show_status(rc_buf *out, const rc_row *row, int64_t now_ns)
{
    switch (row->state) {
    case RC_STATE_RUNNING:
    case RC_STATE_PAUSED:
        show_up(out, row, now_ns);
        break;
    case RC_STATE_RESTARTING:
        show_ended(out, "Restarting", row, now_ns);
        break;
    case RC_STATE_EXITED:
        show_ended(out, "Exited", row, now_ns);
        break;
    case RC_STATE_MISSING:
        show_missing(out, row, now_ns);
        break;
    case RC_STATE_CREATED:
        rc_buf_puts(out, "Created");
        break;
    case RC_STATE_REMOVING:
        rc_buf_puts(out, "Removal In Progress");
        break;
    case RC_STATE_DEAD:
        rc_buf_puts(out, "Dead");
        break;
    case RC_STATE_PENDING:
        rc_buf_puts(out, "Pending");
        break;
    case RC_STATE_UNKNOWN:
    case RC_STATE_COUNT:
        rc_show_word(out, row->engine_state);
        break;
    }
}

/* ---- ports ---- */

/* Four-byte addresses before sixteen-byte ones, each by value; what is neither by its bytes, last.
 * Unpublished ports come first of all. */
static int compare_addresses(rc_str a, rc_str b)
{
    struct address {
        int kind;
        unsigned char bytes[16];
        rc_str text;
    } addresses[2] = {{.text = a}, {.text = b}};
    for (int i = 0; i < 2; i++) {
        struct address *at = &addresses[i];
        char text[INET6_ADDRSTRLEN] = "";
        at->kind = at->text.len ? 3 : 0;
        if (at->text.len >= sizeof(text))
            continue;
        memcpy(text, at->text.ptr, at->text.len);
        if (inet_pton(AF_INET, text, at->bytes) == 1)
            at->kind = 1;
        else if (inet_pton(AF_INET6, text, at->bytes) == 1)
            at->kind = 2;
    }
    if (addresses[0].kind != addresses[1].kind)
        return addresses[0].kind - addresses[1].kind;
    return addresses[0].kind == 3 ? rc_str_cmp(a, b)
                                  : memcmp(addresses[0].bytes, addresses[1].bytes, 16);
}

static int compare_ports(const void *pa, const void *pb)
{
    const rc_port *a = pa;
    const rc_port *b = pb;
    if (a->private_port != b->private_port)
        return a->private_port < b->private_port ? -1 : 1;
    int c = compare_addresses(a->ip, b->ip);
    if (!c)
        c = (a->public_port > b->public_port) - (a->public_port < b->public_port);
    return c ? c : rc_str_cmp(a->protocol, b->protocol);
}

/* Ports that follow each other, of one address and protocol. */
struct run {
    const rc_port *of;
    uint16_t first;
    uint16_t last;
};

static void separate(rc_buf *out, size_t start)
{
    if (out->len > start)
        rc_buf_puts(out, ", ");
}

void rc_show_address(rc_buf *out, rc_str ip)
{
    bool brackets = ip.len && memchr(ip.ptr, ':', ip.len) != NULL;
    rc_buf_puts(out, brackets ? "[" : "");
    rc_escape(out, ip);
    rc_buf_puts(out, brackets ? "]:" : ":");
}

static void show_run(rc_buf *out, size_t start, const struct run *run)
{
    char ports[16];
    (void)snprintf(ports, sizeof(ports), run->first == run->last ? "%u" : "%u-%u", run->first,
                   run->last);
    separate(out, start);
    if (run->of->ip.len) {
        rc_show_address(out, run->of->ip);
        rc_buf_printf(out, "%s->", ports);
    }
    rc_buf_printf(out, "%s/", ports);
    rc_escape(out, run->of->protocol);
}

static struct run *find_run(struct run *runs, size_t n, const rc_port *port)
{
    for (size_t i = 0; i < n; i++)
        if (rc_str_eq(runs[i].of->ip, port->ip) && rc_str_eq(runs[i].of->protocol, port->protocol))
            return &runs[i];
    return NULL;
}

/* Published under another number: never part of a run. */
static bool is_mapped(const rc_port *port)
{
    return port->ip.len && port->public_port != port->private_port;
}

static size_t show_broken_runs(rc_buf *out, size_t start, const rc_port *ports, size_t n,
                               struct run *runs)
{
    size_t n_runs = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_mapped(&ports[i]))
            continue;
        uint16_t number = ports[i].private_port;
        struct run *run = find_run(runs, n_runs, &ports[i]);
        if (!run) {
            runs[n_runs++] = (struct run){&ports[i], number, number};
        } else if (number == run->last + 1) {
            run->last = number;
        } else {
            show_run(out, start, run);
            run->first = run->last = number;
        }
    }
    return n_runs;
}

void rc_show_ports(rc_buf *out, const rc_row *row)
{
    rc_port ports[RC_SHOW_PORTS_MAX];
    struct run runs[RC_SHOW_PORTS_MAX];
    size_t n = row->n_ports < RC_SHOW_PORTS_MAX ? row->n_ports : RC_SHOW_PORTS_MAX;
    size_t start = out->len;
    if (n == 0)
        return;
    memcpy(ports, row->ports, n * sizeof(*ports));
    qsort(ports, n, sizeof(*ports), compare_ports);
    size_t n_runs = show_broken_runs(out, start, ports, n, runs);
    for (size_t i = 0; i < n_runs; i++)
        show_run(out, start, &runs[i]);
    for (size_t i = 0; i < n; i++) {
        if (!is_mapped(&ports[i]))
            continue;
        separate(out, start);
        rc_show_address(out, ports[i].ip);
        rc_buf_printf(out, "%u->%u/", ports[i].public_port, ports[i].private_port);
        rc_escape(out, ports[i].protocol);
    }
    if (n < row->n_ports)
        rc_buf_puts(out, ", …");
}

/* ---- command and image ---- */

/* How many bytes of s take at most so many columns. */
static size_t fit_columns(rc_str s, size_t columns)
{
    size_t used = 0;
    size_t i = 0;
    while (i < s.len) {
        size_t next = i;
        char one[16];
        (void)rc_utf8_next(s, &next);
        used += rc_text_width(
            rc_str_c(rc_escape_into(one, sizeof(one), rc_str_n(s.ptr + i, next - i))));
        if (used > columns)
            break;
        i = next;
    }
    return i;
}

void rc_show_command(rc_buf *out, rc_str command, bool truncate)
{
    size_t n = command.len;
    bool cut = false;
    if (truncate && fit_columns(command, COMMAND_COLUMNS) < command.len) {
        n = fit_columns(command, COMMAND_COLUMNS - 1);
        cut = true;
    }
    rc_buf_putc(out, '"');
    for (size_t i = 0; i < n;) {
        const char *quote = memchr(command.ptr + i, '"', n - i);
        size_t end = quote ? (size_t)(quote - command.ptr) : n;
        rc_escape(out, rc_str_n(command.ptr + i, end - i));
        if (quote)
            rc_buf_puts(out, "\\\"");
        i = end + (quote != NULL);
    }
    rc_buf_puts(out, cut ? "…\"" : "\"");
}

static bool drop_prefix(rc_str *s, rc_str prefix)
{
    if (!rc_str_starts(*s, prefix))
        return false;
    *s = rc_str_n(s->ptr + prefix.len, s->len - prefix.len);
    return true;
}

void rc_show_image(rc_buf *out, const rc_row *row, bool truncate)
{
    rc_str image = row->image;
    if (image.len == 0) {
        rc_buf_puts(out, "<no image>");
        return;
    }
    if (!truncate) {
        rc_escape(out, image);
        return;
    }
    bool is_id = drop_prefix(&image, RC_STR("sha256:")) || rc_str_starts(row->image_id, image);
    if (is_id && image.len > ID_SHOWN) {
        rc_show_id(out, image, true);
        return;
    }
    (void)drop_prefix(&image, RC_STR("docker.io/library/"));
    (void)drop_prefix(&image, RC_STR("docker.io/"));
    const char *digest = memmem(image.ptr, image.len, "@sha256:", 8);
    if (digest && digest > image.ptr)
        image.len = (size_t)(digest - image.ptr);
    rc_escape(out, image);
}
