/* Is LMDB's data file one, and whole? From its two meta pages. */
#include "index/data_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

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
    if (m->version != 1 || m->page_size < 256 || m->page_size > 65536 ||
        (m->page_size & (m->page_size - 1)))
        return rc_fail(err, RC_CORRUPT, "index: data.mdb is of another LMDB format");
    return RC_OK;
}

int rc_data_file_check(const char *file, size_t *ret_page_size, rc_error *err)
{
    RC_AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    struct meta a, b;
    *ret_page_size = 0;
    if (fd < 0 && errno == ENOENT)
        return RC_OK;
    if (fd < 0 || fstat(fd, &st) < 0)
        return rc_fail_errno(err, errno == EACCES ? RC_PERM : RC_IO, errno,
                             "index: cannot open data.mdb");
    if (!S_ISREG(st.st_mode))
        return rc_fail(err, RC_CORRUPT, "index: data.mdb is not a file");
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
    *ret_page_size = a.page_size;
    return RC_OK;
}
