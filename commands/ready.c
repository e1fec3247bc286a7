#include "commands/ready.h"

#include <inttypes.h>
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

static enum err warm(const struct release *release, int64_t warm_bytes, struct errmsg *msg)
{
    struct warmed warmed;
    enum err rc = warm_release(release, (uint64_t)warm_bytes, &warmed, msg);

    if (rc == ERR_NONE) {
        log_info("release_warmed", "release=%s bytes=%" PRIu64 " read=%" PRIu64 " ms=%" PRId64,
                 name_of(release), warmed.bytes, warmed.read_bytes, warmed.elapsed_ms);
    }
    return rc;
}

/* The damage is what is told, whether or not it could be written down. */
static void remember(const char *root, const char *dir, const struct errmsg *reason)
{
    struct errmsg msg;

    if (root_refuse(root, dir, reason->text, &msg) != ERR_NONE) {
        log_warn("state_not_written", "root=%s reason=\"%s\"", root, msg.text);
    }
}

enum err ready_release(const char *root, const char *number, int64_t warm_bytes,
                       struct release **out, uint64_t *out_number, struct errmsg *msg)
{
    struct release *release = NULL;
    char *dir = NULL;
    enum err rc = which_release_dir(root, number, &dir, msg);

    if (rc == ERR_NONE) {
        rc = release_open(dir, true, &release, msg);
    }
    if (rc == ERR_CORRUPT) {
        remember(root, dir, msg);
    }
    if (rc == ERR_NONE && warm_bytes > 0) {
        rc = warm(release, warm_bytes, msg);
    }
    if (rc == ERR_NONE && !release_number(name_of(release), out_number)) {
        rc = err_set(msg, ERR_NOT_FOUND, "%s is no release of %s", dir, root);
    }
    free(dir);
    if (rc != ERR_NONE) {
        release_drop(release);
        return rc;
    }
    *out = release;
    return ERR_NONE;
}
