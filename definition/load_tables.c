/* tables: what is imported, a CSV export a table; and what actions fill. */
#include "definition/load.h"

#include "definition/sample.h"
#include "definition/wording.h"

static const char *const column_types[] = {
    [COLUMN_INTEGER] = "integer", [COLUMN_TEXT] = "text",
    [COLUMN_BOOLEAN] = "boolean", [COLUMN_TIMESTAMP] = "timestamp",
    [COLUMN_DECIMAL] = "decimal", [COLUMN_NUMBER] = "number",
    [COLUMN_URL] = "url",         [COLUMN_URL + 1] = NULL,
};

static enum err load_bounds(struct loader *loader, const struct yaml_node *node,
                            struct table_column *column)
{
    const struct yaml_node *least = yaml_get(node, "least");
    const struct yaml_node *most = yaml_get(node, "most");
    enum err rc = ERR_NONE;

    column->least = INT64_MIN;
    column->most = INT64_MAX;
    column->has_bounds = least != NULL || most != NULL;
    if (column->has_bounds && column->type != COLUMN_INTEGER) {
        return yaml_error(&loader->yaml, least != NULL ? least : most,
                          "bounds belong to an integer, not to a %s; leave them away",
                          column_types[column->type]);
    }
    if (least != NULL) {
        rc = yaml_integer(&loader->yaml, least, "`least`", INT64_MIN, INT64_MAX, &column->least);
    }
    if (rc == ERR_NONE && most != NULL) {
        rc = yaml_integer(&loader->yaml, most, "`most`", INT64_MIN, INT64_MAX, &column->most);
    }
    if (rc == ERR_NONE && column->least > column->most) {
        return yaml_error(&loader->yaml, most,
                          "`most` %lld is less than `least` %lld; write the larger one as `most`",
                          (long long)column->most, (long long)column->least);
    }
    return rc;
}

static enum err load_column_members(struct loader *loader, const struct yaml_node *node,
                                    struct table_column *column)
{
    const struct yaml_node *header = yaml_get(node, "header");
    const struct yaml_node *required = yaml_get(node, "required");
    const struct yaml_node *sample = yaml_get(node, "sample");
    enum err rc = load_bounds(loader, node, column);

    if (rc == ERR_NONE && header != NULL) {
        rc = yaml_text(&loader->yaml, header, "`header`", &column->header);
    }
    if (rc == ERR_NONE && required != NULL) {
        rc = yaml_boolean(&loader->yaml, required, "`required`", &column->is_required);
    }
    if (rc == ERR_NONE && sample != NULL) {
        rc = sample_parse_column(&loader->yaml, sample, &column->sample);
    }
    return rc;
}

static enum err load_column_type(struct loader *loader, const struct yaml_node *node,
                                 const struct yaml_node *type, struct table_column *column)
{
    unsigned word = 0;
    enum err rc = load_word(loader, type, "the type of a column", column_types, &word);

    if (rc != ERR_NONE) {
        return rc;
    }
    column->type = (enum column_type)word;
    return load_scale(loader, node, type, column->type == COLUMN_DECIMAL, &column->scale);
}

static enum err load_column(struct loader *loader, const struct yaml_node *node,
                            struct table_column *column)
{
    static const char *const members[] = {"type",  "header", "scale",  "required",
                                          "least", "most",   "sample", NULL};
    const struct yaml_node *type = node;
    enum err rc;

    column->header = column->name;
    if (node->kind == YAML_SCALAR) {
        return load_column_type(loader, NULL, node, column);
    }
    rc = yaml_expect_members(&loader->yaml, node, "a column", members);
    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "a column", "type", "{type: integer}", &type);
    }
    if (rc == ERR_NONE) {
        rc = load_column_type(loader, node, type, column);
    }
    if (rc == ERR_NONE) {
        rc = load_column_members(loader, node, column);
    }
    return rc;
}

