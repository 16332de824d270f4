/* Folders of environments. Every step leaves something that opens: an environment is complete
 * before `current` leads to it, and leaves its name only when `current` leads elsewhere. A name is
 * given up by one rename before its files go, so that a reader in the middle of opening finds
 * either all of them or none. */
#include "index/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define ASIDE_PREFIX "aside."
#define GONE_PREFIX  "gone."
#define CURRENT_NEW  RC_CURRENT_NAME ".new"
#define NAME_ROOM    80
#define NO_GROUP     ((gid_t)-1)
#define NO_OWNER     ((uid_t)-1)
#define DEPTH_MAX    8 /* of what is removed below an environment's folder */

struct rc_folder {
    char *path;
    int fd;
    gid_t gid;
    mode_t dir_mode;
    bool in_memory;
    char boot[RC_BOOT_MAX];
    uint64_t last_number; /* given to an environment */
};

/* Opening */

static int fail_at(rc_error *err, const char *what)
{
    int code = RC_IO;
    if (errno == EACCES || errno == EPERM || errno == EROFS)
        code = RC_PERM;
    else if (errno == ENOSPC || errno == EDQUOT)
        code = RC_FULL;
    return rc_fail_errno(err, code, errno, "index: cannot %s", what);
}

static int make_parents(char *path, rc_error *err)
{
    int code = RC_OK;
    for (char *slash = path + 1; !code && (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0'; /* for as long as it takes */
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            code = fail_at(err, "make a parent of its folder");
    }
    return code;
}

static int make_folder(rc_folder *f, rc_error *err)
{
    int code = make_parents(f->path, err);
    if (code)
        return code;
    bool made = mkdir(f->path, 0750) == 0;
    if (!made && errno != EEXIST)
        return fail_at(err, "make its folder");
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->fd < 0)
        return fail_at(err, "open its folder");
    if (f->gid != NO_GROUP && fchown(f->fd, NO_OWNER, f->gid) < 0)
        return fail_at(err, "give its folder to the group");
    /* One that was made by others keeps its modes, but for what the group needs. */
    struct stat st;
    if (fstat(f->fd, &st) < 0)
        return fail_at(err, "look at its folder");
    mode_t mode = made ? f->dir_mode : (st.st_mode & 07777);
    if (f->gid != NO_GROUP)
        mode |= 02050;
    if (mode != (st.st_mode & 07777) && fchmod(f->fd, mode) < 0)
        return fail_at(err, "set its folder's mode");
    return RC_OK;
}

/* Where the kernel does not tell, a random one: then nothing is ever kept, which is safe. */
static int read_boot(char out[RC_BOOT_MAX], rc_error *err)
{
    char text[64];
    size_t n = 0;
    RC_AUTO_CLOSE int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));
    for (ssize_t i = 0; i < got && n < RC_BOOT_MAX - 1; i++)
        if (memchr("0123456789abcdef", text[i], 16))
            out[n++] = text[i];
    out[n] = '\0';
    if (n == RC_BOOT_MAX - 1)
        return RC_OK;
    uint64_t r[2];
    if (rc_random_bytes(r, sizeof(r)) < 0)
        return rc_fail_errno(err, RC_IO, errno, "index: no random bytes");
    snprintf(out, RC_BOOT_MAX, "%016" PRIx64 "%016" PRIx64, r[0], r[1]);
    return RC_OK;
}

static int look_around(rc_folder *f, rc_error *err)
{
    struct statfs fs;
    if (fstatfs(f->fd, &fs) < 0)
        return fail_at(err, "look at its file system");
    f->in_memory =
        (unsigned long)fs.f_type == TMPFS_MAGIC || (unsigned long)fs.f_type == RAMFS_MAGIC;
    return f->in_memory ? RC_OK : read_boot(f->boot, err);
}

int rc_folder_open(const char *path, mode_t data_mode, gid_t gid, rc_folder **out, rc_error *err)
{
    rc_folder *f = calloc(1, sizeof(*f));
    if (!f)
        return rc_fail(err, RC_NOMEM, "index: no memory");
    f->fd = -1;
    f->gid = gid;
    f->path = strdup(path);
    /* Who may read a file must get through its folder. */
    f->dir_mode = 0700U | (data_mode & 040 ? 050U : 0U) | (data_mode & 04 ? 05U : 0U);
    int code = f->path ? make_folder(f, err) : rc_fail(err, RC_NOMEM, "index: no memory");
    if (!code)
        code = look_around(f, err);
    if (code) {
        rc_folder_close(f);
        return code;
    }
    *out = f;
    return RC_OK;
}

