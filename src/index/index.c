/* The writer's environments: opening the one that is there, making a new one where that cannot be,
 * and looking rows up. */
#include "index/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "index/network_record.h"
#include "index/record.h"
#include "index/writer.h"

/* Environments */

void rc_writer_close_env(rc_writer_env *env)
{
    rc_kv_close(env->kv);
    memset(env, 0, sizeof(*env));
}

/* Each commit is one of LMDB's transactions, so the two count in step; the difference is what tells
 * which revision an old reader sees. */
int rc_writer_numbers(rc_writer_env *env, rc_error *err)
{
    rc_kv_stat s;
    int code = rc_kv_stats(env->kv, &s, err);
    if (!code)
        env->txn_before_revs = s.last_txn - env->meta.rev;
    return code;
}

static int check_row(rc_str key, rc_str record, uint64_t *containers, rc_arena *arena,
                     rc_error *err)
{
    rc_row row;
    rc_arena_reset(arena);
    int code = rc_record_decode(record, arena, &row, err);
    if (code)
        return code;
    if (!rc_str_eq(key, row.id))
        return rc_fail(err, RC_CORRUPT, "index: a row lies under another row's key");
    containers[row.state]++;
    return RC_OK;
}

static int check_network(rc_str key, rc_str record, uint64_t *containers, rc_arena *arena,
                         rc_error *err)
{
    rc_network net;
    (void)containers;
    rc_arena_reset(arena);
    int code = rc_network_decode(record, arena, &net, err);
    if (code)
        return code;
    return rc_str_eq(key, net.id)
               ? RC_OK
               : rc_fail(err, RC_CORRUPT, "index: a network lies under another one's key");
}

/* Everything is looked at once, so that what is broken shows now, when it can be made anew. */
static int check_table(rc_writer_env *env, rc_kv_txn *txn, rc_kv_table table,
                       int (*check)(rc_str, rc_str, uint64_t *, rc_arena *, rc_error *),
                       rc_arena *arena, rc_error *err)
{
    rc_kv_iter *it = NULL;
    rc_str key, record;
    int code = rc_kv_iter_open(txn, table, RC_STR_EMPTY, RC_STR_EMPTY, &it, err);
    while (!code && !(code = rc_kv_iter_next(it, &key, &record, err)))
        code = check(key, record, env->containers, arena, err);
    rc_kv_iter_close(it);
    return code == RC_NOTFOUND ? RC_OK : code;
}

/* The log's ends are where meta says; that there is no gap between them its readers check. */
static int check_log(const rc_writer_env *env, rc_kv_txn *txn, rc_error *err)
{
    char room[RC_REV_KEY];
    rc_str key = RC_STR_EMPTY, value;
    uint64_t last = 0;
    int code = rc_kv_last(txn, env->tables.changes, &key, &value, err);
    if (code && code != RC_NOTFOUND)
        return code;
    bool good = code ? env->meta.oldest_rev == 0
                     : rc_rev_parse(key, &last) && last == env->meta.rev && env->meta.oldest_rev;
    if (good && !code) {
        code = rc_kv_get(txn, env->tables.changes, rc_rev_key(env->meta.oldest_rev, room), &value,
                         err);
        if (code && code != RC_NOTFOUND)
            return code;
        good = code == RC_OK;
    }
    return good ? RC_OK : rc_fail(err, RC_CORRUPT, "index: the change log does not fit meta");
}

/* A copy was made of what is open, and holds the same rows. */
static int check_copy(const rc_index *ix, rc_writer_env *env, rc_error *err)
{
    if (env->meta.epoch != ix->env.meta.epoch || env->meta.rev != ix->env.meta.rev)
        return rc_fail(err, RC_INTERNAL, "index: its copy is of another revision");
    memcpy(env->containers, ix->env.containers, sizeof(env->containers));
    return RC_OK;
}

static int check_rows(rc_index *ix, rc_writer_env *env, rc_kv_txn *txn, rc_error *err)
{
    int code = check_log(env, txn, err);
    if (!code)
        code = check_table(env, txn, env->tables.containers, check_row, ix->arena, err);
    if (!code)
        code = check_table(env, txn, env->tables.networks, check_network, ix->arena, err);
    return code;
}

static int check_env(rc_index *ix, rc_writer_env *env, bool is_copy, rc_error *err)
{
    rc_kv_txn *txn = NULL;
    int code = rc_kv_begin(env->kv, false, &txn, err);
    if (code)
        return code;
    code = rc_meta_get(txn, &env->tables, &env->meta, err);
    if (!code)
        code = is_copy ? check_copy(ix, env, err) : check_rows(ix, env, txn, err);
    rc_kv_abort(txn);
    return code ? code : rc_writer_numbers(env, err);
}

