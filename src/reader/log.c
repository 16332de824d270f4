/* The change log, read in order. A revision that is not there is damage, never silence. */
#include <stdlib.h>

#include "reader/inside.h"

struct rc_log_cursor {
    rc_snapshot *s;
    rc_kv_iter *it;
    uint64_t next;
};

int rc_log_open(rc_snapshot *s, uint64_t since, rc_log_cursor **out, rc_error *err)
{
    char room[RC_REV_KEY];
    const rc_meta *m = &s->meta;
    if (since > m->rev)
        return rc_fail(err, RC_INVALID, "revision %llu is from the future: the index is at %llu",
                       (unsigned long long)since, (unsigned long long)m->rev);
    if (since < m->rev && (m->oldest_rev == 0 || since + 1 < m->oldest_rev))
        return rc_fail(err, RC_TOOOLD, "the change log begins after revision %llu, at %llu",
                       (unsigned long long)since, (unsigned long long)m->oldest_rev);
    rc_log_cursor *c = calloc(1, sizeof(*c));
    if (!c)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    c->s = s;
    c->next = since + 1;
    int code = rc_kv_iter_open(s->txn, s->env->tables.changes, RC_STR_EMPTY,
                               rc_rev_key(c->next, room), &c->it, err);
    if (code) {
        free(c);
        return code;
    }
    *out = c;
    return RC_OK;
}

int rc_log_next(rc_log_cursor *c, uint64_t *ret_rev, rc_change_reader *ret_entry, rc_error *err)
{
    rc_str key, entry;
    uint64_t rev = 0;
    if (c->next > c->s->meta.rev)
        return RC_NOTFOUND;
    int code = rc_kv_iter_next(c->it, &key, &entry, err);
    if (code && code != RC_NOTFOUND)
        return code;
    if (code || !rc_rev_parse(key, &rev) || rev != c->next)
        return rc_fail(err, RC_CORRUPT, "index: revision %llu is not in the change log",
                       (unsigned long long)c->next);
    code = rc_change_open(entry, ret_entry, err);
    if (code)
        return code;
    *ret_rev = rev;
    c->next++;
    return RC_OK;
}

rc_log_cursor *rc_log_close(rc_log_cursor *c)
{
    if (c)
        rc_kv_iter_close(c->it);
    free(c);
    return NULL;
}
