/* Configuration files: what is read, what is refused with its place, and that no bytes at all can
 * do more than that. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "daemon/config_file.h"

struct room {
    char dir[64];
    char file[96];
    rc_config_draft draft;
};

static int setup(void **state)
{
    rc_error err = RC_ERROR_INIT;
    struct room *r = calloc(1, sizeof(*r));
    strcpy(r->dir, "/tmp/rc_conf_XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->file, sizeof(r->file), "%s/r.conf", r->dir);
    if (rc_config_draft_init(&r->draft, &err))
        fail_msg("%s", err.msg);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    rc_config_draft_release(&r->draft);
    (void)unlink(r->file);
    assert_int_equal(rmdir(r->dir), 0);
    free(r);
    return 0;
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static int read_bytes(struct room *r, const void *bytes, size_t n, rc_error *err)
{
    write_bytes(r->file, bytes, n);
    return rc_config_file_read(&r->draft, r->file, NULL, err);
}

static void read_text(struct room *r, const char *text)
{
    rc_error err = RC_ERROR_INIT;
    if (read_bytes(r, text, strlen(text), &err))
        fail_msg("%s", err.msg);
}

/* The message is FILE and then exactly this. */
static void refuse_bytes(struct room *r, const void *bytes, size_t n, const char *message)
{
    rc_error err = RC_ERROR_INIT;
    char expected[RC_ERROR_MAX];
    snprintf(expected, sizeof(expected), "%s%s", r->file, message);
    assert_int_equal(read_bytes(r, bytes, n, &err), RC_INVALID);
    assert_string_equal(err.msg, expected);
}

static void test_sections_keys_comments(void **state)
{
    struct room *r = *state;
    const rc_config *c = r->draft.config;
    read_text(r, "\xEF\xBB\xBF; a comment\r\n"
                 "# another\n"
                 "\n"
                 "[engine] ; and one behind a section\r\n"
                 "host=unix:///a ; and one behind a value\r\n"
                 "tls_ca : /with blank/ca.pem\n"
                 "   # indented comments continue nothing\n"
                 "\t\n"
                 "[index]\n"
                 "path\t=\t/i;dx/\n"
                 "[engine]\n"
                 "inspect = off"); /* no end of the line */
    assert_string_equal(c->engine.host, "unix:///a");
    assert_string_equal(c->engine.tls_ca, "/with blank/ca.pem");
    assert_string_equal(c->index.path, "/i;dx");
    assert_false(c->engine.inspect);
}

static void test_an_empty_file_changes_nothing(void **state)
{
    struct room *r = *state;
    read_text(r, "");
    read_text(r, "\n\n[log]\n");
    for (size_t i = 0; i < rc_config_key_count(); i++)
        assert_null(r->draft.origin[i]);
}

static void test_lists_go_on_over_lines(void **state)
{
    struct room *r = *state;
    const rc_config *c = r->draft.config;
    read_text(r, "[index]\n"
                 "labels = a.* , b ; the first\n"
                 "# between\n"
                 "  c.*,d ; the second\n"
                 "\n"
                 "\te\n"
                 "labels_drop=\n"
                 "[api]\n"
                 "writers = 0,\n"
                 "  17 18\n");
    assert_string_equal(c->index.labels, "a.* , b c.*,d e");
    assert_string_equal(c->index.labels_drop, "");
    assert_int_equal(c->api.n_writers, 3);
    assert_int_equal(c->api.writers[0], 0);
    assert_int_equal(c->api.writers[1], 17);
    assert_int_equal(c->api.writers[2], 18);
}

static void test_origins_are_lines(void **state)
{
    struct room *r = *state;
    char expected[RC_ERROR_MAX];
    const rc_config_key *key = NULL;
    read_text(r, "[index]\n\nhistory=7\nlabels=a\n b\n");
    assert_int_equal(rc_config_key_find_dotted(RC_STR("index.history"), &key, NULL), RC_OK);
    snprintf(expected, sizeof(expected), "%s:3", r->file);
    assert_string_equal(rc_config_draft_origin(&r->draft, key), expected);
}

