/* The only user of lmdb.h: environments, transactions, iteration; LMDB's errors as ours. What it
 * adds is what LMDB leaves to its user: one writer for longer than one transaction, one environment
 * a folder in a process, handles that fork() makes unusable instead of dangerous, and no SIGBUS
 * from a data file that was cut short. */
#include "index/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "index/data_file.h"
#include "index/layout.h"

#define MAX_READERS 1024
#define MAX_TABLES  32
#define TABLE_NAME  32 /* bytes, with its NUL */

/* The data file is kept this much longer than its last page (a hole, so it costs nothing): LMDB
 * does not write pages that a transaction took and dropped, so a sound file may end before its last
 * page, and the length check on opening could not tell it from one that was cut. */
#define LENGTH_SPARE ((off_t)1 << 20)
#define LENGTH_STEP  ((off_t)4 << 20)

/* With less than this left, a write that came out short did so because the disk is full. */
#define FULL_BYTES ((unsigned long)256 << 10)

/* One folder's environment, shared by all handles of this process. */
struct env {
    struct env *next;
    dev_t dev;
    ino_t ino;
    int dir_fd; /* held, so that no other folder can get this one's inode number */
    unsigned born;
    unsigned handles;
    bool writable;
    MDB_env *lmdb;
    off_t length; /* of the data file; the writer's */
    off_t page_size;

    pthread_mutex_t mutex; /* of what follows */
    unsigned live;         /* transactions that look at the map */
    size_t n_tables;
    struct {
        char name[TABLE_NAME];
        MDB_dbi dbi;
    } tables[MAX_TABLES];
};

struct rc_kv {
    struct env *env;
    bool write;
    int lock_fd; /* the writer's; -1 for a reader */
};

struct rc_kv_txn {
    struct env *env;
    MDB_txn *txn;
    bool write;
    bool parked;
};

struct rc_kv_iter {
    struct env *env;
    MDB_cursor *cursor;
    MDB_cursor_op next;
    rc_str start;
    size_t prefix_len;
    char prefix[RC_KV_KEY_MAX];
    char from[RC_KV_KEY_MAX];
};

static int code_of(int rc)
{
    switch (rc) {
    case MDB_NOTFOUND:
    case ENOENT:
        return RC_NOTFOUND;
    case MDB_KEYEXIST:
    case EEXIST:
        return RC_EXISTS;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
        return RC_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return RC_CORRUPT;
    case MDB_BAD_VALSIZE:
        return RC_INVALID;
    case MDB_READERS_FULL:
    case MDB_MAP_RESIZED: /* and somebody looks at the old map */
    case EAGAIN:
        return RC_BUSY;
    case EACCES:
    case EPERM:
    case EROFS:
        return RC_PERM;
    case ENOMEM:
        return RC_NOMEM;
    default:
        return rc > 0 ? RC_IO : RC_INTERNAL;
    }
}

/* What LMDB returned, as our code. */
static int mapped(rc_error *err, int rc, const char *what)
{
    if (rc == 0)
        return RC_OK;
    if (rc > 0)
        return rc_fail_errno(err, code_of(rc), rc, "index: %s", what);
    return rc_fail(err, code_of(rc), "index: %s: %s", what, mdb_strerror(rc));
}

static MDB_val to_val(rc_str s)
{
    union {
        const char *in;
        void *out;
    } p = {s.ptr}; /* LMDB's type has no const; it does not write to it */
    return (MDB_val){s.len, p.out};
}

static rc_str to_str(MDB_val v)
{
    return rc_str_n(v.mv_data, v.mv_size);
}

/* The kernel drops an open-file-description lock with its holder, however that died. */
static int take_lock(rc_kv *kv, const char *file, rc_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    kv->lock_fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (kv->lock_fd < 0)
        return rc_fail_errno(err, code_of(errno), errno, "index: cannot open its writer's lock");
    if (fcntl(kv->lock_fd, F_OFD_SETLK, &lock) == 0)
        return RC_OK;
    if (errno == EAGAIN || errno == EACCES)
        return rc_fail(err, RC_EXISTS, "index: another writer holds it");
    return rc_fail_errno(err, RC_IO, errno, "index: cannot lock");
}

