/*
 * Threads that answer come before those that work.
 *
 * Errors: none; best effort.
 */
#ifndef VITRINE_BASE_PRIORITY_H
#define VITRINE_BASE_PRIORITY_H

enum {
    PRIORITY_BEHIND = 10, /* behind everything of the default priority */
    PRIORITY_IDLE = 19,   /* only when there is nothing else to do, also on the disk */
    PRIORITY_SLICE_NS = 200000,
};

/* Of the calling thread alone, from now on; never raises it. */
void priority_lower(int nice);

/*
 * The calling thread works in short turns and wants each of them as soon as it wakes: it asks for a
 * time slice of PRIORITY_SLICE_NS, and takes the processor from whoever has a longer one. Linux 6.12
 * and later; on others nothing changes. (EEVDF, "preempt short"; sched_setattr(2), sched_runtime.)
 */
void priority_short_turns(void);

#endif
