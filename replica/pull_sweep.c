/* What killed pulls left in ROOT/.pull. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "replica/pull_inside.h"

enum { TEMPORARY_SUFFIX = 6 }; /* random characters of a file that is being written */

/*
 * Of rsync: .NAME.XXXXXX and the folder of what arrived in part; of rclone since 1.63:
 * NAME.XXXXXXXX.partial; of file_write: NAME.XXXXXX.
 */
static bool is_temporary(const char *name)
{
    const char *dot = strrchr(name, '.');

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || dot == NULL) {
        return false;
    }
    return name[0] == '.' || strcmp(dot, TRANSPORT_PARTIAL_DIR) == 0 ||
           strlen(dot + 1) == TEMPORARY_SUFFIX;
}

enum err pull_sweep(const char *root, struct errmsg *msg)
{
    char *scratch = path_join(root, ".pull");
    DIR *dir = opendir(scratch);
    enum err rc = dir == NULL ? err_sys(msg, errno, "read the folder %s", scratch) : ERR_NONE;
    struct dirent *entry;

    while (rc == ERR_NONE && (entry = readdir(dir)) != NULL) {
        char *path = path_join(scratch, "%s", entry->d_name);

        if (is_temporary(entry->d_name)) {
            rc = dir_remove(path, msg);
        }
        free(path);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    free(scratch);
    return rc;
}
