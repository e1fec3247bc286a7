#include "replica/pull_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "replica/pull_pages.h"
#include "replica/release.h"
#include "replica/root.h"
#include "replica/transport.h"

/* ---- paths ---- */

static char *file_path(const char *dir, const struct manifest_file *file)
{
    return path_join(dir, "%.*s", SLICE_ARG(file->path));
}

/* The part of PATH before its last slash, with it; empty without one. */
static struct slice folder_of(struct slice path)
{
    const char *slash = memrchr(path.ptr, '/', path.len);

    return slice_of(path.ptr, slash == NULL ? 0 : (size_t)(slash - path.ptr) + 1);
}

static char *partial_dir(const char *dir, const struct manifest_file *file)
{
    struct slice folder = folder_of(file->path);

    return path_join(dir, "%.*s" TRANSPORT_PARTIAL_DIR, SLICE_ARG(folder));
}

/* Where a transport keeps what arrived of FILE. */
static char *partial_path(const char *dir, const struct manifest_file *file)
{
    struct slice folder = folder_of(file->path);

    return path_join(dir, "%.*s" TRANSPORT_PARTIAL_DIR "/%.*s", SLICE_ARG(folder),
                     (int)(file->path.len - folder.len), file->path.ptr + folder.len);
}

static enum err make_folder(const char *path, struct errmsg *msg)
{
    char *folder = memory_copy_str(path);
    enum err rc;

    *strrchr(folder, '/') = '\0';
    rc = dir_make(folder, msg);
    free(folder);
    return rc;
}

static uint64_t size_or_zero(const char *path)
{
    struct errmsg ignored;
    uint64_t size = 0;

    if (!file_exists(path) || file_size(path, &size, &ignored) != ERR_NONE) {
        return 0;
    }
    return size;
}

/* ---- what is here ---- */

static void load_here(struct pull_files *files, uint64_t number)
{
    struct errmsg ignored; /* a damaged release has nothing to give */
    char name[RELEASE_NAME_MAX];
    struct manifest *manifest = NULL;
    char *dir = path_join(files->root, "releases/%s", release_name(name, number));
    char *path = path_join(dir, MANIFEST_NAME);

    if (manifest_read(path, &manifest, &ignored) == ERR_NONE) {
        files->here[files->here_count++] = (struct pull_here){dir, manifest};
    } else {
        free(dir);
    }
    free(path);
}

static void find_basis(struct pull_files *files)
{
    struct errmsg ignored; /* without a current release there is no basis */
    char *current = NULL;
    const char *slash;

    if (root_current(files->root, &current, &ignored) != ERR_NONE) {
        return;
    }
    slash = strrchr(current, '/');
    for (unsigned i = 0; slash != NULL && i < files->here_count; i++) {
        if (strcmp(strrchr(files->here[i].dir, '/'), slash) == 0) {
            files->basis = realpath(files->here[i].dir, NULL);
            files->basis_manifest = files->here[i].manifest;
        }
    }
    free(current);
}

static enum err look_around(struct pull_files *files, struct errmsg *msg)
{
    uint64_t *numbers = NULL;
    unsigned count = 0;
    enum err rc = root_releases(files->root, &numbers, &count, msg);

    if (rc == ERR_NONE) {
        files->here = memory_calloc(count + 1, sizeof *files->here);
        for (unsigned i = count; i > 0; i--) { /* the newest first */
            load_here(files, numbers[i - 1]);
        }
        find_basis(files);
    }
    free(numbers);
    return rc;
}

static bool is_same(const struct manifest_file *a, const struct manifest_file *b)
{
    return a->size_bytes == b->size_bytes && a->hash == b->hash;
}

/* The path of a file with the content of WANTED, by the manifests, on the heap; NULL when none is here.
 * That it holds what its manifest says is verified with the rest of the release. */
static char *find_here(const struct pull_files *files, const struct manifest_file *wanted)
{
    for (unsigned i = 0; i < files->here_count; i++) {
        const struct manifest *manifest = files->here[i].manifest;

        for (unsigned j = 0; j < manifest->file_count; j++) {
            char *path;

            if (!is_same(&manifest->files[j], wanted)) {
                continue;
            }
            path = file_path(files->here[i].dir, &manifest->files[j]);
            if (size_or_zero(path) == wanted->size_bytes && file_exists(path)) {
                return path;
            }
            free(path);
        }
    }
    return NULL;
}

/* ---- what an earlier attempt left ---- */

/* Moves a file that was fetched completely from LEFTOVER to PATH. */
static enum err carry_over(const char *leftover, const struct manifest_file *file, const char *path,
                           bool *done, struct errmsg *msg)
{
    char *old = file_path(leftover, file);
    enum err rc = pull_file_holds(old, file, done, msg);

    if (rc == ERR_NONE && *done && rename(old, path) != 0) {
        rc = err_sys(msg, errno, "rename %s to %s", old, path);
    }
    free(old);
    return rc;
}

