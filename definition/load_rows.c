/* rows: what a table without `file` begins with. */
#include "definition/load.h"

#include "definition/wording.h"

static const enum scalar_type scalars[] = {
    [COLUMN_INTEGER] = SCALAR_INTEGER, [COLUMN_TEXT] = SCALAR_TEXT,
    [COLUMN_BOOLEAN] = SCALAR_BOOLEAN, [COLUMN_TIMESTAMP] = SCALAR_TIMESTAMP,
    [COLUMN_DECIMAL] = SCALAR_DECIMAL, [COLUMN_NUMBER] = SCALAR_NUMBER,
    [COLUMN_URL] = SCALAR_TEXT,
};

static enum err check_cell(const struct loader *loader, const struct yaml_node *at,
                           const struct table *table, unsigned index, const struct value *value)
{
    const struct table_column *column = &table->columns[index];
    bool is_key = table->primary_key == (int)index;

    if (value->type == VALUE_NULL && (column->is_required || is_key)) {
        return yaml_error(&loader->yaml, at, "column %.*s needs a value; write %.*s: VALUE",
                          SLICE_ARG(column->name), SLICE_ARG(column->name));
    }
    if (value->type != VALUE_NULL && column->has_bounds &&
        (value->integer < column->least || value->integer > column->most)) {
        return yaml_error(&loader->yaml, at,
                          "column %.*s cannot be %lld; write a number within its bounds",
                          SLICE_ARG(column->name), (long long)value->integer);
    }
    return ERR_NONE;
}

static enum err load_cell(const struct loader *loader, const struct yaml_node *row,
                          const struct table *table, unsigned index, struct value *out)
{
    const struct table_column *column = &table->columns[index];
    struct scalar scalar = {.type = scalars[column->type], .scale = column->scale};
    char name[DEFINITION_NAME_MAX + 1];
    const struct yaml_node *node;
    enum err rc = ERR_NONE;

    memcpy(name, column->name.ptr, column->name.len);
    name[column->name.len] = '\0';
    node = yaml_get(row, name);
    *out = (struct value){.type = VALUE_NULL};
    if (node != NULL) {
        rc = load_constant(loader, node, name, &scalar, out);
    }
    if (rc == ERR_NONE) {
        rc = check_cell(loader, node == NULL ? row : node, table, index, out);
    }
    return rc;
}

static enum err check_names(const struct loader *loader, const struct yaml_node *row,
                            const struct table *table)
{
    struct slice names[DEFINITION_COLUMNS_MAX];

    for (unsigned i = 0; i < table->column_count; i++) {
        names[i] = table->columns[i].name;
    }
    for (unsigned i = 0; i < row->count; i++) {
        struct slice name = row->names[i]->text;
        unsigned at = 0;

        while (at < table->column_count && !slice_equal(names[at], name)) {
            at++;
        }
        if (at == table->column_count) {
            return load_unknown(loader, row->names[i], name, names, table->column_count,
                                "table %.*s has no column %s", SLICE_ARG(table->name),
                                wording_quote(name).text);
        }
    }
    return ERR_NONE;
}

static bool same_value(const struct value *a, const struct value *b)
{
    return a->type == VALUE_TEXT
               ? slice_equal(a->text, b->text)
               : a->integer == b->integer && !(a->real < b->real) && !(a->real > b->real);
}

static enum err check_key(const struct loader *loader, const struct yaml_node *row,
                          const struct table *table, unsigned index)
{
    const struct value *keys = table->rows + table->primary_key;

    for (unsigned i = 0; table->primary_key >= 0 && i < index; i++) {
        if (same_value(&keys[(size_t)i * table->column_count],
                       &keys[(size_t)index * table->column_count])) {
            return yaml_error(&loader->yaml, row,
                              "two rows have this %.*s; give each its own, it is the primary key",
                              SLICE_ARG(table->columns[table->primary_key].name));
        }
    }
    return ERR_NONE;
}

enum err load_rows(const struct loader *loader, const struct yaml_node *node, struct table *table)
{
    enum err rc = load_list(loader, node, "`rows`", DEFINITION_ROWS_MAX);

    if (rc != ERR_NONE) {
        return rc;
    }
    table->rows = arena_calloc(loader->yaml.arena, (size_t)node->count * table->column_count,
                               sizeof *table->rows);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        const struct yaml_node *row = node->items[i];
        struct value *values = table->rows + (size_t)i * table->column_count;

        rc = load_mapping(loader, row, "a row", DEFINITION_COLUMNS_MAX);
        if (rc == ERR_NONE) {
            rc = check_names(loader, row, table);
        }
        for (unsigned j = 0; rc == ERR_NONE && j < table->column_count; j++) {
            rc = load_cell(loader, row, table, j, &values[j]);
        }
        if (rc == ERR_NONE) {
            rc = check_key(loader, row, table, i);
        }
    }
    table->row_count = rc == ERR_NONE ? node->count : 0;
    return rc;
}
