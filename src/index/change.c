/* Entries of the change log: builder and validating reader. */
#include "index/change.h"

#include <endian.h>
#include <string.h>

#include "base/idmap.h"
#include "index/bytes.h"
#include "index/record.h"

enum entry_offset {
    AT_VERSION = 0,
    AT_SIZE = 4,
    AT_TIME = 8,
    AT_COUNT = 16,
    ENTRY_HEADER = RC_CHANGE_HEADER
};
enum step_offset { AT_OP = 0, AT_CAUSE, AT_PREV, AT_ACTION = 4, AT_BODY = 8, STEP_HEADER = 16 };

/* A text with its terminator, up to the next multiple of 8. */
static uint64_t room_for(uint64_t len)
{
    return (len + 8) & ~(uint64_t)7;
}

void rc_change_begin(rc_buf *entry)
{
    char *p = rc_buf_extend(entry, ENTRY_HEADER);
    if (p)
        memset(p, 0, ENTRY_HEADER);
}

uint64_t rc_change_size(const rc_change *step)
{
    return STEP_HEADER + room_for(step->action.len) + room_for(step->body.len);
}

size_t rc_change_append(rc_buf *entry, const rc_change *step)
{
    if (step->action.len > RC_RECORD_MAX || step->body.len > RC_RECORD_MAX) {
        entry->failed = true;
        return 0;
    }
    size_t action = room_for(step->action.len), body = room_for(step->body.len);
    char *p = rc_buf_extend(entry, STEP_HEADER + action + body);
    if (!p)
        return 0;
    memset(p, 0, STEP_HEADER + action + body);
    p[AT_OP] = (char)step->op;
    p[AT_CAUSE] = (char)step->cause;
    p[AT_PREV] = (char)step->prev_state;
    store32(p + AT_ACTION, (uint32_t)step->action.len);
    store32(p + AT_BODY, (uint32_t)step->body.len);
    if (step->action.len)
        memcpy(p + STEP_HEADER, step->action.ptr, step->action.len);
    if (step->body.len)
        memcpy(p + STEP_HEADER + action, step->body.ptr, step->body.len);
    store32(entry->data + AT_COUNT, load32(entry->data + AT_COUNT) + 1);
    return entry->len - body;
}

void rc_change_end(rc_buf *entry, int64_t time_ns)
{
    if (entry->failed)
        return;
    if (entry->len > UINT32_MAX) {
        entry->failed = true;
        return;
    }
    store32(entry->data + AT_VERSION, RC_CHANGE_VERSION);
    store32(entry->data + AT_SIZE, (uint32_t)entry->len);
    store64(entry->data + AT_TIME, (uint64_t)time_ns);
}

static int corrupt(rc_error *err, const char *what)
{
    return rc_fail(err, RC_CORRUPT, "change: %s is wrong", what);
}

int rc_change_open(rc_str entry, rc_change_reader *out, rc_error *err)
{
    if (entry.len < ENTRY_HEADER)
        return corrupt(err, "header");
    if (load32(entry.ptr + AT_VERSION) != RC_CHANGE_VERSION)
        return rc_fail(err, RC_VERSION, "change: format version %u, not %d",
                       load32(entry.ptr + AT_VERSION), RC_CHANGE_VERSION);
    if (load32(entry.ptr + AT_SIZE) != entry.len)
        return corrupt(err, "size");
    if (load32(entry.ptr + AT_COUNT + 4) != 0)
        return corrupt(err, "reserved");
    out->rest = (rc_str){entry.ptr + ENTRY_HEADER, entry.len - ENTRY_HEADER};
    out->left = load32(entry.ptr + AT_COUNT);
    out->time_ns = (int64_t)load64(entry.ptr + AT_TIME);
    return RC_OK;
}

static bool padding_is_zero(const char *p, uint64_t len)
{
    for (uint64_t i = len; i < room_for(len); i++)
        if (p[i] != '\0')
            return false;
    return true;
}

static int check_body(const rc_change *c, rc_error *err)
{
    rc_id id;
    if (c->op == RC_CHANGE_PUT)
        return rc_record_validate(c->body, err);
    return c->body.len == 0 || rc_id_parse(c->body, &id) ? RC_OK : corrupt(err, "id");
}

int rc_change_next(rc_change_reader *r, rc_change *out, rc_error *err)
{
    const char *p = r->rest.ptr;
    if (r->left == 0)
        return r->rest.len ? corrupt(err, "count") : RC_NOTFOUND;
    if (r->rest.len < STEP_HEADER)
        return corrupt(err, "count");
    uint8_t op = (uint8_t)p[AT_OP], cause = (uint8_t)p[AT_CAUSE], prev = (uint8_t)p[AT_PREV];
    if (op >= RC_CHANGE_OP_COUNT)
        return corrupt(err, "op");
    if (cause >= RC_CAUSE_COUNT)
        return corrupt(err, "cause");
    if (prev >= RC_STATE_COUNT)
        return corrupt(err, "prev_state");
    if (p[AT_PREV + 1] || load32(p + AT_BODY + 4))
        return corrupt(err, "reserved");
    uint64_t action = load32(p + AT_ACTION), body = load32(p + AT_BODY);
    uint64_t size = STEP_HEADER + room_for(action) + room_for(body);
    if (size > r->rest.len)
        return corrupt(err, "length");
    const char *body_at = p + STEP_HEADER + room_for(action);
    if (!padding_is_zero(p + STEP_HEADER, action) || !padding_is_zero(body_at, body))
        return corrupt(err, "padding");
    rc_change c = {(enum rc_change_op)op,
                   (enum rc_change_cause)cause,
                   (enum rc_state)prev,
                   {p + STEP_HEADER, action},
                   {body_at, body}};
    int code = check_body(&c, err);
    if (code)
        return code;
    r->rest = (rc_str){p + size, r->rest.len - size};
    r->left--;
    *out = c;
    return RC_OK;
}
