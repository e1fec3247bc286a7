/*
 * The clock that only goes forward, for durations and deadlines. The time of day is in timestamp.h.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_BASE_CLOCK_H
#define VITRINE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_read_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds since some moment before the program began. */
static inline int64_t monotonic_ms(void)
{
    return clock_read_ms(CLOCK_MONOTONIC);
}

/* The same, some ms late, for a fifth of the price: for what asks again and again. */
static inline int64_t monotonic_coarse_ms(void)
{
    return clock_read_ms(CLOCK_MONOTONIC_COARSE);
}

#endif
