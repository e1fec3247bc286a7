/*
 * Plans against a server: VITRINE_TEST_POSTGRES is the URL of an empty database. Without it there is
 * nothing to test; tests/integration/test_postgres.py starts a server and runs this.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/number.h"
#include "source/prepare_sql.h"
#include "source/source_postgres.h"
#include "unit/source/writer_fixture.h"

struct server {
    struct fixture base;
    struct source_postgres *source;
};

static int setup(void **state)
{
    struct server *server = calloc(1, sizeof *server);
    const char *url = getenv("VITRINE_TEST_POSTGRES");

    snprintf(server->base.url, sizeof server->base.url, "%s", url == NULL ? "" : url);
    *state = server;
    return 0;
}

static int teardown(void **state)
{
    struct server *server = *state;

    if (server->source != NULL) {
        source_close(&server->source->base);
    }
    free(server);
    return 0;
}

static void run(struct server *server, const char *sql)
{
    struct fixture *fixture = &server->base;

    OK(postgres_run(server->source, server->source->main, sql, &fixture->msg));
}

/* Whatever SQL answers, as text. */
static char *ask(struct server *server, const char *sql)
{
    static char answer[500];
    struct fixture *fixture = &server->base;
    struct buffer out;

    buffer_init(&out, sizeof answer - 1);
    OK(postgres_ask(server->source, server->source->main, sql, &out, &fixture->msg));
    snprintf(answer, sizeof answer, "%s", buffer_str(&out));
    buffer_free(&out);
    return answer;
}

static void open_empty(struct server *server)
{
    struct fixture *fixture = &server->base;
    struct source *source;

    if (fixture->url[0] == '\0') {
        skip();
    }
    OK(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg));
    server->source = (struct source_postgres *)source;
    run(server, "DROP TABLE IF EXISTS shelves, marks, loans, " WRITER_ANSWERS_TABLE);
}

/* Runs the plan as a driver does; returns how many steps there were to do. */
static unsigned run_plan(struct server *server, const struct definition *definition)
{
    struct prepare_plan *plan = prepare_plan_make(definition, SQL_POSTGRES);
    unsigned made = 0;

    run(server, "BEGIN");
    for (unsigned i = 0; i < plan->step_count; i++) {
        if (strcmp(ask(server, plan->steps[i].check), "t") != 0) {
            run(server, plan->steps[i].sql);
            made++;
        }
    }
    run(server, "COMMIT");
    prepare_plan_free(plan);
    return made;
}

static void tables_are_made_once_with_their_rows_and_keys(void **state)
{
    struct server *server = *state;

    open_empty(server);
    assert_int_equal(run_plan(server, &writer_definition), 3);
    assert_int_equal(run_plan(server, &writer_definition), 0);
    assert_string_equal(ask(server, "SELECT format('%s|%s|%s|%s|%s', id, name, price, made, open)"
                                    " FROM shelves"),
                        "7|the 'first'|1.50|2020-07-30 03:41:21.467+00|t");
    assert_string_equal(ask(server, "INSERT INTO shelves (name) VALUES ('x') RETURNING id"), "8");
    assert_string_equal(ask(server, "SELECT count(*) FROM pg_indexes WHERE tablename = 'shelves'"),
                        "2");
    assert_string_equal(ask(server, "SELECT count(*) FROM " WRITER_ANSWERS_TABLE), "0");
    assert_string_equal(ask(server, "SELECT to_regclass('loans') IS NULL"), "t");
}

static void a_role_that_may_create_nothing_finds_nothing_to_do(void **state)
{
    struct server *server = *state;

    open_empty(server);
    run(server, "CREATE TABLE loans (id bigint PRIMARY KEY)");
    (void)run_plan(server, &writer_definition);
    run(server, "DROP ROLE IF EXISTS poor; CREATE ROLE poor; SET ROLE poor");
    assert_int_equal(run_plan(server, &writer_definition), 0);
    run(server, "RESET ROLE; DROP ROLE poor");
}

static const struct definition keyed_definition = {.tables = (struct table *)&loans,
                                                   .table_count = 1};

static void keys_of_tables_that_were_there_go_on_beyond_the_highest(void **state)
{
    static const struct {
        const char *rows;
        const char *next;
    } cases[] = {{"(1), (41)", "42"}, {"(-5)", "1"}};
    struct server *server = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[200];

        open_empty(server);
        snprintf(sql, sizeof sql,
                 "CREATE TABLE loans (id bigint PRIMARY KEY, book text); INSERT INTO loans VALUES"
                 " %s",
                 cases[i].rows);
        run(server, sql);
        assert_int_equal(run_plan(server, &keyed_definition), 2);
        assert_int_equal(run_plan(server, &keyed_definition), 0);
        assert_string_equal(ask(server, "INSERT INTO loans (book) VALUES ('x') RETURNING id"),
                            cases[i].next);
        source_close(&server->source->base);
        server->source = NULL;
    }
}

static void keys_that_something_else_gives_are_left_alone(void **state)
{
    struct server *server = *state;

    open_empty(server);
    run(server, "CREATE TABLE loans (id bigserial PRIMARY KEY)");
    assert_int_equal(run_plan(server, &keyed_definition), 1);
}

static void keys_go_on_beyond_what_was_imported(void **state)
{
    struct server *server = *state;
    struct fixture *fixture = &server->base;
    struct value values[5] = {integer_value(41)};
    struct source_load *load;

    open_empty(server);
    for (int i = 0; i < 2; i++) {
        OK(source_load_begin(&server->source->base, &loans, &load, &fixture->msg));
        OK(source_load_row(load, values, &fixture->msg));
        OK(source_load_finish(load, &fixture->msg));
        assert_string_equal(ask(server, "INSERT INTO loans (book) VALUES ('x') RETURNING id"),
                            "42");
    }
    assert_int_equal(run_plan(server, &keyed_definition), 1);
}

static void a_snapshot_holds_the_writes_up_to_its_position(void **state)
{
    struct server *server = *state;
    struct fixture *fixture = &server->base;
    struct source *reader;
    uint64_t before;
    uint64_t after;
    int64_t number;

    open_empty(server);
    run(server, "CREATE TABLE marks (mark bigint)");
    OK(source_open(fixture->url, SOURCE_READ, &reader, &fixture->msg));
    OK(source_begin(&reader, 1, &fixture->msg));
    assert_true(parse_integer(slice_str(ask(server, "INSERT INTO marks VALUES (1) RETURNING"
                                                    " pg_current_xact_id()::text")),
                              &number));
    OK(source_write_position(reader, &before, &fixture->msg));
    source_end(reader);
    OK(source_begin(&reader, 1, &fixture->msg));
    OK(source_write_position(reader, &after, &fixture->msg));
    source_end(reader);
    source_close(reader);
    assert_true(before < (uint64_t)number + 1);
    assert_true(after >= (uint64_t)number + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tables_are_made_once_with_their_rows_and_keys),
        TEST(a_role_that_may_create_nothing_finds_nothing_to_do),
        TEST(keys_of_tables_that_were_there_go_on_beyond_the_highest),
        TEST(keys_that_something_else_gives_are_left_alone),
        TEST(keys_go_on_beyond_what_was_imported),
        TEST(a_snapshot_holds_the_writes_up_to_its_position),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