/* Two columns may not read the same place of the export. */
static enum err check_header(struct loader *loader, const struct yaml_node *at,
                             const struct table *table, unsigned index)
{
    for (unsigned i = 0; i < index; i++) {
        if (slice_equal(table->columns[i].header, table->columns[index].header)) {
            return yaml_error(
                &loader->yaml, at, "column %.*s has the header %s already; write another `header`",
                SLICE_ARG(table->columns[i].name), wording_quote(table->columns[i].header).text);
        }
    }
    return ERR_NONE;
}

static enum err load_columns(struct loader *loader, const struct yaml_node *node,
                             struct table *table)
{
    enum err rc = load_mapping(loader, node, "`columns`", DEFINITION_COLUMNS_MAX);

    if (rc != ERR_NONE) {
        return rc;
    }
    table->columns = arena_calloc(loader->yaml.arena, node->count, sizeof *table->columns);
    for (unsigned i = 0; i < node->count; i++) {
        struct table_column *column = &table->columns[i];

        rc = load_name(loader, node->names[i], "the name of a column", &column->name);
        if (rc == ERR_NONE) {
            rc = load_column(loader, node->items[i], column);
        }
        if (rc == ERR_NONE) {
            rc = check_header(loader, node->names[i], table, i);
        }
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    table->column_count = node->count;
    return ERR_NONE;
}

static enum err find_column(struct loader *loader, const struct yaml_node *node, const char *what,
                            const struct table *table, unsigned *out)
{
    struct slice names[DEFINITION_COLUMNS_MAX];
    struct slice wanted;
    enum err rc = yaml_text(&loader->yaml, node, what, &wanted);

    if (rc != ERR_NONE) {
        return rc;
    }
    for (unsigned i = 0; i < table->column_count; i++) {
        names[i] = table->columns[i].name;
        if (slice_equal(names[i], wanted)) {
            *out = i;
            return ERR_NONE;
        }
    }
    return load_unknown(loader, node, wanted, names, table->column_count,
                        "table %.*s has no column %s", SLICE_ARG(table->name),
                        wording_quote(wanted).text);
}

static enum err load_index(struct loader *loader, const struct yaml_node *node,
                           const struct table *table, struct table_index *index)
{
    enum err rc = load_list(loader, node, "an index", sizeof index->columns / sizeof(unsigned));

    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        rc = find_column(loader, node->items[i], "a column of an index", table, &index->columns[i]);
        for (unsigned j = 0; rc == ERR_NONE && j < i; j++) {
            if (index->columns[j] == index->columns[i]) {
                rc = yaml_error(&loader->yaml, node->items[i],
                                "column %.*s is in this index twice; keep one of them",
                                SLICE_ARG(node->items[i]->text));
            }
        }
    }
    index->column_count = rc == ERR_NONE ? node->count : 0;
    return rc;
}

static bool same_index(const struct table_index *a, const struct table_index *b)
{
    return a->column_count == b->column_count &&
           memcmp(a->columns, b->columns, a->column_count * sizeof a->columns[0]) == 0;
}

/* It would have the same name, and nobody needs it. */
static enum err check_index(struct loader *loader, const struct yaml_node *node,
                            const struct table *table, unsigned index)
{
    for (unsigned i = 0; i < index; i++) {
        if (same_index(&table->indexes[i], &table->indexes[index])) {
            return yaml_error(&loader->yaml, node,
                              "table %.*s has this index already; keep one of them",
                              SLICE_ARG(table->name));
        }
    }
    return ERR_NONE;
}

static enum err load_indexes(struct loader *loader, const struct yaml_node *node,
                             struct table *table)
{
    enum err rc = load_list(loader, node, "`indexes`", DEFINITION_INDEXES_MAX);

    if (rc != ERR_NONE) {
        return rc;
    }
    table->index_count = node->count;
    table->indexes = arena_calloc(loader->yaml.arena, node->count, sizeof *table->indexes);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        rc = load_index(loader, node->items[i], table, &table->indexes[i]);
        if (rc == ERR_NONE) {
            rc = check_index(loader, node->items[i], table, i);
        }
    }
    return rc;
}

/* The export lies in the folder given to the import, so a name with a slash is no name. */
static enum err load_file(struct loader *loader, const struct yaml_node *node, struct table *table)
{
    enum err rc = yaml_text(&loader->yaml, node, "`file`", &table->file);

