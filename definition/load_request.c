/* What a route takes from the request: key, order, page and count. */
#include "definition/load.h"

#include "definition/wording.h"

enum err load_query(const struct loader *loader, const struct yaml_node *node,
                    struct parameter *out)
{
    struct slice name;
    enum err rc = yaml_text(&loader->yaml, node, "`query`", &name);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (!path_text_is_valid(name)) {
        return yaml_error(&loader->yaml, node,
                          "a query parameter cannot be %s; write 1 to %d letters, digits and "
                          "_ . ~ -",
                          wording_quote(name).text, DEFINITION_NAME_MAX);
    }
    *out = (struct parameter){.is_present = true, .name = name};
    return ERR_NONE;
}

/* {path: NAME}: NAME is a parameter of the path. */
static enum err load_path_parameter(const struct loader *loader, const struct yaml_node *node,
                                    struct route *route)
{
    struct slice names[DEFINITION_SEGMENTS_MAX];
    unsigned count = 0;
    struct slice name;
    enum err rc = yaml_text(&loader->yaml, node, "`path`", &name);

    if (rc != ERR_NONE) {
        return rc;
    }
    for (unsigned i = 0; i < route->segment_count; i++) {
        if (!route->segments[i].is_parameter) {
            continue;
        }
        if (slice_equal(route->segments[i].text, name)) {
            route->key =
                (struct parameter){.is_present = true, .in_path = true, .segment = i, .name = name};
            return ERR_NONE;
        }
        names[count++] = route->segments[i].text;
    }
    if (count == 0) {
        return yaml_error(&loader->yaml, node,
                          "the path has no parameter; write :%.*s in it, or key: {query: %.*s}",
                          SLICE_ARG(name), SLICE_ARG(name));
    }
    return load_unknown(loader, node, name, names, count, "the path has no parameter %s",
                        wording_quote(name).text);
}

/* key: {query: NAME} or {path: NAME} */
static enum err load_key(const struct loader *loader, const struct yaml_node *route_node,
                         struct route *route)
{
    static const char *const members[] = {"query", "path", NULL};
    const struct yaml_node *node = NULL;
    const struct yaml_node *query;
    const struct yaml_node *path;
    enum err rc = load_required(loader, route_node, "a route", "key",
                                "key: {query: NAME} or key: {path: NAME}", &node);

    if (rc == ERR_NONE) {
        rc = yaml_expect_members(&loader->yaml, node, "`key`", members);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    query = yaml_get(node, "query");
    path = yaml_get(node, "path");
    if ((query == NULL) == (path == NULL)) {
        return yaml_error(&loader->yaml, node,
                          "`key` needs one place; write {query: NAME} or {path: NAME}");
    }
    return query != NULL ? load_query(loader, query, &route->key)
                         : load_path_parameter(loader, path, route);
}

static enum err find_order(const struct loader *loader, const struct yaml_node *node,
                           struct route *route)
{
    const struct collection *collection = route->collection;
    struct slice names[DEFINITION_ORDERS_MAX];
    struct slice name;
    enum err rc = yaml_text(&loader->yaml, node, "an order", &name);

    if (rc != ERR_NONE) {
        return rc;
    }
    for (unsigned i = 0; i < collection->order_count; i++) {
        names[i] = collection->orders[i].name;
        if (slice_equal(names[i], name)) {
            route->default_order = i;
            return ERR_NONE;
        }
    }
    return load_unknown(loader, node, name, names, collection->order_count,
                        "collection %.*s has no order %s", SLICE_ARG(collection->name),
                        wording_quote(name).text);
}

/* order: NAME, or {query: NAME, default: NAME} */
static enum err load_order(const struct loader *loader, const struct yaml_node *node,
                           struct route *route)
{
    static const char *const members[] = {"query", "default", NULL};
    const struct yaml_node *query;
    const struct yaml_node *fallback;
    enum err rc = ERR_NONE;

    if (node->kind == YAML_SCALAR) {
        return find_order(loader, node, route);
    }
    rc = yaml_expect_members(&loader->yaml, node, "`order`", members);
    if (rc != ERR_NONE) {
        return rc;
    }
    query = yaml_get(node, "query");
    fallback = yaml_get(node, "default");
    if (query != NULL) {
        rc = load_query(loader, query, &route->order);
    }
    if (rc == ERR_NONE && fallback != NULL) {
        rc = find_order(loader, fallback, route);
    }
    return rc;
}

/* page: {query: NAME, default: 1} */
static enum err load_page(const struct loader *loader, const struct yaml_node *node,
                          struct route *route)
{
    static const char *const members[] = {"query", "default", NULL};
    const struct yaml_node *query = NULL;
    const struct yaml_node *fallback;
    int64_t page = 1;
    enum err rc = yaml_expect_members(&loader->yaml, node, "`page`", members);

    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "`page`", "query", "{query: page}", &query);
    }
    if (rc == ERR_NONE) {
        rc = load_query(loader, query, &route->page);
    }
    if (rc == ERR_NONE && (fallback = yaml_get(node, "default")) != NULL) {
        rc = yaml_integer(&loader->yaml, fallback, "`default`", 1, DEFINITION_PAGE_MAX, &page);
    }
    route->default_page = (uint32_t)page;
    return rc;
}

