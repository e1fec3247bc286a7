#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "replica/signing_key.h"
#include "tests/unit/replica/release_fixture.h"

/* A release, number 7 of the definition "fixture". */
static int setup(void **state)
{
    int rc = fixture_setup(state);

    if (rc == 0) {
        fixture_publish(*state);
    }
    return rc;
}

/* Opens the release in DIR; what was opened is closed. */
static enum err open_at(struct fixture *fixture, const char *dir, struct release_check check)
{
    struct release *release = NULL;
    enum err rc = release_open(dir, &check, &release, &fixture->msg);

    assert_int_equal(release != NULL, rc == ERR_NONE);
    release_drop(release);
    return rc;
}

static enum err open_with(struct fixture *fixture, struct release_check check)
{
    return open_at(fixture, fixture->folder, check);
}

/* "DIR/NAME: WHAT" or, without a NAME, "DIR: WHAT" */
static void assert_message(const struct fixture *fixture, const char *dir, const char *name,
                           const char *what)
{
    char expected[400];

    snprintf(expected, sizeof expected, "%s%s%s: %s", dir, name == NULL ? "" : "/",
             name == NULL ? "" : name, what);
    assert_string_equal(fixture->msg.text, expected);
}

/* ---- names ---- */

static void a_file_that_the_manifest_does_not_list_is_refused(void **state)
{
    static const char *const names[] = {"notes.db", "sheets/up.listing.db-wal", ".hidden",
                                        "cards/manifest.json"};
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = fixture_path(fixture, names[i]);

        fixture_write(fixture, names[i], slice_str(""));
        assert_int_equal(open_with(fixture, (struct release_check){.verify = true}), ERR_CORRUPT);
        assert_message(fixture, fixture->folder, names[i], "the manifest does not list this file");
        OK(open_with(fixture, (struct release_check){.verify = false}));
        assert_int_equal(unlink(path), 0);
        free(path);
    }
    OK(open_with(fixture, (struct release_check){.verify = true}));
}

/* An empty collection leaves one. */
static void a_folder_is_refused_for_the_files_in_it(void **state)
{
    static const char *const names[] = {"more", "sheets/more", "sheet"};
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *folder = fixture_path(fixture, names[i]);
        char *path = path_join(folder, "0001.db");

        OK(dir_make(folder, &fixture->msg));
        OK(open_with(fixture, (struct release_check){.verify = true}));
        OK(file_write(path, slice_str(""), &fixture->msg));
        assert_int_equal(open_with(fixture, (struct release_check){.verify = true}), ERR_CORRUPT);
        assert_message(fixture, folder, "0001.db", "the manifest does not list this file");
        OK(dir_remove(folder, &fixture->msg));
        free(path);
        free(folder);
    }
}

/* What a link leads to could change after it was verified. */
static void a_link_in_place_of_a_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char *path = fixture_path(fixture, "cards/up.listing.db");
    char target[128];

    snprintf(target, sizeof target, "%s.away", fixture->folder);
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(open_with(fixture, (struct release_check){.verify = true}), ERR_CORRUPT);
    assert_message(fixture, fixture->folder, "cards/up.listing.db", "this is not a regular file");
    assert_int_equal(unlink(target), 0);
    free(path);
}

/* ---- trust ---- */

static void a_release_is_opened_with_the_keys_that_are_given_and_those_of_its_root(void **state)
{
    static const uint8_t seed[32] = {1};
    struct fixture *fixture = *state;
    char root[sizeof fixture->folder + 8];
    char *trusted;
    char line[KEY_LINE_MAX];
    struct trust trust = {.count = 0};
    struct signing_key *key;
    struct signature signature;
    struct key_id id;
    struct buffer text;
    char *path = fixture_path(fixture, "manifest.json");

    snprintf(root, sizeof root, "%s.root", fixture->folder);
    trusted = path_join(root, "trusted.pub");
    OK(dir_make(root, &fixture->msg));
    OK(signing_key_from_seed(seed, &key, &fixture->msg));
    id = key_id_of(signing_key_public(key));
    key_line_write(PUBLIC_KEY_WORD, signing_key_public(key)->bytes, PUBLIC_KEY_SIZE, &id, line);
    OK(trust_add(&trust, signing_key_public(key), &fixture->msg));

    assert_int_equal(open_with(fixture, (struct release_check){.trust = &trust}), ERR_REFUSED);
    OK(open_with(fixture, (struct release_check){.root = root}));
    OK(file_write(trusted, slice_str(line), &fixture->msg));
    assert_int_equal(open_with(fixture, (struct release_check){.root = root}), ERR_REFUSED);

    buffer_init(&text, MANIFEST_SIZE_MAX);
    OK(file_read(path, &text, &fixture->msg));
    signing_key_sign(key, buffer_slice(&text), &signature);
    OK(signature_write(fixture->folder, &signature, &fixture->msg));
    OK(open_with(fixture, (struct release_check){.trust = &trust, .verify = true}));
    OK(open_with(fixture, (struct release_check){.root = root, .verify = true}));

    OK(dir_remove(root, &fixture->msg));
    signing_key_free(key);
    buffer_free(&text);
    free(trusted);
    free(path);
}

