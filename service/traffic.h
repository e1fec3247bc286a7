/*
 * What all loops did together: their meters, added up when somebody asks.
 *
 * Lifetime: zeroed by its owner, traffic_add for each meter, traffic_free.
 * Thread-safety: none; the meters may be written meanwhile.
 */
#ifndef VITRINE_SERVICE_TRAFFIC_H
#define VITRINE_SERVICE_TRAFFIC_H

#include <stdint.h>

#include "service/meter.h"

/* What a tally held when it was looked at. */
struct route_traffic {
    enum route_method method; /* ROUTE_METHODS: answered by no route */
    const char *path;         /* the meter's */
    uint64_t time_ns;
    uint64_t buckets[METER_BUCKETS];
    uint64_t statuses[METER_STATUSES];
};

struct traffic {
    uint64_t connections; /* open now */
    uint64_t states[METER_STATES];
    uint64_t bytes;
    uint64_t accepted;
    uint64_t refused;
    uint64_t outstayed;           /* closed for what they held */
    uint64_t held_bytes;          /* that clients hold now: held.h */
    uint64_t cold_reads;          /* requests that memory did not answer */
    uint64_t cold_refusals;       /* of them, those that were one too many */
    uint64_t log_lines;           /* of the access log, written */
    uint64_t log_dropped;         /* and not, because the disk is too slow, or full */
    struct route_traffic *routes; /* owned */
    unsigned route_count;
    unsigned route_capacity;
};

/* Adds what METER holds, which must outlive TRAFFIC. */
void traffic_add(struct traffic *traffic, const struct meter *meter);
void traffic_free(struct traffic *traffic);

#endif
