/*
 * Random numbers of the synthetic data generator: small, fast and the same on every machine.
 *
 * Good for: a stream for each (seed, table, root row), so that what one table draws never moves
 * another. Under the hood: wyrand over a counter. Not for secrets.
 * Thread-safety: a stream has one owner.
 */
#ifndef VITRINE_BUILDER_GENERATE_RANDOM_H
#define VITRINE_BUILDER_GENERATE_RANDOM_H

#include <stdint.h>

#include "base/slice.h"

struct random {
    uint64_t state;
};

static inline uint64_t random_mix(uint64_t a, uint64_t b)
{
    __uint128_t wide = (__uint128_t)(a ^ 0xa0761d6478bd642fULL) * (b ^ 0xe7037ed1a0b428dbULL);

    return (uint64_t)(wide >> 64) ^ (uint64_t)wide;
}

/* A stream of its own for each pair; neighbours are unrelated. */
static inline struct random random_start(uint64_t stream, uint64_t item)
{
    return (struct random){random_mix(random_mix(stream, item), 0x8ebc6af09c88c6e3ULL)};
}

static inline uint64_t random_next(struct random *random)
{
    __uint128_t wide;

    random->state += 0xa0761d6478bd642fULL;
    wide = (__uint128_t)random->state * (random->state ^ 0xe7037ed1a0b428dbULL);
    return (uint64_t)(wide >> 64) ^ (uint64_t)wide;
}

static inline uint32_t random_u32(struct random *random)
{
    return (uint32_t)(random_next(random) >> 32);
}

/* 0 .. LIMIT - 1; LIMIT is not 0. The bias is below 2^-32 for the limits used here. */
static inline uint64_t random_below(struct random *random, uint64_t limit)
{
    return (uint64_t)(((__uint128_t)random_next(random) * limit) >> 64);
}

/* What names a stream: the seed of the run and a name within it. */
static inline uint64_t random_stream(uint64_t seed, struct slice name)
{
    uint64_t hash = random_mix(seed, 0x589965cc75374cc3ULL);

    for (size_t i = 0; i < name.len; i++) {
        hash = random_mix(hash, (unsigned char)name.ptr[i]);
    }
    return hash;
}

#endif
