/* What a build refuses, because what it would write is not what the definition means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "base/file.h"
#include "builder/build.h"
#include "replica/format.h"
#include "replica/reader.h"

struct fixture {
    char folder[64];
    char database[96];
    char url[128];
    char root[96];
    char definition[96];
    struct errmsg msg;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/vitrine_refusals_XXXXXX");
    if (mkdtemp(fixture->folder) == NULL) {
        return -1;
    }
    snprintf(fixture->database, sizeof fixture->database, "%s/a.db", fixture->folder);
    snprintf(fixture->url, sizeof fixture->url, "sqlite:%s", fixture->database);
    snprintf(fixture->root, sizeof fixture->root, "%s/root", fixture->folder);
    snprintf(fixture->definition, sizeof fixture->definition, "%s/d.yaml", fixture->folder);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    enum err rc = dir_remove(fixture->folder, &fixture->msg);

    free(fixture);
    return rc == ERR_NONE ? 0 : -1;
}

static enum err build(struct fixture *fixture, const char *sql, const char *definition)
{
    struct build_options options = {.definition = fixture->definition,
                                    .source = fixture->url,
                                    .root = fixture->root,
                                    .keep = 2,
                                    .jobs = 1,
                                    .partition_rows = PARTITION_ROWS_MAX};
    struct build_result result;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(fixture->database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(file_write(fixture->definition, slice_str(definition), &fixture->msg),
                     ERR_NONE);
    return build_release(&options, false, &result, &fixture->msg);
}

static void assert_refused(struct fixture *fixture, enum err rc, enum err wanted, const char *text)
{
    assert_int_equal(rc, wanted);
    if (strstr(fixture->msg.text, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, fixture->msg.text);
    }
}

/* ---- tests ---- */

static void nested_rows_that_meet_no_row_are_not_lost_in_silence(void **state)
{
    struct fixture *fixture = *state;
    enum err rc = build(fixture,
                        "CREATE TABLE books(shelf, id); CREATE TABLE notes(book, note);"
                        "INSERT INTO books VALUES (1, 1), (1, 2); INSERT INTO notes VALUES (1, 7);",
                        "name: t\n"
                        "collections:\n"
                        "  shelves:\n"
                        "    key: shelf\n"
                        "    rows: |\n"
                        "      SELECT shelf, id, place\n"
                        "      FROM (SELECT shelf, id, random() AS place FROM books LIMIT 1000)\n"
                        "    fields:\n"
                        "      id: integer\n"
                        "      place: integer\n"
                        "      notes:\n"
                        "        rows: SELECT book, note FROM notes\n"
                        "        on: {book: id}\n"
                        "        as: list\n"
                        "        order: [note]\n"
                        "        fields: {note: integer}\n"
                        "    orders: {by_place: [place, id]}\n"
                        "routes: [{get: /s, from: shelves, key: {query: s}}]\n");

    assert_refused(
        fixture, rc, ERR_INPUT,
        "shelves: notes: nested rows are left over that belong to no row; the SELECT must "
        "give the same rows each time it runs");
}

static void keys_that_do_not_ascend_are_refused(void **state)
{
    struct fixture *fixture = *state;
    enum err rc = build(fixture, "CREATE TABLE books(shelf, id); INSERT INTO books VALUES (9, 1);",
                        "name: t\n"
                        "collections:\n"
                        "  shelves:\n"
                        "    key: shelf\n"
                        "    rows: SELECT shelf, id FROM books\n"
                        "    keys: SELECT 5 AS shelf UNION ALL SELECT '3'\n"
                        "    fields: {id: integer}\n"
                        "    orders: {by_id: [id]}\n"
                        "routes: [{get: /s, from: shelves, key: {query: s}}]\n");

    assert_refused(fixture, rc, ERR_INPUT,
                   "shelves: keys: key 3: the source does not sort keys as the definition's type "
                   "does");
}

static const char by_price[] = "name: t\n"
                               "collections:\n"
                               "  books:\n"
                               "    key: id\n"
                               "    rows: SELECT id, price FROM books\n"
                               "    fields: {id: integer, price: PRICE}\n"
                               "    listings: {by_price: [price]}\n"
                               "routes: [{get: /b, from: books, key: {query: b}}]\n";

/* The definition above with TYPE as the type of the price. */
static enum err build_prices(struct fixture *fixture, const char *type)
{
    const char *place = strstr(by_price, "PRICE");
    char definition[sizeof by_price + 64];