rc_folder *rc_folder_close(rc_folder *f)
{
    if (!f)
        return NULL;
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f);
    return NULL;
}

bool rc_folder_in_memory(const rc_folder *f)
{
    return f->in_memory;
}

char *rc_folder_path(const rc_folder *f, const rc_env_name *env)
{
    char name[RC_ENV_NAME_MAX];
    rc_env_name_format(env, name);
    return rc_path_join(f->path, name);
}

/* Removing */

/* What is below an environment's name: files, and whatever else somebody put there. */
static bool remove_tree(int dir_fd, const char *name, int depth)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return false;
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    struct dirent *e;
    while (depth < DEPTH_MAX && (e = readdir(dir)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove_tree(fd, e->d_name, depth + 1);
    closedir(dir);
    return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0;
}

/* N of "prefixN", or 0. */
static uint64_t number_after(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0)
        return 0;
    size_t digits = strspn(name + n, "0123456789");
    return digits && digits <= 18 && name[n + digits] == '\0' ? strtoull(name + n, NULL, 10) : 0;
}

/* The highest number of any environment, aside or remains. */
static uint64_t number_of(const char *name)
{
    rc_env_name env;
    if (rc_env_name_parse(name, &env))
        return env.number;
    uint64_t aside = number_after(name, ASIDE_PREFIX), gone = number_after(name, GONE_PREFIX);
    return aside > gone ? aside : gone;
}

/* Calls each for every name in the folder. False where it cannot be read. */
static bool for_names(rc_folder *f, void (*each)(rc_folder *f, const char *name, void *arg),
                      void *arg)
{
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    struct dirent *e;
    while ((e = readdir(dir)))
        each(f, e->d_name, arg);
    closedir(dir);
    return true;
}

void rc_folder_remove(rc_folder *f, const rc_env_name *env)
{
    char name[RC_ENV_NAME_MAX], gone[NAME_ROOM];
    rc_env_name_format(env, name);
    snprintf(gone, sizeof(gone), GONE_PREFIX "%" PRIu64, env->number);
    remove_tree(f->fd, gone, 0);
    if (renameat(f->fd, name, f->fd, gone) == 0)
        remove_tree(f->fd, gone, 0);
}

/* Setting aside */

static void drop_aside(rc_folder *f, const char *name, void *arg)
{
    const uint64_t *keep = arg;
    uint64_t number = number_after(name, ASIDE_PREFIX);
    if (number && number != *keep)
        remove_tree(f->fd, name, 0);
}

static int move_aside(rc_folder *f, const char *name, uint64_t number)
{
    char aside[NAME_ROOM];
    snprintf(aside, sizeof(aside), ASIDE_PREFIX "%" PRIu64, number);
    remove_tree(f->fd, aside, 0);
    if (renameat(f->fd, name, f->fd, aside) < 0)
        return -1;
    for_names(f, drop_aside, &number);
    return 0;
}

void rc_folder_set_aside(rc_folder *f, const rc_env_name *env)
{
    char name[RC_ENV_NAME_MAX];
    rc_env_name_format(env, name);
    if (strcmp(env->boot, f->boot) != 0)
        rc_folder_remove(f, env);
    else
        move_aside(f, name, env->number);
}

/* The next environment's number is above all that are in the folder. */
static void raise_number(rc_folder *f, const char *name, void *arg)
{
    (void)arg;
    uint64_t n = number_of(name);
    if (n > f->last_number)
        f->last_number = n;
}

