#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "replica/blob.h"
#include "tests/unit/replica/columns.h"

enum { ROWS = 20, VECTORS = 3 };

static const bool is_text[VECTORS] = {false, true, true};

/* A blob of an integer and two text columns; SALT changes its last text. */
struct packed {
    struct column *columns[VECTORS];
    struct buffer wide;
    struct buffer blob;
    uint64_t hash;
};

static void pack(struct packed *packed, const char *salt)
{
    const struct column *columns[VECTORS];

    buffer_init(&packed->wide, 1 << 20);
    buffer_init(&packed->blob, 1 << 20);
    for (unsigned i = 0; i < VECTORS; i++) {
        packed->columns[i] = column_new(is_text[i]);
        columns[i] = packed->columns[i];
    }
    for (unsigned row = 0; row < ROWS; row++) {
        static const char *const words[] = {"one", "two", "three"};

        column_add_integer(packed->columns[0], row * row);
        column_add_text(packed->columns[1], slice_str(words[row % 3]));
        column_add_text(packed->columns[2], slice_of("abcdefghijklmnopqrstuvwxyz", row));
    }
    packed->columns[2]->texts[ROWS - 1] = slice_str(salt);
    packed->hash = blob_pack(BLOB_ROWS, columns, VECTORS, &packed->wide, &packed->blob);
}

static void packed_free(struct packed *packed)
{
    for (unsigned i = 0; i < VECTORS; i++) {
        free(packed->columns[i]);
    }
    buffer_free(&packed->wide);
    buffer_free(&packed->blob);
}

/* Opens BYTES as a blob of WANT vectors; false when any step refuses it. */
static bool open_blob(struct slice bytes, struct blob_header *header, struct vector *vectors,
                      uint32_t *text_size)
{
    return bytes.len >= BLOB_HEADER_SIZE && blob_read_header(bytes.ptr, bytes.len, header) &&
           header->vector_count == VECTORS &&
           blob_open_vectors(header, slice_of(bytes.ptr, header->narrow_size),
                             bytes.len - header->narrow_size, is_text, vectors, text_size);
}

static bool opens(struct slice bytes)
{
    struct blob_header header;
    struct vector vectors[BLOB_VECTORS_MAX];
    uint32_t text_size;

    return open_blob(bytes, &header, vectors, &text_size);
}

static void what_is_packed_is_opened(void **state)
{
    struct vector vectors[VECTORS];
    struct blob_header header;
    struct packed packed;
    uint32_t text_size;

    (void)state;
    pack(&packed, "last");
    assert_true(open_blob(buffer_slice(&packed.blob), &header, vectors, &text_size));
    assert_int_equal(header.kind, BLOB_ROWS);
    assert_false(header.is_compressed);
    assert_int_equal(header.vector_count, VECTORS);
    assert_int_equal(header.row_count, ROWS);
    assert_true(header.content_hash == packed.hash);
    assert_int_equal(text_size, packed.blob.len - header.narrow_size);
    blob_attach_text(vectors, VECTORS, packed.blob.ptr + header.narrow_size);
    for (uint32_t row = 0; row < ROWS; row++) {
        struct slice text;
        int64_t integer;

        assert_true(vector_integer(&vectors[0], row, &integer));
        assert_int_equal(integer, row * row);
        for (unsigned i = 1; i < VECTORS; i++) {
            assert_int_equal(vector_text(&vectors[i], row, &text), VECTOR_VALUE);
            assert_true(slice_equal(text, packed.columns[i]->texts[row]));
        }
    }
    packed_free(&packed);
}

