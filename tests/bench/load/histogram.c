#include "histogram.h"

static unsigned bucket_of(uint64_t ns)
{
    unsigned octave;

    if (ns < 1U << HISTOGRAM_SUB_BITS) {
        return (unsigned)ns;
    }
    octave = 63 - (unsigned)__builtin_clzll(ns) - HISTOGRAM_SUB_BITS;
    return ((octave + 1) << HISTOGRAM_SUB_BITS) + (unsigned)(ns >> octave) -
           (1U << HISTOGRAM_SUB_BITS);
}

/* The highest value of a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    unsigned octave = bucket >> HISTOGRAM_SUB_BITS;
    uint64_t sub = bucket & ((1U << HISTOGRAM_SUB_BITS) - 1);

    if (octave == 0) {
        return sub;
    }
    return ((sub + (1U << HISTOGRAM_SUB_BITS) + 1) << (octave - 1)) - 1;
}

void histogram_add(struct histogram *histogram, int64_t ns)
{
    ns = ns > 0 ? ns : 0;
    histogram->counts[bucket_of((uint64_t)ns)]++;
    histogram->count++;
    histogram->sum_ns += (double)ns;
    histogram->max_ns = ns > histogram->max_ns ? ns : histogram->max_ns;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        histogram->counts[i] += other->counts[i];
    }
    histogram->count += other->count;
    histogram->sum_ns += other->sum_ns;
    histogram->max_ns = other->max_ns > histogram->max_ns ? other->max_ns : histogram->max_ns;
}

int64_t histogram_percentile_ns(const struct histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > 0 && (double)seen >= wanted) {
            int64_t end = (int64_t)bucket_end(i);

            return end < histogram->max_ns ? end : histogram->max_ns;
        }
    }
    return histogram->max_ns;
}

double histogram_mean_ns(const struct histogram *histogram)
{
    return histogram->count > 0 ? histogram->sum_ns / (double)histogram->count : 0;
}
