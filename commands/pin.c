#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "commands/commands.h"
#include "commands/ready.h"
#include "replica/root.h"

struct pin_arguments {
    struct ready_arguments ready;
};

static const struct option options[] = {
    READY_OPTIONS(struct pin_arguments),
    OPTION_END,
};

/* The current release needs no preparation: *RELEASE stays NULL. */
static enum err choose(const struct pin_arguments *given, const struct arguments *arguments,
                       struct release **release, uint64_t *number, struct errmsg *msg)
{
    const char *text = arguments->count > 0 ? arguments->items[0] : NULL;
    bool has_current = root_current_number(given->ready.root, number);
    char *dir = NULL;
    int64_t wanted;
    enum err rc;

    if (has_current && (text == NULL || (parse_integer(slice_str(text), &wanted) && wanted >= 0 &&
                                         (uint64_t)wanted == *number))) {
        return ERR_NONE;
    }
    if (text != NULL) {
        return ready_release(&given->ready, text, release, number, msg);
    }
    rc = root_current(given->ready.root, &dir, msg);
    if (rc == ERR_NONE) {
        rc = err_set(msg, ERR_NOT_FOUND,
                     "%s/current leads to %s, which is no release of this root; name one",
                     given->ready.root, dir);
    }
    free(dir);
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct pin_arguments *given = data;
    struct release *release = NULL;
    uint64_t number = 0;
    char name[RELEASE_NAME_MAX];
    enum err rc = choose(given, arguments, &release, &number, msg);

    if (rc == ERR_NONE) {
        rc = root_pin(given->ready.root, number, msg);
    }
    if (rc == ERR_NONE) {
        printf("release %s is active and pinned\n", release_name(name, number));
    }
    release_drop(release);
    return rc;
}

const struct command command_pin = {
    .name = "pin",
    .usage = "--root DIR [options] [N]",
    .about = "keeps release N (by default the current one) and stays on it",
    .description = "Another release than the current one is verified and activated first. Builds "
                   "go on making releases, but none is activated and the pinned one is not "
                   "removed, until `vitrine unpin`. A root has one pin; pinning again moves it.",
    .options = options,
    .most_arguments = 1,
    .gives_way = true,
    .given_size = sizeof(struct pin_arguments),
    .work = work,
};
