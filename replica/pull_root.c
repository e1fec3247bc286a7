#include "replica/pull_root.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "replica/release.h"
#include "replica/root.h"

enum err pull_lock(const char *root, int *fd, struct errmsg *msg)
{
    char *path = path_join(root, ".build-lock");
    int lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    enum err rc = ERR_NONE;

    if (lock_fd < 0) {
        rc = err_sys(msg, errno, "open %s", path);
    } else if (flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK
                 ? err_set(msg, ERR_SYSTEM, "another build or pull is at work in %s", root)
                 : err_sys(msg, errno, "lock %s", path);
        close(lock_fd);
    } else {
        *fd = lock_fd;
    }
    free(path);
    return rc;
}

/* ROOT/.pull/refused-000042-HASH holds the reason. */
static char *refusal_path(const char *root, const struct manifest *manifest)
{
    char name[24];

    return path_join(root, ".pull/refused-%s-%016" PRIx64, release_name(name, manifest->number),
                     manifest->content_hash);
}

enum err pull_check_refused(const char *root, const struct manifest *manifest, struct errmsg *msg)
{
    char *path = refusal_path(root, manifest);
    struct buffer reason;
    enum err rc = ERR_NONE;

    buffer_init(&reason, sizeof(struct errmsg));
    if (file_exists(path)) {
        rc = file_read(path, &reason, msg);
    }
    if (rc == ERR_NONE && file_exists(path)) {
        rc = err_set(msg, ERR_REFUSED, "it was refused before (%s); remove %s to try it again",
                     buffer_str(&reason), path);
    }
    buffer_free(&reason);
    free(path);
    return rc;
}

void pull_refuse(const char *root, const struct manifest *manifest, const char *reason)
{
    struct errmsg msg;
    char *path = refusal_path(root, manifest);

    if (file_write(path, slice_str(reason), &msg) != ERR_NONE) {
        log_warn("refusal_not_kept", "reason=\"%s\"", msg.text);
    }
    free(path);
}

/* The folder of a removed release passes through .leftover: it is never seen in part. */
static enum err remove_release(const char *releases, uint64_t number, struct errmsg *msg)
{
    char name[24];
    char *dir = path_join(releases, "%s", release_name(name, number));
    char *away = path_join(releases, ".leftover");
    enum err rc = dir_remove(away, msg);

    if (rc == ERR_NONE) {
        rc = file_rename(dir, away, msg);
    }
    if (rc == ERR_NONE) {
        rc = dir_remove(away, msg);
    }
    free(away);
    free(dir);
    return rc;
}

static bool is_current(const char *current, uint64_t number)
{
    char name[24];
    const char *slash = strrchr(current, '/');

    return slash != NULL && strcmp(slash + 1, release_name(name, number)) == 0;
}

void pull_retire(const char *root, int64_t keep)
{
    struct errmsg msg;
    uint64_t *numbers = NULL;
    unsigned count = 0;
    char *current = NULL;
    char *releases = path_join(root, "releases");
    enum err rc = root_current(root, &current, &msg);

    if (rc == ERR_NONE) {
        rc = root_releases(root, &numbers, &count, &msg);
    }
    for (unsigned i = 0; rc == ERR_NONE && i + (uint64_t)keep < count; i++) {
        if (!is_current(current, numbers[i])) {
            rc = remove_release(releases, numbers[i], &msg);
        }
    }
    if (rc != ERR_NONE) {
        log_warn("prune_failed", "reason=\"%s\"", msg.text);
    }
    free(releases);
    free(current);
    free(numbers);
}
