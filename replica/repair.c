#include "replica/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "replica/verify.h"

#define REPAIR_DIR ".repair"

/* The lock is on the folder itself: nothing that could be left behind. */
static enum err lock_release(const char *dir, int *fd, struct errmsg *msg)
{
    int found = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err rc;

    if (found < 0) {
        return err_sys(msg, errno, "open %s", dir);
    }
    if (flock(found, LOCK_EX | LOCK_NB) == 0) {
        *fd = found;
        return ERR_NONE;
    }
    rc = errno == EWOULDBLOCK
             ? err_set(msg, ERR_SYSTEM, "%s: another process repairs this release", dir)
             : err_sys(msg, errno, "lock %s", dir);
    close(found);
    return rc;
}

static enum err check_candidate(const char *path, const struct manifest_file *file,
                                struct errmsg *msg)
{
    uint64_t hash = 0;
    uint64_t size = 0;
    enum err rc = file_hash(path, &hash, &size, NULL, msg);

    if (rc == ERR_NONE && (size != file->size_bytes || hash != file->hash)) {
        rc = err_set(msg, ERR_CORRUPT, "what was fetched is not what the manifest says");
    }
    return rc;
}

static enum err replace(const char *candidate, const char *dir, const struct manifest *manifest,
                        const struct manifest_file *file, const struct repair_source *source,
                        struct errmsg *msg)
{
    char *path = path_join(dir, "%.*s", SLICE_ARG(file->path));
    enum err rc = source->fetch(source->context, manifest, file, candidate, msg);

    if (rc == ERR_NONE) {
        rc = check_candidate(candidate, file, msg);
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
    char *folder = path_join(dir, REPAIR_DIR);
    char *candidate = path_join(folder, "file");
    struct errmsg ignored;
    int lock_fd = -1;
    enum err rc = lock_release(dir, &lock_fd, msg);

    if (rc != ERR_NONE) {
        goto out;
    }
    rc = dir_remove(folder, msg);
    if (rc == ERR_NONE) {
        rc = dir_make(folder, msg);
    }
    if (rc == ERR_NONE) {
        rc = replace(candidate, dir, manifest, file, source, msg);
    }
    if (dir_remove(folder, &ignored) != ERR_NONE && rc == ERR_NONE) {
        *msg = ignored;
        rc = ERR_SYSTEM;
    }
    close(lock_fd);
out:
    free(candidate);
    free(folder);
    return rc == ERR_NONE ? ERR_NONE
                          : err_wrap(msg, rc, "repair %s/%.*s", dir, SLICE_ARG(file->path));
}
