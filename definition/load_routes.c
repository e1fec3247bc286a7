/* routes: which request is answered with what. Those that run statements: load_action.c. */
#include "definition/load.h"

#include <stdio.h>
#include <stdlib.h>

#include "definition/wording.h"

static enum err find_collection(const struct loader *loader, const struct yaml_node *node,
                                struct route *route)
{
    const struct definition *definition = loader->definition;
    struct slice names[DEFINITION_COLLECTIONS_MAX];
    struct slice name;
    enum err rc = yaml_text(&loader->yaml, node, "`from`", &name);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (definition->collection_count == 0) {
        return yaml_error(&loader->yaml, node,
                          "there are no collections; write collections: {%.*s: {key: ..., rows: "
                          "..., fields: ...}}",
                          SLICE_ARG(name));
    }
    for (unsigned i = 0; i < definition->collection_count; i++) {
        names[i] = definition->collections[i].name;
        if (slice_equal(names[i], name)) {
            route->collection = &definition->collections[i];
            route->collection_index = i;
            return ERR_NONE;
        }
    }
    return load_unknown(loader, node, name, names, definition->collection_count,
                        "there is no collection %s", wording_quote(name).text);
}

static enum err find_listing(const struct loader *loader, const struct yaml_node *node,
                             struct route *route)
{
    const struct collection *collection = route->collection;
    struct slice names[DEFINITION_LISTINGS_MAX];
    struct slice name;
    enum err rc = yaml_text(&loader->yaml, node, "`listing`", &name);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (collection->listing_count == 0) {
        return yaml_error(&loader->yaml, node,
                          "collection %.*s has no listings; write listings: {%.*s: [FIELD]} there",
                          SLICE_ARG(collection->name), SLICE_ARG(name));
    }
    for (unsigned i = 0; i < collection->listing_count; i++) {
        names[i] = collection->listings[i].order.name;
        if (slice_equal(names[i], name)) {
            route->listing = (int)i;
            return ERR_NONE;
        }
    }
    return load_unknown(loader, node, name, names, collection->listing_count,
                        "collection %.*s has no listing %s", SLICE_ARG(collection->name),
                        wording_quote(name).text);
}

static enum err check_members(const struct loader *loader, const struct yaml_node *node,
                              const struct route *route)
{
    static const char *const not_listing[] = {"key",     "keys",     "order", "invalid_key",
                                              "missing", "too_many", NULL};
    static const char *const not_many[] = {"key", "missing", NULL};
    static const char *const not_one[] = {"too_many", NULL};

    if (route->listing >= 0) {
        return load_refuse_members(loader, node, "this route answers a listing of all keys",
                                   not_listing);
    }
    if (yaml_get(node, "keys") != NULL) {
        return load_refuse_members(loader, node, "this route answers many keys", not_many);
    }
    return load_refuse_members(loader, node, "this route answers one key", not_one);
}

/* Of rows only, and of listings. */
static enum err check_document(const struct loader *loader, const struct yaml_node *node,
                               bool is_part, const struct route *route)
{
    static const char *const not_document[] = {"order", "page", "count", NULL};
    const char *what = "this route answers one document";

    if (route->listing >= 0 || !collection_is_document(route->collection)) {
        return ERR_NONE;
    }
    if (is_part) {
        what = "this part is one document";
    } else if (yaml_get(node, "keys") != NULL) {
        what = "this route answers one document a key";
    }
    return load_refuse_members(loader, node, what, not_document);
}

enum err load_source(const struct loader *loader, const struct yaml_node *node, bool is_part,
                     struct route *route)
{
    const struct yaml_node *listing = yaml_get(node, "listing");
    const struct yaml_node *from = NULL;
    enum err rc = load_required(
        loader, node, is_part ? "a part" : "a route", "from",
        is_part ? "from: COLLECTION" : "from: COLLECTION, or run: [...] for statements", &from);

