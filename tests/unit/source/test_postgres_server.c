/*
 * The driver against a server: VITRINE_TEST_POSTGRES is the URL of an empty database. Without it there
 * is nothing to test; tests/integration/test_postgres.py starts a server and runs this.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "source/source_postgres.h"
#include "unit/source/fixture.h"

static int server_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *url = getenv("VITRINE_TEST_POSTGRES");

    snprintf(fixture->url, sizeof fixture->url, "%s", url == NULL ? "" : url);
    *state = fixture;
    return 0;
}

static int server_teardown(void **state)
{
    free(*state);
    return 0;
}

static struct source *open_source(struct fixture *fixture, enum source_mode mode)
{
    struct source *source;

    if (fixture->url[0] == '\0') {
        skip();
    }
    OK(source_open(fixture->url, mode, &source, &fixture->msg));
    return source;
}

/* Another program's statement. */
static void other_run(struct fixture *fixture, const char *sql)
{
    struct source *other = open_source(fixture, SOURCE_WRITE);
    struct source_postgres *postgres = (struct source_postgres *)other;

    OK(postgres_run(postgres, postgres->main, sql, &fixture->msg));
    source_close(other);
}

static int64_t read_integer(struct fixture *fixture, struct source *source, const char *sql)
{
    struct source_rows *rows;
    const struct value *row;
    int64_t integer;

    OK(source_query(source, sql, NULL, 0, 1, &rows, &fixture->msg));
    OK(source_rows_next(rows, &row, &fixture->msg));
    integer = row[0].integer;
    OK(source_rows_next(rows, &row, &fixture->msg));
    assert_null(row);
    source_rows_close(rows);
    return integer;
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

static void texts_are_as_the_server_writes_them(void **state)
{
    static const char *const expressions[] = {
        "0::numeric",
        "140.00::numeric(38,2)",
        "-0.000100::numeric",
        "(10::numeric ^ 100)",
        "(1::numeric / 3)",
        "1e-300::numeric",
        "12345678901234567890.0987654321::numeric",
        "99999999::numeric",
        "'NaN'::numeric",
        "gen_random_uuid()",
        "'ab'::char(4)",
        "'caf\xc3\xa9'::varchar",
        "'pg_class'::name",
        "''",
    };
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, SOURCE_READ);

    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
        struct source_rows *rows;
        const struct value *row;
        char sql[200];

        snprintf(sql, sizeof sql, "SELECT x, format('%%s', x) FROM (SELECT %s AS x OFFSET 0) AS s",
                 expressions[i]);
        OK(source_query(source, sql, NULL, 0, 2, &rows, &fixture->msg));
        OK(source_rows_next(rows, &row, &fixture->msg));
        assert_int_equal(row[0].type, VALUE_TEXT);
        if (!slice_equal(row[0].text, row[1].text)) {
            fail_msg("%s: %.*s is not %.*s", expressions[i], SLICE_ARG(row[0].text),
                     SLICE_ARG(row[1].text));
        }
        source_rows_close(rows);
    }
    source_close(source);
}

static void times_are_milliseconds_rounded_down(void **state)
{
    static const struct {
        const char *expression;
        int64_t wanted;
    } cases[] = {
        {"'2020-07-30T03:41:21.467999Z'::timestamptz", 1596080481467},
        {"'1969-12-31T23:59:59.999999Z'::timestamptz", -1},
        {"'2020-07-30T05:41:21.467+02'::timestamptz", 1596080481467},
        {"'2020-07-30 03:41:21.467'::timestamp", 1596080481467},
        {"'2020-07-30'::date", 1596067200000},
        {"'0001-01-01 BC'::date", -62167219200000},
        {"('2020-07-30 12:00Z'::timestamptz)::date", 1596067200000},
    };
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, SOURCE_READ);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[200];

        snprintf(sql, sizeof sql, "SELECT %s", cases[i].expression);
        assert_int_equal(read_integer(fixture, source, sql), cases[i].wanted);
    }
    source_close(source);
}

