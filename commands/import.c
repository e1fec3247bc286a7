#include <stdlib.h>

#include "base/interrupt.h"
#include "builder/import.h"
#include "commands/commands.h"
#include "commands/default_definition.h"

struct import_arguments {
    const char *definition;
    const char *source;
    const char *rejects;
    const char *only;
    int64_t most_rejects;
    bool resume;
};

static const struct option options[] = {
    OPTION_TEXT("definition", "FILE", NULL, struct import_arguments, definition,
                "what the files hold: its `tables`; by default the definition that comes along"),
    OPTION_REQUIRED("source", "URL", struct import_arguments, source,
                    "where the records go: sqlite:FILE, made when missing, or postgres://..."),
    OPTION_TEXT("rejects", "FILE", "rejects.csv", struct import_arguments, rejects,
                "where records go that cannot be taken, with the reason"),
    OPTION_TEXT("only", "TABLES", NULL, struct import_arguments, only,
                "load these tables only: NAME,NAME"),
    OPTION_INTEGER("most-rejects", "PERCENT", "5", 0, 100, struct import_arguments, most_rejects,
                   "fail when more of a file's records are rejected"),
    OPTION_FLAG("resume", struct import_arguments, resume,
                "go on after an import that failed or was interrupted: leave tables alone that "
                "hold their file already"),
    OPTION_END,
};

static void print_outcome(const struct import_plan *plan)
{
    import_report(plan, stdout);
    if (import_rejected(plan) > 0) {
        printf("rejected records: %s\n", plan->options.rejects_path);
    }
    fflush(stdout);
}

/* What was loaded need not be loaded again. */
static void advise(const struct import_plan *plan, enum err rc)
{
    if (rc != ERR_NONE && import_has_loaded(plan)) {
        fprintf(stderr, "the tables above are loaded; the same command with --resume goes on\n");
    }
}

static enum err import(const struct definition *definition, const struct import_arguments *given,
                       const char *folder, struct errmsg *msg)
{
    struct import_options wanted = {
        .folder = folder,
        .rejects_path = given->rejects,
        .only = given->only,
        .most_rejects_percent = (unsigned)given->most_rejects,
        .resume = given->resume,
    };
    struct import_plan plan;
    struct source *source = NULL;
    enum err rc = import_plan(definition, &wanted, &plan, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    rc = source_open(given->source, SOURCE_WRITE, &source, msg);
    if (rc == ERR_NONE) {
        rc = import_run(&plan, source, msg);
        print_outcome(&plan);
        advise(&plan, rc);
    }
    source_close(source);
    import_plan_free(&plan);
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct import_arguments *given = data;
    struct definition *definition = NULL;
    char *path = NULL;
    enum err rc;

    interrupt_catch(); /* after a second signal SQLite rolls back when it is opened again */
    rc = definition_path(given->definition, &path, msg);
    if (rc == ERR_NONE) {
        rc = definition_load(path, &definition, msg);
    }
    if (rc == ERR_NONE) {
        rc = definition_advise(given->definition,
                               import(definition, given, arguments->items[0], msg), msg);
    }
    definition_free(definition);
    free(path);
    return rc;
}

const struct command command_import = {
    .name = "import",
    .usage = "[--definition FILE] --source URL [options] DIR",
    .about = "loads CSV exports into the source",
    .description =
        "Loads the CSV files of DIR into the tables of the definition, each table in a transaction "
        "of its own that replaces what was there. Records that cannot be taken go to the rejects "
        "file, with file, line and reason; docs/import.md has the rules. What was loaded is "
        "recorded in the source, in the table " SOURCE_RECORD_TABLE ".",
    .options = options,
    .least_arguments = 1,
    .most_arguments = 1,
    .given_size = sizeof(struct import_arguments),
    .work = work,
};
