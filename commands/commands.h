/*
 * The subcommands of the program: each is defined in commands/NAME.c, vitrine.c lists them.
 */
#ifndef VITRINE_COMMANDS_COMMANDS_H
#define VITRINE_COMMANDS_COMMANDS_H

#include "base/options.h"

extern const struct command command_generate;
extern const struct command command_import;
extern const struct command command_build;
extern const struct command command_serve;
extern const struct command command_run;
extern const struct command command_inspect;
extern const struct command command_verify;
extern const struct command command_releases;
extern const struct command command_activate;
extern const struct command command_rollback;
extern const struct command command_pin;
extern const struct command command_unpin;
extern const struct command command_diff;
extern const struct command command_repair;
extern const struct command command_keygen;
extern const struct command command_pull;

#endif
