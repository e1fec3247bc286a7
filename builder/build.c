#include "builder/build.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/number.h"
#include "base/timestamp.h"
#include "builder/delta.h"
#include "builder/readers.h"
#include "builder/signing.h"
#include "builder/summary.h"
#include "definition/definition.h"
#include "replica/format.h"
#include "replica/release.h"
#include "replica/root.h"
#include "replica/verify.h"

struct building {
    const struct build_options *options;
    struct definition *definition;
    struct readers readers;
    char *staging; /* ROOT/releases/.building */
    int lock_fd;
    struct arena arena; /* what manifest entries point to */
    struct buffer pages;
    struct file_list files;
    struct work_result *results; /* one a collection */
};

/* ---- before ---- */

/* The release that FIND gives, or NULL: what is not there or damaged is no help and no hindrance. */
static struct release *open_found(const struct building *build,
                                  enum err (*find)(const char *root, char **dir,
                                                   struct errmsg *msg))
{
    const struct release_check check = {.verify = false};
    struct errmsg ignored;
    struct release *release = NULL;
    char *dir = NULL;

    if (find(build->options->root, &dir, &ignored) != ERR_NONE ||
        release_open(dir, &check, &release, &ignored) != ERR_NONE) {
        release = NULL;
    }
    free(dir);
    return release;
}

/* Whether there is LAST, built from this definition at this position and signed by today's key. */
static bool is_up_to_date(const struct building *build, const struct release *last)
{
    return last != NULL &&
           slice_equal(last->manifest->source_position, buffer_slice(&build->readers.position)) &&
           slice_equal(last->definition->text, build->definition->text) &&
           signing_covers(last->dir, build->options->sign);
}

/* Whether there is room for a release like LAST: better known now than after an hour of work. */
static enum err check_room(const struct building *build, const struct release *last,
                           struct errmsg *msg)
{
    const char *root = build->options->root;
    struct statvfs room;
    uint64_t wanted = 0;
    uint64_t free_bytes;

    if (statvfs(root, &room) != 0) {
        return err_sys(msg, errno, "look for room in %s", root);
    }
    free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    for (unsigned i = 0; i < last->manifest->file_count; i++) {
        wanted += last->manifest->files[i].size_bytes;
    }
    if (free_bytes >= wanted) {
        return ERR_NONE;
    }
    return err_set(msg, ERR_SYSTEM,
                   "not enough room in %s: %" PRIu64 " MiB are free and the current release takes "
                   "%" PRIu64 "; make room, or keep fewer releases with --keep",
                   root, free_bytes >> 20, wanted >> 20);
}

static enum err begin(struct building *build, struct errmsg *msg)
{
    const struct build_options *options = build->options;
    char *releases = path_join(options->root, "releases");
    enum err rc = definition_load(options->definition, &build->definition, msg);

    build->staging = path_join(releases, ".building");
    if (rc == ERR_NONE) {
        rc = signing_check_root(options->root, options->sign, msg);
    }
    if (rc == ERR_NONE) {
        rc = dir_make(releases, msg);
    }
    if (rc == ERR_NONE) {
        rc = root_begin_work(options->root, &build->lock_fd, msg);
    }
    if (rc == ERR_NONE) {
        rc = dir_remove(build->staging, msg); /* of a build that was killed: it takes room */
    }
    if (rc == ERR_NONE) {
        rc = readers_open(&build->readers, options->source,
                          build->definition->collection_count == 0 ? 0 : (unsigned)options->jobs,
                          msg);
    }
    free(releases);
    return rc;
}

/* ---- the collections ---- */

static enum err build_collections(struct building *build, struct errmsg *msg)
{
    const struct build_options *options = build->options;
    struct release *base =
        options->fresh ? NULL : delta_find_base(options->root, build->definition);
    struct work work = {.definition = build->definition,
                        .release_dir = build->staging,
                        .partition_rows = (uint64_t)options->partition_rows,
                        .base = base};
    enum err rc =
        readers_work(&build->readers, &work, options->retries, &build->files, build->results, msg);

    release_drop(base);
    return rc;
}

/* ---- the folder ---- */

static enum err write_file(struct building *build, const char *name, struct slice content,
                           enum file_kind kind, struct errmsg *msg)
{
    struct manifest_file entry = {.kind = kind, .path = slice_str(name)};
    char *path = path_join(build->staging, "%s", name);
    enum err rc = file_write(path, content, msg);

    free(path);
    return rc == ERR_NONE ? file_list_add(&build->files, build->staging, entry, msg) : rc;
}

/* SOURCE_DATE_EPOCH (seconds) makes the time, too, the same in every build of the same source. */
static int64_t build_time_ms(void)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    int64_t seconds;

    if (fixed != NULL && parse_integer(slice_str(fixed), &seconds) && seconds >= 0 &&
        seconds <= TIMESTAMP_MAX / 1000) {
        return seconds * 1000;
    }
    return timestamp_now_ms();
}

