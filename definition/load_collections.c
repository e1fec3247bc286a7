/* collections: rows grouped by a key. */
#include "definition/load.h"

#include "definition/wording.h"

/* key: COLUMN, or {column: COLUMN, type: integer|text} */
static enum err load_key(const struct loader *loader, const struct yaml_node *node,
                         struct collection *collection)
{
    static const char *const members[] = {"column", "type", NULL};
    static const char *const types[] = {"integer", "text", NULL};
    const struct yaml_node *column = node;
    const struct yaml_node *type = NULL;
    unsigned word = 0;
    enum err rc = ERR_NONE;

    if (node->kind != YAML_SCALAR) {
        rc = yaml_expect_members(&loader->yaml, node, "`key`", members);
        if (rc == ERR_NONE) {
            rc = load_required(loader, node, "`key`", "column", "{column: id, type: integer}",
                               &column);
        }
        if (rc == ERR_NONE) {
            type = yaml_get(node, "type");
        }
    }
    if (rc == ERR_NONE) {
        rc = load_name(loader, column, "the column of `key`", &collection->key_column);
    }
    if (rc == ERR_NONE && type != NULL) {
        rc = load_word(loader, type, "the type of a key", types, &word);
    }
    collection->key_is_text = word == 1;
    return rc;
}

static enum err load_queries(const struct loader *loader, const struct yaml_node *node,
                             struct collection *collection)
{
    const struct yaml_node *key = NULL;
    const struct yaml_node *rows = NULL;
    const struct yaml_node *keys = yaml_get(node, "keys");
    enum err rc = load_required(loader, node, "a collection", "key", "key: COLUMN", &key);

    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "a collection", "rows", "rows: SELECT ...", &rows);
    }
    if (rc == ERR_NONE) {
        rc = load_key(loader, key, collection);
    }
    if (rc == ERR_NONE) {
        rc = load_sql(loader, rows, "`rows`", &collection->rows);
    }
    if (rc == ERR_NONE && keys != NULL) {
        rc = load_sql(loader, keys, "`keys`", &collection->keys);
    }
    return rc;
}

static enum err load_listings(const struct loader *loader, const struct yaml_node *node,
                              const struct field_list *list, struct collection *collection)
{
    struct order *orders = NULL;
    enum err rc;

    if (!collection_is_document(collection)) {
        return yaml_error(&loader->yaml, node,
                          "a collection with `orders` has no `listings`; leave one of them away");
    }
    rc = load_orders(loader, node, "`listings`", DEFINITION_LISTINGS_MAX, list, &orders,
                     &collection->listing_count);
    if (rc != ERR_NONE) {
        return rc;
    }
    collection->listings =
        arena_calloc(loader->yaml.arena, collection->listing_count, sizeof *collection->listings);
    for (unsigned i = 0; i < collection->listing_count; i++) {
        collection->listings[i].order = orders[i];
    }
    return ERR_NONE;
}

static enum err load_shape(struct loader *loader, const struct yaml_node *node,
                           struct collection *collection)
{
    const struct yaml_node *orders = yaml_get(node, "orders");
    const struct yaml_node *listings = yaml_get(node, "listings");
    const struct yaml_node *fields = NULL;
    struct field_list list = {.count = 0};
    enum err rc =
        load_required(loader, node, "a collection", "fields", "fields: {id: integer}", &fields);

    if (rc == ERR_NONE) {
        rc = load_fields(loader, fields, 0, &list);
    }
    if (rc == ERR_NONE && orders != NULL) {
        rc = load_orders(loader, orders, "`orders`", DEFINITION_ORDERS_MAX, &list,
                         &collection->orders, &collection->order_count);
    }
    if (rc == ERR_NONE && listings != NULL) {
        rc = load_listings(loader, listings, &list, collection);
    }
    collection->fields = list.fields;
    collection->field_count = list.count;
    collection->vector_count = list.visible;
    return rc;
}

static enum err load_collection(struct loader *loader, const struct yaml_node *node,
                                struct collection *collection)
{
    static const char *const members[] = {"key",    "rows",     "keys",   "fields",
                                          "orders", "listings", "checks", NULL};
    enum err rc = yaml_expect_members(&loader->yaml, node, "a collection", members);

    collection->keys = slice_of("", 0);
    if (rc == ERR_NONE) {
        rc = load_queries(loader, node, collection);
    }
    if (rc == ERR_NONE) {
        rc = load_shape(loader, node, collection);
    }
    if (rc == ERR_NONE) {
        rc = load_collection_checks(loader, yaml_get(node, "checks"), collection);
    }
    return rc;
}

enum err load_collections(struct loader *loader, const struct yaml_node *node)
{
    struct definition *definition = loader->definition;
    enum err rc = load_mapping(loader, node, "`collections`", DEFINITION_COLLECTIONS_MAX);

    if (rc != ERR_NONE) {
        return rc;
    }
    definition->collection_count = node->count;
    definition->collections =
        arena_calloc(loader->yaml.arena, node->count, sizeof *definition->collections);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        struct collection *collection = &definition->collections[i];

        rc = load_name(loader, node->names[i], "the name of a collection", &collection->name);
        if (rc == ERR_NONE) {
            rc = load_collection(loader, node->items[i], collection);
        }
    }
    return rc;
}