/* The umask cut the modes that mdb_env_open was given. */
static int set_modes(int data_fd, const char *lock_file, const rc_kv_options *o, rc_error *err)
{
    if (fchmod(data_fd, o->data_mode ? o->data_mode : 0640) < 0 ||
        chmod(lock_file, o->lock_mode ? o->lock_mode : 0660) < 0)
        return rc_fail_errno(err, code_of(errno), errno, "index: cannot set its files' modes");
    return RC_OK;
}

static int refuse_read_only(const char *dir, rc_error *err)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) < 0)
        return rc_fail_errno(err, code_of(errno), errno, "index: cannot look at its folder");
    if (fs.f_flag & ST_RDONLY)
        return rc_fail(err, RC_UNSUPPORTED, "index: its file system is mounted read-only");
    return RC_OK;
}

/* The environments of this process */

static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct env *registry;
static atomic_uint forks; /* that led to this process: what was born under another is not ours */

static void before_fork(void)
{
    pthread_mutex_lock(&registry_mutex);
}

static void after_fork_parent(void)
{
    pthread_mutex_unlock(&registry_mutex);
}

/* The parent's environments stay mapped here and are never touched again: closing one would erase
 * the parent's reader slots. */
static void after_fork_child(void)
{
    registry = NULL;
    atomic_fetch_add(&forks, 1);
    pthread_mutex_unlock(&registry_mutex);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

static bool is_ours(const struct env *env)
{
    return env->born == atomic_load_explicit(&forks, memory_order_relaxed);
}

static int refuse_forked(rc_error *err)
{
    return rc_fail(err, RC_UNSUPPORTED, "index: opened before a fork, so of no use in the child");
}

static struct env *find_env(const struct stat *st)
{
    struct env *env = registry;
    while (env && (env->dev != st->st_dev || env->ino != st->st_ino))
        env = env->next;
    return env;
}

static void free_env(struct env *env)
{
    if (env->lmdb)
        mdb_env_close(env->lmdb);
    close(env->dir_fd);
    pthread_mutex_destroy(&env->mutex);
    free(env);
}

static int open_lmdb(struct env *env, const rc_kv_options *o, rc_error *err)
{
    unsigned flags = MDB_NOTLS | (o->write ? 0 : MDB_RDONLY) | (o->nosync ? MDB_NOSYNC : 0);
    int rc = mdb_env_create(&env->lmdb);
    if (!rc && o->write)
        rc = mdb_env_set_mapsize(env->lmdb, o->map_size);
    if (!rc)
        rc = mdb_env_set_maxreaders(env->lmdb, MAX_READERS);
    if (!rc)
        rc = mdb_env_set_maxdbs(env->lmdb, MAX_TABLES);
    if (!rc)
        rc = mdb_env_open(env->lmdb, o->dir, flags, 0600);
    return mapped(err, rc, "cannot open");
}

static int look_at_files(struct env *env, const rc_kv_options *o, const char *lock, rc_error *err)
{
    struct stat st;
    MDB_stat stat;
    int fd;
    int rc = mdb_env_get_fd(env->lmdb, &fd);
    if (!rc)
        rc = mdb_env_stat(env->lmdb, &stat);
    if (rc)
        return mapped(err, rc, "cannot look at its files");
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fstat(fd, &st) < 0)
        return rc_fail_errno(err, RC_IO, errno, "index: cannot look at data.mdb");
    env->length = st.st_size;
    env->page_size = stat.ms_psize;
    return o->write ? set_modes(fd, lock, o, err) : RC_OK;
}

/* Takes dir_fd, in any case. */
static int new_env(const rc_kv_options *o, int dir_fd, const struct stat *st, struct env **out,
                   rc_error *err)
{
    RC_AUTO_FREE char *data = rc_path_join(o->dir, "data.mdb");
    RC_AUTO_FREE char *lock = rc_path_join(o->dir, "lock.mdb");
    struct env *env = calloc(1, sizeof(*env));
    if (!data || !lock || !env) {
        free(env);
        close(dir_fd);
        return rc_fail(err, RC_NOMEM, "index: no memory");
    }
    *env = (struct env){.dev = st->st_dev,
                        .ino = st->st_ino,
                        .dir_fd = dir_fd,
                        .born = atomic_load(&forks),
                        .writable = o->write};
    pthread_mutex_init(&env->mutex, NULL);
    size_t page_size;
    int code =
        o->check ? rc_data_file_check_tree(data, err) : rc_data_file_check(data, &page_size, err);
    if (!code)
        code = open_lmdb(env, o, err);
    if (!code)
        code = look_at_files(env, o, lock, err);
    if (code) {
        free_env(env);
        return code;
    }
    env->next = registry;
    registry = env;
    *out = env;
    return RC_OK;
}

