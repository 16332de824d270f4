/* Lists and inspect: complete only when the last byte says so, called off from anywhere, and every
 * error that two engines gave. */
#include "fake_engine.h"

#include <glob.h>

#include "base/buf.h"
#include "base/hash.h"

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CLOSING "HTTP/1.1 200 OK\r\n\r\n"

#define ID_A        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ELEMENT(id) "{\"Id\":\"" id "\",\"Names\":[\"/n\"],\"Image\":\"i\",\"State\":\"running\"}"

enum where { NOWHERE, IN_ELEMENT, IN_BATCH, IN_DONE };

struct seen {
    struct fake *f;
    rc_engine_call *call;
    struct seen *next;
    uint64_t digest;
    int64_t date;
    enum where cancel, again; /* where to call it off, and to start `next` */
    int elements, batches, done;
    int unbatched;
    enum rc_engine_outcome outcome;
    int status;
    bool stop; /* by on_element's answer */
    bool keep_looping;
    char id[80];
    rc_error err;
};

static void begin(struct seen *s);

static void at(struct seen *s, enum where where)
{
    if (s->cancel == where)
        rc_engine_cancel(s->call);
    if (s->again == where) {
        s->again = NOWHERE;
        begin(s->next);
    }
}

static void digest(struct seen *s, rc_str text)
{
    s->digest = rc_siphash(s->digest, text.len, text.ptr, text.len);
}

static int on_element(void *arg, const rc_observation *obs)
{
    struct seen *s = arg;

    assert_int_equal(s->done, 0);
    assert_int_equal(obs->source, RC_SOURCE_LIST);
    s->elements++;
    s->unbatched++;
    digest(s, obs->row.id);
    digest(s, obs->row.name);
    digest(s, obs->row.engine_state);
    for (uint32_t i = 0; i < obs->row.n_labels; i++)
        digest(s, obs->row.labels[i].value);
    at(s, IN_ELEMENT);
    return s->stop;
}

static int on_network(void *arg, const rc_network *net)
{
    struct seen *s = arg;

    s->elements++;
    digest(s, net->name);
    at(s, IN_ELEMENT);
    return s->stop;
}

static void on_batch(void *arg)
{
    struct seen *s = arg;

    assert_true(s->unbatched > 0);
    s->unbatched = 0;
    s->batches++;
    at(s, IN_BATCH);
}

static void on_done(void *arg, const rc_engine_result *result)
{
    struct seen *s = arg;

    assert_int_equal(s->done++, 0);
    s->outcome = result->outcome;
    s->status = result->status;
    s->date = result->date_s;
    s->err = *result->err;
    assert_int_equal(result->err->code == RC_OK, result->outcome == RC_ENGINE_OK);
    assert_int_equal(result->err->msg[0] == '\0', result->outcome == RC_ENGINE_OK);
    if (result->outcome != RC_ENGINE_CANCELLED)
        assert_int_equal(s->unbatched, 0);
    at(s, IN_DONE);
    if (!s->keep_looping)
        fake_stop(s->f);
}

static void begin(struct seen *s)
{
    rc_engine_list list = {on_element, on_batch, on_done, s};
    rc_error err = RC_ERROR_INIT;

    s->call = rc_engine_containers(s->f->engine, NULL, 0, &list, &err);
    if (!s->call)
        fail_msg("%s", err.msg);
    assert_int_equal(s->done, 0);
}

static struct seen read_list(struct fake *f, struct fake_answer a)
{
    struct seen s = {.f = f};

    a.prefix = "/v1.41/containers/json?all=1";
    fake_forget_answers(f);
    fake_answer(f, a);
    begin(&s);
    fake_run(f);
    assert_int_equal(s.done, 1);
    for (; f->n_requests; f->n_requests--)
        free(f->targets[f->n_requests - 1]);
    return s;
}

static void captures(void **state)
{
    struct fake *f = *state;
    glob_t found;

    fake_client(f, fake_options("1.41"));
    assert_int_equal(glob(RC_CAPTURES "/*/list/*.http", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 8);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t len;
        char *bytes = fake_capture(found.gl_pathv[i] + strlen(RC_CAPTURES) + 1, &len);
        struct seen whole = read_list(f, (struct fake_answer){.bytes = bytes, .close = true});
        assert_int_equal(whole.outcome, RC_ENGINE_OK);
        assert_int_equal(whole.elements, fake_count(bytes, "\"Names\":"));
        assert_true(whole.date > 1795460000);
        for (int again = 0; again < 3; again++) {
            struct seen pieces =
                read_list(f, (struct fake_answer){.bytes = bytes, .pieces = true, .close = true});
            assert_int_equal(pieces.outcome, RC_ENGINE_OK);
            assert_int_equal(pieces.elements, whole.elements);
            assert_true(pieces.digest == whole.digest);
        }
        test_free(bytes);
    }
    globfree(&found);
}

