/* Gathers the status from snapshot, live page and counters, and writes it as JSON. */
#include "reader/status.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct counter {
    rc_str key;
    unsigned stat;
};

static const struct counter plain_counters[] = {
    {RC_STR("events_ignored"), RC_STAT_EVENTS_IGNORED},
    {RC_STR("events_late"), RC_STAT_EVENTS_LATE},
    {RC_STR("events_duplicate"), RC_STAT_EVENTS_DUPLICATE},
    {RC_STR("events_bad"), RC_STAT_EVENTS_BAD},
    {RC_STR("events_oversize"), RC_STAT_EVENTS_OVERSIZE},
    {RC_STR("resyncs"), RC_STAT_RESYNCS},
    {RC_STR("resync_failures"), RC_STAT_RESYNC_FAILURES},
    {RC_STR("rereads"), RC_STAT_REREADS},
    {RC_STR("inspects"), RC_STAT_INSPECTS},
    {RC_STR("reread_failures"), RC_STAT_REREAD_FAILURES},
    {RC_STR("commits"), RC_STAT_COMMITS},
    {RC_STR("commit_failures"), RC_STAT_COMMIT_FAILURES},
    {RC_STR("steps"), RC_STAT_STEPS},
    {RC_STR("compactions"), RC_STAT_COMPACTIONS},
    {RC_STR("stale_readers_freed"), RC_STAT_STALE_READERS},
    {RC_STR("expired"), RC_STAT_EXPIRED},
};

const char *rc_writer_state_name(enum rc_writer_state state)
{
    static const char *const names[] = {
        [RC_WRITER_LIVE] = "live", [RC_WRITER_GONE] = "gone", [RC_WRITER_HUNG] = "hung"};
    return (size_t)state < RC_ARRAY_LEN(names) ? names[state] : "unknown";
}

/* ---- Reading ---- */

static int read_live(rc_reader *reader, rc_live_info *out, rc_error *err)
{
    int code = rc_reader_live(reader, out, err);
    /* A writer that died in mid-update: what it left is the best there is, and `writer` tells. */
    return code == RC_BUSY ? RC_OK : code;
}

static void read_counters(rc_reader *reader, uint64_t out[RC_STAT_COUNT])
{
    const rc_stats *stats = rc_reader_counters(reader);
    for (unsigned i = 0; i < RC_STAT_COUNT; i++)
        out[i] = rc_stat_get(stats, i);
}

int rc_status_read(rc_reader *reader, rc_status *out, rc_error *err)
{
    rc_snapshot *snapshot = NULL;
    rc_status s = {.path = NULL};
    int code = read_live(reader, &s.live, err);
    if (code)
        return code;
    code = rc_snapshot_begin(reader, &snapshot, err);
    if (code)
        return code;
    s.epoch = rc_snapshot_epoch(snapshot);
    s.rev = rc_snapshot_rev(snapshot);
    s.oldest_rev = rc_snapshot_oldest(snapshot);
    s.mirror = *rc_snapshot_mirror(snapshot);
    rc_snapshot_end(snapshot);
    s.writer = rc_reader_writer(reader);
    s.ready = rc_reader_ready(reader, &s.not_ready);
    s.now_mono_ns = rc_clock_mono();
    read_counters(reader, s.counters);
    *out = s;
    return RC_OK;
}

/* ---- Writing ---- */

static void put_text(rc_json *j, rc_str key, const char *text)
{
    rc_json_key(j, key);
    if (text && *text)
        rc_json_str(j, rc_str_c(text));
    else
        rc_json_null(j);
}

static void put_time(rc_json *j, rc_str key, int64_t ns)
{
    rc_json_key(j, key);
    rc_json_time(j, ns);
}

static void put_bool(rc_json *j, rc_str key, bool v)
{
    rc_json_key(j, key);
    rc_json_bool(j, v);
}

static void put_u64(rc_json *j, rc_str key, uint64_t v)
{
    rc_json_key(j, key);
    rc_json_u64(j, v);
}

/* Where 0 means that there is none. */
static void put_known(rc_json *j, rc_str key, uint64_t v)
{
    rc_json_key(j, key);
    if (v)
        rc_json_u64(j, v);
    else
        rc_json_null(j);
}

static void put_seconds(rc_json *j, rc_str key, int64_t ns)
{
    rc_json_key(j, key);
    rc_json_double(j, (double)ns / (double)RC_NS_PER_SEC);
}

static void put_index_state(rc_json *j, const rc_status *s)
{
    char epoch[17];
    (void)snprintf(epoch, sizeof(epoch), "%016" PRIx64, s->epoch);
    RC_JSON_KEY(j, "epoch");
    rc_json_str(j, rc_str_c(epoch));
    put_u64(j, RC_STR("rev"), s->rev);
    put_text(j, RC_STR("mirror"), rc_mirror_state_name(s->mirror.state));
    put_bool(j, RC_STR("synced"), s->mirror.synced);
    put_time(j, RC_STR("stale_since"), s->mirror.stale_since_ns);
    put_bool(j, RC_STR("ready"), s->ready);
}

