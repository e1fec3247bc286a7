#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "builder/csv.h"
#include "builder/import.h"

enum { NAMES_SHOWN_MAX = 600 };

/* ---- the names of --only ---- */

static const struct table *find_table(const struct definition *definition, struct slice name)
{
    for (unsigned i = 0; i < definition->table_count; i++) {
        if (slice_equal(definition->tables[i].name, name)) {
            return &definition->tables[i];
        }
    }
    return NULL;
}

/* Takes the next name off a comma-separated list; false at its end. */
static bool next_name(const char **list, struct slice *name)
{
    size_t len = strcspn(*list, ",");

    if (**list == '\0') {
        return false;
    }
    *name = slice_of(*list, len);
    *list += len + ((*list)[len] == ',');
    return true;
}

static bool is_wanted(const struct import_options *options, struct slice table)
{
    const char *list = options->only;
    struct slice name;

    if (list == NULL) {
        return true;
    }
    while (next_name(&list, &name)) {
        if (slice_equal(name, table)) {
            return true;
        }
    }
    return false;
}

static enum err check_names(const struct definition *definition,
                            const struct import_options *options, struct errmsg *msg)
{
    const char *list = options->only == NULL ? "" : options->only;
    struct buffer known;
    struct slice name;
    enum err rc = ERR_NONE;

    buffer_init(&known, NAMES_SHOWN_MAX);
    for (unsigned i = 0; i < definition->table_count; i++) {
        if (table_has_file(&definition->tables[i])) {
            buffer_append_str(&known, known.len == 0 ? "" : ", ");
            buffer_append_slice(&known, definition->tables[i].name);
        }
    }
    while (rc == ERR_NONE && next_name(&list, &name)) {
        const struct table *table = find_table(definition, name);

        if (table != NULL && !table_has_file(table)) {
            rc = err_set(msg, ERR_USAGE,
                         "--only names \"%.*s\", which no file is loaded into; name some of %s",
                         SLICE_ARG(name), buffer_str(&known));
        } else if (table == NULL) {
            rc = err_set(msg, ERR_USAGE,
                         "--only names \"%.*s\", which is no table of the definition: %s",
                         SLICE_ARG(name), buffer_str(&known));
        }
    }
    buffer_free(&known);
    return rc;
}

/* ---- the header of a file ---- */

static enum err missing_column(const struct import_table *item, const struct csv_record *header,
                               struct slice name, struct errmsg *msg)
{
    struct buffer found;
    enum err rc;

    buffer_init(&found, NAMES_SHOWN_MAX);
    for (unsigned i = 0; i < header->field_count; i++) {
        buffer_append_str(&found, i == 0 ? "" : ", ");
        buffer_append_slice(&found, header->fields[i].text);
    }
    rc = err_set(msg, ERR_INPUT, "%s:%" PRIu64 ": there is no column \"%.*s\"; there are %s%s",
                 item->path, header->line, SLICE_ARG(name), buffer_str(&found),
                 found.overflowed ? " ..." : "");
    buffer_free(&found);
    return rc;
}

/* The field of a column: names are compared byte for byte, the order in the file is free. */
static enum err find_column(struct import_table *item, const struct csv_record *header,
                            unsigned column, struct errmsg *msg)
{
    struct slice name = item->table->columns[column].header;
    unsigned found = 0;

    for (unsigned i = 0; i < header->field_count; i++) {
        if (slice_equal(header->fields[i].text, name)) {
            item->field_of[column] = i;
            found++;
        }
    }
    if (found > 1) {
        return err_set(msg, ERR_INPUT, "%s:%" PRIu64 ": %u columns are called \"%.*s\"", item->path,
                       header->line, found, SLICE_ARG(name));
    }
    return found == 1 ? ERR_NONE : missing_column(item, header, name, msg);
}

static enum err match_header(struct import_table *item, struct errmsg *msg)
{
    struct csv *csv = NULL;
    struct csv_record *header;
    enum err rc = csv_open(item->path, &csv_limits_default, &csv, msg);