    if (rc == ERR_NONE &&
        (table->file.len == 0 || table->file.len > DEFINITION_FILE_NAME_MAX ||
         table->file.ptr[0] == '.' || memchr(table->file.ptr, '/', table->file.len) != NULL)) {
        return yaml_error(&loader->yaml, node,
                          "`file` cannot be %s; write the name of the file alone, books.csv",
                          wording_quote(table->file).text);
    }
    return rc;
}

static enum err load_table_members(struct loader *loader, const struct yaml_node *node,
                                   struct table *table)
{
    const struct yaml_node *primary_key = yaml_get(node, "primary_key");
    const struct yaml_node *indexes = yaml_get(node, "indexes");
    const struct yaml_node *sample = yaml_get(node, "sample");
    unsigned column = 0;
    enum err rc = ERR_NONE;

    table->primary_key = -1;
    if (primary_key != NULL) {
        rc = find_column(loader, primary_key, "`primary_key`", table, &column);
        table->primary_key = (int)column;
    }
    if (rc == ERR_NONE && indexes != NULL) {
        rc = load_indexes(loader, indexes, table);
    }
    if (rc == ERR_NONE && sample != NULL) {
        rc = sample_parse_table(&loader->yaml, sample, &table->sample);
    }
    return rc;
}

/* What only an export and its imitation have. */
static enum err check_without_file(const struct loader *loader, const struct yaml_node *node,
                                   const struct yaml_node *columns)
{
    static const char *const of_table[] = {"sample", NULL};
    static const char *const of_column[] = {"header", "sample", NULL};
    enum err rc = load_refuse_members(loader, node, "this table has no `file`", of_table);

    for (unsigned i = 0; rc == ERR_NONE && i < columns->count; i++) {
        if (columns->items[i]->kind == YAML_MAPPING) {
            rc = load_refuse_members(loader, columns->items[i],
                                     "the table of this column has no `file`", of_column);
        }
    }
    return rc;
}

/* file: of a table that is imported; rows: of one that is not. */
static enum err load_origin(struct loader *loader, const struct yaml_node *node,
                            const struct yaml_node *columns, struct table *table)
{
    static const char *const of_rows[] = {"rows", NULL};
    const struct yaml_node *file = yaml_get(node, "file");
    const struct yaml_node *rows = yaml_get(node, "rows");
    enum err rc;

    table->file = slice_of("", 0);
    if (file != NULL) {
        rc = load_refuse_members(loader, node, "this table is filled from its `file`", of_rows);
        return rc == ERR_NONE ? load_file(loader, file, table) : rc;
    }
    rc = check_without_file(loader, node, columns);
    if (rc == ERR_NONE && rows != NULL) {
        rc = load_rows(loader, rows, table);
    }
    return rc;
}

static enum err load_table(struct loader *loader, const struct yaml_node *node, struct table *table)
{
    static const char *const members[] = {"file", "columns", "primary_key", "indexes",
                                          "rows", "sample",  NULL};
    const struct yaml_node *columns = NULL;
    enum err rc = yaml_expect_members(&loader->yaml, node, "a table", members);

    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "a table", "columns", "columns: {id: integer}", &columns);
    }
    if (rc == ERR_NONE) {
        rc = load_columns(loader, columns, table);
    }
    if (rc == ERR_NONE) {
        rc = load_table_members(loader, node, table);
    }
    if (rc == ERR_NONE) {
        rc = load_origin(loader, node, columns, table);
    }
    return rc;
}

enum err load_tables(struct loader *loader, const struct yaml_node *node)
{
    struct definition *definition = loader->definition;
    enum err rc = load_mapping(loader, node, "`tables`", DEFINITION_TABLES_MAX);

    if (rc != ERR_NONE) {
        return rc;
    }
    definition->table_count = node->count;
    definition->tables = arena_calloc(loader->yaml.arena, node->count, sizeof *definition->tables);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        struct table *table = &definition->tables[i];

        rc = load_name(loader, node->names[i], "the name of a table", &table->name);
        if (rc == ERR_NONE) {
            rc = load_table(loader, node->items[i], table);
        }
    }
    return rc;
}
