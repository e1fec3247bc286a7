/*
 * The definition that commands use when none is named.
 */
#ifndef VITRINE_COMMANDS_DEFAULT_DEFINITION_H
#define VITRINE_COMMANDS_DEFAULT_DEFINITION_H

/*
 * The path of the definition that ships with the program, on the heap; NULL when it is not found. It
 * is looked for beside the program, as in a build tree and as installed, then below the current
 * folder.
 */
char *default_definition(void);

#endif
