/* What happens in a root by itself: a release is offered, refused, forgiven. */
#include <stdlib.h>
#include <string.h>

#include "replica/release.h"
#include "replica/root.h"
#include "replica/root_inside.h"

/* Why release NUMBER must not be activated by itself; WHY says the reason. */
static enum root_hold find_hold(const struct change *change, uint64_t number, uint64_t hash,
                                struct errmsg *why)
{
    const struct root_mark *there = root_state_mark(&change->state, number, hash);
    const struct root_mark *twin = root_state_rolled_back(&change->state, hash);
    uint64_t current;
    bool is_current = root_current_number(change->root, &current) && current == number;
    char name[RELEASE_NAME_MAX];

    if (there != NULL) {
        err_set(why, ERR_REFUSED, "it was %s: %.*s", mark_name(there->kind),
                SLICE_ARG(there->reason));
        return there->kind == MARK_REFUSED ? HOLD_REFUSED : HOLD_ROLLED_BACK;
    }
    if (twin != NULL) {
        err_set(why, ERR_REFUSED, "it holds the same as release %s, which was rolled back: %.*s",
                release_name(name, twin->number), SLICE_ARG(twin->reason));
        return HOLD_ROLLED_BACK;
    }
    if (!is_current && number < change_highest(change)) {
        err_set(why, ERR_REFUSED, "it is older than release %s, which was active here",
                release_name(name, change_highest(change)));
        return HOLD_OLDER;
    }
    return change_check_pin(change, number, why) == ERR_NONE ? HOLD_NONE : HOLD_PINNED;
}

/* What holds a release cannot be known without its content. */
static enum err know_content(const char *root, uint64_t number, uint64_t *hash, struct errmsg *msg)
{
    char name[RELEASE_NAME_MAX];
    enum err rc = root_content(root, number, hash, msg);

    if (rc == ERR_NONE && *hash == 0) {
        rc = err_set(msg, ERR_CORRUPT, "the manifest of release %s is damaged or missing",
                     release_name(name, number));
    }
    return rc;
}

enum err root_offer(const char *root, uint64_t number, bool *is_active, struct errmsg *msg)
{
    struct change change;
    uint64_t hash = 0;
    enum err rc = change_begin(&change, root, msg);

    if (rc == ERR_NONE) {
        rc = know_content(root, number, &hash, msg);
    }
    if (rc == ERR_NONE) {
        enum root_hold hold = find_hold(&change, number, hash, msg);

        rc = hold == HOLD_NONE ? change_commit(&change, &number, msg) : ERR_NONE;
        if (rc == ERR_NONE) {
            *is_active = hold == HOLD_NONE;
        }
    }
    change_end(&change);
    return rc;
}

enum err root_holds(const char *root, uint64_t number, uint64_t content_hash, enum root_hold *hold,
                    struct errmsg *msg)
{
    struct change change;
    enum err rc = change_begin(&change, root, msg);

    if (rc == ERR_NONE) {
        *hold = find_hold(&change, number, content_hash, msg);
    }
    change_end(&change);
    return rc;
}

/* The number of the release in DIR; false when that is no folder of ROOT/releases. */
static bool number_of(const char *root, const char *dir, uint64_t *number)
{
    const char *slash = strrchr(dir, '/');
    char *expected = NULL;
    bool is_ours = false;

    if (slash != NULL && release_number(slash + 1, number)) {
        expected = root_release_dir(root, *number);
        is_ours = strcmp(expected, dir) == 0;
    }
    free(expected);
    return is_ours;
}

enum err root_refuse(const char *root, const char *dir, const char *reason, struct errmsg *msg)
{
    struct change change;
    uint64_t number;
    enum err rc;

    if (!number_of(root, dir, &number)) {
        return ERR_NONE;
    }
    rc = change_begin(&change, root, msg);
    if (rc == ERR_NONE) {
        rc = change_mark(&change, MARK_REFUSED, number, reason, msg);
    }
    if (rc == ERR_NONE) {
        rc = change_commit(&change, NULL, msg);
    }
    change_end(&change);
    return rc;
}

enum err root_refuse_content(const char *root, uint64_t number, uint64_t content_hash,
                             const char *reason, struct errmsg *msg)
{
    struct change change;
    enum err rc = change_begin(&change, root, msg);

    if (rc == ERR_NONE) {
        change_mark_content(&change, MARK_REFUSED, number, content_hash, reason);
        rc = change_commit(&change, NULL, msg);
    }
    change_end(&change);
    return rc;
}

enum err root_forgive(const char *root, const char *dir, struct errmsg *msg)
{
    struct change change;
    uint64_t hashes[2] = {0, 0}; /* as it is, and as it was with a damaged manifest */
    uint64_t number;
    enum err rc;

    if (!number_of(root, dir, &number)) {
        return ERR_NONE;
    }
    rc = change_begin(&change, root, msg);
    if (rc == ERR_NONE) {
        rc = root_content(root, number, &hashes[0], msg);
    }
    for (unsigned i = 0; rc == ERR_NONE && i < 2; i++) {
        const struct root_mark *there = root_state_mark(&change.state, number, hashes[i]);

        if (there != NULL && there->kind == MARK_REFUSED) {
            root_state_remove(&change.state, number, hashes[i]);
        }
    }
    if (rc == ERR_NONE) {
        rc = change_commit(&change, NULL, msg);
    }
    change_end(&change);
    return rc;
}
