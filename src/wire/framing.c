/* Cuts the engine's byte streams into lines (events) and array elements (lists). What is held is at
 * most one line or one element, up to its cap. */
#include "wire/framing.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"

/* A buffer that one huge line or element has grown is given back; usual ones keep theirs. */
#define KEEP_BYTES ((size_t)64 * 1024)

/* Bytes of an oversize line that its report carries. */
#define SAMPLE_BYTES 256

#define RECORD_SEPARATOR 0x1e

static void reuse(rc_buf *b)
{
    if (b->cap > KEEP_BYTES)
        rc_buf_release(b);
    else
        rc_buf_clear(b);
}

/* ---- lines ---- */

struct rc_framer {
    size_t cap;
    rc_framer_line on_line;
    void *arg;
    rc_buf line;
    size_t dropped; /* bytes of an oversize line so far; 0 = the line is kept */
};

rc_framer *rc_framer_new(size_t cap, rc_framer_line on_line, void *arg)
{
    rc_framer *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->cap = cap;
    f->on_line = on_line;
    f->arg = arg;
    f->line = (rc_buf)RC_BUF_INIT(0);
    return f;
}

rc_framer *rc_framer_free(rc_framer *f)
{
    if (f) {
        rc_buf_release(&f->line);
        free(f);
    }
    return NULL;
}

/* Reported as soon as it is known and not at its newline, which may never come. */
static void drop_line(rc_framer *f, const char *bytes, size_t n)
{
    char sample[SAMPLE_BYTES];
    size_t held = f->line.len < sizeof(sample) ? f->line.len : sizeof(sample);
    if (held > 0)
        memcpy(sample, f->line.data, held);
    size_t more = n < sizeof(sample) - held ? n : sizeof(sample) - held;
    if (more > 0)
        memcpy(sample + held, bytes, more);
    f->dropped = f->line.len + n;
    rc_buf_release(&f->line);
    f->on_line(f->arg, sample, held + more, 1);
}

static int take(rc_framer *f, const char *bytes, size_t n)
{
    if (f->dropped > 0) {
        f->dropped += n;
        return RC_OK;
    }
    if (n > f->cap - f->line.len) {
        drop_line(f, bytes, n);
        return RC_OK;
    }
    rc_buf_append(&f->line, bytes, n);
    if (!rc_buf_failed(&f->line))
        return RC_OK;
    drop_line(f, bytes, n);
    return RC_NOMEM;
}

static void end_line(rc_framer *f)
{
    if (f->dropped > 0) {
        f->dropped = 0;
        return;
    }
    char *line = f->line.data;
    size_t len = f->line.len;
    while (len > 0 && *line == RECORD_SEPARATOR) {
        line++;
        len--;
    }
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len > 0)
        f->on_line(f->arg, line, len, 0);
    reuse(&f->line);
}

int rc_framer_feed(rc_framer *f, const char *bytes, size_t n)
{
    int rc = RC_OK;
    while (n > 0) {
        const char *newline = memchr(bytes, '\n', n);
        size_t part = newline ? (size_t)(newline - bytes) : n;
        if (part > 0 && take(f, bytes, part) != RC_OK)
            rc = RC_NOMEM;
        if (!newline)
            break;
        end_line(f);
        bytes += part + 1;
        n -= part + 1;
    }
    return rc;
}

size_t rc_framer_pending(const rc_framer *f)
{
    return f->dropped > 0 ? f->dropped : f->line.len;
}

void rc_framer_reset(rc_framer *f)
{
    f->dropped = 0;
    reuse(&f->line);
}

/* ---- array elements ---- */

/* As deep as cJSON goes; what is deeper cannot be decoded anyway. */
#define DEPTH_MAX 1000

enum array_state {
    ARRAY_BEFORE,  /* [ must come */
    ARRAY_FIRST,   /* an element or ] */
    ARRAY_NEXT,    /* an element: a comma was read */
    ARRAY_ELEMENT, /* in one */
    ARRAY_DONE,    /* ] was read */
    ARRAY_FAILED
};

struct rc_array_framer {
    size_t cap;
    rc_array_element on_element;
    void *arg;
    rc_buf element;
    enum array_state state;
    int code;           /* of the failure */
    const char *reason; /* static */
    bool stopped;       /* by on_element, which has said why */
    int depth;
    bool in_string;
    bool escaped;
    uint8_t is_object[(DEPTH_MAX + 7) / 8]; /* per open bracket: { or [ */
};

rc_array_framer *rc_array_framer_new(size_t element_cap, rc_array_element on_element, void *arg)
{
    rc_array_framer *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->cap = element_cap;
    f->on_element = on_element;
    f->arg = arg;
    f->element = (rc_buf)RC_BUF_INIT(0);
    return f;
}

rc_array_framer *rc_array_framer_free(rc_array_framer *f)
{
    if (f) {
        rc_buf_release(&f->element);
        free(f);
    }
    return NULL;
}

