#include "builder/generate_plan.h"

/* The planned table of that name, or NULL. */
static struct plan_table *find_planned(const struct plan *plan, struct slice name)
{
    for (unsigned i = 0; i < plan->table_count; i++) {
        if (slice_equal(plan->tables[i].table->name, name)) {
            return &plan->tables[i];
        }
    }
    return NULL;
}

static enum err check_root(const struct definition *definition, struct errmsg *msg)
{
    const struct table *root = NULL;

    for (unsigned i = 0; i < definition->table_count; i++) {
        const struct table *table = &definition->tables[i];

        if (table->sample == NULL || !table->sample->is_root) {
            continue;
        }
        if (root != NULL) {
            return err_set(
                msg, ERR_DEFINITION,
                "two tables are the root of the samples: %.*s and %.*s; one only may say "
                "sample: {root: true}",
                SLICE_ARG(root->name), SLICE_ARG(table->name));
        }
        root = table;
    }
    if (root == NULL) {
        return err_set(msg, ERR_DEFINITION,
                       "no table is the root of the samples; one must say sample: {root: true}");
    }
    return ERR_NONE;
}

/* Whether TABLE can be planned now: its parents are. */
static bool is_ready(const struct plan *plan, const struct table *table)
{
    const struct table_sample *sample = table->sample;

    if (sample->is_root) {
        return true;
    }
    return plan->table_count > 0 && find_planned(plan, sample->each) != NULL &&
           (sample->with.len == 0 || find_planned(plan, sample->with) != NULL);
}

static void add_table(struct plan *plan, struct arena *arena, const struct table *table,
                      unsigned index, uint64_t seed)
{
    struct plan_table *planned = &plan->tables[plan->table_count];
    const struct table_sample *sample = table->sample;
    uint64_t stream = random_stream(seed, table->name);

    planned->table = table;
    planned->index = index;
    planned->mean = 1;
    planned->is_wanted = true;
    planned->row_stream = random_stream(stream, slice_str("rows"));
    planned->count_stream = random_stream(stream, slice_str("count"));
    planned->first = 1;
    if (!sample->is_root) {
        planned->each = find_planned(plan, sample->each);
        if (sample->with.len > 0) {
            planned->with = find_planned(plan, sample->with);
            planned->mean = planned->each->mean * planned->with->mean;
        } else {
            spread_init_rows(&planned->rows, arena, sample);
            planned->mean = planned->each->mean * sample->mean;
        }
    }
    plan->table_count++;
}

static enum err missing_parent(const struct plan *plan, const struct definition *definition,
                               struct errmsg *msg)
{
    for (unsigned i = 0; i < definition->table_count; i++) {
        const struct table *table = &definition->tables[i];
        struct slice parent;

        if (table->sample == NULL || find_planned(plan, table->name) != NULL) {
            continue;
        }
        parent = table->sample->each;
        if (find_planned(plan, parent) != NULL) {
            parent = table->sample->with;
        }
        return err_set(msg, ERR_DEFINITION,
                       "table %.*s: its sample names %.*s, which is no table with a sample that "
                       "leads to the root",
                       SLICE_ARG(table->name), SLICE_ARG(parent));
    }
    return ERR_NONE;
}

/* Orders the tables, the root first and parents before their children. */
static enum err order_tables(struct plan *plan, struct arena *arena,
                             const struct definition *definition, uint64_t seed, struct errmsg *msg)
{
    unsigned before;

    plan->tables = arena_calloc(arena, definition->table_count, sizeof *plan->tables);
    do {
        before = plan->table_count;
        for (unsigned i = 0; i < definition->table_count; i++) {
            const struct table *table = &definition->tables[i];

            if (table->sample != NULL && find_planned(plan, table->name) == NULL &&
                is_ready(plan, table)) {
                add_table(plan, arena, table, i, seed);
            }
        }
    } while (plan->table_count > before);
    return missing_parent(plan, definition, msg);
}

/* A table whose rows others name must number them. */
static enum err check_key(const struct plan_table *named, const struct plan_table *by,
                          struct errmsg *msg)
{
    const struct table *table = named->table;

