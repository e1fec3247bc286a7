/*
 * vitrine repair: replaces the damaged files of a release by good copies from another root.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/options.h"
#include "commands/commands.h"
#include "commands/repair_options.h"
#include "commands/trust_options.h"
#include "commands/walk.h"
#include "commands/which_release.h"
#include "replica/release.h"

struct repair_arguments {
    const char *root;
    const char *from;
    const char *release;
    const char *ssh;
    int64_t timeout_ms;
    struct option_texts trust;
    int64_t rate;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct repair_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_REQUIRED("from", "SOURCE", struct repair_arguments, from,
                    "the root that good files are fetched from: " REPAIR_SOURCES),
    OPTION_TEXT("release", "N", NULL, struct repair_arguments, release,
                "which release; by default the current one"),
    OPTION_TEXT("ssh", "COMMAND", REPAIR_SSH_DEFAULT, struct repair_arguments, ssh,
                REPAIR_SSH_ABOUT),
    OPTION_DURATION("timeout", "TIME", REPAIR_TIMEOUT_DEFAULT, struct repair_arguments, timeout_ms,
                    REPAIR_TIMEOUT_ABOUT),
    OPTION_TEXTS("trust", "PUB", struct repair_arguments, trust, TRUST_ABOUT),
    OPTION_SIZE("rate", "RATE", "0", struct repair_arguments, rate,
                "read so many bytes a second; 0 reads as fast as it goes"),
    OPTION_END,
};

/* What was found, in a sentence; an error when damage is left. */
static enum err conclude(const char *dir, const struct manifest *manifest,
                         const struct walk_found *found, struct errmsg *msg)
{
    if (found->failed_count > 0) {
        return err_set(msg, ERR_CORRUPT, "%s: %u damaged files could not be replaced", dir,
                       found->failed_count);
    }
    printf("%s: %u of %u files replaced\n", dir, found->repaired_count, manifest->file_count);
    if (found->repaired_count > 0) {
        printf("a service that has it open goes on with the damaged files until SIGHUP\n");
    }
    return ERR_NONE;
}

/* The manifest, which must be trusted, holds its own checksum; all else may be damaged or gone. */
static enum err repair_from(const struct repair_arguments *given,
                            const struct repair_source *source, struct errmsg *msg)
{
    struct trust trust;
    struct release_check check = {.trust = &trust, .root = given->root};
    struct manifest *manifest = NULL;
    struct walk_found found;
    char *dir = NULL;
    enum err rc = trust_from_options(&given->trust, &trust, msg);

    if (rc == ERR_NONE) {
        rc = which_release_dir(given->root, given->release, &dir, msg);
    }
    if (rc == ERR_NONE) {
        rc = release_read_manifest(dir, &check, &manifest, msg);
    }
    if (rc == ERR_NONE) {
        rc = repair_remove_rest(dir, msg); /* when there is nothing to repair any more */
    }
    if (rc == ERR_NONE) {
        rc = walk_release(dir, manifest, "repair", (uint64_t)given->rate, source, &found, msg);
    }
    if (rc == ERR_NONE) {
        rc = conclude(dir, manifest, &found, msg);
    }
    manifest_free(manifest);
    free(dir);
    return rc;
}

static enum err repair(const struct repair_arguments *given, struct errmsg *msg)
{
    struct repair_options from;
    enum err rc =
        repair_options_read(given->from, given->ssh, given->timeout_ms, "--timeout", &from, msg);

    if (rc == ERR_NONE) {
        rc = repair_from(given, &from.source, msg);
    }
    repair_options_free(&from);
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct repair_arguments *given = data;

    (void)arguments;
    return repair(given, msg);
}

const struct command command_repair = {
    .name = "repair",
    .usage = "--root DIR --from SOURCE [options]",
    .about = "replaces the damaged files of a release by good ones from another root",
    .description =
        "Reads the release from the disk and compares every page with its hash. A damaged file is "
        "fetched from the same release of the other root, or, when that is a path, from any of its "
        "releases that has the same file; it is compared with the manifest and renamed into place. "
        "Such files may be replaced while they are served.",
    .options = options,
    .gives_way = true,
    .given_size = sizeof(struct repair_arguments),
    .work = work,
};