/* Bodies only, as both engines gave them. */
static void captured_bodies(void **state)
{
    struct fake *f = *state;
    glob_t found;
    int checked = 0;

    fake_client(f, fake_options("1.41"));
    assert_int_equal(glob(RC_CAPTURES "/*/list/*.json", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t len;
        char *body = fake_capture(found.gl_pathv[i] + strlen(RC_CAPTURES) + 1, &len);
        if (body[0] == '[') {
            char *answer = fake_http("200 OK", "", body);
            struct seen s = read_list(f, (struct fake_answer){.bytes = answer, .pieces = true});
            assert_int_equal(s.outcome, RC_ENGINE_OK);
            assert_int_equal(s.elements, fake_count(body, "\"Names\":"));
            assert_int_equal(s.date, -1);
            test_free(answer);
            checked++;
        }
        test_free(body);
    }
    assert_true(checked > 15);
    globfree(&found);
}

/* Cut anywhere, however its length is told, no list is ever complete. */
static void cut_at_every_byte(void **state)
{
    struct fake *f = *state;
    const char *body = "[" ELEMENT(ID_A) " ,\n" ELEMENT(ID_B) "]";
    char *with_length = fake_http("200 OK", "", body);
    rc_buf chunked = RC_BUF_INIT(0), closing = RC_BUF_INIT(0);

    rc_buf_puts(&chunked, CHUNKED);
    for (const char *p = body; *p; p += strlen(p) < 20 ? strlen(p) : 20)
        rc_buf_printf(&chunked, "%zx\r\n%.20s\r\n", strlen(p) < 20 ? strlen(p) : 20, p);
    rc_buf_puts(&chunked, "0\r\n\r\n");
    rc_buf_printf(&closing, CLOSING "%s", body);
    rc_str all[] = {rc_str_c(with_length), rc_buf_view(&chunked), rc_buf_view(&closing)};

    fake_client(f, fake_options("1.41"));
    for (int kind = 0; kind < 3; kind++) {
        size_t len = all[kind].len;
        struct seen s =
            read_list(f, (struct fake_answer){.bytes = all[kind].ptr, .len = len, .close = true});
        assert_int_equal(s.outcome, RC_ENGINE_OK);
        assert_int_equal(s.elements, 2);
        /* curl takes the last chunk's size for the end. */
        for (size_t n = 1; n < (kind == 1 ? len - 2 : len); n++) {
            s = read_list(f, (struct fake_answer){.bytes = all[kind].ptr, .len = n, .close = true});
            assert_int_equal(s.outcome, RC_ENGINE_CUT);
            assert_true(s.elements <= 2);
        }
    }
    test_free(with_length);
    rc_buf_release(&chunked);
    rc_buf_release(&closing);
}

static void whole_but_no_list(void **state)
{
    static const struct {
        const char *body;
        enum rc_engine_outcome outcome;
        int elements;
    } table[] = {
        {"[]", RC_ENGINE_OK, 0},
        {" [ ] \n", RC_ENGINE_OK, 0},
        {"[" ELEMENT(ID_A) "]\n", RC_ENGINE_OK, 1},
        {"", RC_ENGINE_CUT, 0},
        {"[", RC_ENGINE_CUT, 0},
        {"[" ELEMENT(ID_A), RC_ENGINE_CUT, 0},
        {"[" ELEMENT(ID_A) ",", RC_ENGINE_CUT, 1},
        {"[]x", RC_ENGINE_BAD, 0},
        {"[" ELEMENT(ID_A) "]]", RC_ENGINE_BAD, 1},
        {"[" ELEMENT(ID_A) "][]", RC_ENGINE_BAD, 1},
        {"null", RC_ENGINE_BAD, 0},
        {"{}", RC_ENGINE_BAD, 0},
        {"[" ELEMENT(ID_A) ",]", RC_ENGINE_BAD, 1},
        {"[" ELEMENT(ID_A) ",null]", RC_ENGINE_BAD, 1},
        {"[" ELEMENT(ID_A) ",{}," ELEMENT(ID_B) "]", RC_ENGINE_BAD, 1},
        {"[" ELEMENT(ID_A) ",{\"Id\":7}]", RC_ENGINE_BAD, 1},
        {"[" ELEMENT(ID_A) "," ELEMENT("short") "]", RC_ENGINE_BAD, 1},
    };
    struct fake *f = *state;

    fake_client(f, fake_options("1.41"));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char *answer = fake_http("200 OK", "", table[i].body);
        struct seen s = read_list(f, (struct fake_answer){.bytes = answer});
        assert_int_equal(s.outcome, table[i].outcome);
        assert_int_equal(s.elements, table[i].elements);
        assert_int_equal(s.batches, s.elements > 0);
        assert_int_equal(s.status, 200);
        if (strstr(table[i].body, ",{"))
            assert_non_null(strstr(s.err.msg, "GET /containers/json: element 2: "));
        test_free(answer);
    }
}

