/* The only user of lmdb.h: environments, transactions, iteration; LMDB's errors as ours. What it
 * adds is what LMDB leaves to its user: one writer for longer than one transaction, and no SIGBUS
 * from a data file that was cut short. */
#include "index/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MAX_READERS 1024
#define MAX_TABLES  32

/* The data file is kept this much longer than its last page (a hole, so it costs nothing): LMDB
 * does not write pages that a transaction took and dropped, so a sound file may end before its last
 * page, and the length check on opening could not tell it from one that was cut. */
#define LENGTH_SPARE ((off_t)1 << 20)
#define LENGTH_STEP  ((off_t)4 << 20)

struct rc_kv {
    MDB_env *env;
    int lock_fd;  /* the writer's; -1 for a reader */
    off_t length; /* of the data file; the writer's */
    off_t page_size;
};

struct rc_kv_txn {
    rc_kv *kv;
    MDB_txn *txn;
    bool write;
};

struct rc_kv_iter {
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

/* Opening */

/* LMDB 0.9's meta page on a 64-bit host, as far as we look into it. */
struct meta {
    char page_header[16];
    uint32_t magic;
    uint32_t version;
    uint64_t address;
    uint64_t map_size;
    uint32_t page_size; /* the first word of the free list's description */
    char tables[92];
    uint64_t last_page;
    uint64_t txn;
};

_Static_assert(sizeof(size_t) == 8, "LMDB's file format follows the host's word");
_Static_assert(offsetof(struct meta, last_page) == 136, "as in LMDB's MDB_meta");

static int read_meta(int fd, off_t at, struct meta *m, rc_error *err)
{
    ssize_t n = pread(fd, m, sizeof(*m), at);
    if (n < 0)
        return rc_fail_errno(err, RC_IO, errno, "index: cannot read data.mdb");
    if ((size_t)n < sizeof(*m) || m->magic != 0xBEEFC0DE)
        return rc_fail(err, RC_CORRUPT, "index: data.mdb has no meta page");
    if (m->version != 1 || m->page_size < 256 || m->page_size > 65536)
        return rc_fail(err, RC_CORRUPT, "index: data.mdb is of another LMDB format");
    return RC_OK;
}

/* A file that ends before its last page opens well, and kills with SIGBUS later. */
static int check_length(const char *file, rc_error *err)
{
    RC_AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat st;
    struct meta a, b;
    if (fd < 0 && errno == ENOENT)
        return RC_OK;
    if (fd < 0 || fstat(fd, &st) < 0)
        return rc_fail_errno(err, code_of(errno), errno, "index: cannot open data.mdb");
    if (st.st_size == 0) /* made and not yet written: LMDB begins anew */
        return RC_OK;
    int code = read_meta(fd, 0, &a, err);
    if (!code)
        code = read_meta(fd, a.page_size, &b, err);
    if (code)
        return code;
    const struct meta *m = b.txn > a.txn ? &b : &a;
    if (m->last_page >= (uint64_t)st.st_size / a.page_size)
        return rc_fail(err, RC_CORRUPT, "index: data.mdb is cut off");
    return RC_OK;
}

static char *path_join(const char *dir, const char *name)
{
    size_t a = strlen(dir), b = strlen(name);
    char *p = malloc(a + b + 2);
    if (p) {
        memcpy(p, dir, a);
        p[a] = '/';
        memcpy(p + a + 1, name, b + 1);
    }
    return p;
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

static int open_env(rc_kv *kv, const rc_kv_options *o, rc_error *err)
{
    unsigned flags = MDB_NOTLS | (o->write ? 0 : MDB_RDONLY) | (o->nosync ? MDB_NOSYNC : 0);
    int rc = mdb_env_create(&kv->env);
    if (!rc && o->write)
        rc = mdb_env_set_mapsize(kv->env, o->map_size);
    if (!rc)
        rc = mdb_env_set_maxreaders(kv->env, MAX_READERS);
    if (!rc)
        rc = mdb_env_set_maxdbs(kv->env, MAX_TABLES);
    if (!rc)
        rc = mdb_env_open(kv->env, o->dir, flags, 0600);
    return mapped(err, rc, "cannot open");
}

static int open_files(rc_kv *kv, const rc_kv_options *o, rc_error *err)
{
    RC_AUTO_FREE char *data = path_join(o->dir, "data.mdb");
    RC_AUTO_FREE char *lock = path_join(o->dir, "lock.mdb");
    RC_AUTO_FREE char *writer = path_join(o->dir, "writer.lock");
    if (!data || !lock || !writer)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    int code = o->write ? take_lock(kv, writer, err) : refuse_read_only(o->dir, err);
    if (!code)
        code = check_length(data, err);
    if (!code)
        code = open_env(kv, o, err);
    if (code)
        return code;

    struct stat st;
    MDB_stat env;
    int fd;
    int rc = mdb_env_get_fd(kv->env, &fd);
    if (!rc)
        rc = mdb_env_stat(kv->env, &env);
    if (rc)
        return mapped(err, rc, "cannot look at its files");
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fstat(fd, &st) < 0)
        return rc_fail_errno(err, RC_IO, errno, "index: cannot look at data.mdb");
    kv->length = st.st_size;
    kv->page_size = env.ms_psize;
    return o->write ? set_modes(fd, lock, o, err) : RC_OK;
}

int rc_kv_open(const rc_kv_options *options, rc_kv **out, rc_error *err)
{
    rc_kv *kv = calloc(1, sizeof(*kv));
    if (!kv)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    kv->lock_fd = -1;
    int code = open_files(kv, options, err);
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
    if (kv->env)
        mdb_env_close(kv->env);
    if (kv->lock_fd >= 0)
        close(kv->lock_fd);
    free(kv);
    return NULL;
}

/* Transactions */

int rc_kv_begin(rc_kv *kv, bool write, rc_kv_txn **out, rc_error *err)
{
    rc_kv_txn *txn = calloc(1, sizeof(*txn));
    if (!txn)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    unsigned flags = write ? 0 : MDB_RDONLY;
    int rc = mdb_txn_begin(kv->env, NULL, flags, &txn->txn);
    if (rc == MDB_READERS_FULL && mdb_reader_check(kv->env, NULL) == 0)
        rc = mdb_txn_begin(kv->env, NULL, flags, &txn->txn);
    if (rc) {
        free(txn);
        return mapped(err, rc, "cannot begin");
    }
    txn->kv = kv;
    txn->write = write;
    *out = txn;
    return RC_OK;
}

/* Failure is harmless: it is tried again by the next commit. */
static void keep_length(rc_kv *kv)
{
    MDB_envinfo info;
    int fd;
    if (mdb_env_info(kv->env, &info) || mdb_env_get_fd(kv->env, &fd))
        return;
    off_t used = (off_t)(info.me_last_pgno + 1) * kv->page_size;
    if (used + LENGTH_SPARE <= kv->length)
        return;
    off_t want = (used + LENGTH_SPARE + LENGTH_STEP) / LENGTH_STEP * LENGTH_STEP;
    struct stat st;
    if (fstat(fd, &st) < 0 || (st.st_size < want && ftruncate(fd, want) < 0))
        return;
    kv->length = st.st_size < want ? want : st.st_size;
}

int rc_kv_commit(rc_kv_txn *txn, rc_error *err)
{
    int rc = mdb_txn_commit(txn->txn);
    if (!rc && txn->write)
        keep_length(txn->kv);
    free(txn);
    return mapped(err, rc, "cannot commit");
}

rc_kv_txn *rc_kv_abort(rc_kv_txn *txn)
{
    if (txn)
        mdb_txn_abort(txn->txn);
    free(txn);
    return NULL;
}

int rc_kv_table_open(rc_kv_txn *txn, const char *name, rc_kv_table *out, rc_error *err)
{
    MDB_dbi dbi;
    int rc = mdb_dbi_open(txn->txn, name, txn->write ? MDB_CREATE : 0, &dbi);
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
    if (it)
        mdb_cursor_close(it->cursor);
    free(it);
    return NULL;
}

/* Housekeeping */

int rc_kv_reader_check(rc_kv *kv, int *ret_dead, rc_error *err)
{
    int dead = 0;
    int rc = mdb_reader_check(kv->env, &dead);
    if (rc)
        return mapped(err, rc, "cannot check its readers");
    if (ret_dead)
        *ret_dead = dead;
    return RC_OK;
}

int rc_kv_stats(rc_kv *kv, rc_kv_stat *out, rc_error *err)
{
    MDB_envinfo info;
    int rc = mdb_env_info(kv->env, &info);
    if (rc)
        return mapped(err, rc, "cannot look at its size");
    *out = (rc_kv_stat){(size_t)kv->page_size, info.me_last_pgno + 1, info.me_mapsize,
                        info.me_numreaders};
    return RC_OK;
}

int rc_kv_copy(rc_kv *kv, const char *file, rc_error *err)
{
    RC_AUTO_CLOSE int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return rc_fail_errno(err, code_of(errno), errno, "index: cannot make its copy");
    int rc = mdb_env_copyfd2(kv->env, fd, MDB_CP_COMPACT);
    if (rc)
        unlink(file);
    return mapped(err, rc, "cannot copy");
}
