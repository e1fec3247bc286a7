/*
 * Import: CSV exports of a folder into the tables of a source, by the `tables` of a definition.
 *
 * It goes in two steps. import_plan looks at everything that can be wrong before the source is
 * touched: the names of --only, missing files, missing columns. import_run then loads one table
 * after the other, each in a transaction of its own: a table is loaded whole or stays as it was. What
 * was loaded is recorded in the source, so that an import that was cut short can be resumed.
 *
 * Lifetime: the plan points into the definition and the options, which outlive it.
 * Thread-safety: one owner.
 */
#ifndef VITRINE_BUILDER_IMPORT_H
#define VITRINE_BUILDER_IMPORT_H

#include <stdio.h>

#include "definition/definition.h"
#include "source/source.h"

struct import_options {
    const char *folder;
    const char *rejects_path;
    const char *only;              /* "TABLE,TABLE", or NULL for all */
    unsigned most_rejects_percent; /* of the records of one file */
    bool resume;                   /* leave tables alone that hold their file already */
};

/* One table of the plan, and what became of it. */
struct import_table {
    const struct table *table;
    char *path;
    uint64_t size_bytes;
    unsigned *field_of; /* for each column of the table, its field in the file */
    unsigned field_count;
    uint64_t loaded;
    uint64_t rejected;
    int64_t took_ms;
    bool is_loaded;  /* committed */
    bool is_skipped; /* left alone: an earlier import loaded the same file */
};

struct import_plan {
    const struct definition *definition;
    struct import_options options;
    struct import_table *tables;
    unsigned table_count;
};

/* ERR_USAGE for a table that does not exist, ERR_INPUT for a file or column that is missing. */
MUST_CHECK enum err import_plan(const struct definition *definition,
                                const struct import_options *options, struct import_plan *out,
                                struct errmsg *msg);
void import_plan_free(struct import_plan *plan);

/*
 * Loads every table of the plan, prepares the source for actions and settles it. Stops at the first table that fails, which
 * is then as it was before: ERR_INPUT when too many of its records were rejected. The counts are in
 * the plan in any case. ERR_INTERRUPTED when a signal arrives (base/interrupt.h).
 */
MUST_CHECK enum err import_run(struct import_plan *plan, struct source *source, struct errmsg *msg);

/* The count table: a line for each table that was loaded or skipped, and a total. */
void import_report(const struct import_plan *plan, FILE *to);

/* Whether any table holds its file now. */
bool import_has_loaded(const struct import_plan *plan);

/* Records rejected in all tables. */
uint64_t import_rejected(const struct import_plan *plan);

#endif
