#include "base/options.h"

#include <stdlib.h>

#include "base/arena.h"

int options_end(const struct command *command, enum err rc, const struct errmsg *msg)
{
    if (rc != ERR_NONE) {
        fprintf(stderr, "vitrine %s: %s\n", command->name, msg->text);
    }
    return err_exit_code(rc);
}

static int parse_and_work(const struct command *command, int argc, char **argv, void *given)
{
    struct arguments arguments;
    struct errmsg msg = {""};
    enum err rc = options_parse(command, argc, argv, given, NULL, NULL, &arguments, &msg);

    if (rc != ERR_NONE) {
        fprintf(stderr, "vitrine %s: %s\nTry: vitrine %s --help\n", command->name, msg.text,
                command->name);
        return err_exit_code(rc);
    }
    if (arguments.help) {
        options_help(command, stdout);
        return 0;
    }
    return options_end(command, command->work(given, &arguments, &msg), &msg);
}

int options_run(const struct command *command, int argc, char **argv)
{
    void *given;
    int code;

    if (command->run != NULL) {
        return command->run(command, argc, argv);
    }
    given = memory_calloc(1, command->given_size);
    code = parse_and_work(command, argc, argv, given);
    free(given);
    return code;
}
