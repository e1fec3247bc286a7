#include "builder/generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "base/progress.h"
#include "base/suggest.h"
#include "commands/commands.h"
#include "commands/default_definition.h"

struct generate_arguments {
    const char *definition;
    const char *only;
    int64_t scale;
    int64_t seed;
    bool dirt;
};

/* What the option named after the root table needs to know. */
struct root_option {
    const struct definition *definition;
    struct generate_arguments *given;
};

static const struct option options[] = {
    OPTION_TEXT("definition", "FILE", NULL, struct generate_arguments, definition,
                "whose tables are made; by default the definition that comes along"),
    OPTION_INTEGER("scale", "N", "2000", 1, GENERATE_SCALE_MAX, struct generate_arguments, scale,
                   "rows of the root table, on which all others depend; also --NAME N with the "
                   "name of that table"),
    OPTION_INTEGER("seed", "S", "1", 0, INT64_MAX, struct generate_arguments, seed,
                   "another seed gives other data of the same kind"),
    OPTION_FLAG("dirt", struct generate_arguments, dirt,
                "add the dirt of real exports: what an importer must mend or refuse"),
    OPTION_TEXT("only", "TABLES", NULL, struct generate_arguments, only,
                "write these tables only: NAME,NAME"),
    OPTION_END,
};

/* The definition is named by one option and gives a name to another, so words are read twice. */
static enum err accept_any(void *context, const char *name, const char *value, struct errmsg *msg)
{
    (void)context;
    (void)name;
    (void)value;
    (void)msg;
    return ERR_NONE;
}

static enum err take_root(void *context, const char *name, const char *value, struct errmsg *msg)
{
    struct root_option *root_option = context;
    const struct table *root = generate_root(root_option->definition);
    unsigned distance;
    int64_t scale;

    if (root == NULL || !suggest_is_near(slice_str(name), root->name, &distance)) {
        return ERR_NOT_FOUND;
    }
    if (!slice_is(root->name, name)) {
        return err_set(msg, ERR_USAGE, "there is no option --%s; did you mean --%.*s?", name,
                       SLICE_ARG(root->name));
    }
    if (value == NULL || !parse_integer(slice_str(value), &scale) || scale < 1 ||
        scale > GENERATE_SCALE_MAX) {
        return err_set(msg, ERR_USAGE, "--%s takes a number from 1 to %d", name,
                       GENERATE_SCALE_MAX);
    }
    root_option->given->scale = scale;
    return ERR_NONE;
}

static enum err load(const char *named, struct definition **out, struct errmsg *msg)
{
    char *path = NULL;
    enum err rc = definition_path(named, &path, msg);

    if (rc == ERR_NONE) {
        rc = definition_load(path, out, msg);
    }
    free(path);
    return rc;
}

/* Parsing moves the words of argv, so the first reading gets a copy. */
static enum err first_reading(const struct command *command, int argc, char **argv,
                              struct generate_arguments *given, struct arguments *arguments,
                              struct errmsg *msg)
{
    char **copy = memory_calloc((size_t)argc + 1, sizeof *copy);
    enum err rc;

    memcpy(copy, argv, (size_t)argc * sizeof *copy);
    rc = options_parse(command, argc, copy, given, accept_any, NULL, arguments, msg);
    free(copy);
    return rc;
}

static void print_report(const struct generate_report *report, const char *dir)
{
    uint64_t rows = 0;
    uint64_t bytes = 0;
    char text[32];
    char size[32];

    printf("%-28s %16s %20s\n", "table", "rows", "bytes");
    for (unsigned i = 0; i < report->table_count; i++) {
        const struct generate_table_report *table = &report->tables[i];

        printf("%-28.*s %16s %20s\n", SLICE_ARG(table->table), grouped(text, table->row_count),
               grouped(size, table->byte_count));
        rows += table->row_count;
        bytes += table->byte_count;
    }
    printf("%-28s %16s %20s\n", "total", grouped(text, rows), grouped(size, bytes));
    printf(
        "%s: %" PRId64 " ms, %s rows/s\n", dir, report->elapsed_ms,
        grouped(text, rows * 1000 / (uint64_t)(report->elapsed_ms > 0 ? report->elapsed_ms : 1)));
}

static enum err generate(const struct definition *definition,
                         const struct generate_arguments *given, const char *dir,
                         struct errmsg *msg)
{
    struct generate_options wanted = {
        .scale = (uint64_t)given->scale,
        .seed = (uint64_t)given->seed,
        .has_dirt = given->dirt,
        .only = given->only,
    };
    struct generate_report report;
    enum err rc = generate_exports(definition, &wanted, dir, &report, msg);

    if (rc == ERR_NONE) {
        print_report(&report, dir);
        free(report.tables);
    }
    return rc;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct generate_arguments given;
    struct arguments arguments;
    struct definition *definition = NULL;
    struct errmsg msg;
    struct root_option root_option;
    enum err rc = first_reading(command, argc, argv, &given, &arguments, &msg);

    if (rc == ERR_NONE && arguments.help) {
        options_help(command, stdout);
        return 0;
    }
    if (rc == ERR_NONE) {
        rc = load(given.definition, &definition, &msg);
    }
    if (rc == ERR_NONE) {
        root_option = (struct root_option){definition, &given};
        rc = options_parse(command, argc, argv, &given, take_root, &root_option, &arguments, &msg);
    }
    if (rc == ERR_NONE) {
        rc = generate(definition, &given, arguments.items[0], &msg);
    }
    definition_free(definition);
    return options_end(command, rc, &msg);
}

const struct command command_generate = {
    .name = "generate",
    .usage = "[--definition FILE] [--scale N] [--seed S] [--dirt] [--only TABLES] DIR",
    .about = "writes synthetic CSV exports in the format of a definition's tables",
    .description = "The same definition, scale and seed give the same bytes. What is made is said "
                   "by the `sample:` of tables and columns.",
    .options = options,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
