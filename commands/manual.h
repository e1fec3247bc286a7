/*
 * The manual page vitrine(1), made from the tables of options, so that it says what --help says.
 */
#ifndef VITRINE_COMMANDS_MANUAL_H
#define VITRINE_COMMANDS_MANUAL_H

#include <stdio.h>

#include "base/options.h"

/* Prints the page of all COMMANDS for man(7). ABOUT is what the program is for, in a sentence. */
void manual_print(const struct command *const *commands, unsigned count, const char *about,
                  FILE *to);

#endif