    route->listing = -1;
    if (rc == ERR_NONE) {
        rc = find_collection(loader, from, route);
    }
    if (rc == ERR_NONE && listing != NULL) {
        rc = find_listing(loader, listing, route);
    }
    if (rc == ERR_NONE) {
        rc = check_members(loader, node, route);
    }
    return rc == ERR_NONE ? check_document(loader, node, is_part, route) : rc;
}

enum err load_failures(const struct loader *loader, const struct yaml_node *node,
                       struct route *route)
{
    const struct yaml_node *invalid_key = yaml_get(node, "invalid_key");
    const struct yaml_node *missing = yaml_get(node, "missing");
    char text[DEFINITION_NAME_MAX + 32];
    enum err rc = ERR_NONE;

    if (invalid_key != NULL) {
        rc = load_failure(loader, invalid_key, "`invalid_key`", &route->invalid_key);
    } else {
        int len = snprintf(text, sizeof text, "Error: invalid %.*s",
                           (int)(route->key.is_present ? route->key.name.len : 3),
                           route->key.is_present ? route->key.name.ptr : "key");

        route->invalid_key.status = 400;
        route->invalid_key.text = arena_copy(loader->yaml.arena, slice_of(text, (size_t)len));
    }
    route->missing.text = slice_of("", 0);
    if (rc == ERR_NONE && missing != NULL) {
        rc = load_failure(loader, missing, "`missing`", &route->missing);
    }
    return rc;
}

const char *route_method_name(enum route_method method)
{
    static const char *const names[] = {[ROUTE_GET] = "get",
                                        [ROUTE_POST] = "post",
                                        [ROUTE_PUT] = "put",
                                        [ROUTE_PATCH] = "patch",
                                        [ROUTE_DELETE] = "delete"};

    return names[method];
}

/* get: PATH, and other methods of the same path: as bits in *METHODS, the path of the first. */
static enum err find_methods(const struct loader *loader, const struct yaml_node *node,
                             const struct yaml_node **path, unsigned *methods)
{
    *path = NULL;
    *methods = 0;
    for (unsigned i = 0; i < ROUTE_METHODS; i++) {
        const struct yaml_node *found = yaml_get(node, route_method_name((enum route_method)i));

        if (found == NULL) {
            continue;
        }
        if (*path != NULL && !slice_equal((*path)->text, found->text)) {
            return yaml_error(&loader->yaml, found,
                              "the methods of a route have one path; write %s here, too, or a "
                              "route of its own",
                              wording_quote((*path)->text).text);
        }
        *path = *path == NULL ? found : *path;
        *methods |= 1U << i;
    }
    if (*path == NULL) {
        return load_required(loader, node, "a route", "get",
                             "get: /books/:book_id, or post, put, patch, delete", path);
    }
    return ERR_NONE;
}

/* A route that is answered from files. */
static enum err load_read(struct loader *loader, const struct yaml_node *node, struct route *route)
{
    static const char *const members[] = {
        "get",   "from", "listing", "key",         "keys",    "parts",    "order", "page",
        "count", "row",  "answer",  "invalid_key", "missing", "too_many", "cache", NULL};
    const struct yaml_node *cache = yaml_get(node, "cache");
    enum err rc = yaml_expect_members(&loader->yaml, node, "a route", members);

    if (rc == ERR_NONE && cache != NULL) {
        rc = load_cache(loader, cache, &route->cache);
    }
    if (rc == ERR_NONE && yaml_get(node, "parts") != NULL) {
        return load_route_parts(loader, node, route);
    }
    if (rc == ERR_NONE) {
        rc = load_source(loader, node, false, route);
    }
    if (rc == ERR_NONE) {
        rc = load_request(loader, node, route);
    }
    if (rc == ERR_NONE) {
        rc = load_failures(loader, node, route);
    }
    if (rc == ERR_NONE && route->most_keys > 0) {
        rc = load_too_many(loader, node, route);
    }
    if (rc == ERR_NONE) {
        rc = load_templates(loader, route, yaml_get(node, "row"), yaml_get(node, "answer"));
    }
    return rc;
}

