#include "replica/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "replica/verify.h"

enum { PATIENCE_MS = 1000 }; /* an rsync whose repair was killed ends within that */

/*
 * The lock is on the folder itself: nothing that could be left behind. What is started while *FD is open
 * inherits it.
 */
static enum err lock_release(const char *dir, int64_t patience_ms, int *fd, struct errmsg *msg)
{
    int found = open(dir, O_RDONLY | O_DIRECTORY);
    enum err rc;

    if (found < 0) {
        return err_sys(msg, errno, "open %s", dir);
    }
    if (file_lock(found, patience_ms) == 0) {
        *fd = found;
        return ERR_NONE;
    }
    rc = errno == EWOULDBLOCK
             ? err_set(msg, ERR_SYSTEM, "%s: another process repairs this release", dir)
             : err_sys(msg, errno, "lock %s", dir);
    close(found);
    return rc;
}

/* The folder beside DIR that a candidate arrives in, on the heap. */
static char *scratch_of(const char *dir)
{
    char *parent = memory_copy_str(dir);
    size_t len = strlen(parent);
    char *slash;
    char *scratch;

    while (len > 1 && parent[len - 1] == '/') {
        parent[--len] = '\0';
    }
    slash = strrchr(parent, '/');
    if (slash == NULL) {
        scratch = path_join(".", REPAIR_PREFIX "%s", parent);
    } else {
        *slash = '\0';
        scratch = path_join(parent, REPAIR_PREFIX "%s", slash + 1);
    }
    free(parent);
    return scratch;
}

static enum err check_candidate(const char *path, const char *dir, const struct manifest *manifest,
                                const struct manifest_file *file,
                                const struct repair_source *source, struct errmsg *msg)
{
    struct errmsg why;
    enum err rc = verify_copy(path, source->name, dir, manifest, file, &why);

    if (rc == ERR_CORRUPT) {
        return err_set(msg, rc, "what came from %s; it is damaged there, too, or another release",
                       why.text);
    }
    *msg = why;
    return rc;
}

static enum err replace(const char *candidate, const char *dir, const struct manifest *manifest,
                        const struct manifest_file *file, const struct repair_source *source,
                        struct errmsg *msg)
{
    char *path = path_join(dir, "%.*s", SLICE_ARG(file->path));
    enum err rc = source->fetch(source->context, manifest, file, candidate, msg);

    if (rc == ERR_NONE) {
        rc = check_candidate(candidate, dir, manifest, file, source, msg);
    }
    if (rc == ERR_NONE) {
        rc = file_sync(candidate, msg);
    }
    if (rc == ERR_NONE) {
        rc = file_rename(candidate, path, msg);
    }
    free(path);
    return rc;
}

enum err repair_file(const char *dir, const struct manifest *manifest,
                     const struct manifest_file *file, const struct repair_source *source,
                     struct errmsg *msg)
{
    char *scratch = scratch_of(dir);
    char *candidate = path_join(scratch, "file");
    struct errmsg ignored;
    int lock_fd = -1;
    enum err rc = lock_release(dir, PATIENCE_MS, &lock_fd, msg);

    if (rc != ERR_NONE) {
        goto out;
    }
    rc = dir_remove(scratch, msg);
    if (rc == ERR_NONE) {
        rc = dir_make(scratch, msg);
    }
    if (rc == ERR_NONE) {
        rc = replace(candidate, dir, manifest, file, source, msg);
    }
    if (dir_remove(scratch, &ignored) != ERR_NONE && rc == ERR_NONE) {
        *msg = ignored;
        rc = ERR_SYSTEM;
    }
    close(lock_fd);
out:
    free(candidate);
    free(scratch);
    return rc == ERR_NONE ? ERR_NONE
                          : err_wrap(msg, rc, "repair %s/%.*s", dir, SLICE_ARG(file->path));
}

enum err repair_remove_rest(const char *dir, struct errmsg *msg)
{
    char *scratch = scratch_of(dir);
    struct errmsg in_use;
    int lock_fd = -1;
    enum err rc = ERR_NONE;

    if (file_exists(scratch) &&
        (!file_exists(dir) || lock_release(dir, 0, &lock_fd, &in_use) == ERR_NONE)) {
        rc = dir_remove(scratch, msg);
    }
    if (lock_fd >= 0) {
        close(lock_fd);
    }
    free(scratch);
    return rc;
}