static void a_blob_without_vectors_or_rows_opens(void **state)
{
    struct column *column = column_new(false);
    const struct column *columns[] = {column};
    struct blob_header header;
    struct vector vector;
    struct buffer wide;
    struct buffer blob;
    uint32_t text_size;

    (void)state;
    buffer_init(&wide, 64);
    buffer_init(&blob, 64);
    for (unsigned count = 0; count <= 1; count++) {
        buffer_clear(&blob);
        blob_pack(BLOB_ROWS, columns, count, &wide, &blob);
        assert_int_equal(blob.len, BLOB_HEADER_SIZE + count);
        assert_true(blob_read_header(blob.ptr, blob.len, &header));
        assert_int_equal(header.row_count, 0);
        assert_true(
            blob_open_vectors(&header, buffer_slice(&blob), 0, is_text, &vector, &text_size));
    }
    buffer_free(&wide);
    buffer_free(&blob);
    free(column);
}

static void equal_content_has_equal_hashes_and_other_content_another(void **state)
{
    struct packed a;
    struct packed b;
    struct packed c;

    (void)state;
    pack(&a, "last");
    pack(&b, "last");
    pack(&c, "lasu");
    assert_true(a.hash == b.hash);
    assert_true(a.hash != c.hash);
    assert_int_equal(a.blob.len, b.blob.len);
    assert_memory_equal(a.blob.ptr, b.blob.ptr, a.blob.len);
    packed_free(&a);
    packed_free(&b);
    packed_free(&c);
}

/* What stood in the buffer before does not count. */
/* Vectors of equal values, or of none, are the same bytes however many rows there are. */
static void the_number_of_rows_is_part_of_the_hash(void **state)
{
    struct column *column = column_new(false);
    const struct column *columns[] = {column};
    uint64_t hashes[100];
    struct buffer wide;
    struct buffer blob;

    (void)state;
    buffer_init(&wide, 64);
    buffer_init(&blob, 1024);
    for (unsigned count = 0; count < 100; count++) {
        column_add_integer(column, 7);
        buffer_clear(&blob);
        hashes[count] = blob_pack(BLOB_ROWS, columns, 1, &wide, &blob);
        for (unsigned i = 0; i < count; i++) {
            assert_true(hashes[i] != hashes[count]);
        }
    }
    buffer_free(&wide);
    buffer_free(&blob);
    free(column);
}

static void the_hash_is_found_again_from_the_parts(void **state)
{
    struct blob_header header;
    struct packed packed;
    struct slice bytes;

    (void)state;
    pack(&packed, "last");
    bytes = buffer_slice(&packed.blob);
    assert_true(blob_read_header(bytes.ptr, bytes.len, &header));
    for (unsigned compressed = 0; compressed < 2; compressed++) {
        header.is_compressed = compressed == 1;
        assert_true(blob_hash(&header, slice_of(bytes.ptr, header.narrow_size),
                              slice_of(bytes.ptr + header.narrow_size,
                                       bytes.len - header.narrow_size)) == packed.hash);
    }
    packed_free(&packed);
}

static void a_blob_is_appended_with_the_same_hash(void **state)
{
    struct packed packed;
    const struct column *columns[VECTORS];
    size_t len;
    uint64_t hash;

    (void)state;
    pack(&packed, "last");
    len = packed.blob.len;
    memcpy(columns, packed.columns, sizeof columns);
    hash = blob_pack(BLOB_ROWS, columns, VECTORS, &packed.wide, &packed.blob);
    assert_true(hash == packed.hash);
    assert_int_equal(packed.blob.len, 2 * len);
    assert_memory_equal(packed.blob.ptr, packed.blob.ptr + len, len);
    packed_free(&packed);
}

static void a_blob_beyond_the_limit_of_its_buffer_overflows(void **state)
{
    struct packed packed;
    const struct column *columns[VECTORS];
    struct buffer small;

    (void)state;
    pack(&packed, "last");
    memcpy(columns, packed.columns, sizeof columns);
    for (size_t max = 0; max < packed.blob.len; max++) {
        buffer_init(&small, max);
        blob_pack(BLOB_ROWS, columns, VECTORS, &packed.wide, &small);
        assert_true(small.overflowed);
        buffer_free(&small);
    }
    packed_free(&packed);
}

