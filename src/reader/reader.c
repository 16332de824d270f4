/* Finding the index and following it: the writer may switch to another environment, be started
 * again, or the whole folder may be made anew. */
#include "reader/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "index/layout.h"
#include "reader/inside.h"

/* The writer switches environments seldom: that many switches in a row are none. */
#define FIND_ATTEMPTS 16
#define LOOK_EVERY_NS (100 * RC_NS_PER_MS)

/* Environments */

static rc_reader_env *unref_env(rc_reader_env *env)
{
    if (env && --env->refs == 0) {
        rc_kv_close(env->kv);
        free(env);
    }
    return NULL;
}

static int check_meta(const rc_reader_env *env, rc_error *err)
{
    rc_kv_txn *txn = NULL;
    rc_meta meta;
    int code = rc_kv_begin(env->kv, false, &txn, err);
    if (code)
        return code;
    code = rc_meta_get(txn, &env->tables, &meta, err);
    rc_kv_abort(txn);
    return code;
}

static int open_env(const char *dir, uint64_t generation, rc_reader_env **out, rc_error *err)
{
    rc_reader_env *env = calloc(1, sizeof(*env));
    const rc_kv_options o = {.dir = dir};
    if (!env)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    env->refs = 1;
    env->generation = generation;
    int code = rc_kv_open(&o, &env->kv, err);
    if (code) {
        free(env);
        return code;
    }
    code = rc_tables_open(env->kv, &env->tables, err);
    if (code == RC_NOTFOUND)
        code = rc_fail(err, RC_CORRUPT, "index: a table is missing");
    if (!code)
        code = check_meta(env, err);
    if (code) {
        unref_env(env);
        return code;
    }
    *out = env;
    return RC_OK;
}

/* Where `current` leads now. */
static int find_current(const rc_reader *r, char **ret_dir, rc_error *err)
{
    rc_env_name name;
    char text[RC_ENV_NAME_MAX];
    RC_AUTO_CLOSE int fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return rc_fail_errno(err,
                             errno == ENOENT   ? RC_NOTFOUND
                             : errno == EACCES ? RC_PERM
                                               : RC_IO,
                             errno, "index: cannot open its folder");
    int code = rc_current_read(fd, &name, err);
    if (code)
        return code;
    rc_env_name_format(&name, text);
    *ret_dir = rc_path_join(r->path, text);
    return *ret_dir ? RC_OK : rc_fail(err, RC_NOMEM, "index: no memory");
}

/* The writer may remove the environment between the look at the link and the opening: look again.
 * The generation is read before the link, so that a switch in between shows at the next snapshot.
 */
static int find_env(const rc_reader *r, rc_reader_env **out, rc_error *err)
{
    int code = RC_NOTFOUND;
    for (int i = 0; code == RC_NOTFOUND && i < FIND_ATTEMPTS; i++) {
        RC_AUTO_FREE char *dir = NULL;
        uint64_t generation = rc_live_generation(r->live);
        code = find_current(r, &dir, err);
        if (!code)
            code = open_env(dir, generation, out, err);
    }
    return code;
}

static rc_snapshot *free_snapshot(rc_snapshot *s)
{
    if (!s)
        return NULL;
    rc_kv_abort(s->txn);
    rc_arena_free(s->arena);
    unref_env(s->env);
    free(s);
    return NULL;
}

static void use_env(rc_reader *r, rc_reader_env *env)
{
    r->spare = free_snapshot(r->spare);
    unref_env(r->env);
    r->env = env;
}

/* A new folder, with a new live page, where the one we knew was removed. While there is none, what
 * we have open is all there is. */
static int follow_folder(rc_reader *r, rc_error *err)
{
    rc_live *live = NULL;
    rc_reader_env *env = NULL;
    if (!rc_live_removed(r->live)) {
        if (r->watch)
            rc_watch_calm(r->watch);
        return RC_OK;
    }
    if (rc_live_open(r->path, &live, NULL))
        return RC_OK;
    rc_live *old = r->live;
    r->live = live;
    int code = find_env(r, &env, err);
    if (code) {
        r->live = old;
        rc_live_close(live);
        return code == RC_NOTFOUND ? RC_OK : code;
    }
    rc_live_close(old);
    use_env(r, env);
    if (r->watch)
        rc_watch_follow(r->watch, r->path);
    return RC_OK;
}

static int follow(rc_reader *r, rc_error *err)
{
    int64_t now = rc_clock_mono();
    if (now - r->looked_ns >= LOOK_EVERY_NS) {
        r->looked_ns = now;
        int code = follow_folder(r, err);
        if (code)
            return code;
    }
    if (r->env->generation == rc_live_generation(r->live))
        return RC_OK;
    rc_reader_env *env = NULL;
    int code = find_env(r, &env, err);
    if (!code)
        use_env(r, env);
    return code;
}

/* Opening */

int rc_reader_open(const char *path, rc_reader **out, rc_error *err)
{
    rc_reader *r = calloc(1, sizeof(*r));
    if (!r || !(r->path = strdup(path))) {
        free(r);
        return rc_fail(err, RC_NOMEM, "index: no memory");
    }
    int code = rc_live_open(path, &r->live, err);
    if (!code)
        code = find_env(r, &r->env, err);
    if (code) {
        rc_reader_close(r);
        if (err)
            rc_error_wrap(err, "%s", path);
        return code;
    }
    r->looked_ns = rc_clock_mono();
    *out = r;
    return RC_OK;
}

