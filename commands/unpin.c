#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands/commands.h"
#include "replica/release.h"
#include "replica/root.h"

struct unpin_arguments {
    const char *root;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct unpin_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_END,
};

/* What was made meanwhile waits for a wish, or for the next build. */
static enum err print_newer(const char *root, struct errmsg *msg)
{
    uint64_t *numbers = NULL;
    unsigned count = 0;
    uint64_t current;
    char name[RELEASE_NAME_MAX];
    enum err rc = root_releases(root, &numbers, &count, msg);

    if (rc == ERR_NONE && count > 0 && root_current_number(root, &current) &&
        numbers[count - 1] > current) {
        printf("release %s is newer; `vitrine activate --root %s %" PRIu64 "` serves it\n",
               release_name(name, numbers[count - 1]), root, numbers[count - 1]);
    }
    free(numbers);
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct unpin_arguments *given = data;
    bool was_pinned = false;
    uint64_t number = 0;
    char name[RELEASE_NAME_MAX];
    enum err rc = root_unpin(given->root, &was_pinned, &number, msg);

    (void)arguments;
    if (rc == ERR_NONE && was_pinned) {
        printf("release %s is pinned no longer\n", release_name(name, number));
        rc = print_newer(given->root, msg);
    } else if (rc == ERR_NONE) {
        printf("the root was not pinned\n");
    }
    return rc;
}

const struct command command_unpin = {
    .name = "unpin",
    .usage = "--root DIR",
    .about = "ends the pin: builds activate their releases again",
    .options = options,
    .given_size = sizeof(struct unpin_arguments),
    .work = work,
};
