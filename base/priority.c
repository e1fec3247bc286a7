#include "base/priority.h"

#include <linux/ioprio.h>
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
