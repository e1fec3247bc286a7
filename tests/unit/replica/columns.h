/*
 * Columns of values for the tests of encodings and blobs, and a PRNG whose numbers are the same on
 * every run.
 */
#ifndef VITRINE_TESTS_UNIT_REPLICA_COLUMNS_H
#define VITRINE_TESTS_UNIT_REPLICA_COLUMNS_H

#include "base/arena.h"
#include "replica/encoding.h"

/* splitmix64; Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators" (2014). */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static inline struct column *column_new(bool is_text)
{
    struct column *column = memory_calloc(1, sizeof *column);

    column->is_text = is_text;
    return column;
}

static inline void column_clear(struct column *column)
{
    column->row_count = 0;
    column->null_count = 0;
}

static inline void column_add_null(struct column *column)
{
    column->is_null[column->row_count] = true;
    column->integers[column->row_count] = 0;
    column->texts[column->row_count++] = slice_str("");
    column->null_count++;
}

static inline void column_add_integer(struct column *column, int64_t value)
{
    column->is_null[column->row_count] = false;
    column->integers[column->row_count++] = value;
}

/* TEXT is not copied. */
static inline void column_add_text(struct column *column, struct slice text)
{
    column->is_null[column->row_count] = false;
    column->texts[column->row_count++] = text;
}

#endif
