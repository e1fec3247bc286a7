#include "service/meter.h"

#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/arena.h"

const uint64_t meter_bounds_ns[METER_BOUNDS] = {
    25000,   50000,   100000,   250000,   500000,    1000000,
    2500000, 5000000, 10000000, 50000000, 250000000, 1000000000,
};

static struct tally *add_tally(struct meter *meter, enum route_method method, struct slice path)
{
    unsigned count = atomic_load(&meter->tally_count);
    struct tally *tally = memory_calloc(1, sizeof *tally);

    tally->method = method;
    tally->path = memory_calloc(1, path.len + 1);
    memcpy(tally->path, path.ptr, path.len);
    atomic_store(&meter->tallies[count], tally);
    atomic_store(&meter->tally_count, count + 1);
    return tally;
}

/* Routes beyond METER_ROUTES_MAX are counted as none. */
static struct tally *find_tally(struct meter *meter, const struct route *route)
{
    unsigned count = atomic_load(&meter->tally_count);

    for (unsigned i = 1; i < count; i++) {
        struct tally *tally = atomic_load(&meter->tallies[i]);

        if (tally->method == route->method && slice_is(route->path, tally->path)) {
            return tally;
        }
    }
    return count > METER_ROUTES_MAX ? atomic_load(&meter->tallies[0])
                                    : add_tally(meter, route->method, route->path);
}

void meter_init(struct meter *meter)
{
    *meter = (struct meter){.is_stale = true};
    (void)add_tally(meter, ROUTE_METHODS, slice_of("", 0));
}

void meter_free(struct meter *meter)
{
    unsigned count = atomic_load(&meter->tally_count);

    for (unsigned i = 0; i < count; i++) {
        struct tally *tally = atomic_load(&meter->tallies[i]);

        free(tally->path);
        free(tally);
    }
}

void meter_serve(struct meter *meter, const struct definition *definition)
{
    for (unsigned i = 0; i < definition->route_count; i++) {
        meter->served[i] = find_tally(meter, &definition->routes[i]);
    }
}

void meter_begin(struct meter *meter)
{
    if (meter->is_stale) {
        meter->is_stale = false;
        meter->started_ns = uv_hrtime();
    }
}

void meter_resume(struct meter *meter, const struct meter_mark *mark)
{
    meter->is_stale = false;
    meter->started_ns = mark->started_ns;
}

static unsigned find_bucket(uint64_t time_ns)
{
    unsigned i = 0;

    while (i < METER_BOUNDS && time_ns > meter_bounds_ns[i]) {
        i++;
    }
    return i;
}

/* Reads the clock only if somebody waits; what comes next begins when this is over. */
uint64_t meter_sent(struct meter *meter)
{
    struct tally *next;
    uint64_t now_ns;
    uint64_t time_ns;
    unsigned bucket;

    if (meter->first_waiting == NULL) {
        return 0;
    }
    now_ns = uv_hrtime();
    time_ns = now_ns - meter->started_ns;
    bucket = find_bucket(time_ns);
    for (struct tally *at = meter->first_waiting; at != NULL; at = next) {
        next = at->next_waiting;
        meter_add(&at->buckets[bucket], at->waiting);
        meter_add(&at->time_ns, time_ns * at->waiting);
        at->waiting = 0;
    }
    meter->first_waiting = NULL;
    meter->started_ns = now_ns;
    return time_ns;
}
