/* base/log: the three formats, cutting, and readers that are slow or gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/log.h"

/* A pipe and a log into it, made anew for each test. */
struct fixture {
    int fd[2];
    rc_log *log;
    char text[16384];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f || pipe2(f->fd, O_CLOEXEC) != 0 || fcntl(f->fd[0], F_SETFL, O_NONBLOCK) != 0)
        return -1;
    f->log = rc_log_new(f->fd[1], RC_LOG_INFO, RC_LOG_TEXT);
    *state = f;
    return f->log ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    rc_log_free(f->log);
    close(f->fd[0]);
    close(f->fd[1]);
    free(f);
    return 0;
}

static const char *drain(struct fixture *f)
{
    ssize_t n = read(f->fd[0], f->text, sizeof(f->text) - 1);
    f->text[n > 0 ? n : 0] = '\0';
    return f->text;
}

static void test_text(void **state)
{
    struct fixture *f = *state;
    errno = EXDEV;
    rc_logf(f->log, RC_LOG_WARNING, "engine", "connected api=%s pid=%d", "1.41", 7);
    assert_int_equal(errno, EXDEV);
    const char *line = drain(f);
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[19], '.');
    assert_int_equal(line[23], 'Z');
    assert_string_equal(line + 24, " warning engine: connected api=1.41 pid=7\n");
    assert_int_equal(rc_log_dropped(f->log), 0);
}

static void test_json(void **state)
{
    struct fixture *f = *state;
    rc_log_set(f->log, RC_LOG_INFO, RC_LOG_JSON);
    rc_logf(f->log, RC_LOG_ERROR, "index", "cannot open path=\"%s\"", "/run");
    const char *rest = strstr(drain(f), "\",\"level\"");
    assert_non_null(rest);
    assert_memory_equal(f->text, "{\"time\":\"2", 10);
    assert_string_equal(rest, "\",\"level\":\"error\",\"component\":\"index\","
                              "\"msg\":\"cannot open path=\\\"/run\\\"\"}\n");
}

static void test_journal(void **state)
{
    struct fixture *f = *state;
    static const char *const want[] = {"<3>x: m\n", "<4>x: m\n", "<6>x: m\n", "<7>x: m\n"};
    rc_log_set(f->log, RC_LOG_DEBUG, RC_LOG_JOURNAL);
    for (int level = RC_LOG_ERROR; level <= RC_LOG_DEBUG; level++) {
        rc_logf(f->log, (enum rc_log_level)level, "x", "m");
        assert_string_equal(drain(f), want[level]);
    }
}

static void test_levels(void **state)
{
    struct fixture *f = *state;
    assert_true(rc_log_enabled(f->log, RC_LOG_INFO));
    assert_false(rc_log_enabled(f->log, RC_LOG_DEBUG));
    rc_logf(f->log, RC_LOG_DEBUG, "x", "not seen");
    assert_string_equal(drain(f), "");
    rc_log_set(f->log, RC_LOG_DEBUG, RC_LOG_TEXT);
    rc_logf(f->log, RC_LOG_DEBUG, "x", "seen");
    assert_non_null(strstr(drain(f), " debug x: seen\n"));
    rc_logf(NULL, RC_LOG_ERROR, "x", "nowhere");
    assert_null(rc_log_free(NULL));
}

static void test_foreign_text_stays_one_line(void **state)
{
    struct fixture *f = *state;
    char name[32];
    rc_log_set(f->log, RC_LOG_INFO, RC_LOG_JOURNAL);
    rc_logf(f->log, RC_LOG_INFO, "x", "seen name=%s raw=%s",
            rc_escape_into(name, sizeof(name), RC_STR("a\\b\n<3>")), "c\n\x1b[2J\xff");
    assert_string_equal(drain(f), "<6>x: seen name=a\\\\b\\x0a<3> raw=c\\x0a\\x1b[2J\\xff\n");
}

