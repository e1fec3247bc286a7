/* The way of a release from its source to its folder. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/log.h"
#include "replica/pull_inside.h"
#include "replica/reader.h"
#include "replica/root.h"

/* Stays free on the disk, for logs and whatever else lives there. */
enum { SPACE_RESERVE = 16 << 20 };

static enum err check_space(const struct pulling *pull, uint64_t needed, struct errmsg *msg)
{
    struct statvfs fs;
    uint64_t have;

    if (statvfs(pull->options->root, &fs) != 0) {
        return err_sys(msg, errno, "ask for the free space of %s", pull->options->root);
    }
    have = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (have >= SPACE_RESERVE && have - SPACE_RESERVE >= needed) {
        return ERR_NONE;
    }
    return err_set(msg, ERR_LIMIT,
                   "%s: %" PRIu64
                   " bytes are to be fetched and %d stay in reserve, but only %" PRIu64
                   " bytes are free; make room, or keep fewer releases (--keep)",
                   pull->options->root, needed, SPACE_RESERVE, have);
}

/* Fetches the files with NEED. */
static enum err fetch(struct pulling *pull, enum pull_need need, struct errmsg *msg)
{
    struct buffer names;
    char *from = path_join("releases", "%s", pull->name);
    struct transport_fetch wanted = {.from = from,
                                     .into = pull->staging,
                                     .list = pull->list,
                                     .delta = need != NEED_WHOLE,
                                     .basis = need == NEED_DELTA ? pull->files.basis : NULL,
                                     .progress = &pull->progress};
    enum err rc = ERR_NONE;

    buffer_init(&names, SIZE_MAX / 2);
    if (pull_files_names(&pull->files, need, false, &names) > 0) {
        wanted.names = buffer_slice(&names);
        rc = transport_fetch(pull->source, &wanted, &pull->traffic, msg);
    }
    if (rc == ERR_NONE) {
        pull_files_arrived(&pull->files, need, false);
    }
    buffer_free(&names);
    free(from);
    return rc;
}

static enum pull_transfer transfer_of(const struct pulling *pull)
{
    return transport_has_differences(pull->source) ? pull->options->transfer : PULL_WHOLE;
}

/* The definition and the page hashes. */
static enum err fetch_head(struct pulling *pull, struct errmsg *msg)
{
    struct buffer names;
    char *from = path_join("releases", "%s", pull->name);
    struct transport_fetch wanted = {.from = from, .into = pull->staging, .list = pull->list};
    enum err rc = ERR_NONE;

    buffer_init(&names, SIZE_MAX / 2);
    if (pull_files_names(&pull->files, NEED_WHOLE, true, &names) > 0) {
        wanted.names = buffer_slice(&names);
        rc = transport_fetch(pull->source, &wanted, &pull->traffic, msg);
    }
    if (rc == ERR_NONE) {
        pull_files_arrived(&pull->files, NEED_WHOLE, true);
        rc = pull_files_decide(&pull->files, transfer_of(pull), msg);
    }
    buffer_free(&names);
    free(from);
    return rc;
}

static enum err fetch_files(struct pulling *pull, struct errmsg *msg)
{
    enum err rc = fetch(pull, NEED_WHOLE, msg);

    if (rc == ERR_NONE) {
        rc = fetch(pull, NEED_REST, msg);
    }
    return rc == ERR_NONE ? fetch(pull, NEED_DELTA, msg) : rc;
}

/* Everything that can be checked: signature, every page, the definition, and that it opens for reading. */
static enum err verify(const struct pulling *pull, const char *dir, struct errmsg *msg)
{
    const struct release_check check = {
        .verify = true, .trust = pull->options->trust, .root = pull->options->root};
    struct release *release = NULL;
    struct reader *reader = NULL;
    enum err rc = release_open(dir, &check, &release, msg);

    if (rc == ERR_NONE) {
        rc = reader_open(release, &reader, msg);
    }
    reader_close(reader);
    release_drop(release);
    return rc;
}

/* So that it is not fetched again by itself; the damage in MSG is told whether or not that is written. */
static enum err refuse(const struct pulling *pull, struct errmsg *msg)
{
    struct errmsg failure;
    enum err rc = err_wrap(msg, ERR_REFUSED, "damaged at the source");

    if (root_refuse_content(pull->options->root, pull->manifest->number,
                            pull->manifest->content_hash, msg->text, &failure) != ERR_NONE) {
        log_warn("state_not_written", "root=%s reason=\"%s\"", pull->options->root, failure.text);
    }
    return rc;
}

/*
 * Verifies what arrived; files that are damaged are fetched once more. Those may be links to files here
 * that rotted. A release that is damaged then is damaged at its source.
 */
