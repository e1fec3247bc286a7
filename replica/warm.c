#include "replica/warm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/pace.h"

struct warming {
    char *bytes; /* WARM_STEP of them, read and dropped */
    struct pace pace;
    struct warmed done;
};

/* Sleeps until what was read so far is within the budget. */
static void keep_budget(struct warming *warming, uint64_t bytes)
{
    int64_t wait_ms = pace_wait_ms(&warming->pace, bytes, monotonic_ms());

    warming->done.read_bytes += bytes;
    interrupt_sleep(wait_ms);
}

/* The step at OFFSET; *GOT is 0 at the end of the file. */
static enum err warm_step(struct warming *warming, int fd, const char *path, off_t offset,
                          size_t *got, struct errmsg *msg)
{
    struct iovec into = {.iov_base = warming->bytes, .iov_len = WARM_STEP};
    ssize_t n = preadv2(fd, &into, 1, offset, RWF_NOWAIT); /* only what is in memory */

    if (n <= 0) {
        do {
            n = pread(fd, warming->bytes, WARM_STEP, offset);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
            return err_sys(msg, errno, "read %s", path);
        }
        keep_budget(warming, (uint64_t)n);
    }
    *got = (size_t)n;
    return ERR_NONE;
}

static enum err warm_file(struct warming *warming, const char *path, struct errmsg *msg)
{
    enum err rc = ERR_NONE;
    off_t offset = 0;
    size_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return err_sys(msg, errno, "open %s", path);
    }
    /* The kernel's own reading ahead would go past the budget. */
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    do {
        if (interrupt_requested()) {
            rc = err_set(msg, ERR_INTERRUPTED, "stopped while %s was brought into memory", path);
            break;
        }
        rc = warm_step(warming, fd, path, offset, &got, msg);
        offset += (off_t)got;
        warming->done.bytes += got;
    } while (rc == ERR_NONE && got > 0);
    close(fd);
    return rc;
}

enum err warm_release(const struct release *release, uint64_t bytes_per_second, struct warmed *out,
                      struct errmsg *msg)
{
    struct warming warming = {.bytes = memory_alloc(WARM_STEP)};
    int64_t started_ms = monotonic_ms();
    enum err rc = ERR_NONE;

    pace_begin(&warming.pace, bytes_per_second, started_ms);
    for (unsigned i = 0; rc == ERR_NONE && i < release->manifest->file_count; i++) {
        char *path = path_join(release->dir, "%.*s", SLICE_ARG(release->manifest->files[i].path));

        rc = warm_file(&warming, path, msg);
        free(path);
    }
    free(warming.bytes);
    if (rc == ERR_NONE) {
        warming.done.elapsed_ms = monotonic_ms() - started_ms;
        *out = warming.done;
    }
    return rc;
}

enum err warm_ahead(const struct release *release, uint64_t bytes_per_second, struct errmsg *msg)
{
    struct warmed warmed;
    enum err rc;

    if (bytes_per_second == 0) {
        return ERR_NONE;
    }
    rc = warm_release(release, bytes_per_second, &warmed, msg);
    if (rc == ERR_NONE) {
        log_info("release_warmed", "release=%s bytes=%" PRIu64 " read=%" PRIu64 " ms=%" PRId64,
                 strrchr(release->dir, '/') + 1, warmed.bytes, warmed.read_bytes,
                 warmed.elapsed_ms);
    }
    return rc;
}
