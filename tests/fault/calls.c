#include "tests/fault/calls.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

/* Call number `nth` of all calls fails, or ends the process before it is made. */
static struct {
    bool is_armed;
    bool kills;
    uint64_t nth;
    uint64_t seen;
} fault;

void calls_arm(uint64_t nth, bool kills)
{
    fault.nth = nth;
    fault.seen = 0;
    fault.kills = kills;
    fault.is_armed = true;
}

void calls_disarm(void)
{
    fault.is_armed = false;
}

uint64_t calls_seen(void)
{
    return fault.seen;
}

static bool fails(int errnum)
{
    if (!fault.is_armed || ++fault.seen != fault.nth) {
        return false;
    }
    if (fault.kills) {
        raise(SIGKILL);
    }
    errno = errnum;
    return true;
}

#define WRAP(type, name, errnum, parameters, arguments)                                            \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return fails(errnum) ? -1 : __real_##name arguments;                                       \
    }

WRAP(int, open, EMFILE, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAP(int, openat, EMFILE, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(ssize_t, read, EIO, (int fd, void *bytes, size_t size), (fd, bytes, size))
WRAP(ssize_t, write, ENOSPC, (int fd, const void *bytes, size_t size), (fd, bytes, size))
WRAP(int, fsync, EIO, (int fd), (fd))
WRAP(int, rename, EXDEV, (const char *from, const char *to), (from, to))
WRAP(int, mkdir, ENOSPC, (const char *path, mode_t mode), (path, mode))
WRAP(int, symlink, ENOSPC, (const char *target, const char *path), (target, path))
WRAP(int, mkostemp, ENOSPC, (char *path, int flags), (path, flags))
WRAP(int, fchmod, EPERM, (int fd, mode_t mode), (fd, mode))
WRAP(int, unlinkat, EIO, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(int, flock, ENOLCK, (int fd, int operation), (fd, operation))

/* A close that fails has closed all the same. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    bool failed = fails(EIO);
    int rc = __real_close(fd);

    return failed ? -1 : rc;
}
