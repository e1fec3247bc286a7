/* What the checks of a release found, told to a person or to the log. */
#ifndef VITRINE_COMMANDS_FAILURES_H
#define VITRINE_COMMANDS_FAILURES_H

#include "base/buffer.h"

/* Prints the lines of FAILURES to stderr, each after "vitrine COMMAND: ". */
void failures_print(const char *command, const struct buffer *failures);

/* Logs each line of FAILURES as an event of its own. */
void failures_log(const struct buffer *failures);

/* How many lines there are. */
unsigned failures_count(const struct buffer *failures);

#endif
