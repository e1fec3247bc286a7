#include "replica/publish.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "replica/pointer.h"
#include "replica/publish_inside.h"
#include "replica/root.h"

static enum err begin(struct publishing *publish, struct errmsg *msg)
{
    const struct publish_options *options = publish->options;
    enum err rc = s3_place_parse(options->to, &publish->bucket.place, msg);

    publish->bucket.settings.timeout_ms = options->timeout_ms;
    publish->scratch = path_join(options->root, ".publish");
    publish->list = path_join(publish->scratch, "list");
    publish->there = path_join(publish->scratch, "there");
    if (rc == ERR_NONE) {
        rc = root_begin_work(options->root, &publish->lock_fd, msg);
    }
    if (rc == ERR_NONE) {
        rc = dir_remove(publish->scratch, msg);
    }
    return rc == ERR_NONE ? dir_make(publish->there, msg) : rc;
}

/* ---- what is here ---- */

static enum err hash_manifest(const char *dir, uint64_t *out, struct errmsg *msg)
{
    char *path = path_join(dir, MANIFEST_NAME);
    struct buffer text;
    enum err rc;

    buffer_init(&text, MANIFEST_SIZE_MAX);
    rc = file_read(path, &text, msg);
    if (rc == ERR_NONE) {
        *out = pointer_hash(buffer_slice(&text));
    }
    buffer_free(&text);
    free(path);
    return rc;
}

/* The current release, held open: it cannot be removed meanwhile. */
static enum err open_current(struct publishing *publish, struct errmsg *msg)
{
    const char *root = publish->options->root;
    char *dir = NULL;
    enum err rc = root_current(root, &dir, msg);

    if (rc == ERR_NONE) {
        rc = release_open(dir, &(struct release_check){.root = root}, &publish->release, msg);
    }
    if (rc == ERR_NONE) {
        publish->ours.number = publish->release->manifest->number;
        publish->folder =
            path_join("releases", "%s/", release_name(publish->name, publish->ours.number));
        publish->result->number = publish->ours.number;
        publish->result->file_count = publish->release->manifest->file_count;
        rc = hash_manifest(dir, &publish->ours.manifest_hash, msg);
    }
    free(dir);
    return rc;
}

static enum err verify(const struct publishing *publish, struct errmsg *msg)
{
    const struct release_check check = {.verify = true, .root = publish->options->root};
    struct release *release = NULL;
    enum err rc = release_open(publish->release->dir, &check, &release, msg);

    release_drop(release);
    return rc;
}

/* ---- what is there ---- */

enum err publish_fetch(struct publishing *publish, const char *folder, const char *name,
                       bool *is_there, struct errmsg *msg)
{
    const struct s3_names names = {.names = slice_of(name, strlen(name) + 1),
                                   .list = publish->list};
    char *path = path_join(publish->there, "%s", name);
    uint64_t bytes;
    enum err rc = s3_fetch(&publish->bucket, folder, &names, publish->there, NULL, &bytes, msg);

    *is_there = rc == ERR_NONE && file_exists(path);
    free(path);
    return rc;
}

static enum err read_pointer(struct publishing *publish, struct errmsg *msg)
{
    char *path = path_join(publish->there, POINTER_NAME);
    enum err rc = publish_fetch(publish, "", POINTER_NAME, &publish->has_theirs, msg);

    if (rc == ERR_NONE && publish->has_theirs && !pointer_read(path, &publish->theirs)) {
        rc = err_set(msg, ERR_REFUSED,
                     "%s: the object " POINTER_NAME " is not one of ours; look at the prefix, or "
                     "remove it",
                     publish->options->to);
    }
    free(path);
    return rc;
}

/* A builder that lost its root and began anew would be refused by every node. */
static enum err check_number(const struct publishing *publish, struct errmsg *msg)
{
    uint64_t highest = 0;
    enum err rc = root_highest(publish->options->root, &highest, msg);