/* The registry's mutex is held. */
static int attach(rc_kv *kv, const rc_kv_options *o, rc_error *err)
{
    struct stat st;
    int dir_fd = open(o->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return rc_fail_errno(err, code_of(errno), errno, "index: cannot open its folder");
    int code = RC_OK;
    struct env *env = NULL;
    if (fstat(dir_fd, &st) < 0)
        code = rc_fail_errno(err, RC_IO, errno, "index: cannot look at its folder");
    else
        env = find_env(&st);
    if (code || env)
        close(dir_fd);
    else
        code = new_env(o, dir_fd, &st, &env, err);
    if (!env)
        return code;
    if (o->write && !env->writable)
        return rc_fail(err, RC_BUSY, "index: this process has it open for reading only");
    env->handles++;
    kv->env = env;
    return RC_OK;
}

static void detach(struct env *env)
{
    if (--env->handles)
        return;
    struct env **at = &registry;
    while (*at != env)
        at = &(*at)->next;
    *at = env->next;
    free_env(env);
}

static int guard_folder(rc_kv *kv, const rc_kv_options *o, rc_error *err)
{
    if (!o->write)
        return refuse_read_only(o->dir, err);
    RC_AUTO_FREE char *writer = rc_path_join(o->dir, "writer.lock");
    if (!writer)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    return take_lock(kv, writer, err);
}

int rc_kv_open(const rc_kv_options *options, rc_kv **out, rc_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    rc_kv *kv = calloc(1, sizeof(*kv));
    if (!kv)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    kv->lock_fd = -1;
    kv->write = options->write;
    int code = guard_folder(kv, options, err);
    if (!code) {
        pthread_mutex_lock(&registry_mutex);
        code = attach(kv, options, err);
        pthread_mutex_unlock(&registry_mutex);
    }
    if (code) {
        rc_kv_close(kv);
        return code;
    }
    *out = kv;
    return RC_OK;
}

rc_kv *rc_kv_close(rc_kv *kv)
{
    if (!kv)
        return NULL;
    if (kv->env && is_ours(kv->env)) {
        pthread_mutex_lock(&registry_mutex);
        detach(kv->env);
        pthread_mutex_unlock(&registry_mutex);
    }
    if (kv->lock_fd >= 0)
        close(kv->lock_fd);
    free(kv);
    return NULL;
}

/* Transactions */

/* A writer in another process was started again with a larger map and used it. The map can be
 * exchanged only while nobody looks at it. */
static int adopt_map(struct env *env)
{
    return env->live ? MDB_MAP_RESIZED : mdb_env_set_mapsize(env->lmdb, 0);
}

/* Begins, or renews where *txn is one already. */
static int read_begin(struct env *env, MDB_txn **txn)
{
    MDB_txn *t = *txn;
    pthread_mutex_lock(&env->mutex);
    for (int attempt = 0;; attempt++) {
        int rc = t ? mdb_txn_renew(t) : mdb_txn_begin(env->lmdb, NULL, MDB_RDONLY, txn);
        int again = rc;
        if (rc == MDB_READERS_FULL && attempt == 0)
            again = mdb_reader_check(env->lmdb, NULL);
        else if (rc == MDB_MAP_RESIZED && attempt == 0)
            again = adopt_map(env);
        if (rc == 0 || again != 0) {
            env->live += rc == 0;
            pthread_mutex_unlock(&env->mutex);
            return rc;
        }
    }
}

static void count_live(struct env *env, int by)
{
    pthread_mutex_lock(&env->mutex);
    env->live += (unsigned)by;
    pthread_mutex_unlock(&env->mutex);
}

/* LMDB's mutex may be waited for, so ours is not held. */
static int write_begin(struct env *env, MDB_txn **txn)
{
    count_live(env, 1);
    int rc = mdb_txn_begin(env->lmdb, NULL, 0, txn);
    if (rc)
        count_live(env, -1);
    return rc;
}

int rc_kv_begin(rc_kv *kv, bool write, rc_kv_txn **out, rc_error *err)
{
    if (!is_ours(kv->env))
        return refuse_forked(err);
    if (write && !kv->write)
        return rc_fail(err, RC_PERM, "index: opened for reading only");
    rc_kv_txn *txn = calloc(1, sizeof(*txn));
    if (!txn)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    int rc = write ? write_begin(kv->env, &txn->txn) : read_begin(kv->env, &txn->txn);
    if (rc) {
        free(txn);
        return mapped(err, rc, "cannot begin");
    }
    txn->env = kv->env;
    txn->write = write;
    *out = txn;
    return RC_OK;
}

void rc_kv_reset(rc_kv_txn *txn)
{
    if (txn->parked || !is_ours(txn->env))
        return;
    mdb_txn_reset(txn->txn);
    txn->parked = true;
    count_live(txn->env, -1);
}

int rc_kv_renew(rc_kv_txn *txn, rc_error *err)
{
    if (!is_ours(txn->env))
        return refuse_forked(err);
    int rc = read_begin(txn->env, &txn->txn);
    if (rc)
        return mapped(err, rc, "cannot begin");
    txn->parked = false;
    return RC_OK;
}

/* Failure is harmless: it is tried again by the next commit. */
static void keep_length(struct env *env)
{
    MDB_envinfo info;
    int fd;
    if (mdb_env_info(env->lmdb, &info) || mdb_env_get_fd(env->lmdb, &fd))
        return;
    off_t used = (off_t)(info.me_last_pgno + 1) * env->page_size;
    if (used + LENGTH_SPARE <= env->length)
        return;
    off_t want = (used + LENGTH_SPARE + LENGTH_STEP) / LENGTH_STEP * LENGTH_STEP;
    struct stat st;
    if (fstat(fd, &st) < 0 || (st.st_size < want && ftruncate(fd, want) < 0))
        return;
    env->length = st.st_size < want ? want : st.st_size;
}

/* LMDB says EIO where a write came out short, which is what happens when the disk fills up. */
static bool is_disk_full(const struct env *env)
{
    struct statvfs fs;
    int fd;
    return !mdb_env_get_fd(env->lmdb, &fd) && fstatvfs(fd, &fs) == 0 &&
           fs.f_bavail * (fs.f_frsize ? fs.f_frsize : fs.f_bsize) < FULL_BYTES;
}

int rc_kv_commit(rc_kv_txn *txn, rc_error *err)
{
    if (!is_ours(txn->env)) {
        free(txn);
        return refuse_forked(err);
    }
    int rc = mdb_txn_commit(txn->txn);
    if (!rc && txn->write)
        keep_length(txn->env);
    if (rc == EIO && is_disk_full(txn->env))
        rc = ENOSPC;
    if (!txn->parked)
        count_live(txn->env, -1);
    free(txn);
    return mapped(err, rc, "cannot commit");
}

rc_kv_txn *rc_kv_abort(rc_kv_txn *txn)
{
    if (txn && is_ours(txn->env)) {
        mdb_txn_abort(txn->txn);
        if (!txn->parked)
            count_live(txn->env, -1);
    }
    free(txn);
    return NULL;
}

/* Tables */

static bool find_table(const struct env *env, const char *name, rc_kv_table *out)
{
    for (size_t i = 0; i < env->n_tables; i++)
        if (strcmp(env->tables[i].name, name) == 0) {
            *out = env->tables[i].dbi;
            return true;
        }
    return false;
}

/* LMDB lets one transaction of a process at a time open tables: a transaction of its own, under the
 * mutex. */
static int open_table(struct env *env, const char *name, bool write, MDB_dbi *dbi)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(env->lmdb, NULL, write ? 0 : MDB_RDONLY, &txn);
    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, name, write ? MDB_CREATE : 0, dbi);
    if (!rc)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

