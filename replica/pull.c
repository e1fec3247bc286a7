#include "replica/pull.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "replica/pull_inside.h"
#include "replica/root.h"
#include "replica/warm.h"

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

static enum err open_source(struct pulling *pull, struct errmsg *msg)
{
    const struct pull_options *options = pull->options;
    const char *folder;
    enum err rc = transport_open(options->from, &options->way, &pull->source, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    folder = transport_folder(pull->source);
    if (folder != NULL && is_same_place(folder, options->root)) {
        return err_set(msg, ERR_USAGE, "--from and --root are the same folder, %s", options->root);
    }
    if (options->transfer == PULL_DELTA && !transport_has_differences(pull->source)) {
        return err_set(msg, ERR_USAGE, "--transfer delta: %s has whole files only", options->from);
    }
    return ERR_NONE;
}

static enum err begin(struct pulling *pull, struct errmsg *msg)
{
    const struct pull_options *options = pull->options;
    char *releases = path_join(options->root, "releases");
    enum err rc = open_source(pull, msg);

    pull->scratch = path_join(options->root, ".pull");
    pull->list = path_join(pull->scratch, "list");
    pull->staging = path_join(releases, ".incoming");
    if (rc == ERR_NONE) {
        rc = dir_make(releases, msg);
    }
    if (rc == ERR_NONE) {
        rc = dir_make(pull->scratch, msg);
    }
    if (rc == ERR_NONE) {
        rc = root_begin_work(options->root, &pull->lock_fd, msg);
    }
    if (rc == ERR_NONE) {
        rc = pull_sweep(options->root, msg);
    }
    free(releases);
    return rc;
}

static enum err learn(struct pulling *pull, struct errmsg *msg)
{
    char *path = path_join(pull->scratch, MANIFEST_NAME);
    enum err rc = transport_newest(pull->source, pull->scratch, pull->list, &pull->traffic, msg);

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

/* Fetches manifest.sig, which a release may have, from the folder of the release itself. */
static enum err fetch_signature(struct pulling *pull, struct errmsg *msg)
{
    char *from = path_join("releases", "%s", pull->name);
    char *path = path_join(pull->scratch, SIGNATURE_NAME);
    struct transport_fetch fetch = {.from = from,
                                    .into = pull->scratch,
                                    .names = slice_of(SIGNATURE_NAME, sizeof SIGNATURE_NAME),
                                    .list = pull->list,
                                    .may_be_missing = true};
    enum err rc = ERR_NONE;

    if (unlink(path) != 0 && errno != ENOENT) { /* of another release */
        rc = err_sys(msg, errno, "remove %s", path);
    }
    if (rc == ERR_NONE) {
        rc = transport_fetch(pull->source, &fetch, &pull->traffic, msg);
    }
    free(path);
    free(from);
    return rc;
}

static bool is_wanted(const struct pulling *pull, const struct manifest *manifest)
{
    return manifest != NULL && manifest->number == pull->manifest->number &&
           manifest->content_hash == pull->manifest->content_hash;
}

/* Believes the manifest when a key that is trusted signed it: before any other file is asked for. */
static enum err believe(struct pulling *pull, struct errmsg *msg)
{
    const struct release_check check = {.trust = pull->options->trust, .root = pull->options->root};
    struct manifest *manifest = NULL;
    enum err rc = fetch_signature(pull, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    rc = release_read_manifest(pull->scratch, &check, &manifest, msg);
    if (rc != ERR_NONE) {
        return err_wrap(msg, rc, "release %s of %s", pull->name, transport_name(pull->source));
    }
    if (!is_wanted(pull, manifest)) { /* nobody but the source could have changed it since */
        manifest_free(manifest);
        return err_set(msg, ERR_REFUSED, "%s changed the manifest of release %s meanwhile",
                       transport_name(pull->source), pull->name);
    }
    manifest_free(pull->manifest);
    pull->manifest = manifest;
    return ERR_NONE;
}

/* The manifest of the release in DIR; NULL, and an error, when there is none that can be read. */
static enum err read_manifest(const char *dir, struct manifest **out, struct errmsg *msg)
{
    char *path = path_join(dir, MANIFEST_NAME);
    enum err rc = file_exists(path) ? manifest_read(path, out, msg)
                                    : err_set(msg, ERR_NOT_FOUND, "%s: it is missing", path);

    free(path);
    return rc;
}

static struct manifest *current_manifest(const char *root)
{
    struct errmsg ignored;
    struct manifest *manifest = NULL;
    char *dir = NULL;

