#include "builder/checks.h"

#include "builder/build.h"
#include "replica/release.h"
#include "replica/format.h"
#include "replica/root.h"
#include "shelf.h"

/* A definition with two collections over one table, and a root. */
struct place {
    char *definition;
    char *root;
    struct buffer failures;
    struct build_options options;
};

static void define(struct shelf *shelf, const struct place *place, const char *checks)
{
    struct buffer text;

    buffer_init(&text, 4096);
    buffer_printf(&text,
                  "name: shelf\n%scollections:\n"
                  "  x: {key: k, rows: \"SELECT k, v FROM t\", fields: {v: integer}}\n"
                  "  y:\n    key: b\n    rows: SELECT b, v FROM t\n    fields: {v: integer}\n"
                  "    orders: {up: [v]}\n"
                  "routes:\n  - {get: /x, from: x, key: {query: k}}\n",
                  checks);
    OK(file_write(place->definition, buffer_slice(&text), &shelf->msg));
    buffer_free(&text);
}

static void run_sql(const struct shelf *shelf, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(shelf->database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* The table has COUNT rows with as many keys in x, and half as many in y. */
static void fill(const struct shelf *shelf, unsigned count)
{
    char sql[256];

    snprintf(sql, sizeof sql,
             "DROP TABLE IF EXISTS t; CREATE TABLE t(k, b, v); WITH RECURSIVE n(i) AS (VALUES(0) "
             "UNION ALL SELECT i + 1 FROM n) INSERT INTO t SELECT i, i / 2, i FROM n LIMIT %u",
             count);
    run_sql(shelf, sql);
}

static struct place place_of(struct shelf *shelf, const char *checks)
{
    struct place place = {.definition = path_join(shelf->folder, "definition.yaml"),
                          .root = path_join(shelf->folder, "root")};

    buffer_init(&place.failures, CHECK_FAILURES_MAX);
    place.options = (struct build_options){.definition = place.definition,
                                           .source = shelf->url,
                                           .root = place.root,
                                           .keep = 9,
                                           .jobs = 1,
                                           .partition_rows = PARTITION_ROWS_MAX};
    define(shelf, &place, checks);
    return place;
}

static void place_free(struct place *place)
{
    free(place->definition);
    free(place->root);
    buffer_free(&place->failures);
}

static enum err build(struct shelf *shelf, struct place *place)
{
    struct build_result result;

    buffer_clear(&place->failures);
    place->options.failures = &place->failures;
    return build_release(&place->options, false, &result, &shelf->msg);
}

static unsigned release_count(struct shelf *shelf, const struct place *place)
{
    uint64_t *numbers = NULL;
    unsigned count = 0;

    OK(root_releases(place->root, &numbers, &count, &shelf->msg));
    free(numbers);
    return count;
}

/* The build is refused with these FAILURES and this ADVICE, and the root stays as it was. */
static void assert_refused(struct shelf *shelf, struct place *place, const char *failures,
                           const char *advice)
{
    unsigned before = release_count(shelf, place);
    char *staging = path_join(place->root, "releases/.building");

    assert_int_equal(build(shelf, place), ERR_REFUSED);
    assert_string_equal(buffer_str(&place->failures), failures);
    if (strstr(shelf->msg.text, advice) == NULL) {
        fail_msg("%s", shelf->msg.text);
    }
    assert_int_equal(release_count(shelf, place), before);
    assert_false(file_exists(staging));
    free(staging);
}

static void a_collection_that_lost_too_much_is_refused_until_that_is_accepted(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf, "");

    fill(shelf, 1000);
    OK(build(shelf, &place));
    fill(shelf, 799);
    assert_refused(shelf, &place,
                   "collection x has 799 keys, 20.1 % fewer than the 1,000 of release 000001; "
                   "checks.shrink allows 20 %\n"
                   "collection y has 799 rows, 20.1 % fewer than the 1,000 of release 000001; "
                   "checks.shrink allows 20 %\n",
                   "2 checks of the definition failed, so release 000002 is not published; mend "
                   "the source or the definition, or build with --accept shrink to publish it");
    place.options.accepted = 1U << CHECK_GROWTH | 1U << CHECK_EMPTY | 1U << CHECK_REQUESTS;
    assert_int_equal(build(shelf, &place), ERR_REFUSED);
    place.options.accepted = 1U << CHECK_SHRINK;
    OK(build(shelf, &place));
    assert_int_equal(release_count(shelf, &place), 2);
    place_free(&place);
}

static void a_change_within_the_limits_is_published(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf, "");

    fill(shelf, 1000);
    OK(build(shelf, &place));
    fill(shelf, 800);
    OK(build(shelf, &place));
    fill(shelf, 4000);
    OK(build(shelf, &place));
    assert_int_equal(release_count(shelf, &place), 3);
    place_free(&place);
}