static enum err verify_or_mend(struct pulling *pull, struct errmsg *msg)
{
    unsigned damaged = 0;
    struct errmsg first;
    enum err rc = pull_files_tidy(&pull->files, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    rc = verify(pull, pull->staging, &first);
    if (rc != ERR_CORRUPT) {
        *msg = first;
        return rc;
    }
    rc = pull_files_drop_damaged(&pull->files, &damaged, msg);
    if (rc == ERR_NONE && damaged > 0) {
        log_warn("fetch_again", "release=%s files=%u reason=\"%s\"", pull->name, damaged,
                 first.text);
        rc = fetch(pull, NEED_WHOLE, msg);
    }
    if (rc == ERR_NONE) {
        rc = pull_files_tidy(&pull->files, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    rc = verify(pull, pull->staging, msg);
    return rc == ERR_CORRUPT || rc == ERR_DEFINITION ? refuse(pull, msg) : rc;
}

/* Copies NAME, which was learnt: it is what the release is checked against. */
static enum err copy_learnt(const struct pulling *pull, const char *name, struct errmsg *msg)
{
    struct buffer text;
    char *from = path_join(pull->scratch, "%s", name);
    char *to = path_join(pull->staging, "%s", name);
    enum err rc = ERR_NONE;

    buffer_init(&text, MANIFEST_SIZE_MAX);
    if (file_exists(from)) {
        rc = file_read(from, &text, msg);
        if (rc == ERR_NONE) {
            rc = file_write(to, buffer_slice(&text), msg);
        }
    }
    buffer_free(&text);
    free(to);
    free(from);
    return rc;
}

/* The signature is not among the files of the manifest, which it signs. */
static enum err make_durable(struct pulling *pull, struct errmsg *msg)
{
    char *signature = path_join(pull->staging, SIGNATURE_NAME);
    enum err rc = pull_files_finish(&pull->files, msg);

    if (rc == ERR_NONE && file_exists(signature)) {
        rc = file_sync(signature, msg);
    }
    free(signature);
    return rc == ERR_NONE ? dir_sync(pull->staging, msg) : rc;
}

static enum err fill_staging(struct pulling *pull, struct errmsg *msg)
{
    uint64_t needed;
    enum err rc = pull_files_begin(&pull->files, msg);

    if (rc == ERR_NONE) {
        rc = copy_learnt(pull, MANIFEST_NAME, msg);
    }
    if (rc == ERR_NONE) {
        rc = copy_learnt(pull, SIGNATURE_NAME, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    needed = pull_files_bytes(&pull->files);
    pull->result->fetched_bytes = needed;
    rc = check_space(pull, needed, msg);
    if (rc != ERR_NONE) {
        return rc;
    }
    progress_begin(&pull->progress, "pull", "bytes", needed);
    rc = fetch_head(pull, msg);
    if (rc == ERR_NONE) {
        rc = fetch_files(pull, msg);
    }
    if (rc == ERR_NONE) {
        rc = verify_or_mend(pull, msg);
    }
    progress_end(&pull->progress);
    return rc == ERR_NONE ? make_durable(pull, msg) : rc;
}

/*
 * The folder is kept when the next attempt can go on with it; not when it is of no use, or when it fills
 * a disk that others need, too.
 */
enum err pull_fetch_release(struct pulling *pull, struct errmsg *msg)
{
    struct errmsg ignored; /* the first error is the one to tell */
    enum err clean = ERR_NONE;
    enum err rc;

    pull->files = (struct pull_files){
        .root = pull->options->root, .staging = pull->staging, .manifest = pull->manifest};
    rc = fill_staging(pull, msg);
    if (rc == ERR_NONE) {
        rc = file_rename(pull->staging, pull->dir, msg);
    }
    pull->result->is_fetched = rc == ERR_NONE;
    if (rc == ERR_REFUSED || rc == ERR_LIMIT) {
        clean = dir_remove(pull->staging, &ignored);
    }
    (void)clean;
    pull->result->linked_count = pull->files.linked_count;
    pull->result->delta_count = pull->files.delta_count;
    pull_files_free(&pull->files);
    return rc;
}

enum err pull_replace_release(struct pulling *pull, struct errmsg *msg)
{
    enum err rc;

    log_warn("release_damaged", "release=%s reason=\"%s\"", pull->name, msg->text);
    rc = dir_remove(pull->staging, msg);
    if (rc == ERR_NONE) {
        rc = file_rename(pull->dir, pull->staging, msg);
    }
    return rc == ERR_NONE ? pull_fetch_release(pull, msg) : rc;
}

/* ERR_REFUSED: its signature rotted, as that of the same release at the source was good. */
enum err pull_mend_release(struct pulling *pull, struct errmsg *msg)
{
    enum err rc = verify(pull, pull->dir, msg);

    return rc == ERR_CORRUPT || rc == ERR_REFUSED ? pull_replace_release(pull, msg) : rc;
}