static void a_damaged_header_is_refused(void **state)
{
    static const struct {
        unsigned offset;
        unsigned size;
        uint32_t value;
    } cases[] = {
        {0, 1, 0},  {0, 1, 5},          {0, 1, 0x7f},       {0, 1, 0x80}, {0, 1, 0x85}, {1, 1, 0},
        {1, 1, 2},  {1, 1, 4},          {1, 1, 73},         {1, 1, 255},  {2, 2, 0},    {2, 2, 19},
        {2, 2, 21}, {2, 2, 1025},       {2, 2, 0xffff},     {4, 4, 0},    {4, 4, 15},   {4, 4, 16},
        {4, 4, 17}, {4, 4, 0x7fffffff}, {4, 4, 0xffffffff},
    };
    struct packed packed;
    char kept[4];

    (void)state;
    pack(&packed, "last");
    assert_true(opens(buffer_slice(&packed.blob)));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *field = packed.blob.ptr + cases[i].offset;

        memcpy(kept, field, sizeof kept);
        for (unsigned k = 0; k < cases[i].size; k++) {
            field[k] = (char)(cases[i].value >> (8 * k));
        }
        assert_false(opens(buffer_slice(&packed.blob)));
        memcpy(field, kept, sizeof kept);
    }
    assert_true(opens(buffer_slice(&packed.blob)));
    packed_free(&packed);
}

static void every_truncation_is_refused(void **state)
{
    struct packed packed;

    (void)state;
    pack(&packed, "last");
    for (size_t len = 0; len < packed.blob.len; len++) {
        char *cut = memory_alloc(len);

        memcpy(cut, packed.blob.ptr, len);
        assert_false(opens(slice_of(cut, len)));
        free(cut);
    }
    packed_free(&packed);
}

static void bytes_that_are_left_over_are_refused(void **state)
{
    struct packed packed;
    uint32_t narrow;

    (void)state;
    pack(&packed, "last");
    narrow = load_u32le(packed.blob.ptr + 4);
    buffer_append_byte(&packed.blob, 'x'); /* wide */
    assert_false(opens(buffer_slice(&packed.blob)));
    store_u32le(packed.blob.ptr + 4, narrow + 1); /* narrow, and the wide part has its size again */
    assert_false(opens(buffer_slice(&packed.blob)));
    packed_free(&packed);
}

static void a_vector_of_the_other_kind_is_refused(void **state)
{
    static const bool wrong[VECTORS] = {true, true, true};
    struct vector vectors[VECTORS];
    struct blob_header header;
    struct packed packed;
    uint32_t text_size;

    (void)state;
    pack(&packed, "last");
    assert_true(open_blob(buffer_slice(&packed.blob), &header, vectors, &text_size));
    assert_false(blob_open_vectors(&header, slice_of(packed.blob.ptr, header.narrow_size),
                                   packed.blob.len - header.narrow_size, wrong, vectors,
                                   &text_size));
    packed_free(&packed);
}

/* A constant whose length says more than COMPRESS_MAX. */
static void a_compressed_blob_with_too_much_text_is_refused(void **state)
{
    static const bool text_only[] = {true};
    struct blob_header header;
    struct vector vector;
    char bytes[BLOB_HEADER_SIZE + 5] = {(char)(BLOB_ROWS | BLOB_COMPRESSED), 1, 1, 0,
                                        BLOB_HEADER_SIZE + 5};
    uint32_t text_size = 0;

    (void)state;
    bytes[BLOB_HEADER_SIZE] = ENCODING_TEXT_CONSTANT;
    store_u32le(bytes + BLOB_HEADER_SIZE + 1, COMPRESS_MAX);
    assert_true(blob_read_header(bytes, sizeof bytes, &header));
    assert_true(header.is_compressed);
    assert_true(blob_open_vectors(&header, slice_of(bytes, sizeof bytes), 0, text_only, &vector,
                                  &text_size));
    assert_int_equal(text_size, COMPRESS_MAX);
    store_u32le(bytes + BLOB_HEADER_SIZE + 1, COMPRESS_MAX + 1);
    assert_false(blob_open_vectors(&header, slice_of(bytes, sizeof bytes), 0, text_only, &vector,
                                   &text_size));
}

