/* Label globs. */
#include "model/labels.h"

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

static bool any_matches(rc_str globs, rc_str key)
{
    size_t i = 0;
    while (i < globs.len) {
        size_t start = i;
        while (i < globs.len && !is_separator(globs.ptr[i]))
            i++;
        if (i > start && rc_glob_match(rc_str_n(globs.ptr + start, i - start), key))
            return true;
        i++;
    }
    return false;
}

bool rc_label_kept(const rc_label_filter *f, rc_str key)
{
    if ((f->prefix.len > 0 && rc_str_starts(key, f->prefix)) ||
        rc_str_eq(key, RC_STR("com.docker.compose.project")) ||
        rc_str_eq(key, RC_STR("com.docker.compose.service")) || rc_str_eq(key, RC_STR("exitCode")))
        return true;
    return any_matches(f->keep, key) && !any_matches(f->drop, key);
}

bool rc_label_filter_apply(const rc_label_filter *f, rc_row *row, rc_arena *arena)
{
    /* The default, at no cost. */
    if (rc_str_eq(f->keep, RC_STR("*")) && f->drop.len == 0)
        return true;
    uint32_t kept = 0;
    rc_label *labels =
        row->n_labels ? rc_arena_calloc(arena, row->n_labels, sizeof(*labels)) : NULL;
    if (row->n_labels && !labels)
        return false;
    for (uint32_t i = 0; i < row->n_labels; i++)
        if (rc_label_kept(f, row->labels[i].key))
            labels[kept++] = row->labels[i];
    row->labels = labels;
    row->n_labels = kept;
    return true;
}