/* Only statements take values or answer to another method. */
static enum err check_run(const struct loader *loader, const struct yaml_node *node,
                          unsigned methods)
{
    const char *member = "take";

    for (unsigned i = ROUTE_GET + 1; i < ROUTE_METHODS; i++) {
        member = (methods & 1U << i) != 0 ? route_method_name((enum route_method)i) : member;
    }
    if (yaml_get(node, member) != NULL) {
        return yaml_error(&loader->yaml, node,
                          "a route with `%s` has no `run`; write run: [{sql: INSERT INTO ...}]",
                          member);
    }
    return ERR_NONE;
}

/* METHODS, all of which ROUTE answers; it gets the first of them. */
static enum err load_route(struct loader *loader, const struct yaml_node *node, struct route *route,
                           unsigned *methods)
{
    const struct yaml_node *path = NULL;
    enum err rc = find_methods(loader, node, &path, methods);

    if (rc != ERR_NONE) {
        return rc;
    }
    route->method = (enum route_method)__builtin_ctz(*methods);
    rc = load_path(loader, path, route);
    if (rc == ERR_NONE && yaml_get(node, "run") != NULL) {
        return load_action(loader, node, route);
    }
    if (rc == ERR_NONE) {
        rc = check_run(loader, node, *methods);
    }
    return rc == ERR_NONE ? load_read(loader, node, route) : rc;
}

/* A route and the YAML that it comes from. */
struct routes {
    struct route all[DEFINITION_ROUTES_MAX];
    const struct yaml_node *nodes[DEFINITION_ROUTES_MAX];
    unsigned count;
};

/* Adds ROUTE, unless another one answers the same. */
static enum err add_route(const struct loader *loader, struct routes *routes,
                          const struct yaml_node *node, const struct route *route)
{
    const char *method = route_method_name(route->method);

    for (unsigned i = 0; i < routes->count; i++) {
        if (routes->all[i].method == route->method && path_is_same_shape(&routes->all[i], route)) {
            return yaml_error(&loader->yaml, yaml_get(node, method),
                              "%s answers the same requests as the route in line %u; change one",
                              wording_quote(route->path).text,
                              yaml_get(routes->nodes[i], method)->line);
        }
    }
    if (routes->count == DEFINITION_ROUTES_MAX) {
        return yaml_error(&loader->yaml, node, "there are more than %d routes, each method is one",
                          DEFINITION_ROUTES_MAX);
    }
    routes->all[routes->count] = *route;
    routes->nodes[routes->count++] = node;
    return ERR_NONE;
}

/* One item of `routes`: a route a method. */
static enum err load_item(struct loader *loader, const struct yaml_node *node,
                          struct routes *routes)
{
    struct route route = {.path = slice_of("", 0)};
    unsigned methods = 0;
    enum err rc = load_route(loader, node, &route, &methods);

    for (unsigned i = 0; rc == ERR_NONE && i < ROUTE_METHODS; i++) {
        if ((methods & 1U << i) != 0) {
            route.method = (enum route_method)i;
            rc = add_route(loader, routes, node, &route);
        }
    }
    return rc;
}

enum err load_routes(struct loader *loader, const struct yaml_node *node)
{
    struct definition *definition = loader->definition;
    struct arena *arena = loader->yaml.arena;
    struct routes *routes;
    enum err rc;

    if (node->kind == YAML_SEQUENCE && node->count == 0) {
        return ERR_NONE;
    }
    rc = load_list(loader, node, "`routes`", DEFINITION_ROUTES_MAX);
    if (rc != ERR_NONE) {
        return rc;
    }
    routes = memory_calloc(1, sizeof *routes);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        rc = load_item(loader, node->items[i], routes);
    }
    definition->route_count = routes->count;
    definition->routes = arena_calloc(arena, routes->count, sizeof *definition->routes);
    memcpy(definition->routes, routes->all, routes->count * sizeof *definition->routes);
    free(routes);
    return rc;
}
