/* parts: several collections for one key, answered together. */
#include "definition/load.h"

#include "definition/wording.h"

/* A name that templates can tell from $key. */
static enum err load_part_name(const struct loader *loader, const struct yaml_node *node,
                               struct slice *out)
{
    enum err rc = load_name(loader, node, "the name of a part", out);

    if (rc == ERR_NONE && slice_is(*out, "key")) {
        return yaml_error(&loader->yaml, node,
                          "a part cannot be called \"key\", which $key is; write another name");
    }
    return rc;
}

/* What PART, the last one of ROUTE, must share with those before it, and what not. */
static enum err check_collection(const struct loader *loader, const struct yaml_node *from,
                                 const struct route *route, const struct route_part *part)
{
    const struct collection *collection = part->route.collection;

    if (collection->key_is_text != route->collection->key_is_text) {
        return yaml_error(
            &loader->yaml, from,
            "collection %.*s has keys of type %s, but %.*s of type %s; the parts of a "
            "route have one key, write a route of its own",
            SLICE_ARG(collection->name), collection->key_is_text ? "text" : "integer",
            SLICE_ARG(route->collection->name), collection->key_is_text ? "integer" : "text");
    }
    for (const struct route_part *other = route->parts; other < part; other++) {
        if (collection_is_document(collection) && other->route.collection == collection) {
            return yaml_error(&loader->yaml, from,
                              "the document of %.*s is the part %.*s already; write $%.*s.FIELD "
                              "for its fields",
                              SLICE_ARG(collection->name), SLICE_ARG(other->name),
                              SLICE_ARG(other->name));
        }
    }
    return ERR_NONE;
}

static enum err load_part(const struct loader *loader, const struct yaml_node *node,
                          struct route *route, struct route_part *part)
{
    static const char *const members[] = {"from", "order", "page", "count", "row", "missing", NULL};
    const struct yaml_node *missing = yaml_get(node, "missing");
    enum err rc = yaml_expect_members(&loader->yaml, node, "a part", members);

    part->route.missing.text = slice_of("", 0);
    if (rc == ERR_NONE) {
        rc = load_source(loader, node, true, &part->route);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    if (route->collection == NULL) {
        route->collection = part->route.collection;
        route->collection_index = part->route.collection_index;
    }
    rc = check_collection(loader, yaml_get(node, "from"), route, part);
    if (rc == ERR_NONE) {
        rc = load_request_rows(loader, node, &part->route);
    }
    if (rc == ERR_NONE && missing != NULL) {
        rc = load_failure(loader, missing, "`missing`", &part->route.missing);
    }
    if (rc == ERR_NONE) {
        rc = load_row(loader, &part->route, yaml_get(node, "row"));
    }
    return rc;
}

static enum err load_list_of_parts(const struct loader *loader, const struct yaml_node *node,
                                   struct route *route)
{
    enum err rc = load_mapping(loader, node, "`parts`", DEFINITION_ROUTE_PARTS_MAX);

    if (rc != ERR_NONE) {
        return rc;
    }
    route->parts = arena_calloc(loader->yaml.arena, node->count, sizeof *route->parts);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        struct route_part *part = &route->parts[route->part_count++];

        rc = load_part_name(loader, node->names[i], &part->name);
        if (rc == ERR_NONE) {
            rc = load_part(loader, node->items[i], route, part);
        }
    }
    return rc;
}

static enum err check_query(const struct loader *loader, const struct yaml_node *node,
                            const struct route *route)
{
    const struct parameter *all[1 + DEFINITION_ROUTE_PARTS_MAX * 3] = {&route->key};
    unsigned count = 1;

    for (unsigned i = 0; i < route->part_count; i++) {
        const struct route *part = &route->parts[i].route;

        all[count++] = &part->order;
        all[count++] = &part->page;
        all[count++] = &part->count;
    }
    return load_check_names(loader, node, all, count);
}

/* A part that neither shows nor decides anything is a mistake. */
static enum err check_used(const struct loader *loader, const struct yaml_node *node,
                           const struct route *route, uint32_t used)
{
    for (unsigned i = 0; i < route->part_count; i++) {
        const struct route_part *part = &route->parts[i];

        if ((used >> i & 1) == 0 && part->route.missing.status == 0) {
            return yaml_error(&loader->yaml, node->names[i],
                              "the part %.*s is not used; write $%.*s in `answer`, or leave it "
                              "away",
                              SLICE_ARG(part->name), SLICE_ARG(part->name));
        }
    }
    return ERR_NONE;
}

enum err load_route_parts(struct loader *loader, const struct yaml_node *node, struct route *route)
{
    static const char *const misplaced[] = {"from",  "listing", "keys",    "order",    "page",
                                            "count", "row",     "missing", "too_many", NULL};
    const struct yaml_node *parts = yaml_get(node, "parts");
    uint32_t used = 0;
    enum err rc = load_refuse_members(loader, node, "this route answers its parts", misplaced);

    route->listing = -1;
    if (rc == ERR_NONE) {
        rc = load_request_key(loader, node, route);
    }
    if (rc == ERR_NONE) {
        rc = load_list_of_parts(loader, parts, route);
    }
    if (rc == ERR_NONE) {
        rc = check_query(loader, node, route);
    }
    if (rc == ERR_NONE) {
        rc = load_failures(loader, node, route);
    }
    if (rc == ERR_NONE) {
        rc = load_parts_answer(loader, route, yaml_get(node, "answer"), &used);
    }
    return rc == ERR_NONE ? check_used(loader, parts, route, used) : rc;
}
