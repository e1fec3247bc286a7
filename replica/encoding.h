/*
 * Encodings: how the values of one field of one blob become bytes and back.
 *
 * Every encoding is one file behind one row of the table in encoding.c. To encode, the facts of a
 * column are gathered once, every encoding is asked how many bytes it needs, and the smallest wins
 * (the lower id on a tie, so that equal input gives equal bytes). To decode, the encoding byte says
 * which one opens the vector.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_ENCODING_H
#define VITRINE_REPLICA_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "replica/vector.h"

enum { COLUMN_ROWS_MAX = PERMUTATION_ROWS };

_Static_assert((int)COLUMN_ROWS_MAX >= (int)CHUNK_ROWS &&
                   (int)COLUMN_ROWS_MAX >= (int)LISTING_BLOCK,
               "a column holds any blob's rows");

/* The values of one field, row by row, before they are encoded. Plain memory of its owner. */
struct column {
    bool is_text;
    uint32_t row_count;
    uint32_t null_count;
    bool is_null[COLUMN_ROWS_MAX];
    int64_t integers[COLUMN_ROWS_MAX];   /* !is_text; 0 where null */
    struct slice texts[COLUMN_ROWS_MAX]; /* is_text; empty where null */
};

enum { DICTIONARY_MAX = 256, DICTIONARY_BYTES_MAX = 65535 };

/* What the encodings need to know about a column, gathered in one pass. */
struct column_facts {
    int64_t least; /* of the integers that are not null */
    int64_t most;
    bool is_constant;         /* all rows that are not null are equal */
    uint32_t first_value_row; /* a row that is not null */
    uint64_t text_bytes;      /* of all rows */
    bool has_dictionary;      /* the entries below are complete */
    uint32_t entry_count;
    uint32_t entry_bytes;
    uint32_t entry_rows[DICTIONARY_MAX];  /* a row that holds the entry, in order of occurrence */
    uint8_t row_entries[COLUMN_ROWS_MAX]; /* 0 where null */
};

#define ENCODING_IMPOSSIBLE SIZE_MAX

struct encoding {
    const char *name;
    bool is_text;
    uint8_t width; /* bytes an item; 0 where that has no meaning */

    /* Bytes needed in both parts together, or ENCODING_IMPOSSIBLE. */
    size_t (*measure)(const struct encoding *self, const struct column *column,
                      const struct column_facts *facts);
    void (*encode)(const struct encoding *self, const struct column *column,
                   const struct column_facts *facts, struct buffer *narrow, struct buffer *wide);

    /*
     * Reads the vector's narrow bytes from NARROW at *AT on, moves *AT behind them, and sets the
     * members of VECTOR that this encoding uses (row_count and nulls are set). False when the bytes
     * are not all there.
     */
    bool (*open)(const struct encoding *self, struct slice narrow, size_t *at,
                 struct vector *vector);
};

extern const struct encoding encoding_null;
extern const struct encoding encoding_constant;
extern const struct encoding encoding_bits;
extern const struct encoding encoding_frame_1, encoding_frame_2, encoding_frame_4, encoding_frame_8;
extern const struct encoding encoding_text_constant;
extern const struct encoding encoding_plain_1, encoding_plain_2, encoding_plain_4;
extern const struct encoding encoding_dictionary;

const char *encoding_name(enum encoding_id id);

/* Appends COLUMN in its smallest encoding: encoding byte and narrow bytes, and the text bytes. */
void column_encode(const struct column *column, struct buffer *narrow, struct buffer *wide);

/*
 * Opens the vector at *AT of NARROW. False when the bytes are damaged or it is not of the kind
 * that IS_TEXT says.
 */
bool vector_open(struct slice narrow, size_t *at, uint32_t row_count, bool is_text,
                 struct vector *vector);

/* The next SIZE bytes of NARROW, or NULL when they are not there. */
static inline const uint8_t *take_bytes(struct slice narrow, size_t *at, size_t size)
{
    const uint8_t *bytes;

    if (narrow.len - *at < size) {
        return NULL;
    }
    bytes = (const uint8_t *)narrow.ptr + *at;
    *at += size;
    return bytes;
}

#endif