    if (table->primary_key < 0 || table->columns[table->primary_key].sample == NULL ||
        table->columns[table->primary_key].sample->kind != SAMPLE_SEQUENCE) {
        return err_set(msg, ERR_DEFINITION,
                       "table %.*s: the rows of %.*s cannot be named; the primary key of %.*s must "
                       "have sample: sequence",
                       SLICE_ARG(by->table->name), SLICE_ARG(table->name), SLICE_ARG(table->name));
    }
    return ERR_NONE;
}

static enum err check_pick(const struct plan *plan, const struct plan_table *table,
                           const struct sample *sample, struct errmsg *msg)
{
    if (sample->kind != SAMPLE_PICK) {
        return ERR_NONE;
    }
    if (!slice_equal(sample->table, plan->tables[0].table->name)) {
        return err_set(msg, ERR_DEFINITION,
                       "table %.*s: pick takes keys of the root table only, which is %.*s",
                       SLICE_ARG(table->table->name), SLICE_ARG(plan->tables[0].table->name));
    }
    return check_key(&plan->tables[0], table, msg);
}

static enum err make_columns(struct plan *plan, struct plan_table *table, struct arena *arena,
                             uint64_t seed, struct errmsg *msg)
{
    const struct table *from = table->table;
    enum err rc = ERR_NONE;

    table->column_count = from->column_count;
    table->columns = arena_calloc(arena, from->column_count, sizeof *table->columns);
    table->row_size = 16;
    if (table->each != NULL) {
        rc = check_key(table->each, table, msg);
    }
    if (rc == ERR_NONE && table->with != NULL) {
        rc = check_key(table->with, table, msg);
    }
    for (unsigned i = 0; rc == ERR_NONE && i < from->column_count; i++) {
        struct plan_column *column = &table->columns[i];

        column->column = &from->columns[i];
        if (column->column->sample == NULL) {
            return err_set(msg, ERR_DEFINITION,
                           "table %.*s: column %.*s has no sample; say how to make it",
                           SLICE_ARG(from->name), SLICE_ARG(column->column->name));
        }
        column->sample = column->column->sample;
        rc = check_pick(plan, table, column->sample, msg);
        if (rc == ERR_NONE) {
            rc = plan_column_make(column, arena, table, seed, msg);
        }
        table->row_size += column->most_size + 1;
    }
    return rc;
}

/* Marks the tables of "books,loans" as wanted and all others as not. */
static enum err choose(struct plan *plan, const char *only, struct errmsg *msg)
{
    for (unsigned i = 0; i < plan->table_count; i++) {
        plan->tables[i].is_wanted = false;
    }
    while (*only != '\0') {
        size_t len = strcspn(only, ",");
        struct plan_table *table = find_planned(plan, slice_of(only, len));

        if (table == NULL) {
            return err_set(msg, ERR_USAGE, "--only: there is no table %.*s with a sample", (int)len,
                           only);
        }
        table->is_wanted = true;
        only += len;
        only += *only == ',';
    }
    return ERR_NONE;
}

enum err plan_make(struct plan *plan, struct arena *arena, const struct definition *definition,
                   uint64_t scale, uint64_t seed, const char *only, struct errmsg *msg)
{
    enum err rc = check_root(definition, msg);

    memset(plan, 0, sizeof *plan);
    plan->scale = scale;
    if (rc == ERR_NONE) {
        rc = order_tables(plan, arena, definition, seed, msg);
    }
    for (unsigned i = 0; rc == ERR_NONE && i < plan->table_count; i++) {
        rc = make_columns(plan, &plan->tables[i], arena, seed, msg);
    }
    if (rc == ERR_NONE && only != NULL) {
        rc = choose(plan, only, msg);
    }
    if (rc == ERR_NONE) {
        plan->words = vocabulary_new(arena);
    }
    return rc;
}

uint64_t plan_expected_rows(const struct plan *plan)
{
    double rows = 0;

    for (unsigned i = 0; i < plan->table_count; i++) {
        rows += plan->tables[i].is_wanted ? plan->tables[i].mean : 0;
    }
    return (uint64_t)(rows * (double)plan->scale);
}
