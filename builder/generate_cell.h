/*
 * One cell of a synthetic export, written as CSV.
 */
#ifndef VITRINE_BUILDER_GENERATE_CELL_H
#define VITRINE_BUILDER_GENERATE_CELL_H

#include "builder/generate_plan.h"

/* The row whose cells are written. */
struct generate_row {
    uint64_t id;     /* its number in the table, from 1 */
    uint64_t parent; /* the key of the row that it belongs to; 0 in the root table */
    uint64_t with;   /* the key of the row that it is paired with; 0 without pairs */
    unsigned index;  /* its place among the rows of its parent, from 0 */
    unsigned count;  /* rows of its parent */
    struct random random;
};

/*
 * Writes the value of COLUMN at P, where column->most_size bytes are free, and returns the place
 * behind it.
 */
char *generate_cell(const struct plan *plan, struct plan_column *column, struct generate_row *row,
                    char *p);

#endif