static void test_long_lines_are_cut_and_whole(void **state)
{
    struct fixture *f = *state;
    static const char fill[] = {'a', '"', '\\', '\x1b', '\xff'};
    char text[9000];
    for (int format = RC_LOG_TEXT; format <= RC_LOG_JOURNAL; format++) {
        rc_log_set(f->log, RC_LOG_INFO, (enum rc_log_format)format);
        for (size_t i = 0; i < sizeof(fill); i++) {
            memset(text, fill[i], sizeof(text) - 1);
            text[sizeof(text) - 1] = '\0';
            rc_logf(f->log, RC_LOG_INFO, text, "%s", text);
            const char *line = drain(f);
            size_t n = strlen(line);
            assert_true(n > 500 && n <= 4096);
            assert_ptr_equal(strchr(line, '\n'), line + n - 1);
            assert_non_null(strstr(line, "\xe2\x80\xa6"));
        }
    }
    assert_int_equal(rc_log_dropped(f->log), 0);
}

static void test_full_pipe_drops_and_counts(void **state)
{
    struct fixture *f = *state;
    /* The write end blocks, as stderr mostly does. */
    assert_true(fcntl(f->fd[1], F_SETPIPE_SZ, 4096) >= 4096);
    for (int i = 0; i < 1000; i++)
        rc_logf(f->log, RC_LOG_INFO, "x", "%0100d", i);
    uint64_t dropped = rc_log_dropped(f->log);
    assert_true(dropped > 900 && dropped < 1000);
    drain(f);
    rc_logf(f->log, RC_LOG_INFO, "x", "again");
    assert_non_null(strstr(drain(f), " info x: again\n"));
    assert_true(rc_log_dropped(f->log) == dropped);
}

static void test_reader_gone(void **state)
{
    struct fixture *f = *state;
    close(f->fd[0]);
    f->fd[0] = -1;
    rc_logf(f->log, RC_LOG_INFO, "x", "m");
    assert_true(rc_log_dropped(f->log) == 1);
}

static void test_socket(void **state)
{
    (void)state;
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    rc_log *log = rc_log_new(fd[0], RC_LOG_INFO, RC_LOG_JOURNAL);
    for (int i = 0; i < 20000; i++)
        rc_logf(log, RC_LOG_INFO, "x", "%0100d", i);
    assert_true(rc_log_dropped(log) > 0);
    close(fd[1]);
    uint64_t dropped = rc_log_dropped(log);
    rc_logf(log, RC_LOG_INFO, "x", "m");
    assert_true(rc_log_dropped(log) == dropped + 1);
    rc_log_free(log);
    close(fd[0]);
}

static void test_detect(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char own[64];
    unsetenv("JOURNAL_STREAM");
    assert_int_equal(rc_log_detect(f->fd[1]), RC_LOG_TEXT);
    assert_int_equal(fstat(f->fd[1], &st), 0);
    snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", own, 1);
    assert_int_equal(rc_log_detect(f->fd[1]), RC_LOG_JOURNAL);
    assert_int_equal(rc_log_detect(-1), RC_LOG_TEXT);
    setenv("JOURNAL_STREAM", "1:2", 1);
    assert_int_equal(rc_log_detect(f->fd[1]), RC_LOG_TEXT);
    unsetenv("JOURNAL_STREAM");
}

static void *write_lines(void *arg)
{
    rc_log *log = arg;
    for (int i = 0; i < 20; i++)
        rc_logf(log, RC_LOG_INFO, "thread", "line number=%d", i);
    return NULL;
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    rc_log_set(f->log, RC_LOG_INFO, RC_LOG_JOURNAL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, f->log), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    size_t lines = 0;
    for (const char *p = drain(f); *p; p = strchr(p, '\n') + 1, lines++)
        assert_memory_equal(p, "<6>thread: line number=", 23);
    assert_int_equal(lines, 80);
    assert_int_equal(rc_log_dropped(f->log), 0);
}

int main(void)
{
#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_PIPE(test_text),
        WITH_PIPE(test_json),
        WITH_PIPE(test_journal),
        WITH_PIPE(test_levels),
        WITH_PIPE(test_foreign_text_stays_one_line),
        WITH_PIPE(test_long_lines_are_cut_and_whole),
        WITH_PIPE(test_full_pipe_drops_and_counts),
        WITH_PIPE(test_reader_gone),
        cmocka_unit_test(test_socket),
        WITH_PIPE(test_detect),
        WITH_PIPE(test_threads),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
