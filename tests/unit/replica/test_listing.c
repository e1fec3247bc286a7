#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/replica/release_fixture.h"

enum { TOTAL = 2 * LISTING_BLOCK + 100, UP = 0, DOWN = 1 };

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Reads COUNT keys from FIRST on and compares them with what fixture_listing wrote. */
static void assert_keys(struct fixture *fixture, unsigned collection, unsigned listing,
                        uint64_t first, uint32_t count, uint64_t total)
{
    struct key *keys = arena_alloc(&fixture->answer, (count + 1) * sizeof *keys);
    uint64_t rest = first < total ? total - first : 0;
    uint32_t got = 99;

    OK(reader_listing(fixture->reader, collection, listing, first, count, &fixture->answer, keys,
                      &got, &fixture->msg));
    assert_int_equal(got, count < rest ? count : rest);
    for (uint32_t i = 0; i < got; i++) {
        uint64_t key = listing == DOWN ? total - 1 - first - i : first + i;
        char text[32];

        assert_int_equal(keys[i].is_text, collection == CARDS);
        if (collection == CARDS) {
            snprintf(text, sizeof text, "card %06u", (unsigned)key);
            assert_true(slice_is(keys[i].text, text));
        } else {
            assert_int_equal(keys[i].integer, key);
        }
    }
    arena_reset(&fixture->answer);
}

static void assert_every_page(struct fixture *fixture, unsigned collection, unsigned listing,
                              uint64_t total)
{
    const uint64_t firsts[] = {0,         1,     LISTING_BLOCK - 1, LISTING_BLOCK, 1000,
                               total - 1, total, total + 5,         total / 2,     UINT64_MAX};
    static const uint32_t counts[] = {0, 1, 5, LISTING_BLOCK, LISTING_BLOCK + 1, 10000};

    assert_int_equal(reader_listing_count(fixture->reader, collection, listing), total);
    for (unsigned i = 0; i < COUNT_OF(firsts); i++) {
        for (unsigned k = 0; k < COUNT_OF(counts); k++) {
            assert_keys(fixture, collection, listing, firsts[i], counts[k], total);
        }
    }
}

static void every_page_of_a_listing_of_integers_is_right(void **state)
{
    struct fixture *fixture = *state;

    fixture_listing(fixture, "sheets/up.listing.db", "up", false, false, TOTAL);
    fixture_listing(fixture, "sheets/down.listing.db", "down", false, true, TOTAL);
    fixture_open(fixture);
    assert_every_page(fixture, SHEETS, UP, TOTAL);
    assert_every_page(fixture, SHEETS, DOWN, TOTAL);
}

static void every_page_of_a_listing_of_texts_is_right(void **state)
{
    struct fixture *fixture = *state;

    fixture_listing(fixture, "cards/up.listing.db", "up", true, false, TOTAL);
    fixture_open(fixture);
    assert_every_page(fixture, CARDS, UP, TOTAL);
}

/* So many keys that the file has learned a dictionary and its blocks are compressed. */
static void every_page_of_a_compressed_listing_is_right(void **state)
{
    enum { MANY = 40000 };
    struct fixture *fixture = *state;

    fixture_listing(fixture, "cards/up.listing.db", "up", true, false, MANY);
    fixture_open(fixture);
    assert_every_page(fixture, CARDS, UP, MANY);
    assert_keys(fixture, CARDS, UP, MANY - 5, 5, MANY);
    assert_true(reader_counts(fixture->reader)->unpacked_bytes > 0);
}

static void a_listing_without_keys_is_empty(void **state)
{
    struct fixture *fixture = *state;

    fixture_open(fixture);
    assert_keys(fixture, SHEETS, UP, 0, 5, 0);
    assert_keys(fixture, CARDS, UP, 0, 5, 0);
}

static void a_page_costs_one_lookup_a_block_wherever_it_is(void **state)
{
    enum { MANY = 100 * LISTING_BLOCK };
    struct fixture *fixture = *state;
    uint64_t before;
    uint64_t first_bytes;

    fixture_listing(fixture, "sheets/up.listing.db", "up", false, false, MANY);
    fixture_open(fixture);
    assert_keys(fixture, SHEETS, UP, 0, 5, MANY);
    assert_int_equal(reader_counts(fixture->reader)->lookups, 1);
    first_bytes = reader_counts(fixture->reader)->narrow_bytes;
    assert_keys(fixture, SHEETS, UP, MANY - LISTING_BLOCK, 5, MANY);
    assert_int_equal(reader_counts(fixture->reader)->lookups, 2);
    assert_int_equal(reader_counts(fixture->reader)->narrow_bytes, 2 * first_bytes);
    before = reader_counts(fixture->reader)->lookups;
    assert_keys(fixture, SHEETS, UP, LISTING_BLOCK - 1, 2, MANY);
    assert_int_equal(reader_counts(fixture->reader)->lookups, before + 2);
}

static void a_release_without_the_file_of_a_listing_is_refused(void **state)
{
    struct fixture *fixture = *state;

    fixture_publish(fixture);
    for (unsigned i = 0; i < fixture->file_count; i++) {
        if (slice_is(fixture->files[i].path, "sheets/down.listing.db")) {
            fixture->files[i] = fixture->files[--fixture->file_count];
        }
    }
    fixture_write_manifest(fixture);
    OK(release_open(fixture->folder, &(struct release_check){.verify = false}, &fixture->release,
                    &fixture->msg));
    assert_int_equal(reader_open(fixture->release, &fixture->reader, &fixture->msg), ERR_CORRUPT);
    assert_string_equal(fixture->msg.text,
                        "the release has no file for the listing down of sheets");
    assert_null(fixture->reader);
}

/* The manifest says more keys than there are blocks. */
static void a_listing_that_ends_too_early_is_damaged(void **state)
{
    struct fixture *fixture = *state;
    struct key keys[5];
    uint32_t got;
    char expected[200];

    fixture_listing(fixture, "sheets/up.listing.db", "up", false, false, 3);
    fixture->files[0].row_count = 600;
    fixture_open(fixture);
    assert_int_equal(reader_listing(fixture->reader, SHEETS, UP, 0, 5, &fixture->answer, keys, &got,
                                    &fixture->msg),
                     ERR_CORRUPT);
    snprintf(expected, sizeof expected, "read %s/sheets/up.listing.db: blocks 0 is damaged",
             fixture->folder);
    assert_string_equal(fixture->msg.text, expected);
    assert_int_equal(reader_listing(fixture->reader, SHEETS, UP, 512, 5, &fixture->answer, keys,
                                    &got, &fixture->msg),
                     ERR_CORRUPT);
    snprintf(expected, sizeof expected, "read %s/sheets/up.listing.db: blocks 1 is damaged",
             fixture->folder);
    assert_string_equal(fixture->msg.text, expected);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(every_page_of_a_listing_of_integers_is_right),
        TEST(every_page_of_a_listing_of_texts_is_right),
        TEST(every_page_of_a_compressed_listing_is_right),
        TEST(a_listing_without_keys_is_empty),
        TEST(a_page_costs_one_lookup_a_block_wherever_it_is),
        TEST(a_release_without_the_file_of_a_listing_is_refused),
        TEST(a_listing_that_ends_too_early_is_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
