#include "replica/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/interrupt.h"

enum { READ_SIZE = 1 << 20 };

_Static_assert((int)DIGEST_SIZE == (int)crypto_generichash_BYTES,
               "what libsodium gives by default");

static enum err digest_fd(int fd, const char *path, uint8_t *out, struct errmsg *msg)
{
    crypto_generichash_state state;
    uint8_t *bytes = memory_alloc(READ_SIZE);
    enum err rc = ERR_NONE;
    ssize_t got = 1;

    crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE);
    while (rc == ERR_NONE && got != 0) {
        got = read(fd, bytes, READ_SIZE);
        if (interrupt_requested()) {
            rc = err_set(msg, ERR_INTERRUPTED, "stopped while %s was being read", path);
        } else if (got < 0 && errno != EINTR) {
            rc = err_sys(msg, errno, "read %s", path);
        } else if (got > 0) {
            crypto_generichash_update(&state, bytes, (unsigned long long)got);
        }
    }
    if (rc == ERR_NONE) {
        crypto_generichash_final(&state, out, DIGEST_SIZE);
    }
    free(bytes);
    return rc;
}

enum err file_digest(const char *path, uint8_t *out, struct errmsg *msg)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err rc;

    if (fd < 0) {
        return err_sys(msg, errno, "open %s", path);
    }
    rc = digest_fd(fd, path, out, msg);
    close(fd);
    return rc;
}