/* The environment's store and tables, whatever is in them. */
static int open_store(rc_index *ix, const rc_env_name *name, bool check, rc_writer_env *out,
                      rc_error *err)
{
    RC_AUTO_FREE char *path = rc_folder_path(ix->folder, name);
    if (!path)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    rc_writer_env env = {.name = *name};
    const rc_kv_options o = {.dir = path,
                             .map_size = ix->map_size,
                             .write = true,
                             .check = check,
                             .nosync = !rc_folder_in_memory(ix->folder),
                             .data_mode = ix->mode,
                             /* Who may read the data must be able to take a reader's slot. */
                             .lock_mode =
                                 0600U | (ix->mode & 040 ? 060U : 0U) | (ix->mode & 04 ? 06U : 0U)};
    int code = rc_kv_open(&o, &env.kv, err);
    if (!code)
        code = rc_tables_open(env.kv, &env.tables, err);
    if (!code)
        code = rc_folder_share(ix->folder, name, err);
    if (code) {
        rc_writer_close_env(&env);
        return code;
    }
    *out = env;
    return RC_OK;
}

int rc_writer_open_env(rc_index *ix, const rc_env_name *name, bool is_copy, rc_writer_env *out,
                       rc_error *err)
{
    rc_writer_env env;
    int code = open_store(ix, name, !is_copy, &env, err);
    if (code)
        return code;
    code = check_env(ix, &env, is_copy, err);
    if (code) {
        rc_writer_close_env(&env);
        return code;
    }
    *out = env;
    return RC_OK;
}

static int new_epoch(uint64_t *out, rc_error *err)
{
    uint64_t epoch = 0;
    while (epoch == 0)
        if (rc_random_bytes(&epoch, sizeof(epoch)) < 0)
            return rc_fail_errno(err, RC_IO, errno, "index: no random bytes");
    *out = epoch;
    return RC_OK;
}

static int write_first(rc_writer_env *env, rc_str identity, rc_error *err)
{
    rc_kv_txn *txn = NULL;
    int code = new_epoch(&env->meta.epoch, err);
    if (!code)
        code = rc_kv_begin(env->kv, true, &txn, err);
    if (code)
        return code;
    code = rc_meta_put(txn, &env->tables, &env->meta, err);
    if (!code && identity.len)
        code = rc_identity_put(txn, &env->tables, identity, err);
    if (code) {
        rc_kv_abort(txn);
        return code;
    }
    code = rc_kv_commit(txn, err);
    return code ? code : rc_writer_numbers(env, err);
}

/* A new, empty environment, complete on return, but not in use. */
static int make_env(rc_index *ix, rc_str identity, rc_writer_env *out, rc_error *err)
{
    rc_env_name name;
    rc_writer_env env = {.kv = NULL};
    int code = rc_folder_make(ix->folder, &name, err);
    if (code)
        return code;
    code = open_store(ix, &name, false, &env, err);
    if (!code)
        code = write_first(&env, identity, err);
    if (code) {
        rc_writer_close_env(&env);
        rc_folder_remove(ix->folder, &name);
        return code;
    }
    *out = env;
    return RC_OK;
}

/* Readers look at the link again when the generation changes, so it changes last; and nothing is
 * committed before that. Takes the environment in any case: on failure it is removed. */
int rc_writer_adopt_env(rc_index *ix, rc_writer_env *env, rc_error *err)
{
    rc_kv_txn *read = NULL;
    int code = rc_kv_begin(env->kv, false, &read, err);
    if (!code)
        code = rc_folder_switch(ix->folder, &env->name, err);
    if (code) {
        rc_env_name name = env->name;
        rc_kv_abort(read);
        rc_writer_close_env(env);
        rc_folder_remove(ix->folder, &name);
        return code;
    }
    rc_live_set_generation(ix->live, rc_live_generation(ix->live) + 1);
    rc_kv_abort(ix->read);
    ix->read = read;
    ix->reading = true;
    rc_writer_close_env(&ix->env);
    ix->env = *env;
    rc_writer_park(ix);
    return RC_OK;
}

int rc_writer_reading(rc_index *ix, rc_kv_txn **out, rc_error *err)
{
    if (!ix->reading) {
        int code = rc_kv_renew(ix->read, err);
        if (code)
            return code;
        ix->reading = true;
    }
    *out = ix->read;
    return RC_OK;
}

