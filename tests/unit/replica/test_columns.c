/*
 * The column proof: of one key with a million rows, a page costs what its rows cost, wherever it is
 * and in whatever order. What is compared are bytes and lookups, not time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "replica/reader_inside.h"
#include "tests/unit/replica/release_fixture.h"

enum {
    ROWS = 1000000,
    PAGE_ROWS = 5,
    LAST_PAGE = 10000,
    POOL_SIZE = 4096,
    KEY = 42,
    ARENA_MAX = 1 << 20,
    /* Narrow bytes of a chunk: four fields of at most 8 bytes a row, their nulls and headers. */
    CHUNK_NARROW_MAX = CHUNK_ROWS * 4 * 9,
    /* Narrow bytes of a block of a permutation: row numbers of at most 4 bytes. */
    PERMUTATION_NARROW_MAX = BLOB_HEADER_SIZE + 1 + 8 + PERMUTATION_ROWS * 4,
    NARROW_FIELDS = 1 << ID | 1 << WEIGHT,
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* ---- the key with a million rows ---- */

static char pool[POOL_SIZE];

/* About 200 bytes; no two rows that stand near each other are alike. */
static struct slice body_of(uint64_t row)
{
    size_t len = 150 + row % 101;

    return slice_of(pool + row * 37 % (POOL_SIZE - 251), len);
}

static bool weight_of(uint64_t row, int64_t *weight)
{
    *weight = (int64_t)(row * 2654435761U % 100000) - 50000;
    return row % 10 != 3;
}

static void add_row(struct fixture *fixture, uint64_t row)
{
    int64_t weight;

    column_add_integer(fixture->columns[ID], (int64_t)row);
    if (weight_of(row, &weight)) {
        column_add_integer(fixture->columns[WEIGHT], weight);
    } else {
        column_add_null(fixture->columns[WEIGHT]);
    }
    column_add_text(fixture->columns[TITLE], slice_of("long short", row % 2 == 0 ? 4 : 10));
    column_add_text(fixture->columns[BODY], body_of(row));
}

static void make_large(struct fixture *fixture)
{
    struct blob_large large = {.row_count = ROWS, .permutation_count = ORDERS - 1};
    struct key key = integer_key(KEY);

    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    for (uint64_t row = 0; row < ROWS; row++) {
        add_row(fixture, row);
        if (fixture->columns[ID]->row_count == CHUNK_ROWS || row + 1 == ROWS) {
            uint64_t id = fixture_chunk(fixture, BLOB_ROWS, fixture->columns, FIELDS);

            large.first_chunk = row < CHUNK_ROWS ? id : large.first_chunk;
        }
    }
    for (unsigned order = 1; order < ORDERS; order++) {
        large.first_permutations[order - 1] = fixture_permutation(fixture, order, ROWS);
    }
    buffer_clear(&fixture->blob);
    blob_pack_large(&large, &fixture->blob);
    OK(store_group(fixture->store, &key, buffer_slice(&fixture->blob), &fixture->msg));
    fixture_end(fixture, "notes/0001.db", key, key);
    fixture_open(fixture);
}

static int setup_large(void **state)
{
    uint64_t random = 1;

    for (unsigned i = 0; i < POOL_SIZE; i++) {
        pool[i] = (char)('a' + random_next(&random) % 26);
    }
    if (fixture_setup(state) != 0) {
        return -1;
    }
    make_large(*state);
    return 0;
}

/* ---- what a page costs ---- */

struct cost {
    uint64_t lookups;
    uint64_t narrow_bytes;
    uint64_t text_bytes;
    uint64_t arena_bytes;
    uint64_t row_text_bytes; /* of the texts that were given */
};

/* As in base/arena.c: nobody else looks inside an arena. */
struct arena_block {
    struct arena_block *next;
    size_t size;
};

static uint64_t arena_bytes(const struct arena *arena)
{
    uint64_t bytes = 0;

    for (const struct arena_block *block = arena->first; block != NULL; block = block->next) {
        bytes += sizeof *block + block->size;
    }
    return bytes;
}

static void assert_row(const struct chunk *chunk, uint32_t row, uint64_t number, uint64_t fields,
                       struct cost *cost)
{
    struct slice text;
    int64_t integer = 0;
    int64_t weight;

    assert_true(vector_integer(&chunk->vectors[ID], row, &integer));
    assert_int_equal(integer, number);
    assert_int_equal(vector_integer(&chunk->vectors[WEIGHT], row, &integer),
                     weight_of(number, &weight));
    assert_true(number % 10 == 3 || integer == weight);
    if ((fields >> BODY & 1) != 0) {
        assert_int_equal(vector_text(&chunk->vectors[BODY], row, &text), VECTOR_VALUE);
        assert_true(slice_equal(text, body_of(number)));
        cost->row_text_bytes += text.len;
    }
}

