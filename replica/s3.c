#include "replica/s3.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* A path in the bucket, as rclone wants it. With its slash at the end it is not looked up as an object. */
static void add_folder(struct command_line *line, const struct s3_bucket *bucket,
                       const char *folder)
{
    command_line_add(line, ":s3:%s%s", bucket->place.path, folder);
}

static enum err run(struct command_line *line, const struct s3_bucket *bucket, const char *verb,
                    struct rclone_run *how, struct errmsg *msg)
{
    char what[1024];
    enum err rc;

    snprintf(what, sizeof what, "%s %s", verb, bucket->place.text);
    how->what = what;
    rc = rclone_run(line, how, msg);
    command_line_free(line);
    return rc;
}

/*
 * One a line, each taken as it stands. A manifest from there could have a name with a line feed, behind
 * which anything may stand.
 */
static enum err add_names(struct command_line *line, const struct s3_names *names,
                          struct errmsg *msg)
{
    struct buffer text;
    enum err rc = ERR_NONE;

    buffer_init(&text, SIZE_MAX / 2);
    for (size_t i = 0; i < names->names.len; i++) {
        unsigned char c = (unsigned char)names->names.ptr[i];

        if (c != '\0' && c < ' ') {
            rc = err_set(msg, ERR_CORRUPT,
                         "the manifest has a file with a line feed or the like in "
                         "its name");
        }
        buffer_append_byte(&text, (char)(c == '\0' ? '\n' : c));
    }
    if (rc == ERR_NONE) {
        rc = file_write(names->list, buffer_slice(&text), msg);
    }
    buffer_free(&text);
    command_line_add(line, "--files-from-raw=%s", names->list);
    command_line_add(line, "--no-traverse");
    return rc;
}

/* ---- fetch ---- */

typedef enum err (*name_fn)(const char *path, struct errmsg *msg);

static enum err for_names(const struct s3_names *names, const char *into, name_fn do_path,
                          struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    for (size_t at = 0; rc == ERR_NONE && at < names->names.len;) {
        char *path = path_join(into, "%s", names->names.ptr + at);

        rc = do_path(path, msg);
        at += strlen(names->names.ptr + at) + 1;
        free(path);
    }
    return rc;
}

/* rclone writes into a file that is there, which may be one of another release, too. */
static enum err make_way(const char *path, struct errmsg *msg)
{
    return unlink(path) == 0 || errno == ENOENT ? ERR_NONE : err_sys(msg, errno, "remove %s", path);
}

/* Whatever the umask is: the service may be another user. */
static enum err make_readable(const char *path, struct errmsg *msg)
{
    return chmod(path, 0644) == 0 || errno == ENOENT
               ? ERR_NONE
               : err_sys(msg, errno, "make %s readable", path);
}

enum err s3_fetch(const struct s3_bucket *bucket, const char *folder, const struct s3_names *names,
                  const char *into, struct progress *progress, uint64_t *bytes, struct errmsg *msg)
{
    struct rclone_run how = {.progress = progress};
    struct command_line line;
    enum err rc = for_names(names, into, make_way, msg);

    *bytes = 0;
    if (rc != ERR_NONE) {
        return rc;
    }
    rclone_begin(&line, "copy", &bucket->settings);
    rc = add_names(&line, names, msg);
    if (rc != ERR_NONE) {
        command_line_free(&line);
        return rc;
    }
    command_line_add(&line, "--no-check-dest");
    command_line_add(&line, "--ignore-checksum"); /* whoever asked compares it with a manifest */
    add_folder(&line, bucket, folder);
    command_line_add(&line, "%s%s/", into[0] == '/' ? "" : "./", into);
    rc = run(&line, bucket, "fetch from", &how, msg);
    *bytes = how.bytes;
    return rc == ERR_NONE ? for_names(names, into, make_readable, msg) : rc;
}

/* ---- put and copy ---- */

enum err s3_put(const struct s3_bucket *bucket, const struct s3_put *put, uint64_t *bytes,
                struct errmsg *msg)
{
    struct rclone_run how = {.progress = put->progress};
    struct command_line line;
    enum err rc;

    rclone_begin(&line, "copy", &bucket->settings);
    rc = add_names(&line, &put->names, msg);
    if (rc != ERR_NONE) {
        command_line_free(&line);
        return rc;
    }
    command_line_add(&line, put->always ? "--ignore-times" : "--checksum");
    command_line_add(&line, "%s%s/", put->from[0] == '/' ? "" : "./", put->from);
    add_folder(&line, bucket, put->folder);
    rc = run(&line, bucket, "put into", &how, msg);
    *bytes = how.bytes;
    return rc;
}

enum err s3_copy(const struct s3_bucket *bucket, const char *from, const struct s3_names *names,
                 const char *folder, struct errmsg *msg)
{
    struct rclone_run how = {.what = NULL};
    struct command_line line;
    enum err rc;

    rclone_begin(&line, "copy", &bucket->settings);
    rc = add_names(&line, names, msg);
    if (rc != ERR_NONE) {
        command_line_free(&line);
        return rc;
    }
    command_line_add(&line, "--checksum");
    add_folder(&line, bucket, from);
    add_folder(&line, bucket, folder);
    return run(&line, bucket, "copy within", &how, msg);
}

/* ---- list and remove ---- */

static void collect(void *context, struct slice bytes)
{
    if (context != NULL) {
        buffer_append_slice(context, bytes);
    }
}

static enum err list(const struct s3_bucket *bucket, const char *folder, struct buffer *out,
                     struct errmsg *msg)
{
    struct rclone_run how = {.on_stdout = collect, .context = out};
    struct command_line line;

    rclone_begin(&line, "lsf", &bucket->settings);
    command_line_add(&line, "--dirs-only");
    add_folder(&line, bucket, folder);
    return run(&line, bucket, "list", &how, msg);
}

enum err s3_look(const struct s3_bucket *bucket, struct errmsg *msg)
{
    return list(bucket, "", NULL, msg);
}

enum err s3_list_folders(const struct s3_bucket *bucket, const char *folder, struct buffer *out,
                         struct errmsg *msg)
{
    enum err rc = list(bucket, folder, out, msg);

    return rc == ERR_NONE && out->overflowed
               ? err_set(msg, ERR_LIMIT, "%s: too many folders in %s", bucket->place.text, folder)
               : rc;
}

enum err s3_remove(const struct s3_bucket *bucket, const char *folder, struct errmsg *msg)
{
    struct rclone_run how = {.what = NULL};
    struct command_line line;

    assert(folder[0] != '\0');
    rclone_begin(&line, "delete", &bucket->settings);
    add_folder(&line, bucket, folder);
    return run(&line, bucket, "remove from", &how, msg);
}
