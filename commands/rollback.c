#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "commands/commands.h"
#include "commands/ready.h"
#include "replica/root.h"
#include "replica/root_state.h"

struct rollback_arguments {
    struct ready_arguments ready;
    const char *to;
    const char *reason;
};

static const struct option options[] = {
    READY_OPTIONS(struct rollback_arguments),
    OPTION_TEXT("to", "N", NULL, struct rollback_arguments, to,
                "which release; by default the newest before the current one that was neither "
                "refused nor rolled back"),
    OPTION_TEXT("reason", "TEXT", "by an operator", struct rollback_arguments, reason,
                "why, for those who look at the list of releases"),
    OPTION_END,
};

static enum err find_current(const char *root, uint64_t *number, struct errmsg *msg)
{
    char *dir = NULL;
    enum err rc = root_current(root, &dir, msg);

    if (rc == ERR_NONE && !root_current_number(root, number)) {
        rc = err_set(msg, ERR_NOT_FOUND,
                     "%s/current leads to %s, which is no release of this root; `vitrine activate` "
                     "chooses one",
                     root, dir);
    }
    free(dir);
    return rc;
}

static enum err nothing_earlier(const char *root, uint64_t from, struct errmsg *msg)
{
    char name[RELEASE_NAME_MAX];

    return err_set(msg, ERR_NOT_FOUND,
                   "%s: no release before %s can be activated; `vitrine releases --root %s` says "
                   "why, --to N tries one all the same",
                   root, release_name(name, from), root);
}

/*
 * Readies release NUMBER, unless it was put aside, is damaged, or not trusted: *RELEASE stays NULL then.
 */
static enum err try_release(const struct rollback_arguments *given, const struct root_state *state,
                            uint64_t number, struct release **release, struct errmsg *msg)
{
    char name[RELEASE_NAME_MAX];
    uint64_t hash;
    enum err rc = root_content(given->ready.root, number, &hash, msg);

    if (rc != ERR_NONE || root_state_mark(state, number, hash) != NULL) {
        return rc;
    }
    release_name(name, number);
    rc = ready_release(&given->ready, name, release, &number, msg);
    if (rc == ERR_CORRUPT || rc == ERR_REFUSED) {
        log_warn("release_refused", "release=%s reason=\"%s\"", name, msg->text);
        rc = ERR_NONE;
    }
    return rc;
}

/* The newest before FROM that is whole, trusted, and was not put aside. */
static enum err ready_earlier(const struct rollback_arguments *given, uint64_t from,
                              struct release **release, uint64_t *to, struct errmsg *msg)
{
    struct root_state state;
    uint64_t *numbers = NULL;
    unsigned count = 0;
    enum err rc = root_state_read(given->ready.root, &state, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    rc = root_releases(given->ready.root, &numbers, &count, msg);
    for (unsigned i = count; rc == ERR_NONE && *release == NULL && i-- > 0;) {
        *to = numbers[i];
        if (*to < from) {
            rc = try_release(given, &state, *to, release, msg);
        }
    }
    free(numbers);
    root_state_free(&state);
    return rc == ERR_NONE && *release == NULL ? nothing_earlier(given->ready.root, from, msg) : rc;
}

static enum err ready_named(const struct rollback_arguments *given, uint64_t from,
                            struct release **release, uint64_t *to, struct errmsg *msg)
{
    char name[RELEASE_NAME_MAX];
    enum err rc = ready_release(&given->ready, given->to, release, to, msg);

    if (rc == ERR_NONE && *to >= from) {
        rc = err_set(msg, ERR_USAGE,
                     "--to: release %s is not before the current one; `vitrine activate` takes any",
                     release_name(name, *to));
    }
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct rollback_arguments *given = data;
    struct release *release = NULL;
    uint64_t from = 0;
    uint64_t to = 0;
    char name[RELEASE_NAME_MAX];
    enum err rc = find_current(given->ready.root, &from, msg);

    (void)arguments;
    if (rc == ERR_NONE) {
        rc = given->to != NULL ? ready_named(given, from, &release, &to, msg)
                               : ready_earlier(given, from, &release, &to, msg);
    }
    if (rc == ERR_NONE) {
        rc = root_roll_back(given->ready.root, from, to, given->reason, msg);
    }
    if (rc == ERR_NONE) {
        printf("release %s is active\n", release_name(name, to));
        printf("release %s is rolled back and not activated again by itself\n",
               release_name(name, from));
    }
    release_drop(release);
    return rc;
}

const struct command command_rollback = {
    .name = "rollback",
    .usage = "--root DIR [--to N] [--reason TEXT] [options]",
    .about = "goes back to an earlier release and remembers the one that is left",
    .description = "The earlier release is verified and brought into memory first. Neither the one "
                   "that is left nor another one with the same content is activated again by "
                   "itself; a newer one with other content is. To stay on a release, pin it.",
    .options = options,
    .gives_way = true,
    .given_size = sizeof(struct rollback_arguments),
    .work = work,
};
