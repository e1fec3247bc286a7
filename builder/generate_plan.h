/*
 * The plan of a generator run: the samples of a definition, with names resolved, distributions
 * solved and everything prepared that a row needs.
 *
 * Lifetime: memory of the arena given, which outlives the plan; the definition outlives it too.
 * Thread-safety: a plan has one owner; a run moves its cursors.
 */
#ifndef VITRINE_BUILDER_GENERATE_PLAN_H
#define VITRINE_BUILDER_GENERATE_PLAN_H

#include "builder/generate_random.h"
#include "builder/generate_spread.h"
#include "builder/generate_text.h"
#include "definition/definition.h"
#include "definition/sample.h"

enum { PLAN_LENGTHS = 1024 };

/* A URL pattern between its parts: literal, then COUNT random digits or hex digits. */
struct plan_url_part {
    struct slice literal;
    unsigned count;
    bool is_hex;
};

struct plan_column {
    const struct table_column *column;
    const struct sample *sample;
    bool is_quoted;
    uint32_t null_below;   /* null when a 32-bit draw is below */
    uint32_t share_below;  /* true, or the zero of a pick, when a draw is below */
    struct spread spread;  /* skewed, weighted integer, choice */
    struct slice *choices; /* as they stand in the file: quoted if need be, quotes doubled */
    uint32_t *lengths;     /* SAMPLE_TEXT: PLAN_LENGTHS wishes for its bytes */
    struct plan_url_part *parts;
    unsigned part_count;
    struct slice *pool; /* SAMPLE_URL with a pool: finished URLs */
    size_t most_size;   /* bytes that a value takes in the file, slack included */
    unsigned cursor;    /* SAMPLE_DISTINCT: the next item of this parent */
};

struct plan_table {
    const struct table *table;
    unsigned index;          /* in the definition */
    struct plan_table *each; /* NULL: the root */
    struct plan_table *with; /* NULL: no pairs */
    struct spread rows;      /* of one parent; not for pairs */
    double mean;             /* rows of one root row */
    uint64_t count_stream;
    uint64_t row_stream;
    struct plan_column *columns;
    unsigned column_count;
    size_t row_size; /* bytes that a row takes at most, slack included */
    bool is_wanted;  /* written; otherwise only counted */

    /* The rows of the current root row: keys first .. first + count - 1. */
    uint64_t first;
    uint64_t count;
};

struct plan {
    struct plan_table *tables; /* parents before children; the root is the first */
    unsigned table_count;
    struct vocabulary *words;
    uint64_t scale; /* rows of the root */
};

/*
 * ERR_DEFINITION names the table and column that cannot be generated, and why. ONLY is a list of
 * table names with commas between, or NULL for all; ERR_USAGE names one that does not exist.
 */
MUST_CHECK enum err plan_make(struct plan *plan, struct arena *arena,
                              const struct definition *definition, uint64_t scale, uint64_t seed,
                              const char *only, struct errmsg *msg);

/* Fills in COLUMN from its sample; part of plan_make. */
MUST_CHECK enum err plan_column_make(struct plan_column *column, struct arena *arena,
                                     const struct plan_table *table, uint64_t seed,
                                     struct errmsg *msg);

/* Writes a URL of the column's pattern at P; returns the place behind it. */
char *plan_url_write(const struct plan_column *column, struct random *random, char *p);

/* Rows that a run will make, for the progress bar. */
uint64_t plan_expected_rows(const struct plan *plan);

#endif