static void parameters_keep_their_values(void **state)
{
    struct value parameters[] = {
        integer_value(INT64_MIN),
        {.type = VALUE_REAL, .real = 0.1},
        text_value("it's \\ $1 \"?2\"; --"),
        {.type = VALUE_NULL},
        text_value(""),
    };
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, SOURCE_READ);
    struct source_rows *rows;
    const struct value *row;

    OK(source_query(source, "SELECT $1, ?2, ?3, $4::text, $5, '$1' -- the end", parameters, 5, 6,
                    &rows, &fixture->msg));
    OK(source_rows_next(rows, &row, &fixture->msg));
    assert_int_equal(row[0].type, VALUE_INTEGER);
    assert_int_equal(row[0].integer, INT64_MIN);
    assert_int_equal(row[1].type, VALUE_REAL);
    assert_true(row[1].real == 0.1);
    assert_true(slice_equal(row[2].text, parameters[2].text));
    assert_int_equal(row[3].type, VALUE_NULL);
    assert_int_equal(row[4].type, VALUE_TEXT);
    assert_int_equal(row[4].text.len, 0);
    assert_true(slice_is(row[5].text, "$1"));
    source_rows_close(rows);
    source_close(source);
}

static void bad_statements_are_refused_with_their_text(void **state)
{
    static const struct {
        const char *sql;
        const char *message;
    } cases[] = {
        {"SELECT y FROM (SELECT 1) AS t", "column \"y\" does not exist (in: SELECT y FROM"},
        {"SELEC", "syntax error at or near \"SELEC\" (in: SELEC)"},
        {"", "this is not one SELECT statement: "},
        {"SELECT 1; SELECT 2", "cannot insert multiple commands into a prepared statement (in: "},
        {"CREATE TABLE x ()", "this is not one SELECT statement: CREATE TABLE x ()"},
        {"SELECT 1, 2", "2 columns where 1 are expected (in: SELECT 1, 2)"},
        {"SELECT ?2", "there is no value for the parameter ?2"},
        {"SELECT 1 / (SELECT 0)", "division by zero (in: SELECT 1 / (SELECT 0))"},
    };
    struct value parameter = integer_value(1);
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, SOURCE_READ);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source_rows *rows = NULL;
        const struct value *row;
        enum err rc = source_query(source, cases[i].sql, &parameter, 1, 1, &rows, &fixture->msg);

        if (rc == ERR_NONE) {
            rc = source_rows_next(rows, &row, &fixture->msg);
        }
        assert_int_equal(rc, ERR_SOURCE);
        if (strstr(fixture->msg.text, cases[i].message) == NULL) {
            fail_msg("%s: %s", cases[i].sql, fixture->msg.text);
        }
        source_rows_close(rows);
    }
    assert_int_equal(read_integer(fixture, source, "SELECT 5"), 5);
    source_close(source);
}

static void a_session_has_our_settings(void **state)
{
    static const char *const settings[] = {
        "TimeZone = UTC",         "default_transaction_read_only = on",
        "client_encoding = UTF8", "application_name = vitrine",
        "statement_timeout = 1h", "idle_in_transaction_session_timeout = 0",
        "lock_timeout = 30s",     "transaction_isolation = repeatable read",
    };
    struct fixture *fixture = *state;
    struct source *source;

    /* A role in Tokyo that wants to write, on a server that is in a hurry. */
    other_run(fixture, "ALTER ROLE CURRENT_USER SET TimeZone = 'Asia/Tokyo';"
                       "ALTER ROLE CURRENT_USER SET default_transaction_read_only = off;"
                       "ALTER ROLE CURRENT_USER SET idle_in_transaction_session_timeout = '1s'");
    source = open_source(fixture, SOURCE_READ);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct source_rows *rows;
        const struct value *row;
        char sql[200];

        snprintf(sql, sizeof sql, "SELECT '%.*s = ' || current_setting('%.*s')",
                 (int)strcspn(settings[i], " "), settings[i], (int)strcspn(settings[i], " "),
                 settings[i]);
        OK(source_query(source, sql, NULL, 0, 1, &rows, &fixture->msg));
        OK(source_rows_next(rows, &row, &fixture->msg));
        if (!slice_is(row[0].text, settings[i])) {
            fail_msg("%.*s, not %s", SLICE_ARG(row[0].text), settings[i]);
        }
        source_rows_close(rows);
    }
    source_close(source);
    other_run(fixture, "ALTER ROLE CURRENT_USER RESET ALL");
}