    if (rc == ERR_NONE) {
        rc = csv_next(csv, &header, msg);
    }
    if (rc != ERR_NONE) {
        goto out;
    }
    if (header == NULL) {
        rc = err_set(msg, ERR_INPUT, "%s:1: the file is empty; a header line is expected",
                     item->path);
    } else if (header->problem != NULL) {
        rc = err_set(msg, ERR_INPUT, "%s:%" PRIu64 ": the header line: %s", item->path,
                     header->line, header->problem);
    }
    for (unsigned i = 0; rc == ERR_NONE && i < item->table->column_count; i++) {
        rc = find_column(item, header, i, msg);
    }
    if (rc == ERR_NONE) {
        item->field_count = header->field_count;
    }
out:
    csv_close(csv);
    return rc;
}

/* ---- the plan ---- */

/* The rejects file is written anew: it must not be one of the exports. */
static bool is_same_file(const char *path, const struct stat *status)
{
    struct stat other;

    return stat(path, &other) == 0 && other.st_dev == status->st_dev &&
           other.st_ino == status->st_ino;
}

/* The source needs one name for itself. */
static enum err check_table_name(const struct table *table, struct errmsg *msg)
{
    if (table->name.len != strlen(SOURCE_RECORD_TABLE) ||
        strncasecmp(table->name.ptr, SOURCE_RECORD_TABLE, table->name.len) != 0) {
        return ERR_NONE;
    }
    return err_set(msg, ERR_DEFINITION,
                   "table %.*s: this is where an import keeps what it loaded; give the table "
                   "another name in the definition",
                   SLICE_ARG(table->name));
}

static enum err plan_table(struct import_plan *plan, const struct table *table, struct errmsg *msg)
{
    struct import_table *item = &plan->tables[plan->table_count++];
    struct stat status;
    enum err rc = check_table_name(table, msg);

    item->table = table;
    item->path = path_join(plan->options.folder, "%.*s", SLICE_ARG(table->file));
    item->field_of = memory_calloc(table->column_count, sizeof item->field_of[0]);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (stat(item->path, &status) != 0) {
        return err_set(msg, ERR_INPUT, "%s: %s; --only TABLE,TABLE loads some tables only",
                       item->path, errno == ENOENT ? "there is no such file" : strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return err_set(msg, ERR_INPUT, "%s: not a regular file", item->path);
    }
    if (is_same_file(plan->options.rejects_path, &status)) {
        return err_set(msg, ERR_USAGE, "--rejects %s would overwrite %s; name another file",
                       plan->options.rejects_path, item->path);
    }
    item->size_bytes = (uint64_t)status.st_size;
    return match_header(item, msg);
}

/* A folder that is not there is better told as such than as one without the first file. */
static enum err check_folder(const char *folder, struct errmsg *msg)
{
    struct stat status;

    if (stat(folder, &status) != 0) {
        return err_set(msg, ERR_INPUT, "%s: %s", folder,
                       errno == ENOENT ? "there is no such folder" : strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        return err_set(msg, ERR_INPUT, "%s: not a folder; name the one that holds the CSV files",
                       folder);
    }
    return ERR_NONE;
}

enum err import_plan(const struct definition *definition, const struct import_options *options,
                     struct import_plan *out, struct errmsg *msg)
{
    struct import_plan plan = {.definition = definition, .options = *options};
    enum err rc = check_folder(options->folder, msg);

    if (rc == ERR_NONE) {
        rc = check_names(definition, options, msg);
    }
    plan.tables = memory_calloc(definition->table_count, sizeof plan.tables[0]);
    for (unsigned i = 0; rc == ERR_NONE && i < definition->table_count; i++) {
        if (table_has_file(&definition->tables[i]) &&
            is_wanted(options, definition->tables[i].name)) {
            rc = plan_table(&plan, &definition->tables[i], msg);
        }
    }
    if (rc == ERR_NONE && plan.table_count == 0) {
        rc = err_set(msg, ERR_USAGE,
                     "there is no table to load; those of the definition that "
                     "have a `file` are");
    }
    if (rc != ERR_NONE) {
        import_plan_free(&plan);
        return rc;
    }
    *out = plan;
    return ERR_NONE;
}

void import_plan_free(struct import_plan *plan)
{
    for (unsigned i = 0; i < plan->table_count; i++) {
        free(plan->tables[i].path);
        free(plan->tables[i].field_of);
    }
    free(plan->tables);
    *plan = (struct import_plan){.table_count = 0};
}
