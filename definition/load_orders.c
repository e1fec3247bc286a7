/* Orders: lists of terms, `name` ascending or `-name` descending. */
#include "definition/load.h"

#include "definition/wording.h"

/* Only values whose stored form compares as the value does. */
static bool can_order(const struct field *field)
{
    return field->nested == NULL && field->scalar.type != SCALAR_RATIO &&
           field->scalar.type != SCALAR_NUMBER;
}

static enum err load_term(const struct loader *loader, const struct yaml_node *node,
                          const struct field_list *list, struct sort_term *term)
{
    struct slice name;
    int index;
    enum err rc = yaml_text(&loader->yaml, node, "a term of an order", &name);

    if (rc != ERR_NONE) {
        return rc;
    }
    term->descending = name.len > 0 && name.ptr[0] == '-';
    if (term->descending) {
        name = slice_of(name.ptr + 1, name.len - 1);
    }
    index = field_find(list, name);
    if (index < 0) {
        return load_unknown_field(loader, node, name, list);
    }
    if (!can_order(&list->fields[index])) {
        return yaml_error(&loader->yaml, node,
                          "%s is %s and cannot order rows; name an integer, boolean, timestamp, "
                          "decimal or text field",
                          wording_quote(name).text,
                          list->fields[index].nested != NULL                ? "nested rows"
                          : list->fields[index].scalar.type == SCALAR_RATIO ? "a ratio"
                                                                            : "a number");
    }
    term->field = (unsigned)index;
    return ERR_NONE;
}

enum err load_terms(const struct loader *loader, const struct yaml_node *node,
                    const struct field_list *list, struct order *out)
{
    enum err rc = load_list(loader, node, "an order", DEFINITION_TERMS_MAX);

    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        rc = load_term(loader, node->items[i], list, &out->terms[i]);
        for (unsigned j = 0; rc == ERR_NONE && j < i; j++) {
            if (out->terms[j].field == out->terms[i].field) {
                rc = yaml_error(&loader->yaml, node->items[i],
                                "%s is in this order twice; keep the first",
                                wording_quote(list->fields[out->terms[i].field].name).text);
            }
        }
        out->term_count = i + 1;
    }
    return rc;
}

enum err load_orders(const struct loader *loader, const struct yaml_node *node, const char *what,
                     unsigned most, const struct field_list *list, struct order **out,
                     unsigned *count)
{
    struct order *orders;
    enum err rc = load_mapping(loader, node, what, most);

    if (rc != ERR_NONE) {
        return rc;
    }
    orders = arena_calloc(loader->yaml.arena, node->count, sizeof *orders);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        rc = load_name(loader, node->names[i], "the name of an order", &orders[i].name);
        if (rc == ERR_NONE) {
            rc = load_terms(loader, node->items[i], list, &orders[i]);
        }
    }
    *out = orders;
    *count = node->count;
    return rc;
}
