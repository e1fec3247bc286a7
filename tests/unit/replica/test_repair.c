#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <cmocka.h>

#include "tests/unit/replica/repair_fixture.h"

static void assert_refused(struct repair_place *place, enum err expected, const char *reason)
{
    struct fixture *fixture = place->fixture;
    char text[300];

    assert_int_equal(repair_place_run(place, &fixture->msg), expected);
    snprintf(text, sizeof text, "repair %s/" DAMAGED_FILE ": %s", place->dir, reason);
    assert_string_equal(fixture->msg.text, text);
    assert_false(file_is_good(place));
    assert_false(repair_place_has_rest(place));
}

static void a_damaged_file_becomes_the_good_one(void **state)
{
    struct fixture *fixture = *state;
    struct repair_place place;

    repair_place_make(&place, fixture);
    assert_false(file_is_good(&place));
    OK(repair_place_run(&place, &fixture->msg));
    assert_true(file_is_good(&place));
    assert_false(repair_place_has_rest(&place));
    repair_place_free(&place);
}

static void whoever_has_the_damaged_file_open_keeps_it(void **state)
{
    struct fixture *fixture = *state;
    struct repair_place place;
    char *path;
    struct stat before;
    struct stat after;
    int fd;

    repair_place_make(&place, fixture);
    path = damaged_path(&place, false);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(fd, &before), 0);
    OK(repair_place_run(&place, &fixture->msg));
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(after.st_nlink, 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(stat(path, &after), 0);
    assert_int_not_equal(after.st_ino, before.st_ino);
    close(fd);
    free(path);
    repair_place_free(&place);
}

static void a_copy_that_is_damaged_too_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct repair_place place;
    char reason[200];
    char *path;

    repair_place_make(&place, fixture);
    path = damaged_path(&place, true);
    flip_byte(path, 100);
    snprintf(reason, sizeof reason, "no release of %s has a good copy of it", place.root);
    assert_refused(&place, ERR_NOT_FOUND, reason);
    free(path);
    repair_place_free(&place);
}

/* A source that gives something else, as a transfer that goes wrong does. */
static enum err fetch_other(void *context, const struct manifest *manifest,
                            const struct manifest_file *file, const char *path, struct errmsg *msg)
{
    (void)manifest;
    (void)file;
    return file_write(path, slice_str(context), msg);
}

static void what_is_not_as_the_manifest_says_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct repair_source source = {
        .fetch = fetch_other, .context = "something else", .name = "a peer"};
    struct repair_place place;

    repair_place_make(&place, fixture);
    assert_int_equal(
        repair_file(place.dir, fixture->release->manifest, place.file, &source, &fixture->msg),
        ERR_CORRUPT);
    assert_non_null(
        strstr(fixture->msg.text, ": what came from a peer: 14 bytes, the manifest says "));
    assert_false(file_is_good(&place));
    assert_false(repair_place_has_rest(&place));
    repair_place_free(&place);
}

static void what_a_killed_repair_left_is_removed(void **state)
{
    struct fixture *fixture = *state;
    struct repair_place place;
    char *rest;

    repair_place_make(&place, fixture);
    rest = path_join(place.dir, "../.repair-%s/.partial", strrchr(place.dir, '/') + 1);
    OK(dir_make(rest, &fixture->msg));
    OK(repair_place_run(&place, &fixture->msg));
    assert_true(file_is_good(&place));
    assert_false(repair_place_has_rest(&place));
    free(rest);
    repair_place_free(&place);
}

static void what_is_left_is_removed_unless_a_repair_is_at_work(void **state)
{
    static const struct {
        bool is_locked;
        bool is_gone;
        bool stays;
    } cases[] = {{false, false, false}, {true, false, true}, {false, true, false}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *dir = path_join(fixture->folder, "000007");
        char *rest = path_join(fixture->folder, ".repair-000007/arriving");
        int fd;

        OK(dir_make(dir, &fixture->msg));
        OK(dir_make(rest, &fixture->msg));
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(flock(fd, cases[i].is_locked ? LOCK_EX : LOCK_UN), 0);
        if (cases[i].is_gone) {
            OK(dir_remove(dir, &fixture->msg));
        }
        OK(repair_remove_rest(dir, &fixture->msg));
        assert_int_equal(file_exists(rest), cases[i].stays);
        close(fd);
        free(rest);
        free(dir);
    }
}

static void two_repairs_of_a_release_do_not_meet(void **state)
{
    struct fixture *fixture = *state;
    struct repair_place place;
    char reason[200];
    int fd;

    repair_place_make(&place, fixture);
    fd = open(place.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    snprintf(reason, sizeof reason, "%s: another process repairs this release", place.dir);
    assert_refused(&place, ERR_SYSTEM, reason);
    close(fd);
    OK(repair_place_run(&place, &fixture->msg));
    assert_true(file_is_good(&place));
    repair_place_free(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_damaged_file_becomes_the_good_one, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(whoever_has_the_damaged_file_open_keeps_it, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_copy_that_is_damaged_too_is_passed_over, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_as_the_manifest_says_is_not_taken,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_a_killed_repair_left_is_removed, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_left_is_removed_unless_a_repair_is_at_work,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(two_repairs_of_a_release_do_not_meet, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