static void what_a_role_sets_for_itself_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;

    other_run(fixture, "ALTER ROLE CURRENT_USER SET statement_timeout = '3h'");
    source = open_source(fixture, SOURCE_READ);
    assert_int_equal(read_integer(fixture, source,
                                  "SELECT setting::bigint FROM pg_settings "
                                  "WHERE name = 'statement_timeout'"),
                     3 * 3600 * 1000);
    source_close(source);
    other_run(fixture, "ALTER ROLE CURRENT_USER RESET ALL");
}

static void a_snapshot_does_not_see_later_commits_in_any_stream(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    struct source_rows *open_rows;

    other_run(fixture, "DROP TABLE IF EXISTS t; CREATE TABLE t (x int); INSERT INTO t VALUES (1)");
    source = open_source(fixture, SOURCE_READ);
    OK(source_begin(&source, 1, &fixture->msg));
    other_run(fixture, "INSERT INTO t VALUES (2)"); /* before the first stream of the snapshot */
    assert_int_equal(read_integer(fixture, source, "SELECT count(*) FROM t"), 1);
    OK(source_query(source, "SELECT x FROM t", NULL, 0, 1, &open_rows, &fixture->msg));
    other_run(fixture, "INSERT INTO t VALUES (3)");
    assert_int_equal(read_integer(fixture, source, "SELECT count(*) FROM t"), 1); /* a second one */
    source_rows_close(open_rows);
    source_end(source);
    assert_int_equal(read_integer(fixture, source, "SELECT count(*) FROM t"), 3);
    OK(source_begin(&source, 1, &fixture->msg));
    assert_int_equal(read_integer(fixture, source, "SELECT count(*) FROM t"), 3);
    source_close(source);
}

static void several_sources_share_a_snapshot(void **state)
{
    struct fixture *fixture = *state;
    struct source *sources[3];

    other_run(fixture, "DROP TABLE IF EXISTS t; CREATE TABLE t (x int); INSERT INTO t VALUES (1)");
    for (unsigned i = 0; i < 3; i++) {
        sources[i] = open_source(fixture, SOURCE_READ);
    }
    OK(source_begin(sources, 3, &fixture->msg));
    other_run(fixture, "INSERT INTO t VALUES (2)");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(read_integer(fixture, sources[i], "SELECT count(*) FROM t"), 1);
    }
    for (unsigned i = 3; i > 0; i--) {
        source_end(sources[i - 1]);
        assert_int_equal(read_integer(fixture, sources[i - 1], "SELECT count(*) FROM t"), 2);
        source_close(sources[i - 1]);
    }
}

static void only_writing_changes_the_position(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    char *texts[4];

    other_run(fixture, "DROP TABLE IF EXISTS t; CREATE TABLE t (x int); INSERT INTO t VALUES (1)");
    source = open_source(fixture, SOURCE_READ);
    texts[0] = position(fixture, source);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(read_integer(fixture, source, "SELECT count(*) FROM t"), 1);
        other_run(fixture, "SELECT * FROM t");
    }
    texts[1] = position(fixture, source);
    assert_string_equal(texts[0], texts[1]);
    OK(source_begin(&source, 1, &fixture->msg));
    other_run(fixture, "UPDATE t SET x = 2");
    texts[2] = position(fixture, source);
    assert_string_equal(texts[0], texts[2]); /* of the snapshot, not of now */
    source_end(source);
    texts[3] = position(fixture, source);
    assert_string_not_equal(texts[0], texts[3]);
    for (unsigned i = 0; i < 4; i++) {
        free(texts[i]);
    }
    source_close(source);
}

