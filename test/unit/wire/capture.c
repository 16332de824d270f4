/* Reads the captures: files, lines, raw HTTP, list elements. Independent of what it helps to test,
 * but for the list elements. */
#include "capture.h"

#include <glob.h>

#include "base/clock.h"
#include "wire/framing.h"

bytes bytes_of(const char *p, size_t n)
{
    bytes b = {malloc(n ? n : 1), n};
    assert_non_null(b.data);
    if (n > 0)
        memcpy(b.data, p, n);
    return b;
}

void bytes_free(bytes *b)
{
    free(b->data);
    *b = (bytes){NULL, 0};
}

bytes read_capture(const char *path)
{
    char full[512];
    snprintf(full, sizeof(full), "%s%s%s", *path == '/' ? "" : RC_CAPTURES, *path == '/' ? "" : "/",
             path);
    FILE *f = fopen(full, "rb");
    if (!f)
        fail_msg("%s: no such capture", full);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    assert_true(size >= 0);
    rewind(f);
    bytes b = {malloc(size ? (size_t)size : 1), (size_t)size};
    assert_non_null(b.data);
    assert_int_equal(fread(b.data, 1, b.len, f), b.len);
    fclose(f);
    return b;
}

size_t each_file(const char *pattern, void (*each)(const char *path))
{
    char full[512];
    glob_t found;
    snprintf(full, sizeof(full), "%s/%s", RC_CAPTURES, pattern);
    if (glob(full, 0, NULL, &found) != 0)
        fail_msg("%s: no such captures", full);
    size_t n = found.gl_pathc;
    for (size_t i = 0; i < n; i++)
        each(found.gl_pathv[i]);
    globfree(&found);
    return n;
}

size_t each_line(const char *path, void (*each)(const char *path, size_t number, bytes line))
{
    AUTO_BYTES file = read_capture(path);
    size_t n = 0;
    for (size_t i = 0; i < file.len;) {
        const char *newline = memchr(file.data + i, '\n', file.len - i);
        size_t end = newline ? (size_t)(newline - file.data) : file.len;
        if (end > i) {
            AUTO_BYTES line = bytes_of(file.data + i, end - i);
            each(path, ++n, line);
        }
        i = end + 1;
    }
    return n;
}

/* The length of a header's line at p, without its line end; *ret_next behind it. */
static size_t header_line(const bytes *b, size_t at, size_t *ret_next)
{
    const char *end = memmem(b->data + at, b->len - at, "\r\n", 2);
    assert_non_null(end);
    size_t n = (size_t)(end - b->data) - at;
    *ret_next = at + n + 2;
    return n;
}

static bool dechunk(const bytes *raw, size_t at, bytes *body)
{
    body->data = malloc(raw->len);
    assert_non_null(body->data);
    while (memmem(raw->data + at, raw->len - at, "\r\n", 2)) {
        char number[20] = "";
        size_t next = 0;
        size_t n = header_line(raw, at, &next);
        assert_true(n > 0 && n < sizeof(number));
        memcpy(number, raw->data + at, n);
        size_t size = strtoul(number, NULL, 16);
        if (size == 0)
            return true;
        assert_true(size + 2 <= raw->len - next);
        memcpy(body->data + body->len, raw->data + next, size);
        body->len += size;
        at = next + size + 2;
    }
    return false;
}

http_answer read_http(const char *path)
{
    AUTO_BYTES raw = read_capture(path);
    http_answer a = {0};
    bool chunked = false;
    size_t next = 0;
    size_t length = SIZE_MAX;
    char line[256];
    for (size_t at = 0;; at = next) {
        size_t n = header_line(&raw, at, &next);
        snprintf(line, sizeof(line), "%.*s", (int)n, raw.data + at);
        if (n == 0)
            break;
        if (at == 0)
            assert_int_equal(sscanf(line, "HTTP/1.1 %d", &a.status), 1);
        sscanf(line, "Content-Type: %63[^;\r]", a.content_type);
        sscanf(line, "Content-Length: %zu", &length);
        chunked = chunked || strcmp(line, "Transfer-Encoding: chunked") == 0;
    }
    if (chunked) {
        a.whole = dechunk(&raw, next, &a.body);
    } else {
        a.body = bytes_of(raw.data + next, raw.len - next);
        a.whole = length == SIZE_MAX || length == a.body.len;
    }
    return a;
}

static int keep_element(void *arg, char *json, size_t len)
{
    elements *e = arg;
    assert_true(e->n < RC_ARRAY_LEN(e->at));
    e->at[e->n++] = bytes_of(json, len);
    return 0;
}

elements elements_of(const char *path)
{
    elements e = {.n = 0};
    rc_error err = RC_ERROR_INIT;
    AUTO_BYTES file = read_capture(path);
    rc_array_framer *f = rc_array_framer_new(1 << 20, keep_element, &e);
    assert_non_null(f);
    ok(rc_array_framer_feed(f, file.data, file.len, &err), &err);
    ok(rc_array_framer_finish(f, &err), &err);
    rc_array_framer_free(f);
    return e;
}

void elements_free(elements *e)
{
    for (size_t i = 0; i < e->n; i++)
        bytes_free(&e->at[i]);
    e->n = 0;
}

void ok(int code, const rc_error *err)
{
    if (code)
        fail_msg("%d: %s", code, err->msg);
}

void check_str(rc_str actual, const char *expected, const char *file, int line)
{
    if (!rc_str_eq_c(actual, expected)) {
        print_error("\"%.*s\" is not \"%s\"\n", RC_STR_ARG(actual), expected);
        _fail(file, line);
    }
}

uint64_t test_seed(void)
{
    const char *text = getenv("RC_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)rc_clock_real();
    print_message("RC_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}