static void put_engine(rc_json *j, const rc_live_info *live)
{
    RC_JSON_KEY(j, "engine");
    rc_json_object(j);
    put_text(j, RC_STR("endpoint"), live->endpoint);
    put_text(j, RC_STR("version"), live->engine_version);
    put_text(j, RC_STR("api_version"), live->api_version);
    rc_json_object_end(j);
}

static void put_last_resync(rc_json *j, const rc_status *s)
{
    RC_JSON_KEY(j, "last_resync");
    if (s->live.resync_ns == 0) {
        rc_json_null(j);
        return;
    }
    rc_json_object(j);
    put_time(j, RC_STR("at"), s->live.resync_ns);
    put_seconds(j, RC_STR("duration_seconds"), s->live.resync_took_ns);
    put_seconds(j, RC_STR("age_seconds"), s->now_mono_ns - s->live.resync_mono_ns);
    rc_json_object_end(j);
}

static void put_containers(rc_json *j, const rc_live_info *live)
{
    RC_JSON_KEY(j, "containers");
    rc_json_object(j);
    for (unsigned i = 0; i < RC_STATE_COUNT; i++)
        put_u64(j, rc_str_c(rc_state_name((enum rc_state)i)), live->containers[i]);
    rc_json_object_end(j);
}

static void put_index(rc_json *j, const rc_status *s)
{
    RC_JSON_KEY(j, "index");
    rc_json_object(j);
    put_text(j, RC_STR("path"), s->path);
    put_u64(j, RC_STR("used_bytes"), s->live.used_bytes);
    put_u64(j, RC_STR("max_used_bytes"), s->live.max_used_bytes);
    put_u64(j, RC_STR("map_bytes"), s->live.map_bytes);
    put_known(j, RC_STR("oldest_rev"), s->oldest_rev);
    put_u64(j, RC_STR("readers"), s->live.readers);
    put_known(j, RC_STR("oldest_reader_rev"), s->live.oldest_reader_rev);
    rc_json_object_end(j);
}

static void put_events(rc_json *j, const rc_status *s)
{
    uint64_t total = 0;
    RC_JSON_KEY(j, "events");
    rc_json_object(j);
    for (unsigned i = 0; i < RC_ACTION_COUNT; i++) {
        uint64_t n = s->counters[RC_STAT_EVENTS + i];
        put_u64(j, rc_str_c(rc_action_name((enum rc_action)i)), n);
        total += n;
    }
    put_u64(j, RC_STR("total"), total);
    rc_json_object_end(j);
}

static void put_corrections(rc_json *j, const rc_status *s)
{
    RC_JSON_KEY(j, "corrections");
    rc_json_object(j);
    for (enum rc_correction_kind kind = 0; kind < RC_CORRECTION_KINDS; kind++) {
        rc_json_key(j, rc_str_c(rc_correction_kind_name(kind)));
        rc_json_object(j);
        for (enum rc_correction_cause cause = 0; cause < RC_CORRECTION_CAUSES; cause++)
            put_u64(j, rc_str_c(rc_correction_cause_name(cause)),
                    s->counters[rc_stat_correction(kind, cause)]);
        rc_json_object_end(j);
    }
    rc_json_object_end(j);
}

static void put_reconnects(rc_json *j, const rc_status *s)
{
    RC_JSON_KEY(j, "reconnects");
    rc_json_object(j);
    for (unsigned i = 0; i < RC_RECONNECT_REASONS; i++)
        put_u64(j, rc_str_c(rc_reconnect_reason_name((enum rc_reconnect_reason)i)),
                s->counters[RC_STAT_RECONNECTS + i]);
    rc_json_object_end(j);
}

static void put_http(rc_json *j, const rc_status *s)
{
    RC_JSON_KEY(j, "http");
    rc_json_object(j);
    put_u64(j, RC_STR("requests"), s->counters[RC_STAT_HTTP_REQUESTS]);
    put_u64(j, RC_STR("rejected"), s->counters[RC_STAT_HTTP_REJECTED]);
    rc_json_object_end(j);
}

void rc_status_encode(rc_json *j, const rc_status *s)
{
    rc_json_object(j);
    put_text(j, RC_STR("version"), s->live.version);
    put_known(j, RC_STR("pid"), s->live.pid);
    put_time(j, RC_STR("started_at"), s->live.started_ns);
    put_text(j, RC_STR("writer"), rc_writer_state_name(s->writer));
    put_index_state(j, s);
    put_engine(j, &s->live);
    put_text(j, RC_STR("last_error"), s->live.last_error);
    put_last_resync(j, s);
    put_time(j, RC_STR("last_event_at"), s->live.event_ns);
    put_containers(j, &s->live);
    put_index(j, s);
    put_events(j, s);
    for (size_t i = 0; i < RC_ARRAY_LEN(plain_counters); i++)
        put_u64(j, plain_counters[i].key, s->counters[plain_counters[i].stat]);
    put_corrections(j, s);
    put_reconnects(j, s);
    put_http(j, s);
    rc_json_object_end(j);
}
