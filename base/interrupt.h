/*
 * SIGINT and SIGTERM as a flag that long work looks at between two steps.
 *
 * Thread-safety: the flag may be read from any thread. Call interrupt_catch once, at the start.
 */
#ifndef VITRINE_BASE_INTERRUPT_H
#define VITRINE_BASE_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* From here on SIGINT and SIGTERM only set the flag; a second one ends the process at once. */
void interrupt_catch(void);

bool interrupt_requested(void);

/* Sleeps up to MS milliseconds, less when a signal arrives; not at all once the flag is up. */
void interrupt_sleep(int64_t ms);

#endif
