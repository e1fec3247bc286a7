#include "commands/failures.h"

#include <stdio.h>

#include "base/log.h"

void failures_print(const char *command, const struct buffer *failures)
{
    struct slice rest = buffer_slice(failures);

    while (rest.len > 0) {
        struct slice line = slice_take_line(&rest);

        fprintf(stderr, "vitrine %s: %.*s\n", command, SLICE_ARG(line));
    }
}

void failures_log(const struct buffer *failures)
{
    struct slice rest = buffer_slice(failures);

    while (rest.len > 0) {
        struct slice line = slice_take_line(&rest);

        log_error("check_failed", "reason=\"%.*s\"", SLICE_ARG(line));
    }
}

unsigned failures_count(const struct buffer *failures)
{
    struct slice rest = buffer_slice(failures);
    unsigned count = 0;

    while (rest.len > 0) {
        slice_take_line(&rest);
        count++;
    }
    return count;
}
