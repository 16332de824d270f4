/* Configuration files: the only user of libinih. What the library leaves lax is checked line by
 * line before it sees the line: it cuts long lines, ends at a NUL, ignores what follows a section's
 * name, and takes any indented line for the value above. */
#include "daemon/config_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/escape.h"

#define FILE_MAGIC 0x52434649u

struct file {
    unsigned magic;
    rc_config_draft *draft;
    const char *path;
    rc_str rest; /* what libinih has not asked for yet */
    unsigned line;
    bool indented;                    /* the line that libinih has now */
    const rc_config_key *key;         /* the last one of this section, which may be continued */
    rc_buf text;                      /* its value, all lines of it */
    unsigned set[RC_CONFIG_KEYS_MAX]; /* the line that set a key of the table; 0: none yet */
    int code;                         /* the first mistake: nothing is read after it */
    rc_error *err;
};

static struct file *checked(void *arg)
{
    struct file *f = arg;
    if (!f || f->magic != FILE_MAGIC)
        abort();
    return f;
}

static void where(const struct file *f, unsigned line, char out[RC_ERROR_MAX / 2])
{
    char path[RC_ERROR_MAX / 2 - 16];
    snprintf(out, RC_ERROR_MAX / 2, "%s:%u", rc_escape_into(path, sizeof(path), rc_str_c(f->path)),
             line);
}

/* Keeps the mistake with its place; false, as both of libinih's callbacks may return it. */
static bool mistake(struct file *f, unsigned line, const rc_error *why)
{
    char at[RC_ERROR_MAX / 2];
    where(f, line, at);
    f->code = rc_fail(f->err, why->code, "%s: %s", at, why->msg);
    return false;
}

/* ---- Lines ---- */

static bool blank(char c)
{
    static const char blanks[] = {' ', '\t', '\v', '\f', '\r', '\n'};
    return memchr(blanks, c, sizeof(blanks)) != NULL;
}

static rc_str trim(rc_str s)
{
    while (s.len && blank(s.ptr[0]))
        s = rc_str_n(s.ptr + 1, s.len - 1);
    while (s.len && blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static bool is_comment(rc_str trimmed)
{
    return trimmed.len == 0 || trimmed.ptr[0] == ';' || trimmed.ptr[0] == '#';
}

/* "[section]" and nothing but a comment behind it. */
static int check_section(rc_str line, rc_error *err)
{
    const char *end = memchr(line.ptr, ']', line.len);
    if (!end)
        return rc_fail(err, RC_INVALID, "expected [section], but the ] is missing");
    rc_str name = rc_str_n(line.ptr + 1, (size_t)(end - line.ptr) - 1);
    rc_str behind = trim(rc_str_n(end + 1, line.len - name.len - 2));
    if (!is_comment(behind)) {
        char text[80];
        return rc_fail(err, RC_INVALID, "expected nothing behind [section], got \"%s\"",
                       rc_escape_into(text, sizeof(text), behind));
    }
    return rc_config_section_check(name, err);
}

static int check_indented(const struct file *f, rc_error *err)
{
    if (!f->key)
        return rc_fail(err, RC_INVALID,
                       "expected a key or a section at the beginning of the line, "
                       "got an indented line");
    if (!rc_config_key_is_list(f->key))
        return rc_fail(err, RC_INVALID,
                       "an indented line continues the value above, but %s.%s is not a list",
                       f->key->section, f->key->name);
    return RC_OK;
}

/* room: bytes that libinih keeps of a line, without its end. */
static int check_line(struct file *f, rc_str line, size_t room, rc_error *err)
{
    if (line.len > room)
        return rc_fail(err, RC_INVALID,
                       "the line has %zu bytes, at most %zu are read (a list may be continued on "
                       "indented lines)",
                       line.len, room);
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        if ((c < ' ' && c != '\t' && !(c == '\r' && i + 1 == line.len)) || c == 0x7f)
            return rc_fail(err, RC_INVALID, "expected text, got a byte 0x%02x", c);
    }
    rc_str trimmed = trim(line);
    f->indented = trimmed.len && trimmed.ptr > line.ptr;
    if (is_comment(trimmed))
        return RC_OK;
    if (f->indented)
        return check_indented(f, err);
    if (trimmed.ptr[0] == '[') {
        f->key = NULL;
        return check_section(trimmed, err);
    }
    return RC_OK;
}

/* libinih's fgets. */
static char *next_line(char *out, int size, void *arg)
{
    struct file *f = checked(arg);
    if (f->code || f->rest.len == 0)
        return NULL;
    const char *end = memchr(f->rest.ptr, '\n', f->rest.len);
    rc_str line = rc_str_n(f->rest.ptr, end ? (size_t)(end - f->rest.ptr) : f->rest.len);
    size_t taken = line.len + (end ? 1 : 0);
    f->rest = rc_str_n(f->rest.ptr + taken, f->rest.len - taken);
    f->line++;
    if (f->line == 1 && rc_str_starts(line, RC_STR("\xEF\xBB\xBF")))
        line = rc_str_n(line.ptr + 3, line.len - 3); /* a byte order mark */

    rc_error why = RC_ERROR_INIT;
    /* Less its end and the NUL. */
    if (check_line(f, line, (size_t)size - 3, &why)) {
        mistake(f, f->line, &why);
        return NULL;
    }
    memcpy(out, line.ptr, line.len);
    out[line.len] = '\n';
    out[line.len + 1] = '\0';
    return out;
}

/* ---- Keys ---- */

/* libinih takes a comment off a value's first line only. */
static rc_str without_comment(rc_str s)
{
    for (size_t i = 1; i < s.len; i++)
        if (s.ptr[i] == ';' && blank(s.ptr[i - 1]))
            return trim(rc_str_n(s.ptr, i));
    return s;
}

static int take_key(struct file *f, rc_str section, rc_str name, rc_error *err)
{
    const rc_config_key *key = NULL;
    if (section.len == 0)
        return rc_fail(err, RC_INVALID, "expected a [section] before the first key");
    int code = rc_config_key_find(section, name, &key, err);
    if (code)
        return code;
    unsigned *set = &f->set[rc_config_key_index(key)];
    if (*set)
        return rc_fail(err, RC_INVALID, "%s.%s is set already at line %u, expected it once a file",
                       key->section, key->name, *set);
    *set = f->line;
    f->key = key;
    rc_buf_clear(&f->text);
    return RC_OK;
}

/* libinih's handler: 1 is good. */
static int on_key(void *arg, const char *section, const char *name, const char *value)
{
    struct file *f = checked(arg);
    rc_error why = RC_ERROR_INIT;
    if (f->code)
        return 0;
    if (f->indented)
        rc_buf_putc(&f->text, ' ');
    else if (take_key(f, rc_str_c(section), rc_str_c(name), &why))
        return mistake(f, f->line, &why);
    rc_buf_str(&f->text, f->indented ? without_comment(rc_str_c(value)) : rc_str_c(value));
    if (rc_buf_failed(&f->text)) {
        (void)rc_fail(&why, RC_NOMEM, "out of memory");
        return mistake(f, f->line, &why);
    }
    char at[RC_ERROR_MAX / 2];
    where(f, f->line, at);
    f->code = rc_config_draft_set(f->draft, f->key, rc_buf_view(&f->text), at, f->err);
    return f->code == RC_OK;
}

static int parse(rc_config_draft *d, const char *path, rc_str text, rc_error *err)
{
    struct file f = {
        .magic = FILE_MAGIC,
        .draft = d,
        .path = path,
        .rest = text,
        .text = RC_BUF_INIT(RC_CONFIG_FILE_MAX),
        .err = err,
    };
    int bad = ini_parse_stream(next_line, &f, on_key, &f);
    rc_buf_release(&f.text);
    /* What libinih itself does not understand it only counts: the number is the first bad line's.
     */
    if (bad && (!f.code || (unsigned)bad < f.line)) {
        rc_error why = RC_ERROR_INIT;
        (void)rc_fail(&why, RC_INVALID, "expected [section], key = value, or a comment");
        mistake(&f, (unsigned)bad, &why);
    }
    return f.code;
}

/* ---- Files ---- */

static int read_all(int fd, rc_buf *out, rc_error *err)
{
    char piece[4096];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rc_fail_errno(err, RC_INVALID, errno, "cannot read it");
        if (n == 0)
            return RC_OK;
        rc_buf_append(out, piece, (size_t)n);
        if (rc_buf_failed(out))
            return rc_fail(err, RC_INVALID, "the file has more than %zu bytes", out->max);
    }
}

