/* The lock of those who build or pull in a root. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "replica/root.h"

enum {
    PATIENCE_MS = 1000,
    PAUSE_MS = 20,
};

/* As flock(2). */
static int lock_in_time(int fd)
{
    int64_t until_ms = monotonic_ms() + PATIENCE_MS;
    int result = flock(fd, LOCK_EX | LOCK_NB);

    while (result != 0 && errno == EWOULDBLOCK && monotonic_ms() < until_ms &&
           !interrupt_requested()) {
        interrupt_sleep(PAUSE_MS);
        result = flock(fd, LOCK_EX | LOCK_NB);
    }
    return result;
}

enum err root_begin_work(const char *root, int *fd, struct errmsg *msg)
{
    char *path = path_join(root, ".build-lock");
    int lock_fd = open(path, O_RDWR | O_CREAT, 0644); /* no O_CLOEXEC: rsync inherits it */
    enum err rc = ERR_NONE;

    if (lock_fd < 0) {
        rc = err_sys(msg, errno, "open %s", path);
    } else if (lock_in_time(lock_fd) != 0) {
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
