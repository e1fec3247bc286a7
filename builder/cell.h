/*
 * A cell of a CSV export as the value that its column takes; docs/import.md has the rules.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_BUILDER_CELL_H
#define VITRINE_BUILDER_CELL_H

#include "base/number.h"
#include "builder/csv.h"
#include "definition/definition.h"

/* Where the digits of a decimal live: one a column, as long as the value. */
struct cell_room {
    char text[DECIMAL_TEXT_MAX];
};

/*
 * FIELD as a value of COLUMN; text points into FIELD or ROOM. ERR_INPUT says which column refuses
 * what: `rating: "abc" is not an integer`. A null is a value here: see column->is_required.
 */
MUST_CHECK enum err cell_value(const struct table_column *column, const struct csv_field *field,
                               struct cell_room *room, struct value *out, struct errmsg *msg);

#endif
