#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/replica/columns.h"

static const uint32_t row_counts[] = {0, 1, 7, 8, 9, 255, 256, 512, 1024};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* ---- a column and its bytes ---- */

struct encoded {
    struct buffer narrow;
    struct buffer wide;
};

static void encode(struct encoded *encoded, const struct column *column)
{
    buffer_init(&encoded->narrow, 1 << 20);
    buffer_init(&encoded->wide, 1 << 24);
    column_encode(column, &encoded->narrow, &encoded->wide);
    assert_false(encoded->narrow.overflowed || encoded->wide.overflowed);
}

static void encoded_free(struct encoded *encoded)
{
    buffer_free(&encoded->narrow);
    buffer_free(&encoded->wide);
}

static void attach(struct vector *vector, const struct encoded *encoded)
{
    assert_int_equal(vector->text_size, encoded->wide.len);
    vector->text = encoded->wide.len == 0 ? "" : encoded->wide.ptr;
    vector->loaded_to = vector->text_size;
}

static void assert_row(const struct vector *vector, const struct column *column, uint32_t row)
{
    struct slice text;
    int64_t integer;

    assert_int_equal(vector_is_null(vector, row), column->is_null[row]);
    if (column->is_null[row]) {
        assert_true(column->is_text ? vector_text(vector, row, &text) == VECTOR_NULL
                                    : !vector_integer(vector, row, &integer));
    } else if (column->is_text) {
        assert_int_equal(vector_text(vector, row, &text), VECTOR_VALUE);
        assert_true(slice_equal(text, column->texts[row]));
    } else {
        assert_true(vector_integer(vector, row, &integer));
        assert_true(integer == column->integers[row]);
    }
}

/* Encodes, opens and compares every row; returns the encoding that was chosen. */
static enum encoding_id assert_round_trip(const struct column *column)
{
    struct encoded encoded;
    struct vector vector;
    size_t at = 0;

    encode(&encoded, column);
    assert_true(vector_open(buffer_slice(&encoded.narrow), &at, column->row_count, column->is_text,
                            &vector));
    assert_int_equal(at, encoded.narrow.len);
    assert_int_equal(vector.row_count, column->row_count);
    attach(&vector, &encoded);
    for (uint32_t row = 0; row < column->row_count; row++) {
        assert_row(&vector, column, row);
    }
    encoded_free(&encoded);
    return vector.encoding;
}

/* ---- patterns of nulls and values ---- */

enum { NULLS_NONE, NULLS_ALL, NULLS_FIRST, NULLS_LAST, NULLS_SOME, NULLS_MOST, NULLS_COUNT };

static bool is_null_row(unsigned pattern, uint32_t row, uint32_t count, uint64_t *random)
{
    switch (pattern) {
    case NULLS_ALL:
        return true;
    case NULLS_FIRST:
        return row == 0;
    case NULLS_LAST:
        return row + 1 == count;
    case NULLS_SOME:
        return random_next(random) % 5 == 0;
    case NULLS_MOST:
        return random_next(random) % 50 != 0;
    default:
        return false;
    }
}

/* Integers within 0 .. 2^BITS-1 above BASE, wrapping around; 0 bits: all the same. */
static const struct {
    int64_t base;
    unsigned bits;
} ranges[] = {
    {0, 0},         {17, 0},         {0, 1},          {1, 1},         {-1, 1},
    {0, 8},         {-128, 8},       {INT64_MIN, 8},  {1000, 16},     {-70000, 32},
    {INT64_MAX, 0}, {INT64_MIN, 32}, {INT64_MIN, 64}, {INT64_MIN, 0}, {-5, 63},
};

static void fill_integers(struct column *column, uint32_t count, unsigned nulls, unsigned range,
                          uint64_t *random)
{
    unsigned bits = ranges[range].bits;
    uint64_t mask = bits == 0 ? 0 : UINT64_MAX >> (64 - bits);

    column_clear(column);
    for (uint32_t row = 0; row < count; row++) {
        uint64_t above = random_next(random) & mask;

        if (is_null_row(nulls, row, count, random)) {
            column_add_null(column);
        } else {
            column_add_integer(column, (int64_t)((uint64_t)ranges[range].base + above));
        }
    }
}

/* Texts of at most SIZE bytes, DISTINCT of them. */
static const struct {
    unsigned size;
    unsigned distinct;
} texts[] = {{0, 1},    {5, 1},    {200, 1},   {1, 2},     {20, 3},
             {30, 256}, {3, 2000}, {60, 2000}, {300, 300}, {900, 5000}};

