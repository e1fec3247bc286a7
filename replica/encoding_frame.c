/*
 * Frame of reference: the least value once, then each row's distance to it in 1, 2, 4 or 8 bytes.
 * Goldstein, Ramakrishnan, Shaft: "Compressing Relations and Indexes" (ICDE 1998). Distances are
 * unsigned and sums wrap around, so that 8 bytes cover all of int64.
 */
#include "replica/encoding.h"

static size_t measure(const struct encoding *self, const struct column *column,
                      const struct column_facts *facts)
{
    uint64_t span = (uint64_t)facts->most - (uint64_t)facts->least;

    if (self->width < 8 && span >> (8 * self->width) != 0) {
        return ENCODING_IMPOSSIBLE;
    }
    return 8 + (size_t)column->row_count * self->width;
}

static void encode(const struct encoding *self, const struct column *column,
                   const struct column_facts *facts, struct buffer *narrow, struct buffer *wide)
{
    uint8_t bytes[8];

    (void)wide;
    store_u64le(bytes, (uint64_t)facts->least);
    buffer_append(narrow, bytes, sizeof bytes);
    for (uint32_t row = 0; row < column->row_count; row++) {
        uint64_t distance = 0;

        if (!column->is_null[row]) {
            distance = (uint64_t)column->integers[row] - (uint64_t)facts->least;
        }
        store_u64le(bytes, distance); /* little endian: the low bytes come first */
        buffer_append(narrow, bytes, self->width);
    }
}

static bool open_frame(const struct encoding *self, struct slice narrow, size_t *at,
                       struct vector *vector)
{
    const uint8_t *base = take_bytes(narrow, at, 8);

    if (base == NULL) {
        return false;
    }
    vector->base = (int64_t)load_u64le(base);
    vector->width = self->width;
    vector->data = take_bytes(narrow, at, (size_t)vector->row_count * self->width);
    return vector->data != NULL;
}

#define FRAME(bytes)                                                                               \
    {                                                                                              \
        .name = "frame " #bytes, .width = bytes, .measure = measure, .encode = encode,             \
        .open = open_frame                                                                         \
    }

const struct encoding encoding_frame_1 = FRAME(1);
const struct encoding encoding_frame_2 = FRAME(2);
const struct encoding encoding_frame_4 = FRAME(4);
const struct encoding encoding_frame_8 = FRAME(8);