int rc_kv_table_open(rc_kv *kv, const char *name, rc_kv_table *out, rc_error *err)
{
    struct env *env = kv->env;
    size_t len = strlen(name);
    if (!is_ours(env))
        return refuse_forked(err);
    if (len >= TABLE_NAME)
        return rc_fail(err, RC_INVALID, "index: a table's name is too long");
    MDB_dbi dbi = 0;
    int rc = 0;
    pthread_mutex_lock(&env->mutex);
    if (!find_table(env, name, &dbi)) {
        rc = env->n_tables < MAX_TABLES ? open_table(env, name, kv->write, &dbi) : MDB_DBS_FULL;
        if (!rc) {
            memcpy(env->tables[env->n_tables].name, name, len + 1);
            env->tables[env->n_tables++].dbi = dbi;
        }
    }
    pthread_mutex_unlock(&env->mutex);
    if (rc)
        return mapped(err, rc, "cannot open a table");
    *out = dbi;
    return RC_OK;
}

/* LMDB checks the length of keys that are written, not of those that are looked up. */
static int check_key(rc_str key, rc_error *err)
{
    if (key.len == 0 || key.len > RC_KV_KEY_MAX)
        return rc_fail(err, RC_INVALID, "index: a key of %zu bytes", key.len);
    return RC_OK;
}

