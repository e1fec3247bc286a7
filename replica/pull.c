#include "replica/pull.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "replica/pull_files.h"
#include "replica/pull_root.h"
#include "replica/reader.h"
#include "replica/release.h"
#include "replica/root.h"
#include "replica/rsync.h"

/* Stays free on the disk, for logs and whatever else lives there. */
enum { SPACE_RESERVE = 16 << 20 };

struct pulling {
    const struct pull_options *options;
    struct pull_result *result;
    struct rsync_source source;
    struct rsync_link link;
    struct rsync_traffic traffic;
    struct manifest *manifest; /* of the release that the source has */
    char name[24];             /* of that release */
    char *scratch;             /* ROOT/.pull */
    char *list;                /* ROOT/.pull/list */
    char *staging;             /* ROOT/releases/.incoming */
    char *dir;                 /* ROOT/releases/NAME */
    struct pull_files files;
    struct progress progress;
    int lock_fd;
};

/* ---- what the source has ---- */

static bool is_same_place(const char *a, const char *b)
{
    char *x = realpath(a, NULL);
    char *y = realpath(b, NULL);
    bool same = x != NULL && y != NULL && strcmp(x, y) == 0;

    free(x);
    free(y);
    return same;
}

static enum err begin(struct pulling *pull, struct errmsg *msg)
{
    const struct pull_options *options = pull->options;
    char *releases = path_join(options->root, "releases");
    enum err rc = rsync_source_parse(options->from, &pull->source, msg);

    pull->scratch = path_join(options->root, ".pull");
    pull->list = path_join(pull->scratch, "list");
    pull->staging = path_join(releases, ".incoming");
    pull->link = (struct rsync_link){.source = &pull->source,
                                     .ssh = options->ssh,
                                     .bwlimit = options->bwlimit,
                                     .timeout_ms = options->timeout_ms,
                                     .compress = options->compress};
    if (rc == ERR_NONE && pull->source.way == RSYNC_PATH &&
        is_same_place(options->from, options->root)) {
        rc = err_set(msg, ERR_USAGE, "--from and --root are the same folder, %s", options->root);
    }
    if (rc == ERR_NONE) {
        rc = dir_make(releases, msg);
    }
    if (rc == ERR_NONE) {
        rc = dir_make(pull->scratch, msg);
    }
    if (rc == ERR_NONE) {
        rc = pull_lock(options->root, &pull->lock_fd, msg);
    }
    free(releases);
    return rc;
}

/* The manifest says which release it is: reading it through the link asks one thing only. */
static enum err learn(struct pulling *pull, struct errmsg *msg)
{
    struct rsync_fetch fetch = {.from = "current",
                                .into = pull->scratch,
                                .names = slice_of("manifest.json", sizeof "manifest.json"),
                                .list = pull->list,
                                .if_changed = true};
    char *path = path_join(pull->scratch, "manifest.json");
    enum err rc = rsync_fetch(&pull->link, &fetch, &pull->traffic, msg);

    if (rc == ERR_NONE) {
        rc = manifest_read(path, &pull->manifest, msg);
    }
    if (rc == ERR_NONE) {
        release_name(pull->name, pull->manifest->number);
        pull->dir = path_join(pull->options->root, "releases/%s", pull->name);
        pull->result->number = pull->manifest->number;
        pull->result->file_count = pull->manifest->file_count;
    }
    free(path);
    return rc;
}

/* The manifest of the release in DIR; NULL when there is none that can be read. */
static struct manifest *manifest_of(const char *dir)
{
    struct errmsg ignored;
    struct manifest *manifest = NULL;
    char *path = path_join(dir, "manifest.json");

    if (!file_exists(path) || manifest_read(path, &manifest, &ignored) != ERR_NONE) {
        manifest = NULL;
    }
    free(path);
    return manifest;
}

static bool is_wanted(const struct pulling *pull, const struct manifest *manifest)
{
    return manifest != NULL && manifest->number == pull->manifest->number &&
           manifest->content_hash == pull->manifest->content_hash;
}

static struct manifest *current_manifest(const char *root)
{
    struct errmsg ignored;
    struct manifest *manifest = NULL;
    char *dir = NULL;