static void tables_and_views_are_there_and_indexes_are_not(void **state)
{
    static const struct {
        const char *name;
        bool wanted;
    } cases[] = {{"t", true}, {"V w\"", true}, {"i", false}, {"nothing", false}, {"", false}};
    struct fixture *fixture = *state;
    struct source *source;

    other_run(fixture, "DROP TABLE IF EXISTS t CASCADE; CREATE TABLE t (x int);"
                       "CREATE INDEX i ON t (x); CREATE VIEW \"V w\"\"\" AS SELECT * FROM t");
    source = open_source(fixture, SOURCE_READ);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool has = !cases[i].wanted;

        OK(source_has_table(source, slice_str(cases[i].name), &has, &fixture->msg));
        assert_int_equal(has, cases[i].wanted);
    }
    source_close(source);
}

static void a_loaded_record_comes_back(void **state)
{
    struct value values[] = {integer_value(7),
                             text_value("a, \"b\""),
                             integer_value(-1),
                             text_value("-140.50"),
                             {.type = VALUE_REAL, .real = 0.25}};
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, SOURCE_WRITE);
    struct source_load *load;
    struct source_rows *rows;
    const struct value *row;

    OK(source_load_begin(source, &loans, &load, &fixture->msg));
    OK(source_load_row(load, values, &fixture->msg));
    assert_int_equal(source_load_row(load, values, &fixture->msg), ERR_INPUT);
    assert_string_equal(fixture->msg.text, "id 7 is there already");
    values[0].type = VALUE_NULL;
    assert_int_equal(source_load_row(load, values, &fixture->msg), ERR_INPUT);
    assert_string_equal(fixture->msg.text, "id is null");
    OK(source_load_finish(load, &fixture->msg));
    OK(source_settle(source, &fixture->msg));
    OK(source_query(source, "SELECT id, book, due, fee, weight FROM loans", NULL, 0, 5, &rows,
                    &fixture->msg));
    OK(source_rows_next(rows, &row, &fixture->msg));
    assert_int_equal(row[0].integer, 7);
    assert_true(slice_is(row[1].text, "a, \"b\""));
    assert_int_equal(row[2].integer, -1);
    assert_true(slice_is(row[3].text, "-140.50"));
    assert_true(row[4].real == 0.25);
    source_rows_close(rows);
    source_close(source);
}

static void an_abandoned_load_leaves_no_table(void **state)
{
    struct value values[] = {
        integer_value(7), text_value("a"), integer_value(0), text_value("1"), {.type = VALUE_NULL}};
    struct fixture *fixture = *state;
    struct source *source;
    struct source_load *load;
    bool has = true;

    other_run(fixture, "DROP TABLE IF EXISTS loans");
    source = open_source(fixture, SOURCE_WRITE);
    OK(source_load_begin(source, &loans, &load, &fixture->msg));
    OK(source_load_row(load, values, &fixture->msg));
    source_load_abandon(load);
    OK(source_has_table(source, slice_str("loans"), &has, &fixture->msg));
    assert_false(has);
    source_close(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts_are_as_the_server_writes_them),
        TEST(times_are_milliseconds_rounded_down),
        TEST(parameters_keep_their_values),
        TEST(bad_statements_are_refused_with_their_text),
        TEST(a_session_has_our_settings),
        TEST(what_a_role_sets_for_itself_is_kept),
        TEST(a_snapshot_does_not_see_later_commits_in_any_stream),
        TEST(several_sources_share_a_snapshot),
        TEST(only_writing_changes_the_position),
        TEST(tables_and_views_are_there_and_indexes_are_not),
        TEST(a_loaded_record_comes_back),
        TEST(an_abandoned_load_leaves_no_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
