#include "base/file_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/arena.h"

enum { COPY_AT_ONCE = 1 << 20 };

/* Within the kernel, as far as that goes; both files stand behind what was copied. */
static void copy_inside(int from, int to)
{
    while (copy_file_range(from, NULL, to, NULL, (size_t)1 << 30, 0) > 0) {
    }
}

static enum err write_all(int fd, const char *path, const char *bytes, size_t size,
                          struct errmsg *msg)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno != EINTR) {
            return err_sys(msg, errno, "write %s", path);
        }
        bytes += n < 0 ? 0 : n;
        size -= n < 0 ? 0 : (size_t)n;
    }
    return ERR_NONE;
}

/* What is not copied yet, which is nothing when the kernel has copied all of it. */
static enum err copy_rest(int from, const char *from_path, int to, const char *to_path,
                          struct errmsg *msg)
{
    char *bytes = memory_alloc(COPY_AT_ONCE);
    enum err rc = ERR_NONE;

    while (rc == ERR_NONE) {
        ssize_t n = read(from, bytes, COPY_AT_ONCE);

        if (n == 0) {
            break;
        }
        if (n > 0) {
            rc = write_all(to, to_path, bytes, (size_t)n, msg);
        } else if (errno != EINTR) {
            rc = err_sys(msg, errno, "read %s", from_path);
        }
    }
    free(bytes);
    return rc;
}

enum err file_copy(const char *from, const char *to, enum file_sharing sharing, struct errmsg *msg)
{
    enum err rc = ERR_NONE;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = -1;

    if (in < 0) {
        return err_sys(msg, errno, "open %s", from);
    }
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (out < 0) {
        rc = err_sys(msg, errno, "open %s", to);
        close(in);
        return rc;
    }
    if (sharing == COPY_APART) {
        rc = copy_rest(in, from, out, to, msg);
    } else if (ioctl(out, FICLONE, in) != 0) {
        copy_inside(in, out);
        rc = copy_rest(in, from, out, to, msg);
    }
    if (close(out) != 0 && rc == ERR_NONE) {
        rc = err_sys(msg, errno, "close %s", to);
    }
    close(in);
    if (rc != ERR_NONE) {
        unlink(to);
    }
    return rc;
}
