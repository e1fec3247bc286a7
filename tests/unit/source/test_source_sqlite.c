#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "unit/source/fixture.h"

/* Another program's connection. */
static sqlite3 *other_open(const struct fixture *fixture)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    return db;
}

static void other_run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
}

static void make_database(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db = other_open(fixture);

    other_run(db, "PRAGMA journal_mode = WAL");
    other_run(db, sql);
    sqlite3_close(db);
}

static struct source *open_read(struct fixture *fixture)
{
    struct source *source;

    OK(source_open(fixture->url, SOURCE_READ, &source, &fixture->msg));
    return source;
}

static int64_t count_rows(struct fixture *fixture, struct source *source, const char *sql)
{
    struct source_rows *rows;
    const struct value *row;
    int64_t count;

    OK(source_query(source, sql, NULL, 0, 1, &rows, &fixture->msg));
    OK(source_rows_next(rows, &row, &fixture->msg));
    count = row[0].integer;
    source_rows_close(rows);
    return count;
}

static char *position(struct fixture *fixture, struct source *source)
{
    struct buffer out;
    char *text;

    buffer_init(&out, 1000);
    OK(source_position(source, &out, &fixture->msg));
    text = strdup(buffer_str(&out));
    buffer_free(&out);
    return text;
}

static void a_missing_database_is_not_made_by_reading(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = NULL;
    char wanted[200];

    assert_int_equal(source_open(fixture->url, SOURCE_READ, &source, &fixture->msg), ERR_SOURCE);
    snprintf(wanted, sizeof wanted,
             "%s: there is no such database; look at the path, or make one with `vitrine import`",
             fixture->path);
    assert_string_equal(fixture->msg.text, wanted);
    assert_false(file_exists(fixture->path));
}

static void slashes_of_a_relative_path_are_told_apart_from_a_missing_database(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = NULL;

    assert_int_equal(source_open("sqlite://shop.db", SOURCE_READ, &source, &fixture->msg),
                     ERR_SOURCE);
    assert_string_equal(fixture->msg.text,
                        "//shop.db: there is no such database; a path in this folder is written "
                        "as sqlite:FILE, without slashes");
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = NULL;

    OK(file_write(fixture->path, slice_str("id,name\n1,a\n, and so on, and so on"), &fixture->msg));
    assert_int_equal(source_open(fixture->url, SOURCE_READ, &source, &fixture->msg), ERR_SOURCE);
    assert_non_null(strstr(fixture->msg.text, "a.db: file is not a database (in: PRAGMA"));
    assert_int_equal(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg), ERR_SOURCE);
    assert_non_null(strstr(fixture->msg.text, "a.db: file is not a database (in: PRAGMA"));
}

static void names_that_mean_something_to_sqlite_are_files(void **state)
{
    static const char *const names[] = {":memory:", "file:x.db?mode=memory", "-"};
    struct fixture *fixture = *state;
    char before[1024];

    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(fixture->folder), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct source *source;
        char url[64];

        snprintf(url, sizeof url, "sqlite:%s", names[i]);
        OK(source_open(url, SOURCE_WRITE, &source, &fixture->msg));
        source_close(source);
        assert_true(file_exists(names[i]));
    }
    assert_int_equal(chdir(before), 0);
}

static void values_keep_their_types(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    struct source_rows *rows;
    const struct value *row;

    make_database(fixture, "CREATE TABLE t (x)");
    source = open_read(fixture);
    OK(source_query(source, "SELECT 5, 0.5, 'a' || char(0) || 'b', '', NULL", NULL, 0, 5, &rows,
                    &fixture->msg));
    OK(source_rows_next(rows, &row, &fixture->msg));
    assert_int_equal(row[0].type, VALUE_INTEGER);
    assert_int_equal(row[0].integer, 5);
    assert_int_equal(row[1].type, VALUE_REAL);
    assert_true(row[1].real == 0.5);
    assert_int_equal(row[2].type, VALUE_TEXT);
    assert_true(slice_equal(row[2].text, slice_of("a\0b", 3)));
    assert_int_equal(row[3].type, VALUE_TEXT);
    assert_int_equal(row[3].text.len, 0);
    assert_int_equal(row[4].type, VALUE_NULL);
    OK(source_rows_next(rows, &row, &fixture->msg));
    assert_null(row);
    source_rows_close(rows);
    source_close(source);
}

