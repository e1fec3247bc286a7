#include "builder/generate_spread.h"

#include <math.h>
#include <stdlib.h>

#include "builder/generate_random.h"

enum { BLOCK_BITS = 10, SOLVE_STEPS = 80 };

/* How fast the tail of a skewed spread falls: hundreds in about one parent of a thousand. */
#define SKEWED_POWER 2.5
#define SKEWED_NUMBER_POWER 1.3

void spread_init(struct spread *spread, struct arena *arena, const double *weights, unsigned count)
{
    double total = 0;
    double sum = 0;

    for (unsigned i = 0; i < count; i++) {
        total += weights == NULL ? 1 : weights[i];
    }
    spread->count = count;
    spread->limits = arena_calloc(arena, count, sizeof *spread->limits);
    for (unsigned i = 0; i + 1 < count; i++) {
        double share;

        sum += weights == NULL ? 1 : weights[i];
        share = sum / total * 4294967296.0;
        spread->limits[i] = share >= 4294967295.0 ? UINT32_MAX : (uint32_t)share;
    }
}

void spread_init_skewed(struct spread *spread, struct arena *arena, unsigned count)
{
    double *weights = memory_calloc(count, sizeof *weights);

    for (unsigned i = 0; i < count; i++) {
        weights[i] = pow(i + 1, -SKEWED_NUMBER_POWER);
    }
    spread_init(spread, arena, weights, count);
    free(weights);
}

/* The weights of first..most rows for one value of the shape's parameter; returns their mean. */
static double weigh(const struct table_sample *sample, unsigned first, double parameter,
                    double *weights)
{
    double total = 0;
    double sum = 0;
    double top = -INFINITY;

    for (unsigned k = first; k <= sample->most; k++) {
        if (sample->shape == SHAPE_SKEWED) {
            weights[k] = -SKEWED_POWER * log(k - first + exp(parameter));
        } else {
            weights[k] = k * parameter - lgamma(k + 1.0);
        }
        top = fmax(top, weights[k]);
    }
    for (unsigned k = first; k <= sample->most; k++) {
        weights[k] = exp(weights[k] - top);
        total += weights[k];
        sum += weights[k] * k;
    }
    for (unsigned k = first; k <= sample->most; k++) {
        weights[k] /= total;
    }
    return sum / total;
}

/* The mean grows with the parameter, so halving an interval finds it. */
static void solve(const struct table_sample *sample, unsigned first, double mean, double *weights)
{
    double low = -30;
    double high = 30;

    for (int i = 0; i < SOLVE_STEPS; i++) {
        double middle = (low + high) / 2;

        if (weigh(sample, first, middle, weights) < mean) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

void spread_init_rows(struct spread *spread, struct arena *arena, const struct table_sample *sample)
{
    double *weights = memory_calloc(sample->most + 1, sizeof *weights);
    bool has_none = sample->none >= 0;
    double some = has_none ? 1 - sample->none : 1;
    unsigned first = has_none && sample->least == 0 ? 1 : sample->least;

    solve(sample, first, sample->mean / some, weights);
    if (has_none) {
        for (unsigned k = first; k <= sample->most; k++) {
            weights[k] *= some;
        }
        weights[0] = sample->none;
    }
    spread_init(spread, arena, weights, sample->most + 1);
    free(weights);
}

/* A shuffle of 0 .. 2^BITS - 1: each step can be undone, so no two places collide. */
static uint64_t shuffle(uint64_t x, unsigned bits, uint64_t key)
{
    uint64_t mask = bits == 64 ? UINT64_MAX : (1ULL << bits) - 1;

    for (unsigned round = 0; round < 4; round++) {
        x = (x * 0x9e3779b97f4a7c15ULL + key) & mask;
        x ^= x >> (bits / 2 + 1);
        key = random_mix(key, round);
    }
    return x;
}

static uint32_t place_known(uint64_t stream, uint64_t index, uint64_t count)
{
    unsigned bits = 1;

    while (bits < 63 && 1ULL << bits < count) {
        bits++;
    }
    /* Walking the cycle of the shuffle until it is below COUNT keeps it a shuffle. */
    do {
        index = shuffle(index, bits, stream);
    } while (index >= count);
    return (uint32_t)((((__uint128_t)index * 2 + 1) << 31) / count);
}

uint32_t spread_place(uint64_t stream, uint64_t index, uint64_t count)
{
    struct random random;
    uint64_t block = index >> BLOCK_BITS;
    uint64_t place;

    if (count != 0) {
        return place_known(stream, index, count);
    }
    place = shuffle(index & ((1 << BLOCK_BITS) - 1), BLOCK_BITS, random_mix(stream, block));
    random = random_start(stream, index);
    return (uint32_t)(place << (32 - BLOCK_BITS) | random_u32(&random) >> BLOCK_BITS);
}
