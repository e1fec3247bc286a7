#include "base/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

/* An interrupt that comes between a look at the flag and the sleep is noticed after so long. */
enum { LOOK_MS = 500 };

static volatile sig_atomic_t requested;

static void on_signal(int signal_number)
{
    (void)signal_number;
    requested = 1;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupt_requested(void)
{
    return requested != 0;
}

void interrupt_sleep(int64_t ms)
{
    while (ms > 0 && !requested) {
        int64_t step_ms = ms < LOOK_MS ? ms : LOOK_MS;
        struct timespec wait = {.tv_nsec = step_ms * 1000000};

        if (nanosleep(&wait, NULL) != 0) {
            return; /* a signal ends it early, which is what is wanted */
        }
        ms -= step_ms;
    }
}
