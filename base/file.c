#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/interrupt.h"

enum {
    LOCK_PAUSE_MS = 20,
    READ_SIZE = 64 * 1024,
    NESTING_MAX = 64, /* folders within folders that dir_remove goes down */
};

char *path_join(const char *dir, const char *fmt, ...)
{
    struct buffer path;
    va_list args;
    char *name = NULL;

    va_start(args, fmt);
    if (vasprintf(&name, fmt, args) < 0) {
        abort(); /* no memory, or a format that is a bug of ours */
    }
    va_end(args);
    buffer_init(&path, SIZE_MAX);
    buffer_append_str(&path, dir);
    if (path.len > 0 && path.ptr[path.len - 1] != '/') {
        buffer_append_byte(&path, '/');
    }
    buffer_append(&path, name, strlen(name) + 1);
    free(name);
    return path.ptr;
}

/* The folder that holds PATH, on the heap. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent;

    if (slash == NULL) {
        return memory_copy_str(".");
    }
    if (slash == path) {
        return memory_copy_str("/");
    }
    parent = memory_copy_str(path);
    parent[slash - path] = '\0';
    return parent;
}

static enum err sync_parent(const char *path, struct errmsg *msg)
{
    char *parent = parent_of(path);
    enum err rc = dir_sync(parent, msg);

    free(parent);
    return rc;
}

/* Reads to the end of FD. */
static enum err read_all(int fd, const char *path, struct buffer *out, struct errmsg *msg)
{
    size_t room = out->max - out->len;

    for (;;) {
        size_t left = out->max - out->len;
        size_t want = left < READ_SIZE ? left : READ_SIZE;
        char probe;
        char *into = want > 0 ? buffer_reserve(out, want) : &probe;
        ssize_t got = read(fd, into, want > 0 ? want : 1);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_sys(msg, errno, "read %s", path);
        }
        if (got == 0) {
            return ERR_NONE;
        }
        if (want == 0) {
            return err_set(msg, ERR_LIMIT, "%s: larger than %zu bytes, the most that is read", path,
                           room);
        }
        out->len += (size_t)got;
    }
}

enum err file_read(const char *path, struct buffer *out, struct errmsg *msg)
{
    size_t len = out->len;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err rc;

    if (fd < 0) {
        return err_sys(msg, errno, "open %s", path);
    }
    rc = read_all(fd, path, out, msg);
    if (rc != ERR_NONE) {
        out->len = len;
    }
    close(fd);
    return rc;
}

static enum err write_all(int fd, const char *path, struct slice content, struct errmsg *msg)
{
    while (content.len > 0) {
        ssize_t wrote = write(fd, content.ptr, content.len);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return err_sys(msg, errno, "write %s", path);
        }
        content.ptr += wrote;
        content.len -= (size_t)wrote;
    }
    if (fsync(fd) != 0) {
        return err_sys(msg, errno, "fsync %s", path);
    }
    return ERR_NONE;
}

enum err file_write(const char *path, struct slice content, struct errmsg *msg)
{
    enum err rc = ERR_NONE;
    char *temporary = NULL;
    int fd = -1;

    if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
        abort();
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        rc = err_sys(msg, errno, "create a temporary file for %s", path);
        goto out;
    }
    rc = write_all(fd, path, content, msg);
    if (rc == ERR_NONE && fchmod(fd, 0644) != 0) {
        rc = err_sys(msg, errno, "chmod %s", temporary);
    }
    if (rc == ERR_NONE) {
        rc = file_rename(temporary, path, msg);
    }
    if (rc != ERR_NONE) {
        unlink(temporary);
    }
out:
    if (fd >= 0) {
        close(fd);
    }
    free(temporary);
    return rc;
}

static enum err sync_path(const char *path, int flags, struct errmsg *msg)
{
    enum err rc = ERR_NONE;
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);

    if (fd < 0) {
        return err_sys(msg, errno, "open %s", path);
    }
    if (fsync(fd) != 0) {
        rc = err_sys(msg, errno, "fsync %s", path);
    }
    close(fd);
    return rc;
}

enum err file_sync(const char *path, struct errmsg *msg)
{
    return sync_path(path, 0, msg);
}

enum err dir_sync(const char *path, struct errmsg *msg)
{
    return sync_path(path, O_DIRECTORY, msg);
}

/* One level; *AT is the prefix of the path that is to exist. */
static enum err make_level(const char *at, struct errmsg *msg)
{
    struct stat st;

    if (mkdir(at, 0755) == 0) {
        return sync_parent(at, msg);
    }
    if (errno != EEXIST) {
        return err_sys(msg, errno, "mkdir %s", at);
    }
    if (stat(at, &st) != 0) {
        return err_sys(msg, errno, "mkdir %s", at); /* a link that leads nowhere */
    }
    return S_ISDIR(st.st_mode) ? ERR_NONE : err_sys(msg, ENOTDIR, "mkdir %s", at);
}

enum err dir_make(const char *path, struct errmsg *msg)
{
    char *at = memory_copy_str(path);
    size_t len = strlen(at);
    enum err rc = ERR_NONE;

