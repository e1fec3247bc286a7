#include "commands/examples.h"

static struct slice first_segment(const struct route *route)
{
    return route->segment_count == 0 ? slice_of("", 0) : route->segments[0].text;
}

/* A request that anybody can send: it needs no body and changes nothing. */
static bool is_shown(const struct route *route)
{
    return route->action == NULL || (route->method == ROUTE_GET && route->action->only_reads);
}

static bool opens_a_path(const struct definition *definition, unsigned index)
{
    for (unsigned i = 0; i < index; i++) {
        if (is_shown(&definition->routes[i]) &&
            slice_equal(first_segment(&definition->routes[i]),
                        first_segment(&definition->routes[index]))) {
            return false;
        }
    }
    return true;
}

unsigned examples_pick(const struct definition *definition, unsigned *routes)
{
    unsigned count = 0;

    for (int pass = 0; pass < 2; pass++) {
        bool wanted = pass == 0;

        for (unsigned i = 0; i < definition->route_count && count < EXAMPLES_MAX; i++) {
            if (is_shown(&definition->routes[i]) && opens_a_path(definition, i) == wanted) {
                routes[count++] = i;
            }
        }
    }
    return count;
}

static bool takes_text(const struct route *route)
{
    return route->action != NULL || route->collection->key_is_text;
}

bool examples_is_pattern(const struct route *route)
{
    bool is_open = route->key.is_present;

    for (unsigned i = 0; i < route->segment_count; i++) {
        is_open = is_open || route->segments[i].is_parameter;
    }
    return is_open && takes_text(route);
}

void examples_write(const struct route *route, struct buffer *out)
{
    bool is_text = takes_text(route);

    for (unsigned i = 0; i < route->segment_count; i++) {
        const struct segment *segment = &route->segments[i];

        buffer_append_byte(out, '/');
        if (segment->is_parameter && !is_text) {
            buffer_append_byte(out, '1');
        } else {
            buffer_append_str(out, segment->is_parameter ? ":" : "");
            buffer_append_slice(out, segment->text);
        }
    }
    if (route->segment_count == 0) {
        buffer_append_byte(out, '/');
    }
    if (route->key.is_present && !route->key.in_path) {
        const char *keys = is_text ? "...,..." : "1,2,3";
        const char *key = is_text ? "..." : "1";

        buffer_printf(out, "?%.*s=%s", SLICE_ARG(route->key.name),
                      route->most_keys > 0 ? keys : key);
    }
}
