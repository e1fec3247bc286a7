#include "service/route.h"

#include "service/url.h"

static struct route_node *literal_child(const struct route_node *node, struct slice text)
{
    struct route_node *child = node->literals;

    while (child != NULL && !slice_equal(child->literal, text)) {
        child = child->next;
    }
    return child;
}

static void clear(struct route_node *node)
{
    for (unsigned i = 0; i < ROUTE_METHODS; i++) {
        node->routes[i] = -1;
    }
}

static struct route_node *node_make(struct arena *arena)
{
    struct route_node *node = arena_calloc(arena, 1, sizeof *node);

    clear(node);
    return node;
}

static struct route_node *child_for(struct route_node *node, const struct segment *segment,
                                    struct arena *arena)
{
    struct route_node *child;

    if (segment->is_parameter) {
        if (node->parameter == NULL) {
            node->parameter = node_make(arena);
        }
        return node->parameter;
    }
    child = literal_child(node, segment->text);
    if (child == NULL) {
        child = node_make(arena);
        child->literal = segment->text;
        child->next = node->literals;
        node->literals = child;
    }
    return child;
}

struct route_table *route_table_make(const struct definition *definition, struct arena *arena)
{
    struct route_table *table = arena_calloc(arena, 1, sizeof *table);

    clear(&table->root);
    for (unsigned i = 0; i < definition->route_count; i++) {
        const struct route *route = &definition->routes[i];
        struct route_node *node = &table->root;

        for (unsigned at = 0; at < route->segment_count; at++) {
            node = child_for(node, &route->segments[at], arena);
        }
        if (node->routes[route->method] < 0) {
            node->routes[route->method] = (int)i;
        }
    }
    return table;
}

/* False when there are more segments than any route has, or an empty one in the middle. */
static bool split(struct slice path, struct arena *arena, struct route_match *out)
{
    struct slice segment;

    out->segment_count = 0;
    while (url_next_segment(&path, &segment)) {
        if (segment.len == 0) {
            return path.len == 0;
        }
        if (out->segment_count == DEFINITION_SEGMENTS_MAX) {
            return false;
        }
        out->segments[out->segment_count++] = url_decode(segment, URL_PATH, arena);
    }
    return path.len == 0;
}

/* The methods of NODE; its route, when it has one of METHOD. */
static void arrive(const struct route_node *node, enum route_method method, struct route_match *out)
{
    for (unsigned i = 0; i < ROUTE_METHODS; i++) {
        out->methods |= node->routes[i] >= 0 ? 1U << i : 0;
    }
    out->route = method < ROUTE_METHODS ? node->routes[method] : -1;
}

/*
 * Every node is reached by one path only, so the way back costs at most the size of the tree, and
 * the depth is bounded by DEFINITION_SEGMENTS_MAX.
 */
static void walk(const struct route_node *node, enum route_method method, struct route_match *out,
                 unsigned at)
{
    const struct route_node *literal;

    if (at == out->segment_count) {
        arrive(node, method, out);
        return;
    }
    literal = literal_child(node, out->segments[at]);
    if (literal != NULL) {
        walk(literal, method, out, at + 1);
    }
    if (out->route < 0 && node->parameter != NULL) {
        walk(node->parameter, method, out, at + 1);
    }
}

bool route_find(const struct route_table *table, struct slice path, enum route_method method,
                struct arena *arena, struct route_match *out)
{
    if (path.len == 0 || !split(path, arena, out)) {
        return false;
    }
    out->route = -1;
    out->methods = 0;
    walk(&table->root, method, out, 0);
    return out->methods != 0;
}
