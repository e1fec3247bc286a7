/*
 * A stream of bytes cut into lines, as another program prints them: a carriage return ends one, too, as
 * progress is written so. Control characters become blanks; the rest of a line that is too long is
 * dropped.
 *
 * Thread-safety: none.
 */
#ifndef VITRINE_BASE_CUT_LINES_H
#define VITRINE_BASE_CUT_LINES_H

#include <stddef.h>

#include "base/slice.h"

enum { LINE_MAX_BYTES = 4096 };

/* LINE is terminated, and the callback's own until it returns. */
typedef void (*take_line)(void *context, char *line);

struct cut_lines {
    char text[LINE_MAX_BYTES];
    size_t len;
};

/* Gives TAKE every line that ends in BYTES. What stands behind the last end is kept in LINES. */
void cut_lines_feed(struct cut_lines *lines, struct slice bytes, take_line take, void *context);

#endif
