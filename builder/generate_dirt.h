/*
 * The dirt of real exports, added on purpose: what an importer must mend, and what it must refuse.
 *
 * Every kind of dirt comes about once in DIRT_ROWS_PER_KIND rows of each table that has a column
 * for it; kinds take turns, so that also a small file has some of each. What is done follows from
 * the types of the columns alone.
 *
 * Lifetime: dirt_init .. dirt_free. Thread-safety: one owner.
 */
#ifndef VITRINE_BUILDER_GENERATE_DIRT_H
#define VITRINE_BUILDER_GENERATE_DIRT_H

#include "base/buffer.h"
#include "builder/generate_cell.h"

enum { DIRT_ROWS_PER_KIND = 480, DIRT_EXTRA_MAX = 8192 };

struct dirt {
    const struct plan_table *table;
    struct random random;
    unsigned *kinds; /* in the arena of the plan: those that the table has columns for */
    unsigned kind_count;
    unsigned next;
    uint64_t rows_left; /* clean rows before the next dirty one */
    struct buffer changed;
    struct buffer held; /* a record that changes places with the one after it */
};

void dirt_init(struct dirt *dirt, struct arena *arena, const struct plan_table *table,
               uint64_t seed);
void dirt_free(struct dirt *dirt);

/*
 * The record ROW, whose field i ends at ENDS[i], as it shall stand in the file: unchanged, or one
 * of at most DIRT_EXTRA_MAX bytes more in dirt->changed. With *IS_HELD the record is in dirt->held
 * and comes after the next one.
 */
struct slice dirt_apply(struct dirt *dirt, struct slice row, const uint32_t *ends, bool *is_held);

/* What happens to a whole file, by the place of its table in the definition. */
bool dirt_has_mark(unsigned index);        /* a UTF-8 byte order mark */
bool dirt_has_no_last_end(unsigned index); /* no line end behind the last record */
bool dirt_has_crlf(unsigned index);        /* lines end in \r\n */

#endif
