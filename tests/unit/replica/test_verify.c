#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/replica/release_fixture.h"

/* A release with a partition of a few pages and the listings. */
static void make_release(struct fixture *fixture)
{
    fixture_begin(fixture, "notes/0001.db", STORE_PARTITION);
    for (unsigned key = 0; key < 10; key++) {
        fixture_group(fixture, integer_key(key), 10, key, 60);
    }
    fixture_end(fixture, "notes/0001.db", integer_key(0), integer_key(9));
    fixture_publish(fixture);
}

/* Opens the release, verified or not; what was opened is closed. */
static enum err open_release(struct fixture *fixture, bool verify)
{
    struct release *release = NULL;
    enum err rc = release_open(fixture->folder, &(struct release_check){.verify = verify}, &release,
                               &fixture->msg);

    assert_int_equal(release != NULL, rc == ERR_NONE);
    release_drop(release);
    return rc;
}

/* "FOLDER/NAME: WHAT" */
static void assert_message(const struct fixture *fixture, const char *name, const char *what)
{
    char expected[300];

    snprintf(expected, sizeof expected, "%s/%s: %s", fixture->folder, name, what);
    assert_string_equal(fixture->msg.text, expected);
}

static void read_bytes(struct fixture *fixture, const char *name, struct buffer *out)
{
    char *path = fixture_path(fixture, name);

    buffer_init(out, 1 << 24);
    OK(file_read(path, out, &fixture->msg));
    free(path);
}

static void flip(const struct fixture *fixture, const char *name, uint64_t offset, unsigned bit)
{
    char *path = fixture_path(fixture, name);
    FILE *file = fopen(path, "r+b");
    int byte;

    assert_non_null(file);
    assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
    byte = fgetc(file);
    assert_true(byte != EOF);
    assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
    assert_true(fputc(byte ^ 1 << bit, file) != EOF);
    assert_int_equal(fclose(file), 0);
    free(path);
}

static void remove_file(const struct fixture *fixture, const char *name)
{
    char *path = fixture_path(fixture, name);

    assert_int_equal(unlink(path), 0);
    free(path);
}

static void a_whole_release_passes(void **state)
{
    struct fixture *fixture = *state;

    make_release(fixture);
    OK(open_release(fixture, true));
    OK(open_release(fixture, false));
}

static void a_flipped_bit_anywhere_names_file_and_page(void **state)
{
    static const char *const names[] = {"notes/0001.db", "sheets/up.listing.db",
                                        "sheets/down.listing.db", "cards/up.listing.db"};
    struct fixture *fixture = *state;
    uint64_t random = 1;

    make_release(fixture);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct buffer bytes;

        read_bytes(fixture, names[i], &bytes);
        assert_true(bytes.len >= 3 * FORMAT_PAGE_SIZE);
        for (uint64_t page = 0; page < bytes.len / FORMAT_PAGE_SIZE; page++) {
            const uint64_t within[] = {0, FORMAT_PAGE_SIZE - 1,
                                       random_next(&random) % FORMAT_PAGE_SIZE};

            for (unsigned k = 0; k < 3; k++) {
                uint64_t offset = page * FORMAT_PAGE_SIZE + within[k];
                unsigned bit = (unsigned)(random_next(&random) % 8);
                char what[64];

                flip(fixture, names[i], offset, bit);
                assert_int_equal(open_release(fixture, true), ERR_CORRUPT);
                snprintf(what, sizeof what, "page %llu: hash differs",
                         (unsigned long long)page + 1);
                assert_message(fixture, names[i], what);
                flip(fixture, names[i], offset, bit);
            }
        }
        buffer_free(&bytes);
    }
    OK(open_release(fixture, true));
}

static void a_flipped_bit_in_what_has_no_pages_names_the_file(void **state)
{
    static const char *const names[] = {"definition.yaml", "pages.xxh3"};
    struct fixture *fixture = *state;

    make_release(fixture);
    for (unsigned i = 0; i < 2; i++) {
        flip(fixture, names[i], 17, 3);
        assert_int_equal(open_release(fixture, true), ERR_CORRUPT);
        assert_message(fixture, names[i], "the hash of the file differs from the manifest");
        flip(fixture, names[i], 17, 3);
    }
}

static void a_damaged_definition_is_noticed_without_verification(void **state)
{
    struct fixture *fixture = *state;

    make_release(fixture);
    flip(fixture, "definition.yaml", 3, 0);
    assert_int_equal(open_release(fixture, false), ERR_CORRUPT);
    assert_message(fixture, "definition.yaml", "the hash of the file differs from the manifest");
}

static void a_truncated_or_longer_file_is_noticed_without_verification(void **state)
{
    static const char *const names[] = {"notes/0001.db", "sheets/up.listing.db", "definition.yaml",
                                        "pages.xxh3"};
    struct fixture *fixture = *state;

    make_release(fixture);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = fixture_path(fixture, names[i]);
        struct buffer bytes;

        read_bytes(fixture, names[i], &bytes);
        for (int by = -1; by <= 1; by += 2) {
            char what[80];

            assert_int_equal(truncate(path, (off_t)bytes.len + by), 0);
            snprintf(what, sizeof what, "%zu bytes, the manifest says %zu", bytes.len + by,
                     bytes.len);
            assert_int_equal(open_release(fixture, false), ERR_CORRUPT);
            assert_message(fixture, names[i], what);
            assert_int_equal(open_release(fixture, true), ERR_CORRUPT);
            assert_message(fixture, names[i], what);
        }
        fixture_write(fixture, names[i], buffer_slice(&bytes));
        buffer_free(&bytes);
        free(path);
    }
    OK(open_release(fixture, true));
}

