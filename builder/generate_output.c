#include "builder/generate_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"

enum { BUFFER_SIZE = 512 * 1024 };

enum err output_open(struct output *output, char *path, size_t row_size, struct errmsg *msg)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0) {
        enum err rc = err_sys(msg, errno, "create %s", path);

        free(path);
        return rc;
    }
    *output = (struct output){.path = path, .fd = fd, .size = BUFFER_SIZE + row_size};
    output->ptr = memory_alloc(output->size);
    output->line_end = "\n";
    output->line_end_len = 1;
    return ERR_NONE;
}

enum err output_flush(struct output *output, struct errmsg *msg)
{
    size_t at = 0;

    while (at < output->len) {
        ssize_t wrote = write(output->fd, output->ptr + at, output->len - at);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return err_sys(msg, errno, "write %s", output->path);
        }
        at += (size_t)wrote;
    }
    output->byte_count += output->len;
    output->len = 0;
    return ERR_NONE;
}

enum err output_close(struct output *output, bool has_line_end, struct errmsg *msg)
{
    enum err rc;
    int fd = output->fd;
    char *row;

    if (has_line_end) {
        rc = output_row(output, 0, &row, msg);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    rc = output_flush(output, msg);
    if (rc != ERR_NONE) {
        return rc;
    }
    output->fd = -1;
    if (close(fd) != 0) {
        return err_sys(msg, errno, "close %s", output->path);
    }
    return ERR_NONE;
}

void output_abandon(struct output *output)
{
    if (output->path == NULL) {
        return;
    }
    if (output->fd >= 0) {
        close(output->fd);
        output->fd = -1;
    }
    unlink(output->path);
    output_free(output);
}

void output_free(struct output *output)
{
    free(output->ptr);
    free(output->path);
    output->ptr = NULL;
    output->path = NULL;
}