static int array_fail(rc_array_framer *f, int code, const char *reason)
{
    f->state = ARRAY_FAILED;
    f->code = code;
    f->reason = reason;
    rc_buf_release(&f->element);
    return code;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool open_bracket(rc_array_framer *f, bool object)
{
    if (f->depth == DEPTH_MAX)
        return false;
    uint8_t bit = (uint8_t)(1u << (f->depth % 8));
    if (object)
        f->is_object[f->depth / 8] |= bit;
    else
        f->is_object[f->depth / 8] &= (uint8_t)~bit;
    f->depth++;
    return true;
}

static bool close_bracket(rc_array_framer *f, bool object)
{
    if (f->depth == 0)
        return false;
    f->depth--;
    return (((f->is_object[f->depth / 8] >> (f->depth % 8)) & 1) != 0) == object;
}

static int append_element(rc_array_framer *f, const char *bytes, size_t n)
{
    if (n > f->cap - f->element.len)
        return array_fail(f, RC_PROTOCOL, "an element of the list is over the size limit");
    rc_buf_append(&f->element, bytes, n);
    if (rc_buf_failed(&f->element))
        return array_fail(f, RC_NOMEM, "out of memory for an element of the list");
    return RC_OK;
}

static int end_element(rc_array_framer *f)
{
    size_t len = f->element.len;
    while (len > 0 && is_space(f->element.data[len - 1]))
        len--;
    int rc = f->on_element(f->arg, f->element.data, len);
    if (rc != 0) {
        f->stopped = true;
        return array_fail(f, rc, "the list was not read to its end");
    }
    reuse(&f->element);
    return RC_OK;
}

/* Where the string that bytes[i] is in ends (behind its quote), or n. */
static size_t scan_string(rc_array_framer *f, const char *bytes, size_t i, size_t n)
{
    for (; i < n; i++) {
        if (f->escaped)
            f->escaped = false;
        else if (bytes[i] == '\\')
            f->escaped = true;
        else if (bytes[i] == '"') {
            f->in_string = false;
            return i + 1;
        }
    }
    return n;
}

/* Reads on in an element. *ret_i: the comma or bracket that ends it, or n. */
static int scan_element(rc_array_framer *f, const char *bytes, size_t i, size_t n, size_t *ret_i)
{
    while (i < n) {
        if (f->in_string) {
            i = scan_string(f, bytes, i, n);
            continue;
        }
        char c = bytes[i];
        if (f->depth == 0 && (c == ',' || c == ']'))
            break;
        bool fits = true;
        if (c == '"')
            f->in_string = true;
        else if (c == '{' || c == '[')
            fits = open_bracket(f, c == '{');
        else if (c == '}' || c == ']')
            fits = close_bracket(f, c == '}');
        if (!fits)
            return array_fail(f, RC_PROTOCOL, "the list's brackets do not match or nest too deep");
        i++;
    }
    *ret_i = i;
    return RC_OK;
}

/* bytes[*i] is in an element: takes it up to its end or the chunk's. */
static int feed_element(rc_array_framer *f, const char *bytes, size_t *i, size_t n)
{
    size_t end = n;
    int rc = scan_element(f, bytes, *i, n, &end);
    if (rc == RC_OK)
        rc = append_element(f, bytes + *i, end - *i);
    if (rc != RC_OK || end == n) {
        *i = n;
        return rc;
    }
    bool last = bytes[end] == ']';
    *i = end + 1;
    rc = end_element(f);
    if (rc == RC_OK)
        f->state = last ? ARRAY_DONE : ARRAY_NEXT;
    return rc;
}

/* One byte between elements. */
static int feed_between(rc_array_framer *f, char c, bool *ret_starts)
{
    *ret_starts = false;
    if (is_space(c))
        return RC_OK;
    if (f->state == ARRAY_BEFORE) {
        if (c != '[')
            return array_fail(f, RC_PROTOCOL, "the answer is not a JSON array");
        f->state = ARRAY_FIRST;
        return RC_OK;
    }
    if (f->state == ARRAY_DONE)
        return array_fail(f, RC_PROTOCOL, "bytes after the end of the list");
    if (c == ']' && f->state == ARRAY_FIRST) {
        f->state = ARRAY_DONE;
        return RC_OK;
    }
    if (c == ',' || c == ']')
        return array_fail(f, RC_PROTOCOL, "an element of the list is empty");
    f->state = ARRAY_ELEMENT;
    f->depth = 0;
    *ret_starts = true;
    return RC_OK;
}

int rc_array_framer_feed(rc_array_framer *f, const char *bytes, size_t n, rc_error *err)
{
    if (f->state == ARRAY_FAILED)
        return rc_fail(err, f->code, "%s", f->reason);
    int rc = RC_OK;
    for (size_t i = 0; i < n && rc == RC_OK;) {
        bool in_element = f->state == ARRAY_ELEMENT;
        if (!in_element)
            rc = feed_between(f, bytes[i], &in_element);
        if (rc == RC_OK && in_element)
            rc = feed_element(f, bytes, &i, n);
        else
            i++;
    }
    return rc == RC_OK || f->stopped ? rc : rc_fail(err, rc, "%s", f->reason);
}

int rc_array_framer_finish(rc_array_framer *f, rc_error *err)
{
    if (f->state == ARRAY_DONE)
        return RC_OK;
    if (f->state == ARRAY_FAILED)
        return rc_fail(err, f->code, "%s", f->reason);
    return rc_fail(err, RC_PROTOCOL, "the list was cut before its end");
}
