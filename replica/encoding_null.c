/* Every row is null: no bytes at all. */
#include "replica/encoding.h"

static size_t measure(const struct encoding *self, const struct column *column,
                      const struct column_facts *facts)
{
    (void)self;
    (void)facts;
    return column->null_count == column->row_count ? 0 : ENCODING_IMPOSSIBLE;
}

static void encode(const struct encoding *self, const struct column *column,
                   const struct column_facts *facts, struct buffer *narrow, struct buffer *wide)
{
    (void)self;
    (void)column;
    (void)facts;
    (void)narrow;
    (void)wide;
}

static bool open_null(const struct encoding *self, struct slice narrow, size_t *at,
                      struct vector *vector)
{
    (void)self;
    (void)narrow;
    (void)at;
    (void)vector;
    return true;
}

const struct encoding encoding_null = {
    .name = "null", .measure = measure, .encode = encode, .open = open_null};
