#include <stdlib.h>

#include "base/file.h"
#include "base/file_copy.h"
#include "replica/repair.h"
#include "replica/root.h"
#include "replica/verify.h"

/* The file of the release in DIR that should be the same as WANTED; NULL when there is none. */
static char *same_file(const char *dir, const struct manifest_file *wanted)
{
    char *manifest_path = path_join(dir, MANIFEST_NAME);
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
        rc = file_copy(from, path, COPY_APART, msg); /* a damaged block must not be shared */
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
