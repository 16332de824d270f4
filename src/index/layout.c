/* Names of environments and the link to the current one. */
#include "index/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "env."

static bool is_hex(const char *s, size_t n)
{
    return strspn(s, "0123456789abcdef") >= n;
}

bool rc_env_name_parse(const char *s, rc_env_name *out)
{
    rc_env_name name = {"", 0};
    if (strncmp(s, PREFIX, strlen(PREFIX)) != 0)
        return false;
    s += strlen(PREFIX);
    size_t boot = strcspn(s, ".");
    if (s[boot] == '.') {
        if (boot != RC_BOOT_MAX - 1 || !is_hex(s, boot))
            return false;
        memcpy(name.boot, s, boot);
        s += boot + 1;
    }
    size_t digits = strspn(s, "0123456789");
    if (digits == 0 || digits > 18 || s[digits] != '\0' || s[0] == '0')
        return false;
    name.number = strtoull(s, NULL, 10);
    *out = name;
    return true;
}

void rc_env_name_format(const rc_env_name *name, char out[RC_ENV_NAME_MAX])
{
    snprintf(out, RC_ENV_NAME_MAX, PREFIX "%s%s%" PRIu64, name->boot, *name->boot ? "." : "",
             name->number);
}

int rc_current_read(int dir_fd, rc_env_name *out, rc_error *err)
{
    char target[RC_ENV_NAME_MAX + 1];
    ssize_t n = readlinkat(dir_fd, RC_CURRENT_NAME, target, sizeof(target) - 1);
    if (n < 0 && errno == ENOENT)
        return rc_fail(err, RC_NOTFOUND, "index: there is none");
    if (n < 0 && errno == EINVAL)
        return rc_fail(err, RC_CORRUPT, "index: `current` is not a link");
    if (n < 0)
        return rc_fail_errno(err, RC_IO, errno, "index: cannot read its link `current`");
    target[n] = '\0';
    if (strlen(target) != (size_t)n || !rc_env_name_parse(target, out))
        return rc_fail(err, RC_CORRUPT, "index: `current` does not lead to an environment");
    return RC_OK;
}

char *rc_path_join(const char *dir, const char *name)
{
    size_t a = strlen(dir), b = strlen(name);
    char *p = malloc(a + b + 2);
    if (p) {
        memcpy(p, dir, a);
        p[a] = '/';
        memcpy(p + a + 1, name, b + 1);
    }
    return p;
}