/* What changes between the check of sizes and the reading. */
static void a_file_that_shrinks_or_grows_meanwhile_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    char *path = fixture_path(fixture, "notes/0001.db");
    struct manifest manifest = {.files = fixture->files};
    struct buffer bytes;

    make_release(fixture);
    manifest.file_count = fixture->file_count;
    OK(verify_pages(fixture->folder, &manifest, &fixture->msg));
    read_bytes(fixture, "notes/0001.db", &bytes);
    assert_int_equal(truncate(path, (off_t)bytes.len + FORMAT_PAGE_SIZE), 0);
    assert_int_equal(verify_pages(fixture->folder, &manifest, &fixture->msg), ERR_CORRUPT);
    assert_message(fixture, "notes/0001.db", "the hash of the file differs from the manifest");
    assert_int_equal(truncate(path, FORMAT_PAGE_SIZE), 0);
    assert_int_equal(verify_pages(fixture->folder, &manifest, &fixture->msg), ERR_CORRUPT);
    assert_message(fixture, "notes/0001.db", "page 2: hash differs");
    buffer_free(&bytes);
    free(path);
}

static void a_missing_file_is_named(void **state)
{
    static const char *const names[] = {"notes/0001.db", "cards/up.listing.db", "definition.yaml",
                                        "pages.xxh3"};
    struct fixture *fixture = *state;

    make_release(fixture);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = fixture_path(fixture, names[i]);
        struct buffer bytes;

        read_bytes(fixture, names[i], &bytes);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(open_release(fixture, false), ERR_CORRUPT);
        assert_message(fixture, names[i], "the file is missing");
        fixture_write(fixture, names[i], buffer_slice(&bytes));
        buffer_free(&bytes);
        free(path);
    }
}

static void page_hashes_that_end_too_early_are_refused(void **state)
{
    static const uint64_t first_pages[] = {1000, UINT32_MAX, INT64_MAX};
    struct fixture *fixture = *state;

    make_release(fixture);
    for (unsigned i = 0; i < 3; i++) {
        fixture->files[0].first_page = first_pages[i];
        fixture_write_manifest(fixture);
        assert_int_equal(open_release(fixture, true), ERR_CORRUPT);
        assert_message(fixture, "notes/0001.db", "pages.xxh3 is too short for it");
    }
}

static void a_manifest_without_page_hashes_or_definition_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char expected[160];

    make_release(fixture);
    fixture->file_count--; /* pages.xxh3 */
    remove_file(fixture, "pages.xxh3");
    fixture_write_manifest(fixture);
    assert_int_equal(open_release(fixture, true), ERR_CORRUPT);
    snprintf(expected, sizeof expected, "%s: the manifest lists no page hashes", fixture->folder);
    assert_string_equal(fixture->msg.text, expected);
    fixture->file_count--; /* definition.yaml */
    fixture_write_manifest(fixture);
    assert_int_equal(open_release(fixture, false), ERR_CORRUPT);
    snprintf(expected, sizeof expected, "%s: the manifest lists no definition", fixture->folder);
    assert_string_equal(fixture->msg.text, expected);
}

static void a_folder_without_a_manifest_is_no_release(void **state)
{
    struct fixture *fixture = *state;
    char expected[160];

    assert_int_equal(open_release(fixture, true), ERR_NOT_FOUND);
    snprintf(expected, sizeof expected, "%s: no release here (no manifest.json)", fixture->folder);
    assert_string_equal(fixture->msg.text, expected);
}

/* ---- what the definition says of the files ---- */

static void partitions_that_do_not_fit_the_definition_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct manifest_file *first = &fixture->files[0];
    char expected[200];

    make_release(fixture);
    first->collection = slice_str("nobody");
    fixture_write_manifest(fixture);
    assert_int_equal(open_release(fixture, true), ERR_CORRUPT);
    snprintf(expected, sizeof expected,
             "%s: notes/0001.db is of collection nobody, which is not defined", fixture->folder);
    assert_string_equal(fixture->msg.text, expected);
    first->collection = slice_str("shelves");
    fixture_write_manifest(fixture);
    assert_int_equal(open_release(fixture, true), ERR_CORRUPT);
    snprintf(expected, sizeof expected, "%s: notes/0001.db has keys of another type",
             fixture->folder);
    assert_string_equal(fixture->msg.text, expected);
}

static void partitions_whose_keys_overlap_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char expected[200];

    for (unsigned i = 0; i < 2; i++) {
        const char *name = i == 0 ? "notes/0001.db" : "notes/0002.db";

        fixture_begin(fixture, name, STORE_PARTITION);
        fixture_group(fixture, integer_key(5), 1, 1, 10);
        fixture_end(fixture, name, integer_key(5), integer_key(5));
    }
    fixture_publish(fixture);
    assert_int_equal(open_release(fixture, true), ERR_CORRUPT);
    snprintf(expected, sizeof expected,
             "%s: notes/0002.db begins before the partition before it ends", fixture->folder);
    assert_string_equal(fixture->msg.text, expected);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(a_whole_release_passes),
        TEST(a_flipped_bit_anywhere_names_file_and_page),
        TEST(a_flipped_bit_in_what_has_no_pages_names_the_file),
        TEST(a_damaged_definition_is_noticed_without_verification),
        TEST(a_truncated_or_longer_file_is_noticed_without_verification),
        TEST(a_file_that_shrinks_or_grows_meanwhile_is_noticed),
        TEST(a_missing_file_is_named),
        TEST(page_hashes_that_end_too_early_are_refused),
        TEST(a_manifest_without_page_hashes_or_definition_is_refused),
        TEST(a_folder_without_a_manifest_is_no_release),
        TEST(partitions_that_do_not_fit_the_definition_are_refused),
        TEST(partitions_whose_keys_overlap_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
