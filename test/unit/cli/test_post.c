/* The POST against peers of every kind: a thread that answers once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/post.h"

struct peer {
    char dir[64];
    char path[96];
    int listener;
    const char *answer;
    size_t answer_len;
    char request[1024];
    pthread_t thread;
};

static int setup(void **state)
{
    struct peer *p = calloc(1, sizeof(*p));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/rc_post_XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof(p->path), "%s/api.sock", p->dir);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", p->path);
    p->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(p->listener, 4), 0);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct peer *p = *state;
    if (p->listener >= 0)
        close(p->listener);
    unlink(p->path);
    rmdir(p->dir);
    free(p);
    return 0;
}

static void *serve(void *arg)
{
    struct peer *p = arg;
    int fd = accept(p->listener, NULL, NULL);
    size_t n = 0;
    while (!strstr(p->request, "\r\n\r\n")) {
        ssize_t got = recv(fd, p->request + n, sizeof(p->request) - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    for (size_t done = 0; done < p->answer_len;) {
        ssize_t sent = send(fd, p->answer + done, p->answer_len - done, MSG_NOSIGNAL);
        if (sent < 0)
            break;
        done += (size_t)sent;
    }
    close(fd);
    return NULL;
}

static int post(struct peer *p, const char *answer, size_t len, int *status, rc_buf *body,
                rc_error *err)
{
    p->answer = answer;
    p->answer_len = len;
    memset(p->request, 0, sizeof(p->request));
    assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
    int code = rc_post(p->path, "/v1/resync", status, body, err);
    assert_int_equal(pthread_join(p->thread, NULL), 0);
    return code;
}

static void test_answers(void **state)
{
    struct peer *p = *state;
    static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    static const char busy[] = "HTTP/1.1 503 Busy\r\nX: y\r\n\r\n{\"error\":\"busy\"}";
    int status = 0;
    rc_error err = RC_ERROR_INIT;
    rc_buf body = RC_BUF_INIT(RC_POST_MAX);
    assert_int_equal(post(p, accepted, sizeof(accepted) - 1, &status, &body, &err), RC_OK);
    assert_int_equal(status, 202);
    assert_int_equal(body.len, 0);
    assert_ptr_equal(strstr(p->request, "POST /v1/resync HTTP/1.1\r\n"), p->request);
    assert_non_null(strstr(p->request, "\r\nContent-Length: 0\r\n"));
    assert_int_equal(post(p, busy, sizeof(busy) - 1, &status, &body, &err), RC_OK);
    assert_int_equal(status, 503);
    assert_true(rc_str_eq_c(rc_buf_view(&body), "{\"error\":\"busy\"}"));
    rc_buf_release(&body);
}

static void test_no_http(void **state)
{
    struct peer *p = *state;
    static const char *const answers[] = {"",
                                          "\r\n\r\n",
                                          "HTTP/1.1",
                                          "HTTP/1.1 \r\n\r\n",
                                          "HTTP/1.1 2x2 OK\r\n\r\n",
                                          "SSH-2.0-OpenSSH\r\n\r\nbody",
                                          "HTTP/1.1 200 OK\r\nno end"};
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        int status = -1;
        rc_error err = RC_ERROR_INIT;
        rc_buf body = RC_BUF_INIT(RC_POST_MAX);
        int code = post(p, answers[i], strlen(answers[i]), &status, &body, &err);
        if (code != RC_PROTOCOL)
            fail_msg("\"%s\" gives %d: %s", answers[i], code, err.msg);
        assert_int_equal(status, -1);
        rc_buf_release(&body);
    }
}

static void test_endless_answer(void **state)
{
    struct peer *p = *state;
    static char big[16 * RC_POST_MAX];
    int status = -1;
    rc_buf body = RC_BUF_INIT(RC_POST_MAX);
    memset(big, 'a', sizeof(big));
    assert_int_equal(post(p, big, sizeof(big), &status, &body, NULL), RC_PROTOCOL);
    rc_buf_release(&body);
}

static void test_nobody(void **state)
{
    struct peer *p = *state;
    int status = -1;
    rc_error err = RC_ERROR_INIT;
    rc_buf body = RC_BUF_INIT(RC_POST_MAX);
    char path[256];
    close(p->listener);
    p->listener = -1;
    assert_int_equal(rc_post(p->path, "/", &status, &body, &err), RC_CLOSED);
    assert_non_null(strstr(err.msg, p->path));
    unlink(p->path);
    assert_int_equal(rc_post(p->path, "/", &status, &body, &err), RC_CLOSED);
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(rc_post(path, "/", &status, &body, &err), RC_INVALID);
    path[108] = '\0';
    assert_int_equal(rc_post(path, "/", &status, &body, &err), RC_INVALID);
    path[107] = '\0';
    assert_int_equal(rc_post(path, "/", &status, &body, &err), RC_CLOSED);
    assert_int_equal(rc_post("", "/", &status, &body, &err), RC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_http, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
