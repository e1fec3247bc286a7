#include "builder/delta.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_copy.h"
#include "base/log.h"
#include "replica/format.h"
#include "replica/root.h"
#include "replica/verify.h"

static bool is_usable(const struct release *release, const struct definition *definition)
{
    return release->manifest->format == FORMAT_VERSION &&
           slice_equal(release->definition->text, definition->text);
}

struct release *delta_find_base(const char *root, const struct definition *definition)
{
    struct release *found = NULL;
    uint64_t *numbers = NULL;
    unsigned count = 0;
    struct errmsg ignored; /* what is not there or damaged is no help and no hindrance */

    if (root_releases(root, &numbers, &count, &ignored) != ERR_NONE) {
        count = 0;
    }
    while (found == NULL && count > 0) {
        char *dir = root_release_dir(root, numbers[--count]);

        if (release_open(dir, &(struct release_check){.verify = false}, &found, &ignored) !=
            ERR_NONE) {
            found = NULL;
        } else if (!is_usable(found, definition)) {
            release_drop(found);
            found = NULL;
        }
        free(dir);
    }
    free(numbers);
    return found;
}

void delta_bases(const struct release *base, const struct collection *collection,
                 struct key_bases *out)
{
    const struct manifest *manifest = base == NULL ? NULL : base->manifest;
    unsigned count = manifest == NULL ? 0 : manifest->file_count;

    *out = (struct key_bases){.items = memory_calloc(count, sizeof *out->items)};
    for (unsigned i = 0; i < count; i++) {
        const struct manifest_file *file = &manifest->files[i];

        if (file->kind == FILE_PARTITION && slice_equal(file->collection, collection->name)) {
            out->items[out->count++] = file;
        }
    }
}

const struct manifest_file *delta_listing(const struct release *base,
                                          const struct collection *collection,
                                          const struct listing *listing)
{
    const struct manifest *manifest = base == NULL ? NULL : base->manifest;

    for (unsigned i = 0; manifest != NULL && i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];

        if (file->kind == FILE_LISTING && slice_equal(file->collection, collection->name) &&
            slice_equal(file->listing, listing->order.name)) {
            return file;
        }
    }
    return NULL;
}

/* FILE, which was to be a change of the previous one, is built fresh for REASON. */
static void log_fresh(const struct manifest_file *file, const char *reason)
{
    log_warn("built_fresh", "file=%.*s reason=\"%s\"", SLICE_ARG(file->path), reason);
}

/* Copies the file and compares the copy with the manifest: a disk rots, too. */
static enum err copy(const struct manifest_file *file, const char *from, const char *to,
                     struct errmsg *msg)
{
    uint64_t hash = 0;
    uint64_t size = 0;
    enum err rc = file_copy(from, to, COPY_SHARES, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    rc = file_hash(to, &hash, &size, NULL, msg);
    if (rc == ERR_NONE && (hash != file->hash || size != file->size_bytes)) {
        rc = err_set(msg, ERR_CORRUPT, "%s: the hash of the file differs from the manifest", from);
    }
    if (rc != ERR_NONE) {
        unlink(to);
    }
    return rc;
}

struct store *delta_begin(const struct release *base, const struct manifest_file *file,
                          enum store_kind kind, const char *path)
{
    char *from = path_join(base->dir, "%.*s", SLICE_ARG(file->path));
    struct store *store = NULL;
    double free_part = 0;
    struct errmsg msg;
    enum err rc = copy(file, from, path, &msg);

    if (rc == ERR_NONE) {
        rc = store_change(path, from, kind, &store, &msg);
    }
    if (rc == ERR_NONE) {
        rc = store_free_part(store, &free_part, &msg);
    }
    if (rc != ERR_NONE) {
        log_fresh(file, msg.text);
    }
    if (rc != ERR_NONE || free_part * 100 > DELTA_FREE_MOST) {
        store_abandon(store);
        store = NULL;
    }
    free(from);
    return store;
}

static bool is_beyond(uint64_t changed, uint64_t all)
{
    return changed > all * DELTA_CHANGED_MOST / 100;
}

bool delta_is_wasteful(const struct store *store, const struct manifest_file *base)
{
    uint64_t blocks = (base->row_count + LISTING_BLOCK - 1) / LISTING_BLOCK;

    return is_beyond(store_changes(store), base->kind == FILE_LISTING ? blocks : base->key_count);
}

bool delta_is_promising(const struct manifest_file *base, uint64_t row_count)
{
    uint64_t more = row_count > base->row_count ? row_count - base->row_count : 0;
    uint64_t fewer = row_count < base->row_count ? base->row_count - row_count : 0;

    return !is_beyond(more + fewer, base->row_count);
}

bool delta_is_given_up(const struct manifest_file *base, bool is_wasteful, enum err rc,
                       const struct errmsg *msg)
{
    if (base == NULL) {
        return false;
    }
    if (rc == ERR_CORRUPT) { /* whole, by its hash, but not what a store wrote */
        log_fresh(base, msg->text);
    }
    return rc == ERR_CORRUPT || is_wasteful;
}