/* Moves what arrived of FILE in part. Best effort: without it, all of the file is fetched. */
static void carry_partial(const struct pull_files *files, const char *leftover,
                          const struct manifest_file *file)
{
    struct errmsg ignored;
    char *old = partial_path(leftover, file);
    char *path = partial_path(files->staging, file);

    if (file_exists(old) && make_folder(path, &ignored) == ERR_NONE && rename(old, path) != 0) {
        unlink(old);
    }
    free(path);
    free(old);
}

/* Whether LEFTOVER was meant to become the release that is wanted now. */
static bool is_same_release(const char *leftover, const struct manifest *wanted)
{
    struct errmsg ignored;
    struct manifest *manifest = NULL;
    char *path = path_join(leftover, MANIFEST_NAME);
    bool same = file_exists(path) && manifest_read(path, &manifest, &ignored) == ERR_NONE &&
                manifest->content_hash == wanted->content_hash;

    manifest_free(manifest);
    free(path);
    return same;
}

static enum err begin_file(struct pull_files *files, unsigned index, const char *leftover,
                           bool keep_partial, struct errmsg *msg)
{
    const struct manifest_file *file = &files->manifest->files[index];
    char *path = file_path(files->staging, file);
    char *here = NULL;
    bool done = false;
    enum err rc = make_folder(path, msg);

    if (rc == ERR_NONE) {
        rc = carry_over(leftover, file, path, &done, msg);
    }
    if (rc == ERR_NONE && !done) {
        here = find_here(files, file);
        done = here != NULL && link(here, path) == 0; /* too many links: it is fetched */
        files->linked_count += done;
    }
    if (rc == ERR_NONE && !done && keep_partial) {
        carry_partial(files, leftover, file);
    }
    files->needs[index] = done ? NEED_NOTHING : NEED_WHOLE;
    free(here);
    free(path);
    return rc;
}

/* Makes an empty staging folder; what was in it is in LEFTOVER then. */
static enum err set_aside(const struct pull_files *files, const char *leftover, struct errmsg *msg)
{
    enum err rc = dir_remove(leftover, msg);

    if (rc == ERR_NONE && file_exists(files->staging)) {
        rc = file_rename(files->staging, leftover, msg);
    }
    return rc == ERR_NONE ? dir_make(files->staging, msg) : rc;
}

enum err pull_files_begin(struct pull_files *files, struct errmsg *msg)
{
    char *leftover = path_join(files->root, "releases/.leftover");
    bool keep_partial;
    enum err rc;

    files->needs = memory_calloc(files->manifest->file_count, sizeof *files->needs);
    rc = look_around(files, msg);
    if (rc == ERR_NONE) {
        rc = set_aside(files, leftover, msg);
    }
    keep_partial = rc == ERR_NONE && is_same_release(leftover, files->manifest);
    for (unsigned i = 0; rc == ERR_NONE && i < files->manifest->file_count; i++) {
        rc = begin_file(files, i, leftover, keep_partial, msg);
    }
    if (rc == ERR_NONE) {
        rc = dir_remove(leftover, msg);
    }
    free(leftover);
    return rc;
}

void pull_files_free(struct pull_files *files)
{
    for (unsigned i = 0; i < files->here_count; i++) {
        free(files->here[i].dir);
        manifest_free(files->here[i].manifest);
    }
    free(files->here);
    free(files->needs);
    free(files->basis);
}

/* ---- whole or delta ---- */

static const struct manifest_file *find_path(const struct manifest *manifest, struct slice path)
{
    for (unsigned i = 0; i < manifest->file_count; i++) {
        if (slice_equal(manifest->files[i].path, path)) {
            return &manifest->files[i];
        }
    }
    return NULL;
}

static bool has_pages(const struct manifest_file *file)
{
    return file->kind == FILE_PARTITION || file->kind == FILE_LISTING;
}

enum err pull_files_decide(struct pull_files *files, enum pull_transfer transfer,
                           struct errmsg *msg)
{
    struct buffer pages;
    struct buffer old_pages;
    enum err rc = ERR_NONE;

    buffer_init(&pages, SIZE_MAX / 2);
    buffer_init(&old_pages, SIZE_MAX / 2);
    if (transfer == PULL_AUTO && files->basis != NULL) {
        pull_pages_read(files->staging, files->manifest, &pages);
        pull_pages_read(files->basis, files->basis_manifest, &old_pages);
    }
    for (unsigned i = 0; rc == ERR_NONE && i < files->manifest->file_count; i++) {
        const struct manifest_file *file = &files->manifest->files[i];
        const struct manifest_file *old =
            files->basis == NULL ? NULL : find_path(files->basis_manifest, file->path);
        char *partial = partial_path(files->staging, file);

        if (files->needs[i] == NEED_WHOLE && has_pages(file)) {
            bool delta =
                old != NULL && transfer != PULL_WHOLE &&
                (transfer == PULL_DELTA || pull_pages_shared(file, &pages, old, &old_pages));

            files->needs[i] = delta ? NEED_DELTA : file_exists(partial) ? NEED_REST : NEED_WHOLE;
            files->delta_count += delta;
            if (delta && unlink(partial) != 0 && errno != ENOENT) { /* the old file is better */
                rc = err_sys(msg, errno, "remove %s", partial);
            }
        }
        free(partial);
    }
    buffer_free(&pages);
    buffer_free(&old_pages);
    return rc;
}