static void test_mistakes_have_their_place(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[engin]\n", ":1: unknown section [engin], expected one of [engine] [mirror] [index] "
                      "[workloads] [api] [log]"},
        {"[log]\nlevel=info\nlevl=debug\n",
         ":3: unknown key log.levl, expected one of level format"},
        {"[log]\nlevel=loud\n",
         ":2: log.level: expected error, warning, info or debug, got \"loud\""},
        {"[log]\n\nlevel\n", ":3: expected [section], key = value, or a comment"},
        {"level=info\n", ":1: expected a [section] before the first key"},
        {"[log]\nlevel=info\n[log]\nlevel=debug\n",
         ":4: log.level is set already at line 2, expected it once a file"},
        {"[log]\n level=info\n",
         ":2: expected a key or a section at the beginning of the line, got "
         "an indented line"},
        {"[log]\nlevel=info\n\tformat=text\n",
         ":3: an indented line continues the value above, but log.level is not a list"},
        {"[index]\nlabels=a\n[log]\n b\n",
         ":4: expected a key or a section at the beginning of the line, got an indented line"},
        {"[log\nlevel=info\n", ":1: expected [section], but the ] is missing"},
        {"[log] level=info\n", ":1: expected nothing behind [section], got \"level=info\""},
        {"[api]\nwriters=1\n  nobody-of-that-name\n",
         ":3: api.writers: there is no user \"nobody-of-that-name\""},
        {"[log]\nlevel=\x1b[31m\n", ":2: expected text, got a byte 0x1b"},
        {"[log]\rlevel=info\n", ":1: expected text, got a byte 0x0d"},
        {"[log]\n=info\n", ":2: unknown key log., expected one of level format"},
        /* The first of several, whoever finds it. */
        {"[log]\nnonsense\nlevel=loud\n", ":2: expected [section], key = value, or a comment"},
        {"[log]\nlevel=loud\nnonsense\n",
         ":2: log.level: expected error, warning, info or debug, got \"loud\""},
    };
    struct room *r = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuse_bytes(r, cases[i].text, strlen(cases[i].text), cases[i].message);
}

static void test_nul_bytes(void **state)
{
    static const char text[] = "[log]\nlevel=info\0\nformat=text\n";
    refuse_bytes(*state, text, sizeof(text) - 1, ":2: expected text, got a byte 0x00");
}

static void test_long_lines(void **state)
{
    struct room *r = *state;
    char text[512], message[256];
    /* As much as libinih keeps is read whole … */
    int n = snprintf(text, sizeof(text), "[engine]\nhost=%0192d\n", 7);
    assert_int_equal(read_bytes(r, text, (size_t)n, NULL), RC_OK);
    assert_int_equal(strlen(r->draft.config->engine.host), 192);
    /* … and a byte more is refused, not cut. */
    n = snprintf(text, sizeof(text), "[engine]\nhost=%0193d\n", 7);
    snprintf(
        message, sizeof(message),
        ":2: the line has 198 bytes, at most 197 are read (a list may be continued on indented "
        "lines)");
    refuse_bytes(r, text, (size_t)n, message);
    /* Comments, too: one bound for all lines. */
    n = snprintf(text, sizeof(text), "#%0197d\n", 7);
    assert_int_equal(read_bytes(r, text, (size_t)n, NULL), RC_INVALID);
}

static void test_large_files(void **state)
{
    struct room *r = *state;
    char *text = malloc(RC_CONFIG_FILE_MAX + 1);
    memset(text, '\n', RC_CONFIG_FILE_MAX + 1);
    assert_int_equal(read_bytes(r, text, RC_CONFIG_FILE_MAX, NULL), RC_OK);
    refuse_bytes(r, text, RC_CONFIG_FILE_MAX + 1, ": the file has more than 1048576 bytes");
    free(text);
}

