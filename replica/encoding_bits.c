/* Zeros and ones: a bit a row, the lowest bit of a byte first. */
#include "replica/encoding.h"

static size_t measure(const struct encoding *self, const struct column *column,
                      const struct column_facts *facts)
{
    (void)self;
    return facts->least >= 0 && facts->most <= 1 ? (column->row_count + 7) / 8
                                                 : ENCODING_IMPOSSIBLE;
}

static void encode(const struct encoding *self, const struct column *column,
                   const struct column_facts *facts, struct buffer *narrow, struct buffer *wide)
{
    (void)self;
    (void)facts;
    (void)wide;
    for (uint32_t first = 0; first < column->row_count; first += 8) {
        uint8_t byte = 0;

        for (uint32_t bit = 0; bit < 8 && first + bit < column->row_count; bit++) {
            byte |= (uint8_t)((column->integers[first + bit] & 1) << bit);
        }
        buffer_append(narrow, &byte, 1);
    }
}

static bool open_bits(const struct encoding *self, struct slice narrow, size_t *at,
                      struct vector *vector)
{
    (void)self;
    vector->data = take_bytes(narrow, at, (vector->row_count + 7) / 8);
    return vector->data != NULL;
}

const struct encoding encoding_bits = {
    .name = "bits", .measure = measure, .encode = encode, .open = open_bits};
