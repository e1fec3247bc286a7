#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "unit/source/fixture.h"

static struct source *open_write(struct fixture *fixture)
{
    struct source *source;

    OK(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg));
    return source;
}

static enum err add(struct fixture *fixture, struct source_load *load, struct value id,
                    const char *book)
{
    struct value values[] = {id,
                             text_value(book),
                             integer_value(1596080481467),
                             text_value("1.50"),
                             {.type = VALUE_REAL, .real = 0.25}};

    return source_load_row(load, values, &fixture->msg);
}

/* All rows of one statement: columns with '|' between, rows with ';' behind. */
static void assert_rows(const struct fixture *fixture, const char *sql, const char *wanted)
{
    char got[2000] = "";
    sqlite3_stmt *statement;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *text = (const char *)sqlite3_column_text(statement, i);

            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i == 0 ? "" : "|",
                     text == NULL ? "null" : text);
        }
        strcat(got, ";");
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    assert_string_equal(got, wanted);
}

static void load_two(struct fixture *fixture, struct source *source, const char *book)
{
    struct source_load *load;

    OK(source_load_begin(source, &loans, &load, &fixture->msg));
    OK(add(fixture, load, integer_value(5), book));
    OK(add(fixture, load, integer_value(2), "it's"));
    OK(source_load_finish(load, &fixture->msg));
}

static void a_table_is_made_by_its_definition(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_write(fixture);

    load_two(fixture, source, "a\"b");
    OK(source_settle(source, &fixture->msg));
    source_close(source);
    assert_rows(fixture, "SELECT * FROM loans ORDER BY id",
                "2|it's|1596080481467|1.50|0.25;5|a\"b|1596080481467|1.50|0.25;");
    assert_rows(fixture, "SELECT DISTINCT typeof(due), typeof(fee), typeof(weight) FROM loans",
                "integer|text|real;");
    assert_rows(fixture, "SELECT sql FROM sqlite_schema WHERE tbl_name = 'loans' ORDER BY name",
                "CREATE TABLE \"loans\" (\"id\" INTEGER NOT NULL PRIMARY KEY, \"book\" TEXT, "
                "\"due\" INTEGER, \"fee\" TEXT, \"weight\" REAL);"
                "CREATE INDEX \"loans(book)\" ON \"loans\" (\"book\");"
                "CREATE INDEX \"loans(due,book)\" ON \"loans\" (\"due\", \"book\");");
    assert_rows(fixture, "SELECT idx FROM sqlite_stat1 WHERE tbl = 'loans' ORDER BY idx",
                "loans(book);loans(due,book);");
}

static void a_key_that_is_there_already_refuses_the_record_only(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_write(fixture);
    struct source_load *load;

    OK(source_load_begin(source, &loans, &load, &fixture->msg));
    OK(add(fixture, load, integer_value(5), "first"));
    assert_int_equal(add(fixture, load, integer_value(5), "second"), ERR_INPUT);
    assert_string_equal(fixture->msg.text, "id 5 is there already");
    assert_int_equal(add(fixture, load, (struct value){.type = VALUE_NULL}, "third"), ERR_INPUT);
    assert_string_equal(fixture->msg.text, "id is null");
    OK(add(fixture, load, integer_value(6), "fourth"));
    OK(source_load_finish(load, &fixture->msg));
    source_close(source);
    assert_rows(fixture, "SELECT id, book FROM loans ORDER BY id", "5|first;6|fourth;");
}

static void a_text_key_is_named_in_the_refusal(void **state)
{
    struct table_column column = {.name = {"isbn", 4}, .type = COLUMN_TEXT};
    struct table books = {
        .name = {"the \"books\"", 11}, .columns = &column, .column_count = 1, .primary_key = 0};
    struct fixture *fixture = *state;
    struct source *source = open_write(fixture);
    struct value value = text_value("978-3");
    struct source_load *load;

    OK(source_load_begin(source, &books, &load, &fixture->msg));
    OK(source_load_row(load, &value, &fixture->msg));
    assert_int_equal(source_load_row(load, &value, &fixture->msg), ERR_INPUT);
    assert_string_equal(fixture->msg.text, "isbn \"978-3\" is there already");
    OK(source_load_finish(load, &fixture->msg));
    source_close(source);
    assert_rows(fixture, "SELECT * FROM \"the \"\"books\"\"\"", "978-3;");
}

