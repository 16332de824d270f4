/* What the tests of the index, its live page and its readers share: a folder of their own, and rows
 * to put into it. */
#ifndef RC_TEST_ROOM_H
#define RC_TEST_ROOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "index/index.h"

#define MEMORY "/dev/shm"
#define DISK   "/tmp"

struct room {
    char base[64];  /* made by mkdtemp */
    char path[128]; /* the index's, below it */
    rc_index_options options;
    rc_index *ix;
    enum rc_index_origin origin;
    rc_error reason;
};

__attribute__((unused)) static void ok(int code, const rc_error *err)
{
    if (code)
        fail_msg("%s: %s", rc_code_name(code), err->msg);
}

__attribute__((unused, format(printf, 1, 2))) static void shell(const char *fmt, ...)
{
    char command[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    if (system(command) != 0)
        fail_msg("%s", command);
}

__attribute__((unused)) static struct room *new_room(const char *where)
{
    struct room *r = calloc(1, sizeof(*r));
    snprintf(r->base, sizeof(r->base), "%s/rc_index_XXXXXX", where);
    assert_non_null(mkdtemp(r->base));
    snprintf(r->path, sizeof(r->path), "%s/run/rollcall", r->base);
    r->options = (rc_index_options){.path = r->path,
                                    .map_size = (size_t)64 << 20,
                                    .max_used = (size_t)32 << 20,
                                    .history = 1000,
                                    .history_bytes = 8 << 20,
                                    .gid = (gid_t)-1};
    return r;
}

__attribute__((unused)) static void free_room(struct room *r)
{
    rc_index_close(r->ix);
    shell("rm -rf '%s'", r->base);
    free(r);
}

__attribute__((unused)) static void open_index(struct room *r)
{
    rc_error err = RC_ERROR_INIT;
    r->reason = (rc_error)RC_ERROR_INIT;
    ok(rc_index_open(&r->options, &r->ix, &r->origin, &r->reason, &err), &err);
}

__attribute__((unused)) static void close_index(struct room *r)
{
    r->ix = rc_index_close(r->ix);
}

__attribute__((unused)) static void reopen(struct room *r)
{
    close_index(r);
    open_index(r);
}

/* n → an id whose first eight digits are n's, so that ids are ordered as their numbers. */
__attribute__((unused)) static rc_str id_text(uint32_t n)
{
    static char room[8][65];
    static unsigned next;
    char *id = room[next++ % 8];
    snprintf(id, 65, "%08x%056u", n, 0U);
    return rc_str_n(id, 64);
}

__attribute__((unused)) static rc_id id_of(uint32_t n)
{
    rc_id id;
    assert_true(rc_id_parse(id_text(n), &id));
    return id;
}

__attribute__((unused)) static rc_row row_of(uint32_t n, const char *name, enum rc_state state)
{
    rc_row row;
    rc_row_init(&row);
    row.id = id_text(n);
    row.name = rc_str_c(name);
    row.state = state;
    row.engine_state = rc_str_c(rc_state_name(state));
    return row;
}

__attribute__((unused)) static bool put(struct room *r, const rc_row *row)
{
    rc_error err = RC_ERROR_INIT;
    bool changed = false;
    ok(rc_index_put(r->ix, row, RC_CAUSE_EVENT, RC_STR("start"), &changed, &err), &err);
    return changed;
}

__attribute__((unused)) static void put_named(struct room *r, uint32_t n, const char *name,
                                              enum rc_state state)
{
    rc_row row = row_of(n, name, state);
    assert_true(put(r, &row));
}

__attribute__((unused)) static void commit(struct room *r)
{
    rc_error err = RC_ERROR_INIT;
    ok(rc_index_commit(r->ix, 1000, &err), &err);
}

__attribute__((unused)) static int get(struct room *r, uint32_t n, rc_row *out)
{
    rc_error err = RC_ERROR_INIT;
    rc_id id = id_of(n);
    int code = rc_index_get(r->ix, &id, out, &err);
    if (code && code != RC_NOTFOUND)
        ok(code, &err);
    return code;
}

#endif
