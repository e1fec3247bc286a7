#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/which_release.h"

struct activate_arguments {
    const char *root;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct activate_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_END,
};

static int run(const struct command *command, int argc, char **argv)
{
    struct activate_arguments given;
    struct arguments arguments;
    struct release *release = NULL;
    struct errmsg msg;
    bool done;
    enum err rc;
    int code = options_begin(command, argc, argv, &given, &arguments, &done);

    if (done) {
        return code;
    }
    rc = which_release(given.root, arguments.items[0], true, &release, &msg);
    if (rc == ERR_NONE) {
        const char *name = strrchr(release->dir, '/') + 1; /* ROOT/releases/NAME */

        rc = root_activate(given.root, name, &msg);
        if (rc == ERR_NONE) {
            printf("release %s is active\n", name);
        }
    }
    release_drop(release);
    return options_end(command, rc, &msg);
}

const struct command command_activate = {
    .name = "activate",
    .usage = "--root DIR N",
    .about = "verifies release N and makes it the one that is served",
    .options = options,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