static void an_element_over_the_cap(void **state)
{
    struct fake *f = *state;
    rc_engine_options o = fake_options("1.41");
    char *answer = fake_http("200 OK", "", "[" ELEMENT(ID_A) "]");

    o.element_max = strlen(ELEMENT(ID_A));
    fake_client(f, o);
    struct seen s = read_list(f, (struct fake_answer){.bytes = answer});
    assert_int_equal(s.outcome, RC_ENGINE_OK);
    o.element_max--;
    fake_client(f, o);
    s = read_list(f, (struct fake_answer){.bytes = answer});
    assert_int_equal(s.outcome, RC_ENGINE_BAD);
    assert_non_null(strstr(s.err.msg, "size limit"));
    test_free(answer);
}

static void called_off(void **state)
{
    struct fake *f = *state;
    char *answer = fake_http("200 OK", "", "[" ELEMENT(ID_A) "," ELEMENT(ID_B) "]");

    fake_client(f, fake_options("1.41"));
    fake_answer(f, (struct fake_answer){.prefix = "/", .bytes = answer});
    for (int i = 0; i < 4; i++) {
        struct seen s = {.f = f, .cancel = i == 3 ? NOWHERE : IN_ELEMENT + i, .stop = i == 3};
        begin(&s);
        fake_run(f);
        fake_drain(f);
        assert_int_equal(s.done, 1);
        assert_int_equal(s.outcome, i == 2 ? RC_ENGINE_OK : RC_ENGINE_CANCELLED);
        assert_int_equal(s.elements, i == 0 || i == 3 ? 1 : 2);
        if (i != 2)
            assert_int_equal(s.err.code, RC_CANCELLED);
    }
    struct seen s = {.f = f};
    begin(&s);
    rc_engine_cancel(s.call); /* before it was even sent */
    assert_int_equal(s.done, 0);
    fake_run(f);
    assert_int_equal(s.outcome, RC_ENGINE_CANCELLED);
    assert_int_equal(f->n_requests, 4);
    test_free(answer);
}

static void more_from_each_callback(void **state)
{
    struct fake *f = *state;
    char *answer = fake_http("200 OK", "", "[" ELEMENT(ID_A) "," ELEMENT(ID_B) "]");

    fake_client(f, fake_options("1.41"));
    fake_answer(f, (struct fake_answer){.prefix = "/", .bytes = answer});
    for (enum where where = IN_ELEMENT; where <= IN_DONE; where++) {
        struct seen next = {.f = f, .keep_looping = true};
        struct seen s = {.f = f, .again = where, .next = &next, .keep_looping = true};
        begin(&s);
        while (!s.done || !next.done)
            event_base_loop(f->base, EVLOOP_ONCE);
        assert_int_equal(s.outcome, RC_ENGINE_OK);
        assert_int_equal(next.outcome, RC_ENGINE_OK);
        assert_int_equal(next.elements, 2);
    }
    test_free(answer);
}

static void no_more_while_freeing(void *arg, const rc_engine_result *result)
{
    struct seen *s = arg;
    rc_engine_list list = {on_element, on_batch, on_done, s};
    rc_error err = RC_ERROR_INIT;

    s->done++;
    assert_int_equal(result->outcome, RC_ENGINE_CANCELLED);
    assert_null(rc_engine_containers(s->f->engine, NULL, 0, &list, &err));
    assert_int_equal(err.code, RC_CANCELLED);
    assert_null(rc_engine_connect(s->f->engine, NULL, NULL, &err));
    assert_int_equal(err.code, RC_CANCELLED);
}