static void parameters_are_bound_by_number(void **state)
{
    struct value parameters[] = {integer_value(7), text_value("b"), {.type = VALUE_NULL}};
    static const char *const statements[] = {
        "SELECT ?2, ?1, ?3",
        "SELECT $2, $1, $3",
    };
    struct fixture *fixture = *state;
    struct source *source;

    make_database(fixture, "CREATE TABLE t (x)");
    source = open_read(fixture);
    for (size_t i = 0; i < 2; i++) {
        struct source_rows *rows;
        const struct value *row;

        OK(source_query(source, statements[i], parameters, 3, 3, &rows, &fixture->msg));
        OK(source_rows_next(rows, &row, &fixture->msg));
        assert_true(slice_is(row[0].text, "b"));
        assert_int_equal(row[1].integer, 7);
        assert_int_equal(row[2].type, VALUE_NULL);
        source_rows_close(rows);
    }
    source_close(source);
}

static void bad_statements_are_refused_with_their_text(void **state)
{
    static const struct {
        const char *sql;
        const char *message;
    } cases[] = {
        {"SELECT y FROM t", "a.db: no such column: y (in: SELECT y FROM t)"},
        {"SELEC", "a.db: near \"SELEC\": syntax error (in: SELEC)"},
        {"", "this is not one SELECT statement: "},
        {"SELECT 1; SELECT 2", "this is not one SELECT statement: SELECT 1; SELECT 2"},
        {"DELETE FROM t", "this is not one SELECT statement: DELETE FROM t"},
        {"SELECT 1, 2", "2 columns where 1 are expected (in: SELECT 1, 2)"},
        {"SELECT ?2", "there is no value for the parameter ?2 (in: SELECT ?2)"},
        {"SELECT :name", "the parameter :name is not numbered: ?1 (in: SELECT :name)"},
    };
    struct value parameter = integer_value(1);
    struct fixture *fixture = *state;
    struct source *source;

    make_database(fixture, "CREATE TABLE t (x)");
    source = open_read(fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source_rows *rows = NULL;

        assert_int_equal(source_query(source, cases[i].sql, &parameter, 1, 1, &rows, &fixture->msg),
                         ERR_SOURCE);
        assert_non_null(strstr(fixture->msg.text, cases[i].message));
        assert_null(rows);
    }
    source_close(source);
}

static void a_long_statement_is_shown_by_its_first_200_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    struct source_rows *rows;
    char sql[1000] = "SELECT nothing";
    const char *shown;

    memset(sql + 14, ' ', 900);
    make_database(fixture, "CREATE TABLE t (x)");
    source = open_read(fixture);
    assert_int_equal(source_query(source, sql, NULL, 0, 1, &rows, &fixture->msg), ERR_SOURCE);
    shown = strstr(fixture->msg.text, "(in: ");
    assert_int_equal(strlen(shown), 5 + 200 + 4);
    assert_string_equal(shown + 5 + 200, "...)");
    source_close(source);
}

static void a_blob_is_refused_by_the_name_of_its_column(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    struct source_rows *rows;
    const struct value *row;

    make_database(fixture, "CREATE TABLE t (x)");
    source = open_read(fixture);
    OK(source_query(source, "SELECT 1, x'00' AS cover", NULL, 0, 2, &rows, &fixture->msg));
    assert_int_equal(source_rows_next(rows, &row, &fixture->msg), ERR_SOURCE);
    assert_string_equal(fixture->msg.text, "column cover holds a BLOB, which is no value here "
                                           "(in: SELECT 1, x'00' AS cover)");
    source_rows_close(rows);
    source_close(source);
}

