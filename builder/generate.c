#include "builder/generate.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/progress.h"
#include "builder/generate_dirt.h"
#include "builder/generate_output.h"
#include "builder/generate_plan.h"

enum { ARENA_BLOCK = 256 * 1024, PROGRESS_ROWS = 16384 };

struct run {
    const struct generate_options *options;
    struct arena arena;
    struct plan plan;
    struct output *outputs; /* one a planned table; unopened when it is not wanted */
    struct dirt *dirts;
    uint32_t *ends; /* where the fields of the row end; for the widest table */
    struct progress progress;
    uint64_t unreported; /* rows made since the bar heard of any */
};

const struct table *generate_root(const struct definition *definition)
{
    for (unsigned i = 0; i < definition->table_count; i++) {
        const struct table_sample *sample = definition->tables[i].sample;

        if (sample != NULL && sample->is_root) {
            return &definition->tables[i];
        }
    }
    return NULL;
}

/* A header name, in quotes when it holds a comma or a quote. */
static void add_name(struct buffer *out, struct slice name)
{
    if (memchr(name.ptr, ',', name.len) == NULL && memchr(name.ptr, '"', name.len) == NULL) {
        buffer_append_slice(out, name);
    } else {
        buffer_append_quoted(out, name, '"');
    }
}

static void add_header(struct buffer *out, const struct plan_table *table, bool has_dirt)
{
    if (has_dirt && dirt_has_mark(table->index)) {
        buffer_append_str(out, "\xef\xbb\xbf");
    }
    for (unsigned i = 0; i < table->column_count; i++) {
        if (i > 0) {
            buffer_append_byte(out, ',');
        }
        add_name(out, table->columns[i].column->header);
    }
}

static enum err open_table(struct run *run, unsigned i, const char *dir, struct errmsg *msg)
{
    struct plan_table *table = &run->plan.tables[i];
    struct output *output = &run->outputs[i];
    char *path = path_join(dir, "%.*s", SLICE_ARG(table->table->file));
    struct buffer header;
    enum err rc;

    if (run->options->has_dirt) {
        dirt_init(&run->dirts[i], &run->arena, table, run->options->seed);
        table->row_size += DIRT_EXTRA_MAX;
    }
    buffer_init(&header, DEFINITION_SIZE_MAX);
    add_header(&header, table, run->options->has_dirt);
    rc = output_open(output, path, table->row_size + header.len, msg);
    if (rc == ERR_NONE) {
        memcpy(output->ptr, header.ptr, header.len);
        output->len = header.len;
    }
    if (rc == ERR_NONE && run->options->has_dirt && dirt_has_crlf(table->index)) {
        output->line_end = "\r\n";
        output->line_end_len = 2;
    }
    buffer_free(&header);
    return rc;
}

static enum err open_tables(struct run *run, const char *dir, struct errmsg *msg)
{
    enum err rc = dir_make(dir, msg);
    unsigned widest = 1;

    run->outputs = arena_calloc(&run->arena, run->plan.table_count, sizeof *run->outputs);
    run->dirts = arena_calloc(&run->arena, run->plan.table_count, sizeof *run->dirts);
    for (unsigned i = 0; rc == ERR_NONE && i < run->plan.table_count; i++) {
        unsigned columns = run->plan.tables[i].column_count;

        widest = columns > widest ? columns : widest;
        if (run->plan.tables[i].is_wanted) {
            rc = open_table(run, i, dir, msg);
        }
    }
    run->ends = arena_calloc(&run->arena, widest, sizeof *run->ends);
    return rc;
}

/* Writes the record that was held back to change places with the one before it. */
static enum err write_held(struct output *output, struct dirt *dirt, struct errmsg *msg)
{
    char *p;
    enum err rc = output_row(output, dirt->held.len, &p, msg);

    if (rc == ERR_NONE) {
        memcpy(p, dirt->held.ptr, dirt->held.len);
        output->len += dirt->held.len;
        buffer_clear(&dirt->held);
    }
    return rc;
}

static enum err soil(struct run *run, struct output *output, struct dirt *dirt, struct slice row,
                     struct errmsg *msg)
{
    bool had_held = dirt->held.len > 0;
    bool is_held;
    struct slice text = dirt_apply(dirt, row, run->ends, &is_held);

    if (is_held) {
        output->len -= output->line_end_len; /* stands before this row, which moves away */
        return ERR_NONE;
    }
    if (text.ptr != row.ptr) {
        memcpy(output->ptr + output->len, text.ptr, text.len);
    }
    output->len += text.len;
    return had_held ? write_held(output, dirt, msg) : ERR_NONE;
}

