#include "replica/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "replica/digest.h"
#include "replica/format.h"

enum { READ_SIZE = 1 << 20 };

_Static_assert((int)READ_SIZE % (int)FORMAT_PAGE_SIZE == 0, "reads end at page borders");

/* Reads until BYTES is full or the file ends. */
static enum err read_full(int fd, const char *path, char *bytes, size_t size, size_t *got,
                          struct errmsg *msg)
{
    size_t have = 0;

    while (have < size) {
        ssize_t n = read(fd, bytes + have, size - have);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_sys(msg, errno, "read %s", path);
        }
        if (n == 0) {
            break;
        }
        have += (size_t)n;
    }
    *got = have;
    return ERR_NONE;
}

static void append_page_hashes(struct buffer *pages, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += FORMAT_PAGE_SIZE) {
        size_t len = size - at < FORMAT_PAGE_SIZE ? size - at : FORMAT_PAGE_SIZE;
        uint8_t hash[8];

        store_u64le(hash, XXH3_64bits(bytes + at, len));
        buffer_append(pages, hash, sizeof hash);
    }
}

enum err file_hash(const char *path, uint64_t *hash, uint64_t *size_bytes, struct buffer *pages,
                   struct errmsg *msg)
{
    XXH3_state_t *state = XXH3_createState();
    char *bytes = memory_alloc(READ_SIZE);
    uint64_t total = 0;
    size_t got = 0;
    enum err rc = ERR_NONE;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        rc = err_sys(msg, errno, "open %s", path);
        goto out;
    }
    XXH3_64bits_reset(state);
    do {
        if (interrupt_requested()) {
            rc = err_set(msg, ERR_INTERRUPTED, "stopped while %s was being read", path);
            goto out;
        }
        rc = read_full(fd, path, bytes, READ_SIZE, &got, msg);
        if (rc != ERR_NONE) {
            goto out;
        }
        XXH3_64bits_update(state, bytes, got);
        if (pages != NULL) {
            append_page_hashes(pages, bytes, got);
        }
        total += got;
    } while (got == READ_SIZE);
    if (pages != NULL && pages->overflowed) {
        rc = err_set(msg, ERR_LIMIT, "%s: too many pages", path);
        goto out;
    }
    *hash = XXH3_64bits_digest(state);
    *size_bytes = total;
out:
    if (fd >= 0) {
        close(fd);
    }
    free(bytes);
    XXH3_freeState(state);
    return rc;
}

enum err verify_sizes(const char *dir, const struct manifest *manifest, struct errmsg *msg)
{
    for (unsigned i = 0; i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        char *path = path_join(dir, "%.*s", SLICE_ARG(file->path));
        uint64_t size = 0;
        enum err rc = file_exists(path)
                          ? file_size(path, &size, msg)
                          : err_set(msg, ERR_CORRUPT, "%s: the file is missing", path);

        if (rc == ERR_NONE && size != file->size_bytes) {
            rc = err_set(msg, ERR_CORRUPT, "%s: %" PRIu64 " bytes, the manifest says %" PRIu64,
                         path, size, file->size_bytes);
        }
        free(path);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    return ERR_NONE;
}

/* Finds the first page of FILE whose hash in FOUND differs from the one in the release's PAGES. */
static enum err compare_pages(const char *path, const struct manifest_file *file,
                              struct slice pages, struct slice found, struct errmsg *msg)
{
    uint64_t count = file->size_bytes / FORMAT_PAGE_SIZE;

    if (pages.len / 8 < count || file->first_page > pages.len / 8 - count) {
        return err_set(msg, ERR_CORRUPT, "%s: pages.xxh3 is too short for it", path);
    }
    for (uint64_t page = 0; page < count; page++) {
        if (page >= found.len / 8 ||
            memcmp(found.ptr + 8 * page, pages.ptr + 8 * (file->first_page + page), 8) != 0) {
            return err_set(msg, ERR_CORRUPT, "%s: page %" PRIu64 ": hash differs", path, page + 1);
        }
    }
    return ERR_NONE;
}

/* FILE is of a signed release. */
static enum err check_digest(const char *path, const char *name, const struct manifest_file *file,
                             struct errmsg *msg)
{
    uint8_t digest[DIGEST_SIZE];
    enum err rc = file_digest(path, digest, msg);