int rc_kv_get(rc_kv_txn *txn, rc_kv_table t, rc_str key, rc_str *out, rc_error *err)
{
    int code = check_key(key, err);
    if (code)
        return code;
    MDB_val k = to_val(key), v;
    int rc = mdb_get(txn->txn, t, &k, &v);
    if (rc)
        return mapped(err, rc, "cannot get");
    *out = to_str(v);
    return RC_OK;
}

static int put(rc_kv_txn *txn, rc_kv_table t, rc_str key, rc_str value, unsigned flags,
               rc_error *err)
{
    int code = check_key(key, err);
    if (code)
        return code;
    MDB_val k = to_val(key), v = to_val(value);
    return mapped(err, mdb_put(txn->txn, t, &k, &v, flags), "cannot put");
}

int rc_kv_put(rc_kv_txn *txn, rc_kv_table t, rc_str key, rc_str value, rc_error *err)
{
    return put(txn, t, key, value, 0, err);
}

int rc_kv_append(rc_kv_txn *txn, rc_kv_table t, rc_str key, rc_str value, rc_error *err)
{
    return put(txn, t, key, value, MDB_APPEND, err);
}

int rc_kv_del(rc_kv_txn *txn, rc_kv_table t, rc_str key, rc_error *err)
{
    int code = check_key(key, err);
    if (code)
        return code;
    MDB_val k = to_val(key);
    return mapped(err, mdb_del(txn->txn, t, &k, NULL), "cannot delete");
}

int rc_kv_last(rc_kv_txn *txn, rc_kv_table t, rc_str *key, rc_str *value, rc_error *err)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    int rc = mdb_cursor_open(txn->txn, t, &cursor);
    if (rc)
        return mapped(err, rc, "cannot iterate");
    rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    mdb_cursor_close(cursor);
    if (rc)
        return mapped(err, rc, "cannot find the last entry");
    *key = to_str(k);
    *value = to_str(v);
    return RC_OK;
}

/* Iteration */

int rc_kv_iter_open(rc_kv_txn *txn, rc_kv_table t, rc_str prefix, rc_str from, rc_kv_iter **out,
                    rc_error *err)
{
    if (prefix.len > RC_KV_KEY_MAX || from.len > RC_KV_KEY_MAX)
        return rc_fail(err, RC_INVALID, "index: no key is that long");
    rc_kv_iter *it = calloc(1, sizeof(*it));
    if (!it)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    int rc = mdb_cursor_open(txn->txn, t, &it->cursor);
    if (rc) {
        free(it);
        return mapped(err, rc, "cannot iterate");
    }
    memcpy(it->prefix, prefix.ptr, prefix.len);
    memcpy(it->from, from.ptr, from.len);
    it->env = txn->env;
    it->prefix_len = prefix.len;
    it->start = rc_str_cmp(from, prefix) > 0 ? rc_str_n(it->from, from.len)
                                             : rc_str_n(it->prefix, prefix.len);
    it->next = it->start.len ? MDB_SET_RANGE : MDB_FIRST;
    *out = it;
    return RC_OK;
}

