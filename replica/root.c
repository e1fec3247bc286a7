/* A root: the folder with releases/ and the link to the one that is served. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/number.h"
#include "replica/release.h"

char *release_name(char *name, uint64_t number)
{
    snprintf(name, 24, "%0*" PRIu64, RELEASE_NAME_LEN, number);
    return name;
}

enum err root_current(const char *root, char **dir, struct errmsg *msg)
{
    char *link = path_join(root, "current");
    char target[PATH_MAX];
    ssize_t len = readlink(link, target, sizeof target - 1);
    int errnum = errno;

    free(link);
    if (len < 0) {
        if (errnum == ENOENT) {
            return err_set(msg, ERR_NOT_FOUND,
                           "%s: no release is active here; `vitrine build --root %s` makes one",
                           root, root);
        }
        return errnum == EINVAL
                   ? err_set(msg, ERR_SYSTEM, "%s/current is no symbolic link; move it away", root)
                   : err_sys(msg, errnum, "read the link %s/current", root);
    }
    target[len] = '\0';
    *dir = target[0] == '/' ? memory_copy_str(target) : path_join(root, "%s", target);
    return ERR_NONE;
}

enum err root_activate(const char *root, const char *name, struct errmsg *msg)
{
    char *link = path_join(root, "current");
    char *target = path_join("releases", "%s", name);
    enum err rc = link_replace(target, link, msg);

    free(link);
    free(target);
    return rc;
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
    char again[24];
    int64_t value;
    char *manifest;
    bool exists;

    if (!parse_integer(slice_str(name), &value) || value < 0 ||
        strcmp(release_name(again, (uint64_t)value), name) != 0) {
        return false;
    }
    manifest = path_join(releases, "%s/manifest.json", name);
    exists = file_exists(manifest);
    free(manifest);
    *number = (uint64_t)value;
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
