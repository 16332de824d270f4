/* The look at every page: what LMDB writes always passes, what it could not have written never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "index/data_file.h"
#include "index/kv.h"

struct room {
    char dir[64];
    char file[96];
    rc_kv *kv;
    rc_kv_table t[2];
};

static void ok(int code, const rc_error *err)
{
    if (code)
        fail_msg("%s", err->msg);
}

static void open_room(struct room *r)
{
    rc_error err = RC_ERROR_INIT;
    const rc_kv_options o = {
        .dir = r->dir, .map_size = 64 << 20, .write = true, .nosync = true, .check = true};
    ok(rc_kv_open(&o, &r->kv, &err), &err);
    ok(rc_kv_table_open(r->kv, "t", &r->t[0], &err), &err);
    ok(rc_kv_table_open(r->kv, "u", &r->t[1], &err), &err);
}

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    strcpy(r->dir, "/dev/shm/rc_tree_XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->file, sizeof(r->file), "%s/data.mdb", r->dir);
    open_room(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock"};
    struct room *r = *state;
    rc_kv_close(r->kv);
    for (size_t i = 0; i < RC_ARRAY_LEN(names); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", r->dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(r->dir), 0);
    free(r);
    return 0;
}

/* Keys of all lengths, values from none to many pages, in two tables; now and then most go. */
static void change_at_random(struct room *r, rc_kv_txn *txn, uint64_t *random, bool shrink)
{
    static char value[40000];
    rc_error err = RC_ERROR_INIT;
    char key[RC_KV_KEY_MAX];
    uint64_t x = rc_rand_next(random);
    size_t len = 1 + (x % 500 < 450 ? x % 20 : x % sizeof(key));
    memset(key, (int)(x >> 32) % 50 + 'a', sizeof(key));
    memcpy(key, &x, len < 2 ? len : 2);
    rc_kv_table t = r->t[x >> 63];
    size_t size = (x >> 40) % 8 ? (x >> 43) % 300 : (x >> 43) % sizeof(value);
    int code = (x >> 20) % 10 < (shrink ? 9U : 3U)
                   ? rc_kv_del(txn, t, rc_str_n(key, len), &err)
                   : rc_kv_put(txn, t, rc_str_n(key, len), rc_str_n(value, size), &err);
    if (code != RC_NOTFOUND)
        ok(code, &err);
}

static void test_what_lmdb_writes_passes(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    uint64_t random = 5;
    for (int i = 0; i < 150; i++) {
        for (int n = 0; n < 4; n++) {
            rc_kv_txn *txn = NULL;
            ok(rc_kv_begin(r->kv, true, &txn, &err), &err);
            for (uint64_t j = rc_rand_next(&random) % 100; j > 0; j--)
                change_at_random(r, txn, &random, i % 50 > 40);
            if (rc_rand_next(&random) % 8)
                ok(rc_kv_commit(txn, &err), &err);
            else
                rc_kv_abort(txn);
        }
        ok(rc_data_file_check_tree(r->file, &err), &err); /* nobody writes just now */
        if (i % 10 == 0) {
            r->kv = rc_kv_close(r->kv);
            open_room(r);
        }
    }
    rc_kv_stat s;
    ok(rc_kv_stats(r->kv, &s, &err), &err);
    assert_true(s.used_pages > 300); /* or it was not what it was meant to be */
}

/* The file as bytes */

struct bytes {
    char *p;
    size_t n;
};

static struct bytes read_file(const char *file)
{
    FILE *f = fopen(file, "rb");
    assert_non_null(f);
    struct bytes b = {malloc(1 << 20), 0};
    b.n = fread(b.p, 1, 1 << 20, f);
    fclose(f);
    return b;
}

static void write_file(const char *file, struct bytes b)
{
    FILE *f = fopen(file, "r+b");
    assert_non_null(f);
    assert_int_equal(fwrite(b.p, 1, b.n, f), b.n);
    assert_int_equal(fclose(f), 0);
}

/* The page of table t in the last commit: the one whose node of this key is newest. */
static char *find_key(struct bytes b, const char *key)
{
    char *found = NULL, *at = b.p;
    size_t n = strlen(key);
    while ((at = memmem(at, (size_t)(b.p + b.n - at), key, n)))
        found = at++;
    assert_non_null(found);
    return found - 8; /* the node's header */
}

static char *page_of(struct bytes b, const char *p)
{
    return b.p + (size_t)(p - b.p) / 4096 * 4096;
}

static void grow_node(struct bytes b)
{
    find_key(b, "key-three")[0] += 16; /* lies below the others, so it now covers one */
}

