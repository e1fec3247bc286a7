#include "commands/manual.h"

struct entry {
    const char *what;
    const char *meaning;
};

static const struct entry exit_codes[] = {
    {"0", "it was done"},
    {"1", "it failed and may be tried again"},
    {"2", "the command line is wrong"},
    {"3", "a check refused"},
    {"130", "it was interrupted"},
};

static const struct entry files[] = {
    {"/etc/vitrine/node.env", "what the units vitrine-serve and vitrine-pull run with"},
    {"/etc/vitrine/builder.env", "what vitrine-build runs with"},
    {"/etc/vitrine/primary.env", "what vitrine-primary runs with"},
    {"/etc/vitrine/alert", "run when one of these units has failed for good"},
    {"/var/lib/vitrine", "the root of these units: releases/ and current"},
    {"/usr/share/vitrine/assets", "definitions that come along"},
    {"/usr/share/doc/vitrine", "the documentation; begin with operations.md"},
};

static void print_entries(const char *title, const struct entry *entries, size_t count, FILE *to)
{
    fprintf(to, ".SH %s\n", title);
    for (size_t i = 0; i < count; i++) {
        fputs(".TP\n", to);
        man_text(entries[i].what, to);
        man_text(entries[i].meaning, to);
    }
}

void manual_print(const struct command *const *commands, unsigned count, const char *about,
                  FILE *to)
{
    fputs(".TH VITRINE 1 \"\" \"Vitrine " VITRINE_VERSION "\" \"User Commands\"\n"
          ".SH NAME\nvitrine \\- read tier for storefronts\n"
          ".SH SYNOPSIS\n\\fBvitrine\\fR \\fICOMMAND\\fR [options]\n.br\n"
          "\\fBvitrine\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR\n.br\n"
          "\\fBvitrine \\-\\-version\\fR\n"
          ".SH DESCRIPTION\n",
          to);
    man_text(about, to);
    fputs("A value follows its option after a blank or an equals sign; what follows \\-\\- is no "
          "option.\n.SH COMMANDS\n",
          to);
    for (unsigned i = 0; i < count; i++) {
        options_man(commands[i], to);
    }
    print_entries("EXIT STATUS", exit_codes, sizeof exit_codes / sizeof exit_codes[0], to);
    print_entries("FILES", files, sizeof files / sizeof files[0], to);
}
