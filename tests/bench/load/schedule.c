#include "schedule.h"

struct schedule schedule_make(int64_t start_ns, double rate, double seconds)
{
    return (struct schedule){
        .start_ns = start_ns, .rate = rate, .total = (uint64_t)(rate * seconds + 0.5)};
}

int64_t schedule_due_ns(const struct schedule *schedule, uint64_t index)
{
    return schedule->start_ns + (int64_t)((long double)index * 1e9L / schedule->rate);
}

uint64_t schedule_due_count(const struct schedule *schedule, int64_t now_ns)
{
    uint64_t count;

    if (now_ns < schedule->start_ns) {
        return 0;
    }
    count = (uint64_t)((long double)(now_ns - schedule->start_ns) * schedule->rate / 1e9L) + 1;
    /* Rounding may be one off at the instant itself. */
    if (schedule_due_ns(schedule, count) <= now_ns) {
        count++;
    } else if (schedule_due_ns(schedule, count - 1) > now_ns) {
        count--;
    }
    return count < schedule->total ? count : schedule->total;
}
