#include "replica/release.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/number.h"
#include "replica/verify.h"

char *release_name(char name[RELEASE_NAME_MAX], uint64_t number)
{
    snprintf(name, RELEASE_NAME_MAX, "%06" PRIu64, number);
    return name;
}

bool release_number(const char *name, uint64_t *number)
{
    char again[RELEASE_NAME_MAX];
    int64_t value;

    if (!parse_integer(slice_str(name), &value) || value < 0 ||
        strcmp(release_name(again, (uint64_t)value), name) != 0) {
        return false;
    }
    *number = (uint64_t)value;
    return true;
}

/* ---- what the manifest must pass ---- */

static enum err check_trust(const char *dir, const struct release_check *check,
                            struct slice manifest, struct errmsg *msg)
{
    struct trust trust = {.count = 0};
    enum err rc = ERR_NONE;

    if (check->trust != NULL) {
        trust = *check->trust;
    }
    if (check->root != NULL) {
        rc = trust_add_root(&trust, check->root, msg);
    }
    return rc == ERR_NONE ? trust_check(&trust, dir, manifest, msg) : rc;
}

/* A signed manifest of another release does not pass for the one that the folder is named after. */
static enum err check_number(const char *dir, const struct manifest *manifest, struct errmsg *msg)
{
    const char *slash = strrchr(dir, '/');
    const char *name = slash == NULL ? dir : slash + 1;
    char expected[RELEASE_NAME_MAX];
    uint64_t number;

    if (!release_number(name, &number) || number == manifest->number) {
        return ERR_NONE;
    }
    return err_set(msg, ERR_CORRUPT,
                   "%s/manifest.json: this is the manifest of release %s; fetch or build %s again",
                   dir, release_name(expected, manifest->number), name);
}

static enum err check_manifest(const char *dir, const struct release_check *check,
                               const struct manifest *manifest, struct errmsg *msg)
{
    enum err rc = check_number(dir, manifest, msg);

    if (rc == ERR_NONE && check->definition_name != NULL &&
        !slice_is(manifest->definition_name, check->definition_name)) {
        rc =
            err_set(msg, ERR_REFUSED,
                    "%s: the release is of the definition \"%.*s\", what is served here of \"%s\"; "
                    "`vitrine activate --allow-foreign` takes it all the same",
                    dir, SLICE_ARG(manifest->definition_name), check->definition_name);
    }
    return rc;
}

static enum err no_release(const char *dir, struct errmsg *msg)
{
    return err_set(msg, ERR_NOT_FOUND, "%s: no release here (no manifest.json)", dir);
}

enum err release_read_manifest(const char *dir, const struct release_check *check,
                               struct manifest **out, struct errmsg *msg)
{
    char *path = path_join(dir, MANIFEST_NAME);
    struct manifest *manifest = NULL;
    struct buffer text;
    enum err rc;

    buffer_init(&text, MANIFEST_SIZE_MAX);
    if (!file_exists(path)) {
        rc = no_release(dir, msg);
        goto out;
    }
    rc = file_read(path, &text, msg);
    if (rc == ERR_NONE) {
        rc = check_trust(dir, check, buffer_slice(&text), msg);
    }
    if (rc == ERR_NONE) {
        rc = manifest_parse(path, buffer_slice(&text), &manifest, msg);
    }
    if (rc == ERR_NONE) {
        rc = check_manifest(dir, check, manifest, msg);
    }
out:
    free(path);
    buffer_free(&text);
    if (rc != ERR_NONE) {
        manifest_free(manifest);
        return rc;
    }
    *out = manifest;
    return ERR_NONE;
}

/* ---- what the files must pass ---- */

/* Every partition belongs to a collection of the definition, has its kind of key, and comes after
 * the one before it. */
static enum err check_partition(const struct release *release, const struct manifest_file *file,
                                const struct manifest_file *before, struct errmsg *msg)
{
    const struct collection *collection =
        definition_collection(release->definition, file->collection);
    int order;

    if (collection == NULL) {
        return err_set(msg, ERR_CORRUPT, "%s: %.*s is of collection %.*s, which is not defined",
                       release->dir, SLICE_ARG(file->path), SLICE_ARG(file->collection));
    }
    if (file->kind != FILE_PARTITION) {
        return ERR_NONE;
    }
    if (file->first_key.is_text != collection->key_is_text ||
        file->last_key.is_text != collection->key_is_text) {
        return err_set(msg, ERR_CORRUPT, "%s: %.*s has keys of another type", release->dir,
                       SLICE_ARG(file->path));
    }
    if (before == NULL || !slice_equal(before->collection, file->collection)) {
        return ERR_NONE;
    }
    order = collection->key_is_text ? slice_compare(before->last_key.text, file->first_key.text)
                                    : (before->last_key.integer > file->first_key.integer) -
                                          (before->last_key.integer < file->first_key.integer);
    if (order >= 0) {
        return err_set(msg, ERR_CORRUPT, "%s: %.*s begins before the partition before it ends",
                       release->dir, SLICE_ARG(file->path));
    }
    return ERR_NONE;
}