    if (root_current(root, &dir, &ignored) == ERR_NONE) {
        manifest = manifest_of(dir);
    }
    free(dir);
    return manifest;
}

/* CURRENT is NULL without one. */
static enum err check_foreign(const struct pulling *pull, const struct manifest *current,
                              struct errmsg *msg)
{
    struct slice name = pull->manifest->definition_name;

    if (current == NULL || slice_equal(current->definition_name, name)) {
        return ERR_NONE;
    }
    return err_set(
        msg, ERR_REFUSED,
        "%s is a root of %.*s, and the source has %.*s; pull that into a root of its own",
        pull->options->root, SLICE_ARG(current->definition_name), SLICE_ARG(name));
}

/* ---- the way of a release ---- */

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
    struct rsync_fetch wanted = {.from = from,
                                 .into = pull->staging,
                                 .list = pull->list,
                                 .delta = need != NEED_WHOLE,
                                 .basis = need == NEED_DELTA ? pull->files.basis : NULL,
                                 .progress = &pull->progress};
    enum err rc = ERR_NONE;

    buffer_init(&names, SIZE_MAX / 2);
    if (pull_files_names(&pull->files, need, false, &names) > 0) {
        wanted.names = buffer_slice(&names);
        rc = rsync_fetch(&pull->link, &wanted, &pull->traffic, msg);
    }
    if (rc == ERR_NONE) {
        pull_files_arrived(&pull->files, need, false);
    }
    buffer_free(&names);
    free(from);
    return rc;
}

/* The signature, where there is one, the definition and the page hashes. */
static enum err fetch_head(struct pulling *pull, struct errmsg *msg)
{
    struct buffer names;
    char *from = path_join("releases", "%s", pull->name);
    struct rsync_fetch wanted = {
        .from = from, .into = pull->staging, .list = pull->list, .may_be_missing = true};
    enum err rc;