    if (rc == ERR_NONE && memcmp(digest, file->digest, sizeof digest) != 0) {
        rc =
            err_set(msg, ERR_CORRUPT,
                    "%s: the digest differs from the manifest although the hash does not: somebody "
                    "made the file to pass",
                    name);
    }
    return rc;
}

/* PAGES are those of the release; NULL compares the file as a whole only. Messages call it NAME. */
static enum err verify_file(const char *path, const char *name, const struct manifest_file *file,
                            const struct slice *pages, struct buffer *found, struct errmsg *msg)
{
    bool has_pages = pages != NULL && (file->kind == FILE_PARTITION || file->kind == FILE_LISTING);
    uint64_t hash = 0;
    uint64_t size = 0;
    enum err rc;

    buffer_clear(found);
    rc = file_hash(path, &hash, &size, has_pages ? found : NULL, msg);
    if (rc == ERR_NONE && has_pages) {
        rc = compare_pages(name, file, *pages, buffer_slice(found), msg);
    }
    if (rc == ERR_NONE && hash != file->hash) {
        rc = err_set(msg, ERR_CORRUPT, "%s: the hash of the file differs from the manifest", name);
    }
    return rc == ERR_NONE && file->has_digest ? check_digest(path, name, file, msg) : rc;
}

static enum err verify_in(const char *dir, const struct manifest_file *file,
                          const struct slice *pages, struct buffer *found, struct errmsg *msg)
{
    char *path = path_join(dir, "%.*s", SLICE_ARG(file->path));
    enum err rc = verify_file(path, path, file, pages, found, msg);

    free(path);
    return rc;
}

static const struct manifest_file *find_pages(const struct manifest *manifest)
{
    for (unsigned i = 0; i < manifest->file_count; i++) {
        if (manifest->files[i].kind == FILE_PAGES) {
            return &manifest->files[i];
        }
    }
    return NULL;
}

/* The page hashes of the release in DIR into PAGES, when they are sound; FOUND is room to work. */
static enum err read_pages(const char *dir, const struct manifest *manifest, struct buffer *pages,
                           struct buffer *found, struct errmsg *msg)
{
    const struct manifest_file *file = find_pages(manifest);
    char *path;
    enum err rc;

    if (file == NULL) {
        return err_set(msg, ERR_CORRUPT, "%s: the manifest lists no page hashes", dir);
    }
    rc = verify_in(dir, file, NULL, found, msg);
    if (rc == ERR_NONE) {
        path = path_join(dir, "%.*s", SLICE_ARG(file->path));
        rc = file_read(path, pages, msg);
        free(path);
    }
    return rc;
}

enum err verify_pages(const char *dir, const struct manifest *manifest, struct errmsg *msg)
{
    const struct manifest_file *pages_file = find_pages(manifest);
    struct buffer pages;
    struct buffer found;
    struct slice hashes;
    enum err rc;

    buffer_init(&pages, SIZE_MAX / 2);
    buffer_init(&found, SIZE_MAX / 2);
    rc = read_pages(dir, manifest, &pages, &found, msg);
    hashes = buffer_slice(&pages);
    for (unsigned i = 0; rc == ERR_NONE && i < manifest->file_count; i++) {
        if (&manifest->files[i] != pages_file) {
            rc = verify_in(dir, &manifest->files[i], &hashes, &found, msg);
        }
    }
    buffer_free(&pages);
    buffer_free(&found);
    return rc;
}

enum err verify_copy(const char *path, const char *name, const char *dir,
                     const struct manifest *manifest, const struct manifest_file *file,
                     struct errmsg *msg)
{
    struct buffer pages;
    struct buffer found;
    struct errmsg ignored; /* without page hashes the hash of the whole file has to do */
    struct slice hashes;
    bool has_hashes;
    uint64_t size = 0;
    enum err rc = file_size(path, &size, msg);

    if (rc == ERR_NONE && size != file->size_bytes) {
        rc = err_set(msg, ERR_CORRUPT, "%s: %" PRIu64 " bytes, the manifest says %" PRIu64, name,
                     size, file->size_bytes);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    buffer_init(&pages, SIZE_MAX / 2);
    buffer_init(&found, SIZE_MAX / 2);
    has_hashes = read_pages(dir, manifest, &pages, &found, &ignored) == ERR_NONE;
    hashes = buffer_slice(&pages);
    rc = verify_file(path, name, file, has_hashes ? &hashes : NULL, &found, msg);
    buffer_free(&pages);
    buffer_free(&found);
    return rc;
}
