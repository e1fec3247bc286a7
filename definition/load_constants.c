/* Values that are written in a definition: defaults, rows of tables, failures. */
#include "definition/load.h"

#include "base/number.h"
#include "base/timestamp.h"
#include "definition/wording.h"

enum err load_short_text(const struct loader *loader, const struct yaml_node *node,
                         const char *what, struct slice *out)
{
    enum err rc = yaml_text(&loader->yaml, node, what, out);

    if (rc == ERR_NONE && out->len > DEFINITION_FAILURE_MAX) {
        return yaml_error(&loader->yaml, node, "%s has %zu bytes; write at most %d", what, out->len,
                          DEFINITION_FAILURE_MAX);
    }
    return rc;
}

enum err load_failure(const struct loader *loader, const struct yaml_node *node, const char *what,
                      struct failure *out)
{
    static const char *const members[] = {"status", "text", NULL};
    const struct yaml_node *status = NULL;
    const struct yaml_node *text = NULL;
    int64_t code = 0;
    enum err rc = yaml_expect_members(&loader->yaml, node, what, members);

    if (rc == ERR_NONE) {
        rc = load_required(loader, node, what, "status", "{status: 404, text: \"...\"}", &status);
    }
    if (rc == ERR_NONE) {
        rc = load_required(loader, node, what, "text", "{status: 404, text: \"...\"}", &text);
    }
    if (rc == ERR_NONE) {
        rc = yaml_integer(&loader->yaml, status, "`status`", 400, 599, &code);
    }
    if (rc == ERR_NONE) {
        rc = load_short_text(loader, text, "`text`", &out->text);
    }
    out->status = (unsigned)code;
    return rc;
}

enum err load_duration(const struct loader *loader, const struct yaml_node *node, const char *what,
                       const char *example, int64_t *out)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    struct slice text;
    int64_t count;
    enum err rc = yaml_text(&loader->yaml, node, what, &text);

    if (rc != ERR_NONE) {
        return rc;
    }
    for (unsigned i = 0; text.len > 1 && i < sizeof units / sizeof units[0]; i++) {
        if (text.ptr[text.len - 1] == units[i].unit &&
            parse_integer(slice_of(text.ptr, text.len - 1), &count) && count > 0 &&
            count <= DEFINITION_DURATION_MAX_S / units[i].seconds) {
            *out = count * units[i].seconds;
            return ERR_NONE;
        }
    }
    return yaml_error(&loader->yaml, node,
                      "%s cannot be %s; write days, hours, minutes or seconds, at most 400d, for "
                      "example %s",
                      what, wording_quote(text).text, example);
}

static bool is_null(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && node->is_plain && slice_is(node->text, "null");
}

static enum err load_moment(const struct loader *loader, const struct yaml_node *node,
                            const char *what, int64_t *out)
{
    if (node->kind == YAML_SCALAR && timestamp_parse(node->text, out)) {
        return ERR_NONE;
    }
    return yaml_error(&loader->yaml, node,
                      "%s must be a point in time; write for example 2020-07-30T03:41:21.467Z",
                      what);
}

static enum err load_decimal(const struct loader *loader, const struct yaml_node *node,
                             const char *what, unsigned scale, struct slice *out)
{
    char text[DECIMAL_TEXT_MAX];
    int64_t held;

    if (node->kind != YAML_SCALAR || !parse_decimal(node->text, scale, &held)) {
        return yaml_error(&loader->yaml, node,
                          "%s must be a decimal that fits 64 bits; write for example %s", what,
                          scale == 0 ? "140" : "140.00");
    }
    *out = arena_copy(loader->yaml.arena, slice_of(text, write_decimal(text, held, scale)));
    return ERR_NONE;
}

static enum err load_real(const struct loader *loader, const struct yaml_node *node,
                          const char *what, double *out)
{
    if (node->kind == YAML_SCALAR && node->is_plain && parse_number(node->text, out)) {
        return ERR_NONE;
    }
    return yaml_error(&loader->yaml, node, "%s must be a number; write for example 0.25", what);
}

static enum err load_truth(const struct loader *loader, const struct yaml_node *node,
                           const char *what, int64_t *out)
{
    bool is_true = false;
    enum err rc = yaml_boolean(&loader->yaml, node, what, &is_true);

    *out = is_true;
    return rc;
}

enum err load_constant(const struct loader *loader, const struct yaml_node *node, const char *what,
                       const struct scalar *scalar, struct value *out)
{
    const struct yaml *yaml = &loader->yaml;

    *out = (struct value){.type = VALUE_INTEGER};
    if (is_null(node)) {
        out->type = VALUE_NULL;
        return ERR_NONE;
    }
    switch (scalar->type) {
    case SCALAR_INTEGER:
        return yaml_integer(yaml, node, what, INT64_MIN, INT64_MAX, &out->integer);
    case SCALAR_BOOLEAN:
        return load_truth(loader, node, what, &out->integer);
    case SCALAR_TIMESTAMP:
        return load_moment(loader, node, what, &out->integer);
    case SCALAR_NUMBER:
        out->type = VALUE_REAL;
        return load_real(loader, node, what, &out->real);
    case SCALAR_DECIMAL:
        out->type = VALUE_TEXT;
        return load_decimal(loader, node, what, scalar->scale, &out->text);
    default:
        out->type = VALUE_TEXT;
        return yaml_text(yaml, node, what, &out->text);
    }
}