int rc_config_file_read(rc_config_draft *d, const char *path, bool *ret_found, rc_error *err)
{
    char shown[RC_ERROR_MAX / 2];
    rc_escape_into(shown, sizeof(shown), rc_str_c(path));
    RC_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && ret_found) {
        *ret_found = false;
        return RC_OK;
    }
    if (fd < 0)
        return rc_fail_errno(err, RC_INVALID, errno, "%s: cannot open it", shown);
    rc_buf text = RC_BUF_INIT(RC_CONFIG_FILE_MAX);
    int code = read_all(fd, &text, err);
    if (code)
        (void)rc_error_wrap(err, "%s", shown);
    else
        code = parse(d, path, rc_buf_view(&text), err);
    rc_buf_release(&text);
    if (code == RC_OK && ret_found)
        *ret_found = true;
    return code;
}

/* ---- conf.d ---- */

static int is_conf(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_entry(rc_config_draft *d, const char *dir, const char *name, rc_error *err)
{
    RC_AUTO_FREE char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0) {
        path = NULL;
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    return rc_config_file_read(d, path, NULL, err);
}

int rc_config_dir_read(rc_config_draft *d, const char *path, rc_error *err)
{
    struct dirent **entries = NULL;
    char shown[RC_ERROR_MAX / 2];
    rc_escape_into(shown, sizeof(shown), rc_str_c(path));
    int n = scandir(path, &entries, is_conf, by_bytes);
    if (n < 0 && errno == ENOENT)
        return RC_OK;
    if (n < 0)
        return rc_fail_errno(err, errno == ENOMEM ? RC_NOMEM : RC_INVALID, errno,
                             "%s: cannot read the folder", shown);
    int code = RC_OK;
    if (n > RC_CONFIG_DIR_MAX)
        code = rc_fail(err, RC_INVALID, "%s: %d files *.conf, at most %d are read", shown, n,
                       RC_CONFIG_DIR_MAX);
    for (int i = 0; i < n; i++) {
        if (code == RC_OK)
            code = read_entry(d, path, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return code;
}
