/* expect: what the answer to a golden request must be, as a tree beside the JSON. */
#include "definition/load.h"

#include "base/json.h"
#include "definition/wording.h"

/* JSON holds numbers up to here exactly. */
#define BOUND_MAX 9007199254740991LL

static const struct {
    const char *name;
    enum expectation_kind kind;
} types[] = {
    {"$any", EXPECT_ANY},         {"$number", EXPECT_NUMBER}, {"$text", EXPECT_TEXT},
    {"$boolean", EXPECT_BOOLEAN}, {"$list", EXPECT_LIST},     {"$object", EXPECT_OBJECT},
};

enum { TYPE_COUNT = sizeof types / sizeof types[0] };

static bool begins_with_dollar(struct slice text)
{
    return text.len > 0 && text.ptr[0] == '$' && !(text.len > 1 && text.ptr[1] == '$');
}

/* "$$5" is "$5". */
static struct slice without_escape(struct slice text)
{
    bool is_escaped = text.len > 1 && text.ptr[0] == '$' && text.ptr[1] == '$';

    return is_escaped ? slice_of(text.ptr + 1, text.len - 1) : text;
}

/* $number and the like. */
static enum err load_type(const struct loader *loader, const struct yaml_node *node,
                          struct expectation *out)
{
    struct slice names[TYPE_COUNT];

    for (unsigned i = 0; i < TYPE_COUNT; i++) {
        if (slice_is(node->text, types[i].name)) {
            out->kind = types[i].kind;
            return ERR_NONE;
        }
        names[i] = slice_str(types[i].name);
    }
    return load_unknown(loader, node, node->text, names, TYPE_COUNT,
                        "%s is no type of value, and $$ begins a text with a dollar",
                        wording_quote(node->text).text);
}

static enum err load_value(const struct loader *loader, const struct yaml_node *node,
                           struct expectation *out)
{
    struct buffer json;

    if (node->text.len == 0 && node->is_plain) {
        return yaml_error(&loader->yaml, node,
                          "a value is missing; write null, or \"\" for an empty text");
    }
    if (begins_with_dollar(node->text)) {
        return load_type(loader, node, out);
    }
    out->kind = EXPECT_VALUE;
    if (is_json_literal(node)) {
        out->json = node->text;
        return ERR_NONE;
    }
    buffer_init(&json, (size_t)DEFINITION_SIZE_MAX * 6 + 2); /* escaped: at most six times */
    json_write_string(&json, without_escape(node->text));
    out->json = arena_copy(loader->yaml.arena, buffer_slice(&json));
    buffer_free(&json);
    return ERR_NONE;
}

static enum err load_bound(const struct loader *loader, const struct yaml_node *mapping,
                           const char *name, int64_t *out)
{
    const struct yaml_node *node = yaml_get(mapping, name);

    return node == NULL ? ERR_NONE
                        : yaml_integer(&loader->yaml, node, name, -BOUND_MAX, BOUND_MAX, out);
}

/* What items of a list must be: *OUT stays NULL when MAPPING has no member NAME. */
static enum err load_of_items(const struct loader *loader, const struct yaml_node *mapping,
                              const char *name, struct expectation **out)
{
    const struct yaml_node *node = yaml_get(mapping, name);

    if (node == NULL) {
        return ERR_NONE;
    }
    *out = arena_calloc(loader->yaml.arena, 1, sizeof **out);
    return load_expectation(loader, node, *out);
}

/* {$least: 1, $most: 5, $each: ..., $some: ...} */
static enum err load_conditions(const struct loader *loader, const struct yaml_node *node,
                                struct expectation *out)
{
    static const char *const members[] = {"$least", "$most", "$each", "$some", NULL};
    enum err rc = yaml_expect_members(&loader->yaml, node, "a condition", members);

    out->kind = EXPECT_CONDITIONS;
    out->least = INT64_MIN;
    out->most = INT64_MAX;
    if (rc == ERR_NONE) {
        rc = load_bound(loader, node, "$least", &out->least);
    }
    if (rc == ERR_NONE) {
        rc = load_bound(loader, node, "$most", &out->most);
    }
    if (rc == ERR_NONE && out->least > out->most) {
        rc = yaml_error(&loader->yaml, node, "$least is more than $most; change one of them");
    }
    if (rc == ERR_NONE) {
        rc = load_of_items(loader, node, "$each", &out->each);
    }
    if (rc == ERR_NONE) {
        rc = load_of_items(loader, node, "$some", &out->some);
    }
    return rc;
}

static bool has_conditions(const struct yaml_node *mapping)
{
    for (unsigned i = 0; i < mapping->count; i++) {
        if (begins_with_dollar(mapping->names[i]->text)) {
            return true;
        }
    }
    return false;
}

/* Members of an object, or items of a list. */
static enum err load_parts(const struct loader *loader, const struct yaml_node *node,
                           struct expectation *out)
{
    bool is_mapping = node->kind == YAML_MAPPING;
    enum err rc = ERR_NONE;

    out->kind = is_mapping ? EXPECT_MEMBERS : EXPECT_ITEMS;
    out->count = node->count;
    out->items = arena_calloc(loader->yaml.arena, node->count, sizeof *out->items);
    out->names = arena_calloc(loader->yaml.arena, node->count, sizeof *out->names);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        if (is_mapping) {
            out->names[i] = without_escape(node->names[i]->text);
        }
        rc = load_expectation(loader, node->items[i], &out->items[i]);
    }
    return rc;
}

enum err load_expectation(const struct loader *loader, const struct yaml_node *node,
                          struct expectation *out)
{
    if (node->kind == YAML_SCALAR) {
        return load_value(loader, node, out);
    }
    if (node->kind == YAML_MAPPING && has_conditions(node)) {
        return load_conditions(loader, node, out);
    }
    return load_parts(loader, node, out);
}