uint64_t pull_files_bytes(const struct pull_files *files)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < files->manifest->file_count; i++) {
        const struct manifest_file *file = &files->manifest->files[i];
        char *partial = partial_path(files->staging, file);
        uint64_t there = size_or_zero(partial);

        if (files->needs[i] != NEED_NOTHING) {
            bytes += there < file->size_bytes ? file->size_bytes - there : 0;
        }
        free(partial);
    }
    return bytes;
}

unsigned pull_files_names(const struct pull_files *files, enum pull_need need, bool head,
                          struct buffer *out)
{
    unsigned count = 0;

    for (unsigned i = 0; i < files->manifest->file_count; i++) {
        const struct manifest_file *file = &files->manifest->files[i];

        if (files->needs[i] == need && !(head && has_pages(file))) {
            buffer_append_slice(out, file->path);
            buffer_append_byte(out, '\0');
            count++;
        }
    }
    return count;
}

void pull_files_arrived(struct pull_files *files, enum pull_need need, bool head)
{
    for (unsigned i = 0; i < files->manifest->file_count; i++) {
        if (files->needs[i] == need && !(head && has_pages(&files->manifest->files[i]))) {
            files->needs[i] = NEED_NOTHING;
        }
    }
}

/* ---- the end ---- */

/* Removes the file at PATH unless it holds what FILE says. */
static enum err drop_if_damaged(const char *path, const struct manifest_file *file, bool *dropped,
                                struct errmsg *msg)
{
    bool is_good = false;
    enum err rc = pull_file_holds(path, file, &is_good, msg);

    if (rc == ERR_NONE && !is_good && unlink(path) != 0 && errno != ENOENT) {
        rc = err_sys(msg, errno, "remove %s", path);
    }
    *dropped = rc == ERR_NONE && !is_good;
    return rc;
}

enum err pull_files_drop_damaged(struct pull_files *files, unsigned *count, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    *count = 0;
    for (unsigned i = 0; rc == ERR_NONE && i < files->manifest->file_count; i++) {
        const struct manifest_file *file = &files->manifest->files[i];
        char *path = file_path(files->staging, file);
        bool dropped;

        rc = drop_if_damaged(path, file, &dropped, msg);
        if (dropped) {
            files->needs[i] = NEED_WHOLE;
            ++*count;
        }
        free(path);
    }
    return rc;
}

typedef enum err (*folder_fn)(const struct pull_files *files, const struct manifest_file *file,
                              struct errmsg *msg);

static enum err tidy_folder(const struct pull_files *files, const struct manifest_file *file,
                            struct errmsg *msg)
{
    char *partial = partial_dir(files->staging, file);
    enum err rc = dir_remove(partial, msg);

    free(partial);
    return rc;
}

static enum err sync_folder(const struct pull_files *files, const struct manifest_file *file,
                            struct errmsg *msg)
{
    char *folder = path_join(files->staging, "%.*s", SLICE_ARG(folder_of(file->path)));
    enum err rc = dir_sync(folder, msg);

    free(folder);
    return rc;
}

/* Once for each folder that has files; DO_FOLDER gets the first of them. */
static enum err for_folders(const struct pull_files *files, folder_fn do_folder, struct errmsg *msg)
{
    struct slice before = {.ptr = NULL};
    enum err rc = ERR_NONE;

    for (unsigned i = 0; rc == ERR_NONE && i < files->manifest->file_count; i++) {
        const struct manifest_file *file = &files->manifest->files[i];

        if (before.ptr == NULL || !slice_equal(before, folder_of(file->path))) {
            rc = do_folder(files, file, msg);
        }
        before = folder_of(file->path);
    }
    return rc;
}

enum err pull_files_tidy(const struct pull_files *files, struct errmsg *msg)
{
    return for_folders(files, tidy_folder, msg);
}

enum err pull_files_finish(struct pull_files *files, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    for (unsigned i = 0; rc == ERR_NONE && i < files->manifest->file_count; i++) {
        char *path = file_path(files->staging, &files->manifest->files[i]);

        rc = file_sync(path, msg);
        free(path);
    }
    return rc == ERR_NONE ? for_folders(files, sync_folder, msg) : rc;
}
