/* What the tests of wire/ share: the captured bytes of real engines, and a few words to say less.
 */
#ifndef RC_TEST_CAPTURE_H
#define RC_TEST_CAPTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

/* Bytes on the heap without a terminator: what reads past their end is seen by the sanitizer. */
typedef struct bytes {
    char *data;
    size_t len;
} bytes;

bytes bytes_of(const char *p, size_t n);
void bytes_free(bytes *b);
#define AUTO_BYTES RC_CLEANUP(bytes_free) bytes

/* path: below the captures' folder, or a whole path of each_file's. Fails the test if absent. */
bytes read_capture(const char *path);

/* Calls each() for every file that the pattern below the captures' folder meets, in order; the test
 * fails if there is none. Returns how many. */
size_t each_file(const char *pattern, void (*each)(const char *path));

/* Calls each() for every non-empty line. Returns how many. */
size_t each_line(const char *path, void (*each)(const char *path, size_t number, bytes line));

/* A raw HTTP answer taken apart; the body de-chunked. whole: false if the stream was cut. */
typedef struct http_answer {
    int status;
    char content_type[64];
    bytes body;
    bool whole;
} http_answer;

http_answer read_http(const char *path);

/* The elements of a JSON array of objects, each of its own. */
typedef struct elements {
    bytes at[64];
    size_t n;
} elements;

elements elements_of(const char *path);
void elements_free(elements *e);

void ok(int code, const rc_error *err);

/* Exact comparison that prints both. */
#define assert_str(actual, expected) check_str((actual), (expected), __FILE__, __LINE__)
void check_str(rc_str actual, const char *expected, const char *file, int line);

/* A seed for what is random: RC_TEST_SEED, else the clock's. Printed, so that a failure can be had
 * again. */
uint64_t test_seed(void);

#endif
