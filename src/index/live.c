/* The live page: a struct in shared memory, copied word by word under a sequence lock.
 *
 * The lock's number is odd while a writer is at work. All words are atomics; a word is stored with
 * release after the odd number and loaded with acquire before the number is looked at again, so a
 * reader that met a word of an update also meets its odd number, or a later one. (Fences would do
 * with relaxed words, but the thread sanitizer does not understand them, and on x86 it is the same
 * code.) */
#include "index/live.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "index/layout.h"

#define MAGIC      UINT64_C(0x6576696c6c6f7263) /* "crollive", little-endian */
#define INFO_AT    64
#define STATS_AT   2048
#define INFO_WORDS ((sizeof(rc_live_info) + 7) / 8)

/* A reader spins, then sleeps: 100 times 100 µs is far longer than any update takes. */
#define SPINS  200
#define SLEEPS 100

struct page {
    _Atomic uint64_t magic;
    _Atomic uint32_t version;
    uint32_t size;
    _Atomic uint64_t sequence;
    _Atomic uint64_t generation;
    _Atomic uint64_t rev;
    uint64_t reserved[3];
    _Atomic uint64_t info[INFO_WORDS];
    char room[STATS_AT - INFO_AT - 8 * INFO_WORDS];
    rc_stats stats;
};

/* The struct's layout is the page's: docs/index-format.md has these numbers. */
#define AT(member, offset) \
    _Static_assert(INFO_AT + offsetof(rc_live_info, member) == (offset), #member)
_Static_assert(sizeof(struct page) == RC_LIVE_SIZE, "one page");
_Static_assert(offsetof(struct page, rev) == 32 && offsetof(struct page, info) == INFO_AT, "head");
_Static_assert(offsetof(struct page, stats) == STATS_AT, "counters");
_Static_assert(sizeof(rc_mirror_status) == 16 && sizeof(enum rc_mirror_state) == 4, "mirror");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "shared with other processes");
AT(pid, 64);
AT(started_ns, 72);
AT(epoch, 80);
AT(mirror.state, 88);
AT(mirror.synced, 92);
AT(mirror.stale_since_ns, 96);
AT(mirror_beat_ns, 104);
AT(serve_beat_ns, 112);
AT(resync_ns, 120);
AT(resync_mono_ns, 128);
AT(resync_took_ns, 136);
AT(resync_every_ns, 144);
AT(event_ns, 152);
AT(used_bytes, 160);
AT(map_bytes, 168);
AT(max_used_bytes, 176);
AT(oldest_rev, 184);
AT(oldest_reader_rev, 192);
AT(readers, 200);
AT(containers, 208);
AT(endpoint, 336);
AT(engine_version, 592);
AT(api_version, 848);
AT(version, 1104);
AT(last_error, 1360);
_Static_assert(sizeof(rc_live_info) == 1616 - INFO_AT, "end of the fields");

struct rc_live {
    struct page *page;
    int fd;
    int lock_fd; /* the writer's, -1 for a reader; never mapped: a mapping keeps its file open, and
                    so the lock, for as long as anybody looks at a dead process's memory */
    bool writer;
    pthread_mutex_t mutex; /* of the writer's threads */
    uint64_t epoch_before; /* what the writer before left */
    int64_t beat_before;
};

static int fail_at(rc_error *err, const char *what)
{
    int code = RC_IO;
    if (errno == EACCES || errno == EPERM || errno == EROFS)
        code = RC_PERM;
    else if (errno == ENOSPC || errno == EDQUOT)
        code = RC_FULL;
    else if (errno == ENOENT)
        code = RC_NOTFOUND;
    return rc_fail_errno(err, code, errno, "live page: cannot %s", what);
}

static rc_live *new_live(bool writer)
{
    rc_live *live = calloc(1, sizeof(*live));
    if (live) {
        live->fd = live->lock_fd = -1;
        live->writer = writer;
        pthread_mutex_init(&live->mutex, NULL);
    }
    return live;
}

rc_live *rc_live_close(rc_live *live)
{
    if (!live)
        return NULL;
    if (live->page)
        munmap(live->page, RC_LIVE_SIZE);
    if (live->fd >= 0)
        close(live->fd);
    if (live->lock_fd >= 0)
        close(live->lock_fd);
    pthread_mutex_destroy(&live->mutex);
    free(live);
    return NULL;
}

static int map_page(rc_live *live, rc_error *err)
{
    int prot = live->writer ? PROT_READ | PROT_WRITE : PROT_READ;
    void *p = mmap(NULL, RC_LIVE_SIZE, prot, MAP_SHARED, live->fd, 0);
    if (p == MAP_FAILED)
        return fail_at(err, "map it");
    live->page = p;
    return RC_OK;
}

/* The writer's side */

