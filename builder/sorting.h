/*
 * Orders as the builder checks and makes them, on values as they are held (scalar.h), so that every
 * source gives the same result.
 */
#ifndef VITRINE_BUILDER_SORTING_H
#define VITRINE_BUILDER_SORTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "definition/definition.h"

/* One held value that takes part in an order. */
struct sort_value {
    bool is_null;
    union {
        int64_t integer;   /* not for text */
        struct slice text; /* as it is, not escaped */
    };
};

/* By the descending flag; nulls first ascending, last descending. IS_TEXT and number by FIELD. */
int sort_value_compare(const struct field *field, bool descending, const struct sort_value *a,
                       const struct sort_value *b);

/* Remembers the order values of the row before, to compare the next one with. */
struct order_check {
    bool has_previous;
    struct sort_value previous[DEFINITION_TERMS_MAX];
    struct buffer texts; /* where previous[].text lives */
};

void order_check_init(struct order_check *check);
void order_check_free(struct order_check *check);

/*
 * <0: VALUES come after the row before, as they should; 0: a tie; >0: out of order. Then remembers
 * VALUES. After has_previous = false the first row is always right.
 */
int order_check_next(struct order_check *check, const struct order *order,
                     const struct field *fields, const struct sort_value *values);

/* The values, row by row, of one field that a second order needs. */
struct sort_column {
    uint32_t row_count;
    uint32_t room;
    struct sort_value *values;
};

void sort_column_add(struct sort_column *column, const struct sort_value *value);
void sort_column_free(struct sort_column *column);

/*
 * Fills ROWS with 0 .. count-1 sorted by ORDER, ties in row order. COLUMNS is indexed by field;
 * those that the order names are filled.
 */
void sort_rows(const struct order *order, const struct field *fields,
               const struct sort_column *columns, uint32_t count, uint32_t *rows);

#endif
