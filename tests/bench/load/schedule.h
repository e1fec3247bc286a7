/*
 * schedule: when each request of an open loop is due, fixed before the first is sent.
 *
 * Request I is due I / RATE seconds after the start, whatever became of those before it: neither the
 * server nor the generator can move it. Computed from I, not by adding steps, so that no error
 * adds up over an hour.
 */
#ifndef VITRINE_BENCH_LOAD_SCHEDULE_H
#define VITRINE_BENCH_LOAD_SCHEDULE_H

#include <stdint.h>

struct schedule {
    int64_t start_ns;
    double rate;    /* requests a second, above 0 */
    uint64_t total; /* requests in all */
};

/* RATE requests a second for SECONDS. */
struct schedule schedule_make(int64_t start_ns, double rate, double seconds);

/* When request INDEX (from 0) is due. */
int64_t schedule_due_ns(const struct schedule *schedule, uint64_t index);

/* How many requests are due at NOW_NS: those up to that instant, and never more than there are. */
uint64_t schedule_due_count(const struct schedule *schedule, int64_t now_ns);

#endif
