/* Releases in a bucket, by rclone. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "replica/manifest.h"
#include "replica/pointer.h"
#include "replica/release.h"
#include "replica/s3.h"
#include "replica/transport_way.h"

struct bucket_there {
    struct transport base;
    struct s3_bucket bucket;
};

static enum err open_bucket(const char *text, const struct transport_options *options,
                            struct transport **out, struct errmsg *msg)
{
    struct bucket_there *there;
    struct s3_place place;
    enum err rc = s3_place_parse(text, &place, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (options->compress) {
        s3_place_free(&place);
        return err_set(msg, ERR_USAGE, "--compress: files come from %s as they are", text);
    }
    there = memory_calloc(1, sizeof *there);
    there->base = (struct transport){.way = &transport_s3, .text = text};
    there->bucket = (struct s3_bucket){
        .place = place,
        .settings = {.bwlimit = options->bwlimit, .timeout_ms = options->timeout_ms}};
    *out = &there->base;
    return ERR_NONE;
}

static void close_bucket(struct transport *transport)
{
    struct bucket_there *there = (struct bucket_there *)transport;

    s3_place_free(&there->bucket.place);
    free(there);
}

/* The name that did not come; NULL when all did. */
static const char *missing_name(const struct transport_fetch *fetch)
{
    for (size_t at = 0; at < fetch->names.len;) {
        const char *name = fetch->names.ptr + at;
        char *path = path_join(fetch->into, "%s", name);
        bool came = file_exists(path);

        free(path);
        if (!came) {
            return name;
        }
        at += strlen(name) + 1;
    }
    return NULL;
}

/* A bucket that is not there looks like one without the object. */
static enum err check_all_came(const struct bucket_there *there,
                               const struct transport_fetch *fetch, const char *folder,
                               struct errmsg *msg)
{
    const char *name = missing_name(fetch);
    enum err rc = name == NULL || fetch->may_be_missing ? ERR_NONE : s3_look(&there->bucket, msg);

    if (rc != ERR_NONE || name == NULL || fetch->may_be_missing) {
        return rc;
    }
    return err_set(msg, ERR_NOT_FOUND,
                   "fetch from %s: %s%s is not there; if that was just removed there, try again",
                   there->base.text, folder, name);
}

static enum err fetch_files(struct transport *transport, const struct transport_fetch *fetch,
                            struct transport_traffic *traffic, struct errmsg *msg)
{
    struct bucket_there *there = (struct bucket_there *)transport;
    const struct s3_names names = {.names = fetch->names, .list = fetch->list};
    char *folder = path_join(fetch->from, "%s", "");
    uint64_t bytes = 0;
    enum err rc =
        s3_fetch(&there->bucket, folder, &names, fetch->into, fetch->progress, &bytes, msg);

    if (rc == ERR_NONE) {
        rc = check_all_came(there, fetch, folder, msg);
    }
    traffic->received += bytes;
    free(folder);
    return rc;
}

/* ---- which one is current ---- */

static enum err fetch_pointer(const struct bucket_there *there, const char *into, const char *list,
                              struct transport_traffic *traffic, struct pointer *out,
                              struct errmsg *msg)
{
    const struct s3_names names = {.names = slice_of(POINTER_NAME, sizeof POINTER_NAME),
                                   .list = list};
    char *path = path_join(into, POINTER_NAME);
    uint64_t bytes = 0;
    enum err rc = s3_fetch(&there->bucket, "", &names, into, NULL, &bytes, msg);

    traffic->received += bytes;
    if (rc == ERR_NONE && !file_exists(path)) {
        rc = s3_look(&there->bucket, msg);
        if (rc == ERR_NONE) {
            rc = err_set(msg, ERR_NOT_FOUND,
                         "%s has no release: there is no object " POINTER_NAME
                         "; publish one there with vitrine build --publish, or look at the prefix",
                         there->base.text);
        }
    } else if (rc == ERR_NONE && !pointer_read(path, out)) {
        rc = err_set(msg, ERR_CORRUPT,
                     "%s: the object " POINTER_NAME
                     " does not name a release; remove it and publish "
                     "again",
                     there->base.text);
    }
    free(path);
    return rc;
}

/* Whether the manifest at PATH is the one that is pointed to. */
static bool is_pointed_to(const char *path, const struct pointer *pointer)
{
    struct errmsg ignored; /* one that cannot be read is fetched again */
    struct buffer text;
    bool is;

    buffer_init(&text, MANIFEST_SIZE_MAX);
    is = file_exists(path) && file_read(path, &text, &ignored) == ERR_NONE &&
         pointer_hash(buffer_slice(&text)) == pointer->manifest_hash;
    buffer_free(&text);
    return is;
}

static enum err newest(struct transport *transport, const char *into, const char *list,
                       struct transport_traffic *traffic, struct errmsg *msg)
{
    struct bucket_there *there = (struct bucket_there *)transport;
    char *path = path_join(into, MANIFEST_NAME);
    struct pointer pointer;
    char name[RELEASE_NAME_MAX];
    char *folder = NULL;
    enum err rc = fetch_pointer(there, into, list, traffic, &pointer, msg);

    if (rc != ERR_NONE || is_pointed_to(path, &pointer)) {
        goto out;
    }
    folder = path_join("releases", "%s", release_name(name, pointer.number));
    rc = fetch_files(
        transport,
        &(struct transport_fetch){.from = folder,
                                  .into = into,
                                  .names = slice_of(MANIFEST_NAME, sizeof MANIFEST_NAME),
                                  .list = list},
        traffic, msg);
    if (rc == ERR_NONE && !is_pointed_to(path, &pointer)) {
        rc = err_set(msg, ERR_CORRUPT,
                     "%s: the manifest of release %s is not the one that the object " POINTER_NAME
                     " means; publish again",
                     there->base.text, name);
    }
out:
    free(folder);
    free(path);
    return rc;
}

const struct transport_way transport_s3 = {
    .scheme = S3_SCHEME,
    .has_differences = false,
    .open = open_bucket,
    .close = close_bucket,
    .newest = newest,
    .fetch = fetch_files,
};
