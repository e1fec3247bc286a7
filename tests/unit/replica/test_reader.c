#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/replica/release_fixture.h"

enum { BODY_SIZE = 60 };

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* ---- what a row must be ---- */

static void assert_integer(const struct vector *vector, uint32_t row, bool is_null, int64_t value)
{
    int64_t got = 0;

    assert_int_equal(vector_integer(vector, row, &got), !is_null);
    assert_true(is_null || got == value);
}

static void assert_text(const struct vector *vector, uint32_t row, bool is_null, const char *text)
{
    struct slice got = {0};

    assert_int_equal(vector_text(vector, row, &got), is_null ? VECTOR_NULL : VECTOR_VALUE);
    assert_true(is_null || slice_is(got, text));
}

static void assert_note(const struct chunk *chunk, uint32_t row, uint64_t id, unsigned salt,
                        unsigned body_size)
{
    struct note note = note_of(id, salt, body_size);

    assert_integer(&chunk->vectors[ID], row, false, (int64_t)id);
    assert_integer(&chunk->vectors[WEIGHT], row, note.weight_is_null, note.weight);
    assert_text(&chunk->vectors[TITLE], row, note.title_is_null, note.title);
    assert_text(&chunk->vectors[BODY], row, false, note.body);
}

/* Reads a page of GROUP, compares each of its rows, and that there are EXPECTED of them. */
static void assert_page(struct fixture *fixture, struct group *group, unsigned order,
                        uint64_t first, uint64_t count, uint64_t expected, unsigned salt,
                        unsigned body_size)
{
    struct rows rows;
    const struct chunk *chunk;
    uint64_t got = 0;
    uint32_t row;

    group_rows(group, order, first, count, ALL_FIELDS, &rows);
    for (;;) {
        OK(rows_next(&rows, &chunk, &row, &fixture->msg));
        if (chunk == NULL) {
            break;
        }
        assert_note(chunk, row, row_at(order, first + got, group->row_count), salt, body_size);
        got++;
    }
    assert_int_equal(got, expected);
}

/* Pages of every size, from before the first row to behind the last, in every order. */
static void assert_every_page(struct fixture *fixture, struct group *group, unsigned salt,
                              unsigned body_size)
{
    const uint64_t total = group->row_count;
    const uint64_t firsts[] = {0, 1, total / 2, 254, 255, 256, 257, total - 1, total, total + 9};
    static const uint64_t counts[] = {0, 1, 2, 5, 300, 10000, UINT64_MAX};

    for (unsigned order = 0; order < ORDERS; order++) {
        for (unsigned i = 0; i < COUNT_OF(firsts); i++) {
            for (unsigned k = 0; k < COUNT_OF(counts); k++) {
                uint64_t rest = firsts[i] < total ? total - firsts[i] : 0;

                assert_page(fixture, group, order, firsts[i], counts[k],
                            counts[k] < rest ? counts[k] : rest, salt, body_size);
            }
        }
    }
}

/* ---- releases ---- */

/* Two partitions of notes: folders 10, 20 .. 90 and 100, 110; folder k has k rows. */
static void make_notes(struct fixture *fixture)
{
    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    for (unsigned key = 10; key < 100; key += 10) {
        fixture_group(fixture, integer_key(key), key, key, BODY_SIZE);
    }
    fixture_end(fixture, "notes/0001.db", integer_key(10), integer_key(90));
    fixture_begin(fixture, "notes/0002.db", STORE_PARTITION);
    fixture_group(fixture, integer_key(100), 100, 100, BODY_SIZE);
    fixture_group(fixture, integer_key(110), 110, 110, BODY_SIZE);
    fixture_end(fixture, "notes/0002.db", integer_key(100), integer_key(110));
    fixture_open(fixture);
}

/* Two partitions of shelves, keys as text. */
static void make_shelves(struct fixture *fixture)
{
    fixture_begin(fixture, "shelves/0001.db", STORE_PARTITION_TEXT);
    fixture_group(fixture, text_key(""), 3, 1, BODY_SIZE);
    fixture_group(fixture, text_key("arts"), 4, 2, BODY_SIZE);
    fixture_group(fixture, text_key("b'x"), 5, 3, BODY_SIZE);
    fixture_end(fixture, "shelves/0001.db", text_key(""), text_key("b'x"));
    fixture_begin(fixture, "shelves/0002.db", STORE_PARTITION_TEXT);
    fixture_group(fixture, text_key("m"), 6, 4, BODY_SIZE);
    fixture_group(fixture, text_key("z\xc3\xa9"), 7, 5, BODY_SIZE);
    fixture_end(fixture, "shelves/0002.db", text_key("m"), text_key("z\xc3\xa9"));
    fixture_open(fixture);
}

/* ---- keys ---- */

