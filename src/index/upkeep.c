/* What the writer does beside committing: compaction, giving up history where there is no room,
 * freeing dead readers' slots, and measuring. */
#include <string.h>

#include "base/cleanup.h"
#include "index/index.h"
#include "index/writer.h"

#define SHED_STEPS 256 /* entries given up at a time */

/* Compaction */

static int copy_env(rc_index *ix, rc_env_name *ret_name, rc_error *err)
{
    rc_env_name name;
    int code = rc_folder_make(ix->folder, &name, err);
    if (code)
        return code;
    RC_AUTO_FREE char *dir = rc_folder_path(ix->folder, &name);
    RC_AUTO_FREE char *file = dir ? rc_path_join(dir, "data.mdb") : NULL;
    code = file ? rc_kv_copy(ix->env.kv, file, err) : rc_fail(err, RC_NOMEM, "index: no memory");
    if (code) {
        rc_folder_remove(ix->folder, &name);
        return code;
    }
    *ret_name = name;
    return RC_OK;
}

static int switch_to_copy(rc_index *ix, rc_error *err)
{
    rc_env_name name, old = ix->env.name;
    rc_writer_env env;
    int code = copy_env(ix, &name, err);
    if (code)
        return code;
    code = rc_writer_open_env(ix, &name, true, &env, err);
    if (code) {
        rc_folder_remove(ix->folder, &name);
        return code;
    }
    code = rc_writer_adopt_env(ix, &env, err);
    if (code)
        return code;
    rc_folder_remove(ix->folder, &old);
    rc_stat_add(rc_live_stats(ix->live), RC_STAT_COMPACTIONS, 1);
    return RC_OK;
}

/* A copy is made only where it gives back worth_pages, so one that cannot help is not tried over
 * and over again. */
int rc_writer_compact(rc_index *ix, size_t worth_pages, rc_error *err)
{
    rc_kv_stat s;
    size_t live;
    int code = rc_kv_stats(ix->env.kv, &s, err);
    if (!code)
        code = rc_kv_live_pages(ix->env.kv, &live, err);
    if (code)
        return code;
    if (live + worth_pages > s.used_pages)
        return RC_NOTFOUND;
    return switch_to_copy(ix, err);
}

/* Giving up history */

int rc_writer_shed_history(rc_index *ix, rc_error *err)
{
    rc_kv_txn *txn = NULL;
    rc_meta meta = ix->env.meta;
    if (meta.oldest_rev == 0 || meta.oldest_rev == meta.rev)
        return RC_NOTFOUND;
    int code = rc_kv_begin(ix->env.kv, true, &txn, err);
    if (code)
        return code;
    uint64_t half = (meta.rev - meta.oldest_rev + 1) / 2;
    for (uint64_t i = 0; !code && i < half && i < SHED_STEPS; i++)
        code = rc_batch_trim_one(ix, txn, &meta, err);
    if (!code)
        code = rc_meta_put(txn, &ix->env.tables, &meta, err);
    if (code) {
        rc_kv_abort(txn);
        return code;
    }
    code = rc_kv_commit(txn, err);
    if (code)
        return code;
    ix->env.meta = meta;
    return rc_writer_numbers(&ix->env, err);
}

/* Housekeeping */

struct sizes {
    const rc_index *ix;
    rc_kv_stat s;
};

static void show_sizes(rc_live_info *info, void *arg)
{
    const struct sizes *z = arg;
    info->used_bytes = (uint64_t)z->s.used_pages * z->s.page_size;
    info->map_bytes = z->s.map_size;
    info->max_used_bytes = z->ix->max_used;
    info->readers = z->s.readers;
    info->oldest_reader_rev = z->s.oldest_reader > z->ix->env.txn_before_revs
                                  ? z->s.oldest_reader - z->ix->env.txn_before_revs
                                  : 0;
}

static int compact_if_large(rc_index *ix, rc_error *err)
{
    rc_kv_stat s;
    int code = rc_kv_stats(ix->env.kv, &s, err);
    if (code || s.used_pages < ix->max_used / s.page_size)
        return code;
    code = rc_writer_compact(ix, s.used_pages / 4, err);
    return code == RC_NOTFOUND ? RC_OK : code;
}

int rc_index_housekeep(rc_index *ix, rc_error *err)
{
    int dead = 0;
    struct sizes z = {.ix = ix};
    ix->may_compact = true;
    int code = rc_kv_reader_check(ix->env.kv, &dead, err);
    if (code)
        return code;
    rc_stat_add(rc_live_stats(ix->live), RC_STAT_STALE_READERS, (uint64_t)dead);
    rc_writer_park(ix);
    code = compact_if_large(ix, err);
    if (!code)
        code = rc_kv_stats(ix->env.kv, &z.s, err);
    if (!code)
        rc_live_update(ix->live, show_sizes, &z);
    return code;
}
