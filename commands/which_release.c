#include "commands/which_release.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/number.h"
#include "replica/root.h"

enum err which_release_dir(const char *root, const char *number, char **dir, struct errmsg *msg)
{
    char name[RELEASE_NAME_MAX];
    int64_t value;
    char *path;

    if (number == NULL) {
        return root_current(root, dir, msg);
    }
    if (!parse_integer(slice_str(number), &value) || value < 0) {
        return err_set(msg, ERR_USAGE, "\"%s\" is not the number of a release", number);
    }
    path = root_release_dir(root, (uint64_t)value);
    if (!file_exists(path)) {
        free(path);
        return err_set(msg, ERR_NOT_FOUND,
                       "%s has no release %s; `vitrine releases --root %s` lists them", root,
                       release_name(name, (uint64_t)value), root);
    }
    *dir = path;
    return ERR_NONE;
}

enum err which_release(const char *root, const char *number, const struct release_check *check,
                       struct release **out, struct errmsg *msg)
{
    char *dir = NULL;
    enum err rc = which_release_dir(root, number, &dir, msg);

    if (rc == ERR_NONE) {
        rc = release_open(dir, check, out, msg);
    }
    free(dir);
    return rc;
}
