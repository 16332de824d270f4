/* Framing: the same bytes give the same lines and elements however they are cut, what is too long
 * costs one line only, and a list that was cut is never a complete one. */
#include "capture.h"

#include "base/buf.h"
#include "base/hash.h"
#include "wire/framing.h"

/* What came out, as text: each line or element and a newline; oversize ones in angle brackets. */
struct out {
    rc_buf text;
    size_t oversize;
    int stop_with; /* returned by the element callback */
};

static void on_line(void *arg, char *line, size_t len, int oversize)
{
    struct out *o = arg;
    o->oversize += oversize != 0;
    rc_buf_puts(&o->text, oversize ? "<" : "");
    rc_buf_append(&o->text, line, len);
    rc_buf_puts(&o->text, oversize ? ">\n" : "\n");
    memset(line, '#', len); /* it is ours during the call */
}

static int on_element(void *arg, char *json, size_t len)
{
    struct out *o = arg;
    rc_buf_append(&o->text, json, len);
    rc_buf_putc(&o->text, '\n');
    memset(json, '#', len);
    return o->stop_with;
}

static void assert_text(struct out *o, const char *expected)
{
    rc_str got = rc_buf_view(&o->text);
    if (!rc_str_eq_c(got, expected))
        fail_msg("got:\n%.*s\nexpected:\n%s", RC_STR_ARG(got), expected);
}

/* ---- lines ---- */

static void feed_lines(rc_framer *f, const char *p, size_t n)
{
    AUTO_BYTES chunk = bytes_of(p, n);
    assert_int_equal(rc_framer_feed(f, chunk.data, chunk.len), RC_OK);
}

/* Feeds input cut at the given places and expects the text and the bytes that are left. */
static void check_lines(size_t cap, rc_str input, const size_t *cuts, size_t n_cuts,
                        const char *expected, size_t pending)
{
    struct out o = {.text = RC_BUF_INIT(0)};
    rc_framer *f = rc_framer_new(cap, on_line, &o);
    size_t from = 0;
    for (size_t i = 0; i <= n_cuts; i++) {
        size_t to = i < n_cuts ? cuts[i] : input.len;
        feed_lines(f, input.ptr + from, to - from);
        from = to;
    }
    assert_text(&o, expected);
    assert_int_equal(rc_framer_pending(f), pending);
    rc_framer_free(f);
    rc_buf_release(&o.text);
}

static void check_lines_every_cut(size_t cap, rc_str input, const char *expected, size_t pending)
{
    size_t each_byte[256];
    assert_true(input.len < RC_ARRAY_LEN(each_byte));
    for (size_t i = 0; i < input.len; i++)
        each_byte[i] = i;
    check_lines(cap, input, NULL, 0, expected, pending);
    check_lines(cap, input, each_byte, input.len, expected, pending);
    for (size_t a = 0; a <= input.len; a++)
        for (size_t b = a; b <= input.len; b++)
            check_lines(cap, input, (size_t[]){a, b}, 2, expected, pending);
}

static void test_lines_however_cut(void **state)
{
    (void)state;
    check_lines_every_cut(64, RC_STR("{\"a\":1}\n{\"b\":\"x\\n\"}\n"),
                          "{\"a\":1}\n{\"b\":\"x\\n\"}\n", 0);
    /* Line ends of both kinds, a separator before the line, lines without anything. */
    check_lines_every_cut(64, RC_STR("\x1e{1}\n\n\r\n\x1e\n{2}\r\n\x1e\x1e{3}\r\r\n{4"),
                          "{1}\n{2}\n{3}\r\n", 2);
    /* Only a leading separator is one. */
    check_lines_every_cut(64, RC_STR("a\x1e\nb\rc\n"), "a\x1e\nb\rc\n", 0);
    check_lines_every_cut(64, RC_STR(""), "", 0);
}

static void test_lines_over_the_cap(void **state)
{
    (void)state;
    /* At the cap it passes, one byte more does not; what follows is untouched. */
    check_lines_every_cut(4, RC_STR("1234\nab\n"), "1234\nab\n", 0);
    struct out o = {.text = RC_BUF_INIT(0)};
    rc_framer *f = rc_framer_new(4, on_line, &o);
    feed_lines(f, "12345", 5);
    assert_text(&o, "<12345>\n"); /* at once: its newline may never come */
    assert_int_equal(rc_framer_pending(f), 5);
    feed_lines(f, "67890123456789", 14);
    feed_lines(f, "x\nab\n", 5);
    assert_text(&o, "<12345>\nab\n");
    assert_int_equal(o.oversize, 1);
    assert_int_equal(rc_framer_pending(f), 0);
    rc_framer_free(f);
    rc_buf_release(&o.text);
}