static void test_files_that_cannot_be_read(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    char expected[RC_ERROR_MAX];
    bool found = true;
    assert_int_equal(rc_config_file_read(&r->draft, r->file, &found, &err), RC_OK);
    assert_false(found);
    assert_int_equal(rc_config_file_read(&r->draft, r->file, NULL, &err), RC_INVALID);
    snprintf(expected, sizeof(expected), "%s: cannot open it: No such file or directory", r->file);
    assert_string_equal(err.msg, expected);
    assert_int_equal(rc_config_file_read(&r->draft, r->dir, NULL, &err), RC_INVALID);
    snprintf(expected, sizeof(expected), "%s: cannot read it: Is a directory", r->dir);
    assert_string_equal(err.msg, expected);
}

static void test_a_file_without_permission(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    char expected[RC_ERROR_MAX];
    bool root = geteuid() == 0;
    read_text(r, "");
    assert_int_equal(chmod(r->file, 0), 0);
    assert_int_equal(chmod(r->dir, 0755), 0);
    if (root)
        assert_int_equal(seteuid(65534), 0);
    int code = rc_config_file_read(&r->draft, r->file, &(bool){true}, &err);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(code, RC_INVALID);
    snprintf(expected, sizeof(expected), "%s: cannot open it: Permission denied", r->file);
    assert_string_equal(err.msg, expected);
}

/* What does not drive the terminal that shows the message. */
static void test_foreign_text_is_escaped(void **state)
{
    refuse_bytes(*state,
                 "[log]\nlevel=\xc2\x9b"
                 "31m\n",
                 17, ":2: log.level: expected error, warning, info or debug, got \"\\u{009b}31m\"");
}

/* ---- conf.d ---- */

static void dir_file(struct room *r, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    if (text)
        write_bytes(path, text, strlen(text));
    else
        assert_int_equal(unlink(path), 0);
}

static void test_a_folder_in_order(void **state)
{
    static const char *const names[] = {"10.conf", "9.conf", ".1.conf",
                                        "z.conf~", ".conf",  "99.con"};
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "[index]\nhistory=%zu\n", i + 1);
        dir_file(r, names[i], text);
    }
    assert_int_equal(rc_config_dir_read(&r->draft, r->dir, &err), RC_OK);
    assert_int_equal(r->draft.config->index.history, 2); /* "10.conf" < "9.conf" */
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        dir_file(r, names[i], NULL);
}

static void test_a_folder_with_a_mistake(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    char expected[RC_ERROR_MAX];
    dir_file(r, "a.conf", "[log]\nlevel=debug\n");
    dir_file(r, "b.conf", "[log]\n\nlevel=\n");
    assert_int_equal(rc_config_dir_read(&r->draft, r->dir, &err), RC_INVALID);
    snprintf(expected, sizeof(expected),
             "%s/b.conf:3: log.level: expected error, warning, info or debug, got \"\"", r->dir);
    assert_string_equal(err.msg, expected);
    dir_file(r, "a.conf", NULL);
    dir_file(r, "b.conf", NULL);
}

static void test_folders_that_are_none(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    char expected[RC_ERROR_MAX];
    assert_int_equal(rc_config_dir_read(&r->draft, "/nonexistent/conf.d", &err), RC_OK);
    write_bytes(r->file, "", 0);
    assert_int_equal(rc_config_dir_read(&r->draft, r->file, &err), RC_INVALID);
    snprintf(expected, sizeof(expected), "%s: cannot read the folder: Not a directory", r->file);
    assert_string_equal(err.msg, expected);
}

static void test_a_folder_of_too_many(void **state)
{
    struct room *r = *state;
    rc_error err = RC_ERROR_INIT;
    char name[32];
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i <= RC_CONFIG_DIR_MAX; i++) {
            snprintf(name, sizeof(name), "%04d.conf", i);
            dir_file(r, name, pass ? NULL : "");
            if (!pass && i >= RC_CONFIG_DIR_MAX - 1)
                assert_int_equal(rc_config_dir_read(&r->draft, r->dir, &err),
                                 i < RC_CONFIG_DIR_MAX ? RC_OK : RC_INVALID);
        }
}

/* ---- Hostile files ---- */

