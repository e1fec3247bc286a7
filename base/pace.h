/*
 * A pace: how long to wait after so many bytes, so that no more than a rate of them pass.
 *
 * Time that was not used is forgotten beyond PACE_CREDIT_MS, so that a reader that was held up does not
 * hurry afterwards. Thread-safety: none; one owner.
 */
#ifndef VITRINE_BASE_PACE_H
#define VITRINE_BASE_PACE_H

#include <stdint.h>

enum { PACE_CREDIT_MS = 1000 };

struct pace {
    uint64_t bytes_per_second;
    double due_ms; /* when what has passed is paid for, on the clock of monotonic_ms */
};

/* BYTES_PER_SECOND is not 0. NOW_MS is of monotonic_ms. */
void pace_begin(struct pace *pace, uint64_t bytes_per_second, int64_t now_ms);

/* BYTES have passed: the milliseconds to wait before the next ones. */
int64_t pace_wait_ms(struct pace *pace, uint64_t bytes, int64_t now_ms);

#endif
