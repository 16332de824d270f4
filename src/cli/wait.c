/* rollcall wait: until a container is as it is wanted. Every step in the change log is looked at,
 * not only what a snapshot happens to show: a container that ran for a millisecond did run. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/idmap.h"
#include "cli/cli.h"
#include "cli/follow.h"

enum kind { IS_STATE, IS_HEALTH, IS_EXITED, IS_GONE };

struct goal {
    const char *name;
    enum kind kind;
    int value;  /* state or health */
    bool ahead; /* lies ahead of a container that is not there yet: then it is waited for */
};

static const struct goal goals[] = {
    {"running", IS_STATE, RC_STATE_RUNNING, true},
    {"healthy", IS_HEALTH, RC_HEALTH_HEALTHY, true},
    {"unhealthy", IS_HEALTH, RC_HEALTH_UNHEALTHY, true},
    {"exited", IS_EXITED, RC_STATE_EXITED, false},
    {"gone", IS_GONE, 0, false},
    {"created", IS_STATE, RC_STATE_CREATED, true},
    {"paused", IS_STATE, RC_STATE_PAUSED, true},
    {"restarting", IS_STATE, RC_STATE_RESTARTING, true},
    {"removing", IS_STATE, RC_STATE_REMOVING, false},
    {"dead", IS_STATE, RC_STATE_DEAD, false},
    {"pending", IS_STATE, RC_STATE_PENDING, true},
    {"missing", IS_STATE, RC_STATE_MISSING, false},
};

struct wait {
    rc_cli *cli;
    const char *key;
    const struct goal *goal;
    int64_t timeout_ns;
    bool pinned;  /* id says which container is meant */
    bool by_name; /* by the key that was its name: a successor of that name will do as well */
    char id[RC_ID_LEN + 1];
    bool has_code;
    int32_t exit_code;
    enum rc_state last; /* seen, of the pinned one */
    uint64_t epoch;
    uint64_t rev; /* looked at so far; 0: nothing */
};

enum verdict { GO_ON, REACHED, LOST, FAILED };

/* ---- one row ---- */

static bool is_missing(const rc_row *row)
{
    return row->state == RC_STATE_MISSING;
}

/* The code may still wait for its re-read, and what is gone keeps the one that it had. */
static bool has_exited(const rc_row *row)
{
    if (row->state == RC_STATE_EXITED)
        return row->has_exit_code || !row->partial;
    return row->has_exit_code &&
           (row->state == RC_STATE_DEAD || row->state == RC_STATE_REMOVING || is_missing(row));
}

static bool fits(const struct goal *goal, const rc_row *row)
{
    switch (goal->kind) {
    case IS_STATE:
        return (int)row->state == goal->value;
    case IS_HEALTH:
        return row->state == RC_STATE_RUNNING && (int)row->health == goal->value;
    case IS_EXITED:
        return has_exited(row);
    case IS_GONE:
        return is_missing(row);
    }
    return false;
}

/* The one that was meant is gone, and without having been as wanted. */
static enum verdict lose(struct wait *w)
{
    if (w->goal->kind == IS_GONE)
        return REACHED;
    if (!w->goal->ahead || !w->by_name)
        return LOST;
    w->pinned = false;
    return GO_ON;
}

static void pin(struct wait *w, const rc_row *row)
{
    w->by_name = rc_str_eq_c(row->name, w->key);
    w->pinned = row->id.len == RC_ID_LEN;
    if (w->pinned)
        (void)snprintf(w->id, sizeof(w->id), "%.*s", RC_STR_ARG(row->id));
}

/* A row of the container's, as it is or was. */
static enum verdict look(struct wait *w, const rc_row *row)
{
    w->last = row->state;
    if (fits(w->goal, row)) {
        w->has_code = row->has_exit_code;
        w->exit_code = row->exit_code;
        return REACHED;
    }
    return is_missing(row) ? lose(w) : GO_ON;
}

/* ---- steps and snapshots ---- */

