#include "builder/rejects.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

struct rejects {
    FILE *file;
    char *path;
};

enum err rejects_open(const char *path, struct rejects **out, struct errmsg *msg)
{
    FILE *file = fopen(path, "we");
    struct rejects *rejects;

    if (file == NULL) {
        return err_sys(msg, errno, "open %s", path);
    }
    rejects = memory_calloc(1, sizeof *rejects);
    rejects->file = file;
    rejects->path = memory_copy_str(path);
    fputs("file,line,reason,record\n", file);
    *out = rejects;
    return ERR_NONE;
}

static void write_quoted(FILE *file, struct slice text)
{
    putc('"', file);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            putc('"', file);
        }
        putc(text.ptr[i], file);
    }
    putc('"', file);
}

void rejects_add(struct rejects *rejects, struct slice file, uint64_t line, const char *reason,
                 struct slice record)
{
    write_quoted(rejects->file, file);
    fprintf(rejects->file, ",%" PRIu64 ",", line);
    write_quoted(rejects->file, slice_str(reason));
    putc(',', rejects->file);
    write_quoted(rejects->file, record);
    putc('\n', rejects->file);
}

enum err rejects_close(struct rejects *rejects, struct errmsg *msg)
{
    enum err rc = ERR_NONE;
    bool failed;

    if (rejects == NULL) {
        return ERR_NONE;
    }
    failed = ferror(rejects->file) != 0;
    errno = 0;
    if (fclose(rejects->file) != 0 || failed) {
        rc = err_sys(msg, errno == 0 ? EIO : errno, "write %s", rejects->path);
    }
    free(rejects->path);
    free(rejects);
    return rc;
}
