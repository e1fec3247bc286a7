#include "replica/pull_pages.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"
#include "replica/format.h"
#include "replica/verify.h"

enum err pull_file_holds(const char *path, const struct manifest_file *file, bool *out,
                         struct errmsg *msg)
{
    uint64_t hash = 0;
    uint64_t size = 0;
    enum err rc = file_exists(path) ? file_hash(path, &hash, &size, NULL, msg) : ERR_NOT_FOUND;

    *out = rc == ERR_NONE && size == file->size_bytes && hash == file->hash;
    return rc == ERR_INTERRUPTED ? rc : ERR_NONE; /* what cannot be read does not hold it */
}

static const struct manifest_file *find_kind(const struct manifest *manifest, enum file_kind kind)
{
    for (unsigned i = 0; i < manifest->file_count; i++) {
        if (manifest->files[i].kind == kind) {
            return &manifest->files[i];
        }
    }
    return NULL;
}

void pull_pages_read(const char *dir, const struct manifest *manifest, struct buffer *out)
{
    struct errmsg ignored; /* without page hashes, nothing is known to be shared */
    const struct manifest_file *file = find_kind(manifest, FILE_PAGES);
    bool is_good = false;
    char *path;

    if (file == NULL) {
        return;
    }
    path = path_join(dir, "%.*s", SLICE_ARG(file->path));
    if (pull_file_holds(path, file, &is_good, &ignored) != ERR_NONE || !is_good ||
        file_read(path, out, &ignored) != ERR_NONE) {
        buffer_clear(out);
    }
    free(path);
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The hashes of FILE's pages on the heap; NULL, and no count, when PAGES does not have them. */
static uint64_t *page_hashes(const struct buffer *pages, const struct manifest_file *file,
                             size_t *count)
{
    size_t wanted = file->size_bytes / FORMAT_PAGE_SIZE;
    size_t have = pages->len / 8;
    uint64_t *hashes;

    *count = 0;
    if (wanted == 0 || have < wanted || file->first_page > have - wanted) {
        return NULL;
    }
    hashes = memory_alloc(wanted * sizeof *hashes);
    for (size_t i = 0; i < wanted; i++) {
        hashes[i] = load_u64le((const uint8_t *)pages->ptr + 8 * (file->first_page + i));
    }
    *count = wanted;
    return hashes;
}

bool pull_pages_shared(const struct manifest_file *file, const struct buffer *pages,
                       const struct manifest_file *old, const struct buffer *old_pages)
{
    size_t count;
    size_t old_count;
    uint64_t *hashes = page_hashes(pages, file, &count);
    uint64_t *old_hashes = page_hashes(old_pages, old, &old_count);
    size_t shared = 0;

    if (old_count > 0) {
        qsort(old_hashes, old_count, sizeof *old_hashes, compare_hashes);
    }
    for (size_t i = 0; i < count && old_count > 0; i++) {
        shared +=
            bsearch(&hashes[i], old_hashes, old_count, sizeof *old_hashes, compare_hashes) != NULL;
    }
    free(hashes);
    free(old_hashes);
    return count > 0 && shared >= count - shared;
}
