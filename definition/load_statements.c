/* run: the statements of an action, and what comes back from them. */
#include "definition/load_action.h"

#include "definition/wording.h"

static enum err load_each(struct action_loading *loading, const struct yaml_node *node,
                          struct statement *statement)
{
    const struct action *action = loading->action;
    struct slice names[ACTION_TAKES_MAX];
    unsigned count = 0;
    struct slice name;
    enum err rc = yaml_text(&loading->loader->yaml, node, "`each`", &name);

    if (rc != ERR_NONE) {
        return rc;
    }
    for (unsigned i = 0; i < action->take_count; i++) {
        if (action->takes[i].shape != TAKE_ONE) {
            names[count++] = action->takes[i].name;
            if (slice_equal(action->takes[i].name, name)) {
                statement->each = (int)i;
                return ERR_NONE;
            }
        }
    }
    if (count == 0) {
        return yaml_error(&loading->loader->yaml, node,
                          "no value is a list or a map; take %s with {body: ..., type: list, of: "
                          "...}, or leave `each` away",
                          wording_quote(name).text);
    }
    return load_unknown(loading->loader, node, name, names, count, "%s is no list and no map",
                        wording_quote(name).text);
}

/* TYPE, or {type: TYPE, scale: 2, text: true} */
static enum err load_column_type(const struct loader *loader, const struct yaml_node *node,
                                 struct scalar *out)
{
    static const char *const members[] = {"type", "scale", "text", NULL};
    static const enum scalar_type types[] = {SCALAR_INTEGER, SCALAR_BOOLEAN, SCALAR_TIMESTAMP,
                                             SCALAR_DECIMAL, SCALAR_NUMBER,  SCALAR_TEXT};
    const struct yaml_node *type = node;
    const struct yaml_node *mapping = node->kind == YAML_SCALAR ? NULL : node;
    enum err rc = ERR_NONE;

    if (mapping != NULL) {
        rc = yaml_expect_members(&loader->yaml, node, "a column that comes back", members);
        if (rc == ERR_NONE) {
            rc = load_required(loader, node, "a column that comes back", "type", "{type: integer}",
                               &type);
        }
    }
    if (rc == ERR_NONE) {
        rc = load_scalar_type(loader, type, types, sizeof types / sizeof types[0], &out->type);
    }
    if (rc == ERR_NONE) {
        rc = load_scale(loader, mapping, type, out->type == SCALAR_DECIMAL, &out->scale);
    }
    if (rc == ERR_NONE && mapping != NULL) {
        rc = load_quoted(loader, mapping, out);
    }
    return rc;
}

/* returns: and rows:, NAME: TYPE in the order of the columns. */
static enum err load_columns(const struct action_loading *loading, const struct yaml_node *node,
                             struct statement *statement)
{
    const struct loader *loader = loading->loader;
    enum err rc =
        load_mapping(loader, node, statement->is_rows ? "`rows`" : "`returns`", ACTION_RETURNS_MAX);

    if (rc != ERR_NONE) {
        return rc;
    }
    statement->returns = arena_calloc(loader->yaml.arena, node->count, sizeof *statement->returns);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        struct returned *column = &statement->returns[i];

        if (statement->is_rows) {
            rc = load_name(loader, node->names[i], "a column of `rows`", &column->name);
        } else {
            rc = action_load_name(loading, node->names[i], "a column of `returns`", &column->name);
        }
        if (rc == ERR_NONE) {
            rc = load_column_type(loader, node->items[i], &column->scalar);
        }
    }
    statement->return_count = node->count;
    return rc;
}

static enum err load_results(const struct action_loading *loading, const struct yaml_node *node,
                             struct statement *statement)
{
    static const char *const of_once[] = {"returns", "rows", NULL};
    static const char *const of_few[] = {"returns", NULL};
    const struct yaml_node *rows = yaml_get(node, "rows");
    const struct yaml_node *returns = yaml_get(node, "returns");
    const struct action *action = loading->action;
    enum err rc = ERR_NONE;

    statement->is_rows = rows != NULL;
    if (statement->each >= 0) {
        rc = load_refuse_members(loading->loader, node, "this is run for each item", of_once);
    } else if (rows != NULL) {
        rc = load_refuse_members(loading->loader, node, "this statement has `rows`", of_few);
    }
    if (rc == ERR_NONE && rows != NULL && action->rows >= 0) {
        return yaml_error(&loading->loader->yaml, rows,
                          "statement %d has `rows` already, and $rows is of one; write `returns`",
                          action->rows + 1);
    }
    if (rc == ERR_NONE && (rows != NULL || returns != NULL)) {
        rc = load_columns(loading, rows != NULL ? rows : returns, statement);
    }
    return rc;
}

static enum err load_statement(struct action_loading *loading, const struct yaml_node *node,
                               struct statement *statement, bool *reads)
{
    static const char *const members[] = {"sql", "each", "returns", "rows", "missing", NULL};
    const struct loader *loader = loading->loader;
    const struct yaml_node *each = yaml_get(node, "each");
    const struct yaml_node *missing = yaml_get(node, "missing");
    const struct yaml_node *sql = node;
    enum err rc = ERR_NONE;

    statement->each = -1;
    statement->missing.text = slice_of("", 0);
    if (node->kind == YAML_SCALAR) {
        return load_bindings(loading, node, statement, reads);
    }
    rc = yaml_expect_members(&loader->yaml, node, "a statement", members);
    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "a statement", "sql", "sql: INSERT INTO ...", &sql);
    }
    if (rc == ERR_NONE && each != NULL) {
        rc = load_each(loading, each, statement);
    }
    if (rc == ERR_NONE) {
        rc = load_results(loading, node, statement);
    }
    if (rc == ERR_NONE) {
        rc = load_bindings(loading, sql, statement, reads);
    }
    if (rc == ERR_NONE && missing != NULL) {
        rc = load_failure(loader, missing, "`missing`", &statement->missing);
    }
    return rc;
}

enum err load_statements(struct action_loading *loading, const struct yaml_node *node)
{
    struct action *action = loading->action;
    enum err rc = load_list(loading->loader, node, "`run`", ACTION_STATEMENTS_MAX);

    action->rows = -1;
    action->only_reads = true;
    if (rc != ERR_NONE) {
        return rc;
    }
    action->statements =
        arena_calloc(loading->loader->yaml.arena, node->count, sizeof *action->statements);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        bool reads = false;

        rc = load_statement(loading, node->items[i], &action->statements[i], &reads);
        if (rc == ERR_NONE) {
            action->rows = action->statements[i].is_rows ? (int)i : action->rows;
            action->only_reads = action->only_reads && reads;
            action->statement_count++;
        }
    }
    return rc;
}
