/*
 * The definition that a command works with: the one that was named, or the one that comes along.
 */
#ifndef VITRINE_COMMANDS_DEFAULT_DEFINITION_H
#define VITRINE_COMMANDS_DEFAULT_DEFINITION_H

#include "base/err.h"

/*
 * The path of a definition, on the heap: GIVEN when it is not NULL, otherwise the one that ships with
 * the program. That is looked for beside the program, as in a build tree and as installed, then below
 * the current folder. ERR_USAGE when it is nowhere.
 */
MUST_CHECK enum err definition_path(const char *given, char **path, struct errmsg *msg);

/*
 * RC of what was done with that definition. When GIVEN is NULL and the data does not fit it, MSG says
 * that somebody may have forgotten --definition.
 */
enum err definition_advise(const char *given, enum err rc, struct errmsg *msg);

#endif