static void grow_beyond(struct bytes b)
{
    find_key(b, "key-one")[1] = 0x70;
}

static void move_node(struct bytes b)
{
    page_of(b, find_key(b, "key-one"))[16] ^= 0x40;
}

static void swap_keys(struct bytes b)
{
    find_key(b, "key-one")[8] = 'z';
}

static void renumber_page(struct bytes b)
{
    page_of(b, find_key(b, "key-one"))[0]++;
}

static void make_branch(struct bytes b)
{
    page_of(b, find_key(b, "key-one"))[10] = 1;
}

static void lower_above_upper(struct bytes b)
{
    page_of(b, find_key(b, "key-one"))[13] = 0x70;
}

static void strange_flags(struct bytes b)
{
    find_key(b, "key-one")[4] = 4;
}

static void tree_within_a_tree(struct bytes b)
{
    find_key(b, "key-one")[4] = 2;
}

static void overflow_elsewhere(struct bytes b)
{
    char *node = find_key(b, "key-big");
    node[8 + 7] = 1; /* the number of its overflow page */
    node[8 + 8] = 0;
}

static void overflow_shared(struct bytes b)
{
    memcpy(find_key(b, "key-bug") + 8 + 7, find_key(b, "key-big") + 8 + 7, 8);
}

static uint64_t load64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* In the newer meta page, the root of the free list's tree; its first node's data. */
static void free_a_used_page(struct bytes b)
{
    uint64_t used = (uint64_t)(page_of(b, find_key(b, "key-one")) - b.p) / 4096;
    const char *meta = load64(b.p + 4096 + 144) > load64(b.p + 144) ? b.p + 4096 : b.p;
    char *leaf = b.p + load64(meta + 80) * 4096;
    char *node = leaf + (size_t)(uint8_t)leaf[16] + ((size_t)(uint8_t)leaf[17] << 8);
    char *numbers = node + 16;
    assert_true(load64(numbers) >= 1);
    memcpy(numbers + 8, &used, sizeof(used));
    memset(numbers, 0, 8);
    numbers[0] = 1;
}

static void overflow_without_end(struct bytes b)
{
    find_key(b, "key-big")[3] = 0x10; /* 256 MiB and more */
}

static void test_what_it_could_not_have_written_does_not(void **state)
{
    static const struct {
        void (*damage)(struct bytes b);
        const char *says;
    } cases[] = {
        {grow_node, "overlap"},
        {grow_beyond, "beyond the page"},
        {move_node, "page"},
        {swap_keys, "order"},
        {renumber_page, "not the page"},
        {make_branch, "not the page"},
        {lower_above_upper, "bounds"},
        {strange_flags, "flags"},
        {tree_within_a_tree, "flags"},
        {overflow_elsewhere, "page"},
        {overflow_shared, "used twice"},
        {free_a_used_page, "used twice"},
        {overflow_without_end, "overflow page"},
    };
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    rc_kv_txn *txn = NULL;
    static char big[20000];
    ok(rc_kv_begin(r->kv, true, &txn, &err), &err);
    ok(rc_kv_put(txn, r->t[0], RC_STR("key-one"), RC_STR("sixteen bytes !!"), &err), &err);
    ok(rc_kv_put(txn, r->t[0], RC_STR("key-two"), RC_STR("sixteen bytes !!"), &err), &err);
    ok(rc_kv_put(txn, r->t[0], RC_STR("key-three"), RC_STR("sixteen bytes !!"), &err), &err);
    ok(rc_kv_put(txn, r->t[0], RC_STR("key-big"), rc_str_n(big, sizeof(big)), &err), &err);
    ok(rc_kv_put(txn, r->t[0], RC_STR("key-bug"), rc_str_n(big, sizeof(big)), &err), &err);
    ok(rc_kv_commit(txn, &err), &err);
    r->kv = rc_kv_close(r->kv);
    struct bytes good = read_file(r->file), bad = read_file(r->file);
    ok(rc_data_file_check_tree(r->file, &err), &err);
    for (size_t i = 0; i < RC_ARRAY_LEN(cases); i++) {
        memcpy(bad.p, good.p, good.n);
        cases[i].damage(bad);
        write_file(r->file, bad);
        err = (rc_error)RC_ERROR_INIT;
        if (rc_data_file_check_tree(r->file, &err) != RC_CORRUPT || !strstr(err.msg, cases[i].says))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.msg, cases[i].says);
    }
    write_file(r->file, good);
    ok(rc_data_file_check_tree(r->file, &err), &err);
    free(good.p);
    free(bad.p);
    open_room(r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_lmdb_writes_passes),
        TEST(test_what_it_could_not_have_written_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