static void fill_texts(struct column *column, uint32_t count, unsigned nulls, unsigned shape,
                       struct slice pool, uint64_t *random)
{
    column_clear(column);
    for (uint32_t row = 0; row < count; row++) {
        uint64_t which = random_next(random) % texts[shape].distinct;
        uint64_t seed = which + 1;
        size_t len = texts[shape].distinct == 1 ? texts[shape].size
                                                : random_next(&seed) % (texts[shape].size + 1);

        if (is_null_row(nulls, row, count, random)) {
            column_add_null(column);
        } else {
            column_add_text(column, slice_of(pool.ptr + which, len));
        }
    }
}

static void fill_pool(char *pool, size_t size)
{
    uint64_t random = 5;

    for (size_t i = 0; i < size; i++) {
        pool[i] = (char)random_next(&random);
    }
}

static void every_column_of_integers_reads_back(void **state)
{
    struct column *column = column_new(false);
    uint64_t random = 1;
    bool seen[ENCODING_COUNT] = {false};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(row_counts); i++) {
        for (unsigned nulls = 0; nulls < NULLS_COUNT; nulls++) {
            for (unsigned range = 0; range < COUNT_OF(ranges); range++) {
                fill_integers(column, row_counts[i], nulls, range, &random);
                seen[assert_round_trip(column)] = true;
            }
        }
    }
    for (int id = ENCODING_NULL; id <= ENCODING_FRAME_8; id++) {
        assert_true(seen[id]); /* otherwise the property above was not tried on it */
    }
    free(column);
}

static void every_column_of_texts_reads_back(void **state)
{
    static char pool[8192];
    struct column *column = column_new(true);
    uint64_t random = 2;
    bool seen[ENCODING_COUNT] = {false};

    (void)state;
    fill_pool(pool, sizeof pool);
    for (size_t i = 0; i < COUNT_OF(row_counts); i++) {
        for (unsigned nulls = 0; nulls < NULLS_COUNT; nulls++) {
            for (unsigned shape = 0; shape < COUNT_OF(texts); shape++) {
                fill_texts(column, row_counts[i], nulls, shape, slice_of(pool, sizeof pool),
                           &random);
                seen[assert_round_trip(column)] = true;
            }
        }
    }
    for (int id = ENCODING_TEXT_CONSTANT; id <= ENCODING_DICTIONARY; id++) {
        assert_true(seen[id]);
    }
    free(column);
}

static void the_least_and_the_greatest_integer_stand_side_by_side(void **state)
{
    struct column *column = column_new(false);

    (void)state;
    column_add_integer(column, INT64_MAX);
    column_add_null(column);
    column_add_integer(column, INT64_MIN);
    column_add_integer(column, 0);
    assert_int_equal(assert_round_trip(column), ENCODING_FRAME_8);
    free(column);
}

/* ---- which encoding is chosen ---- */

static void the_smallest_encoding_of_integers_is_chosen(void **state)
{
    /* Rows alternate between two values; the last column is bytes of the whole vector. */
    static const struct {
        uint32_t rows;
        int64_t even;
        int64_t odd;
        const char *name;
        size_t size;
    } cases[] = {
        {0, 0, 0, "null", 1},
        {1, 7, 7, "constant", 9},
        {1000, -7, -7, "constant", 9},
        {8, 1, 1, "bits", 2},      /* a byte is less than the constant's eight */
        {64, 0, 0, "constant", 9}, /* a tie goes to the lower number */
        {65, 0, 0, "constant", 9},
        {64, 0, 1, "bits", 9},
        {1024, 1, 0, "bits", 129},
        {10, 1, 2, "frame 1", 19},
        {10, -1, 0, "frame 1", 19},
        {10, 100, 355, "frame 1", 19},
        {10, 100, 356, "frame 2", 29},
        {10, -32768, 32767, "frame 2", 29},
        {10, -32768, 32768, "frame 4", 49},
        {10, INT32_MIN, INT32_MAX, "frame 4", 49},
        {10, INT32_MIN, INT32_MAX + 1LL, "frame 8", 89},
        {10, INT64_MIN, INT64_MAX, "frame 8", 89},
        {10, INT64_MAX - 255, INT64_MAX, "frame 1", 19},
    };
    struct column *column = column_new(false);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct encoded encoded;

        column_clear(column);
        for (uint32_t row = 0; row < cases[i].rows; row++) {
            column_add_integer(column, row % 2 == 0 ? cases[i].even : cases[i].odd);
        }
        assert_string_equal(encoding_name(assert_round_trip(column)), cases[i].name);
        encode(&encoded, column);
        assert_int_equal(encoded.narrow.len + encoded.wide.len, cases[i].size);
        encoded_free(&encoded);
    }
    free(column);
}