/* However it is cut: one report, which starts as the line does, and the lines around it whole. */
static void test_oversize_lines_however_cut(void **state)
{
    (void)state;
    rc_str input = RC_STR("ab\n0123456789\ncd\n0123456789ABC\nef\n");
    for (size_t a = 0; a <= input.len; a++) {
        for (size_t b = a; b <= input.len; b++) {
            struct out o = {.text = RC_BUF_INIT(0)};
            rc_framer *f = rc_framer_new(4, on_line, &o);
            feed_lines(f, input.ptr, a);
            feed_lines(f, input.ptr + a, b - a);
            feed_lines(f, input.ptr + b, input.len - b);
            assert_int_equal(o.oversize, 2);
            rc_buf kept = RC_BUF_INIT(0);
            char *save = NULL;
            rc_buf_putc(&o.text, '\0');
            for (char *l = strtok_r(o.text.data, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
                if (*l == '<')
                    assert_memory_equal(l, "<01234", 6);
                else
                    rc_buf_puts(&kept, l);
            }
            assert_str(rc_buf_view(&kept), "abcdef");
            rc_buf_release(&kept);
            rc_framer_free(f);
            rc_buf_release(&o.text);
        }
    }
}

/* The report of a huge line is a sample, and the line itself is not held. */
static void test_oversize_sample_is_bounded(void **state)
{
    (void)state;
    struct out o = {.text = RC_BUF_INIT(0)};
    rc_framer *f = rc_framer_new(1000, on_line, &o);
    AUTO_BYTES big = {malloc(100000), 100000};
    memset(big.data, 'x', big.len);
    for (int i = 0; i < 10; i++)
        feed_lines(f, big.data, big.len);
    assert_int_equal(o.oversize, 1);
    assert_in_range(o.text.len, 3, 1003);
    assert_int_equal(rc_framer_pending(f), 10 * big.len);
    rc_framer_reset(f);
    assert_int_equal(rc_framer_pending(f), 0);
    feed_lines(f, "ok\n", 3);
    assert_memory_equal(o.text.data + o.text.len - 3, "ok\n", 3);
    rc_framer_free(f);
    rc_buf_release(&o.text);
}

static void test_reset_forgets_the_line_in_progress(void **state)
{
    (void)state;
    struct out o = {.text = RC_BUF_INIT(0)};
    rc_framer *f = rc_framer_new(64, on_line, &o);
    feed_lines(f, "{\"half", 6);
    assert_int_equal(rc_framer_pending(f), 6);
    rc_framer_reset(f);
    assert_int_equal(rc_framer_pending(f), 0);
    feed_lines(f, "{}\n", 3);
    assert_text(&o, "{}\n");
    rc_framer_free(f);
    rc_buf_release(&o.text);
}

static uint64_t rng;

/* Some thousand cuts of real streams: the lines are those of the file. */
static void random_cuts_of(const char *path)
{
    AUTO_BYTES file = read_capture(path);
    for (int round = 0; round < 20; round++) {
        struct out o = {.text = RC_BUF_INIT(0)};
        rc_framer *f = rc_framer_new(1 << 20, on_line, &o);
        uint64_t longest = round % 2 ? 5 : 3000;
        for (size_t i = 0; i < file.len;) {
            size_t n = 1 + (size_t)(rc_rand_next(&rng) % longest);
            n = n < file.len - i ? n : file.len - i;
            feed_lines(f, file.data + i, n);
            i += n;
        }
        assert_int_equal(o.text.len, file.len);
        assert_memory_equal(o.text.data, file.data, file.len);
        rc_framer_free(f);
        rc_buf_release(&o.text);
    }
}

static void test_real_streams_cut_at_random(void **state)
{
    (void)state;
    rng = test_seed();
    each_file("docker-20.10/events/r*.jsonl", random_cuts_of);
    each_file("podman-4.3.1/events/l*.jsonl", random_cuts_of);
}

static void test_json_sequence_is_the_same_as_lines(void **state)
{
    (void)state;
    AUTO_BYTES seq = read_capture("synthetic/events-api-1.52.json-seq");
    AUTO_BYTES lines = read_capture("synthetic/events-api-1.52.ndjson");
    struct out o = {.text = RC_BUF_INIT(0)};
    rc_framer *f = rc_framer_new(1 << 20, on_line, &o);
    assert_int_equal(seq.data[0], 0x1e);
    feed_lines(f, seq.data, seq.len);
    assert_int_equal(o.text.len, lines.len);
    assert_memory_equal(o.text.data, lines.data, lines.len);
    rc_framer_free(f);
    rc_buf_release(&o.text);
}

/* ---- array elements ---- */

struct array_result {
    int feed;
    int finish;
    rc_error err;
};

static struct array_result feed_array(struct out *o, size_t cap, rc_str input, const size_t *cuts,
                                      size_t n_cuts)
{
    struct array_result r = {.err = RC_ERROR_INIT};
    rc_array_framer *f = rc_array_framer_new(cap, on_element, o);
    size_t from = 0;
    for (size_t i = 0; i <= n_cuts && r.feed == RC_OK; i++) {
        size_t to = i < n_cuts ? cuts[i] : input.len;
        AUTO_BYTES chunk = bytes_of(input.ptr + from, to - from);
        r.feed = rc_array_framer_feed(f, chunk.data, chunk.len, &r.err);
        from = to;
    }
    r.finish = rc_array_framer_finish(f, r.feed ? NULL : &r.err);
    if (r.feed != RC_OK) /* a failure sticks */
        assert_int_equal(rc_array_framer_feed(f, "]", 1, NULL), r.feed);
    rc_array_framer_free(f);
    return r;
}

static void check_array_every_cut(rc_str input, const char *expected)
{
    for (size_t a = 0; a <= input.len; a++) {
        for (size_t b = a; b <= input.len; b++) {
            struct out o = {.text = RC_BUF_INIT(0)};
            struct array_result r = feed_array(&o, 64, input, (size_t[]){a, b}, 2);
            ok(r.feed, &r.err);
            ok(r.finish, &r.err);
            assert_text(&o, expected);
            rc_buf_release(&o.text);
        }
    }
}

static void test_arrays_however_cut(void **state)
{
    (void)state;
    check_array_every_cut(RC_STR("[]"), "");
    check_array_every_cut(RC_STR(" \n[ ]\r\n\t"), "");
    check_array_every_cut(RC_STR("[{\"a\":[1,{}]} , {\"b\":\"],}\\\"[\\\\\"}\n]\n"),
                          "{\"a\":[1,{}]}\n{\"b\":\"],}\\\"[\\\\\"}\n");
    check_array_every_cut(RC_STR("[1,\"x,\\\\\\\"]\",null,[[]]]"),
                          "1\n\"x,\\\\\\\"]\"\nnull\n[[]]\n");
}

static void check_refused(const char *input, size_t cap, const char *part_of_message)
{
    rc_str text = rc_str_c(input);
    for (size_t a = 0; a <= text.len; a++) {
        struct out o = {.text = RC_BUF_INIT(0)};
        struct array_result r = feed_array(&o, cap, text, &a, 1);
        assert_int_equal(r.feed ? r.feed : r.finish, RC_PROTOCOL);
        assert_int_not_equal(r.finish, RC_OK);
        if (!strstr(r.err.msg, part_of_message))
            fail_msg("%s: \"%s\" does not say \"%s\"", input, r.err.msg, part_of_message);
        rc_buf_release(&o.text);
    }
}

static void test_arrays_that_are_none(void **state)
{
    (void)state;
    check_refused("", 64, "cut before its end");
    check_refused("  ", 64, "cut before its end");
    check_refused("[", 64, "cut before its end");
    check_refused("[1", 64, "cut before its end");
    check_refused("[1,", 64, "cut before its end");
    check_refused("[\"]", 64, "cut before its end");
    check_refused("{\"message\":\"no\"}", 64, "not a JSON array");
    check_refused("null", 64, "not a JSON array");
    check_refused("404 page not found", 64, "not a JSON array");
    check_refused("[]x", 64, "after the end");
    check_refused("[1]\n[2]", 64, "after the end");
    check_refused("[,1]", 64, "empty");
    check_refused("[1,]", 64, "empty");
    check_refused("[1,,2]", 64, "empty");
    check_refused("[{]}]", 64, "do not match");
    check_refused("[}", 64, "do not match");
    check_refused("[[1}]", 64, "do not match");
    check_refused("[{\"a\":\"0123456789\"}]", 16, "size limit");
}

static void test_array_cap_and_depth(void **state)
{
    (void)state;
    struct out o = {.text = RC_BUF_INIT(0)};
    struct array_result r = feed_array(&o, 6, RC_STR("[123456,1]"), NULL, 0);
    ok(r.finish, &r.err);
    assert_text(&o, "123456\n1\n");
    rc_buf_clear(&o.text);
    rc_buf deep = RC_BUF_INIT(0);
    for (int extra = 0; extra < 2; extra++) {
        rc_buf_clear(&deep);
        rc_buf_putc(&deep, '[');
        for (int i = 0; i < 1000 + extra; i++)
            rc_buf_putc(&deep, '[');
        for (int i = 0; i < 1000 + extra; i++)
            rc_buf_putc(&deep, ']');
        rc_buf_putc(&deep, ']');
        r = feed_array(&o, 1 << 20, rc_buf_view(&deep), NULL, 0);
        assert_int_equal(r.feed, extra ? RC_PROTOCOL : RC_OK);
    }
    rc_buf_release(&deep);
    rc_buf_release(&o.text);
}

static void test_array_consumer_stops_it(void **state)
{
    (void)state;
    struct out o = {.text = RC_BUF_INIT(0), .stop_with = RC_CANCELLED};
    rc_error err = RC_ERROR_INIT;
    rc_array_framer *f = rc_array_framer_new(64, on_element, &o);
    assert_int_equal(rc_array_framer_feed(f, "[1,2,3]", 7, &err), RC_CANCELLED);
    assert_string_equal(err.msg, ""); /* the consumer has said why, if it wanted to */
    assert_text(&o, "1\n");
    assert_int_equal(rc_array_framer_feed(f, "[1]", 3, &err), RC_CANCELLED);
    assert_int_equal(rc_array_framer_finish(f, &err), RC_CANCELLED);
    assert_string_not_equal(err.msg, "");
    rc_array_framer_free(f);
    rc_buf_release(&o.text);
}

/* A list of a real engine, ended after every single byte. */
static void cut_everywhere(const char *path)
{
    AUTO_BYTES file = read_capture(path);
    size_t end = file.len;
    while (end > 0 && file.data[end - 1] != ']')
        end--;
    struct out o = {.text = RC_BUF_INIT(0)};
    rc_array_framer *f = rc_array_framer_new(1 << 20, on_element, &o);
    rc_error err = RC_ERROR_INIT;
    for (size_t i = 0; i < file.len; i++) {
        assert_int_equal(rc_array_framer_finish(f, &err), i >= end ? RC_OK : RC_PROTOCOL);
        assert_int_equal(rc_array_framer_feed(f, file.data + i, 1, &err), RC_OK);
    }
    ok(rc_array_framer_finish(f, &err), &err);
    rc_array_framer_free(f);

    /* And the elements are the same at once, in one piece. */
    struct out whole = {.text = RC_BUF_INIT(0)};
    struct array_result r = feed_array(&whole, 1 << 20, rc_str_n(file.data, file.len), NULL, 0);
    ok(r.finish, &r.err);
    assert_int_equal(whole.text.len, o.text.len);
    assert_memory_equal(whole.text.data ? whole.text.data : "", o.text.data ? o.text.data : "",
                        o.text.len);
    rc_buf_release(&whole.text);
    rc_buf_release(&o.text);
}

static void test_a_cut_list_is_never_complete(void **state)
{
    (void)state;
    cut_everywhere("docker-20.10/list/all.json");
    cut_everywhere("docker-20.10/list/filter-unknown-id-empty.json");
    cut_everywhere("podman-4.3.1/list/all.json");
}

static void test_real_lists_cut_at_random(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    AUTO_BYTES file = read_capture("docker-20.10/list/all.json");
    struct out whole = {.text = RC_BUF_INIT(0)};
    struct array_result r = feed_array(&whole, 1 << 20, rc_str_n(file.data, file.len), NULL, 0);
    ok(r.finish, &r.err);
    for (int round = 0; round < 300; round++) {
        size_t cuts[8];
        size_t from = 0;
        for (size_t i = 0; i < RC_ARRAY_LEN(cuts); i++)
            from = cuts[i] = from + (size_t)(rc_rand_next(&seed) % (file.len - from + 1));
        struct out o = {.text = RC_BUF_INIT(0)};
        r = feed_array(&o, 1 << 20, rc_str_n(file.data, file.len), cuts, RC_ARRAY_LEN(cuts));
        ok(r.finish, &r.err);
        assert_int_equal(o.text.len, whole.text.len);
        assert_memory_equal(o.text.data, whole.text.data, o.text.len);
        rc_buf_release(&o.text);
    }
    rc_buf_release(&whole.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_however_cut),
        cmocka_unit_test(test_lines_over_the_cap),
        cmocka_unit_test(test_oversize_lines_however_cut),
        cmocka_unit_test(test_oversize_sample_is_bounded),
        cmocka_unit_test(test_reset_forgets_the_line_in_progress),
        cmocka_unit_test(test_real_streams_cut_at_random),
        cmocka_unit_test(test_json_sequence_is_the_same_as_lines),
        cmocka_unit_test(test_arrays_however_cut),
        cmocka_unit_test(test_arrays_that_are_none),
        cmocka_unit_test(test_array_cap_and_depth),
        cmocka_unit_test(test_array_consumer_stops_it),
        cmocka_unit_test(test_a_cut_list_is_never_complete),
        cmocka_unit_test(test_real_lists_cut_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
