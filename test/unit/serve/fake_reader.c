/* The functions of reader/reader.h that the API calls. */
#include "fake_reader.h"

#include <stdlib.h>

struct fake_reader fake_reader;

int rc_reader_open(const char *path, rc_reader **out, rc_error *err)
{
    if (fake_reader.open_code)
        return rc_fail(err, fake_reader.open_code, "opening the index in %s", path);
    fake_reader.opened++;
    *out = (rc_reader *)&fake_reader;
    return RC_OK;
}

rc_reader *rc_reader_close(rc_reader *reader)
{
    if (reader)
        fake_reader.opened--;
    return NULL;
}

enum rc_writer_state rc_reader_writer(rc_reader *reader)
{
    (void)reader;
    return fake_reader.writer;
}

int rc_reader_live(rc_reader *reader, rc_live_info *out, rc_error *err)
{
    (void)reader;
    if (fake_reader.live_code == RC_OK || fake_reader.live_code == RC_BUSY)
        *out = fake_reader.live;
    return fake_reader.live_code ? rc_fail(err, fake_reader.live_code, "the live page") : RC_OK;
}

const rc_stats *rc_reader_counters(rc_reader *reader)
{
    (void)reader;
    return &fake_reader.counters;
}

bool rc_reader_ready(rc_reader *reader, rc_error *ret_why)
{
    (void)reader;
    if (!fake_reader.ready)
        (void)rc_fail(ret_why, RC_BUSY, "no full list yet");
    return fake_reader.ready;
}

int rc_snapshot_begin(rc_reader *reader, rc_snapshot **out, rc_error *err)
{
    if (fake_reader.snapshot_code)
        return rc_fail(err, fake_reader.snapshot_code, "taking a snapshot");
    *out = (rc_snapshot *)reader;
    return RC_OK;
}

rc_snapshot *rc_snapshot_end(rc_snapshot *s)
{
    (void)s;
    return NULL;
}

uint64_t rc_snapshot_epoch(const rc_snapshot *s)
{
    (void)s;
    return fake_reader.epoch;
}

uint64_t rc_snapshot_rev(const rc_snapshot *s)
{
    (void)s;
    return fake_reader.rev;
}

uint64_t rc_snapshot_oldest(rc_snapshot *s)
{
    (void)s;
    return fake_reader.oldest;
}

const rc_mirror_status *rc_snapshot_mirror(const rc_snapshot *s)
{
    (void)s;
    return &fake_reader.mirror;
}
