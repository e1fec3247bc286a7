#include "commands/default_definition.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"

static const char *const beside_program[] = {
    "../../assets/atelier/definition.yaml",
    "../share/vitrine/assets/atelier/definition.yaml",
};

/* The folder of the running program, on the heap; NULL when it cannot be told. */
static char *program_dir(void)
{
    char *path = link_read("/proc/self/exe");
    char *slash = path == NULL ? NULL : strrchr(path, '/');

    if (slash != NULL) {
        *slash = '\0';
    }
    return path;
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
    char *dir = program_dir();
    char *found = NULL;

    for (size_t i = 0;
         dir != NULL && found == NULL && i < sizeof beside_program / sizeof beside_program[0];
         i++) {
        found = resolve(path_join(dir, "%s", beside_program[i]));
    }
    free(dir);
    return found != NULL ? found : resolve(path_join(".", "assets/atelier/definition.yaml"));
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

enum err definition_advise(const char *given, enum err rc, struct errmsg *msg)
{
    if (given == NULL && (rc == ERR_SOURCE || rc == ERR_INPUT)) {
        return err_wrap(msg, rc, "with the definition of the example, as --definition is missing");
    }
    return rc;
}
