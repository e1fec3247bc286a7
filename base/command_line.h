/*
 * The arguments of another program, as base/process.h takes them.
 *
 * Lifetime: command_line_begin, then command_line_free. Thread-safety: none.
 */
#ifndef VITRINE_BASE_COMMAND_LINE_H
#define VITRINE_BASE_COMMAND_LINE_H

#include "base/arena.h"
#include "base/err.h"

enum { COMMAND_LINE_MAX = 40 };

struct command_line {
    struct arena arena;
    const char *items[COMMAND_LINE_MAX + 1]; /* always NULL-terminated */
    unsigned count;
};

void command_line_begin(struct command_line *line, const char *program);
void command_line_free(struct command_line *line);

/* Adds one argument; more than COMMAND_LINE_MAX is a bug of the caller. */
void command_line_add(struct command_line *line, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