    if (root_current(root, &dir, &ignored) != ERR_NONE ||
        read_manifest(dir, &manifest, &ignored) != ERR_NONE) {
        manifest = NULL;
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

/* ---- what is done about it ---- */

static enum err has_begun_anew(const struct pulling *pull, struct errmsg *msg)
{
    return err_set(msg, ERR_REFUSED,
                   "%s is another release than the %s of the source, which has begun anew; pull it "
                   "into a new root",
                   pull->dir, pull->name);
}

/* Has it here, whole. */
static enum err bring_here(struct pulling *pull, struct errmsg *msg)
{
    struct manifest *here = NULL;
    enum err rc;

    if (!file_exists(pull->dir)) {
        return pull_fetch_release(pull, msg);
    }
    rc = read_manifest(pull->dir, &here, msg);
    if (is_wanted(pull, here)) { /* a kill came between, or somebody went back to another one */
        rc = pull_mend_release(pull, msg);
    } else if (rc == ERR_NONE) {
        rc = has_begun_anew(pull, msg);
    } else if (rc != ERR_SYSTEM) { /* its manifest rotted: nothing here knows what it was */
        rc = pull_replace_release(pull, msg);
    }
    manifest_free(here);
    return rc;
}

/* Brings the release, which is here and whole, into memory and makes it the current one. */
static enum err activate(struct pulling *pull, struct errmsg *msg)
{
    const struct pull_options *options = pull->options;
    const struct release_check check = {.trust = options->trust, .root = options->root};
    struct release *release = NULL;
    bool is_active = false;
    enum err rc = release_open(pull->dir, &check, &release, msg);

    if (rc == ERR_NONE) {
        rc = warm_ahead(release, options->warm_bytes, msg);
    }
    if (rc == ERR_NONE && options->again) {
        rc = root_forgive(options->root, pull->dir, msg);
    }
    if (rc == ERR_NONE) {
        rc = root_offer(options->root, pull->manifest->number, &is_active, msg);
    }
    if (rc == ERR_NONE && !is_active) { /* an operator was faster */
        pull->result->is_held = true;
        pull->result->reason = *msg;
    }
    release_drop(release);
    return rc;
}

/* Old releases that cannot be removed are no failure of a pull; the next one tries again. */
static void retire(const struct pulling *pull)
{
    struct errmsg msg;

    if (root_retire(pull->options->root, (unsigned)pull->options->keep, &msg) != ERR_NONE) {
        log_warn("prune_failed", "reason=\"%s\"", msg.text);
    }
}

/* What a kill may have left when there was nothing more to fetch. */
static enum err tidy(const struct pulling *pull, struct errmsg *msg)
{
    char *leftover = path_join(pull->options->root, "releases/.leftover");
    enum err rc = dir_remove(leftover, msg);

    free(leftover);
    return rc == ERR_NONE ? dir_remove(pull->staging, msg) : rc;
}

/* ERR_REFUSED for what an operator must look at; what an operator wants so is no error. */
static enum err judge(const struct pulling *pull, enum root_hold hold, struct errmsg *msg)
{
    if (hold == HOLD_OLDER) {
        return err_wrap(msg, ERR_REFUSED, "release %s of %s", pull->name,
                        transport_name(pull->source));
    }
    if (hold == HOLD_REFUSED && !pull->options->again) {
        return err_wrap(msg, ERR_REFUSED, "release %s of %s is not fetched again without --again",
                        pull->name, transport_name(pull->source));
    }
    return ERR_NONE;
}

/* CURRENT is the manifest of the current release, NULL without one. */
static enum err bring_and_activate(struct pulling *pull, const struct manifest *current,
                                   struct errmsg *msg)
{
    enum err rc = believe(pull, msg);

    if (rc == ERR_NONE) {
        rc = check_foreign(pull, current, msg);
    }
    if (rc == ERR_NONE) {
        rc = bring_here(pull, msg);
    }
    if (rc == ERR_NONE && !pull->result->is_held) {
        rc = activate(pull, msg);
    }
    return rc;
}

/* A release that is not to be activated is fetched only for a pin, which ends one day. */
static enum err follow_new(struct pulling *pull, const struct manifest *current, struct errmsg *msg)
{
    enum root_hold hold = HOLD_NONE;
    bool is_wanted_here = true;
    enum err rc = root_holds(pull->options->root, pull->manifest->number,
                             pull->manifest->content_hash, &hold, msg);

    if (rc == ERR_NONE) {
        rc = judge(pull, hold, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    if (hold == HOLD_ROLLED_BACK || hold == HOLD_PINNED) {
        pull->result->is_held = true;
        pull->result->reason = *msg;
        is_wanted_here = hold == HOLD_PINNED && !file_exists(pull->dir);
    }
    return is_wanted_here ? bring_and_activate(pull, current, msg) : tidy(pull, msg);
}

static enum err follow(struct pulling *pull, struct errmsg *msg)
{
    struct manifest *current = current_manifest(pull->options->root);
    enum err rc;

    pull->result->is_current = is_wanted(pull, current);
    rc = pull->result->is_current ? tidy(pull, msg) : follow_new(pull, current, msg);
    if (rc == ERR_NONE) {
        retire(pull);
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
    transport_close(pull.source);
    return rc;
}