static enum err make_row(struct run *run, unsigned index, struct generate_row *row,
                         struct errmsg *msg)
{
    struct plan_table *table = &run->plan.tables[index];
    struct output *output = &run->outputs[index];
    char *start = NULL;
    char *p;
    enum err rc = output_row(output, table->row_size, &start, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    p = start;
    for (unsigned i = 0; i < table->column_count; i++) {
        if (i > 0) {
            *p++ = ',';
        }
        p = generate_cell(&run->plan, &table->columns[i], row, p);
        run->ends[i] = (uint32_t)(p - start);
    }
    output->row_count++;
    if (run->options->has_dirt) {
        return soil(run, output, &run->dirts[index], slice_of(start, (size_t)(p - start)), msg);
    }
    output->len += (size_t)(p - start);
    return ERR_NONE;
}

/* How many rows the parent of that key has. */
static uint64_t count_rows(const struct run *run, const struct plan_table *table, uint64_t parent)
{
    uint64_t line;

    if (table->with != NULL) {
        return table->with->count;
    }
    line = table->each == &run->plan.tables[0] ? run->plan.scale : 0;
    return spread_pick(&table->rows, spread_place(table->count_stream, parent - 1, line));
}

/* The rows of one parent; PARENT is 0 for the one row of the root table. */
static enum err make_rows_of(struct run *run, unsigned index, uint64_t parent,
                             struct random *random, struct errmsg *msg)
{
    struct plan_table *table = &run->plan.tables[index];
    uint64_t count = parent == 0 ? 1 : count_rows(run, table, parent);
    struct generate_row row = {.parent = parent, .count = (unsigned)count, .random = *random};
    enum err rc = ERR_NONE;

    for (uint64_t i = 0; table->is_wanted && rc == ERR_NONE && i < count; i++) {
        row.id = table->first + table->count + i;
        row.index = (unsigned)i;
        row.with = table->with == NULL ? 0 : table->with->first + i;
        rc = make_row(run, index, &row, msg);
    }
    *random = row.random;
    table->count += count;
    return rc;
}

/* All rows of one table under one row of the root. */
static enum err make_rows(struct run *run, unsigned index, uint64_t root, struct errmsg *msg)
{
    struct plan_table *table = &run->plan.tables[index];
    struct random random = random_start(table->row_stream, root);
    enum err rc = ERR_NONE;

    table->first += table->count;
    table->count = 0;
    if (table->each == NULL) {
        rc = make_rows_of(run, index, 0, &random, msg);
    } else {
        for (uint64_t i = 0; rc == ERR_NONE && i < table->each->count; i++) {
            rc = make_rows_of(run, index, table->each->first + i, &random, msg);
        }
    }
    run->unreported += table->is_wanted ? table->count : 0;
    return rc;
}

static enum err make_all(struct run *run, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    for (uint64_t root = 1; rc == ERR_NONE && root <= run->plan.scale; root++) {
        for (unsigned i = 0; rc == ERR_NONE && i < run->plan.table_count; i++) {
            rc = make_rows(run, i, root, msg);
        }
        if (run->unreported >= PROGRESS_ROWS || root == run->plan.scale) {
            progress_add(&run->progress, run->unreported);
            run->unreported = 0;
        }
    }
    return rc;
}

static enum err close_tables(struct run *run, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    for (unsigned i = 0; rc == ERR_NONE && i < run->plan.table_count; i++) {
        const struct plan_table *table = &run->plan.tables[i];
        bool has_dirt = run->options->has_dirt;

        if (!table->is_wanted) {
            continue;
        }
        if (run->dirts[i].held.len > 0) {
            rc = write_held(&run->outputs[i], &run->dirts[i], msg);
        }
        if (rc == ERR_NONE) {
            rc = output_close(&run->outputs[i], !has_dirt || !dirt_has_no_last_end(table->index),
                              msg);
        }
    }
    return rc;
}

/* In the order of the definition, not in that of the plan. */
static void fill_report(const struct run *run, const struct definition *definition,
                        struct generate_report *report)
{
    report->tables = memory_calloc(run->plan.table_count, sizeof *report->tables);
    report->table_count = 0;
    for (unsigned index = 0; index < definition->table_count; index++) {
        for (unsigned i = 0; i < run->plan.table_count; i++) {
            const struct plan_table *table = &run->plan.tables[i];

            if (table->index == index && table->is_wanted) {
                report->tables[report->table_count++] = (struct generate_table_report){
                    table->table->name, run->outputs[i].row_count, run->outputs[i].byte_count};
            }
        }
    }
}

static void end_run(struct run *run, bool is_kept)
{
    for (unsigned i = 0; run->outputs != NULL && i < run->plan.table_count; i++) {
        if (is_kept) {
            output_free(&run->outputs[i]);
        } else {
            output_abandon(&run->outputs[i]);
        }
        dirt_free(&run->dirts[i]);
    }
    arena_free(&run->arena);
}

enum err generate_exports(const struct definition *definition,
                          const struct generate_options *options, const char *dir,
                          struct generate_report *report, struct errmsg *msg)
{
    struct run run = {.options = options};
    int64_t started_ms = monotonic_ms();
    enum err rc;

    arena_init(&run.arena, ARENA_BLOCK);
    rc = plan_make(&run.plan, &run.arena, definition, options->scale, options->seed, options->only,
                   msg);
    if (rc == ERR_NONE) {
        rc = open_tables(&run, dir, msg);
    }
    if (rc == ERR_NONE) {
        progress_begin(&run.progress, "generate", "rows", plan_expected_rows(&run.plan));
        rc = make_all(&run, msg);
        progress_end(&run.progress);
    }
    if (rc == ERR_NONE) {
        rc = close_tables(&run, msg);
    }
    if (rc == ERR_NONE) {
        fill_report(&run, definition, report);
        report->elapsed_ms = monotonic_ms() - started_ms;
    }
    end_run(&run, rc == ERR_NONE);
    return rc;
}