static void a_collection_that_grew_too_much_is_refused(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf, "checks: {growth: 50%}\n");

    fill(shelf, 200);
    OK(build(shelf, &place));
    fill(shelf, 400);
    assert_refused(shelf, &place,
                   "collection x has 400 keys, 100.0 % more than the 200 of release 000001; "
                   "checks.growth allows 50 %\n"
                   "collection y has 200 keys, 100.0 % more than the 100 of release 000001; "
                   "checks.growth allows 50 %\n"
                   "collection y has 400 rows, 100.0 % more than the 200 of release 000001; "
                   "checks.growth allows 50 %\n",
                   "build with --accept growth to");
    define(shelf, &place, "checks: {growth: any}\n");
    OK(build(shelf, &place));
    place_free(&place);
}

static void counts_below_small_are_not_compared(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf, "");

    fill(shelf, 99);
    OK(build(shelf, &place));
    fill(shelf, 1);
    OK(build(shelf, &place));
    define(shelf, &place, "checks: {small: 0}\n");
    fill(shelf, 100);
    assert_refused(shelf, &place,
                   "collection x has 100 keys, 9900.0 % more than the 1 of release 000002; "
                   "checks.growth allows 400 %\n"
                   "collection y has 50 keys, 4900.0 % more than the 1 of release 000002; "
                   "checks.growth allows 400 %\n"
                   "collection y has 100 rows, 9900.0 % more than the 1 of release 000002; "
                   "checks.growth allows 400 %\n",
                   "3 checks of the definition failed");
    place_free(&place);
}

static void an_empty_collection_is_refused_once_and_by_its_own_name(void **state)
{
    static const char refused[] =
        "collection x has no keys, which is rarely meant; import its tables first, or write "
        "`checks: {empty: accept}` in it\n"
        "collection y has no keys, which is rarely meant; import its tables first, or write "
        "`checks: {empty: accept}` in it\n";
    struct shelf *shelf = *state;
    struct place place = place_of(shelf, "");

    fill(shelf, 0);
    assert_refused(shelf, &place, refused, "build with --accept empty to");
    fill(shelf, 1000);
    OK(build(shelf, &place));
    fill(shelf, 0);
    assert_refused(shelf, &place, refused, "build with --accept empty to");
    place.options.accepted = 1U << CHECK_EMPTY;
    OK(build(shelf, &place));
    place_free(&place);
}

static void a_collection_that_may_be_empty_may_still_not_lose_everything(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf, "checks: {empty: accept}\n");

    fill(shelf, 0);
    OK(build(shelf, &place));
    fill(shelf, 500);
    OK(build(shelf, &place));
    fill(shelf, 0);
    assert_refused(shelf, &place,
                   "collection x has 0 keys, 100.0 % fewer than the 500 of release 000002; "
                   "checks.shrink allows 20 %\n"
                   "collection y has 0 keys, 100.0 % fewer than the 250 of release 000002; "
                   "checks.shrink allows 20 %\n"
                   "collection y has 0 rows, 100.0 % fewer than the 500 of release 000002; "
                   "checks.shrink allows 20 %\n",
                   "build with --accept shrink to");
    place_free(&place);
}

