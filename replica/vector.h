/*
 * A column vector as the reader sees it: where its bytes are, and one value at a time.
 *
 * A vector is opened (checked against the bytes that are there, see encoding.h) and then read. The
 * functions below touch only bytes that opening has proved to be there; text offsets, which are not
 * checked when opened, are checked on every access.
 *
 * Lifetime: points into the blob that it was opened from.
 */
#ifndef VITRINE_REPLICA_VECTOR_H
#define VITRINE_REPLICA_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "replica/format.h"

struct vector {
    enum encoding_id encoding;
    uint8_t width; /* bytes an item of `data` */
    uint32_t row_count;
    const uint8_t *nulls;   /* bitmap, or NULL: no nulls */
    int64_t base;           /* frame of reference, or the constant */
    const uint8_t *data;    /* values, bits, end offsets or dictionary indexes */
    const uint8_t *entries; /* dictionary: end offsets */
    uint32_t entry_count;   /* dictionary */
    uint32_t text_size;     /* bytes of the wide part that are this vector's */
    uint32_t text_offset;   /* where they begin in the wide part */
    const char *text;       /* bytes loaded_from .. loaded_to of them */
    uint32_t loaded_from;
    uint32_t loaded_to;
};

enum vector_result { VECTOR_VALUE, VECTOR_NULL, VECTOR_DAMAGED };

static inline bool vector_is_null(const struct vector *vector, uint32_t row)
{
    return vector->encoding == ENCODING_NULL ||
           (vector->nulls != NULL && (vector->nulls[row / 8] >> (row % 8) & 1) != 0);
}

/* The integer of ROW (< row_count); false when it is null. For integer encodings only. */
static inline bool vector_integer(const struct vector *vector, uint32_t row, int64_t *out)
{
    if (vector_is_null(vector, row)) {
        return false;
    }
    switch (vector->encoding) {
    case ENCODING_CONSTANT:
        *out = vector->base;
        return true;
    case ENCODING_BITS:
        *out = vector->data[row / 8] >> (row % 8) & 1;
        return true;
    default:
        *out = (int64_t)((uint64_t)vector->base +
                         load_width(vector->data + (size_t)row * vector->width, vector->width));
        return true;
    }
}

/* Where the text of ROW (not null) begins and ends among the vector's text bytes. */
static inline void vector_text_range(const struct vector *vector, uint32_t row, uint32_t *from,
                                     uint32_t *to)
{
    const uint8_t *ends = vector->data;
    uint32_t at = row;
    unsigned width = vector->width;

    if (vector->encoding == ENCODING_TEXT_CONSTANT) {
        *from = 0;
        *to = vector->text_size;
        return;
    }
    if (vector->encoding == ENCODING_DICTIONARY) {
        at = vector->data[row];
        ends = vector->entries;
        width = 2;
        if (at >= vector->entry_count) {
            *from = 1;
            *to = 0; /* damaged */
            return;
        }
    }
    *from = at == 0 ? 0 : (uint32_t)load_width(ends + (size_t)(at - 1) * width, width);
    *to = (uint32_t)load_width(ends + (size_t)at * width, width);
}

/* The text of ROW (< row_count), loaded before by the reader. For text encodings only. */
static inline enum vector_result vector_text(const struct vector *vector, uint32_t row,
                                             struct slice *out)
{
    uint32_t from;
    uint32_t to;

    if (vector_is_null(vector, row)) {
        return VECTOR_NULL;
    }
    vector_text_range(vector, row, &from, &to);
    if (from > to || from < vector->loaded_from || to > vector->loaded_to) {
        return VECTOR_DAMAGED;
    }
    *out = slice_of(vector->text + (from - vector->loaded_from), to - from);
    return VECTOR_VALUE;
}

#endif
