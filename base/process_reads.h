/*
 * How much a process and what it started have read so far: whether a program that talks to another
 * machine still hears from it, whatever it says itself.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_BASE_PROCESS_READS_H
#define VITRINE_BASE_PROCESS_READS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Bytes that PID and its descendants which live now have read, from whatever kind of file. Less than
 * before when one of them has ended. False when this system does not tell: without /proc, or when the
 * processes belong to somebody else.
 */
bool process_reads(pid_t pid, uint64_t *bytes);

#endif