static void freed_under_way(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f, .keep_looping = true}, last = {.f = f};
    rc_engine_list list = {on_element, on_batch, no_more_while_freeing, &last};

    fake_client(f, fake_options("1.41"));
    fake_answer(f, (struct fake_answer){.prefix = "/", .bytes = CLOSING "[" ELEMENT(ID_A) ",{"});
    begin(&s);
    while (!s.batches)
        event_base_loop(f->base, EVLOOP_ONCE);
    assert_non_null(rc_engine_containers(f->engine, NULL, 0, &list, NULL));
    f->engine = rc_engine_free(f->engine);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.outcome, RC_ENGINE_CANCELLED);
    assert_int_equal(last.done, 1);
}

static void stalls(void **state)
{
    struct fake *f = *state;
    rc_engine_options o = fake_options("1.41");

    o.request_timeout_ns = 500 * RC_NS_PER_MS;
    fake_client(f, o);
    struct seen s = read_list(f, (struct fake_answer){.bytes = CLOSING "[" ELEMENT(ID_A) ","});
    assert_int_equal(s.outcome, RC_ENGINE_TIMEOUT);
    assert_int_equal(s.elements, 1);
    assert_int_equal(s.status, 200);
    s = read_list(f, (struct fake_answer){.hang = true});
    assert_int_equal(s.outcome, RC_ENGINE_TIMEOUT);
    assert_int_equal(s.status, 0);
}

static void ids(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f};
    rc_engine_list list = {on_element, on_batch, on_done, &s};
    rc_id many[101];
    rc_error err = RC_ERROR_INIT;

    memset(many, 0xbb, sizeof(many));
    memset(&many[0], 0xaa, sizeof(many[0]));
    fake_client(f, fake_options("1.41"));
    fake_answer(f, (struct fake_answer){.prefix = "/",
                                        .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"});
    assert_non_null(rc_engine_containers(f->engine, many, 2, &list, NULL));
    fake_run(f);
    assert_string_equal(f->targets[0],
                        "/v1.41/containers/json?all=1&filters=%7B%22id%22%3A%5B%22" ID_A
                        "%22%2C%22" ID_B "%22%5D%7D");
    s.done = 0;
    assert_non_null(rc_engine_containers(f->engine, many, 100, &list, NULL));
    fake_run(f);
    assert_int_equal(s.outcome, RC_ENGINE_OK);
    assert_int_equal(fake_count(f->targets[1], ID_B), 99);
    assert_ptr_equal(strstr(f->targets[1], "%22%5D%7D"), f->targets[1] + strlen(f->targets[1]) - 9);
    assert_null(rc_engine_containers(f->engine, many, 101, &list, &err));
    assert_int_equal(err.code, RC_INVALID);
    assert_non_null(strstr(err.msg, "101"));
}

static void networks(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f};
    char *two = fake_http("200 OK", "",
                          "[{\"Name\":\"bridge\",\"Id\":\"n1\",\"Driver\":\"bridge\"},"
                          "{\"Name\":\"web\",\"Id\":\"n2\",\"Labels\":{\"a\":\"b\"}}]");
    char *bad = fake_http("200 OK", "", "[{\"Name\":\"bridge\",\"Id\":\"n1\"},{\"Name\":\"x\"}]");

    fake_client(f, fake_options("1.41"));
    fake_answer(f, (struct fake_answer){.prefix = "/v1.41/networks", .bytes = two});
    assert_non_null(rc_engine_networks(f->engine, on_network, on_done, &s, NULL));
    fake_run(f);
    assert_int_equal(s.outcome, RC_ENGINE_OK);
    assert_int_equal(s.elements, 2);

    f->answers[0].bytes = bad;
    s = (struct seen){.f = f};
    assert_non_null(rc_engine_networks(f->engine, on_network, on_done, &s, NULL));
    fake_run(f);
    assert_int_equal(s.outcome, RC_ENGINE_BAD);
    assert_int_equal(s.elements, 1);
    assert_non_null(strstr(s.err.msg, "GET /networks: element 2: Id is missing"));

    f->answers[0].bytes = two;
    s = (struct seen){.f = f, .stop = true};
    assert_non_null(rc_engine_networks(f->engine, on_network, on_done, &s, NULL));
    fake_run(f);
    assert_int_equal(s.outcome, RC_ENGINE_CANCELLED);
    test_free(two);
    test_free(bad);
}

