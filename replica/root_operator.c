/* What an operator asks of a root: activate, roll back, pin, unpin. */
#include <stdlib.h>
#include <string.h>

#include "replica/release.h"
#include "replica/root.h"
#include "replica/root_inside.h"

/* Its content is wanted again, also when it was rolled back under another number. */
static enum err forget(struct change *change, uint64_t number, struct errmsg *msg)
{
    const struct root_mark *twin;
    uint64_t hash;
    enum err rc = root_content(change->root, number, &hash, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    root_state_remove(&change->state, number, hash);
    root_state_remove(&change->state, number, 0);
    while ((twin = root_state_rolled_back(&change->state, hash)) != NULL) {
        root_state_remove(&change->state, twin->number, hash);
    }
    return ERR_NONE;
}

enum err root_activate(const char *root, uint64_t number, struct errmsg *msg)
{
    struct change change;
    enum err rc = change_begin(&change, root, msg);

    if (rc == ERR_NONE) {
        rc = change_check_pin(&change, number, msg);
    }
    if (rc == ERR_NONE) {
        rc = forget(&change, number, msg);
    }
    if (rc == ERR_NONE) {
        rc = change_commit(&change, &number, msg);
    }
    change_end(&change);
    return rc;
}

static enum err check_current(const char *root, uint64_t number, struct errmsg *msg)
{
    char *expected = root_release_dir(root, number);
    char *dir = NULL;
    char name[RELEASE_NAME_MAX];
    enum err rc = root_current(root, &dir, msg);

    if (rc == ERR_NOT_FOUND || (rc == ERR_NONE && strcmp(dir, expected) != 0)) {
        rc = err_set(msg, ERR_REFUSED,
                     "release %s is the current one no longer; `vitrine releases --root %s` shows "
                     "what is",
                     release_name(name, number), root);
    }
    free(dir);
    free(expected);
    return rc;
}

enum err root_roll_back(const char *root, uint64_t from, uint64_t to, const char *reason,
                        struct errmsg *msg)
{
    struct change change;
    enum err rc = change_begin(&change, root, msg);

    if (rc == ERR_NONE) {
        rc = check_current(root, from, msg);
    }
    if (rc == ERR_NONE) {
        rc = change_check_pin(&change, to, msg);
    }
    if (rc == ERR_NONE) {
        rc = forget(&change, to, msg);
    }
    if (rc == ERR_NONE) {
        rc = change_mark(&change, MARK_ROLLED_BACK, from, reason, msg);
    }
    if (rc == ERR_NONE) {
        rc = change_commit(&change, &to, msg);
    }
    change_end(&change);
    return rc;
}

enum err root_pin(const char *root, uint64_t number, struct errmsg *msg)
{
    struct change change;
    uint64_t current;
    enum err rc = change_begin(&change, root, msg);

    if (rc == ERR_NONE && !(root_current_number(root, &current) && current == number)) {
        rc = forget(&change, number, msg);
    }
    if (rc == ERR_NONE) {
        change.state.is_pinned = true;
        change.state.pinned = number;
        rc = change_commit(&change, &number, msg);
    }
    change_end(&change);
    return rc;
}

enum err root_unpin(const char *root, bool *was_pinned, uint64_t *number, struct errmsg *msg)
{
    struct change change;
    enum err rc = change_begin(&change, root, msg);

    if (rc == ERR_NONE) {
        bool is_pinned = change.state.is_pinned;

        change.state.is_pinned = false;
        rc = change_commit(&change, NULL, msg);
        if (rc == ERR_NONE) {
            *was_pinned = is_pinned;
            *number = change.state.pinned;
        }
    }
    change_end(&change);
    return rc;
}