/* What the collections hold, for the manifest. */
static struct manifest_collection *describe_collections(struct building *build)
{
    unsigned count = build->definition->collection_count;
    struct manifest_collection *all = arena_calloc(&build->arena, count, sizeof *all);

    for (unsigned i = 0; i < count; i++) {
        const struct collect_counts *counts = &build->results[i].counts;

        all[i] = (struct manifest_collection){.name = build->definition->collections[i].name,
                                              .row_count = counts->row_count,
                                              .key_count = counts->key_count,
                                              .logical_hash = counts->logical_hash};
    }
    return all;
}

/* The release that is current now, if there is one; a damaged one is no parent. */
static enum err find_parent(const struct building *build, struct manifest *manifest,
                            struct errmsg *msg)
{
    const struct release_check check = {.verify = false};
    struct manifest *parent = NULL;
    char *dir = NULL;
    enum err rc = root_current(build->options->root, &dir, msg);

    if (rc == ERR_NONE) {
        rc = release_read_manifest(dir, &check, &parent, msg);
    }
    if (rc == ERR_NONE) {
        manifest->parent_number = parent->number;
        manifest->parent_content = parent->content_hash;
    }
    manifest_free(parent);
    free(dir);
    return rc == ERR_NOT_FOUND || rc == ERR_CORRUPT ? ERR_NONE : rc;
}

static enum err write_manifest(struct building *build, uint64_t number, struct errmsg *msg)
{
    struct manifest manifest = {.number = number,
                                .format = FORMAT_VERSION,
                                .oldest_reader = FORMAT_VERSION,
                                .definition_name = build->definition->name,
                                .source_position = buffer_slice(&build->readers.position),
                                .write_position = build->readers.write_position,
                                .built_ms = build_time_ms(),
                                .collections = describe_collections(build),
                                .collection_count = build->definition->collection_count,
                                .files = build->files.items,
                                .file_count = build->files.count};
    struct buffer text;
    char *path = path_join(build->staging, MANIFEST_NAME);
    enum err rc;

    buffer_init(&text, MANIFEST_SIZE_MAX);
    rc = find_parent(build, &manifest, msg);
    if (rc == ERR_NONE) {
        rc = signing_digest(build->staging, build->options->sign, build->files.items,
                            build->files.count, msg);
    }
    manifest_write(&manifest, &text);
    if (rc == ERR_NONE && (text.overflowed || manifest.file_count > MANIFEST_FILES_MAX)) {
        rc = err_set(msg, ERR_LIMIT, "%u files are more than a manifest can list",
                     build->files.count);
    }
    if (rc == ERR_NONE) {
        rc = signing_write(build->staging, build->options->sign, buffer_slice(&text), msg);
    }
    if (rc == ERR_NONE) {
        rc = file_write(path, buffer_slice(&text), msg);
    }
    buffer_free(&text);
    free(path);
    return rc;
}

/* The number after the highest that there is, or was active here. */
static enum err next_number(const struct building *build, uint64_t *number, struct errmsg *msg)
{
    uint64_t *numbers = NULL;
    unsigned count = 0;
    uint64_t highest = 0;
    enum err rc = root_highest(build->options->root, &highest, msg);

    if (rc == ERR_NONE) {
        rc = root_releases(build->options->root, &numbers, &count, msg);
    }
    *number = 1 + (count > 0 && numbers[count - 1] > highest ? numbers[count - 1] : highest);
    free(numbers);
    return rc;
}

/* Everything that a release holds beside its collections. */
static enum err complete(struct building *build, uint64_t *number, struct errmsg *msg)
{
    enum err rc =
        write_file(build, "definition.yaml", build->definition->text, FILE_DEFINITION, msg);

    if (rc == ERR_NONE) {
        rc = write_file(build, "pages.xxh3", buffer_slice(&build->pages), FILE_PAGES, msg);
    }
    if (rc == ERR_NONE) {
        rc = next_number(build, number, msg);
    }
    if (rc == ERR_NONE) {
        rc = write_manifest(build, *number, msg);
    }
    return rc == ERR_NONE ? dir_sync(build->staging, msg) : rc;
}

/* Whether the complete folder may be published. */
static enum err check(const struct building *build, struct errmsg *msg)
{
    struct buffer unread;
    enum err rc;

    buffer_init(&unread, CHECK_FAILURES_MAX);
    rc = checks_run(
        &(struct checks_run){
            .definition = build->definition,
            .root = build->options->root,
            .staging = build->staging,
            .accepted = build->options->accepted,
            .rehearse = build->options->rehearse,
            .failures = build->options->failures == NULL ? &unread : build->options->failures,
        },
        msg);
    buffer_free(&unread);
    return rc;
}

/* TARGET is NULL for a link that is not there. */
static bool leads_to(const char *link, const char *target)
{
    char *now = link_read(link);
    bool same = now == NULL || target == NULL ? now == target : strcmp(now, target) == 0;

    free(now);
    return same;
}