int rc_kv_iter_next(rc_kv_iter *it, rc_str *key, rc_str *value, rc_error *err)
{
    MDB_val k = to_val(it->start), v;
    int rc = mdb_cursor_get(it->cursor, &k, &v, it->next);
    it->next = MDB_NEXT;
    if (!rc && !rc_str_starts(to_str(k), rc_str_n(it->prefix, it->prefix_len)))
        rc = MDB_NOTFOUND;
    if (rc)
        return mapped(err, rc, "cannot iterate");
    *key = to_str(k);
    *value = to_str(v);
    return RC_OK;
}

rc_kv_iter *rc_kv_iter_close(rc_kv_iter *it)
{
    if (it && is_ours(it->env))
        mdb_cursor_close(it->cursor);
    free(it);
    return NULL;
}

/* Housekeeping */

int rc_kv_reader_check(rc_kv *kv, int *ret_dead, rc_error *err)
{
    int dead = 0;
    if (!is_ours(kv->env))
        return refuse_forked(err);
    int rc = mdb_reader_check(kv->env->lmdb, &dead);
    if (rc)
        return mapped(err, rc, "cannot check its readers");
    if (ret_dead)
        *ret_dead = dead;
    return RC_OK;
}

/* One line of LMDB's list of readers: pid, thread, transaction or "-". */
static int add_reader(const char *line, void *arg)
{
    rc_kv_stat *out = arg;
    int pid;
    size_t thread, txn;
    int n = sscanf(line, "%d %zx %zu", &pid, &thread, &txn);
    if (n >= 2)
        out->readers++;
    if (n == 3 && (!out->oldest_reader || txn < out->oldest_reader))
        out->oldest_reader = txn;
    return 0;
}

int rc_kv_stats(rc_kv *kv, rc_kv_stat *out, rc_error *err)
{
    MDB_envinfo info;
    if (!is_ours(kv->env))
        return refuse_forked(err);
    rc_kv_stat s = {.page_size = (size_t)kv->env->page_size};
    int rc = mdb_env_info(kv->env->lmdb, &info);
    if (!rc)
        rc = mdb_reader_list(kv->env->lmdb, add_reader, &s) < 0 ? EIO : 0;
    if (rc)
        return mapped(err, rc, "cannot look at its size");
    s.used_pages = info.me_last_pgno + 1;
    s.map_size = info.me_mapsize;
    s.last_txn = info.me_last_txnid;
    *out = s;
    return RC_OK;
}

static int add_pages(MDB_txn *txn, MDB_dbi dbi, size_t *pages)
{
    MDB_stat s;
    int rc = mdb_stat(txn, dbi, &s);
    if (!rc)
        *pages += s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages;
    return rc;
}

int rc_kv_live_pages(rc_kv *kv, size_t *out, rc_error *err)
{
    struct env *env = kv->env;
    rc_kv_txn *txn = NULL;
    int code = rc_kv_begin(kv, false, &txn, err);
    if (!txn)
        return code;
    size_t pages = 2;              /* the meta pages */
    MDB_dbi last_of_lmdbs_own = 1; /* 0: the free list, 1: the tables' roots */
    int rc = 0;
    for (MDB_dbi dbi = 0; !rc && dbi <= last_of_lmdbs_own; dbi++)
        rc = add_pages(txn->txn, dbi, &pages);
    pthread_mutex_lock(&env->mutex);
    for (size_t i = 0; !rc && i < env->n_tables; i++)
        rc = add_pages(txn->txn, env->tables[i].dbi, &pages);
    pthread_mutex_unlock(&env->mutex);
    rc_kv_abort(txn);
    if (rc)
        return mapped(err, rc, "cannot count its pages");
    *out = pages;
    return RC_OK;
}

int rc_kv_copy(rc_kv *kv, const char *file, rc_error *err)
{
    if (!is_ours(kv->env))
        return refuse_forked(err);
    RC_AUTO_CLOSE int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return rc_fail_errno(err, code_of(errno), errno, "index: cannot make its copy");
    count_live(kv->env, 1);
    int rc = mdb_env_copyfd2(kv->env->lmdb, fd, MDB_CP_COMPACT);
    count_live(kv->env, -1);
    if (rc)
        unlink(file);
    return mapped(err, rc, "cannot copy");
}