void rc_writer_park(rc_index *ix)
{
    if (ix->reading)
        rc_kv_reset(ix->read);
    ix->reading = false;
}

/* Opening */

/* Is it the index that is wrong, not the machine? */
static bool is_the_index(int code, const rc_error *err)
{
    static const int kinds[] = {EISDIR, ENOTDIR, ELOOP, EINVAL, ENODEV, ENXIO, EIO};
    if (code == RC_CORRUPT || code == RC_VERSION || code == RC_INVALID)
        return true;
    for (size_t i = 0; code == RC_IO && i < RC_ARRAY_LEN(kinds); i++)
        if (err->errnum == kinds[i])
            return true;
    return false;
}

static int open_kept(rc_index *ix, const rc_env_name *name, rc_error *err)
{
    int code = rc_writer_open_env(ix, name, false, &ix->env, err);
    if (!code)
        code = rc_kv_begin(ix->env.kv, false, &ix->read, err);
    ix->reading = !code;
    rc_writer_park(ix);
    return code;
}

static int open_new(rc_index *ix, rc_error *err)
{
    rc_writer_env env;
    int code = rc_folder_clear_current(ix->folder, err);
    if (!code)
        code = make_env(ix, RC_STR_EMPTY, &env, err);
    return code ? code : rc_writer_adopt_env(ix, &env, err);
}

static int open_env(rc_index *ix, enum rc_index_origin *ret_origin, rc_error *ret_reason,
                    rc_error *err)
{
    rc_env_name name = {"", 0};
    bool dangling = false;
    rc_error reason = RC_ERROR_INIT;
    int code = rc_folder_current(ix->folder, &name, &dangling, &reason);
    if (!code)
        code = open_kept(ix, &name, &reason);
    *ret_origin = code == RC_OK                      ? RC_INDEX_KEPT
                  : code == RC_NOTFOUND && !dangling ? RC_INDEX_NEW
                                                     : RC_INDEX_ASIDE;
    if (!code)
        return RC_OK;
    if (code != RC_NOTFOUND && !is_the_index(code, &reason)) {
        if (err)
            *err = reason;
        return code;
    }
    rc_writer_close_env(&ix->env);
    code = open_new(ix, err);
    if (code)
        return code;
    if (name.number)
        rc_folder_set_aside(ix->folder, &name);
    if (*ret_origin == RC_INDEX_ASIDE && ret_reason)
        *ret_reason = reason;
    return RC_OK;
}

static int check_options(const rc_index_options *o, rc_error *err)
{
    if (!o->path || !*o->path)
        return rc_fail(err, RC_INVALID, "index: no path");
    if (o->history == 0)
        return rc_fail(err, RC_INVALID, "index: a history of 0 entries");
    return RC_OK;
}

static int open_all(rc_index *ix, const rc_index_options *o, enum rc_index_origin *ret_origin,
                    rc_error *ret_reason, rc_error *err)
{
    int code = rc_folder_open(o->path, ix->mode, o->gid, &ix->folder, err);
    if (!code)
        code = rc_live_create(o->path, ix->mode, o->gid, &ix->live, err);
    if (!code)
        code = rc_batch_init(ix, err);
    if (!code)
        code = open_env(ix, ret_origin, ret_reason, err);
    if (code)
        return code;
    rc_folder_sweep(ix->folder);
    ix->mirror = ix->env.meta.mirror;
    rc_batch_publish(ix, ix->env.meta.rev);
    return RC_OK;
}

int rc_index_open(const rc_index_options *options, rc_index **out, enum rc_index_origin *ret_origin,
                  rc_error *ret_reason, rc_error *err)
{
    enum rc_index_origin origin = RC_INDEX_KEPT;
    int code = check_options(options, err);
    if (code)
        return code;
    rc_index *ix = calloc(1, sizeof(*ix));
    if (!ix)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    ix->map_size = options->map_size;
    ix->max_used = options->max_used;
    ix->history = options->history;
    ix->history_bytes = options->history_bytes;
    ix->mode = options->mode ? options->mode : 0640;
    ix->may_compact = true;
    code = open_all(ix, options, &origin, ret_reason, err);
    if (code) {
        rc_index_close(ix);
        if (err && !strstr(err->msg, options->path))
            rc_error_wrap(err, "%s", options->path);
        return code;
    }
    if (ret_origin)
        *ret_origin = origin;
    *out = ix;
    return RC_OK;
}

