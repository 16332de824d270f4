/* The table of every configuration key: its name, its type and bounds, its default and the member
 * of rc_config that it fills. Parsing, defaults, error messages and the tests all read this table;
 * a new key is a line in it. */
#ifndef RC_DAEMON_CONFIG_KEYS_H
#define RC_DAEMON_CONFIG_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum rc_config_type {
    RC_KEY_TEXT,     /* char *: printable; bounds are of its length */
    RC_KEY_WORD,     /* char *: the same without blanks */
    RC_KEY_PATH,     /* char *: a file or folder, slashes at its end dropped */
    RC_KEY_API,      /* char *: an API version as 1.41, or nothing */
    RC_KEY_DURATION, /* int64_t, ns */
    RC_KEY_TTL,      /* int64_t, ns, or RC_MISSING_TTL_NEVER for "never" */
    RC_KEY_SIZE,     /* uint64_t, bytes */
    RC_KEY_COUNT,    /* uint64_t */
    RC_KEY_NUMBER,   /* unsigned */
    RC_KEY_SWITCH,   /* bool: on, off */
    RC_KEY_MODE,     /* mode_t: octal permissions */
    RC_KEY_GROUP,    /* gid_t: a name or a number; nothing is (gid_t)-1 */
    RC_KEY_USERS,    /* uid_t *, and api.n_writers: names or numbers; bounds are of their count */
    RC_KEY_GLOBS,    /* char *: globs; bounds are of their count */
    RC_KEY_LEVEL,    /* enum rc_log_level */
    RC_KEY_FORMAT,   /* enum rc_log_format; auto is resolved at once */
};

typedef struct rc_config_key {
    const char *section, *name;
    enum rc_config_type type;
    size_t offset;        /* in rc_config */
    const char *fallback; /* the default as one would write it */
    uint64_t min, max;    /* in the member's unit */
} rc_config_key;

#define RC_CONFIG_KEYS_MAX 64

size_t rc_config_key_count(void); /* at most RC_CONFIG_KEYS_MAX */
const rc_config_key *rc_config_key_at(size_t i);
size_t rc_config_key_index(const rc_config_key *key);

/* RC_INVALID naming what there is instead. Static. */
int rc_config_key_find(rc_str section, rc_str name, const rc_config_key **out, rc_error *err);

/* "section.name" */
int rc_config_key_find_dotted(rc_str dotted, const rc_config_key **out, rc_error *err);

/* RC_INVALID where no key has this section, naming those there are. */
int rc_config_section_check(rc_str section, rc_error *err);

/* A list, which further lines of a file may continue? */
int rc_config_key_is_list(const rc_config_key *key);

#define RC_CONFIG_EXPECTS_MAX 160

/* What a value of this key looks like, with its bounds: "a size from 16MiB to 1TiB, as 256MiB, 64k
 * or plain bytes". Returns out. */
char *rc_config_key_expects(const rc_config_key *key, char out[RC_CONFIG_EXPECTS_MAX]);

#endif
