/* The lock of those who build or pull in a root. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "replica/root.h"

enum { PATIENCE_MS = 1000 };

enum err root_begin_work(const char *root, int *fd, struct errmsg *msg)
{
    char *path = path_join(root, ".build-lock");
    int lock_fd = open(path, O_RDWR | O_CREAT, 0644); /* no O_CLOEXEC: rsync inherits it */
    enum err rc = ERR_NONE;

    if (lock_fd < 0) {
        rc = err_sys(msg, errno, "open %s", path);
    } else if (file_lock(lock_fd, PATIENCE_MS) != 0) {
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