static int take_lock(rc_live *live, const char *dir, const char *file, rc_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    live->lock_fd = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (live->lock_fd < 0)
        return fail_at(err, "open it");
    if (fcntl(live->lock_fd, F_OFD_SETLK, &lock) == 0)
        return RC_OK;
    if (errno == EAGAIN || errno == EACCES)
        return rc_fail(err, RC_EXISTS, "index: another daemon has %s", dir);
    return fail_at(err, "lock it");
}

/* Written, not only lengthened: a page that the disk has no room for would kill with SIGBUS. */
static int fill_file(rc_live *live, rc_error *err)
{
    static const char zero[RC_LIVE_SIZE];
    struct stat st;
    if (fstat(live->fd, &st) < 0)
        return fail_at(err, "look at it");
    if (!S_ISREG(st.st_mode))
        return rc_fail(err, RC_CORRUPT, "live page: it is not a file");
    if (st.st_size >= RC_LIVE_SIZE)
        return RC_OK;
    ssize_t n = pwrite(live->fd, zero, sizeof(zero), 0);
    if (n == (ssize_t)sizeof(zero))
        return RC_OK;
    errno = n < 0 ? errno : ENOSPC;
    return fail_at(err, "write it");
}

static int set_access(const rc_live *live, mode_t mode, gid_t gid, rc_error *err)
{
    if (gid != (gid_t)-1 && fchown(live->fd, (uid_t)-1, gid) < 0)
        return fail_at(err, "give it to the group");
    if (fchmod(live->fd, mode) < 0)
        return fail_at(err, "set its mode");
    return RC_OK;
}

static void set_start(rc_live_info *info, void *arg)
{
    rc_live *live = arg;
    live->epoch_before = info->epoch;
    live->beat_before = info->mirror_beat_ns;
    memset(info, 0, sizeof(*info));
    info->pid = (uint32_t)getpid();
    info->started_ns = rc_clock_real();
    strncpy(info->version, ROLLCALL_VERSION, sizeof(info->version) - 1);
}

/* A page of unknown content becomes ours, in place: readers may have it mapped. */
static void start_page(rc_live *live)
{
    struct page *p = live->page;
    if (atomic_load(&p->magic) != MAGIC || atomic_load(&p->version) != RC_LIVE_VERSION) {
        atomic_store(&p->magic, 0);
        atomic_store(&p->sequence, 0);
        atomic_store(&p->generation, 0);
        atomic_store(&p->rev, 0);
        for (size_t i = 0; i < INFO_WORDS; i++)
            atomic_store(&p->info[i], 0);
    }
    /* A writer that died in mid-update left it odd. */
    uint64_t sequence = atomic_load(&p->sequence);
    if (sequence % 2)
        atomic_store(&p->sequence, sequence + 1);
    for (size_t i = 0; i < RC_STAT_ROOM; i++)
        atomic_store(&p->stats.at[i], 0);
    rc_live_update(live, set_start, live);
    p->size = RC_LIVE_SIZE;
    atomic_store(&p->version, RC_LIVE_VERSION);
    atomic_store(&p->magic, MAGIC);
}

int rc_live_create(const char *dir, mode_t mode, gid_t gid, rc_live **out, rc_error *err)
{
    RC_AUTO_FREE char *file = rc_path_join(dir, RC_LIVE_FILE_NAME);
    rc_live *live = new_live(true);
    if (!file || !live) {
        rc_live_close(live);
        return rc_fail(err, RC_NOMEM, "live page: no memory");
    }
    live->fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    int code = live->fd < 0 ? fail_at(err, "open it") : take_lock(live, dir, file, err);
    if (!code)
        code = fill_file(live, err);
    if (!code)
        code = set_access(live, mode, gid, err);
    if (!code)
        code = map_page(live, err);
    if (code) {
        rc_live_close(live);
        return code;
    }
    start_page(live);
    *out = live;
    return RC_OK;
}

int64_t rc_live_beat_before(const rc_live *live, uint64_t epoch)
{
    return live->epoch_before == epoch ? live->beat_before : 0;
}

static void load_words(const struct page *p, uint64_t *words)
{
    for (size_t i = 0; i < INFO_WORDS; i++)
        words[i] = atomic_load_explicit(&p->info[i], memory_order_acquire);
}

void rc_live_update(rc_live *live, void (*update)(rc_live_info *info, void *arg), void *arg)
{
    struct page *p = live->page;
    union {
        rc_live_info info;
        uint64_t words[INFO_WORDS];
    } u;
    pthread_mutex_lock(&live->mutex);
    load_words(p, u.words);
    update(&u.info, arg);
    uint64_t sequence = atomic_load_explicit(&p->sequence, memory_order_relaxed);
    atomic_store_explicit(&p->sequence, sequence + 1, memory_order_relaxed);
    for (size_t i = 0; i < INFO_WORDS; i++)
        atomic_store_explicit(&p->info[i], u.words[i], memory_order_release);
    atomic_store_explicit(&p->sequence, sequence + 2, memory_order_release);
    pthread_mutex_unlock(&live->mutex);
}

