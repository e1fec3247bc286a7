/*
 * Stored columns: whatever the bytes are, opening says whether they are there, and every text that
 * is read lies within them. What can be read is encoded anew and then reads the same.
 *
 *   byte 0   what follows: 0 a vector of integers, 1 of texts, 2 .. a blob of one of the SHAPES
 *   vector   2 bytes row count, then its narrow part; what is left is its text
 *   blob     the blob, as it stands in the column `data`
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "replica/blob.h"
#include "replica/text_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(fact)                                                                                \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* What the vectors of a blob must be: i an integer, t a text. */
static const char *const shapes[] = {"i", "t", "it", "tti", "iitt", "ttttttttt", "iiiiiii", ""};

enum { SHAPE_COUNT = sizeof shapes / sizeof shapes[0] };

static const char dictionary[] = "title body the of and 0123456789 abcdefghijklmnopqrstuvwxyz";

/* A copy of just its size, so that the sanitizer sees the first byte that is read behind it. */
static struct slice own(struct slice bytes)
{
    char *copy = memory_alloc(bytes.len);

    memcpy(copy, bytes.ptr, bytes.len);
    return slice_of(copy, bytes.len);
}

/* ---- values ---- */

/* Reads every row into COLUMN; texts must lie within WIDE. False when one is damaged. */
static bool read_rows(const struct vector *vector, bool is_text, struct slice wide,
                      struct column *column)
{
    *column = (struct column){.is_text = is_text, .row_count = vector->row_count};
    for (uint32_t row = 0; row < vector->row_count; row++) {
        enum vector_result result = VECTOR_VALUE;

        if (is_text) {
            result = vector_text(vector, row, &column->texts[row]);
        } else if (!vector_integer(vector, row, &column->integers[row])) {
            result = VECTOR_NULL;
        }
        if (result == VECTOR_DAMAGED) {
            return false;
        }
        column->is_null[row] = result == VECTOR_NULL;
        column->null_count += result == VECTOR_NULL;
        if (is_text && result == VECTOR_VALUE) {
            struct slice text = column->texts[row];

            CHECK(text.ptr >= wide.ptr && text.ptr <= wide.ptr + wide.len);
            CHECK(text.len <= (size_t)(wide.ptr + wide.len - text.ptr));
        }
    }
    return true;
}

static void check_same(const struct column *a, const struct column *b)
{
    CHECK(a->row_count == b->row_count && a->null_count == b->null_count);
    for (uint32_t row = 0; row < a->row_count; row++) {
        CHECK(a->is_null[row] == b->is_null[row]);
        if (!a->is_null[row]) {
            CHECK(a->is_text ? slice_equal(a->texts[row], b->texts[row])
                             : a->integers[row] == b->integers[row]);
        }
    }
}

/* Values that can be read are packed into a blob, and read the same. */
static void check_round_trip(const struct column *column)
{
    static struct column again;
    struct blob_header header;
    struct buffer blob;
    struct buffer wide;
    struct vector vector;
    uint32_t text_size;

    buffer_init(&blob, 1 << 28);
    buffer_init(&wide, 1 << 28);
    blob_pack(BLOB_ROWS, &column, 1, &wide, &blob);
    CHECK(blob_read_header(blob.ptr, blob.len, &header) && header.vector_count == 1);
    CHECK(blob_open_vectors(&header, slice_of(blob.ptr, header.narrow_size),
                            blob.len - header.narrow_size, &column->is_text, &vector, &text_size));
    CHECK(text_size == wide.len);
    blob_attach_text(&vector, 1, blob.ptr + header.narrow_size);
    CHECK(read_rows(&vector, column->is_text, slice_of(vector.text, text_size), &again));
    check_same(column, &again);
    buffer_free(&blob);
    buffer_free(&wide);
}