static void an_error_while_stepping_is_reported(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    struct source_rows *rows;
    const struct value *row;

    make_database(fixture, "CREATE TABLE t (x)");
    source = open_read(fixture);
    OK(source_query(source, "SELECT abs(-9223372036854775808)", NULL, 0, 1, &rows, &fixture->msg));
    assert_int_equal(source_rows_next(rows, &row, &fixture->msg), ERR_SOURCE);
    assert_non_null(strstr(fixture->msg.text, "a.db: integer overflow (in: SELECT abs("));
    source_rows_close(rows);
    source_close(source);
}

static void a_snapshot_does_not_see_later_commits(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    sqlite3 *other;

    make_database(fixture, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    source = open_read(fixture);
    other = other_open(fixture);
    OK(source_begin(&source, 1, &fixture->msg));
    other_run(other, "INSERT INTO t VALUES (2)"); /* before the first stream of the snapshot */
    assert_int_equal(count_rows(fixture, source, "SELECT count(*) FROM t"), 1);
    other_run(other, "INSERT INTO t VALUES (3)");
    assert_int_equal(count_rows(fixture, source, "SELECT count(*) FROM t"), 1);
    source_end(source);
    assert_int_equal(count_rows(fixture, source, "SELECT count(*) FROM t"), 3);
    sqlite3_close(other);
    source_close(source);
}

/* Nobody commits while the second one begins: the write lock is held by a third until both have. */
static void several_sources_share_a_snapshot(void **state)
{
    struct fixture *fixture = *state;
    struct source *sources[2];
    sqlite3 *other;

    make_database(fixture,
                  "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    sources[0] = open_read(fixture);
    sources[1] = open_read(fixture);
    other = other_open(fixture);
    OK(source_begin(sources, 2, &fixture->msg));
    other_run(other, "INSERT INTO t VALUES (2)"); /* the lock is gone again */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(count_rows(fixture, sources[i], "SELECT count(*) FROM t"), 1);
    }
    source_end(sources[1]);
    source_end(sources[0]);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(count_rows(fixture, sources[i], "SELECT count(*) FROM t"), 2);
        source_close(sources[i]);
    }
    sqlite3_close(other);
}

static void a_writer_in_the_way_of_a_shared_snapshot_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct source *sources[2];
    sqlite3 *other;

    make_database(fixture,
                  "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    sources[0] = open_read(fixture);
    sources[1] = open_read(fixture);
    other = other_open(fixture);
    other_run(other, "BEGIN IMMEDIATE");
    assert_int_equal(source_begin(sources, 2, &fixture->msg), ERR_SOURCE);
    assert_non_null(strstr(fixture->msg.text, "database is locked; --jobs 1 needs no lock"));
    other_run(other, "COMMIT");
    OK(source_begin(sources, 2, &fixture->msg));
    source_close(sources[1]);
    source_close(sources[0]);
    sqlite3_close(other);
}

/* A sort gives no row until it is done. */
static void a_long_statement_ends_when_it_is_told_to_stop(void **state)
{
    struct fixture *fixture = *state;
    atomic_bool stop = true;
    struct source *source;
    struct source_rows *rows;
    const struct value *row;

    make_database(fixture, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    source = open_read(fixture);
    OK(source_query(
        source,
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 2000000000)"
        " SELECT count(*) FROM n",
        NULL, 0, 1, &rows, &fixture->msg));
    source_stop_on(source, &stop);
    assert_int_equal(source_rows_next(rows, &row, &fixture->msg), ERR_INTERRUPTED);
    assert_string_equal(fixture->msg.text, "interrupted");
    source_rows_close(rows);
    source_close(source);
}

