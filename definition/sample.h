/*
 * Samples: how `vitrine generate` makes the rows of a table and the values of a column. They are
 * said in the definition, as `sample:` of a table and of a column; docs/generate.md is the
 * language.
 *
 *   sample: {each: authors, mean: 3.2, shape: skewed}       a table
 *   pages:  {type: integer, sample: {integer: [40, 900]}}   a column
 *
 * Names of other tables are kept as text here; whoever generates resolves them, when all tables are
 * known.
 *
 * Lifetime: everything lives in the arena of the definition (yaml->arena).
 * Thread-safety: read-only once parsed.
 */
#ifndef VITRINE_DEFINITION_SAMPLE_H
#define VITRINE_DEFINITION_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "definition/yaml.h"

enum {
    SAMPLE_CHOICES_MAX = 1000, /* items of choice and distinct, values of a weighted integer */
    SAMPLE_ROWS_MAX = 100000,  /* rows of one parent */
    SAMPLE_TEXT_MAX = 65536,   /* bytes of a text, of a choice, of a URL */
    SAMPLE_POOL_MAX = 1000000, /* different URLs of a pool */
    SAMPLE_WORDS_MAX = 16,
};

enum sample_kind {
    SAMPLE_SEQUENCE,  /* 1, 2, 3, ... through the table */
    SAMPLE_PARENT,    /* the key of the row that this one belongs to */
    SAMPLE_WITH,      /* the key of the row that this one pairs its parent with */
    SAMPLE_FIRST,     /* a boolean: whether it is the first row of its parent */
    SAMPLE_NAME,      /* a nickname of a person */
    SAMPLE_EMAIL,     /* an e-mail address under an .example host */
    SAMPLE_PICK,      /* the key of any row of the root table; sometimes 0 */
    SAMPLE_INTEGER,   /* least..most, equally likely or by weights */
    SAMPLE_SKEWED,    /* an integer of least..most, small ones far likelier */
    SAMPLE_DECIMAL,   /* a whole number of least..most in a decimal or number column */
    SAMPLE_CHOICE,    /* one of a list, equally likely or by weights */
    SAMPLE_DISTINCT,  /* one of a list, a different one for each row of a parent */
    SAMPLE_WORDS,     /* a title of least..most words */
    SAMPLE_TEXT,      /* sentences, least..most bytes together, `mean` on average */
    SAMPLE_URL,       /* a pattern with {digits:N} and {hex:N} in it */
    SAMPLE_TIMESTAMP, /* between two days */
    SAMPLE_BOOLEAN,   /* true in `share` of the rows */
};

/* How one column is made. A member that a kind does not use is zero. */
struct sample {
    enum sample_kind kind;
    double null_share;     /* of the rows, 0..1 */
    int64_t least;         /* bytes, words, milliseconds or values, by kind */
    int64_t most;          /* the same; inclusive */
    double mean;           /* SAMPLE_TEXT: bytes */
    double share;          /* SAMPLE_BOOLEAN: of true; SAMPLE_PICK: of 0 */
    struct slice table;    /* SAMPLE_PICK: its name */
    struct slice pattern;  /* SAMPLE_URL */
    uint32_t pool;         /* SAMPLE_URL: how many different ones there are; 0: no limit */
    struct slice end;      /* SAMPLE_TEXT: what the last sentence ends with in place of "." */
    struct slice *choices; /* SAMPLE_CHOICE, SAMPLE_DISTINCT */
    unsigned choice_count;
    double *weights; /* one a choice, or one a value of least..most; NULL: equally likely */
    unsigned weight_count;
};

enum sample_shape {
    SHAPE_EVEN,   /* most parents have about the mean */
    SHAPE_SKEWED, /* some have hundreds, many have one, some have none */
};

/* How many rows a table has. Exactly one table of a definition is the root. */
struct table_sample {
    bool is_root;
    struct slice each; /* the table whose rows these belong to; empty for the root */
    struct slice with; /* one row a pair of an `each` row and a row of this table; else empty */
    double mean;       /* rows of one parent */
    enum sample_shape shape;
    double none;    /* share of the parents that have no row; negative: as the shape gives it */
    uint32_t least; /* rows of a parent that has any */
    uint32_t most;
};

/* Each reads one `sample:` member; ERR_DEFINITION with the place when it is wrong. */
MUST_CHECK enum err sample_parse_column(const struct yaml *yaml, const struct yaml_node *node,
                                        struct sample **out);
MUST_CHECK enum err sample_parse_table(const struct yaml *yaml, const struct yaml_node *node,
                                       struct table_sample **out);

/* The name of a kind as the definition writes it. */
const char *sample_kind_name(enum sample_kind kind);

#endif