static void on_inspected(void *arg, const rc_observation *obs, const rc_engine_result *result)
{
    struct seen *s = arg;

    assert_int_equal(obs != NULL, result->outcome == RC_ENGINE_OK);
    if (obs) {
        assert_int_equal(obs->source, RC_SOURCE_INSPECT);
        (void)snprintf(s->id, sizeof(s->id), "%.*s", RC_STR_ARG(obs->row.id));
    }
    on_done(arg, result);
}

static struct seen inspect(struct fake *f, const char *hex, struct fake_answer a)
{
    struct seen s = {.f = f};
    rc_id id;
    char path[128];

    assert_true(rc_id_parse(rc_str_c(hex), &id));
    (void)snprintf(path, sizeof(path), "/v1.41/containers/%s/json", hex);
    a.prefix = path;
    fake_forget_answers(f);
    fake_answer(f, a);
    s.call = rc_engine_inspect(f->engine, &id, on_inspected, &s, NULL);
    assert_non_null(s.call);
    fake_run(f);
    assert_int_equal(s.done, 1);
    return s;
}

static void take_id(const char *json, char hex[RC_ID_LEN + 1])
{
    const char *p = strstr(json, "\"Id\":\"");
    assert_non_null(p);
    memcpy(hex, p + 6, RC_ID_LEN);
    hex[RC_ID_LEN] = '\0';
}

static void inspected(void **state)
{
    struct fake *f = *state;
    size_t len;
    char hex[RC_ID_LEN + 1];
    char *bytes = fake_capture("docker-20.10/inspect/web-size1.http", &len);

    take_id(bytes, hex);
    fake_client(f, fake_options("1.41"));
    struct seen s =
        inspect(f, hex, (struct fake_answer){.bytes = bytes, .pieces = true, .close = true});
    assert_int_equal(s.outcome, RC_ENGINE_OK);
    assert_string_equal(s.id, hex);
    s = inspect(f, hex, (struct fake_answer){.bytes = bytes, .len = len - 9, .close = true});
    assert_int_equal(s.outcome, RC_ENGINE_CUT);
    s = inspect(f, ID_A, (struct fake_answer){.bytes = bytes, .close = true});
    assert_int_equal(s.outcome, RC_ENGINE_BAD);
    assert_non_null(strstr(s.err.msg, "another container"));
    test_free(bytes);

    bytes = fake_capture("podman-4.3.1/inspect/running.json", &len);
    char *answer = fake_http("200 OK", "", bytes);
    take_id(bytes, hex);
    s = inspect(f, hex, (struct fake_answer){.bytes = answer});
    assert_int_equal(s.outcome, RC_ENGINE_OK);
    test_free(bytes);
    test_free(answer);
}

/* Many of them at once: each gets its own answer. */
static void inspects_in_parallel(void **state)
{
    struct fake *f = *state;
    struct seen seen[8];
    char hex[8][RC_ID_LEN + 1], path[8][640];
    char *answers[8];

    fake_client(f, fake_options("1.41"));
    for (int i = 0; i < 8; i++) {
        char body[1024];
        rc_id id;
        memset(hex[i], 'a' + i % 6, RC_ID_LEN);
        (void)snprintf(hex[i] + RC_ID_LEN - 2, 3, "%02d", i);
        (void)snprintf(body, sizeof(body),
                       "{\"Id\":\"%s\",\"Name\":\"/n\",\"State\":{\"Status\":\"running\"}}",
                       hex[i]);
        (void)snprintf(path[i], sizeof(path[i]), "/v1.41/containers/%s/json", hex[i]);
        answers[i] = fake_http("200 OK", "", body);
        fake_answer(f, (struct fake_answer){path[i], answers[i], .pieces = true});
        seen[i] = (struct seen){.f = f, .keep_looping = true};
        assert_true(rc_id_parse(rc_str_c(hex[i]), &id));
        assert_non_null(rc_engine_inspect(f->engine, &id, on_inspected, &seen[i], NULL));
    }
    for (int i = 0; i < 8; i++) {
        while (!seen[i].done)
            event_base_loop(f->base, EVLOOP_ONCE);
        if (seen[i].outcome != RC_ENGINE_OK)
            fail_msg("%s", seen[i].err.msg);
        assert_string_equal(seen[i].id, hex[i]);
        test_free(answers[i]);
    }
}

