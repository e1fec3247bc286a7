#include <stdio.h>

#include "commands/commands.h"
#include "commands/which_release.h"
#include "replica/reader.h"

struct verify_arguments {
    const char *root;
    const char *release;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct verify_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_TEXT("release", "N", NULL, struct verify_arguments, release,
                "which release; by default the current one"),
    OPTION_END,
};

static int run(const struct command *command, int argc, char **argv)
{
    struct verify_arguments given;
    struct arguments arguments;
    struct release *release = NULL;
    struct reader *reader = NULL;
    struct errmsg msg;
    bool done;
    enum err rc;
    int code = options_begin(command, argc, argv, &given, &arguments, &done);

    if (done) {
        return code;
    }
    rc = which_release(given.root, given.release, true, &release, &msg);
    if (rc == ERR_NONE) {
        rc = reader_open(release, &reader, &msg);
    }
    if (rc == ERR_NONE) {
        printf("%s: %u files verified\n", release->dir, release->manifest->file_count);
    }
    reader_close(reader);
    release_drop(release);
    return options_end(command, rc, &msg);
}

const struct command command_verify = {
    .name = "verify",
    .usage = "--root DIR [--release N]",
    .about = "checks every page of a release against its hashes",
    .options = options,
    .run = run,
};