    buffer_init(&names, SIZE_MAX / 2);
    pull_files_names(&pull->files, NEED_WHOLE, true, &names);
    buffer_append(&names, "manifest.sig", sizeof "manifest.sig");
    wanted.names = buffer_slice(&names);
    rc = rsync_fetch(&pull->link, &wanted, &pull->traffic, msg);
    if (rc == ERR_NONE && pull->options->check != NULL) {
        rc = pull->options->check(pull->options->check_context, pull->staging, pull->manifest, msg);
    }
    if (rc == ERR_NONE) {
        pull_files_arrived(&pull->files, NEED_WHOLE, true);
        rc = pull_files_decide(&pull->files, pull->options->transfer, msg);
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

/* Everything that can be checked: every page, the definition, and that it opens for reading. */
static enum err verify(const char *dir, struct errmsg *msg)
{
    struct release *release = NULL;
    struct reader *reader = NULL;
    enum err rc = release_open(dir, &(struct release_check){.verify = true}, &release, msg);

    if (rc == ERR_NONE) {
        rc = reader_open(release, &reader, msg);
    }
    reader_close(reader);
    release_drop(release);
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
    enum err rc = verify(pull->staging, &first);

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
    if (rc != ERR_NONE) {
        return rc;
    }
    rc = verify(pull->staging, msg);
    return rc == ERR_CORRUPT || rc == ERR_DEFINITION
               ? err_wrap(msg, ERR_REFUSED, "damaged at the source")
               : rc;
}

/* Copies the manifest that was learnt: it is what the release is checked against. */
static enum err copy_manifest(const struct pulling *pull, struct errmsg *msg)
{
    struct buffer text;
    char *from = path_join(pull->scratch, "manifest.json");
    char *to = path_join(pull->staging, "manifest.json");
    enum err rc;

    buffer_init(&text, MANIFEST_SIZE_MAX);
    rc = file_read(from, &text, msg);
    if (rc == ERR_NONE) {
        rc = file_write(to, buffer_slice(&text), msg);
    }
    buffer_free(&text);
    free(to);
    free(from);
    return rc;
}

/* The signature is not among the files of the manifest, which it signs. */
static enum err make_durable(struct pulling *pull, struct errmsg *msg)
{
    char *signature = path_join(pull->staging, "manifest.sig");
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
        rc = copy_manifest(pull, msg);
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
static enum err fetch_release(struct pulling *pull, struct errmsg *msg)
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
    if (rc == ERR_REFUSED) {
        pull_refuse(pull->options->root, pull->manifest, msg->text);
    }
    if (rc == ERR_REFUSED || rc == ERR_LIMIT) {
        clean = dir_remove(pull->staging, &ignored);
    }
    (void)clean;
    pull->result->linked_count = pull->files.linked_count;
    pull->result->delta_count = pull->files.delta_count;
    pull_files_free(&pull->files);
    return rc;
}

/* A complete release that is not active: a kill came between, or somebody went back to another one.
 * When it rotted meanwhile, it becomes an incoming one again, and its good files are used. */
static enum err mend_here(struct pulling *pull, struct errmsg *msg)
{
    enum err rc = verify(pull->dir, msg);

    if (rc != ERR_CORRUPT) {
        return rc;
    }
    log_warn("release_damaged", "release=%s reason=\"%s\"", pull->name, msg->text);
    rc = dir_remove(pull->staging, msg);
    if (rc == ERR_NONE) {
        rc = file_rename(pull->dir, pull->staging, msg);
    }
    return rc == ERR_NONE ? fetch_release(pull, msg) : rc;
}

static enum err bring_here(struct pulling *pull, struct errmsg *msg)
{
    struct manifest *here;
    enum err rc = pull_check_refused(pull->options->root, pull->manifest, msg);

    if (rc != ERR_NONE) {
        return err_wrap(msg, rc, "release %s of %s", pull->name, pull->source.text);
    }
    here = manifest_of(pull->dir);
    if (is_wanted(pull, here)) {
        rc = mend_here(pull, msg);
    } else if (file_exists(pull->dir)) {
        rc = err_set(
            msg, ERR_REFUSED,
            "%s is another release than the %s of the source, which has begun anew; pull it "
            "into a new root",
            pull->dir, pull->name);
    } else {
        rc = fetch_release(pull, msg);
    }
    manifest_free(here);
    return rc;
}

/* What a kill may have left when there was nothing more to fetch. */
static enum err tidy(const struct pulling *pull, struct errmsg *msg)
{
    char *leftover = path_join(pull->options->root, "releases/.leftover");
    enum err rc = dir_remove(leftover, msg);

    free(leftover);
    return rc == ERR_NONE ? dir_remove(pull->staging, msg) : rc;
}

static enum err bring_and_activate(struct pulling *pull, struct errmsg *msg)
{
    enum err rc = bring_here(pull, msg);

    if (rc == ERR_NONE) {
        rc = root_activate(pull->options->root, pull->manifest->number, msg);
    }
    if (rc == ERR_NONE) {
        pull_retire(pull->options->root, pull->options->keep);
    }
    return rc;
}

static enum err follow(struct pulling *pull, struct errmsg *msg)
{
    struct manifest *current = current_manifest(pull->options->root);
    enum err rc = check_foreign(pull, current, msg);

    if (rc == ERR_NONE) {
        pull->result->is_current = is_wanted(pull, current);
        rc = pull->result->is_current ? tidy(pull, msg) : bring_and_activate(pull, msg);
    }
    manifest_free(current);
    return rc;
}

enum err pull_release(const struct pull_options *options, struct pull_result *out,
                      struct errmsg *msg)
{
    struct pulling pull = {.options = options, .result = out, .lock_fd = -1};
    int64_t started_ms = monotonic_ms();
    enum err rc;

    *out = (struct pull_result){0};
    rc = begin(&pull, msg);
    if (rc == ERR_NONE) {
        rc = learn(&pull, msg);
    }
    if (rc == ERR_NONE) {
        rc = follow(&pull, msg);
    }
    out->received_bytes = pull.traffic.received;
    out->sent_bytes = pull.traffic.sent;
    out->elapsed_ms = monotonic_ms() - started_ms;
    if (pull.lock_fd >= 0) {
        close(pull.lock_fd);
    }
    manifest_free(pull.manifest);
    free(pull.dir);
    free(pull.staging);
    free(pull.list);
    free(pull.scratch);
    rsync_source_free(&pull.source);
    return rc;
}