    while (len > 1 && at[len - 1] == '/') {
        at[--len] = '\0';
    }
    for (char *slash = strchr(at + (len > 0), '/'); slash != NULL && rc == ERR_NONE;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        rc = make_level(at, msg);
        *slash = '/';
    }
    if (rc == ERR_NONE) {
        rc = make_level(at, msg);
    }
    free(at);
    return rc;
}

static enum err remove_entry(int parent, const char *name, const char *path, unsigned depth,
                             struct errmsg *msg);

/* Removes what DIR holds; PATH is what messages call it. */
static enum err empty_dir(DIR *dir, const char *path, unsigned depth, struct errmsg *msg)
{
    for (;;) {
        struct dirent *entry;
        char *below;
        enum err rc;

        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            return errno == 0 ? ERR_NONE : err_sys(msg, errno, "read %s", path);
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        below = path_join(path, "%s", entry->d_name);
        rc = remove_entry(dirfd(dir), entry->d_name, below, depth + 1, msg);
        free(below);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
}

static enum err remove_dir(int parent, const char *name, const char *path, unsigned depth,
                           struct errmsg *msg)
{
    enum err rc;
    DIR *dir;
    int fd;

    if (depth > NESTING_MAX) {
        return err_set(msg, ERR_LIMIT, "remove %s: more than %d folders deep", path, NESTING_MAX);
    }
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        rc = err_sys(msg, errno, "open %s", path);
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    rc = empty_dir(dir, path, depth, msg);
    closedir(dir);
    if (rc == ERR_NONE && unlinkat(parent, name, AT_REMOVEDIR) != 0) {
        rc = err_sys(msg, errno, "remove %s", path);
    }
    return rc;
}

static enum err remove_entry(int parent, const char *name, const char *path, unsigned depth,
                             struct errmsg *msg)
{
    struct stat st;

    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? ERR_NONE : err_sys(msg, errno, "remove %s", path);
    }
    if (S_ISDIR(st.st_mode)) {
        return remove_dir(parent, name, path, depth, msg);
    }
    if (unlinkat(parent, name, 0) != 0 && errno != ENOENT) {
        return err_sys(msg, errno, "remove %s", path);
    }
    return ERR_NONE;
}

enum err dir_remove(const char *path, struct errmsg *msg)
{
    struct stat st;
    enum err rc;

    if (lstat(path, &st) != 0 && errno == ENOENT) {
        return ERR_NONE;
    }
    rc = remove_entry(AT_FDCWD, path, path, 0, msg);
    return rc == ERR_NONE ? sync_parent(path, msg) : rc;
}

enum err file_rename(const char *old_path, const char *new_path, struct errmsg *msg)
{
    if (rename(old_path, new_path) != 0) {
        return err_sys(msg, errno, "rename %s to %s", old_path, new_path);
    }
    return sync_parent(new_path, msg);
}

/*
 * Removes neighbours `LINK.THREAD.new` whose thread was killed before it renamed them. That of a
 * thread which lives is left alone: it is about to be renamed.
 */
static void remove_left_links(const char *link_path)
{
    const char *slash = strrchr(link_path, '/');
    const char *name = slash == NULL ? link_path : slash + 1;
    size_t len = strlen(name);
    char *parent = parent_of(link_path);
    DIR *dir = opendir(parent);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        const char *rest = entry->d_name + len;
        int thread = 0;
        int rest_len = 0;

        if (strncmp(entry->d_name, name, len) == 0 &&
            sscanf(rest, ".%d.new%n", &thread, &rest_len) == 1 && rest_len > 0 &&
            rest[rest_len] == '\0' && thread > 0 && kill(thread, 0) != 0 && errno == ESRCH) {
            unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    free(parent);
}

enum err link_replace(const char *target, const char *link_path, struct errmsg *msg)
{
    enum err rc;
    char *temporary = NULL;

    if (asprintf(&temporary, "%s.%d.new", link_path, (int)gettid()) < 0) {
        abort();
    }
    remove_left_links(link_path);
    unlink(temporary); /* of a thread with this number that was killed here */
    if (symlink(target, temporary) != 0) {
        rc = err_sys(msg, errno, "link %s to %s", link_path, target);
    } else {
        rc = file_rename(temporary, link_path, msg);
        if (rc != ERR_NONE) {
            unlink(temporary);
        }
    }
    free(temporary);
    return rc;
}

char *link_read(const char *path)
{
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof target - 1);

    if (len < 0) {
        return NULL;
    }
    target[len] = '\0';
    return memory_copy_str(target);
}

int file_lock(int fd, int64_t patience_ms)
{
    int result = flock(fd, LOCK_EX | LOCK_NB);

    while (result != 0 && errno == EWOULDBLOCK && patience_ms > 0 && !interrupt_requested()) {
        interrupt_sleep(LOCK_PAUSE_MS);
        patience_ms -= LOCK_PAUSE_MS;
        result = flock(fd, LOCK_EX | LOCK_NB);
    }
    return result;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

enum err file_size(const char *path, uint64_t *size_bytes, struct errmsg *msg)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        return err_sys(msg, errno, "stat %s", path);
    }
    *size_bytes = (uint64_t)st.st_size;
    return ERR_NONE;
}