static void no_such_container(void **state)
{
    static const char *const captures404[] = {"docker-20.10/errors/inspect-nosuch-404.http",
                                              "podman-4.3.1/errors/inspect-nosuch.http"};
    struct fake *f = *state;

    fake_client(f, fake_options("1.41"));
    for (int i = 0; i < 2; i++) {
        size_t len;
        char *bytes = fake_capture(captures404[i], &len);
        struct seen s = inspect(f, ID_A, (struct fake_answer){.bytes = bytes, .close = true});
        assert_int_equal(s.outcome, RC_ENGINE_STATUS);
        assert_int_equal(s.status, 404);
        assert_int_equal(s.err.code, RC_NOTFOUND);
        assert_true(s.date > 1795460000);
        assert_non_null(strstr(s.err.msg, i ? "no container with name or ID \"nosuch\" found"
                                            : "No such container: nosuch"));
        test_free(bytes);
    }
}

/* Whatever a list is answered with that is not 200: the engine's own words, on one line. */
static void every_captured_error(void **state)
{
    struct fake *f = *state;
    glob_t found;
    int checked = 0;

    fake_client(f, fake_options("1.41"));
    assert_int_equal(glob(RC_CAPTURES "/*/errors/*.http", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t len;
        char *bytes = fake_capture(found.gl_pathv[i] + strlen(RC_CAPTURES) + 1, &len);
        int status = atoi(bytes + strlen("HTTP/1.1 "));
        if (status != 200) {
            struct seen s = read_list(f, (struct fake_answer){.bytes = bytes, .close = true});
            assert_int_equal(s.outcome, RC_ENGINE_STATUS);
            assert_int_equal(s.status, status);
            assert_int_equal(s.elements + s.batches, 0);
            assert_null(strchr(s.err.msg, '\n'));
            assert_int_equal(strncmp(s.err.msg, "GET /containers/json: HTTP ", 27), 0);
            checked++;
        }
        test_free(bytes);
    }
    assert_true(checked > 50);
    globfree(&found);
}

static void podmans_500(void **state)
{
    struct fake *f = *state;
    char *bytes = fake_http("500 Internal Server Error", "Server: Libpod/4.3.1\r\n",
                            "{\"cause\":\"dead\",\"message\":\"it is\\u001b[2J dead\","
                            "\"response\":500}");

    fake_client(f, fake_options("1.41"));
    struct seen s = read_list(f, (struct fake_answer){.bytes = bytes});
    assert_int_equal(s.outcome, RC_ENGINE_STATUS);
    assert_non_null(strstr(s.err.msg, "HTTP 500: it is"));
    assert_null(strchr(s.err.msg, '\033'));
    test_free(bytes);
}

/* One read of a list is a slice: whatever else is ready gets its turn before the next. */
static void a_long_list_comes_in_slices(void **state)
{
    struct fake *f = *state;
    const int n = 2000;
    rc_buf body = RC_BUF_INIT(0);

    fake_client(f, fake_options("1.41"));
    rc_buf_puts(&body, CLOSING "[");
    for (int i = 0; i < n; i++)
        rc_buf_printf(&body, "%s%s", i ? "," : "", ELEMENT(ID_A));
    rc_buf_puts(&body, "]");
    struct seen s =
        read_list(f, (struct fake_answer){.bytes = body.data, .len = body.len, .close = true});
    assert_int_equal(s.outcome, RC_ENGINE_OK);
    assert_int_equal(s.elements, n);
    assert_true(s.batches >= (int)(body.len / 20000));
    rc_buf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(captures),
        FAKE_TEST(captured_bodies),
        FAKE_TEST(cut_at_every_byte),
        FAKE_TEST(whole_but_no_list),
        FAKE_TEST(an_element_over_the_cap),
        FAKE_TEST(called_off),
        FAKE_TEST(more_from_each_callback),
        FAKE_TEST(freed_under_way),
        FAKE_TEST(stalls),
        FAKE_TEST(ids),
        FAKE_TEST(networks),
        FAKE_TEST(inspected),
        FAKE_TEST(inspects_in_parallel),
        FAKE_TEST(no_such_container),
        FAKE_TEST(every_captured_error),
        FAKE_TEST(podmans_500),
        FAKE_TEST(a_long_list_comes_in_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
