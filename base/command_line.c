#include "base/command_line.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void command_line_begin(struct command_line *line, const char *program)
{
    *line = (struct command_line){.count = 0};
    arena_init(&line->arena, 4096);
    command_line_add(line, "%s", program);
}

void command_line_free(struct command_line *line)
{
    arena_free(&line->arena);
}

void command_line_add(struct command_line *line, const char *fmt, ...)
{
    char *text;
    va_list args;

    assert(line->count < COMMAND_LINE_MAX);
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0) {
        abort();
    }
    va_end(args);
    line->items[line->count++] = arena_copy(&line->arena, slice_str(text)).ptr;
    line->items[line->count] = NULL;
    free(text);
}