static void every_integer_key_is_found_in_its_partition(void **state)
{
    struct fixture *fixture = *state;

    make_notes(fixture);
    for (unsigned key = 10; key <= 110; key += 10) {
        struct group group;

        assert_true(fixture_find(fixture, NOTES, integer_key(key), &group));
        assert_int_equal(group.row_count, key);
        assert_page(fixture, &group, BY_ID, 0, 1000, key, key, BODY_SIZE);
    }
}

static void a_missing_integer_key_is_not_found(void **state)
{
    static const int64_t missing[] = {INT64_MIN, -1, 0,   9,   11,  55,
                                      91,        99, 101, 111, 120, INT64_MAX};
    struct fixture *fixture = *state;
    struct group group;

    make_notes(fixture);
    for (unsigned i = 0; i < COUNT_OF(missing); i++) {
        assert_false(fixture_find(fixture, NOTES, integer_key(missing[i]), &group));
        assert_int_equal(group.row_count, 0);
        /* The handle that missed a row serves the next key. */
        assert_true(fixture_find(fixture, NOTES, integer_key(50), &group));
        assert_page(fixture, &group, BY_TITLE, 0, 50, 50, 50, BODY_SIZE);
    }
}

static void the_smallest_and_the_greatest_integer_are_keys_like_others(void **state)
{
    struct fixture *fixture = *state;
    struct group group;

    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    fixture_group(fixture, integer_key(INT64_MIN), 2, 1, BODY_SIZE);
    fixture_group(fixture, integer_key(INT64_MAX), 3, 2, BODY_SIZE);
    fixture_end(fixture, "notes/0001.db", integer_key(INT64_MIN), integer_key(INT64_MAX));
    fixture_open(fixture);
    assert_true(fixture_find(fixture, NOTES, integer_key(INT64_MIN), &group));
    assert_page(fixture, &group, BY_WEIGHT, 0, 9, 2, 1, BODY_SIZE);
    assert_true(fixture_find(fixture, NOTES, integer_key(INT64_MAX), &group));
    assert_page(fixture, &group, BY_WEIGHT, 0, 9, 3, 2, BODY_SIZE);
    assert_false(fixture_find(fixture, NOTES, integer_key(0), &group));
}

static void every_text_key_is_found_in_its_partition(void **state)
{
    static const char *const keys[] = {"", "arts", "b'x", "m", "z\xc3\xa9"};
    struct fixture *fixture = *state;

    make_shelves(fixture);
    for (unsigned i = 0; i < COUNT_OF(keys); i++) {
        struct group group;

        assert_true(fixture_find(fixture, SHELVES, text_key(keys[i]), &group));
        assert_int_equal(group.row_count, i + 3);
        assert_page(fixture, &group, BY_WEIGHT, 0, 10, i + 3, i + 1, BODY_SIZE);
    }
}

static void a_missing_text_key_is_not_found(void **state)
{
    static const char *const missing[] = {"a", "artss", "ARTS", "b", "c", "z", "zz", "\xff"};
    struct fixture *fixture = *state;
    struct group group;

    make_shelves(fixture);
    for (unsigned i = 0; i < COUNT_OF(missing); i++) {
        assert_false(fixture_find(fixture, SHELVES, text_key(missing[i]), &group));
        assert_int_equal(group.row_count, 0);
    }
}

static void a_collection_without_partitions_has_no_keys(void **state)
{
    struct fixture *fixture = *state;
    struct group group;

    make_notes(fixture);
    assert_false(fixture_find(fixture, SHELVES, text_key("arts"), &group));
    assert_false(fixture_find(fixture, SHEETS, integer_key(10), &group));
}

/* ---- rows ---- */

static void a_document_is_one_row(void **state)
{
    struct fixture *fixture = *state;
    struct column *columns[] = {fixture->columns[ID], fixture->columns[TITLE]};
    const struct chunk *chunk;
    struct group group;
    struct rows rows;
    uint32_t row;

    fixture_begin(fixture, "sheets/0001.db", STORE_PARTITION);
    for (int64_t key = 1; key <= 3; key++) {
        struct key id = integer_key(key);

        fixture_clear_columns(fixture);
        column_add_integer(columns[0], key);
        column_add_text(columns[1], slice_str(key == 2 ? "two" : "other"));
        fixture_pack(fixture, BLOB_ROWS, columns, 2);
        OK(store_group(fixture->store, &id, buffer_slice(&fixture->blob), &fixture->msg));
    }
    fixture_end(fixture, "sheets/0001.db", integer_key(1), integer_key(3));
    fixture_open(fixture);
    assert_true(fixture_find(fixture, SHEETS, integer_key(2), &group));
    group_rows(&group, 0, 0, 1, ALL_FIELDS, &rows);
    OK(rows_next(&rows, &chunk, &row, &fixture->msg));
    assert_integer(&chunk->vectors[0], row, false, 2);
    assert_text(&chunk->vectors[1], row, false, "two");
    OK(rows_next(&rows, &chunk, &row, &fixture->msg));
    assert_null(chunk);
}

