#include "base/pace.h"

enum { WAIT_MAX_MS = 3600000 };

void pace_begin(struct pace *pace, uint64_t bytes_per_second, int64_t now_ms)
{
    *pace = (struct pace){.bytes_per_second = bytes_per_second, .due_ms = (double)now_ms};
}

int64_t pace_wait_ms(struct pace *pace, uint64_t bytes, int64_t now_ms)
{
    double oldest_ms = (double)(now_ms - PACE_CREDIT_MS);
    double wait_ms;

    if (pace->due_ms < oldest_ms) {
        pace->due_ms = oldest_ms;
    }
    pace->due_ms += (double)bytes * 1000 / (double)pace->bytes_per_second;
    wait_ms = pace->due_ms - (double)now_ms;
    if (wait_ms <= 0) {
        return 0;
    }
    return wait_ms < WAIT_MAX_MS ? (int64_t)wait_ms : WAIT_MAX_MS;
}
