#include "builder/import_resume.h"

#include <inttypes.h>
#include <xxhash.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "replica/verify.h"

enum {
    RULES = 1, /* counts the changes of what a cell becomes or a record is rejected for */
    TEXT_MAX = 1 << 20,
    REJECTS_READ_MAX = 2 * REJECTS_KEPT_MAX,
};

/* ---- the definition of a table ---- */

static void describe_column(struct buffer *text, const struct table_column *column)
{
    buffer_printf(text, "column %.*s \"%.*s\" %d %u %d", SLICE_ARG(column->name),
                  SLICE_ARG(column->header), (int)column->type, column->scale, column->is_required);
    if (column->has_bounds) {
        buffer_printf(text, " %" PRId64 " %" PRId64, column->least, column->most);
    }
    buffer_append_byte(text, '\n');
}

/* A text that two tables share only when a load makes the same of the same file. */
static void describe(struct buffer *text, const struct table *table)
{
    buffer_printf(text, "rules %d table %.*s file \"%.*s\" key %d\n", RULES, SLICE_ARG(table->name),
                  SLICE_ARG(table->file), table->primary_key);
    for (unsigned i = 0; i < table->column_count; i++) {
        describe_column(text, &table->columns[i]);
    }
    for (unsigned i = 0; i < table->index_count; i++) {
        buffer_append_str(text, "index");
        for (unsigned j = 0; j < table->indexes[i].column_count; j++) {
            buffer_printf(text, " %u", table->indexes[i].columns[j]);
        }
        buffer_append_byte(text, '\n');
    }
}

uint64_t import_table_hash(const struct table *table)
{
    struct buffer text;
    uint64_t hash;

    buffer_init(&text, TEXT_MAX);
    describe(&text, table);
    hash = XXH3_64bits(text.ptr, text.len);
    buffer_free(&text);
    return hash;
}

/* ---- is it the same? ---- */

bool import_may_reject(const struct import_plan *plan, uint64_t records, uint64_t rejected)
{
    return rejected * 100 <= records * plan->options.most_rejects_percent;
}

/* NULL, or why the table must be loaded although it was before; the file is read last. */
static enum err compare(const struct import_plan *plan, const struct import_table *item,
                        const struct source_record *record, const char **reason, struct errmsg *msg)
{
    uint64_t hash;
    uint64_t size_bytes;
    enum err rc;

    *reason = NULL;
    if (record->table_hash != import_table_hash(item->table)) {
        *reason = "its definition has changed";
    } else if (record->file_size != item->size_bytes) {
        *reason = "its file has changed";
    } else if (!record->keeps_rejects) {
        *reason = "its rejected records were too many to be kept";
    } else if (!import_may_reject(plan, record->loaded + record->rejected, record->rejected)) {
        *reason = "too many of its records were rejected";
    }
    if (*reason != NULL) {
        return ERR_NONE;
    }
    rc = file_hash(item->path, &hash, &size_bytes, NULL, msg);
    if (rc == ERR_NONE && record->file_hash != hash) {
        *reason = "its file has changed";
    }
    return rc;
}

static void skip(struct import_table *item, const struct source_record *record,
                 struct rejects *rejects)
{
    item->loaded = record->loaded;
    item->rejected = record->rejected;
    item->is_skipped = true;
    rejects_add_section(rejects, record->rejects);
}

enum err import_resume_table(const struct import_plan *plan, struct import_table *item,
                             struct source *source, struct rejects *rejects, struct errmsg *msg)
{
    struct source_record record;
    struct buffer kept;
    bool is_found;
    const char *reason = NULL;
    enum err rc;

    if (interrupt_requested()) {
        return err_set(msg, ERR_INTERRUPTED, "interrupted");
    }
    buffer_init(&kept, REJECTS_READ_MAX);
    rc = source_find_record(source, item->table, &record, &kept, &is_found, msg);
    if (rc == ERR_NONE && is_found) {
        rc = compare(plan, item, &record, &reason, msg);
    }
    if (rc == ERR_NONE && is_found && reason == NULL) {
        skip(item, &record, rejects);
    } else if (rc == ERR_NONE && is_found) {
        log_info("loaded_again", "table=%.*s reason=\"%s\"", SLICE_ARG(item->table->name), reason);
    }
    buffer_free(&kept);
    return rc == ERR_NONE ? rc : err_wrap(msg, rc, "%s", item->path);
}