static enum verdict look_at_step(struct wait *w, rc_snapshot *s, const rc_change *step,
                                 rc_error *err)
{
    rc_row row;
    if (step->op == RC_CHANGE_DEL)
        return w->pinned && rc_str_eq_c(step->body, w->id) ? lose(w) : GO_ON;
    if (rc_snapshot_decode(s, step->body, &row, err))
        return FAILED;
    if (w->pinned && !rc_str_eq_c(row.id, w->id))
        return GO_ON;
    if (!w->pinned) {
        if (!rc_str_eq_c(row.name, w->key) || is_missing(&row))
            return GO_ON;
        pin(w, &row);
    }
    return look(w, &row);
}

static enum verdict look_at_log(struct wait *w, rc_snapshot *s, rc_error *err)
{
    rc_log_cursor *cursor = NULL;
    rc_change_reader entry;
    enum verdict verdict = GO_ON;
    uint64_t rev = 0;
    int code = rc_log_open(s, w->rev, &cursor, err);
    while (!code && verdict == GO_ON && !(code = rc_log_next(cursor, &rev, &entry, err))) {
        rc_change step;
        while (verdict == GO_ON && !(code = rc_change_next(&entry, &step, err)))
            verdict = look_at_step(w, s, &step, err);
        code = code == RC_NOTFOUND ? RC_OK : code;
    }
    rc_log_close(cursor);
    /* A log that has moved on past us: the snapshot alone must do. */
    if (verdict == GO_ON && code && code != RC_NOTFOUND && code != RC_TOOOLD)
        return FAILED;
    return verdict;
}

/* Not being there proves nothing before the engine's list was committed. */
static enum verdict absent(struct wait *w, rc_snapshot *s)
{
    if (!rc_snapshot_mirror(s)->synced || w->goal->ahead)
        return GO_ON;
    return w->goal->kind == IS_GONE ? REACHED : LOST;
}

static enum verdict look_at_pinned(struct wait *w, rc_snapshot *s, rc_error *err)
{
    rc_row row;
    int code = rc_snapshot_get(s, rc_str_c(w->id), &row, err);
    if (code == RC_NOTFOUND)
        return lose(w);
    return code ? FAILED : look(w, &row);
}

static enum verdict look_at_snapshot(struct wait *w, rc_snapshot *s, rc_error *err)
{
    rc_row row;
    if (w->pinned) {
        enum verdict verdict = look_at_pinned(w, s, err);
        if (verdict != GO_ON || w->pinned)
            return verdict;
    }
    int code = rc_snapshot_find(s, rc_str_c(w->key), &row, err);
    if (code == RC_NOTFOUND)
        return absent(w, s);
    if (code)
        return FAILED;
    /* Of one that was there before us and is gone: no more than a name. */
    if (is_missing(&row) && w->goal->ahead)
        return GO_ON;
    pin(w, &row);
    return look(w, &row);
}

static enum verdict look_at_all(struct wait *w, rc_snapshot *s, rc_error *err)
{
    enum verdict verdict = GO_ON;
    if (w->epoch != rc_snapshot_epoch(s))
        w->rev = 0;
    if (w->rev)
        verdict = look_at_log(w, s, err);
    if (verdict == GO_ON)
        verdict = look_at_snapshot(w, s, err);
    w->epoch = rc_snapshot_epoch(s);
    w->rev = rc_snapshot_rev(s);
    return verdict;
}

/* ---- the end ---- */

static int reached(struct wait *w)
{
    if (w->goal->kind != IS_EXITED)
        return RC_EXIT_OK;
    if (w->has_code) {
        rc_buf_printf(&w->cli->out.buf, "%d\n", w->exit_code);
        return RC_EXIT_OK;
    }
    rc_say("it has exited, but with what code the engine does not say");
    return RC_EXIT_FAILURE;
}

static int lost(const struct wait *w)
{
    char shown[128];
    (void)rc_escape_into(shown, sizeof(shown), rc_str_c(w->key));
    if (w->pinned)
        rc_say("%s is gone (%.12s), and was never seen %s", shown, w->id, w->goal->name);
    else
        rc_say("no such container: %s", shown);
    return RC_EXIT_NOTFOUND;
}

