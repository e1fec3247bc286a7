#include "commands/default_definition.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

static const char *const beside_program[] = {
    "../../assets/atelier/definition.yaml",
    "../share/vitrine/assets/atelier/definition.yaml",
};

/* The folder of the running program; false when it cannot be told. */
static bool program_dir(char *dir, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", dir, size - 1);
    char *slash;

    if (len < 0) {
        return false;
    }
    dir[len] = '\0';
    slash = strrchr(dir, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* PATH without its "..", on the heap, or NULL when there is no such file; frees PATH. */
static char *resolve(char *path)
{
    char *resolved = realpath(path, NULL);

    free(path);
    return resolved;
}

static char *default_definition(void)
{
    char dir[PATH_MAX];

    if (program_dir(dir, sizeof dir)) {
        for (size_t i = 0; i < sizeof beside_program / sizeof beside_program[0]; i++) {
            char *found = resolve(path_join(dir, "%s", beside_program[i]));

            if (found != NULL) {
                return found;
            }
        }
    }
    return resolve(path_join(".", "assets/atelier/definition.yaml"));
}

enum err definition_path(const char *given, char **path, struct errmsg *msg)
{
    char *found = given != NULL ? memory_copy_str(given) : default_definition();

    if (found == NULL) {
        return err_set(msg, ERR_USAGE,
                       "no definition comes along with this program; name one with "
                       "--definition FILE");
    }
    *path = found;
    return ERR_NONE;
}
