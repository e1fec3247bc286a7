/*
 * Progress of long work: a bar that redraws itself on a terminal, a log line every few seconds
 * otherwise, nothing at all for work that ends at once.
 *
 *   loans  [=========>          ]  48 %  2,771,976 rows  812,000 rows/s  eta 3 s
 *
 * Several may go on at once: each has a line of its own.
 * Thread-safety: progress_add may be called from any thread; the rest from the owner of the struct.
 */
#ifndef VITRINE_BASE_PROGRESS_H
#define VITRINE_BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *label;
    const char *unit; /* "rows", "bytes" */
    uint64_t total;   /* expected, 0 when unknown */
    atomic_uint_fast64_t done;
    int64_t started_ms;          /* monotonic */
    atomic_int_fast64_t next_ms; /* when to draw again */
    bool is_terminal;
    struct progress *next; /* of those on the terminal, in the order of their beginning */
};

void progress_begin(struct progress *progress, const char *label, const char *unit, uint64_t total);
void progress_add(struct progress *progress, uint64_t count);

/* Clears the bar; the lines below it move up. */
void progress_end(struct progress *progress);

/*
 * Around something else that is written to standard error: takes the bars away and keeps them away; the
 * next redraw brings them back below it.
 */
void progress_pause(void);
void progress_resume(void);

/* "2,771,976" into TEXT (at least 27 bytes); returns TEXT. */
char *grouped(char *text, uint64_t value);

#endif
