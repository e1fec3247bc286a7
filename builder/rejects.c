#include "builder/rejects.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buffer.h"

struct rejects {
    FILE *file;
    char *path;
    struct buffer section; /* overflows when it is larger than what is kept */
    struct buffer line;
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
    buffer_init(&rejects->section, REJECTS_KEPT_MAX);
    buffer_init(&rejects->line, SIZE_MAX / 2);
    fputs("file,line,reason,record\n", file);
    *out = rejects;
    return ERR_NONE;
}

void rejects_begin(struct rejects *rejects)
{
    buffer_clear(&rejects->section);
}

void rejects_add(struct rejects *rejects, struct slice file, uint64_t line, const char *reason,
                 struct slice record)
{
    struct buffer *text = &rejects->line;

    buffer_clear(text);
    buffer_append_quoted(text, file, '"');
    buffer_printf(text, ",%" PRIu64 ",", line);
    buffer_append_quoted(text, slice_str(reason), '"');
    buffer_append_byte(text, ',');
    buffer_append_quoted(text, record, '"');
    buffer_append_byte(text, '\n');
    rejects_add_section(rejects, buffer_slice(text));
    buffer_append_slice(&rejects->section, buffer_slice(text));
}

bool rejects_section(const struct rejects *rejects, struct slice *out)
{
    *out = buffer_slice(&rejects->section);
    return !rejects->section.overflowed;
}

void rejects_add_section(struct rejects *rejects, struct slice section)
{
    if (section.len > 0) {
        fwrite(section.ptr, 1, section.len, rejects->file);
    }
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
    buffer_free(&rejects->section);
    buffer_free(&rejects->line);
    free(rejects->path);
    free(rejects);
    return rc;
}
