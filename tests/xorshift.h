/* Random numbers of tests and load tools: quick, the same for the same seed, good enough for picking. */
#ifndef VITRINE_TESTS_XORSHIFT_H
#define VITRINE_TESTS_XORSHIFT_H

#include <stdint.h>

/* The next of 64 bits; *STATE is not 0. xorshift64* (Vigna, 2014). */
static inline uint64_t xorshift_next(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dU;
}

#endif
