/* What happens in a root by itself: a release is offered, refused, forgiven. */
#include <stdlib.h>
#include <string.h>

#include "replica/release.h"
#include "replica/root.h"
#include "replica/root_inside.h"

/* Whether release NUMBER must not be activated by itself; then WHY says the reason. */
static bool is_held(const struct change *change, uint64_t number, uint64_t hash, struct errmsg *why)
{
    const struct root_mark *there = root_state_mark(&change->state, number, hash);
    char name[24];

    if (change_check_pin(change, number, why) != ERR_NONE) {
        return true;
    }
    if (there != NULL) {
        err_set(why, ERR_REFUSED, "it was %s: %.*s", mark_name(there->kind),
                SLICE_ARG(there->reason));
        return true;
    }
    there = root_state_rolled_back(&change->state, hash);
    if (there != NULL) {
        err_set(why, ERR_REFUSED, "it holds the same as release %s, which was rolled back: %.*s",
                release_name(name, there->number), SLICE_ARG(there->reason));
    }
    return there != NULL;
}

/* What holds a release cannot be known without its content. */
static enum err know_content(const char *root, uint64_t number, uint64_t *hash, struct errmsg *msg)
{
    char name[24];
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
        bool held = is_held(&change, number, hash, msg);

        rc = held ? ERR_NONE : change_commit(&change, &number, msg);
        if (rc == ERR_NONE) {
            *is_active = !held;
        }
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
