/* What a release holds beside the files of its manifest: nothing but the manifest and its signature. */
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "replica/signature.h"
#include "replica/verify.h"

static int compare_slices(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* The paths that a release may hold, sorted, on the heap. */
static struct slice *list_names(const struct manifest *manifest, size_t *count)
{
    struct slice *names = memory_alloc((manifest->file_count + 2) * sizeof *names);

    for (unsigned i = 0; i < manifest->file_count; i++) {
        names[i] = manifest->files[i].path;
    }
    names[manifest->file_count] = slice_str(MANIFEST_NAME);
    names[manifest->file_count + 1] = slice_str(SIGNATURE_NAME);
    *count = manifest->file_count + 2;
    qsort(names, *count, sizeof *names, compare_slices);
    return names;
}

static enum err check_entry(const FTSENT *entry, struct slice path, const struct slice *names,
                            size_t count, struct errmsg *msg)
{
    switch (entry->fts_info) {
    case FTS_D: /* an empty collection leaves a folder without files */
    case FTS_DP:
        return ERR_NONE;
    case FTS_F:
        return bsearch(&path, names, count, sizeof *names, compare_slices) != NULL
                   ? ERR_NONE
                   : err_set(msg, ERR_CORRUPT, "%s: the manifest does not list this file",
                             entry->fts_path);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return err_sys(msg, entry->fts_errno, "read %s", entry->fts_path);
    case FTS_SLNONE: /* only of the release itself, to which a link may lead; why is not told */
        return err_set(msg, ERR_SYSTEM, "%s: the folder cannot be looked at", entry->fts_path);
    default:
        return err_set(msg, ERR_CORRUPT, "%s: this is not a regular file", entry->fts_path);
    }
}

enum err verify_names(const char *dir, const struct manifest *manifest, struct errmsg *msg)
{
    char *root = memory_copy_str(dir);
    char *const roots[] = {root, NULL};
    size_t skip = strlen(dir);
    struct slice *names = NULL;
    enum err rc = ERR_NONE;
    FTSENT *entry = NULL;
    size_t count;
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);

    if (walk == NULL) {
        rc = err_sys(msg, errno, "read the folder %s", dir);
        goto out;
    }
    names = list_names(manifest, &count);
    while (rc == ERR_NONE && (entry = fts_read(walk)) != NULL) {
        struct slice path = slice_str(entry->fts_path + skip);

        if (path.len > 0 && path.ptr[0] == '/') {
            path = slice_of(path.ptr + 1, path.len - 1);
        }
        rc = check_entry(entry, path, names, count, msg);
    }
    if (rc == ERR_NONE && errno != 0) { /* fts_read sets it, 0 at the end */
        rc = err_sys(msg, errno, "read the folder %s", dir);
    }
out:
    if (walk != NULL) {
        fts_close(walk);
    }
    free(names);
    free(root);
    return rc;
}