    if (rc == ERR_NONE && publish->has_theirs && publish->theirs.number > highest) {
        rc =
            err_set(msg, ERR_REFUSED,
                    "%s has release %06" PRIu64 ", which %s never had; pull it first (vitrine pull "
                    "--from %s --root %s), then build",
                    publish->options->to, publish->theirs.number, publish->options->root,
                    publish->options->to, publish->options->root);
    }
    return rc;
}

/* Another builder is at work there: it would be hard to say whose release is the newest. */
static enum err check_unmoved(struct publishing *publish, struct errmsg *msg)
{
    const struct pointer before = publish->theirs;
    bool had_theirs = publish->has_theirs;
    enum err rc = read_pointer(publish, msg);

    if (rc == ERR_NONE && (publish->has_theirs != had_theirs ||
                           (had_theirs && !pointer_equal(&publish->theirs, &before)))) {
        rc =
            err_set(msg, ERR_REFUSED,
                    "somebody else published to %s meanwhile; only one builder may, stop the other "
                    "one or give it a prefix of its own",
                    publish->options->to);
    }
    return rc;
}

/* A release that is there never changes. */
static enum err check_manifest(struct publishing *publish, struct errmsg *msg)
{
    uint64_t hash = 0;
    bool is_there;
    enum err rc = publish_fetch(publish, publish->folder, MANIFEST_NAME, &is_there, msg);

    if (rc == ERR_NONE && is_there) {
        rc = hash_manifest(publish->there, &hash, msg);
    }
    if (rc == ERR_NONE && is_there && hash != publish->ours.manifest_hash) {
        rc = err_set(msg, ERR_REFUSED,
                     "%s has another release %s; publish to another prefix, or remove that one",
                     publish->options->to, publish->name);
    }
    return rc;
}

/* ---- the story ---- */

static bool is_published(const struct publishing *publish)
{
    return publish->has_theirs && pointer_equal(&publish->theirs, &publish->ours);
}

/* Old releases that cannot be removed are no failure; the next publish tries again. */
static void retire(struct publishing *publish)
{
    struct errmsg msg;

    if (publish_retire(publish, &msg) != ERR_NONE) {
        log_warn("publish_prune_failed", "reason=\"%s\"", msg.text);
    }
}

static enum err follow(struct publishing *publish, struct errmsg *msg)
{
    enum err rc = open_current(publish, msg);

    if (rc == ERR_NONE) {
        rc = read_pointer(publish, msg);
    }
    publish->result->is_current = rc == ERR_NONE && is_published(publish);
    if (rc != ERR_NONE || publish->result->is_current) {
        return rc;
    }
    rc = check_number(publish, msg);
    if (rc == ERR_NONE) {
        rc = check_manifest(publish, msg);
    }
    if (rc == ERR_NONE) {
        rc = verify(publish, msg);
    }
    if (rc == ERR_NONE) {
        rc = publish_send(publish, msg);
    }
    if (rc == ERR_NONE) {
        rc = check_unmoved(publish, msg);
    }
    if (rc == ERR_NONE) {
        rc = publish_point(publish, msg);
    }
    if (rc == ERR_NONE && publish->options->keep > 0) {
        retire(publish);
    }
    return rc;
}

enum err publish_release(const struct publish_options *options, struct publish_result *out,
                         struct errmsg *msg)
{
    struct publishing publish = {.options = options, .result = out, .lock_fd = -1};
    int64_t started_ms = monotonic_ms();
    struct errmsg ignored; /* what is left is removed by the next one */
    enum err clean = ERR_NONE;
    enum err rc;

    *out = (struct publish_result){0};
    rc = begin(&publish, msg);
    if (rc == ERR_NONE) {
        rc = follow(&publish, msg);
    }
    if (publish.lock_fd >= 0) {
        clean = dir_remove(publish.scratch, &ignored);
        close(publish.lock_fd);
    }
    (void)clean;
    out->elapsed_ms = monotonic_ms() - started_ms;
    release_drop(publish.release);
    free(publish.folder);
    free(publish.there);
    free(publish.list);
    free(publish.scratch);
    s3_place_free(&publish.bucket.place);
    return rc;
}