static enum err check_files(const struct release *release, struct errmsg *msg)
{
    const struct manifest *manifest = release->manifest;
    const struct manifest_file *before = NULL;

    for (unsigned i = 0; i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        enum err rc;

        if (file->kind == FILE_DEFINITION || file->kind == FILE_PAGES) {
            continue;
        }
        rc = check_partition(release, file, before, msg);
        if (rc != ERR_NONE) {
            return rc;
        }
        if (file->kind == FILE_PARTITION) {
            before = file;
        }
    }
    return ERR_NONE;
}

/* The definition is small: its hash is compared whether or not pages are verified. */
static enum err load_definition(struct release *release, struct errmsg *msg)
{
    const struct manifest *manifest = release->manifest;

    for (unsigned i = 0; i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        uint64_t hash = 0;
        uint64_t size;
        char *path;
        enum err rc;

        if (file->kind != FILE_DEFINITION) {
            continue;
        }
        path = path_join(release->dir, "%.*s", SLICE_ARG(file->path));
        rc = file_hash(path, &hash, &size, NULL, msg);
        if (rc == ERR_NONE && hash != file->hash) {
            rc = err_set(msg, ERR_CORRUPT, "%s: the hash of the file differs from the manifest",
                         path);
        }
        if (rc == ERR_NONE) {
            rc = definition_load(path, &release->definition, msg);
        }
        free(path);
        return rc;
    }
    return err_set(msg, ERR_CORRUPT, "%s: the manifest lists no definition", release->dir);
}

/*
 * Locks the manifest shared, before anything is read: who removes a release locks it exclusively first.
 */
static enum err lock_shared(struct release *release, struct errmsg *msg)
{
    char *path = path_join(release->dir, MANIFEST_NAME);
    enum err rc = ERR_NONE;

    release->lock_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (release->lock_fd < 0) {
        rc = errno == ENOENT ? no_release(release->dir, msg) : err_sys(msg, errno, "open %s", path);
    } else if (flock(release->lock_fd, LOCK_SH | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK
                 ? err_set(msg, ERR_NOT_FOUND, "%s: the release is being removed", release->dir)
                 : err_sys(msg, errno, "lock %s", path);
    }
    free(path);
    return rc;
}

/* A hash of the inodes of the files; 0 when one is missing. As long as they are open they are not used
 * again. */
static uint64_t identify_files(const struct release *release)
{
    const struct manifest *manifest = release->manifest;
    uint64_t hash = 1;

    for (unsigned i = 0; hash != 0 && i < manifest->file_count; i++) {
        char *path = path_join(release->dir, "%.*s", SLICE_ARG(manifest->files[i].path));
        struct stat st;
        bool is_there = stat(path, &st) == 0;
        uint64_t members[] = {hash, is_there ? (uint64_t)st.st_ino : 0};

        hash = is_there ? XXH3_64bits(members, sizeof members) : 0;
        free(path);
    }
    return hash;
}

enum err release_open(const char *dir, const struct release_check *check, struct release **out,
                      struct errmsg *msg)
{
    struct release *release = memory_calloc(1, sizeof *release);
    enum err rc;

    release->dir = memory_copy_str(dir);
    release->lock_fd = -1;
    atomic_init(&release->references, 1);
    rc = lock_shared(release, msg);
    if (rc == ERR_NONE) {
        rc = release_read_manifest(dir, check, &release->manifest, msg);
    }
    if (rc == ERR_NONE) {
        rc = verify_sizes(dir, release->manifest, msg);
    }
    if (rc == ERR_NONE) {
        release->files = identify_files(release);
    }
    if (rc == ERR_NONE && check->verify) {
        rc = verify_names(dir, release->manifest, msg);
    }
    if (rc == ERR_NONE && check->verify) {
        rc = verify_pages(dir, release->manifest, msg);
    }
    if (rc == ERR_NONE) {
        rc = load_definition(release, msg);
    }
    if (rc == ERR_NONE) {
        rc = check_files(release, msg);
    }
    if (rc != ERR_NONE) {
        release_drop(release);
        return rc;
    }
    *out = release;
    return ERR_NONE;
}

bool release_is_replaced(const struct release *release)
{
    uint64_t files = identify_files(release);

    return files != 0 && files != release->files;
}

struct release *release_hold(struct release *release)
{
    atomic_fetch_add(&release->references, 1);
    return release;
}

void release_drop(struct release *release)
{
    if (release == NULL || atomic_fetch_sub(&release->references, 1) > 1) {
        return;
    }
    definition_free(release->definition);
    manifest_free(release->manifest);
    if (release->lock_fd >= 0) {
        close(release->lock_fd);
    }
    free(release->dir);
    free(release);
}
