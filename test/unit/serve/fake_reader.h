/* A reader whose state the test sets, so that every state of index and daemon can be served. */
#ifndef RC_TEST_SERVE_FAKE_READER_H
#define RC_TEST_SERVE_FAKE_READER_H

#include "reader/reader.h"

struct fake_reader {
    int open_code; /* what the functions return */
    int live_code;
    int snapshot_code;
    unsigned opened; /* readers open now */
    bool ready;
    rc_live_info live;
    rc_stats counters;
    uint64_t epoch, rev, oldest;
    rc_mirror_status mirror;
    enum rc_writer_state writer;
};

extern struct fake_reader fake_reader;

#endif