rc_reader *rc_reader_close(rc_reader *r)
{
    if (!r)
        return NULL;
    use_env(r, NULL);
    rc_watch_close(r->watch);
    rc_live_close(r->live);
    free(r->path);
    free(r);
    return NULL;
}

/* Snapshots */

static int new_snapshot(rc_reader *r, rc_snapshot **out, rc_error *err)
{
    rc_snapshot *s = calloc(1, sizeof(*s));
    if (!s || !(s->arena = rc_arena_new(0, 0))) {
        free(s);
        return rc_fail(err, RC_NOMEM, "index: no memory");
    }
    s->reader = r;
    s->env = r->env;
    s->env->refs++;
    int code = rc_kv_begin(r->env->kv, false, &s->txn, err);
    if (code) {
        free_snapshot(s);
        return code;
    }
    *out = s;
    return RC_OK;
}

int rc_snapshot_begin(rc_reader *r, rc_snapshot **out, rc_error *err)
{
    int code = follow(r, err);
    if (code)
        return code;
    rc_snapshot *s = RC_STEAL(r->spare);
    code = s ? rc_kv_renew(s->txn, err) : new_snapshot(r, &s, err);
    if (!code)
        code = rc_meta_get(s->txn, &s->env->tables, &s->meta, err);
    if (code) {
        free_snapshot(s);
        return code;
    }
    *out = s;
    return RC_OK;
}

rc_snapshot *rc_snapshot_end(rc_snapshot *s)
{
    if (!s)
        return NULL;
    rc_reader *r = s->reader;
    if (r->spare || s->env != r->env)
        return free_snapshot(s);
    rc_kv_reset(s->txn);
    rc_arena_reset(s->arena);
    r->spare = s;
    return NULL;
}

uint64_t rc_snapshot_epoch(const rc_snapshot *s)
{
    return s->meta.epoch;
}

uint64_t rc_snapshot_rev(const rc_snapshot *s)
{
    return s->meta.rev;
}

const rc_mirror_status *rc_snapshot_mirror(const rc_snapshot *s)
{
    return &s->meta.mirror;
}

uint64_t rc_snapshot_oldest(rc_snapshot *s)
{
    return s->meta.oldest_rev;
}

/* The writer */

int rc_reader_live(rc_reader *r, rc_live_info *out, rc_error *err)
{
    return rc_live_read(r->live, out, err);
}

const rc_stats *rc_reader_counters(rc_reader *r)
{
    return rc_live_counters(r->live);
}

/* 0: that loop does not run, or has only begun. */
static bool is_late(int64_t beat_ns, int64_t now_ns)
{
    return beat_ns && now_ns - beat_ns > RC_WRITER_HUNG_NS;
}

static enum rc_writer_state writer_state(const rc_reader *r, const rc_live_info *info)
{
    int64_t now = rc_clock_mono();
    /* One that has not opened the index yet answers for nothing that stands in it. */
    if (!rc_live_writer_holds(r->live) || info->epoch == 0)
        return RC_WRITER_GONE;
    return is_late(info->mirror_beat_ns, now) || is_late(info->serve_beat_ns, now) ? RC_WRITER_HUNG
                                                                                   : RC_WRITER_LIVE;
}

/* A page that is being written while its writer stands still is no worse than its beats say. */
enum rc_writer_state rc_reader_writer(rc_reader *r)
{
    rc_live_info info;
    rc_live_read(r->live, &info, NULL);
    return writer_state(r, &info);
}

bool rc_reader_ready(rc_reader *r, rc_error *ret_why)
{
    rc_live_info info;
    rc_live_read(r->live, &info, NULL);
    enum rc_writer_state state = writer_state(r, &info);
    if (state != RC_WRITER_LIVE) {
        rc_fail(ret_why, RC_CLOSED, "the daemon is %s",
                state == RC_WRITER_GONE ? "not running" : "stuck");
        return false;
    }
    if (info.resync_mono_ns == 0) {
        rc_fail(ret_why, RC_BUSY, "no full list was committed since the daemon started");
        return false;
    }
    int64_t age = rc_clock_mono() - info.resync_mono_ns;
    if (age / 2 > info.resync_every_ns) {
        char text[RC_TIME_MAX];
        rc_duration_format(text, age / RC_NS_PER_SEC * RC_NS_PER_SEC);
        rc_fail(ret_why, RC_TIMEOUT, "the last full list was committed %s ago", text);
        return false;
    }
    return true;
}

/* Watching */

int rc_reader_fd(rc_reader *r, int *ret_fd, rc_error *err)
{
    if (!r->watch) {
        int code = rc_watch_open(r->path, &r->watch, err);
        if (code)
            return code;
    }
    *ret_fd = rc_watch_fd(r->watch);
    return RC_OK;
}

void rc_reader_drain(rc_reader *r)
{
    if (r->watch && rc_watch_drain(r->watch))
        r->looked_ns = rc_clock_mono() - LOOK_EVERY_NS; /* the next snapshot looks at once */
}