/* The signature covers every byte: also an edit whose checksum was made right again. */
static void an_edited_manifest_with_a_right_checksum_is_refused(void **state)
{
    static const uint8_t seed[32] = {1};
    struct fixture *fixture = *state;
    struct trust trust = {.count = 0};
    struct signing_key *key;
    struct signature signature;
    struct buffer text;
    char *path = fixture_path(fixture, "manifest.json");

    OK(signing_key_from_seed(seed, &key, &fixture->msg));
    OK(trust_add(&trust, signing_key_public(key), &fixture->msg));
    buffer_init(&text, MANIFEST_SIZE_MAX);
    OK(file_read(path, &text, &fixture->msg));
    signing_key_sign(key, buffer_slice(&text), &signature);
    OK(signature_write(fixture->folder, &signature, &fixture->msg));
    fixture->files[0].row_count++;
    fixture_write_manifest(fixture);
    OK(open_with(fixture, (struct release_check){.verify = true}));
    assert_int_equal(open_with(fixture, (struct release_check){.trust = &trust}), ERR_REFUSED);
    assert_non_null(strstr(fixture->msg.text, "does not fit manifest.json"));
    signing_key_free(key);
    buffer_free(&text);
    free(path);
}

/* ---- which release it is ---- */

static void a_folder_named_as_a_release_holds_that_release(void **state)
{
    struct fixture *fixture = *state;
    char right[128];
    char wrong[128];

    snprintf(right, sizeof right, "%s.d/000007", fixture->folder);
    snprintf(wrong, sizeof wrong, "%s.d/000008", fixture->folder);
    OK(dir_make(right, &fixture->msg));
    assert_int_equal(rmdir(right), 0);
    assert_int_equal(rename(fixture->folder, right), 0);
    OK(open_at(fixture, right, (struct release_check){.verify = true}));
    assert_int_equal(rename(right, wrong), 0);
    assert_int_equal(open_at(fixture, wrong, (struct release_check){.verify = true}), ERR_CORRUPT);
    assert_message(fixture, wrong, "manifest.json",
                   "this is the manifest of release 000007; fetch or build 000008 again");
    assert_int_equal(rename(wrong, fixture->folder), 0);
    *strrchr(right, '/') = '\0';
    assert_int_equal(rmdir(right), 0);
}

static void a_release_of_another_definition_is_refused(void **state)
{
    struct fixture *fixture = *state;

    OK(open_with(fixture, (struct release_check){.definition_name = "fixture"}));
    assert_int_equal(open_with(fixture, (struct release_check){.definition_name = "fix"}),
                     ERR_REFUSED);
    assert_message(fixture, fixture->folder, NULL,
                   "the release is of the definition \"fixture\", what is served here of \"fix\"; "
                   "`vitrine activate --allow-foreign` takes it all the same");
}

/* What a transfer does first: nothing but the manifest is there yet. */
static void the_manifest_is_checked_before_any_file_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct release_check check = {.verify = true};
    struct manifest *manifest = NULL;
    char *path = fixture_path(fixture, "definition.yaml");

    assert_int_equal(unlink(path), 0);
    OK(release_read_manifest(fixture->folder, &check, &manifest, &fixture->msg));
    assert_int_equal(manifest->number, 7);
    manifest_free(manifest);
    manifest = NULL;
    check.definition_name = "other";
    assert_int_equal(release_read_manifest(fixture->folder, &check, &manifest, &fixture->msg),
                     ERR_REFUSED);
    assert_null(manifest);
    free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(a_file_that_the_manifest_does_not_list_is_refused),
        TEST(a_folder_is_refused_for_the_files_in_it),
        TEST(a_link_in_place_of_a_file_is_refused),
        TEST(a_release_is_opened_with_the_keys_that_are_given_and_those_of_its_root),
        TEST(an_edited_manifest_with_a_right_checksum_is_refused),
        TEST(a_folder_named_as_a_release_holds_that_release),
        TEST(a_release_of_another_definition_is_refused),
        TEST(the_manifest_is_checked_before_any_file_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