rc_index *rc_index_close(rc_index *ix)
{
    if (!ix)
        return NULL;
    rc_kv_abort(ix->read);
    rc_writer_close_env(&ix->env);
    rc_batch_free(ix);
    rc_live_close(ix->live);
    rc_folder_close(ix->folder);
    free(ix);
    return NULL;
}

uint64_t rc_index_epoch(const rc_index *ix)
{
    return ix->env.meta.epoch;
}

uint64_t rc_index_rev(const rc_index *ix)
{
    return ix->env.meta.rev;
}

rc_live *rc_index_live(rc_index *ix)
{
    return ix->live;
}

/* Replacing */

static int replace(rc_index *ix, rc_str identity, rc_error *err)
{
    rc_writer_env env;
    rc_env_name old = ix->env.name;
    int code = make_env(ix, identity, &env, err);
    if (!code)
        code = rc_writer_adopt_env(ix, &env, err);
    if (code)
        return code;
    rc_folder_set_aside(ix->folder, &old);
    rc_batch_clear(ix);
    rc_networks_clear(ix);
    rc_batch_publish(ix, ix->env.meta.rev);
    return RC_OK;
}

/* The identity as it stands, copied into scratch. */
static int read_identity(rc_index *ix, rc_str *out, rc_error *err)
{
    rc_kv_txn *txn;
    rc_str identity = RC_STR_EMPTY;
    int code = rc_writer_reading(ix, &txn, err);
    if (!code)
        code = rc_identity_get(txn, &ix->env.tables, &identity, err);
    if (code && code != RC_NOTFOUND)
        return code;
    rc_buf_clear(&ix->scratch);
    rc_buf_str(&ix->scratch, identity);
    if (rc_buf_failed(&ix->scratch))
        return rc_fail(err, RC_NOMEM, "index: no memory");
    *out = rc_buf_view(&ix->scratch);
    return RC_OK;
}

static int keep_identity(rc_index *ix, rc_str identity, rc_error *err)
{
    rc_kv_txn *txn = NULL;
    rc_writer_park(ix);
    int code = rc_kv_begin(ix->env.kv, true, &txn, err);
    if (code)
        return code;
    code = rc_identity_put(txn, &ix->env.tables, identity, err);
    if (code) {
        rc_kv_abort(txn);
        return code;
    }
    code = rc_kv_commit(txn, err);
    return code ? code : rc_writer_numbers(&ix->env, err);
}

int rc_index_identify(rc_index *ix, rc_str identity, bool *ret_rebuilt, rc_error *err)
{
    rc_str known = RC_STR_EMPTY;
    if (identity.len == 0)
        return rc_fail(err, RC_INVALID, "index: an engine without an identity");
    int code = read_identity(ix, &known, err);
    if (code)
        return code;
    bool other = known.len && !rc_str_eq(known, identity);
    if (other)
        code = replace(ix, identity, err);
    else if (known.len == 0)
        code = keep_identity(ix, identity, err);
    if (!code && ret_rebuilt)
        *ret_rebuilt = other;
    return code;
}

int rc_index_rebuild(rc_index *ix, const char *reason, rc_error *err)
{
    rc_str identity = RC_STR_EMPTY;
    /* What is corrupt may have no identity left; then the next one to be told is kept. */
    if (read_identity(ix, &identity, NULL))
        identity = RC_STR_EMPTY;
    int code = replace(ix, identity, err);
    if (code && err)
        rc_error_wrap(err, "rebuilding the index (%s)", reason);
    return code;
}

int rc_index_each(rc_index *ix, int (*each)(void *arg, const rc_row *row), void *arg, rc_error *err)
{
    rc_kv_txn *txn;
    rc_kv_iter *it = NULL;
    rc_str key, record;
    rc_row row;
    if (ix->steps)
        return rc_fail(err, RC_INVALID, "index: rows are walked only between batches");
    int code = rc_writer_reading(ix, &txn, err);
    if (!code)
        code =
            rc_kv_iter_open(txn, ix->env.tables.containers, RC_STR_EMPTY, RC_STR_EMPTY, &it, err);
    while (!code && !(code = rc_kv_iter_next(it, &key, &record, err))) {
        rc_arena_reset(ix->arena);
        code = rc_record_decode(record, ix->arena, &row, err);
        if (!code)
            code = each(arg, &row);
        else
            break;
        if (code) { /* the caller's own, which may be any number */
            rc_kv_iter_close(it);
            return code;
        }
    }
    rc_kv_iter_close(it);
    return code == RC_NOTFOUND ? RC_OK : code;
}
