#include "commands/failures.h"

#include <stdio.h>

#include "base/log.h"

/* Takes the next line off *REST; false at the end. */
static bool next_line(struct slice *rest, struct slice *line)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);

    if (end == NULL) {
        return false;
    }
    *line = slice_of(rest->ptr, (size_t)(end - rest->ptr));
    *rest = slice_of(end + 1, rest->len - line->len - 1);
    return true;
}

void failures_print(const char *command, const struct buffer *failures)
{
    struct slice rest = buffer_slice(failures);
    struct slice line;

    while (next_line(&rest, &line)) {
        fprintf(stderr, "vitrine %s: %.*s\n", command, SLICE_ARG(line));
    }
}

void failures_log(const struct buffer *failures)
{
    struct slice rest = buffer_slice(failures);
    struct slice line;

    while (next_line(&rest, &line)) {
        log_error("check_failed", "reason=\"%.*s\"", SLICE_ARG(line));
    }
}

unsigned failures_count(const struct buffer *failures)
{
    struct slice rest = buffer_slice(failures);
    struct slice line;
    unsigned count = 0;

    while (next_line(&rest, &line)) {
        count++;
    }
    return count;
}