int rc_folder_clear_current(rc_folder *f, rc_error *err)
{
    struct stat st;
    if (fstatat(f->fd, RC_CURRENT_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? RC_OK : fail_at(err, "look at `current`");
    if (S_ISLNK(st.st_mode)) /* is replaced as it is */
        return RC_OK;
    for_names(f, raise_number, NULL);
    return move_aside(f, RC_CURRENT_NAME, ++f->last_number) < 0 ? fail_at(err, "move `current`")
                                                                : RC_OK;
}

/* Sweeping */

struct sweep {
    char keep[RC_ENV_NAME_MAX];
    uint64_t newest_aside;
};

static void sweep_name(rc_folder *f, const char *name, void *arg)
{
    struct sweep *s = arg;
    rc_env_name env;
    uint64_t aside = number_after(name, ASIDE_PREFIX);
    if (aside > s->newest_aside)
        s->newest_aside = aside;
    if (strcmp(name, CURRENT_NEW) == 0 || number_after(name, GONE_PREFIX))
        remove_tree(f->fd, name, 0);
    else if (rc_env_name_parse(name, &env) && strcmp(name, s->keep) != 0)
        rc_folder_remove(f, &env);
}

void rc_folder_sweep(rc_folder *f)
{
    struct sweep s = {"", 0};
    rc_env_name current;
    if (rc_current_read(f->fd, &current, NULL) == RC_OK)
        rc_env_name_format(&current, s.keep);
    for_names(f, sweep_name, &s);
    for_names(f, drop_aside, &s.newest_aside);
}

/* The environment in use */

int rc_folder_current(const rc_folder *f, rc_env_name *out, bool *ret_dangling, rc_error *err)
{
    rc_env_name env;
    char name[RC_ENV_NAME_MAX];
    struct stat st;
    *ret_dangling = false;
    int code = rc_current_read(f->fd, &env, err);
    if (code)
        return code;
    rc_env_name_format(&env, name);
    if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return fail_at(err, "look at its environment");
        *ret_dangling = true;
        return rc_fail(err, RC_NOTFOUND, "index: `current` leads to %s, which is not there", name);
    }
    *out = env;
    if (!S_ISDIR(st.st_mode))
        return rc_fail(err, RC_CORRUPT, "index: %s is not a folder", name);
    if (strcmp(env.boot, f->boot) != 0)
        return rc_fail(err, RC_VERSION,
                       *env.boot && *f->boot ? "index: %s is of another boot"
                                             : "index: %s is of another kind of file system",
                       name);
    return RC_OK;
}

/* A folder of an environment, that the group then finds its way into. */
static int give_to_group(const rc_folder *f, const char *name, rc_error *err)
{
    struct stat st;
    if (f->gid == NO_GROUP)
        return RC_OK;
    if (fchownat(f->fd, name, NO_OWNER, f->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(f->fd, name, (st.st_mode & 07777) | 02050, 0) < 0)
        return fail_at(err, "give an environment's folder to the group");
    return RC_OK;
}

int rc_folder_make(rc_folder *f, rc_env_name *out, rc_error *err)
{
    rc_env_name env = {"", 0};
    char name[RC_ENV_NAME_MAX];
    if (!for_names(f, raise_number, NULL))
        return fail_at(err, "read its folder");
    memcpy(env.boot, f->boot, sizeof(env.boot));
    env.number = f->last_number + 1;
    rc_env_name_format(&env, name);
    if (mkdirat(f->fd, name, 0700) < 0)
        return fail_at(err, "make an environment's folder");
    f->last_number = env.number;
    int code = fchmodat(f->fd, name, f->dir_mode, 0) < 0
                   ? fail_at(err, "set an environment's folder's mode")
                   : give_to_group(f, name, err);
    if (code) {
        unlinkat(f->fd, name, AT_REMOVEDIR);
        return code;
    }
    *out = env;
    return RC_OK;
}

int rc_folder_share(const rc_folder *f, const rc_env_name *env, rc_error *err)
{
    static const char *const files[] = {"data.mdb", "lock.mdb"};
    char name[RC_ENV_NAME_MAX], path[NAME_ROOM];
    rc_env_name_format(env, name);
    int code = give_to_group(f, name, err);
    for (size_t i = 0; !code && i < RC_ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", name, files[i]);
        if (f->gid != NO_GROUP && fchownat(f->fd, path, NO_OWNER, f->gid, AT_SYMLINK_NOFOLLOW) < 0)
            code = fail_at(err, "give its files to the group");
    }
    return code;
}

int rc_folder_switch(rc_folder *f, const rc_env_name *env, rc_error *err)
{
    char name[RC_ENV_NAME_MAX];
    rc_env_name_format(env, name);
    remove_tree(f->fd, CURRENT_NEW, 0);
    if (symlinkat(name, f->fd, CURRENT_NEW) < 0)
        return fail_at(err, "make its link `current`");
    if (renameat(f->fd, CURRENT_NEW, f->fd, RC_CURRENT_NAME) < 0) {
        int code = fail_at(err, "replace its link `current`");
        unlinkat(f->fd, CURRENT_NEW, 0);
        return code;
    }
    return RC_OK;
}