static void loading_again_replaces_the_table(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < 3; i++) {
        struct source *source = open_write(fixture);

        load_two(fixture, source, i == 2 ? "last" : "first");
        OK(source_settle(source, &fixture->msg));
        source_close(source);
    }
    assert_rows(fixture, "SELECT id, book FROM loans ORDER BY id", "2|it's;5|last;");
    assert_rows(fixture, "PRAGMA integrity_check", "ok;");
}

static void an_abandoned_load_leaves_what_was_there(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_write(fixture);
    struct source_load *load;

    load_two(fixture, source, "kept");
    OK(source_load_begin(source, &loans, &load, &fixture->msg));
    for (int64_t i = 0; i < 50000; i++) {
        OK(add(fixture, load, integer_value(i), "dropped"));
    }
    source_load_abandon(load);
    source_close(source);
    assert_rows(fixture, "SELECT id, book FROM loans ORDER BY id", "2|it's;5|kept;");
    assert_rows(fixture, "PRAGMA journal_mode", "wal;");
    assert_rows(fixture, "PRAGMA integrity_check", "ok;");
}

static void settling_leaves_one_file_and_a_stable_position(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_write(fixture);
    char first[200] = "";
    char name[200];

    load_two(fixture, source, "a");
    OK(source_settle(source, &fixture->msg));
    source_close(source);
    assert_rows(fixture, "PRAGMA journal_mode", "wal;");
    for (unsigned i = 0; i < 3; i++) {
        struct buffer position;

        buffer_init(&position, 200);
        OK(source_open(fixture->url, SOURCE_READ, &source, &fixture->msg));
        OK(source_position(source, &position, &fixture->msg));
        source_close(source);
        if (i == 0) {
            snprintf(first, sizeof first, "%s", buffer_str(&position));
        }
        assert_string_equal(first, buffer_str(&position));
        buffer_free(&position);
    }
    snprintf(name, sizeof name, "%s-journal", fixture->path);
    assert_false(file_exists(name));
}

static void the_write_ahead_log_is_gone_after_closing(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_write(fixture);
    char name[200];

    load_two(fixture, source, "a");
    OK(source_settle(source, &fixture->msg));
    source_close(source);
    snprintf(name, sizeof name, "%s-wal", fixture->path);
    assert_false(file_exists(name));
}

static void loading_beside_a_reader_works(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_write(fixture);
    struct source *reader;
    struct source_rows *rows;
    const struct value *row;

    load_two(fixture, source, "before");
    OK(source_settle(source, &fixture->msg));
    OK(source_open(fixture->url, SOURCE_READ, &reader, &fixture->msg));
    OK(source_begin(&reader, 1, &fixture->msg));
    load_two(fixture, source, "after");
    OK(source_query(reader, "SELECT book FROM loans WHERE id = 5", NULL, 0, 1, &rows,
                    &fixture->msg));
    OK(source_rows_next(rows, &row, &fixture->msg));
    assert_true(slice_is(row[0].text, "before"));
    source_rows_close(rows);
    source_close(reader);
    OK(source_settle(source, &fixture->msg));
    source_close(source);
    assert_rows(fixture, "SELECT id, book FROM loans ORDER BY id", "2|it's;5|after;");
}

static void the_pages_of_a_larger_table_are_given_back(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_write(fixture);
    struct source_load *load;
    uint64_t large;
    uint64_t packed;

    OK(source_load_begin(source, &loans, &load, &fixture->msg));
    for (int64_t i = 0; i < 20000; i++) {
        OK(add(fixture, load, integer_value(i), "a book"));
    }
    OK(source_load_finish(load, &fixture->msg));
    OK(source_settle(source, &fixture->msg));
    OK(file_size(fixture->path, &large, &fixture->msg));
    load_two(fixture, source, "a");
    OK(source_settle(source, &fixture->msg));
    source_close(source);
    OK(file_size(fixture->path, &packed, &fixture->msg));
    assert_true(packed * 10 < large);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_is_made_by_its_definition),
        TEST(a_key_that_is_there_already_refuses_the_record_only),
        TEST(a_text_key_is_named_in_the_refusal),
        TEST(loading_again_replaces_the_table),
        TEST(an_abandoned_load_leaves_what_was_there),
        TEST(settling_leaves_one_file_and_a_stable_position),
        TEST(the_write_ahead_log_is_gone_after_closing),
        TEST(loading_beside_a_reader_works),
        TEST(the_pages_of_a_larger_table_are_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
