/*
 * Command line options: one table a command, from which come the parsed struct, --help and the
 * error messages.
 *
 *   static const struct option options[] = {
 *       OPTION_TEXT("root", "DIR", NULL, struct serve_options, root, "the folder with releases/ and current"),
 *       OPTION_INTEGER("threads", "N", "2", 1, 256, struct serve_options, threads, "event loops"),
 *       OPTION_FLAG("dirt", struct generate_options, dirt, "add the dirt of real exports"),
 *       OPTION_END,
 *   };
 *
 * `--name VALUE`, `--name=VALUE` and `--` are understood; `-h` and `--help` print the help.
 */
#ifndef VITRINE_BASE_OPTIONS_H
#define VITRINE_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum option_kind {
    OPTION_KIND_TEXT,    /* const char *; NULL when absent and without default */
    OPTION_KIND_TEXTS,   /* struct option_texts: may be given several times */
    OPTION_KIND_INTEGER, /* int64_t, within least..most */
    OPTION_KIND_DURATION, /* int64_t milliseconds: "250ms", "5s", "10m", "1h"; a bare number is seconds */
    OPTION_KIND_SIZE, /* int64_t bytes: "4096", "64K", "500M", "2G", in steps of 1024 */
    OPTION_KIND_FLAG, /* bool */
};

enum { OPTION_TEXTS_MAX = 16 };

struct option_texts {
    const char *items[OPTION_TEXTS_MAX]; /* in the order of the command line */
    unsigned count;
};

struct option {
    const char *name;
    enum option_kind kind;
    const char *value_name;    /* what --help calls the value */
    const char *default_value; /* in the syntax of the command line, or NULL */
    int64_t least;
    int64_t most;
    size_t offset; /* of the member in the command's struct */
    const char *about;
    bool required;
};

#define OPTION_TEXT(name, value, def, type, member, about)                                         \
    {                                                                                              \
        name, OPTION_KIND_TEXT, value, def, 0, 0, offsetof(type, member), about, false             \
    }
#define OPTION_REQUIRED(name, value, type, member, about)                                          \
    {                                                                                              \
        name, OPTION_KIND_TEXT, value, NULL, 0, 0, offsetof(type, member), about, true             \
    }
#define OPTION_TEXTS(name, value, type, member, about)                                             \
    {                                                                                              \
        name, OPTION_KIND_TEXTS, value, NULL, 0, 0, offsetof(type, member), about, false           \
    }
#define OPTION_INTEGER(name, value, def, least, most, type, member, about)                         \
    {                                                                                              \
        name, OPTION_KIND_INTEGER, value, def, least, most, offsetof(type, member), about, false   \
    }
#define OPTION_DURATION(name, value, def, type, member, about)                                     \
    {                                                                                              \
        name, OPTION_KIND_DURATION, value, def, 0, INT64_MAX, offsetof(type, member), about, false \
    }
#define OPTION_SIZE(name, value, def, type, member, about)                                         \
    {                                                                                              \
        name, OPTION_KIND_SIZE, value, def, 0, INT64_MAX, offsetof(type, member), about, false     \
    }
#define OPTION_FLAG(name, type, member, about)                                                     \
    {                                                                                              \
        name, OPTION_KIND_FLAG, NULL, NULL, 0, 0, offsetof(type, member), about, false             \
    }
#define OPTION_END                                                                                 \
    {                                                                                              \
        NULL, OPTION_KIND_FLAG, NULL, NULL, 0, 0, 0, NULL, false                                   \
    }

struct arguments {
    unsigned count;
    char **items; /* points into argv */
    bool help;    /* --help was given; options are not checked further */
};

struct command {
    const char *name;
    const char *usage;       /* after "vitrine NAME": "--root DIR [options]" */
    const char *about;       /* one sentence, for the list of commands */
    const char *description; /* more for --help, or NULL */
    const struct option *options;
    unsigned least_arguments; /* positional arguments */
    unsigned most_arguments;
    bool
        gives_way; /* works beside a service: nice 10, so that whoever waits for an answer goes first */
    size_t given_size; /* of the command's struct, which the options fill */
    /* Does it, with what the options say in GIVEN. */
    enum err (*work)(void *given, const struct arguments *arguments, struct errmsg *msg);
    /* In place of `work`: a command whose options come from data parses them itself. */
    int (*run)(const struct command *command, int argc, char **argv);
};

/*
 * What an option that is not in the table means; for commands whose option names come from data.
 * Returns ERR_NONE when it took NAME and VALUE (VALUE is NULL when none was given),
 * ERR_NOT_FOUND when it knows no such option.
 */
typedef enum err (*option_extra)(void *context, const char *name, const char *value,
                                 struct errmsg *msg);

/*
 * Fills OUT (defaults first) from ARGV by the command's table. EXTRA may be NULL.
 * ERR_USAGE names the option, what was given and what is allowed; a name that is nearly an option
 * is answered with "did you mean". Texts point into argv or the table.
 */
MUST_CHECK enum err options_parse(const struct command *command, int argc, char **argv, void *out,
                                  option_extra extra, void *extra_context,
                                  struct arguments *arguments, struct errmsg *msg);

/* The bounds of an integer option in words: "from 1 to 256", "0 or more". */
void option_range(const struct option *option, char *text, size_t size);

/* What --help says behind the sentence of an option: " (default 2; from 1 to 256)", or nothing. */
void option_note(const struct option *option, char *text, size_t size);

/* Prints usage, sentence, description and the options with their defaults. */
void options_help(const struct command *command, FILE *to);

/* Prints the same as a section of a manual page, for man(7). */
void options_man(const struct command *command, FILE *to);

/* Prints TEXT as a line of a manual page, whatever characters it has. */
void man_text(const char *text, FILE *to);

/*
 * Runs COMMAND, whose name is argv[0]: parses the options, prints the help or what is wrong with them,
 * works, and prints "vitrine NAME: MESSAGE" to stderr when that fails. Returns the exit code.
 */
int options_run(const struct command *command, int argc, char **argv);

/* The usual end: prints "vitrine NAME: MESSAGE" to stderr when RC is an error; the exit code. */
int options_end(const struct command *command, enum err rc, const struct errmsg *msg);

#endif
