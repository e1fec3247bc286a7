/*
 * A step that the database takes by itself and that may last: making indexes, statistics.
 *
 * Whoever waits for it asks source_step_goes_on again and again, which says in the log every few seconds
 * what is being waited for, and notices SIGINT and SIGTERM.
 *
 * Thread-safety: one owner.
 */
#ifndef VITRINE_SOURCE_SOURCE_STEP_H
#define VITRINE_SOURCE_SOURCE_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct source_step {
    const char *what; /* "indexes of" */
    struct slice table;
    int64_t started_ms;
    int64_t next_ms; /* when to say so */
};

struct source_step source_step_begin(const char *what, struct slice table);

/* False once a signal has arrived. */
bool source_step_goes_on(struct source_step *step);

/* The error of a step that does not: ERR_INTERRUPTED. */
enum err source_step_interrupted(const struct source_step *step, struct errmsg *msg);

#endif