/* count: 5, or {query: NAME, default: 5, most: 100} */
static enum err load_count(const struct loader *loader, const struct yaml_node *node,
                           struct route *route)
{
    static const char *const members[] = {"query", "default", "most", NULL};
    const struct yaml_node *query = NULL;
    const struct yaml_node *fallback = NULL;
    const struct yaml_node *limit = NULL;
    int64_t most = DEFINITION_COUNT_MAX;
    int64_t count = 0;
    enum err rc;

    if (node->kind == YAML_SCALAR) {
        rc = yaml_integer(&loader->yaml, node, "`count`", 1, DEFINITION_COUNT_MAX, &count);
        route->default_count = route->most_count = (uint32_t)count;
        return rc;
    }
    rc = yaml_expect_members(&loader->yaml, node, "`count`", members);

    if (rc == ERR_NONE && (query = yaml_get(node, "query")) != NULL) {
        rc = load_query(loader, query, &route->count);
    }
    if (rc == ERR_NONE && (limit = yaml_get(node, "most")) != NULL) {
        rc = yaml_integer(&loader->yaml, limit, "`most`", 1, DEFINITION_COUNT_MAX, &most);
    }
    count = most;
    if (rc == ERR_NONE && (fallback = yaml_get(node, "default")) != NULL) {
        rc = yaml_integer(&loader->yaml, fallback, "`default`", 1, most, &count);
    }
    route->default_count = (uint32_t)count;
    route->most_count = (uint32_t)most;
    return rc;
}

enum err load_check_names(const struct loader *loader, const struct yaml_node *at,
                          const struct parameter *const *all, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (all[i]->is_present && all[j]->is_present && !all[i]->in_path && !all[j]->in_path &&
                slice_equal(all[i]->name, all[j]->name)) {
                return yaml_error(&loader->yaml, at,
                                  "the query parameter %s has two uses; give each its own name",
                                  wording_quote(all[i]->name).text);
            }
        }
    }
    return ERR_NONE;
}

/* The path holds nothing but the key. */
static enum err check_path_used(const struct loader *loader, const struct yaml_node *at,
                                const struct route *route)
{
    for (unsigned i = 0; i < route->segment_count; i++) {
        const struct segment *segment = &route->segments[i];

        if (segment->is_parameter &&
            !(route->key.is_present && route->key.in_path && route->key.segment == i)) {
            return yaml_error(&loader->yaml, at,
                              ":%.*s in the path is not used; write key: {path: %.*s}, or leave it "
                              "away",
                              SLICE_ARG(segment->text), SLICE_ARG(segment->text));
        }
    }
    return ERR_NONE;
}

enum err load_request_key(const struct loader *loader, const struct yaml_node *node,
                          struct route *route)
{
    enum err rc = load_key(loader, node, route);

    return rc == ERR_NONE ? check_path_used(loader, yaml_get(node, "get"), route) : rc;
}

enum err load_request_rows(const struct loader *loader, const struct yaml_node *node,
                           struct route *route)
{
    const struct yaml_node *order = yaml_get(node, "order");
    const struct yaml_node *page = yaml_get(node, "page");
    const struct yaml_node *count = yaml_get(node, "count");
    enum err rc = ERR_NONE;

    route->default_page = 1;
    route->default_count = DEFINITION_COUNT_MAX;
    route->most_count = DEFINITION_COUNT_MAX;
    if (order != NULL) {
        rc = load_order(loader, order, route);
    }
    if (rc == ERR_NONE && page != NULL) {
        rc = load_page(loader, page, route);
    }
    if (rc == ERR_NONE && count != NULL) {
        rc = load_count(loader, count, route);
    }
    return rc;
}

enum err load_request(struct loader *loader, const struct yaml_node *node, struct route *route)
{
    const struct parameter *all[] = {&route->key, &route->order, &route->page, &route->count};
    const struct yaml_node *keys = yaml_get(node, "keys");
    enum err rc = ERR_NONE;

    if (route->listing < 0 && keys == NULL) {
        rc = load_key(loader, node, route);
    }
    if (rc == ERR_NONE) {
        rc = load_request_rows(loader, node, route);
    }
    if (rc == ERR_NONE && keys != NULL) {
        rc = load_keys(loader, keys, route);
    }
    if (rc == ERR_NONE) {
        rc = load_check_names(loader, node, all, sizeof all / sizeof all[0]);
    }
    if (rc == ERR_NONE) {
        rc = check_path_used(loader, yaml_get(node, "get"), route);
    }
    return rc;
}
