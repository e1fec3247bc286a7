#include "builder/build.h"
#include "replica/format.h"

#include <sys/file.h>
#include <unistd.h>
#include <fcntl.h>

#include "replica/release.h"
#include "replica/root.h"
#include "shelf.h"

static const char definition_text[] = "name: shelf\n"
                                      "collections:\n"
                                      "  x:\n"
                                      "    key: k\n"
                                      "    rows: SELECT k, v FROM t\n"
                                      "    fields: {v: integer}\n"
                                      "routes:\n"
                                      "  - get: /x\n"
                                      "    from: x\n"
                                      "    key: {query: k}\n"
                                      "    answer: $row\n";

struct place {
    char *definition;
    char *root;
    struct build_options options;
};

static struct place place_of(struct shelf *shelf)
{
    struct place place = {.definition = path_join(shelf->folder, "definition.yaml"),
                          .root = path_join(shelf->folder, "root")};

    place.options = (struct build_options){.definition = place.definition,
                                           .source = shelf->url,
                                           .root = place.root,
                                           .keep = 2,
                                           .jobs = 1,
                                           .partition_rows = PARTITION_ROWS_MAX};
    OK(file_write(place.definition, slice_str(definition_text), &shelf->msg));
    return place;
}

static void place_free(struct place *place)
{
    free(place->definition);
    free(place->root);
}

static void assert_releases(struct shelf *shelf, const struct place *place, uint64_t oldest,
                            unsigned expected_count)
{
    uint64_t *numbers = NULL;
    unsigned count = 0;

    OK(root_releases(place->root, &numbers, &count, &shelf->msg));
    assert_int_equal(count, expected_count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(numbers[i], oldest + i);
    }
    free(numbers);
}

static void a_build_counts_rows_and_an_unchanged_source_is_up_to_date(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf);
    struct build_result result;

    shelf_fill(shelf, "CREATE TABLE t(k, v); INSERT INTO t VALUES(1, 10), (2, 20)");
    OK(build_release(&place.options, false, &result, &shelf->msg));
    assert_false(result.is_current);
    assert_int_equal(result.number, 1);
    assert_int_equal(result.row_count, 2);
    OK(build_release(&place.options, false, &result, &shelf->msg));
    assert_true(result.is_current);
    assert_int_equal(result.number, 1);
    assert_releases(shelf, &place, 1, 1);
    place_free(&place);
}

static void force_builds_again_and_keep_bounds_the_releases(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf);
    struct build_result result;

    shelf_fill(shelf, "CREATE TABLE t(k, v); INSERT INTO t VALUES(1, 10)");
    place.options.force = true;
    for (uint64_t number = 1; number <= 4; number++) {
        OK(build_release(&place.options, false, &result, &shelf->msg));
        assert_int_equal(result.number, number);
    }
    assert_releases(shelf, &place, 3, 2);
    place_free(&place);
}

static void an_empty_collection_is_refused_unless_it_is_allowed(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf);
    struct build_result result;

    shelf_fill(shelf, "CREATE TABLE t(k, v)");
    assert_int_equal(build_release(&place.options, false, &result, &shelf->msg), ERR_REFUSED);
    assert_string_equal(shelf->msg.text,
                        "1 check of the definition failed, so release 000001 is not published; "
                        "mend the source or the definition, or build with --accept empty to "
                        "publish it all the same");
    assert_releases(shelf, &place, 0, 0);
    place.options.accepted = 1U << CHECK_EMPTY;
    OK(build_release(&place.options, false, &result, &shelf->msg));
    assert_releases(shelf, &place, 1, 1);
    place_free(&place);
}

static void a_root_that_another_build_holds_is_refused(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf);
    struct build_result result;
    char *path = path_join(place.root, ".build-lock");
    char expected[256];
    int fd;

    shelf_fill(shelf, "CREATE TABLE t(k, v); INSERT INTO t VALUES(1, 10)");
    OK(dir_make(place.root, &shelf->msg));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(flock(fd, LOCK_SH), 0); /* a build wants it for itself alone */
    snprintf(expected, sizeof expected, "another build or pull is at work in %s", place.root);
    assert_int_equal(build_release(&place.options, false, &result, &shelf->msg), ERR_SYSTEM);
    assert_string_equal(shelf->msg.text, expected);
    close(fd);
    OK(build_release(&place.options, false, &result, &shelf->msg));
    free(path);
    place_free(&place);
}

static void a_leftover_of_a_killed_build_is_removed(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf);
    struct build_result result;
    char *staging = path_join(place.root, "releases/.building");
    char *file = path_join(staging, "manifest.json");

    shelf_fill(shelf, "CREATE TABLE t(k, v); INSERT INTO t VALUES(1, 10)");
    OK(dir_make(staging, &shelf->msg));
    OK(file_write(file, slice_str("half"), &shelf->msg));
    OK(build_release(&place.options, false, &result, &shelf->msg));
    assert_false(file_exists(staging));
    free(file);
    free(staging);
    place_free(&place);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shelf_setup, shelf_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_build_counts_rows_and_an_unchanged_source_is_up_to_date),
        TEST(force_builds_again_and_keep_bounds_the_releases),
        TEST(an_empty_collection_is_refused_unless_it_is_allowed),
        TEST(a_root_that_another_build_holds_is_refused),
        TEST(a_leftover_of_a_killed_build_is_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
