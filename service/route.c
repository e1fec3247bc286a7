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

static struct route_node *node_make(struct arena *arena)
{
    struct route_node *node = arena_calloc(arena, 1, sizeof *node);

    node->route = -1;
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

    table->root.route = -1;
    for (unsigned i = 0; i < definition->route_count; i++) {
        const struct route *route = &definition->routes[i];
        struct route_node *node = &table->root;

        for (unsigned at = 0; at < route->segment_count; at++) {
            node = child_for(node, &route->segments[at], arena);
        }
        if (node->route < 0) {
            node->route = (int)i;
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

/*
 * Every node is reached by one path only, so the way back costs at most the size of the tree, and
 * the depth is bounded by DEFINITION_SEGMENTS_MAX.
 */
static int walk(const struct route_node *node, const struct route_match *match, unsigned at)
{
    const struct route_node *literal;
    int route = -1;

    if (at == match->segment_count) {
        return node->route;
    }
    literal = literal_child(node, match->segments[at]);
    if (literal != NULL) {
        route = walk(literal, match, at + 1);
    }
    if (route < 0 && node->parameter != NULL) {
        route = walk(node->parameter, match, at + 1);
    }
    return route;
}

bool route_find(const struct route_table *table, struct slice path, struct arena *arena,
                struct route_match *out)
{
    int route;

    if (path.len == 0 || !split(path, arena, out)) {
        return false;
    }
    route = walk(&table->root, out, 0);
    if (route < 0) {
        return false;
    }
    out->route = (unsigned)route;
    return true;
}
