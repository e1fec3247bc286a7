/*
 * What one loop counts: answers by route and status, how long they took, bytes.
 *
 * Good for: the way of every request, which costs three additions, and the clock, which is read once a
 * batch of answers and once a turn of the loop.
 * Under the hood: a tally a route, found by its place in the definition that is served. Routes keep their
 * tally from one release to the next, by method and path, so that counters only grow.
 * Lifetime: meter_init, meter_free.
 * Thread-safety: written by the loop's thread only, without locks; traffic_add of traffic.h reads it from
 * any thread meanwhile.
 *
 * The time of an answer is that from when its request was complete to when the answer was handed to the
 * kernel. Requests that came in one read count from the first of them.
 */
#ifndef VITRINE_SERVICE_METER_H
#define VITRINE_SERVICE_METER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "definition/definition.h"

enum {
    METER_ROUTES_MAX = 1024, /* of all definitions that are served one after another */
    METER_STATUSES = 600,
    METER_BOUNDS = 12,
    METER_BUCKETS = METER_BOUNDS + 1,
};

/* The upper bounds of the buckets, in nanoseconds; the last bucket has none. */
extern const uint64_t meter_bounds_ns[METER_BOUNDS];

/* Added to by one thread, read by any; readers want no more than some recent value. */
typedef atomic_uint_fast64_t meter_count;

static inline void meter_add(meter_count *count, uint64_t more)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

static inline uint64_t meter_read(const meter_count *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* What was answered by one route, or by none. */
struct tally {
    enum route_method method; /* ROUTE_METHODS: no route, and then there is no path */
    char *path;               /* owned */
    struct tally *next_waiting;
    uint32_t waiting; /* answers that are not sent yet */
    meter_count time_ns;
    meter_count buckets[METER_BUCKETS];
    meter_count statuses[METER_STATUSES]; /* [0]: none that HTTP has */
};

/* Where connections are, as of the last look. */
enum meter_state {
    METER_IDLE,    /* between requests */
    METER_READING, /* a request is arriving */
    METER_WAITING, /* an answer comes later */
    METER_WRITING, /* the client has answers to take first */
    METER_ENDING,  /* the last answer was given */
    METER_STATES
};

struct meter {
    struct tally *_Atomic tallies[METER_ROUTES_MAX + 1]; /* owned; the first: of no route */
    atomic_uint tally_count;
    struct tally *served[DEFINITION_ROUTES_MAX]; /* by the place of the route */
    struct tally *first_waiting;
    uint64_t started_ns; /* when the requests that are being answered were complete */
    bool is_stale;       /* the loop has slept since then */
    meter_count bytes;   /* of answers */
    meter_count accepted;
    meter_count refused;   /* connections that were one too many */
    meter_count outstayed; /* connections that were closed for what they held */
    meter_count states[METER_STATES];
};

/* What is left of a request whose answer comes later. */
struct meter_mark {
    struct tally *tally; /* NULL: nobody counts */
    uint64_t started_ns;
};

void meter_init(struct meter *meter);
void meter_free(struct meter *meter);

/* Routes are those of DEFINITION from now on. */
void meter_serve(struct meter *meter, const struct definition *definition);

/* The tally of a route by its place, or of none, for -1. */
static inline struct tally *meter_tally(struct meter *meter, int route)
{
    return route < 0 ? atomic_load_explicit(&meter->tallies[0], memory_order_relaxed)
                     : meter->served[route];
}

/* A request is complete. */
void meter_begin(struct meter *meter);

/* It was one that was complete at the time of MARK. */
void meter_resume(struct meter *meter, const struct meter_mark *mark);

/* It was answered with STATUS, by SIZE bytes, which are sent soon. */
static inline void meter_answered(struct meter *meter, struct tally *tally, unsigned status,
                                  size_t size)
{
    meter_add(&tally->statuses[status < METER_STATUSES ? status : 0], 1);
    meter_add(&meter->bytes, size);
    if (tally->waiting++ == 0) {
        tally->next_waiting = meter->first_waiting;
        meter->first_waiting = tally;
    }
}

/* Everything that was answered is sent. Returns how long it took, in nanoseconds. */
uint64_t meter_sent(struct meter *meter);

#endif