static const char plain[] = "\xEF\xBB\xBF# Rollcall\n"
                            "[engine]\r\n"
                            "host = tcp://h:2376 ; where\n"
                            "api_version: 1.41\n"
                            "connect_timeout=1m2s\n"
                            "inspect = off\n"
                            "[index]\n"
                            "map_size = 64MiB\n"
                            "labels = a.*, b?\n"
                            "\tc*\n"
                            "  d ; e\n"
                            "[mirror]\n"
                            "missing_ttl = never\n"
                            "[api]\n"
                            "mode=0640\n"
                            "writers = 1,2\n"
                            "  3\n"
                            "[log]\n"
                            "format=json\n";

/* Pieces that mean something to the parser, so that mutations reach behind its first checks. */
static const char *const pieces[] = {"[",
                                     "]",
                                     "=",
                                     ":",
                                     ";",
                                     "#",
                                     "\n",
                                     "\r",
                                     "\t",
                                     " ",
                                     "[api]\n",
                                     "labels=",
                                     "\n writers=0\n",
                                     "9999999999999999999999",
                                     "GiB",
                                     "never",
                                     "\xEF\xBB\xBF",
                                     "\xff",
                                     "\x1b[2J",
                                     "%s%n",
                                     "*"};

/* Changes, doubles, drops or inserts something a few times. Returns the new length. */
static size_t mutate(char *text, size_t n, size_t size, uint64_t *seed)
{
    for (uint64_t times = 1 + rc_rand_next(seed) % 3; times; times--) {
        size_t at = rc_rand_next(seed) % (n + 1);
        size_t span = rc_rand_next(seed) % 32;
        const char *piece = pieces[rc_rand_next(seed) % (sizeof(pieces) / sizeof(pieces[0]))];
        size_t length = strlen(piece);
        switch (rc_rand_next(seed) % 4) {
        case 0:
            if (at < n)
                text[at] = (char)rc_rand_next(seed);
            break;
        case 1:
            span = at + span > n ? n - at : span;
            memmove(text + at, text + at + span, n - at - span);
            n -= span;
            break;
        case 2:
            if (n + length > size)
                break;
            memmove(text + at + length, text + at, n - at);
            memcpy(text + at, piece, length);
            n += length;
            break;
        default:
            span = at + span > n ? n - at : span;
            if (n + span > size)
                break;
            memmove(text + at + span, text + at, n - at);
            n += span;
        }
    }
    return n;
}

/* FILE:LINE: of a line that the file has, or FILE: of the whole of it. */
static void expect_place(const struct room *r, const rc_error *err, const char *text, size_t n)
{
    size_t lines = 1, prefix = strlen(r->file);
    unsigned line = 0;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    assert_memory_equal(err->msg, r->file, prefix);
    assert_int_equal(sscanf(err->msg + prefix, ":%u: ", &line), 1);
    assert_in_range(line, 1, lines);
    for (const char *p = err->msg; *p; p++)
        assert_in_range((unsigned char)*p, ' ', 0xfe);
}

static void test_hostile_files(void **state)
{
    struct room *r = *state;
    char text[1024];
    unsigned good = 0, bad = 0;
    /* In memory: on a disk, writing them would take most of the time. */
    int fd = memfd_create("r.conf", MFD_CLOEXEC);
    assert_return_code(fd, errno);
    snprintf(r->file, sizeof(r->file), "/proc/self/fd/%d", fd);
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t seed = i;
        rc_error err = RC_ERROR_INIT;
        memcpy(text, plain, sizeof(plain) - 1);
        size_t n = i ? mutate(text, sizeof(plain) - 1, sizeof(text), &seed) : sizeof(plain) - 1;
        int code = read_bytes(r, text, n, &err);
        if (code) {
            assert_int_equal(code, RC_INVALID);
            expect_place(r, &err, text, n);
            bad++;
        } else {
            assert_non_null(r->draft.config->index.labels);
            good++;
        }
    }
    /* Else they all die at the first check, or none of them does. */
    assert_in_range(good, 1000, 19000);
    assert_int_equal(good + bad, 20000);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sections_keys_comments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_file_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists_go_on_over_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_origins_are_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes_have_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nul_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_that_cannot_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_without_permission, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_text_is_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_folder_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_folder_with_a_mistake, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folders_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_folder_of_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
