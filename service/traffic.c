#include "service/traffic.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static struct route_traffic *find_route(struct traffic *traffic, const struct tally *tally)
{
    struct route_traffic *route;

    for (unsigned i = 0; i < traffic->route_count; i++) {
        route = &traffic->routes[i];
        if (route->method == tally->method && strcmp(route->path, tally->path) == 0) {
            return route;
        }
    }
    if (traffic->route_count == traffic->route_capacity) {
        traffic->route_capacity = traffic->route_capacity * 2 + 16;
        traffic->routes =
            memory_realloc(traffic->routes, traffic->route_capacity * sizeof *traffic->routes);
    }
    route = &traffic->routes[traffic->route_count++];
    *route = (struct route_traffic){.method = tally->method, .path = tally->path};
    return route;
}

static void add_tally(struct route_traffic *route, const struct tally *tally)
{
    route->time_ns += meter_read(&tally->time_ns);
    for (unsigned i = 0; i < METER_BUCKETS; i++) {
        route->buckets[i] += meter_read(&tally->buckets[i]);
    }
    for (unsigned i = 0; i < METER_STATUSES; i++) {
        route->statuses[i] += meter_read(&tally->statuses[i]);
    }
}

void traffic_add(struct traffic *traffic, const struct meter *meter)
{
    unsigned count = atomic_load(&meter->tally_count);

    for (unsigned i = 0; i < count; i++) {
        const struct tally *tally = atomic_load(&meter->tallies[i]);

        add_tally(find_route(traffic, tally), tally);
    }
    for (unsigned i = 0; i < METER_STATES; i++) {
        traffic->states[i] += meter_read(&meter->states[i]);
    }
    traffic->bytes += meter_read(&meter->bytes);
    traffic->accepted += meter_read(&meter->accepted);
    traffic->refused += meter_read(&meter->refused);
    traffic->outstayed += meter_read(&meter->outstayed);
}

void traffic_free(struct traffic *traffic)
{
    free(traffic->routes);
    *traffic = (struct traffic){.routes = NULL};
}
