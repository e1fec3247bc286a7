/* keys: many keys in one request, each answered as by a route of one key. */
#include "definition/load.h"

#include <stdio.h>

/* All rows of an answer are bounded, whichever way they come together. */
static enum err check_rows(const struct loader *loader, const struct yaml_node *node,
                           const struct route *route)
{
    if (collection_is_document(route->collection) ||
        (uint64_t)route->most_keys * route->most_count <= DEFINITION_COUNT_MAX) {
        return ERR_NONE;
    }
    return yaml_error(&loader->yaml, node,
                      "%u keys of %u rows each are more than the %d rows that an answer may hold; "
                      "write a smaller `most`, or count: %d",
                      route->most_keys, route->most_count, DEFINITION_COUNT_MAX,
                      DEFINITION_COUNT_MAX / (int)route->most_keys);
}

enum err load_keys(const struct loader *loader, const struct yaml_node *node, struct route *route)
{
    static const char *const members[] = {"query", "most", "as", NULL};
    static const char *const shapes[] = {"map", "list", NULL};
    const struct yaml_node *query = NULL;
    const struct yaml_node *limit = NULL;
    const struct yaml_node *shape = NULL;
    int64_t most = DEFINITION_KEYS_MAX;
    unsigned word = 0;
    enum err rc = yaml_expect_members(&loader->yaml, node, "`keys`", members);

    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "`keys`", "query", "{query: ids, most: 100}", &query);
    }
    if (rc == ERR_NONE) {
        rc = load_query(loader, query, &route->key);
    }
    if (rc == ERR_NONE && (limit = yaml_get(node, "most")) != NULL) {
        rc = yaml_integer(&loader->yaml, limit, "`most`", 1, DEFINITION_KEYS_MAX, &most);
    }
    if (rc == ERR_NONE && (shape = yaml_get(node, "as")) != NULL) {
        rc = load_word(loader, shape, "`as`", shapes, &word);
    }
    route->most_keys = (uint32_t)most;
    route->is_map = word == 0;
    return rc == ERR_NONE ? check_rows(loader, node, route) : rc;
}

enum err load_too_many(const struct loader *loader, const struct yaml_node *route_node,
                       struct route *route)
{
    const struct yaml_node *node = yaml_get(route_node, "too_many");
    char text[DEFINITION_NAME_MAX + 48];
    int len;

    if (node != NULL) {
        return load_failure(loader, node, "`too_many`", &route->too_many);
    }
    len = snprintf(text, sizeof text, "Error: more than %u %.*s", route->most_keys,
                   SLICE_ARG(route->key.name));
    route->too_many = (struct failure){
        .status = 400, .text = arena_copy(loader->yaml.arena, slice_of(text, (size_t)len))};
    return ERR_NONE;
}
