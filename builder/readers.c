#include "builder/readers.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"

enum {
    RETRY_FIRST_MS = 1000,
    RETRY_MOST_MS = 30000,
    POSITION_MAX = 4096, /* bytes */
};

/*
 * A commit between this and the snapshot makes the next build look again. Without readers nothing is
 * read, and every position is the same.
 */
static enum err read_position(struct readers *readers, struct errmsg *msg)
{
    buffer_clear(&readers->position);
    return readers->count == 0 ? ERR_NONE
                               : source_position(readers->sources[0], &readers->position, msg);
}

static enum err open_first(struct readers *readers, unsigned count, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    for (unsigned i = 0; rc == ERR_NONE && i < count; i++) {
        if (readers->sources[i] == NULL) {
            rc = source_open(readers->url, SOURCE_READ, &readers->sources[i], msg);
        }
    }
    return rc;
}

static void close_all(struct readers *readers)
{
    for (unsigned i = readers->count; i > 0; i--) { /* the first one holds the snapshot */
        source_close(readers->sources[i - 1]);
        readers->sources[i - 1] = NULL;
    }
}

enum err readers_open(struct readers *out, const char *url, unsigned count, struct errmsg *msg)
{
    enum err rc;

    *out = (struct readers){.url = url, .count = count};
    out->sources = memory_calloc(count, sizeof *out->sources);
    buffer_init(&out->position, POSITION_MAX);
    rc = open_first(out, count > 0, msg);
    return rc == ERR_NONE ? read_position(out, msg) : rc;
}

void readers_close(struct readers *readers)
{
    close_all(readers);
    free(readers->sources);
    buffer_free(&readers->position);
}

/* A table that is not there is the usual reason for a SELECT that fails: then says what to do. */
static enum err advise_import(const struct readers *readers, const struct definition *definition,
                              enum err rc, struct errmsg *msg)
{
    for (unsigned i = 0; rc == ERR_SOURCE && i < definition->table_count; i++) {
        bool has_file = table_has_file(&definition->tables[i]);
        struct slice table = definition->tables[i].name;
        struct errmsg ignored;
        bool is_there = true;

        if (source_has_table(readers->sources[0], table, &is_there, &ignored) == ERR_NONE &&
            !is_there) {
            return err_wrap(msg, rc, "the source has no table %.*s; `vitrine %s it",
                            SLICE_ARG(table), has_file ? "import` loads" : "serve --source` makes");
        }
    }
    return rc;
}

#define NESTED_ADVICE "`on`, `name` or a field names a column that the nested `rows` do not yield"

/* A column that our SELECT (builder/query.h) looks for in vain is a mistake of the definition. */
static enum err advise_columns(enum err rc, struct errmsg *msg)
{
    static const struct {
        const char *said[2]; /* by SQLite, by PostgreSQL */
        const char *advice;
    } cases[] = {
        {{"no such column: p.", "column p."},
         "`key` or a field names a column that `rows` or `keys` does not yield"},
        {{"no such column: n1.", "column n1."}, NESTED_ADVICE},
        {{"no such column: n2.", "column n2."}, NESTED_ADVICE},
    };

    for (size_t i = 0; rc == ERR_SOURCE && i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t j = 0; j < 2; j++) {
            if (strstr(msg->text, cases[i].said[j]) != NULL) {
                return err_wrap(msg, rc, "%s", cases[i].advice);
            }
        }
    }
    return rc;
}

static enum err attempt(struct readers *readers, const struct work *work, struct file_list *files,
                        struct work_result *results, struct errmsg *msg)
{
    enum err rc = dir_remove(work->release_dir, msg);

    file_list_clear(files);
    memset(results, 0, work->definition->collection_count * sizeof *results);
    if (rc == ERR_NONE) {
        rc = dir_make(work->release_dir, msg);
    }
    if (rc == ERR_NONE) {
        rc = open_first(readers, readers->count, msg);
    }
    if (rc == ERR_NONE) {
        rc = read_position(readers, msg);
    }
    if (rc == ERR_NONE && readers->count > 0) {
        rc = source_begin(readers->sources, readers->count, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    if (readers->count > 0) {
        rc = source_write_position(readers->sources[0], &readers->write_position, msg);
    }
    if (rc == ERR_NONE) {
        rc = advise_import(readers, work->definition, work_run(work, files, results, msg), msg);
        rc = advise_columns(rc, msg);
    }
    for (unsigned i = readers->count; i > 0; i--) {
        source_end(readers->sources[i - 1]);
    }
    return rc;
}

/* After a loss, a server that does not answer yet is as good a reason to wait as the next loss. */
static bool may_help(const struct readers *readers, enum err rc, bool *was_lost)
{
    *was_lost = *was_lost || rc == ERR_LOST;
    for (unsigned i = 0; *was_lost && rc == ERR_SOURCE && i < readers->count; i++) {
        if (readers->sources[i] == NULL) {
            return true; /* it could not be opened */
        }
    }
    return rc == ERR_LOST;
}

enum err readers_work(struct readers *readers, struct work *work, int64_t retries,
                      struct file_list *files, struct work_result *results, struct errmsg *msg)
{
    int64_t wait_ms = RETRY_FIRST_MS;
    bool was_lost = false;

    work->sources = readers->sources;
    work->source_count = readers->count;
    for (;; retries--) {
        enum err rc = attempt(readers, work, files, results, msg);

        if (!may_help(readers, rc, &was_lost) || retries == 0 || interrupt_requested()) {
            return rc;
        }
        close_all(readers);
        log_warn("build_retry", "wait_ms=%" PRId64 " retries_left=%" PRId64 " reason=\"%s\"",
                 wait_ms, retries - 1, msg->text);
        interrupt_sleep(wait_ms);
        wait_ms = wait_ms * 2 < RETRY_MOST_MS ? wait_ms * 2 : RETRY_MOST_MS;
    }
}