static void the_smallest_encoding_of_texts_is_chosen(void **state)
{
    /* Row i is LEN bytes of a pool without repetitions, beginning at i % DISTINCT. */
    static const struct {
        uint32_t rows;
        uint32_t distinct;
        uint32_t len;
        const char *name;
        size_t size;
    } cases[] = {
        {0, 1, 0, "null", 1},
        {1, 1, 9, "plain 1", 11}, /* one byte of offset is less than four of length */
        {100, 1, 9, "text constant", 14},
        {100, 1, 0, "text constant", 5},
        {4, 1, 0, "text constant", 5}, /* a tie goes to the lower number */
        {3, 1, 0, "plain 1", 4},
        {5, 5, 51, "plain 1", 1 + 5 + 255},
        {8, 8, 32, "plain 2", 1 + 16 + 256},
        {256, 256, 255, "plain 2", 1 + 512 + 65280},
        {256, 256, 256, "plain 4", 1 + 1024 + 65536},
        {100, 2, 20, "dictionary", 1 + 1 + 4 + 100 + 40},
        {1024, 256, 20, "dictionary", 1 + 1 + 512 + 1024 + 5120},
        {1024, 257, 20, "plain 2", 1 + 2048 + 20480}, /* an index is one byte */
        {600, 256, 255, "dictionary", 1 + 1 + 512 + 600 + 65280},
        {600, 256, 256, "plain 4", 1 + 2400 + 153600}, /* an end is two bytes */
    };
    static char pool[8192];
    struct column *column = column_new(true);

    (void)state;
    fill_pool(pool, sizeof pool);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct encoded encoded;

        column_clear(column);
        for (uint32_t row = 0; row < cases[i].rows; row++) {
            column_add_text(column, slice_of(pool + row % cases[i].distinct, cases[i].len));
        }
        assert_string_equal(encoding_name(assert_round_trip(column)), cases[i].name);
        encode(&encoded, column);
        assert_int_equal(encoded.narrow.len + encoded.wide.len, cases[i].size);
        encoded_free(&encoded);
    }
    free(column);
}

static void nulls_cost_a_bit_a_row_unless_all_rows_are_null(void **state)
{
    struct column *column = column_new(false);
    struct encoded encoded;

    (void)state;
    for (uint32_t row = 0; row < 100; row++) {
        column_add_null(column);
    }
    encode(&encoded, column);
    assert_int_equal(encoded.narrow.len, 1);
    encoded_free(&encoded);
    column->is_null[99] = false;
    column->integers[99] = 5;
    column->null_count--;
    encode(&encoded, column);
    assert_int_equal(encoded.narrow.len, 1 + 13 + 8);
    assert_int_equal((uint8_t)encoded.narrow.ptr[0], ENCODING_CONSTANT | VECTOR_HAS_NULLS);
    encoded_free(&encoded);
    free(column);
}

/* ---- damage ---- */

/* Every proper prefix of the narrow bytes, in memory of just that size. */
static void assert_truncations_refused(const struct column *column)
{
    struct encoded encoded;

    encode(&encoded, column);
    for (size_t len = 0; len < encoded.narrow.len; len++) {
        char *cut = memory_alloc(len + 1);
        struct vector vector;
        size_t at = 0;

        memcpy(cut, encoded.narrow.ptr, len);
        assert_false(
            vector_open(slice_of(cut, len), &at, column->row_count, column->is_text, &vector));
        free(cut);
    }
    encoded_free(&encoded);
}

static void every_truncation_of_the_narrow_bytes_is_refused(void **state)
{
    static char pool[8192];
    struct column *integers = column_new(false);
    struct column *words = column_new(true);
    uint64_t random = 3;

    (void)state;
    fill_pool(pool, sizeof pool);
    for (unsigned nulls = 0; nulls < NULLS_COUNT; nulls++) {
        for (unsigned range = 0; range < COUNT_OF(ranges); range++) {
            fill_integers(integers, 9, nulls, range, &random);
            assert_truncations_refused(integers);
        }
        for (unsigned shape = 0; shape < COUNT_OF(texts); shape++) {
            fill_texts(words, 255, nulls, shape, slice_of(pool, sizeof pool), &random);
            assert_truncations_refused(words);
        }
    }
    free(integers);
    free(words);
}

static void a_vector_of_the_other_kind_is_refused(void **state)
{
    char bytes[4096] = {0};

    (void)state;
    for (unsigned id = 0; id < ENCODING_COUNT; id++) {
        bool is_text = id >= ENCODING_TEXT_CONSTANT;
        struct vector vector;
        size_t at = 0;

        bytes[0] = (char)id;
        assert_true(vector_open(slice_of(bytes, sizeof bytes), &at, 4, is_text, &vector));
        at = 0;
        assert_int_equal(vector_open(slice_of(bytes, sizeof bytes), &at, 4, !is_text, &vector),
                         id == ENCODING_NULL);
    }
}

