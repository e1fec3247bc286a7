/* Nested rows: {rows, on, as, name, order, fields, value}. */
#include "definition/load.h"

#include "definition/wording.h"

/* The words of `as:`. `values` is a list whose items stand alone. */
enum shape_word { AS_LIST, AS_MAP, AS_VALUES };
static const char *const shape_words[] = {"list", "map", "values", NULL};

/* on: {CHILD_COLUMN: PARENT_COLUMN, ...} */
static enum err load_joins(const struct loader *loader, const struct yaml_node *node,
                           struct nested *nested)
{
    enum err rc = load_mapping(loader, node, "`on`", DEFINITION_JOINS_MAX);

    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        struct join *join = &nested->on[i];

        rc = load_name(loader, node->names[i], "a column of `on`", &join->child_column);
        if (rc == ERR_NONE) {
            rc = load_name(loader, node->items[i], "a column of `on`", &join->parent_column);
        }
        nested->on_count = i + 1;
    }
    return rc;
}

/* name: {from: COLUMN, type: integer} */
static enum err load_member_name(const struct loader *loader, const struct yaml_node *node,
                                 struct field *name)
{
    static const char *const members[] = {"from", "type", NULL};
    static const enum scalar_type types[] = {SCALAR_INTEGER, SCALAR_TEXT, SCALAR_BOOLEAN};
    const struct yaml_node *from = NULL;
    const struct yaml_node *type = NULL;
    enum scalar_type chosen = SCALAR_TEXT;
    enum err rc = yaml_expect_members(&loader->yaml, node, "`name`", members);

    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "`name`", "from", "{from: COLUMN, type: text}", &from);
    }
    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "`name`", "type", "{from: COLUMN, type: text}", &type);
    }
    if (rc == ERR_NONE) {
        rc = load_name(loader, from, "`from`", &name->column);
    }
    if (rc == ERR_NONE) {
        rc = load_scalar_type(loader, type, types, sizeof types / sizeof types[0], &chosen);
    }
    name->name = name->column;
    name->scalar.type = chosen;
    name->vector = -1;
    return rc;
}

static enum err load_shape(const struct loader *loader, const struct yaml_node *node,
                           struct nested *nested)
{
    const struct yaml_node *as = NULL;
    const struct yaml_node *name = yaml_get(node, "name");
    unsigned word = AS_LIST;
    enum err rc = load_required(loader, node, "a field of nested rows", "as", "as: list", &as);

    if (rc == ERR_NONE) {
        rc = load_word(loader, as, "`as`", shape_words, &word);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    nested->shape = word == AS_MAP ? NESTED_MAP : NESTED_LIST;
    if (word == AS_VALUES && yaml_get(node, "value") == NULL) {
        return yaml_error(&loader->yaml, as,
                          "`as: values` has no `value`; write value: FIELD, the one to answer");
    }
    if (word == AS_MAP && name == NULL) {
        return yaml_error(&loader->yaml, as,
                          "`as: map` has no `name`; write name: {from: COLUMN, type: text}");
    }
    if (word != AS_MAP && name != NULL) {
        return yaml_error(&loader->yaml, name,
                          "`name` belongs to `as: map`; leave it away, or write as: map");
    }
    return name == NULL ? ERR_NONE : load_member_name(loader, name, &nested->name);
}

/* value: FIELD */
static enum err load_value(const struct loader *loader, const struct yaml_node *node,
                           const struct field_list *list, struct nested *nested)
{
    struct slice name;
    int index;
    enum err rc = yaml_text(&loader->yaml, node, "`value`", &name);

    if (rc != ERR_NONE) {
        return rc;
    }
    index = field_find(list, name);
    if (index < 0) {
        return load_unknown_field(loader, node, name, list);
    }
    if (list->fields[index].is_hidden) {
        return yaml_error(&loader->yaml, node,
                          "%s is hidden; leave `hidden` away there, or name another field",
                          wording_quote(name).text);
    }
    nested->is_value = true;
    nested->value_field = (unsigned)index;
    return ERR_NONE;
}

static enum err load_nested_rows(const struct loader *loader, const struct yaml_node *node,
                                 struct nested *nested)
{
    const struct yaml_node *rows = NULL;
    const struct yaml_node *on = NULL;
    enum err rc =
        load_required(loader, node, "a field of nested rows", "rows", "rows: SELECT ...", &rows);

    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "a field of nested rows", "on",
                           "on: {COLUMN_HERE: COLUMN_ABOVE}", &on);
    }
    if (rc == ERR_NONE) {
        rc = load_sql(loader, rows, "`rows`", &nested->rows);
    }
    if (rc == ERR_NONE) {
        rc = load_joins(loader, on, nested);
    }
    if (rc == ERR_NONE) {
        rc = load_shape(loader, node, nested);
    }
    return rc;
}

static enum err load_nested_fields(struct loader *loader, const struct yaml_node *node,
                                   unsigned depth, struct nested *nested)
{
    const struct yaml_node *value = yaml_get(node, "value");
    const struct yaml_node *fields = NULL;
    const struct yaml_node *order = NULL;
    struct field_list list = {.count = 0};
    enum err rc = load_required(loader, node, "a field of nested rows", "fields",
                                "fields: {id: integer}", &fields);

    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "a field of nested rows", "order",
                           "order: [FIELD], and - before a field for descending", &order);
    }
    if (rc == ERR_NONE) {
        rc = load_fields(loader, fields, depth, &list);
    }
    if (rc == ERR_NONE) {
        rc = load_terms(loader, order, &list, &nested->order);
    }
    if (rc == ERR_NONE && value != NULL) {
        rc = load_value(loader, value, &list, nested);
    }
    nested->fields = list.fields;
    nested->field_count = list.count;
    return rc;
}

enum err load_nested(struct loader *loader, const struct yaml_node *node, unsigned depth,
                     struct nested **out)
{
    static const char *const members[] = {"rows",  "on",     "as",    "name",
                                          "order", "fields", "value", NULL};
    struct nested *nested = arena_calloc(loader->yaml.arena, 1, sizeof *nested);
    enum err rc;

    if (depth > DEFINITION_NESTING_MAX) {
        return yaml_error(&loader->yaml, node,
                          "rows are nested %u deep; at most %d fit, so join them in SQL", depth,
                          DEFINITION_NESTING_MAX);
    }
    rc = yaml_expect_members(&loader->yaml, node, "a field of nested rows", members);
    if (rc == ERR_NONE) {
        rc = load_nested_rows(loader, node, nested);
    }
    if (rc == ERR_NONE) {
        rc = load_nested_fields(loader, node, depth, nested);
    }
    if (rc == ERR_NONE) {
        *out = nested;
    }
    return rc;
}
