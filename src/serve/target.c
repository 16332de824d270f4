/* Takes a request target apart, decoding into the result's own bytes. */
#include "serve/target.h"

#include <strings.h>

struct writer {
    char *to;
    rc_error *err;
};

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* What a decoder elsewhere may take for the string's end, or a client never sends unescaped. */
static int check_bytes(rc_str text, rc_error *err)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == 0x7f || c == '#')
            return rc_fail(err, RC_INVALID, "byte 0x%02x in the request target", c);
    }
    return RC_OK;
}

static int decode(struct writer *w, rc_str text, bool plus_is_blank, rc_str *out)
{
    const char *from = w->to;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex(text.ptr[i + 1]) : -1;
            int low = high < 0 ? -1 : hex(text.ptr[i + 2]);
            if (low < 0)
                return rc_fail(w->err, RC_INVALID, "'%%' without two hex digits in the target");
            c = (char)(high << 4 | low);
            if (c == '\0')
                return rc_fail(w->err, RC_INVALID, "%%00 in the request target");
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        *w->to++ = c;
    }
    *out = rc_str_n(from, (size_t)(w->to - from));
    return RC_OK;
}

/* The text up to the separator, which is dropped together with it from *rest. False: there was
 * none. */
static bool cut(rc_str *rest, char separator, rc_str *head)
{
    const char *at = memchr(rest->ptr, separator, rest->len);
    size_t n = at ? (size_t)(at - rest->ptr) : rest->len;
    *head = rc_str_n(rest->ptr, n);
    *rest = at ? rc_str_n(at + 1, rest->len - n - 1) : RC_STR_EMPTY;
    return at != NULL;
}

static int parse_path(struct writer *w, rc_str path, rc_target *out)
{
    rc_str part;
    bool more = path.len > 0;
    while (more) {
        more = cut(&path, '/', &part);
        if (out->n_segments == RC_TARGET_SEGMENTS)
            return rc_fail(w->err, RC_NOTFOUND, "a path of more than %d segments",
                           RC_TARGET_SEGMENTS);
        int code = decode(w, part, false, &out->segments[out->n_segments++]);
        if (code)
            return code;
    }
    return RC_OK;
}

static int parse_query(struct writer *w, rc_str query, rc_target *out)
{
    rc_str part, key;
    bool more = query.len > 0;
    while (more) {
        more = cut(&query, '&', &part);
        if (part.len == 0)
            continue;
        if (out->n_params == RC_TARGET_PARAMS)
            return rc_fail(w->err, RC_INVALID, "more than %d query parameters", RC_TARGET_PARAMS);
        rc_param *param = &out->params[out->n_params++];
        (void)cut(&part, '=', &key);
        int code = decode(w, key, true, &param->key);
        if (code == RC_OK)
            code = decode(w, part, true, &param->value);
        if (code)
            return code;
    }
    return RC_OK;
}

/* Drops scheme and authority of an absolute-form: whoever asks us means us. */
static int origin_form(rc_str *text, rc_error *err)
{
    static const rc_str schemes[] = {RC_STR("http://"), RC_STR("https://")};
    if (text->len && text->ptr[0] == '/')
        return RC_OK;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        rc_str scheme = schemes[i];
        if (text->len <= scheme.len || strncasecmp(text->ptr, scheme.ptr, scheme.len) != 0)
            continue;
        size_t at = scheme.len;
        while (at < text->len && text->ptr[at] != '/' && text->ptr[at] != '?')
            at++;
        *text = rc_str_n(text->ptr + at, text->len - at);
        return RC_OK;
    }
    return rc_fail(err, RC_INVALID, "the request target is neither a path nor an http URL");
}

int rc_target_parse(rc_str text, rc_target *out, rc_error *err)
{
    struct writer w = {.to = out->bytes, .err = err};
    rc_str path;

    out->n_segments = out->n_params = 0;
    if (text.len > RC_TARGET_MAX)
        return rc_fail(err, RC_INVALID, "a request target of more than %d bytes", RC_TARGET_MAX);
    int code = check_bytes(text, err);
    if (code == RC_OK)
        code = origin_form(&text, err);
    if (code)
        return code;
    (void)cut(&text, '?', &path);
    if (path.len)
        path = rc_str_n(path.ptr + 1, path.len - 1);
    code = parse_path(&w, path, out);
    return code ? code : parse_query(&w, text, out);
}

const rc_str *rc_target_param(const rc_target *target, const char *key)
{
    for (unsigned i = 0; i < target->n_params; i++)
        if (rc_str_eq_c(target->params[i].key, key))
            return &target->params[i].value;
    return NULL;
}
