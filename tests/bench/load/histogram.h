/*
 * histogram: how often which time was seen, with an error of 1 in 128 and a fixed size.
 *
 * Each octave (from one power of two to the next) has 128 buckets of one width, as in HdrHistogram by
 * Gil Tene; below 128 ns every value has its own. A percentile is the highest value of its bucket,
 * so it is never reported too low; the greatest value is kept exactly. One thread at a time.
 */
#ifndef VITRINE_BENCH_LOAD_HISTOGRAM_H
#define VITRINE_BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 7,
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count;
    int64_t max_ns;
    double sum_ns;
};

/* Adds one value; one below 0 counts as 0. */
void histogram_add(struct histogram *histogram, int64_t ns);

/* Adds all values of OTHER. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The value that SHARE (0 .. 1) of all are not above; 0 when there are none. */
int64_t histogram_percentile_ns(const struct histogram *histogram, double share);

/* 0 when there are none. */
double histogram_mean_ns(const struct histogram *histogram);

#endif