static void a_group_without_rows_is_found_and_empty(void **state)
{
    struct fixture *fixture = *state;
    struct group group;

    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    fixture_group(fixture, integer_key(5), 0, 1, BODY_SIZE);
    fixture_end(fixture, "notes/0001.db", integer_key(5), integer_key(5));
    fixture_open(fixture);
    assert_true(fixture_find(fixture, NOTES, integer_key(5), &group));
    assert_int_equal(group.row_count, 0);
    for (unsigned order = 0; order < ORDERS; order++) {
        assert_page(fixture, &group, order, 0, 10, 0, 1, BODY_SIZE);
        assert_page(fixture, &group, order, 3, 10, 0, 1, BODY_SIZE);
    }
}

/* Small enough to be read in one piece; larger, in parts; as large as can be. */
static void every_page_of_a_small_group_is_right_in_every_order(void **state)
{
    static const struct {
        uint64_t rows;
        unsigned body_size;
    } cases[] = {{1, 10}, {8, BODY_SIZE}, {9, 300}, {200, BODY_SIZE}, {256, 0}, {256, 300}};
    struct fixture *fixture = *state;

    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        fixture_group(fixture, integer_key(i), cases[i].rows, i, cases[i].body_size);
    }
    fixture_end(fixture, "notes/0001.db", integer_key(0), integer_key(COUNT_OF(cases) - 1));
    fixture_open(fixture);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct group group;

        assert_true(fixture_find(fixture, NOTES, integer_key(i), &group));
        assert_false(group.is_large);
        assert_every_page(fixture, &group, i, cases[i].body_size);
        arena_reset(&fixture->answer);
    }
}

static void every_page_of_a_large_group_is_right_in_every_order(void **state)
{
    static const struct {
        uint64_t rows;
        unsigned body_size;
    } cases[] = {{257, 5}, {700, BODY_SIZE}, {512, 300}, {1025, 200}};
    struct fixture *fixture = *state;

    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        fixture_large(fixture, integer_key(i), cases[i].rows, i, cases[i].body_size);
    }
    fixture_end(fixture, "notes/0001.db", integer_key(0), integer_key(COUNT_OF(cases) - 1));
    fixture_open(fixture);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct group group;

        assert_true(fixture_find(fixture, NOTES, integer_key(i), &group));
        assert_true(group.is_large);
        assert_int_equal(group.row_count, cases[i].rows);
        assert_every_page(fixture, &group, i, cases[i].body_size);
        arena_reset(&fixture->answer);
    }
}

static void compressed_text_reads_like_plain_text(void **state)
{
    struct fixture *fixture = *state;
    enum { GROUPS = 200 };

    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    for (unsigned key = 0; key < GROUPS; key++) {
        fixture_group(fixture, integer_key(key), 60, key, 20);
    }
    fixture_large(fixture, integer_key(GROUPS), 700, GROUPS, 20);
    fixture_end(fixture, "notes/0001.db", integer_key(0), integer_key(GROUPS));
    fixture_open(fixture);
    for (unsigned key = 0; key <= GROUPS; key += 25) {
        struct group group;

        assert_true(fixture_find(fixture, NOTES, integer_key(key), &group));
        assert_every_page(fixture, &group, key, 20);
        arena_reset(&fixture->answer);
    }
    assert_true(reader_counts(fixture->reader)->unpacked_bytes > 0);
}

/* ---- text is read when it is wanted ---- */

/* One partition with group 1 of 250 rows whose bodies take more than COMPRESS_MAX. */
static void make_plain(struct fixture *fixture)
{
    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    fixture_group(fixture, integer_key(1), 250, 1, 200);
    fixture_group(fixture, integer_key(2), 250, 2, 200);
    fixture_end(fixture, "notes/0001.db", integer_key(1), integer_key(2));
    fixture_open(fixture);
}

/* Text bytes that reading COUNT rows from FIRST on costs, of the FIELDS asked for. */
static uint64_t text_bytes_of(struct fixture *fixture, struct group *group, unsigned order,
                              uint64_t first, uint64_t count, uint64_t fields)
{
    uint64_t before = reader_counts(fixture->reader)->text_bytes;
    const struct chunk *chunk;
    struct rows rows;
    uint32_t row;

    group_rows(group, order, first, count, fields, &rows);
    do {
        OK(rows_next(&rows, &chunk, &row, &fixture->msg));
    } while (chunk != NULL);
    return reader_counts(fixture->reader)->text_bytes - before;
}