static void check_vector(const struct vector *vector, bool is_text, struct slice wide)
{
    static struct column column;
    bool is_readable = read_rows(vector, is_text, wide, &column);
    uint64_t text_bytes = 0;

    for (uint32_t row = 0; row < column.row_count; row++) {
        text_bytes += column.texts[row].len;
    }
    /* Rows may share their bytes, so a small input can stand for much text. */
    if (is_readable && text_bytes <= 1 << 20) {
        check_round_trip(&column);
    }
}

/* ---- inputs ---- */

static void try_vector(struct slice input, bool is_text)
{
    struct vector vector;
    struct slice narrow;
    size_t at = 0;

    if (input.len < 2) {
        return;
    }
    narrow = own(slice_of(input.ptr + 2, input.len - 2));
    if (vector_open(narrow, &at, load_u16le(input.ptr) % (COLUMN_ROWS_MAX + 1), is_text, &vector)) {
        struct slice wide = own(slice_of(narrow.ptr + at, narrow.len - at));

        CHECK(at <= narrow.len);
        vector.text = wide.ptr;
        vector.loaded_to = vector.text_size < wide.len ? vector.text_size : (uint32_t)wide.len;
        check_vector(&vector, is_text, wide);
        free((char *)wide.ptr);
    }
    free((char *)narrow.ptr);
}

/* All text of a blob whose wide part is STORED; a NULL pointer when it is damaged. */
static struct slice unpack(const struct blob_header *header, struct slice stored,
                           uint32_t text_size)
{
    struct text_unpacker *unpacker;
    const char *text;
    struct slice out = {0};

    if (!header->is_compressed) {
        return own(stored);
    }
    unpacker = text_unpacker_new(slice_str(dictionary));
    text = text_unpack(unpacker, stored, text_size);
    if (text != NULL) {
        out = own(slice_of(text, text_size));
    }
    text_unpacker_free(unpacker);
    return out;
}

static void try_rows(const struct blob_header *header, struct slice blob, const char *shape)
{
    struct slice narrow = own(slice_of(blob.ptr, header->narrow_size));
    struct slice stored = own(slice_of(blob.ptr + narrow.len, blob.len - narrow.len));
    struct vector vectors[BLOB_VECTORS_MAX];
    bool is_text[BLOB_VECTORS_MAX];
    uint32_t text_size;

    for (unsigned i = 0; shape[i] != '\0'; i++) {
        is_text[i] = shape[i] == 't';
    }
    if (blob_open_vectors(header, narrow, stored.len, is_text, vectors, &text_size)) {
        struct slice wide = unpack(header, stored, text_size);

        CHECK(header->is_compressed ? text_size <= COMPRESS_MAX : text_size == stored.len);
        if (wide.ptr != NULL) {
            blob_attach_text(vectors, header->vector_count, wide.ptr);
            for (unsigned i = 0; i < header->vector_count; i++) {
                check_vector(&vectors[i], is_text[i], wide);
            }
        }
        free((char *)wide.ptr);
    }
    free((char *)narrow.ptr);
    free((char *)stored.ptr);
}

static void try_blob(struct slice input, const char *shape)
{
    struct slice blob = own(input);
    struct blob_header header;
    struct blob_large large;
    struct buffer again;

    if (blob.len >= BLOB_HEADER_SIZE && blob_read_header(blob.ptr, blob.len, &header)) {
        CHECK(header.narrow_size <= blob.len && header.row_count <= COLUMN_ROWS_MAX);
        if (header.vector_count == strlen(shape)) {
            try_rows(&header, blob, shape);
        }
    }
    if (blob_read_large(blob, &large)) {
        buffer_init(&again, 4096);
        blob_pack_large(&large, &again);
        CHECK(again.len == blob.len && memcmp(again.ptr + 8, blob.ptr + 8, blob.len - 8) == 0);
        buffer_free(&again);
    }
    free((char *)blob.ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input;

    if (size == 0) {
        return 0;
    }
    input = slice_of((const char *)data + 1, size - 1);
    if (data[0] < 2) {
        try_vector(input, data[0] == 1);
    } else {
        try_blob(input, shapes[(data[0] - 2U) % SHAPE_COUNT]);
    }
    return 0;
}