static void a_release_of_another_definition_is_nothing_to_compare_with(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf, "");

    fill(shelf, 1000);
    OK(build(shelf, &place));
    fill(shelf, 10);
    OK(file_write(place.definition,
                  slice_str("name: other\ncollections: {x: {key: k, rows: \"SELECT k, v FROM t\", "
                            "fields: {v: integer}}}\n"),
                  &shelf->msg));
    OK(build(shelf, &place));
    place_free(&place);
}

static enum err complain_twice(const char *dir, struct buffer *failures, struct errmsg *msg)
{
    char *manifest = path_join(dir, "manifest.json");

    (void)msg;
    assert_true(file_exists(manifest)); /* the release is complete */
    buffer_append_str(failures, "request /a\nrequest /b\n");
    free(manifest);
    return ERR_NONE;
}

static enum err read_nothing(const char *dir, struct buffer *failures, struct errmsg *msg)
{
    (void)dir;
    (void)failures;
    return err_set(msg, ERR_CORRUPT, "nothing can be read");
}

static void failing_requests_are_told_after_the_counts_and_all_are_counted(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf, "checks: {requests: [{get: /a}, {get: /b}]}\n");

    fill(shelf, 200);
    OK(build(shelf, &place));
    fill(shelf, 100);
    place.options.rehearse = complain_twice;
    assert_refused(shelf, &place,
                   "collection x has 100 keys, 50.0 % fewer than the 200 of release 000001; "
                   "checks.shrink allows 20 %\n"
                   "collection y has 50 keys, 50.0 % fewer than the 100 of release 000001; "
                   "checks.shrink allows 20 %\n"
                   "collection y has 100 rows, 50.0 % fewer than the 200 of release 000001; "
                   "checks.shrink allows 20 %\n"
                   "request /a\nrequest /b\n",
                   "5 checks of the definition failed, so release 000002 is not published; mend "
                   "the source or the definition, or build with --accept shrink,requests to");
    place.options.accepted = 1U << CHECK_SHRINK | 1U << CHECK_REQUESTS;
    OK(build(shelf, &place));
    place_free(&place);
}

static void a_rehearsal_that_cannot_read_the_release_fails_the_build(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf, "checks: {requests: [{get: /a}]}\n");

    fill(shelf, 2);
    place.options.rehearse = read_nothing;
    assert_int_equal(build(shelf, &place), ERR_CORRUPT);
    assert_string_equal(shelf->msg.text, "nothing can be read");
    assert_int_equal(release_count(shelf, &place), 0);
    place_free(&place);
}

static void a_last_release_that_cannot_be_read_stops_nothing(void **state)
{
    struct shelf *shelf = *state;
    struct place place = place_of(shelf, "");
    char *manifest = path_join(place.root, "current/manifest.json");

    fill(shelf, 1000);
    OK(build(shelf, &place));
    OK(file_write(manifest, slice_str("{}"), &shelf->msg));
    fill(shelf, 10);
    OK(build(shelf, &place));
    free(manifest);
    place_free(&place);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shelf_setup, shelf_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_collection_that_lost_too_much_is_refused_until_that_is_accepted),
        TEST(a_change_within_the_limits_is_published),
        TEST(a_collection_that_grew_too_much_is_refused),
        TEST(counts_below_small_are_not_compared),
        TEST(an_empty_collection_is_refused_once_and_by_its_own_name),
        TEST(a_collection_that_may_be_empty_may_still_not_lose_everything),
        TEST(a_release_of_another_definition_is_nothing_to_compare_with),
        TEST(failing_requests_are_told_after_the_counts_and_all_are_counted),
        TEST(a_rehearsal_that_cannot_read_the_release_fails_the_build),
        TEST(a_last_release_that_cannot_be_read_stops_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
