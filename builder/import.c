#include "builder/import.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "builder/cell.h"
#include "builder/import_resume.h"

enum { CHECK_EVERY = 256 /* records between looks at progress and for a signal */ };

/* One table being loaded. */
struct loading {
    const struct import_plan *plan;
    struct import_table *item;
    struct csv *csv;
    struct source_load *load;
    struct rejects *rejects;
    struct value *values;
    struct cell_room *rooms;
    struct progress progress;
    uint64_t shown_bytes; /* of the file, given to the progress bar */
};

static enum err interrupted(struct errmsg *msg)
{
    return interrupt_requested() ? err_set(msg, ERR_INTERRUPTED, "interrupted") : ERR_NONE;
}

static void show_progress(struct loading *loading)
{
    uint64_t offset = csv_offset(loading->csv);

    progress_add(&loading->progress, offset - loading->shown_bytes);
    loading->shown_bytes = offset;
}

/* Fills loading->values; ERR_INPUT when a column refuses what the record has for it. */
static enum err convert(struct loading *loading, const struct csv_record *record,
                        struct errmsg *msg)
{
    const struct table *table = loading->item->table;

    for (unsigned i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        const struct csv_field *field = &record->fields[loading->item->field_of[i]];
        enum err rc = cell_value(column, field, &loading->rooms[i], &loading->values[i], msg);

        if (rc != ERR_NONE) {
            return rc;
        }
        if (loading->values[i].type == VALUE_NULL &&
            (column->is_required || (int)i == table->primary_key)) {
            return err_set(msg, ERR_INPUT, "%.*s: a value is required", SLICE_ARG(column->header));
        }
    }
    return ERR_NONE;
}

static void reject(struct loading *loading, const struct csv_record *record, const char *reason)
{
    loading->item->rejected++;
    rejects_add(loading->rejects, loading->item->table->file, record->line, reason, record->text);
}

/* ERR_NONE also when the record was rejected. */
static enum err take_record(struct loading *loading, struct csv_record *record, struct errmsg *msg)
{
    enum err rc;

    if (record->problem != NULL) {
        reject(loading, record, record->problem);
        return ERR_NONE;
    }
    rc = convert(loading, record, msg);
    if (rc != ERR_NONE) {
        csv_reject_line(loading->csv);
        reject(loading, record, msg->text);
        return ERR_NONE;
    }
    rc = source_load_row(loading->load, loading->values, msg);
    if (rc == ERR_INPUT) {
        reject(loading, record, msg->text);
        return ERR_NONE;
    }
    loading->item->loaded += rc == ERR_NONE;
    return rc;
}

static enum err take_records(struct loading *loading, struct errmsg *msg)
{
    struct csv_record *record;
    enum err rc = csv_next(loading->csv, &record, msg); /* the header, known from the plan */

    if (rc != ERR_NONE) {
        return rc;
    }
    csv_expect(loading->csv, loading->item->field_count);
    for (uint64_t seen = 1;; seen++) {
        if (seen % CHECK_EVERY == 0) {
            show_progress(loading);
            rc = interrupted(msg);
        }
        if (rc == ERR_NONE) {
            rc = csv_next(loading->csv, &record, msg);
        }
        if (rc != ERR_NONE || record == NULL) {
            return rc;
        }
        rc = take_record(loading, record, msg);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
}

static enum err check_rejects(const struct import_plan *plan, const struct import_table *item,
                              struct errmsg *msg)
{
    uint64_t records = item->loaded + item->rejected;

    if (import_may_reject(plan, records, item->rejected)) {
        return ERR_NONE;
    }
    return err_set(msg, ERR_INPUT,
                   "%" PRIu64 " of %" PRIu64
                   " records were rejected, more than %u %% (--most-rejects); %s says why",
                   item->rejected, records, plan->options.most_rejects_percent,
                   plan->options.rejects_path);
}

static enum err finish_load(struct loading *loading, struct errmsg *msg)
{
    const struct import_table *item = loading->item;
    struct source_record record = {
        .file_size = csv_offset(loading->csv),
        .file_hash = csv_hash(loading->csv),
        .table_hash = import_table_hash(item->table),
        .loaded = item->loaded,
        .rejected = item->rejected,
    };
    struct source_load *load = loading->load;

    record.keeps_rejects = rejects_section(loading->rejects, &record.rejects);
    loading->load = NULL;
    source_load_describe(load, &record);
    return source_load_finish(load, msg);
}

static enum err load_records(struct loading *loading, struct source *source, struct errmsg *msg)
{
    enum err rc = csv_open(loading->item->path, &csv_limits_default, &loading->csv, msg);

    if (rc == ERR_NONE) {
        rc = source_load_begin(source, loading->item->table, &loading->load, msg);
    }
    if (rc == ERR_NONE) {
        rc = take_records(loading, msg);
    }
    if (rc == ERR_NONE) {
        rc = check_rejects(loading->plan, loading->item, msg);
    }
    if (rc == ERR_NONE) {
        rc = interrupted(msg);
    }
    progress_end(&loading->progress);
    return rc == ERR_NONE ? finish_load(loading, msg) : rc;
}

static char *label_of(const struct table *table)
{
    char *label = memory_alloc(table->name.len + 1);

    memcpy(label, table->name.ptr, table->name.len);
    label[table->name.len] = '\0';
    return label;
}

static enum err load_table(const struct import_plan *plan, struct import_table *item,
                           struct source *source, struct rejects *rejects, struct errmsg *msg)
{
    unsigned columns = item->table->column_count;
    char *label = label_of(item->table);
    struct loading loading = {.plan = plan, .item = item, .rejects = rejects};
    int64_t started_ms = monotonic_ms();
    enum err rc;

    loading.values = memory_calloc(columns, sizeof loading.values[0]);
    loading.rooms = memory_calloc(columns, sizeof loading.rooms[0]);
    progress_begin(&loading.progress, label, "bytes", item->size_bytes);
    rejects_begin(rejects);
    rc = load_records(&loading, source, msg);
    source_load_abandon(loading.load);
    csv_close(loading.csv);
    free(loading.values);
    free(loading.rooms);
    free(label);
    item->took_ms = monotonic_ms() - started_ms;
    item->is_loaded = rc == ERR_NONE;
    return rc == ERR_NONE ? rc : err_wrap(msg, rc, "%s", item->path);
}

static enum err take_table(const struct import_plan *plan, struct import_table *item,
                           struct source *source, struct rejects *rejects, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    if (plan->options.resume) {
        rc = import_resume_table(plan, item, source, rejects, msg);
    }
    if (rc != ERR_NONE || item->is_skipped) {
        return rc;
    }
    return load_table(plan, item, source, rejects, msg);
}

enum err import_run(struct import_plan *plan, struct source *source, struct errmsg *msg)
{
    struct rejects *rejects;
    struct errmsg close_msg;
    enum err rc = rejects_open(plan->options.rejects_path, &rejects, msg);
    enum err close_rc;

    if (rc != ERR_NONE) {
        return rc;
    }
    for (unsigned i = 0; rc == ERR_NONE && i < plan->table_count; i++) {
        rc = take_table(plan, &plan->tables[i], source, rejects, msg);
    }
    close_rc = rejects_close(rejects, &close_msg);
    if (rc == ERR_NONE && close_rc != ERR_NONE) {
        *msg = close_msg;
        rc = close_rc;
    }
    if (rc == ERR_NONE && definition_has_action(plan->definition)) {
        rc = source_prepare(source, plan->definition, msg);
    }
    return rc == ERR_NONE ? source_settle(source, msg) : rc;
}