/*
 * A release that has its name, but could not be made the current one for good, becomes work in
 * progress again, and `current` leads where it led before (FORMER). The first error is the one to tell.
 */
static void take_back(const struct building *build, const char *link, const char *former,
                      const char *dir)
{
    struct errmsg ignored;
    enum err rc = ERR_NONE;

    if (!leads_to(link, former)) {
        if (former == NULL) {
            unlink(link);
        } else {
            rc = link_replace(former, link, &ignored);
        }
    }
    if (leads_to(link, former)) { /* otherwise the new release is needed: it is complete */
        rc = file_rename(dir, build->staging, &ignored);
        if (rc != ERR_NONE) {
            rc = dir_remove(dir, &ignored);
        }
    }
    (void)rc;
}

/* Gives the complete folder its name and makes it the current release, unless that is held. */
static enum err publish(struct building *build, uint64_t number, struct errmsg *msg)
{
    char name[RELEASE_NAME_MAX];
    char *dir = path_join(build->options->root, "releases/%s", release_name(name, number));
    char *link = path_join(build->options->root, "current");
    char *former = link_read(link);
    bool is_active = true;
    enum err rc = file_rename(build->staging, dir, msg);

    if (rc == ERR_NONE) {
        rc = root_offer(build->options->root, number, &is_active, msg);
    }
    if (rc == ERR_NONE && !is_active) {
        log_info("release_not_activated", "release=%s reason=\"%s\"", name, msg->text);
    }
    if (rc != ERR_NONE && !file_exists(build->staging)) {
        take_back(build, link, former, dir);
    }
    free(former);
    free(link);
    free(dir);
    return rc;
}

/* ---- after ---- */

/*
 * Removes the oldest releases beyond `keep`. When that fails, the build has succeeded all the same; the
 * next one tries again.
 */
static void prune(const struct building *build)
{
    struct errmsg msg;

    if (root_retire(build->options->root, (unsigned)build->options->keep, &msg) != ERR_NONE) {
        log_warn("prune_failed", "reason=\"%s\"", msg.text);
    }
}

static enum err build_new(struct building *build, struct build_result *out, struct errmsg *msg)
{
    enum err rc = build_collections(build, msg);

    if (rc == ERR_NONE) {
        rc = complete(build, &out->number, msg);
    }
    if (rc == ERR_NONE) {
        rc = check(build, msg);
    }
    if (rc == ERR_NONE) {
        rc = publish(build, out->number, msg);
    }
    if (rc != ERR_NONE) {
        struct errmsg ignored; /* the first error is the one to tell */
        enum err clean = dir_remove(build->staging, &ignored);

        (void)clean;
        return rc;
    }
    for (unsigned i = 0; i < build->definition->collection_count; i++) {
        out->row_count += build->results[i].counts.row_count;
        out->file_bytes += build->results[i].file_bytes;
    }
    prune(build);
    return ERR_NONE;
}

/* A release that is held back needs no other like it. */
static enum err build_if_needed(struct building *build, struct build_result *out,
                                struct errmsg *msg)
{
    bool looks = !build->options->force;
    struct release *current = looks ? open_found(build, root_current) : NULL;
    struct release *held = looks ? open_found(build, root_held_back) : NULL;
    const struct release *same = is_up_to_date(build, current) ? current
                                 : is_up_to_date(build, held)  ? held
                                                               : NULL;
    enum err rc = ERR_NONE;

    if (same != NULL) {
        out->is_current = true;
        out->number = same->manifest->number;
    } else if (current != NULL) {
        rc = check_room(build, current, msg);
    }
    release_drop(current);
    release_drop(held);
    return rc == ERR_NONE && !out->is_current ? build_new(build, out, msg) : rc;
}

static void release_all(struct building *build)
{
    readers_close(&build->readers);
    if (build->lock_fd >= 0) {
        close(build->lock_fd);
    }
    free(build->files.items);
    free(build->results);
    free(build->staging);
    buffer_free(&build->pages);
    arena_free(&build->arena);
    definition_free(build->definition);
}

enum err build_release(const struct build_options *options, bool table, struct build_result *out,
                       struct errmsg *msg)
{
    struct building build = {.options = options, .lock_fd = -1};
    int64_t started_ms = monotonic_ms();
    enum err rc;

    *out = (struct build_result){0};
    arena_init(&build.arena, 65536);
    buffer_init(&build.pages, SIZE_MAX / 2);
    build.files = (struct file_list){.arena = &build.arena, .pages = &build.pages};
    rc = begin(&build, msg);
    if (rc == ERR_NONE) {
        build.results = memory_calloc(build.definition->collection_count, sizeof *build.results);
        rc = build_if_needed(&build, out, msg);
    }
    out->elapsed_ms = monotonic_ms() - started_ms;
    if (rc == ERR_NONE && table && !out->is_current) {
        summary_print(build.definition, build.results, out);
    }
    release_all(&build);
    return rc;
}
