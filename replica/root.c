#include "replica/root.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "replica/release.h"
#include "replica/root_state.h"

enum err root_current(const char *root, char **dir, struct errmsg *msg)
{
    char *link = path_join(root, "current");
    char *target = link_read(link);
    int errnum = errno;

    free(link);
    if (target == NULL) {
        if (errnum == ENOENT) {
            return err_set(msg, ERR_NOT_FOUND,
                           "%s: no release is active here; `vitrine build --root %s` makes one",
                           root, root);
        }
        return errnum == EINVAL
                   ? err_set(msg, ERR_SYSTEM, "%s/current is no symbolic link; move it away", root)
                   : err_sys(msg, errnum, "read the link %s/current", root);
    }
    if (target[0] == '/') {
        *dir = target;
        return ERR_NONE;
    }
    *dir = path_join(root, "%s", target);
    free(target);
    return ERR_NONE;
}

bool root_current_number(const char *root, uint64_t *number)
{
    char *link = path_join(root, "current");
    char *target = link_read(link);
    bool is_ours = target != NULL && strncmp(target, "releases/", 9) == 0 &&
                   release_number(target + 9, number);

    free(target);
    free(link);
    return is_ours;
}

char *root_release_dir(const char *root, uint64_t number)
{
    char name[RELEASE_NAME_MAX];

    return path_join(root, "releases/%s", release_name(name, number));
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* A release is a folder whose name is its number, with a manifest: complete by construction. */
static bool is_release(const char *releases, const char *name, uint64_t *number)
{
    char *manifest;
    bool exists;

    if (!release_number(name, number)) {
        return false;
    }
    manifest = path_join(releases, "%s/manifest.json", name);
    exists = file_exists(manifest);
    free(manifest);
    return exists;
}

/* The next entry, or NULL with errno: 0 at the end. */
static struct dirent *next_entry(DIR *dir)
{
    errno = 0;
    return readdir(dir);
}

enum err root_releases(const char *root, uint64_t **numbers, unsigned *count, struct errmsg *msg)
{
    char *releases = path_join(root, "releases");
    uint64_t *found = NULL;
    unsigned found_count = 0;
    unsigned room = 0;
    enum err rc = ERR_NONE;
    struct dirent *entry;
    DIR *dir = opendir(releases);

    if (dir == NULL && errno != ENOENT) {
        rc = err_sys(msg, errno, "read the folder %s", releases);
        goto out;
    }
    while (dir != NULL && (entry = next_entry(dir)) != NULL) {
        uint64_t number;

        if (!is_release(releases, entry->d_name, &number)) {
            continue;
        }
        if (found_count == room) {
            room = room == 0 ? 16 : room * 2;
            found = memory_realloc(found, room * sizeof *found);
        }
        found[found_count++] = number;
    }
    if (dir != NULL && errno != 0) {
        rc = err_sys(msg, errno, "read the folder %s", releases);
        free(found);
        goto out;
    }
    if (found_count > 0) {
        qsort(found, found_count, sizeof *found, compare_numbers);
    }
    *numbers = found;
    *count = found_count;
out:
    if (dir != NULL) {
        closedir(dir);
    }
    free(releases);
    return rc;
}

/* ---- what is remembered ---- */

/* Whether release NUMBER is not the current one because that is wanted. */
static enum err is_held_back(const char *root, uint64_t number, bool *held, struct errmsg *msg)
{
    struct root_state state;
    uint64_t current;
    uint64_t hash = 0;
    enum err rc = root_content(root, number, &hash, msg);

    if (rc == ERR_NONE) {
        rc = root_state_read(root, &state, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    *held = !(root_current_number(root, &current) && current == number) &&
            (state.is_pinned || root_state_rolled_back(&state, hash) != NULL);
    root_state_free(&state);
    return ERR_NONE;
}

enum err root_held_back(const char *root, char **dir, struct errmsg *msg)
{
    uint64_t *numbers = NULL;
    unsigned count = 0;
    bool held = false;
    enum err rc = root_releases(root, &numbers, &count, msg);

    if (rc == ERR_NONE && count > 0) {
        rc = is_held_back(root, numbers[count - 1], &held, msg);
    }
    if (rc == ERR_NONE && held) {
        *dir = root_release_dir(root, numbers[count - 1]);
    } else if (rc == ERR_NONE) {
        rc = err_set(msg, ERR_NOT_FOUND, "%s: no release is held back", root);
    }
    free(numbers);
    return rc;
}

enum err root_highest(const char *root, uint64_t *number, struct errmsg *msg)
{
    struct root_state state;
    uint64_t current = 0;
    enum err rc = root_state_read(root, &state, msg);

    if (rc == ERR_NONE) {
        bool has_current = root_current_number(root, &current);

        *number = has_current && current > state.highest ? current : state.highest;
        root_state_free(&state);
    }
    return rc;
}

enum err root_content(const char *root, uint64_t number, uint64_t *hash, struct errmsg *msg)
{
    char *dir = root_release_dir(root, number);
    char *path = path_join(dir, MANIFEST_NAME);
    struct manifest *manifest = NULL;
    enum err rc = ERR_NONE;

    *hash = 0;
    if (file_exists(path)) {
        rc = manifest_read(path, &manifest, msg);
    }
    if (rc == ERR_NONE && manifest != NULL) {
        *hash = manifest->content_hash;
    }
    manifest_free(manifest);
    free(path);
    free(dir);
    return rc == ERR_SYSTEM ? rc : ERR_NONE;
}
