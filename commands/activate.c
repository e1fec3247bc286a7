#include <stdio.h>

#include "commands/commands.h"
#include "commands/ready.h"
#include "replica/root.h"

struct activate_arguments {
    struct ready_arguments ready;
};

static const struct option options[] = {
    READY_OPTIONS(struct activate_arguments),
    OPTION_END,
};

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct activate_arguments *given = data;
    struct release *release = NULL;
    uint64_t number;
    char name[RELEASE_NAME_MAX];
    enum err rc = ready_release(&given->ready, arguments->items[0], &release, &number, msg);

    if (rc == ERR_NONE) {
        rc = root_activate(given->ready.root, number, msg);
    }
    if (rc == ERR_NONE) {
        printf("release %s is active\n", release_name(name, number));
    }
    release_drop(release);
    return rc;
}

const struct command command_activate = {
    .name = "activate",
    .usage = "--root DIR [options] N",
    .about = "verifies release N and makes it the one that is served",
    .description = "Every page is compared with its hash and the files are brought into memory "
                   "before the link changes. A damaged release is remembered as refused, and what "
                   "was served stays. One that was refused or rolled back before is tried all the "
                   "same, and forgiven when it is whole.",
    .options = options,
    .least_arguments = 1,
    .most_arguments = 1,
    .gives_way = true,
    .given_size = sizeof(struct activate_arguments),
    .work = work,
};
