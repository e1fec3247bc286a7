#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "replica/repair.h"
#include "replica/root.h"
#include "replica/verify.h"

enum { COPY_SIZE = 1 << 20 };

static enum err copy_bytes(int from, int to, const char *path, struct errmsg *msg)
{
    char *bytes = memory_alloc(COPY_SIZE);
    enum err rc = ERR_NONE;
    ssize_t got;

    while (rc == ERR_NONE && (got = read(from, bytes, COPY_SIZE)) != 0) {
        ssize_t done = 0;

        if (got < 0 && errno != EINTR) {
            rc = err_sys(msg, errno, "read what becomes %s", path);
        }
        while (rc == ERR_NONE && done < got) {
            ssize_t n = write(to, bytes + done, (size_t)(got - done));

            if (n < 0 && errno != EINTR) {
                rc = err_sys(msg, errno, "write %s", path);
            }
            done += n > 0 ? n : 0;
        }
    }
    free(bytes);
    return rc;
}

/* A copy of its own, not a link: a damaged block must not be shared. */
static enum err copy(const char *from, const char *path, struct errmsg *msg)
{
    int from_fd = open(from, O_RDONLY | O_CLOEXEC);
    int to_fd = -1;
    enum err rc = ERR_NONE;

    if (from_fd < 0) {
        return err_sys(msg, errno, "open %s", from);
    }
    to_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (to_fd < 0) {
        rc = err_sys(msg, errno, "create %s", path);
    } else {
        rc = copy_bytes(from_fd, to_fd, path, msg);
        if (close(to_fd) != 0 && rc == ERR_NONE) {
            rc = err_sys(msg, errno, "write %s", path);
        }
    }
    close(from_fd);
    return rc;
}

/* The file of the release in DIR that should be the same as WANTED; NULL when there is none. */
static char *same_file(const char *dir, const struct manifest_file *wanted)
{
    char *manifest_path = path_join(dir, "manifest.json");
    struct manifest *manifest = NULL;
    struct errmsg ignored; /* a release that cannot be read has nothing to give */
    char *path = NULL;

    if (manifest_read(manifest_path, &manifest, &ignored) == ERR_NONE) {
        for (unsigned i = 0; path == NULL && i < manifest->file_count; i++) {
            const struct manifest_file *file = &manifest->files[i];

            if (file->hash == wanted->hash && file->size_bytes == wanted->size_bytes) {
                path = path_join(dir, "%.*s", SLICE_ARG(file->path));
            }
        }
    }
    manifest_free(manifest);
    free(manifest_path);
    return path;
}

/* Copies from the release in DIR; *FOUND is false when it cannot give the file. */
static enum err copy_from(const char *dir, const struct manifest_file *wanted, const char *path,
                          bool *found, struct errmsg *msg)
{
    char *from = same_file(dir, wanted);
    struct errmsg ignored; /* one that is damaged there, too */
    uint64_t hash = 0;
    uint64_t size = 0;
    enum err rc = ERR_NONE;

    *found = from != NULL && file_hash(from, &hash, &size, NULL, &ignored) == ERR_NONE &&
             hash == wanted->hash;
    if (*found) {
        rc = copy(from, path, msg);
    }
    free(from);
    return rc;
}

enum err repair_from_root(void *context, const struct manifest *manifest,
                          const struct manifest_file *file, const char *path, struct errmsg *msg)
{
    const char *root = context;
    uint64_t *numbers = NULL;
    unsigned count = 0;
    bool found = false;
    enum err rc = root_releases(root, &numbers, &count, msg);

    (void)manifest; /* whichever release it is in, its size and hash tell */
    for (unsigned i = count; rc == ERR_NONE && !found && i > 0; i--) {
        char *dir = root_release_dir(root, numbers[i - 1]);

        rc = copy_from(dir, file, path, &found, msg);
        free(dir);
    }
    free(numbers);
    if (rc == ERR_NONE && !found) {
        rc = err_set(msg, ERR_NOT_FOUND, "no release of %s has a good copy of it", root);
    }
    return rc;
}
