#include "base/options.h"

#include <string.h>

enum { NOTE_MAX = 160 };

/* A line that begins with a dot or a quote is an instruction, a bare hyphen is not that of the keyboard. */
static void print_escaped(const char *text, bool begins_line, FILE *to)
{
    for (; *text != '\0'; text++) {
        if (begins_line && (*text == '.' || *text == '\'')) {
            fputs("\\&", to);
        }
        begins_line = *text == '\n';
        switch (*text) {
        case '\\':
            fputs("\\e", to);
            break;
        case '-':
            fputs("\\-", to);
            break;
        case '\n':
            fputs("\n.br\n", to);
            break;
        default:
            fputc(*text, to);
        }
    }
}

void man_text(const char *text, FILE *to)
{
    print_escaped(text, true, to);
    fputc('\n', to);
}

static void print_option(const struct option *option, FILE *to)
{
    char note[NOTE_MAX];

    option_note(option, note, sizeof note);
    fputs(".TP\n\\fB\\-\\-", to);
    print_escaped(option->name, false, to);
    fputs("\\fR", to);
    if (option->value_name != NULL) {
        fputs(" \\fI", to);
        print_escaped(option->value_name, false, to);
        fputs("\\fR", to);
    }
    fputc('\n', to);
    print_escaped(option->about, true, to);
    print_escaped(note, false, to);
    fputc('\n', to);
}

void options_man(const struct command *command, FILE *to)
{
    fputs(".SS vitrine ", to);
    print_escaped(command->name, false, to);
    fputc('\n', to);
    fputs("\\fBvitrine ", to);
    print_escaped(command->name, false, to);
    fputs("\\fR ", to);
    man_text(command->usage, to);
    fputs(".PP\n", to);
    man_text(command->about, to);
    if (command->description != NULL) {
        fputs(".PP\n", to);
        man_text(command->description, to);
    }
    for (const struct option *option = command->options; option->name != NULL; option++) {
        print_option(option, to);
    }
}
