#include "base/priority.h"

#include <linux/ioprio.h>
#include <linux/sched/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A thread is a process to these calls of Linux. */
void priority_lower(int nice)
{
    id_t thread = (id_t)syscall(SYS_gettid);

    if (getpriority(PRIO_PROCESS, thread) < nice) {
        setpriority(PRIO_PROCESS, thread, nice);
    }
    if (nice == PRIORITY_IDLE) {
        syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
    }
}

void priority_short_turns(void)
{
    struct sched_attr attributes = {.size = sizeof attributes};

    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0) {
        attributes.sched_runtime = PRIORITY_SLICE_NS;
        syscall(SYS_sched_setattr, 0, &attributes, 0);
    }
}