static int timed_out(const struct wait *w)
{
    char shown[128];
    char after[RC_TIME_MAX];
    (void)rc_escape_into(shown, sizeof(shown), rc_str_c(w->key));
    (void)rc_duration_format(after, w->timeout_ns);
    if (w->pinned)
        rc_say("%s is not %s after %s: its state is %s", shown, w->goal->name, after,
               rc_state_name(w->last));
    else
        rc_say("%s is not %s after %s: there is no such container", shown, w->goal->name, after);
    return RC_EXIT_TIMEOUT;
}

/* *ret_exit is set unless the verdict is GO_ON. */
static enum verdict look_once(struct wait *w, int *ret_exit)
{
    rc_error err = RC_ERROR_INIT;
    rc_snapshot *s = NULL;
    *ret_exit = rc_cli_snapshot(w->cli, &s);
    if (*ret_exit)
        return FAILED;
    enum verdict verdict = look_at_all(w, s, &err);
    if (verdict == FAILED)
        *ret_exit = rc_cli_unfound(s, w->key, &err);
    rc_snapshot_end(s);
    if (verdict == REACHED)
        *ret_exit = reached(w);
    else if (verdict == LOST)
        *ret_exit = lost(w);
    return verdict;
}

static int64_t deadline_of(int64_t timeout_ns)
{
    int64_t now = rc_clock_mono();
    return timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}

static int wait_for(struct wait *w)
{
    rc_error err = RC_ERROR_INIT;
    int64_t deadline = deadline_of(w->timeout_ns);
    int exit_code = rc_cli_open(w->cli);
    int code = RC_OK;
    if (exit_code)
        return exit_code;
    code = rc_follow_start(w->cli->reader, &err);
    while (code == RC_OK) {
        bool live = rc_reader_writer(w->cli->reader) == RC_WRITER_LIVE;
        if (look_once(w, &exit_code) != GO_ON)
            return exit_code;
        if (!live && (exit_code = rc_cli_check_live(w->cli)))
            return exit_code;
        code = rc_follow_wait(w->cli->reader, -1, deadline, &err);
    }
    if (code == RC_TIMEOUT)
        return timed_out(w);
    return code == RC_CANCELLED ? RC_EXIT_FAILURE : rc_cli_fail(&err);
}

static int set_goal(struct wait *w, const char *name)
{
    char shown[64];
    for (size_t i = 0; name && i < RC_ARRAY_LEN(goals); i++) {
        if (strcmp(goals[i].name, name) == 0) {
            w->goal = &goals[i];
            return RC_EXIT_OK;
        }
    }
    if (name)
        rc_say("wait: --for knows no %s", rc_escape_into(shown, sizeof(shown), rc_str_c(name)));
    rc_say(
        "wait: --for running, healthy, exited, gone, created, paused, restarting, removing, dead, "
        "missing, pending or unhealthy");
    return RC_EXIT_USAGE;
}

int rc_verb_wait(rc_cli *cli, int argc, char **argv)
{
    rc_error err = RC_ERROR_INIT;
    const char *goal = NULL;
    const char *timeout = NULL;
    int exit_code = RC_EXIT_OK;
    struct wait w = {.cli = cli, .timeout_ns = INT64_MAX};
    const rc_option options[] = {
        {.name = "for", .value = &goal},
        {.name = "timeout", .value = &timeout},
    };
    if (!rc_cli_options(cli, options, RC_ARRAY_LEN(options), 1, 1, argc, argv, &argc, &exit_code))
        return exit_code;
    if (set_goal(&w, goal))
        return RC_EXIT_USAGE;
    if (timeout && rc_duration_parse(rc_str_c(timeout), &w.timeout_ns, &err)) {
        rc_say("wait: --timeout: %s", err.msg);
        return RC_EXIT_USAGE;
    }
    w.key = argv[0][0] == '/' ? argv[0] + 1 : argv[0]; /* Docker's form of a name */
    return wait_for(&w);
}
