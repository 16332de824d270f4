/* Every page of LMDB's file, looked at before LMDB does: it trusts what it maps, and answers damage
 * with an assertion or a wild pointer. The format is that of LMDB 0.9 on a 64-bit little-endian
 * host (mdb.c: MDB_page, MDB_node, MDB_db); of what it can say, only what this project uses is let
 * pass.
 *
 * What holds afterwards: every page that can be reached is in the file, is of the kind that its
 * parent says, and is reached once; every node lies whole in its page and overlaps no other; keys
 * are in order; counts are true; no page is both in use and free. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "index/data_file.h"

enum page_flags { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_KINDS = 0x6F };
enum node_flags { NODE_BIG = 1, NODE_TREE = 2 };
enum tree_kind { TREE_FREE, TREE_MAIN, TREE_TABLE };

#define PAGE_HEADER    16
#define NODE_HEADER    8
#define KEY_MAX        511
#define DEPTH_MAX      31
#define NO_PAGE        UINT64_MAX
#define TREE_SIZE      48
#define TREES_AT       40 /* in a meta page: of the free list, then of the tables */
#define LAST_PAGE_AT   136
#define TXN_AT         144
#define FREE_TREE_BITS 8 /* its flag: keys are integers */

/* A tree's description. */
struct tree {
    uint16_t flags;
    uint16_t depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries;
    uint64_t root;
};

struct check {
    const char *map;
    size_t page_size;
    uint64_t last_page;
    uint8_t *seen;    /* a bit a page */
    uint8_t *covered; /* a byte for every two of the page at hand */
    rc_error *err;
};

/* What has been met of a tree. */
struct walk {
    struct check *c;
    enum tree_kind kind;
    unsigned depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries;
};

