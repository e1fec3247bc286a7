/*
 * vitrine repair: replaces the damaged files of a release by good copies from another root.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/options.h"
#include "commands/commands.h"
#include "commands/walk.h"
#include "commands/which_release.h"

struct repair_arguments {
    const char *root;
    const char *from;
    const char *release;
    int64_t rate;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct repair_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_REQUIRED("from", "DIR", struct repair_arguments, from,
                    "the root that good files are copied from"),
    OPTION_TEXT("release", "N", NULL, struct repair_arguments, release,
                "which release; by default the current one"),
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

/* The manifest holds its own checksum; all else may be damaged or gone. */
static enum err repair(const struct repair_arguments *given, struct errmsg *msg)
{
    struct repair_source source = {.fetch = repair_from_root, .context = (char *)given->from};
    struct manifest *manifest = NULL;
    struct walk_found found;
    char *dir = NULL;
    char *path = NULL;
    enum err rc = which_release_dir(given->root, given->release, &dir, msg);

    if (rc == ERR_NONE) {
        path = path_join(dir, "manifest.json");
        rc = manifest_read(path, &manifest, msg);
    }
    if (rc == ERR_NONE) {
        rc = walk_release(dir, manifest, "repair", (uint64_t)given->rate, &source, &found, msg);
    }
    if (rc == ERR_NONE) {
        rc = conclude(dir, manifest, &found, msg);
    }
    manifest_free(manifest);
    free(path);
    free(dir);
    return rc;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct repair_arguments given;
    struct arguments arguments;
    struct errmsg msg;
    bool done;
    int code = options_begin(command, argc, argv, &given, &arguments, &done);

    if (done) {
        return code;
    }
    return options_end(command, repair(&given, &msg), &msg);
}

const struct command command_repair = {
    .name = "repair",
    .usage = "--root DIR --from DIR [--release N] [--rate RATE]",
    .about = "replaces the damaged files of a release by good ones from another root",
    .description =
        "Reads the release from the disk and compares every page with its hash. A damaged file is "
        "copied from any release of the other root that has the same one, compared with the "
        "manifest, and renamed into place. Such files may be replaced while they are served.",
    .options = options,
    .gives_way = true,
    .run = run,
};