/* Stored first: what write(2) then puts there is what is there already, so that nobody can see half
 * of it. A failure costs watchers a wake-up, and nothing can be done about it. */
void rc_live_committed(rc_live *live, uint64_t rev)
{
    atomic_store_explicit(&live->page->rev, rev, memory_order_release);
    ssize_t n = pwrite(live->fd, &rev, sizeof(rev), offsetof(struct page, rev));
    (void)n;
}

void rc_live_set_generation(rc_live *live, uint64_t generation)
{
    atomic_store_explicit(&live->page->generation, generation, memory_order_release);
}

rc_stats *rc_live_stats(rc_live *live)
{
    return &live->page->stats;
}

/* The reader's side */

static int check_page(const rc_live *live, rc_error *err)
{
    const struct page *p = live->page;
    uint64_t magic = atomic_load(&p->magic);
    if (magic == 0)
        return rc_fail(err, RC_NOTFOUND, "live page: its writer has only begun it");
    if (magic != MAGIC)
        return rc_fail(err, RC_CORRUPT, "live page: it is none");
    unsigned version = atomic_load(&p->version);
    if (version != RC_LIVE_VERSION)
        return rc_fail(err, RC_VERSION, "live page: format version %u, not %d", version,
                       RC_LIVE_VERSION);
    return RC_OK;
}

int rc_live_open(const char *dir, rc_live **out, rc_error *err)
{
    RC_AUTO_FREE char *file = rc_path_join(dir, RC_LIVE_FILE_NAME);
    rc_live *live = new_live(false);
    struct stat st;
    if (!file || !live) {
        rc_live_close(live);
        return rc_fail(err, RC_NOMEM, "live page: no memory");
    }
    int code = RC_OK;
    live->fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (live->fd < 0 || fstat(live->fd, &st) < 0)
        code = fail_at(err, "open it");
    else if (S_ISREG(st.st_mode) && st.st_size == 0)
        code = rc_fail(err, RC_NOTFOUND, "live page: its writer has only begun it");
    else if (!S_ISREG(st.st_mode) || st.st_size < RC_LIVE_SIZE)
        code = rc_fail(err, RC_CORRUPT, "live page: it is cut off");
    if (!code)
        code = map_page(live, err);
    if (!code)
        code = check_page(live, err);
    if (code) {
        rc_live_close(live);
        return code;
    }
    *out = live;
    return RC_OK;
}

/* One try; false where an update came in between. */
static bool read_once(const struct page *p, uint64_t *words)
{
    uint64_t before = atomic_load_explicit(&p->sequence, memory_order_acquire);
    load_words(p, words);
    return before % 2 == 0 && before == atomic_load_explicit(&p->sequence, memory_order_relaxed);
}

/* Whatever the page holds becomes a struct that may be used. */
static void take_words(uint64_t *words, rc_live_info *out)
{
    char *bytes = (char *)words;
    uint32_t state;
    memcpy(&state, bytes + offsetof(rc_live_info, mirror.state), sizeof(state));
    if (state >= RC_MIRROR_STATE_COUNT)
        memset(bytes + offsetof(rc_live_info, mirror.state), 0, sizeof(state));
    char *synced = bytes + offsetof(rc_live_info, mirror.synced);
    *synced = *synced != 0;
    memcpy(out, words, sizeof(*out));
    char *const texts[] = {out->endpoint, out->engine_version, out->api_version, out->version,
                           out->last_error};
    for (size_t i = 0; i < RC_ARRAY_LEN(texts); i++)
        texts[i][RC_LIVE_TEXT_MAX - 1] = '\0';
}

int rc_live_read(const rc_live *live, rc_live_info *out, rc_error *err)
{
    uint64_t words[INFO_WORDS];
    const struct timespec pause = {0, 100000};
    for (int i = 0; i < SPINS + SLEEPS; i++) {
        if (read_once(live->page, words)) {
            take_words(words, out);
            return RC_OK;
        }
        if (i < SPINS)
            sched_yield();
        else
            nanosleep(&pause, NULL);
    }
    take_words(words, out);
    return rc_fail(err, RC_BUSY, "live page: its writer stopped in the middle of an update");
}

uint64_t rc_live_rev(const rc_live *live)
{
    return atomic_load_explicit(&live->page->rev, memory_order_acquire);
}

uint64_t rc_live_generation(const rc_live *live)
{
    return atomic_load_explicit(&live->page->generation, memory_order_acquire);
}

bool rc_live_removed(const rc_live *live)
{
    struct stat st;
    return fstat(live->fd, &st) == 0 && st.st_nlink == 0;
}

const rc_stats *rc_live_counters(const rc_live *live)
{
    return &live->page->stats;
}

/* The lock belongs to the writer's open file, not to its process: another handle of the same
 * process meets it, too. */
bool rc_live_writer_holds(const rc_live *live)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    if (live->writer)
        return true;
    return fcntl(live->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