static uint16_t load16(const char *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static uint64_t load64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static int broken(const struct check *c, uint64_t page, const char *what)
{
    return rc_fail(c->err, RC_CORRUPT, "index: data.mdb: page %llu: %s", (unsigned long long)page,
                   what);
}

static const char *page_at(const struct check *c, uint64_t page)
{
    return c->map + page * c->page_size;
}

static int mark(struct check *c, uint64_t page)
{
    if (page < 2 || page > c->last_page)
        return broken(c, page, "there is no such page");
    uint8_t bit = (uint8_t)(1U << page % 8);
    if (c->seen[page / 8] & bit)
        return broken(c, page, "is used twice");
    c->seen[page / 8] |= bit;
    return RC_OK;
}

static struct tree read_tree(const char *p)
{
    return (struct tree){load16(p + 4),  load16(p + 6),  load64(p + 8), load64(p + 16),
                         load64(p + 24), load64(p + 32), load64(p + 40)};
}

static int check_tree(struct check *c, enum tree_kind kind, const struct tree *t);

/* A record of the free list: how many pages, then their numbers, falling. */
static int check_free(struct check *c, uint64_t page, rc_str data)
{
    uint64_t n = data.len >= 8 ? load64(data.ptr) : 0, before = NO_PAGE;
    if (data.len < 8 || n > data.len / 8 - 1)
        return broken(c, page, "a free list's length is wrong");
    for (uint64_t i = 1; i <= n; i++) {
        uint64_t free_page = load64(data.ptr + 8 * i);
        if (free_page >= before)
            return broken(c, page, "a free list is not in order");
        before = free_page;
        int code = mark(c, free_page);
        if (code)
            return code;
    }
    return RC_OK;
}

/* Data that has pages of its own: as many as it needs, or more where it was larger before. */
static int check_overflow(struct walk *w, uint64_t page, uint64_t size, rc_str *data)
{
    struct check *c = w->c;
    uint32_t pages;
    int code = mark(c, page);
    if (code)
        return code;
    const char *p = page_at(c, page);
    memcpy(&pages, p + 12, sizeof(pages));
    if (load64(p) != page || (load16(p + 10) & PAGE_KINDS) != PAGE_OVERFLOW ||
        pages < (PAGE_HEADER - 1 + size) / c->page_size + 1)
        return broken(c, page, "is not the overflow page that it should be");
    for (uint32_t i = 1; i < pages; i++) {
        code = mark(c, page + i);
        if (code)
            return code;
    }
    w->overflow_pages += pages;
    *data = rc_str_n(p + PAGE_HEADER, size);
    return RC_OK;
}

static int check_data(struct walk *w, uint64_t page, unsigned flags, rc_str data)
{
    struct check *c = w->c;
    if (flags == NODE_TREE && w->kind == TREE_MAIN && data.len == TREE_SIZE) {
        struct tree t = read_tree(data.ptr);
        return check_tree(c, TREE_TABLE, &t);
    }
    if (flags & NODE_TREE || flags & ~(unsigned)(NODE_BIG | NODE_TREE))
        return broken(c, page, "a node has unknown flags");
    return w->kind == TREE_FREE ? check_free(c, page, data) : RC_OK;
}

/* No two nodes share a byte, and none is outside of the page's upper part. */
static int cover(struct check *c, uint64_t page, size_t at, size_t size)
{
    size_t units = (size + 1) / 2;
    if (memchr(c->covered + at / 2, 1, units))
        return broken(c, page, "its nodes overlap");
    memset(c->covered + at / 2, 1, units);
    return RC_OK;
}

static int check_order(struct walk *w, uint64_t page, size_t i, rc_str before, rc_str key)
{
    bool good = key.len <= KEY_MAX;
    if (w->kind == TREE_FREE)
        good = key.len == 8 && (i == 0 || load64(before.ptr) < load64(key.ptr));
    else if (i > 0)
        good = good && rc_str_cmp(before, key) < 0;
    else
        good = good && key.len > 0;
    return good ? RC_OK : broken(w->c, page, "its keys are not in order");
}

static int check_page(struct walk *w, uint64_t page, unsigned depth);

static int check_leaf_node(struct walk *w, uint64_t page, const char *node, size_t room,
                           size_t *ret_size)
{
    uint64_t size = load16(node) | (uint32_t)load16(node + 2) << 16;
    unsigned flags = load16(node + 4);
    size_t head = NODE_HEADER + (size_t)load16(node + 6);
    uint64_t inside = flags & NODE_BIG ? 8 : size;
    rc_str data = rc_str_n(node + head, size);
    if (head > room || inside > room - head)
        return broken(w->c, page, "a node reaches beyond the page");
    *ret_size = head + inside;
    w->entries++;
    if (flags & NODE_BIG) {
        int code = check_overflow(w, load64(node + head), size, &data);
        if (code)
            return code;
    }
    return check_data(w, page, flags, data);
}

static int check_branch_node(struct walk *w, uint64_t page, const char *node, size_t room,
                             unsigned depth, size_t *ret_size)
{
    uint64_t child =
        load16(node) | (uint64_t)load16(node + 2) << 16 | (uint64_t)load16(node + 4) << 32;
    *ret_size = NODE_HEADER + (size_t)load16(node + 6);
    if (*ret_size > room)
        return broken(w->c, page, "a node reaches beyond the page");
    return check_page(w, child, depth + 1);
}

/* The places of all nodes, before any child is looked at: covered is shared. */
static int check_places(struct walk *w, uint64_t page, bool leaf, size_t n, size_t upper)
{
    struct check *c = w->c;
    const char *p = page_at(c, page);
    memset(c->covered, 0, c->page_size / 2);
    for (size_t i = 0; i < n; i++) {
        size_t at = load16(p + PAGE_HEADER + 2 * i);
        if (at < upper || at % 2 || at + NODE_HEADER > c->page_size)
            return broken(c, page, "a node is outside of its place");
        const char *node = p + at;
        size_t size = NODE_HEADER + (size_t)load16(node + 6);
        if (leaf && load16(node + 4) & NODE_BIG)
            size += 8;
        else if (leaf)
            size += load16(node) | (size_t)load16(node + 2) << 16;
        if (size > c->page_size - at)
            return broken(c, page, "a node reaches beyond the page");
        int code = cover(c, page, at, size);
        if (code)
            return code;
    }
    if (memchr(c->covered + upper / 2, 0, (c->page_size - upper) / 2))
        return broken(c, page, "there are gaps between its nodes");
    return RC_OK;
}

static int check_nodes(struct walk *w, uint64_t page, bool leaf, size_t n, unsigned depth)
{
    struct check *c = w->c;
    const char *p = page_at(c, page);
    rc_str before = RC_STR_EMPTY;
    int code = RC_OK;
    for (size_t i = 0; !code && i < n; i++) {
        size_t at = load16(p + PAGE_HEADER + 2 * i), size;
        const char *node = p + at;
        rc_str key = rc_str_n(node + NODE_HEADER, load16(node + 6));
        /* A branch's first key is never looked at, and may be empty. */
        if (leaf || i > 0)
            code = check_order(w, page, leaf ? i : i - 1, before, key);
        if (!code && leaf)
            code = check_leaf_node(w, page, node, c->page_size - at, &size);
        else if (!code)
            code = check_branch_node(w, page, node, c->page_size - at, depth, &size);
        before = key;
    }
    return code;
}

static int check_page(struct walk *w, uint64_t page, unsigned depth)
{
    struct check *c = w->c;
    int code = mark(c, page);
    if (code)
        return code;
    const char *p = page_at(c, page);
    size_t lower = load16(p + 12), upper = load16(p + 14);
    bool leaf = depth == w->depth;
    if (load64(p) != page || (load16(p + 10) & PAGE_KINDS) != (leaf ? PAGE_LEAF : PAGE_BRANCH))
        return broken(c, page, "is not the page that it should be");
    if (lower < PAGE_HEADER || lower % 2 || upper % 2 || lower > upper || upper > c->page_size)
        return broken(c, page, "its bounds are wrong");
    size_t n = (lower - PAGE_HEADER) / 2;
    if (n < (leaf ? 1U : 2U))
        return broken(c, page, "it is empty");
    if (leaf)
        w->leaf_pages++;
    else
        w->branch_pages++;
    code = check_places(w, page, leaf, n, upper);
    return code ? code : check_nodes(w, page, leaf, n, depth);
}

static int check_tree(struct check *c, enum tree_kind kind, const struct tree *t)
{
    struct walk w = {.c = c, .kind = kind, .depth = t->depth};
    if (t->flags != (kind == TREE_FREE ? FREE_TREE_BITS : 0) || t->depth > DEPTH_MAX ||
        (t->root == NO_PAGE) != (t->depth == 0))
        return broken(c, t->root, "the description of its tree is wrong");
    if (t->depth) {
        int code = check_page(&w, t->root, 1);
        if (code)
            return code;
    }
    if (w.branch_pages != t->branch_pages || w.leaf_pages != t->leaf_pages ||
        w.overflow_pages != t->overflow_pages || w.entries != t->entries)
        return broken(c, t->root, "the counts of its tree are wrong");
    return RC_OK;
}

/* The tables first: what they use must not be free. */
static int check_trees(struct check *c, const char *meta)
{
    struct tree free_list = read_tree(meta + TREES_AT);
    struct tree tables = read_tree(meta + TREES_AT + TREE_SIZE);
    int code = check_tree(c, TREE_MAIN, &tables);
    return code ? code : check_tree(c, TREE_FREE, &free_list);
}

static int check_map(const char *map, size_t page_size, rc_error *err)
{
    const char *meta = map;
    if (load64(map + page_size + TXN_AT) > load64(map + TXN_AT))
        meta = map + page_size;
    struct check c = {
        .map = map, .page_size = page_size, .last_page = load64(meta + LAST_PAGE_AT), .err = err};
    c.seen = calloc(1, c.last_page / 8 + 1);
    c.covered = malloc(page_size / 2);
    int code =
        c.seen && c.covered ? check_trees(&c, meta) : rc_fail(err, RC_NOMEM, "index: no memory");
    free(c.seen);
    free(c.covered);
    return code;
}

int rc_data_file_check_tree(const char *file, rc_error *err)
{
    size_t page_size = 0;
    int code = rc_data_file_check(file, &page_size, err);
    if (code || page_size == 0)
        return code;
    struct stat st;
    RC_AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return rc_fail_errno(err, RC_IO, errno, "index: cannot read data.mdb");
    char *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return rc_fail_errno(err, errno == ENOMEM ? RC_NOMEM : RC_IO, errno,
                             "index: cannot map data.mdb");
    code = check_map(map, page_size, err);
    munmap(map, (size_t)st.st_size);
    return code;
}