static void a_large_key_reads_back(void **state)
{
    const struct blob_large large = {.row_count = 1000000,
                                     .content_hash = 0x123456789abcdef0,
                                     .first_chunk = 77,
                                     .permutation_count = 2,
                                     .first_permutations = {4000, 5000}};
    struct blob_large got;
    struct blob_header header;
    struct buffer blob;

    (void)state;
    buffer_init(&blob, 1024);
    blob_pack_large(&large, &blob);
    assert_int_equal(blob.len, 48);
    assert_true(blob_read_header(blob.ptr, blob.len, &header));
    assert_int_equal(header.kind, BLOB_LARGE);
    assert_int_equal(header.narrow_size, blob.len);
    assert_true(header.content_hash == large.content_hash);
    assert_true(blob_read_large(buffer_slice(&blob), &got));
    assert_int_equal(got.row_count, 1000000);
    assert_true(got.content_hash == large.content_hash);
    assert_int_equal(got.first_chunk, 77);
    assert_int_equal(got.permutation_count, 2);
    assert_int_equal(got.first_permutations[0], 4000);
    assert_int_equal(got.first_permutations[1], 5000);
    buffer_free(&blob);
}

static void a_damaged_large_key_is_refused(void **state)
{
    const struct blob_large large = {.row_count = 300, .first_chunk = 1};
    struct blob_large too_large = {.permutation_count = DEFINITION_ORDERS_MAX};
    struct blob_large got;
    struct buffer blob;

    (void)state;
    buffer_init(&blob, 1024);
    blob_pack_large(&large, &blob);
    for (size_t len = 0; len < blob.len; len++) {
        assert_false(blob_read_large(slice_of(blob.ptr, len), &got));
    }
    blob.ptr[0] = (char)(BLOB_LARGE | BLOB_COMPRESSED);
    assert_false(blob_read_large(buffer_slice(&blob), &got));
    blob.ptr[0] = BLOB_LARGE;
    store_u64le(blob.ptr + 16, 1ULL << 32);
    assert_false(blob_read_large(buffer_slice(&blob), &got));
    store_u64le(blob.ptr + 16, 300);
    store_u64le(blob.ptr + 24, UINT64_MAX);
    assert_false(blob_read_large(buffer_slice(&blob), &got));
    buffer_clear(&blob);
    blob_pack_large(&too_large, &blob);
    assert_true(blob_read_large(buffer_slice(&blob), &got));
    buffer_append(&blob, "12345678", 8);
    assert_false(blob_read_large(buffer_slice(&blob), &got));
    buffer_free(&blob);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_opened),
        cmocka_unit_test(a_blob_without_vectors_or_rows_opens),
        cmocka_unit_test(equal_content_has_equal_hashes_and_other_content_another),
        cmocka_unit_test(the_number_of_rows_is_part_of_the_hash),
        cmocka_unit_test(the_hash_is_found_again_from_the_parts),
        cmocka_unit_test(a_blob_is_appended_with_the_same_hash),
        cmocka_unit_test(a_blob_beyond_the_limit_of_its_buffer_overflows),
        cmocka_unit_test(a_damaged_header_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(bytes_that_are_left_over_are_refused),
        cmocka_unit_test(a_vector_of_the_other_kind_is_refused),
        cmocka_unit_test(a_compressed_blob_with_too_much_text_is_refused),
        cmocka_unit_test(a_large_key_reads_back),
        cmocka_unit_test(a_damaged_large_key_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