/* Finds the key with a reader of its own, reads the page and checks its rows. */
static struct cost read_page(struct fixture *fixture, unsigned order, uint64_t page, uint64_t count,
                             uint64_t fields)
{
    struct cost cost = {0};
    struct key key = integer_key(KEY);
    const struct reader_counts *counts;
    const struct chunk *chunk;
    struct reader *reader;
    struct group group;
    struct arena arena;
    struct rows rows;
    uint64_t at = (page - 1) * count;
    uint32_t row;
    bool found;

    arena_init(&arena, 4096);
    OK(reader_open(fixture->release, &reader, &fixture->msg));
    OK(reader_find(reader, NOTES, &key, &arena, &group, &found, &fixture->msg));
    assert_true(found);
    group_rows(&group, order, at, count, fields, &rows);
    for (;; at++) {
        OK(rows_next(&rows, &chunk, &row, &fixture->msg));
        if (chunk == NULL) {
            break;
        }
        assert_row(chunk, row, row_at(order, at, ROWS), fields, &cost);
    }
    assert_int_equal(at, page * count);
    counts = reader_counts(reader);
    cost.lookups = counts->lookups;
    cost.narrow_bytes = counts->narrow_bytes;
    cost.text_bytes = counts->text_bytes;
    cost.arena_bytes = arena_bytes(&arena) + arena_bytes(&reader->chunk_arena);
    assert_int_equal(counts->unpacked_bytes, 0);
    reader_close(reader);
    arena_free(&arena);
    return cost;
}

static const uint64_t pages[] = {1, 2, 52, 103, 5000, LAST_PAGE, ROWS / PAGE_ROWS};

static void a_page_reads_the_text_of_its_rows_and_nothing_else(void **state)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        for (unsigned i = 0; i < COUNT_OF(pages); i++) {
            struct cost cost = read_page(*state, order, pages[i], PAGE_ROWS, 1 << ID | 1 << BODY);

            assert_true(cost.row_text_bytes >= 150 * PAGE_ROWS);
            assert_int_equal(cost.text_bytes, cost.row_text_bytes);
        }
    }
}

static void a_page_of_narrow_fields_reads_no_text(void **state)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        for (unsigned i = 0; i < COUNT_OF(pages); i++) {
            struct cost cost = read_page(*state, order, pages[i], PAGE_ROWS, NARROW_FIELDS);

            assert_int_equal(cost.text_bytes, 0);
        }
    }
}

/* The group, at most a chunk a row, and two blocks of the permutation where a page spans two. */
static void a_page_reads_few_blobs_and_their_narrow_parts_only(void **state)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        uint64_t chunks = order == BY_TITLE ? PAGE_ROWS : 2;
        uint64_t blocks = order == BY_ID ? 0 : 2;

        for (unsigned i = 0; i < COUNT_OF(pages); i++) {
            struct cost cost = read_page(*state, order, pages[i], PAGE_ROWS, ALL_FIELDS);

            assert_in_range(cost.lookups, 2, 1 + chunks + blocks);
            assert_in_range(cost.narrow_bytes, 1,
                            64 + chunks * CHUNK_NARROW_MAX + blocks * PERMUTATION_NARROW_MAX);
        }
    }
}

static void page_ten_thousand_costs_what_page_one_costs(void **state)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        struct cost first = read_page(*state, order, 1, PAGE_ROWS, ALL_FIELDS);
        struct cost last = read_page(*state, order, LAST_PAGE, PAGE_ROWS, ALL_FIELDS);

        assert_true(last.lookups <= 3 * first.lookups);
        assert_true(last.narrow_bytes <= 3 * first.narrow_bytes);
        assert_true(last.text_bytes <= 3 * first.text_bytes);
        assert_true(last.arena_bytes <= 3 * first.arena_bytes);
        print_message("%u: page 1: %llu lookups, %llu + %llu bytes, arena %llu; page %d: %llu, "
                      "%llu + %llu, %llu\n",
                      order, (unsigned long long)first.lookups,
                      (unsigned long long)first.narrow_bytes, (unsigned long long)first.text_bytes,
                      (unsigned long long)first.arena_bytes, LAST_PAGE,
                      (unsigned long long)last.lookups, (unsigned long long)last.narrow_bytes,
                      (unsigned long long)last.text_bytes, (unsigned long long)last.arena_bytes);
    }
}

static void a_page_takes_little_memory_however_many_rows_the_key_has(void **state)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        for (unsigned i = 0; i < COUNT_OF(pages); i++) {
            struct cost cost = read_page(*state, order, pages[i], PAGE_ROWS, ALL_FIELDS);

            assert_in_range(cost.arena_bytes, 1, ARENA_MAX);
        }
    }
}

static void a_page_of_ten_thousand_rows_takes_no_more(void **state)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        struct cost cost = read_page(*state, order, 1, DEFINITION_COUNT_MAX, ALL_FIELDS);

        assert_in_range(cost.arena_bytes, 1, ARENA_MAX);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_reads_the_text_of_its_rows_and_nothing_else),
        cmocka_unit_test(a_page_of_narrow_fields_reads_no_text),
        cmocka_unit_test(a_page_reads_few_blobs_and_their_narrow_parts_only),
        cmocka_unit_test(page_ten_thousand_costs_what_page_one_costs),
        cmocka_unit_test(a_page_takes_little_memory_however_many_rows_the_key_has),
        cmocka_unit_test(a_page_of_ten_thousand_rows_takes_no_more),
    };

    return cmocka_run_group_tests(tests, setup_large, fixture_teardown);
}
