/* The logical hash: what it depends on, and that it is found again from what is stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "replica/logical.h"
#include "tests/unit/replica/release_fixture.h"

enum { KEYS = 30, ROWS = 5, BODY_SIZE = 40, SHEETS_KEYS = 1000 };

static void every_part_of_a_term_counts(void **state)
{
    const struct key keys[] = {integer_key(1), integer_key(2), text_key("1"), text_key("")};
    uint64_t terms[12];
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        terms[count++] = logical_key(&keys[i], 7);
        terms[count++] = logical_key(&keys[i], 8);
    }
    terms[count++] = logical_block(slice_str("up"), 1, 7);
    terms[count++] = logical_block(slice_str("up"), 2, 7);
    terms[count++] = logical_block(slice_str("up"), 1, 8);
    terms[count++] = logical_block(slice_str("down"), 1, 7);
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < i; k++) {
            assert_true(terms[i] != terms[k]);
        }
    }
}

/* The notes KEYS keys, in two partitions, and the listings of sheets. */
static void write_release(struct fixture *fixture, bool is_honest)
{
    static const char *const names[] = {"notes", "shelves", "sheets", "cards"};

    for (unsigned part = 0; part < 2; part++) {
        const char *name = part == 0 ? "notes/0001.db" : "notes/0002.db";
        int64_t first = part * KEYS / 2;
        int64_t last = first + KEYS / 2 - 1;

        fixture_begin(fixture, name, STORE_PARTITION);
        for (int64_t key = first; key <= last; key++) {
            fixture_group(fixture, integer_key(key), ROWS, (unsigned)key, BODY_SIZE);
        }
        if (part == 1 && !is_honest) { /* the fixture does not hash the chunks of large keys */
            fixture_large(fixture, integer_key(++last), 700, 1, BODY_SIZE);
        }
        fixture_end(fixture, name, integer_key(first), integer_key(last));
    }
    fixture_listing(fixture, "sheets/up.listing.db", "up", false, false, SHEETS_KEYS);
    for (unsigned i = 0; i < 4; i++) {
        fixture->collections[i].name = slice_str(names[i]);
    }
    fixture->collection_count = 4;
}

/* What the manifest must say, by another way: the hashes that the groups tell. */
static void fill_notes(struct fixture *fixture)
{
    struct manifest_collection *notes = &fixture->collections[NOTES];
    struct manifest_collection *sheets = &fixture->collections[SHEETS];
    struct column *column = fixture->columns[ID];

    fixture_clear_columns(fixture);
    for (int64_t i = 0; i < SHEETS_KEYS; i++) {
        column_add_integer(column, i);
        if (column->row_count == LISTING_BLOCK || i + 1 == SHEETS_KEYS) {
            sheets->logical_hash += logical_block(slice_str("up"), (uint64_t)i / LISTING_BLOCK,
                                                  fixture_pack(fixture, BLOB_LISTING, &column, 1));
            column_clear(column);
        }
    }
    for (int64_t i = 0; i < KEYS; i++) {
        struct key key = integer_key(i);
        struct group group;

        assert_true(fixture_find(fixture, NOTES, key, &group));
        notes->logical_hash += logical_key(&key, group.content_hash);
        notes->row_count += group.row_count;
        notes->key_count++;
    }
}

static enum err verify(struct fixture *fixture)
{
    reader_close(fixture->reader);
    release_drop(fixture->release);
    fixture->reader = NULL;
    fixture->release = NULL;
    fixture_write_manifest(fixture);
    OK(release_open(fixture->folder, &(struct release_check){.verify = true}, &fixture->release,
                    &fixture->msg));
    OK(reader_open(fixture->release, &fixture->reader, &fixture->msg));
    return logical_verify(fixture->reader, &fixture->msg);
}

static void a_release_that_holds_what_it_says_is_verified(void **state)
{
    struct fixture *fixture = *state;

    write_release(fixture, true);
    fixture_open(fixture);
    fill_notes(fixture);
    OK(verify(fixture));
}

static void what_the_manifest_says_of_a_collection_must_be_so(void **state)
{
    static const struct {
        unsigned collection;
        struct manifest_collection more;
        const char *message;
    } cases[] = {
        {NOTES, {.logical_hash = 1}, "the logical hash of notes differs from the manifest"},
        {SHEETS, {.logical_hash = 1}, "the logical hash of sheets differs from the manifest"},
        {NOTES, {.row_count = 1}, "notes has 150 rows of 30 keys, the manifest says 151 of 30"},
        {NOTES, {.key_count = 1}, "notes has 150 rows of 30 keys, the manifest says 150 of 31"},
    };
    struct fixture *fixture = *state;
    struct manifest_collection right[4];
    char expected[200];

    write_release(fixture, true);
    fixture_open(fixture);
    fill_notes(fixture);
    memcpy(right, fixture->collections, sizeof right);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct manifest_collection *wrong = &fixture->collections[cases[i].collection];

        memcpy(fixture->collections, right, sizeof right);
        wrong->logical_hash += cases[i].more.logical_hash;
        wrong->row_count += cases[i].more.row_count;
        wrong->key_count += cases[i].more.key_count;
        assert_int_equal(verify(fixture), ERR_CORRUPT);
        snprintf(expected, sizeof expected, "%s: %s", fixture->folder, cases[i].message);
        assert_string_equal(fixture->msg.text, expected);
    }
    fixture->collection_count = 2;
    snprintf(expected, sizeof expected, "%s: the manifest does not list the collection sheets",
             fixture->folder);
    memcpy(fixture->collections, right, sizeof right);
    assert_int_equal(verify(fixture), ERR_CORRUPT);
    assert_string_equal(fixture->msg.text, expected);
}

static void a_content_hash_that_is_not_that_of_the_content_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    char expected[200];

    write_release(fixture, false);
    fixture_open(fixture);
    assert_int_equal(logical_verify(fixture->reader, &fixture->msg), ERR_CORRUPT);
    snprintf(expected, sizeof expected, "read %s/notes/0002.db: groups 30 is damaged",
             fixture->folder);
    assert_string_equal(fixture->msg.text, expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_of_a_term_counts),
        TEST(a_release_that_holds_what_it_says_is_verified),
        TEST(what_the_manifest_says_of_a_collection_must_be_so),
        TEST(a_content_hash_that_is_not_that_of_the_content_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
