/*
 * Vitrine: a read tier for storefronts. This file is the table of subcommands, nothing else.
 *
 * The tree, in reading order:
 *
 *   base/        leaf code: errors, log, arena, buffer, options, durable file operations
 *   definition/  YAML -> checked definition: what is read, how it is keyed, ordered, shaped, routed
 *   source/      the source of truth behind one interface: snapshots, streams of rows, loading
 *   replica/     the release: format, encodings, manifest, verification, activation, reader, pull
 *   builder/     source -> release; CSV exports -> source; synthetic exports
 *   service/     HTTP from the files of the current release
 *   commands/    the subcommands: their options, and which of the above they call
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/priority.h"
#include "base/suggest.h"
#include "commands/commands.h"
#include "commands/manual.h"

static const struct command *const commands[] = {
    &command_run,   &command_generate, &command_import,   &command_build,
    &command_serve, &command_inspect,  &command_verify,   &command_releases,
    &command_diff,  &command_activate, &command_rollback, &command_pin,
    &command_unpin, &command_repair,   &command_keygen,   &command_pull,
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const char about[] =
    "Serves a storefront's reads from immutable files that are built from its database.";

static const struct command *find(const char *name)
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static int unknown(const char *name)
{
    const char *meant = NULL;
    unsigned least = 0;

    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        unsigned distance;

        if (suggest_is_near(slice_str(name), slice_str(commands[i]->name), &distance) &&
            (meant == NULL || distance < least)) {
            meant = commands[i]->name;
            least = distance;
        }
    }
    fprintf(stderr, "vitrine: there is no command \"%s\"", name);
    if (meant != NULL) {
        fprintf(stderr, "; did you mean \"%s\"?", meant);
    }
    fputs("\nTry: vitrine --help\n", stderr);
    return err_exit_code(ERR_USAGE);
}

static void print_commands(FILE *to)
{
    fprintf(to, "Usage: vitrine COMMAND [options]\n\n%s\n\nCommands:\n", about);
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->about);
    }
    fputs("\nvitrine COMMAND --help says more about one, vitrine help --man all of it as a\n"
          "manual page; vitrine --version prints the version.\n",
          to);
}

static int help(const char *name)
{
    const struct command *command = find(name);

    if (strcmp(name, "--man") == 0) {
        manual_print(commands, COMMAND_COUNT, about, stdout);
        return 0;
    }
    if (command == NULL) {
        return unknown(name);
    }
    options_help(command, stdout);
    return 0;
}

static int run(const struct command *command, int argc, char **argv)
{
    if (command->gives_way) {
        priority_lower(PRIORITY_BEHIND); /* and that of the threads it will start */
    }
    return options_run(command, argc, argv);
}

/* The exit code of what the command line asks for. */
static int dispatch(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    const struct command *command;

    if (name == NULL) {
        print_commands(stderr);
        return err_exit_code(ERR_USAGE);
    }
    if (strcmp(name, "--version") == 0) {
        puts("vitrine " VITRINE_VERSION);
        return 0;
    }
    if (strcmp(name, "help") == 0 && argc > 2) {
        return help(argv[2]);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_commands(stdout);
        return 0;
    }
    command = find(name);
    return command == NULL ? unknown(name) : run(command, argc - 1, argv + 1);
}

/* What did not arrive where it was printed to was not done: a disk may be full. */
static int end_output(int code)
{
    bool has_failed = ferror(stdout) != 0;

    errno = 0;
    if (fflush(stdout) == 0 && !has_failed) {
        return code;
    }
    fprintf(stderr, "vitrine: write standard output: %s\n", strerror(errno == 0 ? EIO : errno));
    return code == 0 ? err_exit_code(ERR_SYSTEM) : code;
}

int main(int argc, char **argv)
{
    prctl(PR_SET_NAME, "vitrine"); /* children of `vitrine run` would be called "exe" */
    return end_output(dispatch(argc, argv));
}
