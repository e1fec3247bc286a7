/* fields: the members of an answer object. */
#include "definition/load.h"

#include "base/json.h"
#include "definition/wording.h"

static const enum scalar_type all_types[] = {
    SCALAR_INTEGER, SCALAR_BOOLEAN, SCALAR_TIMESTAMP, SCALAR_DECIMAL,
    SCALAR_NUMBER,  SCALAR_RATIO,   SCALAR_TEXT,
};

enum { TYPE_COUNT = sizeof all_types / sizeof all_types[0] };

enum err load_scalar_type(const struct loader *loader, const struct yaml_node *node,
                          const enum scalar_type *allowed, unsigned count, enum scalar_type *out)
{
    struct slice names[TYPE_COUNT];
    struct slice text;
    enum err rc = yaml_text(&loader->yaml, node, "`type`", &text);

    if (rc != ERR_NONE) {
        return rc;
    }
    for (unsigned i = 0; i < count; i++) {
        names[i] = slice_str(scalar_type_name(allowed[i]));
        if (slice_equal(names[i], text)) {
            *out = allowed[i];
            return ERR_NONE;
        }
    }
    return load_unknown(loader, node, text, names, count, "`type` cannot be %s here",
                        wording_quote(text).text);
}

int field_find(const struct field_list *list, struct slice name)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (slice_equal(list->fields[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

enum err load_unknown_field(const struct loader *loader, const struct yaml_node *at,
                            struct slice name, const struct field_list *list)
{
    struct slice names[DEFINITION_FIELDS_MAX];

    for (unsigned i = 0; i < list->count; i++) {
        names[i] = list->fields[i].name;
    }
    return load_unknown(loader, at, name, names, list->count, "there is no field %s here",
                        wording_quote(name).text);
}

/* Names in answers may be any text that a person can read: "default?", "Größe". */
static enum err load_field_name(const struct loader *loader, const struct yaml_node *node,
                                struct slice *out)
{
    struct slice name = node->text;
    bool is_fit = name.len > 0 && name.len <= DEFINITION_FIELD_NAME_MAX && utf8_is_valid(name);

    for (size_t i = 0; is_fit && i < name.len; i++) {
        is_fit = (unsigned char)name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f;
    }
    if (!is_fit) {
        return yaml_error(&loader->yaml, node,
                          "a field cannot have the name %s; write 1 to %d bytes without control "
                          "characters",
                          wording_quote(name).text, DEFINITION_FIELD_NAME_MAX);
    }
    *out = name;
    return ERR_NONE;
}

/* `from:`, or the field's own name when that can be a column. */
static enum err load_column_name(const struct loader *loader, const struct yaml_node *at,
                                 const struct yaml_node *from, const char *type,
                                 struct field *field)
{
    if (from != NULL) {
        return load_name(loader, from, "`from`", &field->column);
    }
    if (!name_is_valid(field->name)) {
        return yaml_error(&loader->yaml, at,
                          "%s cannot be the name of a column; write {from: COLUMN, type: %s}",
                          wording_quote(field->name).text, type);
    }
    field->column = field->name;
    return ERR_NONE;
}

/* `of: [TOTAL, COUNT]` of a ratio. */
static enum err load_ratio(const struct loader *loader, const struct yaml_node *node,
                           struct field *field)
{
    const struct yaml_node *from = yaml_get(node, "from");
    const struct yaml_node *of = NULL;
    enum err rc;

    if (from != NULL) {
        return yaml_error(&loader->yaml, from,
                          "a ratio has no `from`; write of: [TOTAL, COUNT], two columns");
    }
    rc = load_required(loader, node, "a ratio", "of", "of: [TOTAL, COUNT], two columns", &of);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (of->kind != YAML_SEQUENCE || of->count != 2) {
        return yaml_error(&loader->yaml, of, "`of` must be two columns; write of: [TOTAL, COUNT]");
    }
    rc = load_name(loader, of->items[0], "the total of a ratio", &field->column);
    if (rc == ERR_NONE) {
        rc = load_name(loader, of->items[1], "the count of a ratio", &field->divisor);
    }
    return rc;
}

static bool may_be_quoted(enum scalar_type type)
{
    return type == SCALAR_INTEGER || type == SCALAR_BOOLEAN || type == SCALAR_NUMBER;
}

enum err load_quoted(const struct loader *loader, const struct yaml_node *mapping,
                     struct scalar *scalar)
{
    const struct yaml_node *text = yaml_get(mapping, "text");
    enum err rc = ERR_NONE;

    if (text != NULL) {
        rc = yaml_boolean(&loader->yaml, text, "`text`", &scalar->is_quoted);
    }
    if (rc == ERR_NONE && scalar->is_quoted && !may_be_quoted(scalar->type)) {
        return yaml_error(&loader->yaml, text, "a %s is between quotes already; leave `text` away",
                          scalar_type_name(scalar->type));
    }
    return rc;
}

static enum err load_flags(const struct loader *loader, const struct yaml_node *node,
                           struct field *field)
{
    const struct yaml_node *hidden = yaml_get(node, "hidden");
    enum err rc = load_quoted(loader, node, &field->scalar);

    if (rc == ERR_NONE && hidden != NULL) {
        rc = yaml_boolean(&loader->yaml, hidden, "`hidden`", &field->is_hidden);
    }
    return rc;
}

/* TYPE, or {from: COLUMN, type: TYPE, ...}, or {type: ratio, of: [TOTAL, COUNT], ...} */
static enum err load_scalar_field(const struct loader *loader, const struct yaml_node *name,
                                  const struct yaml_node *node, struct field *field)
{
    const struct yaml_node *type = node->kind == YAML_SCALAR ? node : yaml_get(node, "type");
    const struct yaml_node *members = node->kind == YAML_SCALAR ? NULL : node;
    enum scalar_type chosen = SCALAR_TEXT;
    bool is_ratio;
    enum err rc = load_scalar_type(loader, type, all_types, TYPE_COUNT, &chosen);

    if (rc != ERR_NONE) {
        return rc;
    }
    field->scalar.type = chosen;
    is_ratio = chosen == SCALAR_RATIO;
    rc = load_scale(loader, members, type, is_ratio || chosen == SCALAR_DECIMAL,
                    &field->scalar.scale);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (!is_ratio && members != NULL && yaml_get(members, "of") != NULL) {
        return yaml_error(&loader->yaml, yaml_get(members, "of"),
                          "`of` belongs to a ratio; write type: ratio, or `from` in its place");
    }
    if (is_ratio) { /* has members, because it has a scale */
        rc = load_ratio(loader, members, field);
    } else {
        rc = load_column_name(loader, name, members == NULL ? NULL : yaml_get(members, "from"),
                              scalar_type_name(chosen), field);
    }
    if (rc == ERR_NONE && members != NULL) {
        rc = load_flags(loader, members, field);
    }
    return rc;
}

static enum err load_field(struct loader *loader, const struct yaml_node *name,
                           const struct yaml_node *node, unsigned depth, struct field *field)
{
    static const char *const members[] = {"type", "from", "of", "scale", "text", "hidden", NULL};
    enum err rc = load_field_name(loader, name, &field->name);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (yaml_get(node, "rows") != NULL || yaml_get(node, "fields") != NULL) {
        field->scalar.type = SCALAR_TEXT;
        field->column = slice_of("", 0);
        return load_nested(loader, node, depth + 1, &field->nested);
    }
    if (node->kind != YAML_SCALAR) {
        rc = yaml_expect_members(&loader->yaml, node, "a field", members);
    }
    if (rc == ERR_NONE && node->kind != YAML_SCALAR && yaml_get(node, "type") == NULL) {
        return yaml_error(&loader->yaml, node,
                          "a field has neither `type` nor `rows`; write {type: text}, or rows: "
                          "SELECT ... for nested rows");
    }
    if (rc == ERR_NONE) {
        rc = load_scalar_field(loader, name, node, field);
    }
    return rc;
}

enum err load_fields(struct loader *loader, const struct yaml_node *node, unsigned depth,
                     struct field_list *out)
{
    struct field_list list = {.count = 0};
    enum err rc = load_mapping(loader, node, "`fields`", DEFINITION_FIELDS_MAX);

    if (rc != ERR_NONE) {
        return rc;
    }
    list.fields = arena_calloc(loader->yaml.arena, node->count, sizeof *list.fields);
    for (; list.count < node->count; list.count++) {
        struct field *field = &list.fields[list.count];

        rc = load_field(loader, node->names[list.count], node->items[list.count], depth, field);
        if (rc != ERR_NONE) {
            return rc;
        }
        field->vector = field->is_hidden ? -1 : (int)list.visible++;
    }
    if (list.visible == 0) {
        return yaml_error(&loader->yaml, node,
                          "every field is hidden; leave `hidden` away at one of them");
    }
    *out = list;
    return ERR_NONE;
}