    snprintf(definition, sizeof definition, "%.*s%s%s", (int)(place - by_price), by_price, type,
             place + strlen("PRICE"));
    return build(fixture,
                 "CREATE TABLE books(id INTEGER PRIMARY KEY, price TEXT);"
                 "INSERT INTO books VALUES (1, '100'), (2, '99'), (3, NULL), (4, '-1');",
                 definition);
}

static void a_listing_that_the_source_sorts_as_text_is_refused(void **state)
{
    struct fixture *fixture = *state;

    assert_refused(fixture, build_prices(fixture, "integer"), ERR_INPUT,
                   "listing by_price of books: the source sorts the keys in another way than the "
                   "order; give its columns one type in the source");
}

static void decimals_are_listed_by_value_though_the_source_holds_text(void **state)
{
    static const int64_t wanted[] = {3, 4, 2, 1};
    struct fixture *fixture = *state;
    char *current = path_join(fixture->root, "current");
    struct release *release;
    struct reader *reader;
    struct arena arena;
    struct key keys[4];
    uint32_t got;
    enum err rc = build_prices(fixture, "{type: decimal, scale: 2}");

    if (rc != ERR_NONE) {
        fail_msg("%s", fixture->msg.text);
    }
    arena_init(&arena, 4096);
    assert_int_equal(
        release_open(current, &(struct release_check){.verify = true}, &release, &fixture->msg),
        ERR_NONE);
    assert_int_equal(reader_open(release, &reader, &fixture->msg), ERR_NONE);
    assert_int_equal(reader_listing(reader, 0, 0, 0, 4, &arena, keys, &got, &fixture->msg),
                     ERR_NONE);
    assert_int_equal(got, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(keys[i].integer, wanted[i]);
    }
    reader_close(reader);
    release_drop(release);
    arena_free(&arena);
    free(current);
}

static void a_missing_table_is_named_with_what_loads_it(void **state)
{
    struct fixture *fixture = *state;
    enum err rc = build(fixture, "CREATE TABLE other(id)",
                        "name: t\n"
                        "tables:\n"
                        "  books:\n"
                        "    file: books.csv\n"
                        "    columns: {id: integer}\n"
                        "collections:\n"
                        "  books:\n"
                        "    key: id\n"
                        "    rows: SELECT id FROM books\n"
                        "    fields: {id: integer}\n"
                        "routes: [{get: /b, from: books, key: {query: b}}]\n");

    assert_refused(fixture, rc, ERR_SOURCE,
                   "the source has no table books; `vitrine import` loads it: books: ");
    assert_refused(fixture, rc, ERR_SOURCE, "no such table: books");
}

static void a_column_that_rows_do_not_yield_is_told_as_a_mistake_of_the_definition(void **state)
{
    static const struct {
        const char *rows;
        const char *on;
        const char *message;
    } cases[] = {
        {"id, shelf", "{book: id}",
         "`key` or a field names a column that `rows` or `keys` does not yield: books: "},
        {"id, title", "{id: book}",
         "`on`, `name` or a field names a column that the nested `rows` do not yield: books: "
         "loans: "},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char definition[600];

        snprintf(definition, sizeof definition,
                 "name: t\n"
                 "collections:\n"
                 "  books:\n"
                 "    key: id\n"
                 "    rows: SELECT %s FROM books\n"
                 "    fields:\n"
                 "      title: text\n"
                 "      loans: {rows: 'SELECT book, day FROM loans', on: %s, as: list,\n"
                 "              order: [day], fields: {day: integer}}\n"
                 "routes: [{get: /b, from: books, key: {query: b}}]\n",
                 cases[i].rows, cases[i].on);
        assert_refused(fixture,
                       build(fixture,
                             "CREATE TABLE IF NOT EXISTS books(id, shelf, title);"
                             "CREATE TABLE IF NOT EXISTS loans(book, day)",
                             definition),
                       ERR_SOURCE, cases[i].message);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nested_rows_that_meet_no_row_are_not_lost_in_silence),
        TEST(keys_that_do_not_ascend_are_refused),
        TEST(a_listing_that_the_source_sorts_as_text_is_refused),
        TEST(decimals_are_listed_by_value_though_the_source_holds_text),
        TEST(a_missing_table_is_named_with_what_loads_it),
        TEST(a_column_that_rows_do_not_yield_is_told_as_a_mistake_of_the_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