static uint64_t body_bytes(unsigned order, uint64_t first, uint64_t count, uint64_t total)
{
    uint64_t bytes = 0;

    for (uint64_t i = first; i < first + count; i++) {
        struct note note = note_of(row_at(order, i, total), 1, 200);

        bytes += strlen(note.body);
    }
    return bytes;
}

static void finding_a_group_reads_no_text(void **state)
{
    struct fixture *fixture = *state;
    struct group group;

    make_plain(fixture);
    assert_true(fixture_find(fixture, NOTES, integer_key(1), &group));
    assert_int_equal(reader_counts(fixture->reader)->text_bytes, 0);
    assert_int_equal(reader_counts(fixture->reader)->lookups, 1);
}

static void a_page_reads_the_text_of_its_rows_and_fields_only(void **state)
{
    struct fixture *fixture = *state;
    struct group group;

    make_plain(fixture);
    for (unsigned order = 0; order < ORDERS; order++) {
        assert_true(fixture_find(fixture, NOTES, integer_key(1), &group));
        assert_int_equal(text_bytes_of(fixture, &group, order, 100, 5, 1 << BODY),
                         body_bytes(order, 100, 5, 250));
        assert_int_equal(text_bytes_of(fixture, &group, order, 0, 5, 1 << ID | 1 << WEIGHT), 0);
    }
}

static void a_page_of_most_rows_reads_all_text_once(void **state)
{
    struct fixture *fixture = *state;
    struct group group;

    make_plain(fixture);
    assert_true(fixture_find(fixture, NOTES, integer_key(1), &group));
    assert_int_equal(text_bytes_of(fixture, &group, BY_TITLE, 0, 200, 1 << BODY),
                     body_bytes(BY_ID, 0, 250, 250));
}

static void two_groups_of_one_partition_may_be_read_in_turns(void **state)
{
    struct fixture *fixture = *state;
    const struct chunk *chunk;
    struct group groups[2];
    struct rows rows[2];
    uint32_t row;

    make_plain(fixture);
    for (unsigned order = 0; order < ORDERS; order++) {
        for (unsigned i = 0; i < 2; i++) {
            assert_true(fixture_find(fixture, NOTES, integer_key(1 + i), &groups[i]));
            group_rows(&groups[i], order, 0, 40, ALL_FIELDS, &rows[i]);
        }
        for (unsigned at = 0; at < 80; at++) {
            unsigned i = at % 2;

            OK(rows_next(&rows[i], &chunk, &row, &fixture->msg));
            assert_note(chunk, row, row_at(order, at / 2, 250), 1 + i, 200);
        }
        arena_reset(&fixture->answer);
    }
}

static void two_large_groups_of_one_partition_may_be_read_in_turns(void **state)
{
    struct fixture *fixture = *state;
    const struct chunk *chunk;
    struct group groups[2];
    struct rows rows[2];
    uint32_t row;

    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    fixture_large(fixture, integer_key(1), 700, 1, 200);
    fixture_large(fixture, integer_key(2), 700, 2, 200);
    fixture_end(fixture, "notes/0001.db", integer_key(1), integer_key(2));
    fixture_open(fixture);
    for (unsigned order = 0; order < ORDERS; order++) {
        for (unsigned i = 0; i < 2; i++) {
            assert_true(fixture_find(fixture, NOTES, integer_key(1 + i), &groups[i]));
            group_rows(&groups[i], order, 200 * i, 300, ALL_FIELDS, &rows[i]);
        }
        for (unsigned at = 0; at < 600; at++) {
            unsigned i = at % 2;

            OK(rows_next(&rows[i], &chunk, &row, &fixture->msg));
            assert_note(chunk, row, row_at(order, 200 * i + at / 2, 700), 1 + i, 200);
        }
        arena_reset(&fixture->answer);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(every_integer_key_is_found_in_its_partition),
        TEST(a_missing_integer_key_is_not_found),
        TEST(the_smallest_and_the_greatest_integer_are_keys_like_others),
        TEST(every_text_key_is_found_in_its_partition),
        TEST(a_missing_text_key_is_not_found),
        TEST(a_collection_without_partitions_has_no_keys),
        TEST(a_document_is_one_row),
        TEST(a_group_without_rows_is_found_and_empty),
        TEST(every_page_of_a_small_group_is_right_in_every_order),
        TEST(every_page_of_a_large_group_is_right_in_every_order),
        TEST(compressed_text_reads_like_plain_text),
        TEST(finding_a_group_reads_no_text),
        TEST(a_page_reads_the_text_of_its_rows_and_fields_only),
        TEST(a_page_of_most_rows_reads_all_text_once),
        TEST(two_groups_of_one_partition_may_be_read_in_turns),
        TEST(two_large_groups_of_one_partition_may_be_read_in_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
