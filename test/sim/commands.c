/* Taking a command's line apart and finding who does it. */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/escape.h"

#define ARENA_MAX ((size_t)16 << 20)

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

rc_str sim_decode_word(const sim_args *a, rc_str raw)
{
    char *out = rc_arena_alloc(a->arena, raw.len + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < raw.len; i++) {
        int hi = raw.ptr[i] == '%' && i + 2 < raw.len ? hex_digit(raw.ptr[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(raw.ptr[i + 2]) : -1;
        out[n++] = lo >= 0 ? (char)(hi << 4 | lo) : raw.ptr[i];
        i += lo >= 0 ? 2 : 0;
    }
    if (!out)
        return RC_STR_EMPTY;
    out[n] = '\0';
    return rc_str_n(out, n);
}

static bool is_option(rc_str word)
{
    return memchr(word.ptr, '=', word.len) != NULL;
}

rc_str sim_arg(const sim_args *a, unsigned i)
{
    for (unsigned k = 1; k < a->n; k++)
        if (!is_option(a->words[k]) && i-- == 0)
            return sim_decode_word(a, a->words[k]);
    return RC_STR_EMPTY;
}

bool sim_option_next(const sim_args *a, const char *key, unsigned *from, rc_str *ret)
{
    size_t len = strlen(key);
    for (unsigned k = *from < 1 ? 1 : *from; k < a->n; k++) {
        rc_str word = a->words[k];
        if (word.len <= len || word.ptr[len] != '=' || memcmp(word.ptr, key, len) != 0)
            continue;
        *ret = sim_decode_word(a, rc_str_n(word.ptr + len + 1, word.len - len - 1));
        *from = k + 1;
        return true;
    }
    return false;
}

bool sim_option(const sim_args *a, const char *key, rc_str *ret)
{
    unsigned from = 1;
    return sim_option_next(a, key, &from, ret);
}

int sim_parse_i64(rc_str text, const char *what, int64_t lo, int64_t hi, int64_t *ret,
                  rc_error *err)
{
    char copy[32], *end = copy;
    char shown[64];
    long long value = 0;
    if (text.len > 0 && text.len < sizeof(copy)) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        value = strtoll(copy, &end, 10);
    }
    if (end == copy || *end || value < lo || value > hi)
        return rc_fail(err, RC_INVALID, "%s=%s is not a number from %lld to %lld", what,
                       rc_escape_into(shown, sizeof(shown), text), (long long)lo, (long long)hi);
    *ret = value;
    return RC_OK;
}

int sim_option_i64(const sim_args *a, const char *key, int64_t lo, int64_t hi, int64_t *ret,
                   rc_error *err)
{
    rc_str text;
    return sim_option(a, key, &text) ? sim_parse_i64(text, key, lo, hi, ret, err) : RC_OK;
}

bool sim_flag(const sim_args *a, const char *key)
{
    rc_str text;
    for (unsigned k = 1; k < a->n; k++)
        if (rc_str_eq_c(a->words[k], key))
            return true;
    return sim_option(a, key, &text) && rc_str_eq(text, RC_STR("1"));
}

int sim_arg_container(const sim_args *a, unsigned i, sim_slot **ret, rc_error *err)
{
    return sim_model_find(a->s->model, sim_arg(a, i), ret, err);
}

/* ---- lines ---- */

static int split(sim_args *a, char *line, size_t len, rc_error *err)
{
    size_t at = 0;
    a->words = rc_arena_calloc(a->arena, SIM_WORDS_MAX, sizeof(*a->words));
    if (!a->words)
        return rc_fail(err, RC_NOMEM, "out of memory for a command");
    while (at < len) {
        size_t end = at;
        while (end < len && line[end] != ' ' && line[end] != '\r')
            end++;
        if (end > at) {
            if (a->n == SIM_WORDS_MAX)
                return rc_fail(err, RC_FULL, "a command has at most %d words", SIM_WORDS_MAX);
            a->words[a->n++] = rc_str_n(line + at, end - at);
        }
        at = end + 1;
    }
    if (a->n == 0)
        return rc_fail(err, RC_INVALID, "an empty command");
    return RC_OK;
}

static unsigned count_positional(const sim_args *a)
{
    unsigned n = 0;
    for (unsigned k = 1; k < a->n; k++)
        n += !is_option(a->words[k]);
    return n;
}

static const sim_command_row *const tables[] = {sim_life_commands, sim_fault_commands,
                                                sim_query_commands};

static const sim_command_row *find(rc_str name)
{
    for (size_t t = 0; t < RC_ARRAY_LEN(tables); t++)
        for (const sim_command_row *row = tables[t]; row->name; row++)
            if (rc_str_eq_c(name, row->name))
                return row;
    return NULL;
}

static int run(sim_args *a, rc_error *err)
{
    char shown[64];
    bool silent = rc_str_eq(a->words[0], RC_STR("silent")) && a->n > 1;
    if (silent) {
        a->words++;
        a->n--;
    }
    const sim_command_row *row = find(a->words[0]);
    if (!row)
        return rc_fail(err, RC_INVALID, "no command %s",
                       rc_escape_into(shown, sizeof(shown), a->words[0]));
    if (count_positional(a) < row->min_words)
        return rc_fail(err, RC_INVALID, "usage: %s %s", row->name, row->usage);
    a->s->silent = silent;
    int rc = row->fn(a, err);
    a->s->silent = false;
    if (rc == RC_OK && rc_arena_failed(a->arena))
        return rc_fail(err, RC_NOMEM, "out of memory for a command");
    return rc;
}

enum sim_command_result sim_command(sim *s, char *line, size_t len, rc_buf *out, sim_wait *ret_wait)
{
    rc_json json;
    rc_error err = RC_ERROR_INIT;
    sim_args a = {.s = s, .arena = rc_arena_new(0, ARENA_MAX), .out = &json, .wait = ret_wait};
    size_t before = out->len;
    int rc = RC_NOMEM;
    rc_json_init(&json, out);
    rc_json_object(&json);
    RC_JSON_KEY(&json, "ok");
    rc_json_bool(&json, true);
    if (!a.arena)
        (void)rc_fail(&err, RC_NOMEM, "out of memory for a command");
    else
        rc = split(&a, line, len, &err);
    if (rc == RC_OK)
        rc = run(&a, &err);
    (void)rc_arena_free(a.arena);
    if (rc != RC_OK) {
        out->len = before;
        rc_json_init(&json, out);
        rc_json_object(&json);
        RC_JSON_KEY(&json, "error");
        rc_json_str(&json, rc_str_c(err.msg));
        a.result = SIM_COMMAND_ANSWERED;
    }
    rc_json_object_end(&json);
    if (a.result == SIM_COMMAND_WAIT)
        out->len = before;
    return a.result;
}
