/*
 * The synthetic data generator: CSV exports in the format of a definition's tables, made by its
 * samples (definition/sample.h).
 *
 * The same definition, scale and seed give the same bytes. A table is the same whether others are
 * written with it or not.
 *
 * Thread-safety: no state. Memory: the plan and one buffer a table, whatever the scale.
 */
#ifndef VITRINE_BUILDER_GENERATE_H
#define VITRINE_BUILDER_GENERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "definition/definition.h"

enum { GENERATE_SCALE_MAX = 1000000000 };

struct generate_options {
    uint64_t scale; /* rows of the root table, 1..GENERATE_SCALE_MAX */
    uint64_t seed;
    bool has_dirt;    /* with the dirt of real exports */
    const char *only; /* names of tables, "books,loans"; NULL: all */
};

/* What was written of one table. */
struct generate_table_report {
    struct slice table; /* owned by the definition */
    uint64_t row_count;
    uint64_t byte_count;
};

struct generate_report {
    struct generate_table_report *tables; /* freed by the caller; in the order of the definition */
    unsigned table_count;
    int64_t elapsed_ms;
};

/* The table whose rows `scale` counts, or NULL when the definition has no samples. */
const struct table *generate_root(const struct definition *definition);

/*
 * Writes the files into DIR, which is made when missing; files of the same names are replaced. On
 * an error no file of this run stays. ERR_DEFINITION when the samples do not fit together,
 * ERR_USAGE for an unknown table of `only`, ERR_SYSTEM with the path.
 */
MUST_CHECK enum err generate_exports(const struct definition *definition,
                                     const struct generate_options *options, const char *dir,
                                     struct generate_report *report, struct errmsg *msg);

#endif
