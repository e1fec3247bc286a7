/*
 * A spread is a distribution over 0, 1, .. count - 1: how many rows a parent has, which of a list
 * is chosen, how large a skewed number is.
 *
 * The rows of parents are not drawn freely: the parents of a table stand in a shuffled line and the
 * line is cut by the spread, so that totals meet the mean closely at every scale, tail included.
 *
 * Lifetime: memory of the arena given. Thread-safety: read-only once made.
 */
#ifndef VITRINE_BUILDER_GENERATE_SPREAD_H
#define VITRINE_BUILDER_GENERATE_SPREAD_H

#include <stdint.h>

#include "base/arena.h"
#include "definition/sample.h"

struct spread {
    unsigned count;
    uint32_t *limits; /* value v for limits[v - 1] <= u < limits[v]; count - 1 of them */
};

/* From COUNT weights, their sum above 0; NULL: equally likely. */
void spread_init(struct spread *spread, struct arena *arena, const double *weights, unsigned count);

/* 0 .. COUNT - 1, falling like a power: a few values hold most of the weight, many ties. */
void spread_init_skewed(struct spread *spread, struct arena *arena, unsigned count);

/* Rows of one parent, with the mean that SAMPLE asks for. */
void spread_init_rows(struct spread *spread, struct arena *arena,
                      const struct table_sample *sample);

/* The value at U, a uniform draw over all 32 bits. */
static inline unsigned spread_pick(const struct spread *spread, uint32_t u)
{
    unsigned low = 0;
    unsigned left = spread->count - 1;

    while (left > 0) {
        unsigned half = left / 2;

        if (spread->limits[low + half] <= u) {
            low += half + 1;
            left -= half + 1;
        } else {
            left = half;
        }
    }
    return low;
}

/*
 * Where the parent INDEX stands among COUNT parents, as a 32-bit draw for spread_pick: every place
 * of the line is taken once. COUNT 0 means that it is not known; then every 1024 parents share the
 * line.
 */
uint32_t spread_place(uint64_t stream, uint64_t index, uint64_t count);

#endif