static void an_unknown_encoding_is_refused(void **state)
{
    char bytes[64] = {0};

    (void)state;
    for (unsigned id = ENCODING_COUNT; id < 0x80; id++) {
        struct vector vector;
        size_t at = 0;

        bytes[0] = (char)id;
        assert_false(vector_open(slice_of(bytes, sizeof bytes), &at, 1, false, &vector));
        at = 0;
        assert_false(vector_open(slice_of(bytes, sizeof bytes), &at, 1, true, &vector));
    }
}

/* Three rows of "plain 1" whose wide part is "abcd". */
static enum vector_result read_plain(const uint8_t *ends, uint32_t row, struct slice *text)
{
    uint8_t bytes[4] = {ENCODING_PLAIN_1, ends[0], ends[1], ends[2]};
    struct vector vector;
    size_t at = 0;

    assert_true(vector_open(slice_of((char *)bytes, 4), &at, 3, true, &vector));
    vector.text = "abcd";
    vector.loaded_to = 4;
    return vector_text(&vector, row, text);
}

static void a_text_that_ends_before_it_begins_or_behind_the_wide_part_is_damaged(void **state)
{
    struct slice text;

    (void)state;
    assert_int_equal(read_plain((const uint8_t[]){1, 3, 4}, 1, &text), VECTOR_VALUE);
    assert_true(slice_is(text, "bc"));
    assert_int_equal(read_plain((const uint8_t[]){3, 1, 4}, 1, &text), VECTOR_DAMAGED);
    assert_int_equal(read_plain((const uint8_t[]){1, 3, 5}, 2, &text), VECTOR_DAMAGED);
    assert_int_equal(read_plain((const uint8_t[]){5, 5, 4}, 0, &text), VECTOR_DAMAGED);
}

static void an_index_behind_the_dictionary_is_damaged(void **state)
{
    /* Two entries, "a" and "bc"; the rows name entries 1, 0 and 2. */
    static const uint8_t bytes[] = {ENCODING_DICTIONARY, 1, 1, 0, 3, 0, 1, 0, 2};
    struct vector vector;
    struct slice text;
    size_t at = 0;

    (void)state;
    assert_true(vector_open(slice_of((const char *)bytes, sizeof bytes), &at, 3, true, &vector));
    vector.text = "abc";
    vector.loaded_to = vector.text_size;
    assert_int_equal(vector_text(&vector, 0, &text), VECTOR_VALUE);
    assert_true(slice_is(text, "bc"));
    assert_int_equal(vector_text(&vector, 1, &text), VECTOR_VALUE);
    assert_true(slice_is(text, "a"));
    assert_int_equal(vector_text(&vector, 2, &text), VECTOR_DAMAGED);
}

static void a_text_that_was_not_loaded_is_not_given(void **state)
{
    static const uint8_t bytes[] = {ENCODING_PLAIN_1, 1, 3, 4};
    static const enum vector_result expected[] = {VECTOR_DAMAGED, VECTOR_VALUE, VECTOR_DAMAGED};
    struct vector vector;
    struct slice text;
    size_t at = 0;

    (void)state;
    assert_true(vector_open(slice_of((const char *)bytes, sizeof bytes), &at, 3, true, &vector));
    vector.text = "bc";
    vector.loaded_from = 1;
    vector.loaded_to = 3;
    for (uint32_t row = 0; row < 3; row++) {
        assert_int_equal(vector_text(&vector, row, &text), expected[row]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_of_integers_reads_back),
        cmocka_unit_test(every_column_of_texts_reads_back),
        cmocka_unit_test(the_least_and_the_greatest_integer_stand_side_by_side),
        cmocka_unit_test(the_smallest_encoding_of_integers_is_chosen),
        cmocka_unit_test(the_smallest_encoding_of_texts_is_chosen),
        cmocka_unit_test(nulls_cost_a_bit_a_row_unless_all_rows_are_null),
        cmocka_unit_test(every_truncation_of_the_narrow_bytes_is_refused),
        cmocka_unit_test(a_vector_of_the_other_kind_is_refused),
        cmocka_unit_test(an_unknown_encoding_is_refused),
        cmocka_unit_test(a_text_that_ends_before_it_begins_or_behind_the_wide_part_is_damaged),
        cmocka_unit_test(an_index_behind_the_dictionary_is_damaged),
        cmocka_unit_test(a_text_that_was_not_loaded_is_not_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