static void streams_of_one_snapshot_run_side_by_side(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    struct source_rows *first;
    struct source_rows *second;
    const struct value *row;

    make_database(fixture, "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)");
    source = open_read(fixture);
    OK(source_begin(&source, 1, &fixture->msg));
    OK(source_query(source, "SELECT x FROM t ORDER BY x", NULL, 0, 1, &first, &fixture->msg));
    OK(source_query(source, "SELECT -x FROM t ORDER BY x", NULL, 0, 1, &second, &fixture->msg));
    for (int64_t i = 1; i <= 2; i++) {
        OK(source_rows_next(first, &row, &fixture->msg));
        assert_int_equal(row[0].integer, i);
        OK(source_rows_next(second, &row, &fixture->msg));
        assert_int_equal(row[0].integer, -i);
    }
    source_rows_close(first);
    source_rows_close(second);
    source_close(source); /* ends the snapshot too */
}

static void reading_does_not_change_the_position(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    char *before;
    char *after;

    make_database(fixture, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    source = open_read(fixture);
    before = position(fixture, source);
    OK(source_begin(&source, 1, &fixture->msg));
    assert_int_equal(count_rows(fixture, source, "SELECT count(*) FROM t"), 1);
    source_close(source);
    usleep(20000);
    source = open_read(fixture);
    after = position(fixture, source);
    assert_string_equal(before, after);
    assert_string_equal(before + strlen(before) - 4, ".0.0");
    free(before);
    free(after);
    source_close(source);
}

static void a_commit_changes_the_position(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    char *before;
    char *inside;
    char *after;
    sqlite3 *other;

    make_database(fixture, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    source = open_read(fixture);
    other = other_open(fixture);
    before = position(fixture, source);
    OK(source_begin(&source, 1, &fixture->msg));
    other_run(other, "UPDATE t SET x = 2");
    inside = position(fixture, source);
    assert_string_equal(before, inside); /* never later than what the snapshot shows */
    source_end(source);
    after = position(fixture, source);
    assert_string_not_equal(before, after);
    sqlite3_close(other);
    free(before);
    free(inside);
    free(after);
    source_close(source);
}

static void tables_and_views_are_found_by_name(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    bool has;

    make_database(fixture, "CREATE TABLE t (x); CREATE VIEW v AS SELECT x FROM t;"
                           "CREATE INDEX i ON t (x)");
    source = open_read(fixture);
    OK(source_has_table(source, slice_str("t"), &has, &fixture->msg));
    assert_true(has);
    OK(source_has_table(source, slice_str("v"), &has, &fixture->msg));
    assert_true(has);
    OK(source_has_table(source, slice_str("i"), &has, &fixture->msg));
    assert_false(has);
    OK(source_has_table(source, slice_of("tables", 1), &has, &fixture->msg));
    assert_true(has);
    source_close(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_database_is_not_made_by_reading),
        TEST(slashes_of_a_relative_path_are_told_apart_from_a_missing_database),
        TEST(a_file_that_is_no_database_is_refused),
        TEST(names_that_mean_something_to_sqlite_are_files),
        TEST(values_keep_their_types),
        TEST(parameters_are_bound_by_number),
        TEST(bad_statements_are_refused_with_their_text),
        TEST(a_long_statement_is_shown_by_its_first_200_bytes),
        TEST(a_blob_is_refused_by_the_name_of_its_column),
        TEST(an_error_while_stepping_is_reported),
        TEST(a_snapshot_does_not_see_later_commits),
        TEST(several_sources_share_a_snapshot),
        TEST(a_writer_in_the_way_of_a_shared_snapshot_is_named),
        TEST(a_long_statement_ends_when_it_is_told_to_stop),
        TEST(streams_of_one_snapshot_run_side_by_side),
        TEST(reading_does_not_change_the_position),
        TEST(a_commit_changes_the_position),
        TEST(tables_and_views_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
