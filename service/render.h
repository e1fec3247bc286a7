/*
 * Templates compiled into programs, and programs run over column vectors.
 *
 * Good for: turning a row into JSON with a few copies and no formatting by printf.
 * Under the hood: a program is a list of steps; each step is the literal text up to a value, merged
 * as far as it goes (names, punctuation and opening quotes), and then that value.
 * Thread-safety: a compiled program is read-only. Memory: the caller's arena.
 */
#ifndef VITRINE_SERVICE_RENDER_H
#define VITRINE_SERVICE_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"
#include "definition/definition.h"
#include "replica/reader.h"
#include "service/ask.h"

enum step_kind {
    STEP_END,    /* the literal alone */
    STEP_TEXT,   /* a text field: its literal ends with the opening quote */
    STEP_JSON,   /* nested rows: finished JSON */
    STEP_SCALAR, /* a field that is held as an integer */
    STEP_KEY,
    STEP_KEY_TEXT,
    STEP_PAGE_NUMBER,
    STEP_PAGE_INDEX,
    STEP_COUNT,
    STEP_TOTAL,
    STEP_ROWS,
};

struct step {
    enum step_kind kind;
    struct slice literal; /* stands before the value */
    unsigned vector;      /* fields: the stored field */
    struct scalar scalar; /* STEP_SCALAR */
    struct slice absent;  /* fields: what a null or a missing row is written as */
};

struct program {
    struct step *steps;
    unsigned count;
    uint64_t vectors; /* bit i: stored field i is read by the program itself, without STEP_ROWS */
};

/* What the values of a program come from. */
struct view {
    const struct ask *ask;
    uint64_t total;
    const struct chunk *chunk; /* of the row; NULL: no row, fields are absent */
    uint32_t row;
    /* STEP_ROWS: appends the rows of the page, separated by commas, without brackets. */
    enum err (*append_rows)(void *context, struct buffer *out, struct errmsg *msg);
    void *context;
};

/*
 * Compiles TEMPLATE over the fields of COLLECTION. ROW is what $row stands for, and NULL for a row
 * template, where the loader allows no $row.
 */
void program_compile(struct program *program, const struct template *template,
                     const struct template *row, const struct collection *collection,
                     struct arena *arena);

/*
 * Appends the JSON of VIEW to OUT. ERR_CORRUPT when a stored text lies outside its bytes, ERR_LIMIT
 * when OUT is full; OUT holds a part of the answer then.
 */
MUST_CHECK enum err program_run(const struct program *program, const struct view *view,
                                struct buffer *out, struct errmsg *msg);

#endif
