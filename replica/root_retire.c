/*
 * Retention. A release leaves under its lock by a rename, so that it is never seen in part, and its
 * files are removed after that, so that nobody waits for it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "replica/release.h"
#include "replica/repair.h"
#include "replica/root.h"
#include "replica/root_inside.h"

static const char retiring[] = ".retiring-";

/* Renames release NUMBER, unless a process has it open. The lock ends with the folder's name. */
static enum err retire(const char *root, uint64_t number, struct errmsg *msg)
{
    char *dir = root_release_dir(root, number);
    char *manifest = path_join(dir, MANIFEST_NAME);
    char *away = path_join(root, "releases/%s%" PRIu64, retiring, number);
    enum err rc = ERR_NONE;
    int fd = open(manifest, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        rc = err_sys(msg, errno, "open %s", manifest);
    } else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        rc = dir_remove(away, msg); /* of a release that had this number before */
        if (rc == ERR_NONE) {
            rc = file_rename(dir, away, msg);
        }
    } else if (errno != EWOULDBLOCK) {
        rc = err_sys(msg, errno, "lock %s", manifest);
    }
    if (fd >= 0) {
        close(fd);
    }
    free(away);
    free(manifest);
    free(dir);
    return rc;
}

/* Whether it was refused or rolled back: those are counted apart, or they would push out good ones. */
static enum err is_put_aside(const char *root, const struct root_state *state, uint64_t number,
                             bool *aside, struct errmsg *msg)
{
    uint64_t hash;
    enum err rc = root_content(root, number, &hash, msg);

    if (rc == ERR_NONE) {
        *aside = root_state_mark(state, number, hash) != NULL;
    }
    return rc;
}

/* The newest first. */
static enum err retire_beyond(const char *root, unsigned keep, const struct root_state *state,
                              struct errmsg *msg)
{
    uint64_t *numbers = NULL;
    unsigned count = 0;
    unsigned kept[2] = {0, 0};
    uint64_t current = 0;
    bool has_current = root_current_number(root, &current);
    enum err rc = root_releases(root, &numbers, &count, msg);

    for (unsigned i = count; rc == ERR_NONE && i-- > 0;) {
        uint64_t number = numbers[i];
        bool is_wanted =
            (has_current && number == current) || (state->is_pinned && number == state->pinned);
        bool aside = false;

        rc = is_put_aside(root, state, number, &aside, msg);
        if (rc != ERR_NONE) {
            break;
        }
        if (is_wanted || kept[aside] < keep) {
            kept[aside]++;
        } else {
            rc = retire(root, number, msg);
        }
    }
    free(numbers);
    return rc;
}

/* What was renamed now, and what a kill left: of this, and of a repair. */
static enum err remove_retired(const char *root, struct errmsg *msg)
{
    char *releases = path_join(root, "releases");
    DIR *dir = opendir(releases);
    struct dirent *entry;
    enum err rc = ERR_NONE;

    if (dir == NULL && errno != ENOENT) {
        rc = err_sys(msg, errno, "read the folder %s", releases);
    }
    while (rc == ERR_NONE && dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, retiring, sizeof retiring - 1) == 0) {
            char *path = path_join(releases, "%s", entry->d_name);

            rc = dir_remove(path, msg);
            free(path);
        } else if (strncmp(entry->d_name, REPAIR_PREFIX, strlen(REPAIR_PREFIX)) == 0) {
            char *path = path_join(releases, "%s", entry->d_name + strlen(REPAIR_PREFIX));

            rc = repair_remove_rest(path, msg);
            free(path);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    free(releases);
    return rc;
}

enum err root_retire(const char *root, unsigned keep, struct errmsg *msg)
{
    struct root_state state;
    int lock_fd = -1;
    enum err rc = root_lock(root, &lock_fd, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    rc = root_state_read(root, &state, msg);
    if (rc == ERR_NONE) {
        rc = retire_beyond(root, keep, &state, msg);
        root_state_free(&state);
    }
    close(lock_fd);
    return rc == ERR_NONE ? remove_retired(root, msg) : rc;
}
