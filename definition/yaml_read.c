/* Reading checked values out of a tree of nodes. */
#include "definition/yaml.h"

#include <assert.h>

#include "base/buffer.h"
#include "base/number.h"
#include "definition/wording.h"

enum {
    ALLOWED_MAX = 32, /* members that yaml_expect_members may allow */
    ADVICE_MAX = 800, /* bytes of advice in a message */
};

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *name)
{
    for (unsigned i = 0; mapping->kind == YAML_MAPPING && i < mapping->count; i++) {
        if (slice_is(mapping->names[i]->text, name)) {
            return mapping->items[i];
        }
    }
    return NULL;
}

/* What a node is, as messages call it. */
static struct wording describe(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_SEQUENCE:
        return (struct wording){"a list"};
    case YAML_MAPPING:
        return (struct wording){"a mapping"};
    default:
        break;
    }
    if (node->is_plain) {
        return node->text.len == 0 ? (struct wording){"nothing"} : wording_quote(node->text);
    }
    return (struct wording){"a text in quotes"};
}

static enum err unknown_member(const struct yaml *yaml, const struct yaml_node *name,
                               const char *what, const struct slice *names, unsigned count)
{
    struct buffer advice;
    enum err rc;

    buffer_init(&advice, ADVICE_MAX);
    wording_advice(&advice, name->text, names, count);
    rc = yaml_error(yaml, name, "%s has no member %s; %s", what, wording_quote(name->text).text,
                    buffer_str(&advice));
    buffer_free(&advice);
    return rc;
}

static bool is_among(struct slice name, const struct slice *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (slice_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

enum err yaml_expect_members(const struct yaml *yaml, const struct yaml_node *node,
                             const char *what, const char *const *allowed)
{
    struct slice names[ALLOWED_MAX];
    unsigned count = 0;

    for (; allowed[count] != NULL; count++) {
        assert(count < ALLOWED_MAX);
        names[count] = slice_str(allowed[count]);
    }
    if (node->kind != YAML_MAPPING) {
        return yaml_error(yaml, node, "%s must be a mapping, not %s; write for example {%s: ...}",
                          what, describe(node).text, allowed[0]);
    }
    for (unsigned i = 0; i < node->count; i++) {
        if (!is_among(node->names[i]->text, names, count)) {
            return unknown_member(yaml, node->names[i], what, names, count);
        }
    }
    return ERR_NONE;
}

enum err yaml_text(const struct yaml *yaml, const struct yaml_node *node, const char *what,
                   struct slice *out)
{
    if (node->kind != YAML_SCALAR) {
        return yaml_error(yaml, node, "%s must be a text, not %s; write a word, or \"a text\"",
                          what, describe(node).text);
    }
    if (node->text.len == 0 && node->is_plain) {
        return yaml_error(yaml, node, "%s is missing; write a word, or \"a text\"", what);
    }
    *out = node->text;
    return ERR_NONE;
}

enum err yaml_integer(const struct yaml *yaml, const struct yaml_node *node, const char *what,
                      int64_t least, int64_t most, int64_t *out)
{
    int64_t value;

    if (node->kind != YAML_SCALAR || !node->is_plain || !parse_integer(node->text, &value) ||
        value < least || value > most) {
        return yaml_error(yaml, node,
                          "%s must be a whole number from %lld to %lld, not %s; write for "
                          "example %lld",
                          what, (long long)least, (long long)most, describe(node).text,
                          (long long)(least > 0 || most < 0 ? least : 0));
    }
    *out = value;
    return ERR_NONE;
}

enum err yaml_number(const struct yaml *yaml, const struct yaml_node *node, const char *what,
                     double least, double most, double *out)
{
    double value;

    if (node->kind != YAML_SCALAR || !node->is_plain || !parse_number(node->text, &value) ||
        value < least || value > most) {
        return yaml_error(yaml, node,
                          "%s must be a number from %g to %g, not %s; write for example %g", what,
                          least, most, describe(node).text, least);
    }
    *out = value;
    return ERR_NONE;
}

enum err yaml_boolean(const struct yaml *yaml, const struct yaml_node *node, const char *what,
                      bool *out)
{
    bool is_true = node->kind == YAML_SCALAR && node->is_plain && slice_is(node->text, "true");

    if (!is_true &&
        (node->kind != YAML_SCALAR || !node->is_plain || !slice_is(node->text, "false"))) {
        return yaml_error(yaml, node, "%s must be true or false, not %s", what,
                          describe(node).text);
    }
    *out = is_true;
    return ERR_NONE;
}
