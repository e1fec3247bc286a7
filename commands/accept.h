/* --accept NAME[,NAME]: checks that a build leaves out. */
#ifndef VITRINE_COMMANDS_ACCEPT_H
#define VITRINE_COMMANDS_ACCEPT_H

#include "base/err.h"

/*
 * The names in TEXT, separated by commas, as bits 1 << CHECK_x; none when TEXT is NULL.
 * ERR_USAGE says which name is no check, and which there are.
 */
MUST_CHECK enum err accept_parse(const char *text, unsigned *accepted, struct errmsg *msg);

#endif
