#include "commands/ready.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "commands/which_release.h"
#include "replica/root.h"
#include "replica/warm.h"

/* The name of its folder, which is the number that it is asked for by. */
static const char *name_of(const struct release *release)
{
    return strrchr(release->dir, '/') + 1; /* ROOT/releases/NAME */
}

/* The damage is what is told, whether or not it could be written down. */
static void remember(const char *root, const char *dir, const struct errmsg *reason)
{
    struct errmsg msg;

    if (root_refuse(root, dir, reason->text, &msg) != ERR_NONE) {
        log_warn("state_not_written", "root=%s reason=\"%s\"", root, msg.text);
    }
}

/* The definition that is served now, on the heap; NULL when nothing is, or nothing that is readable. */
static char *current_definition(const char *root)
{
    const struct release_check check = {.verify = false};
    struct manifest *manifest = NULL;
    struct errmsg ignored;
    char *dir = NULL;
    char *name = NULL;

    if (root_current(root, &dir, &ignored) == ERR_NONE &&
        release_read_manifest(dir, &check, &manifest, &ignored) == ERR_NONE) {
        name = memory_copy_str(manifest->definition_name.ptr);
    }
    manifest_free(manifest);
    free(dir);
    return name;
}

/* Opens the release in DIR when it passes everything. */
static enum err open_checked(const struct ready_arguments *given, const char *dir,
                             struct release **out, struct errmsg *msg)
{
    char *definition = given->allow_foreign ? NULL : current_definition(given->root);
    struct trust trust;
    struct release_check check = {
        .verify = true, .trust = &trust, .root = given->root, .definition_name = definition};
    enum err rc = trust_from_options(&given->trust, &trust, msg);

    if (rc == ERR_NONE) {
        rc = release_open(dir, &check, out, msg);
        if (rc == ERR_CORRUPT) {
            remember(given->root, dir, msg);
        }
    }
    free(definition);
    return rc;
}

enum err ready_release(const struct ready_arguments *given, const char *number,
                       struct release **out, uint64_t *out_number, struct errmsg *msg)
{
    struct release *release = NULL;
    char *dir = NULL;
    enum err rc = which_release_dir(given->root, number, &dir, msg);

    if (rc == ERR_NONE) {
        rc = open_checked(given, dir, &release, msg);
    }
    if (rc == ERR_NONE) {
        rc = warm_ahead(release, (uint64_t)given->warm_bytes, msg);
    }
    if (rc == ERR_NONE && !release_number(name_of(release), out_number)) {
        rc = err_set(msg, ERR_NOT_FOUND, "%s is no release of %s", dir, given->root);
    }
    free(dir);
    if (rc != ERR_NONE) {
        release_drop(release);
        return rc;
    }
    *out = release;
    return ERR_NONE;
}
