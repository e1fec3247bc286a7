/*
 * System calls that fail, or at which the process is killed: the linker puts these in front of those that
 * our code calls (--wrap, tests/CMakeLists.txt).
 *
 *   for nth = 1, 2, ...:  calls_arm(nth, false); run(); calls_disarm();
 *                         until calls_seen() < nth: nothing failed
 *
 * Thread-safety: none.
 */
#ifndef VITRINE_TESTS_FAULT_CALLS_H
#define VITRINE_TESTS_FAULT_CALLS_H

#include <stdbool.h>
#include <stdint.h>

enum { CALLS_MAX = 200 };

/* From here on call number NTH fails, or with KILLS ends the process before it is made. */
void calls_arm(uint64_t nth, bool kills);
void calls_disarm(void);

/* How many were made since calls_arm. */
uint64_t calls_seen(void);

#endif
