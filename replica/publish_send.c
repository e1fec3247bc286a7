/* The way of a release into a bucket. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/progress.h"
#include "replica/publish_inside.h"

static bool is_same_file(const struct manifest_file *a, const struct manifest_file *b)
{
    return slice_equal(a->path, b->path) && a->size_bytes == b->size_bytes && a->hash == b->hash;
}

static bool has_file(const struct manifest *manifest, const struct manifest_file *file)
{
    for (unsigned i = 0; i < manifest->file_count; i++) {
        if (is_same_file(&manifest->files[i], file)) {
            return true;
        }
    }
    return false;
}

static void add_name(struct buffer *names, struct slice name)
{
    buffer_append_slice(names, name);
    buffer_append_byte(names, '\0');
}

/* The files that BEFORE has, too, from its FOLDER. They are compared with those here when files are put. */
static enum err copy_files(struct publishing *publish, const struct manifest *before,
                           const char *folder, struct errmsg *msg)
{
    const struct manifest *ours = publish->release->manifest;
    struct buffer names;
    enum err rc = ERR_NONE;

    buffer_init(&names, SIZE_MAX / 2);
    for (unsigned i = 0; i < ours->file_count; i++) {
        if (has_file(before, &ours->files[i])) {
            add_name(&names, ours->files[i].path);
            publish->result->copied_count++;
        }
    }
    if (names.len > 0) {
        rc = s3_copy(&publish->bucket, folder,
                     &(struct s3_names){.names = buffer_slice(&names), .list = publish->list},
                     publish->folder, msg);
    }
    buffer_free(&names);
    return rc;
}

static enum err copy_unchanged(struct publishing *publish, struct errmsg *msg)
{
    struct errmsg ignored; /* nothing can be copied from a release whose manifest is not good */
    char name[RELEASE_NAME_MAX];
    char *folder = path_join("releases", "%s/", release_name(name, publish->theirs.number));
    char *path = path_join(publish->there, MANIFEST_NAME);
    struct manifest *before = NULL;
    bool is_there;
    enum err rc = publish_fetch(publish, folder, MANIFEST_NAME, &is_there, msg);

    if (rc == ERR_NONE && is_there && manifest_read(path, &before, &ignored) == ERR_NONE) {
        rc = copy_files(publish, before, folder, msg);
        manifest_free(before);
    }
    free(path);
    free(folder);
    return rc;
}

static enum err put_files(struct publishing *publish, struct errmsg *msg)
{
    const struct release *release = publish->release;
    struct progress progress;
    struct buffer names;
    char *signature = path_join(release->dir, SIGNATURE_NAME);
    enum err rc;

    buffer_init(&names, SIZE_MAX / 2);
    for (unsigned i = 0; i < release->manifest->file_count; i++) {
        add_name(&names, release->manifest->files[i].path);
    }
    if (file_exists(signature)) {
        add_name(&names, slice_str(SIGNATURE_NAME));
    }
    progress_begin(&progress, "publish", "bytes", 0);
    rc = s3_put(&publish->bucket,
                &(struct s3_put){.from = release->dir,
                                 .names = {.names = buffer_slice(&names), .list = publish->list},
                                 .folder = publish->folder,
                                 .progress = &progress},
                &publish->result->sent_bytes, msg);
    progress_end(&progress);
    buffer_free(&names);
    free(signature);
    return rc;
}

static enum err put_one(struct publishing *publish, const char *from, const char *name,
                        const char *folder, struct errmsg *msg)
{
    uint64_t bytes;

    return s3_put(&publish->bucket,
                  &(struct s3_put){
                      .from = from,
                      .names = {.names = slice_of(name, strlen(name) + 1), .list = publish->list},
                      .folder = folder,
                      .always = true},
                  &bytes, msg);
}

/* The order is what keeps a node from ever seeing a part of it. */
enum err publish_send(struct publishing *publish, struct errmsg *msg)
{
    bool has_other = publish->has_theirs && publish->theirs.number != publish->ours.number;
    enum err rc = has_other ? copy_unchanged(publish, msg) : ERR_NONE;

    if (rc == ERR_NONE) {
        rc = put_files(publish, msg);
    }
    return rc == ERR_NONE
               ? put_one(publish, publish->release->dir, MANIFEST_NAME, publish->folder, msg)
               : rc;
}

enum err publish_point(struct publishing *publish, struct errmsg *msg)
{
    char text[POINTER_TEXT_MAX];
    char *path = path_join(publish->scratch, POINTER_NAME);
    enum err rc = file_write(path, slice_str(pointer_write(&publish->ours, text)), msg);

    free(path);
    return rc == ERR_NONE ? put_one(publish, publish->scratch, POINTER_NAME, "", msg) : rc;
}
