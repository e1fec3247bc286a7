#include "base/options.h"

#include <inttypes.h>
#include <string.h>

enum {
    HELP_WIDTH = 80,
    HELP_LEFT_MAX = 30, /* a longer "--name VALUE" has its sentence on the next line */
    RANGE_MAX = 64,
    NOTE_MAX = 160,
    SENTENCE_MAX = 1024,
};

void option_range(const struct option *option, char *text, size_t size)
{
    if (option->most == INT64_MAX) {
        snprintf(text, size, "%" PRId64 " or more", option->least);
    } else {
        snprintf(text, size, "from %" PRId64 " to %" PRId64, option->least, option->most);
    }
}

/* Prints TEXT in lines of HELP_WIDTH, where COLUMN is already used; later lines are indented. */
static void print_wrapped(FILE *to, const char *text, int indent, int column)
{
    while (*text != '\0') {
        int len = (int)strcspn(text, " \n");

        if (column > indent && column + 1 + len > HELP_WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', to);
            column++;
        }
        fprintf(to, "%.*s", len, text);
        column += len;
        text += len;
        if (*text == '\n') {
            fprintf(to, "\n%*s", indent, "");
            column = indent;
        }
        text += *text != '\0';
    }
    fputc('\n', to);
}

void option_note(const struct option *option, char *text, size_t size)
{
    char range[RANGE_MAX] = "";
    bool has_range = option->kind == OPTION_KIND_INTEGER;

    if (has_range) {
        option_range(option, range, sizeof range);
    }
    if (option->required) {
        snprintf(text, size, " (required)");
    } else if (option->default_value != NULL) {
        snprintf(text, size, " (default %s%s%s)", option->default_value, has_range ? "; " : "",
                 range);
    } else if (has_range) {
        snprintf(text, size, " (%s)", range);
    } else if (option->kind == OPTION_KIND_TEXTS) {
        snprintf(text, size, " (may be given several times)");
    } else {
        text[0] = '\0';
    }
}

static int print_left(char *text, size_t size, const struct option *option)
{
    return snprintf(text, size, "  --%s%s%s", option->name, option->value_name == NULL ? "" : " ",
                    option->value_name == NULL ? "" : option->value_name);
}

/* The column where sentences begin. */
static int left_width(const struct option *options)
{
    char left[NOTE_MAX];
    int width = (int)strlen("  --help");

    for (const struct option *option = options; option->name != NULL; option++) {
        int len = print_left(left, sizeof left, option);

        if (len > width && len <= HELP_LEFT_MAX) {
            width = len;
        }
    }
    return width + 2;
}

static void print_entry(FILE *to, const char *left, int width, const char *about, const char *note)
{
    char sentence[SENTENCE_MAX];
    int len = (int)strlen(left);

    fputs(left, to);
    if (len + 2 > width) {
        fprintf(to, "\n%*s", width, "");
    } else {
        fprintf(to, "%*s", width - len, "");
    }
    snprintf(sentence, sizeof sentence, "%s%s", about, note);
    print_wrapped(to, sentence, width, width);
}

void options_help(const struct command *command, FILE *to)
{
    int width = left_width(command->options);

    fprintf(to, "Usage: vitrine %s %s\n\n", command->name, command->usage);
    print_wrapped(to, command->about, 0, 0);
    if (command->description != NULL) {
        fputc('\n', to);
        print_wrapped(to, command->description, 0, 0);
    }
    fputs("\nOptions:\n", to);
    for (const struct option *option = command->options; option->name != NULL; option++) {
        char left[NOTE_MAX];
        char note[NOTE_MAX];

        print_left(left, sizeof left, option);
        option_note(option, note, sizeof note);
        print_entry(to, left, width, option->about, note);
    }
    print_entry(to, "  --help", width, "print this text", "");
}
