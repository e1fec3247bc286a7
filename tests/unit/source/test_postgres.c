/* The pure half of the driver; tests/integration/test_postgres.py has the half with a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "source/source_postgres.h"
#include "unit/source/fixture.h"

static const char *const literals[] = {"'5'", "'it''s'"};

static void parameters_stand_where_their_numbers_were(void **state)
{
    static const struct {
        const char *sql;
        const char *wanted;
    } cases[] = {
        {"", ""},
        {"SELECT $1, ?2, $1", "SELECT '5', 'it''s', '5'"},
        {"a=$1b", "a='5'b"},
        {"SELECT '$1', \"$1\", $1", "SELECT '$1', \"$1\", '5'"},
        {"'it''s $1' $1", "'it''s $1' '5'"},
        {"E'\\'$1' $1", "E'\\'$1' '5'"},
        {"'\\' $1", "'\\' '5'"},
        {"-- $1\n$1", "-- $1\n'5'"},
        {"/* $1 /* $1 */ $1 */ $1", "/* $1 /* $1 */ $1 */ '5'"},
        {"$$ $1 $$ $1", "$$ $1 $$ '5'"},
        {"$a$ $1 $$ $b$ $a$ $1", "$a$ $1 $$ $b$ $a$ '5'"},
        {"name$1 + $1", "name$1 + '5'"},
        {"x ?| y ? z", "x ?| y ? z"},
        {"'$1", "'$1"},
        {"/* $1", "/* $1"},
        {"$a$ $1", "$a$ $1"},
    };
    struct buffer out;
    struct errmsg msg;

    (void)state;
    buffer_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&out);
        assert_int_equal(postgres_inline(cases[i].sql, literals, 2, &out, &msg), ERR_NONE);
        assert_string_equal(buffer_str(&out), cases[i].wanted);
    }
    buffer_free(&out);
}

static void a_parameter_without_a_value_is_refused(void **state)
{
    static const char *const cases[] = {"$0", "$3", "?3", "$99999999999999999999"};
    struct buffer out;
    struct errmsg msg;
    char wanted[100];

    (void)state;
    buffer_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(postgres_inline(cases[i], literals, 2, &out, &msg), ERR_SOURCE);
        snprintf(wanted, sizeof wanted, "there is no value for the parameter %s", cases[i]);
        assert_string_equal(msg.text, wanted);
    }
    buffer_free(&out);
}

static void what_libpq_says_becomes_one_line(void **state)
{
    struct buffer out;

    (void)state;
    buffer_init(&out, 1000);
    postgres_one_line(&out, "\n connection failed:\n\tIs it  there?\n");
    assert_string_equal(buffer_str(&out), "connection failed: Is it there?");
    postgres_one_line(&out, "");
    assert_string_equal(buffer_str(&out), "");
    buffer_free(&out);
}

static void what_is_no_connection_string_is_a_usage_error_without_its_password(void **state)
{
    static const struct {
        const char *url;
        const char *message;
    } cases[] = {
        {"postgres:secret", "missing \"=\" after \"...\" in connection info string"},
        {"postgres:host=h nonsense=secret", "invalid connection option \"...\""},
        {"postgres://me:sec%zzret@host/shop", "invalid percent-encoded token: \"...\""},
        {"postgresql://me:secret@host/shop?a=secret", "invalid URI query parameter: \"...\""},
    };
    struct source *source = NULL;
    struct errmsg msg;
    char wanted[300];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(source_open(cases[i].url, SOURCE_READ, &source, &msg), ERR_USAGE);
        snprintf(wanted, sizeof wanted,
                 "the source is neither postgres://USER@HOST/DATABASE nor "
                 "postgres:KEYWORD=VALUE ...: %s",
                 cases[i].message);
        assert_string_equal(msg.text, wanted);
        assert_null(source);
    }
}

static void a_server_that_is_not_there_is_named_without_the_password(void **state)
{
    struct source *source = NULL;
    struct errmsg msg;

    (void)state;
    assert_int_equal(
        source_open("postgres://me:secret@/shop?host=/nowhere", SOURCE_READ, &source, &msg),
        ERR_SOURCE);
    assert_string_equal(msg.text, "postgres: connection to server on socket "
                                  "\"/nowhere/.s.PGSQL.5432\" failed: No such file or directory "
                                  "Is the server running locally and accepting connections on "
                                  "that socket?");
    assert_null(source);
}

static void a_table_is_made_with_types_of_its_own(void **state)
{
    struct table_column columns[] = {
        LOAN_COLUMN("id", COLUMN_INTEGER, true),     LOAN_COLUMN("a \"b\"", COLUMN_TEXT, false),
        LOAN_COLUMN("cover", COLUMN_URL, true),      LOAN_COLUMN("lost", COLUMN_BOOLEAN, false),
        LOAN_COLUMN("due", COLUMN_TIMESTAMP, false), LOAN_COLUMN("fee", COLUMN_DECIMAL, false),
        LOAN_COLUMN("weight", COLUMN_NUMBER, false),
    };
    struct table table = {
        .name = {"loans", 5}, .columns = columns, .column_count = 7, .primary_key = 0};
    struct buffer sql;

    (void)state;
    buffer_init(&sql, POSTGRES_SQL_MAX);
    postgres_create_sql(&sql, &table);
    assert_string_equal(buffer_str(&sql),
                        "DROP TABLE IF EXISTS \"loans\"; CREATE TABLE \"loans\" ("
                        "\"id\" bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY, \"a \"\"b\"\"\" "
                        "text COLLATE \"C\", "
                        "\"cover\" text COLLATE \"C\" NOT NULL, \"lost\" boolean, "
                        "\"due\" timestamptz, \"fee\" numeric(38,2), \"weight\" double precision)");
    buffer_free(&sql);
}

static void the_primary_key_and_the_indexes_come_after_the_rows(void **state)
{
    struct table keyless = loans;
    struct buffer sql;

    (void)state;
    buffer_init(&sql, POSTGRES_SQL_MAX);
    postgres_index_sql(&sql, &loans);
    assert_string_equal(buffer_str(&sql), "ALTER TABLE \"loans\" ADD PRIMARY KEY (\"id\"); "
                                          "CREATE INDEX ON \"loans\" (\"book\"); "
                                          "CREATE INDEX ON \"loans\" (\"due\", \"book\")");
    buffer_clear(&sql);
    keyless.primary_key = -1;
    keyless.index_count = 0;
    postgres_index_sql(&sql, &keyless);
    assert_string_equal(buffer_str(&sql), "");
    buffer_free(&sql);
}

static void the_dialect_orders_as_the_embedded_source_does(void **state)
{
    const struct source_dialect *dialect = &source_postgres_operations.dialect;

    (void)state;
    assert_string_equal(dialect->text_order, " COLLATE \"C\"");
    assert_string_equal(dialect->nulls_ascending, " NULLS FIRST");
    assert_string_equal(dialect->nulls_descending, " NULLS LAST");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_stand_where_their_numbers_were),
        cmocka_unit_test(a_parameter_without_a_value_is_refused),
        cmocka_unit_test(what_libpq_says_becomes_one_line),
        cmocka_unit_test(what_is_no_connection_string_is_a_usage_error_without_its_password),
        cmocka_unit_test(a_server_that_is_not_there_is_named_without_the_password),
        cmocka_unit_test(the_dialect_orders_as_the_embedded_source_does),
        cmocka_unit_test(a_table_is_made_with_types_of_its_own),
        cmocka_unit_test(the_primary_key_and_the_indexes_come_after_the_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
