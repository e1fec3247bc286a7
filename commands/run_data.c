#include "commands/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "commands/children.h"

enum { NUMBER_MAX = 32, PATH_BYTES_MAX = 64 * 1024 };

/* The file of a source that is one, otherwise NULL. */
static const char *source_file(const char *url)
{
    static const char scheme[] = "sqlite:";

    if (strncmp(url, scheme, sizeof scheme - 1) != 0 || url[sizeof scheme - 1] == '\0') {
        return NULL;
    }
    return url + sizeof scheme - 1;
}

static enum err make_parent(const char *path, struct errmsg *msg)
{
    char *parent = memory_copy_str(path);
    char *slash = strrchr(parent, '/');
    enum err rc = ERR_NONE;

    if (slash != NULL && slash != parent) {
        *slash = '\0';
        rc = dir_make(parent, msg);
    }
    free(parent);
    return rc;
}

/* Removes a database that was being imported, with what SQLite keeps beside it. */
static enum err remove_part(const char *part, struct errmsg *msg)
{
    static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        struct buffer path;
        enum err rc;

        buffer_init(&path, PATH_BYTES_MAX);
        buffer_printf(&path, "%s%s", part, suffixes[i]);
        rc = dir_remove(buffer_str(&path), msg);
        buffer_free(&path);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    return ERR_NONE;
}

/* Imports EXPORTS so that FILE appears only when it is complete. */
static enum err import(const struct run_options *o, const char *file, const char *exports,
                       struct errmsg *msg)
{
    char *rejects = path_join(o->root, "rejects.csv");
    struct child child;
    struct buffer url;
    const char *part;
    enum err rc;

    buffer_init(&url, PATH_BYTES_MAX);
    buffer_printf(&url, "sqlite:%s.importing", file);
    part = source_file(buffer_str(&url));
    rc = make_parent(file, msg);
    if (rc == ERR_NONE) {
        rc = remove_part(part, msg);
    }
    if (rc == ERR_NONE) {
        child_init(&child, "import");
        child_add(&child, "--definition", o->definition);
        child_add(&child, "--source", url.ptr);
        child_add(&child, "--rejects", rejects);
        child_add(&child, NULL, exports);
        rc = child_run(&child, msg);
    }
    if (rc == ERR_NONE) {
        rc = file_sync(part, msg);
    }
    if (rc == ERR_NONE) {
        rc = file_rename(part, file, msg);
    }
    if (rc != ERR_NONE) {
        struct errmsg ignored; /* the next run removes what is left */

        (void)!remove_part(part, &ignored);
    }
    buffer_free(&url);
    free(rejects);
    return rc;
}

static enum err generate_and_import(const struct run_options *o, const char *file,
                                    struct errmsg *msg)
{
    char *exports = path_join(o->root, "exports.tmp");
    char scale[NUMBER_MAX];
    struct errmsg ignored;
    struct child child;
    enum err rc = dir_remove(exports, msg); /* of a run that was killed */

    snprintf(scale, sizeof scale, "%" PRId64, o->scale);
    if (rc == ERR_NONE) {
        child_init(&child, "generate");
        child_add(&child, "--definition", o->definition);
        child_add(&child, "--scale", scale);
        child_add(&child, NULL, exports);
        rc = child_run(&child, msg);
    }
    if (rc == ERR_NONE) {
        rc = import(o, file, exports, msg);
    }
    if (dir_remove(exports, &ignored) != ERR_NONE) {
        log_warn("exports_left", "dir=%s reason=\"%s\"", exports, ignored.text);
    }
    free(exports);
    return rc;
}

static bool has_exports(const struct definition *definition)
{
    for (unsigned i = 0; i < definition->table_count; i++) {
        if (table_has_file(&definition->tables[i])) {
            return true;
        }
    }
    return false;
}

static bool has_samples(const struct definition *definition)
{
    for (unsigned i = 0; i < definition->table_count; i++) {
        if (definition->tables[i].sample != NULL) {
            return true;
        }
    }
    return false;
}

enum err run_prepare_source(const struct run_options *o, const struct definition *definition,
                            struct errmsg *msg)
{
    const char *file = source_file(o->source);

    if (file == NULL || file_exists(file) || !has_exports(definition)) {
        if (o->data != NULL) {
            log_info("data_not_imported", "reason=\"%s\"",
                     !has_exports(definition) ? "the definition has no table with a file"
                     : file != NULL           ? "the source has data already"
                                              : "a server is filled by `vitrine import`");
        }
        return ERR_NONE;
    }
    if (o->data != NULL) {
        log_info("source_empty", "file=%s import=%s", file, o->data);
        return import(o, file, o->data, msg);
    }
    if (!has_samples(definition)) {
        return err_set(msg, ERR_USAGE,
                       "%s: there is no such database, and the definition has no `sample` to make "
                       "one by; import exports into it with --data DIR, or look at the path",
                       file);
    }
    log_info("source_empty", "source=%s generate=%" PRId64, o->source, o->scale);
    return generate_and_import(o, file, msg);
}
