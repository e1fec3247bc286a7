/* Threads: the writer's own is started by writer_open; see pthread_create there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "unit/source/writer_postgres_fixture.h"

/* ---- outcomes ---- */

static void a_write_is_there_when_it_is_answered(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 2, 0);
    struct test_job test;
    struct writer_state look;

    assert_done(run_with_text(server, writer, "/add", "it's; DROP TABLE shelves", &test), &test);
    assert_int_equal(test.job.status, 201);
    assert_string_equal(buffer_str(&test.job.body), "Created");
    assert_int_equal(ask(server, "SELECT id FROM shelves WHERE name = 'it''s; DROP TABLE shelves'"),
                     8);
    job_free(&test);
    writer_look(writer, &look);
    assert_true(look.is_connected);
    assert_int_equal(look.committed, 1);
    assert_int_equal(look.failed, 0);
    assert_int_equal(look.waiting, 0);
    writer_close(writer);
}

static void the_position_is_that_of_the_first_snapshot_that_holds_the_write(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 2, 0);
    struct test_job test;
    int64_t before;

    assert_done(run_with_text(server, writer, "/add", "a", &test), &test);
    job_free(&test);
    before = ask(server, "SELECT pg_snapshot_xmin(pg_current_snapshot())");
    assert_done(run_with_text(server, writer, "/add", "b", &test), &test);
    assert_true((int64_t)test.job.position > before);
    assert_int_equal(test.job.position,
                     ask(server, "SELECT pg_snapshot_xmin(pg_current_snapshot())"));
    job_free(&test);
    assert_done(run_with_text(server, writer, "/rows", "", &test), &test);
    assert_int_equal(test.job.position, 0);
    job_free(&test);
    writer_close(writer);
}

static void what_is_answered_is_on_disk_whatever_the_server_thinks(void **state)
{
    static const struct {
        const char *change;
        const char *expected;
    } cases[] = {{"SET synchronous_commit = off", "on"},
                 {"SET synchronous_commit = local", "local"},
                 {"RESET synchronous_commit", "on"}};
    struct server *server = *state;

    writer_close(start_writer(server, 1, 0)); /* skips without a server */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct writer *writer;
        struct test_job test;
        char sql[200];

        snprintf(sql, sizeof sql,
                 "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I %s', current_database()); END $$",
                 cases[i].change);
        other_run(server, sql);
        writer = start_writer(server, 1, 0);
        assert_done(run_with_text(server, writer, "/durable", "", &test), &test);
        assert_true(slice_is(test.job.rows[0].values[0].text, cases[i].expected));
        job_free(&test);
        writer_close(writer);
    }
}

static void what_the_database_refuses_is_told_apart(void **state)
{
    static const struct {
        const char *path;
        int64_t id;
        enum write_outcome outcome;
        const char *message;
    } cases[] = {
        {"/id", 7, WRITE_INVALID,
         "duplicate key value violates unique constraint \"shelves_pkey\""},
        {"/range", 1LL << 40, WRITE_INVALID, "integer out of range"},
        {"/found", 8, WRITE_MISSING, ""},
        {"/nowhere", 0, WRITE_FAILED, "relation \"nowhere\" does not exist"},
        {"/columns", 0, WRITE_FAILED, "2 columns come back where 1 are declared (in: INSERT"},
        {"/type", 0, WRITE_FAILED, "got comes back with a type that is no integer; cast it"},
        {"/many", 0, WRITE_FAILED, "10001 rows come back, at most 10000 may (in: SELECT"},
        {"/found", 7, WRITE_DONE, ""},
    };
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);

    for (unsigned turn = 0; turn < 2; turn++) { /* the second time everything is prepared */
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            struct test_job test;

            make_job(server, cases[i].path, &test);
            test.takes[0] = integer_value(cases[i].id);
            test.takes[1] = text_value("secret");
            assert_int_equal(job_run(writer, &test), cases[i].outcome);
            if (strstr(test.job.msg.text, cases[i].message) == NULL ||
                strstr(test.job.msg.text, "secret") != NULL) {
                fail_msg("%s: %s", cases[i].path, test.job.msg.text);
            }
            assert_int_equal(test.job.position == 0, cases[i].outcome != WRITE_DONE);
            job_free(&test);
        }
    }
    assert_int_equal(ask(server, "SELECT count(*) FROM shelves"), 1);
    writer_close(writer);
}

static void a_constraint_that_is_checked_at_the_end_refuses_a_commit(void **state)
{
    static const char *const paths[] = {"/deferred", "/deferred_missing"};
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct test_job test;

    other_run(server, "CREATE TABLE later (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED);"
                      "INSERT INTO later VALUES (1)");
    for (unsigned turn = 0; turn < 6; turn++) {
        assert_int_equal(run_with_integer(server, writer, paths[turn % 2], 1, &test),
                         WRITE_INVALID);
        assert_non_null(strstr(test.job.msg.text, "unique constraint \"later_id_key\""));
        job_free(&test);
        assert_done(run_with_integer(server, writer, paths[turn % 2], 10 + turn, &test), &test);
        job_free(&test);
    }
    assert_int_equal(ask(server, "SELECT count(*) FROM later"), 7);
    writer_close(writer);
}

static void take_marks(struct test_job *test, const char *const *marks, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        test->values[i] = text_value(marks[i]);
    }
    test->items[1] = (struct write_items){.values = test->values, .count = count};
}

static void an_id_is_handed_on_to_the_statement_of_each_item(void **state)
{
    static const char *const marks[] = {"a", "b", "c"};
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct test_job test;

    for (unsigned count = 0; count <= 3; count++) {
        make_job(server, "/marked", &test);
        test.takes[0] = text_value("with marks");
        take_marks(&test, marks, count);
        assert_done(job_run(writer, &test), &test);
        assert_int_equal(test.job.rows[0].row_count, 1);
        assert_int_equal(test.job.rows[0].values[0].integer, 8 + count);
        job_free(&test);
    }
    assert_int_equal(ask(server, "SELECT count(*) FROM marks WHERE shelf = 11 AND mark IN "
                                 "('a', 'b', 'c')"),
                     3);
    assert_int_equal(ask(server, "SELECT count(*) FROM marks"), 6);
    writer_close(writer);
}

static void one_item_that_finds_nothing_takes_everything_back(void **state)
{
    static const char *const marks[] = {"a", "no", "c"};
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct test_job test;

    make_job(server, "/marked", &test);
    test.takes[0] = text_value("with marks");
    take_marks(&test, marks, 3);
    assert_int_equal(job_run(writer, &test), WRITE_MISSING);
    assert_int_equal(test.job.statement, 1);
    job_free(&test);
    assert_int_equal(ask(server, "SELECT count(*) FROM shelves"), 1);
    assert_int_equal(ask(server, "SELECT count(*) FROM marks"), 0);
    assert_done(run_with_text(server, writer, "/add", "goes on", &test), &test);
    job_free(&test);
    writer_close(writer);
}

static void what_finds_nothing_changes_nothing(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);

    for (unsigned turn = 0; turn < 2; turn++) {
        struct test_job test;

        assert_int_equal(run_with_text(server, writer, "/with", "", &test), WRITE_MISSING);
        job_free(&test);
        assert_int_equal(ask(server, "SELECT count(*) FROM shelves"), 1);
    }
    writer_close(writer);
}

static void reply_too_large(struct write_job *job)
{
    buffer_append_str(&job->body, "half of ");
    job->body.overflowed = true;
}

static void a_write_whose_answer_cannot_be_given_is_taken_back(void **state)
{
    static const struct {
        const char *path;
        const char *key;
    } cases[] = {{"/named", ""}, {"/add", "k"}, {"/marked", ""}, {"/half", ""}};
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);

    for (unsigned i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct test_job test;

        make_job(server, cases[i / 2].path, &test);
        test.takes[0] = text_value("a");
        test.job.key = slice_str(cases[i / 2].key);
        test.job.reply = i % 2 == 0 ? reply_too_large : reply_created;
        assert_int_equal(job_run(writer, &test), i % 2 == 0 ? WRITE_FAILED : WRITE_DONE);
        assert_string_equal(test.job.msg.text, i % 2 == 0 ? "the answer cannot be given" : "");
        assert_false(test.job.is_replay);
        job_free(&test);
        assert_int_equal(ask(server, "SELECT count(*) FROM shelves"), 1 + (i + 1) / 2);
    }
    writer_close(writer);
}

/* More than a socket takes at once. */
static void rows_of_a_megabyte_are_made(void **state)
{
    static const char head[] = "name: large\n"
                               "tables:\n"
                               "  large:\n"
                               "    primary_key: id\n"
                               "    columns: {id: integer, t: text}\n"
                               "    rows:\n";
    static const char routes[] =
        "routes:\n"
        "  - get: /large\n"
        "    run: [{sql: SELECT sum(length(t)) FROM large, returns: {n: integer}}]\n"
        "    answer: $n\n";
    struct server *server = *state;
    struct definition *before = server->definition;
    struct writer *writer;
    struct test_job test;
    struct buffer yaml;
    struct errmsg msg = {""};

    if (server->fixture.url[0] == '\0') {
        skip();
    }
    buffer_init(&yaml, 4 << 20);
    buffer_append_str(&yaml, head);
    for (int i = 0; i < 250; i++) {
        buffer_printf(&yaml, "      - {id: %d, t: t%04000d}\n", i, i);
    }
    buffer_append_str(&yaml, routes);
    if (definition_parse("large.yaml", buffer_slice(&yaml), &server->definition, &msg) !=
        ERR_NONE) {
        fail_msg("%s", msg.text);
    }
    writer = start_writer(server, 1, 0);
    assert_done(run_with_text(server, writer, "/large", "", &test), &test);
    assert_int_equal(test.job.rows[0].values[0].integer, 1000250);
    job_free(&test);
    writer_close(writer);
    other_run(server, "DROP TABLE large");
    definition_free(server->definition);
    server->definition = before;
    buffer_free(&yaml);
}

static void the_members_of_a_map_are_names_and_values(void **state)
{
    struct value names[] = {integer_value(3), integer_value(4)};
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct test_job test;

    make_job(server, "/sized", &test);
    test.values[0] = integer_value(30);
    test.values[1] = integer_value(40);
    test.items[0] = (struct write_items){.values = test.values, .names = names, .count = 2};
    assert_done(job_run(writer, &test), &test);
    job_free(&test);
    assert_int_equal(ask(server, "SELECT sum(size - 10 * shelf) + count(*) FROM marks"), 2);
    writer_close(writer);
}

/* ---- values ---- */

static void values_come_back_as_they_went(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct value takes[] = {integer_value(INT64_MIN),
                            text_value("caf\xc3\xa9 '\" \\ $1"),
                            integer_value(1),
                            {.type = VALUE_REAL, .real = -0.1},
                            integer_value(1596080481467)};
    struct value nothing[5] = {{.type = VALUE_NULL}};
    struct test_job test;
    struct value *row;

    make_job(server, "/values", &test);
    test.job.takes = takes;
    test.job.now_ms = 1600000000000;
    assert_done(job_run(writer, &test), &test);
    row = test.job.rows[0].values;
    assert_int_equal(row[0].integer, INT64_MIN);
    assert_true(slice_equal(row[1].text, takes[1].text));
    assert_int_equal(row[2].integer, 1);
    assert_true(row[3].real == -0.1);
    assert_int_equal(row[4].integer, 1596080481467);
    assert_true(slice_is(row[5].text, "2020-09-13 12:26:40+00"));
    job_free(&test);
    make_job(server, "/values", &test);
    test.job.takes = nothing;
    assert_done(job_run(writer, &test), &test);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(test.job.rows[0].values[i].type, VALUE_NULL);
    }
    job_free(&test);
    writer_close(writer);
}

static void what_json_cannot_say_is_null_and_digits_are_kept(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct test_job test;
    struct value *row;

    assert_done(run_with_text(server, writer, "/odd", "", &test), &test);
    row = test.job.rows[0].values;
    assert_int_equal(row[0].type, VALUE_TEXT);
    assert_true(slice_is(row[0].text, "12345678901234567890123"));
    assert_int_equal(row[1].type, VALUE_INTEGER);
    assert_int_equal(row[1].integer, 5);
    assert_int_equal(row[2].type, VALUE_NULL);
    assert_int_equal(row[3].type, VALUE_NULL);
    assert_int_equal(row[4].type, VALUE_NULL);
    assert_true(slice_is(row[5].text, "140.50"));
    assert_true(slice_is(row[6].text, "7"));
    assert_true(row[7].real == 2.5);
    job_free(&test);
    writer_close(writer);
}

static void all_rows_come_back(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct test_job test;

    assert_done(run_with_text(server, writer, "/add", "second", &test), &test);
    job_free(&test);
    assert_done(run_with_text(server, writer, "/rows", "", &test), &test);
    assert_int_equal(test.job.rows[0].row_count, 2);
    assert_int_equal(test.job.rows[0].values[2].integer, 8);
    assert_true(slice_is(test.job.rows[0].values[3].text, "second"));
    job_free(&test);
    writer_close(writer);
}

/* ---- keys ---- */

static void a_key_runs_once_and_is_replayed(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 2, 0);
    struct test_job test;
    uint64_t first;

    assert_done(run_with_key(server, writer, "k1", "one", &test), &test);
    assert_false(test.job.is_replay);
    first = test.job.position;
    job_free(&test);
    for (unsigned i = 0; i < 3; i++) {
        assert_done(run_with_key(server, writer, "k1", "one", &test), &test);
        assert_true(test.job.is_replay);
        assert_int_equal(test.job.status, 201);
        assert_string_equal(buffer_str(&test.job.body), "Created");
        assert_true(test.job.position >= first);
        job_free(&test);
    }
    assert_int_equal(run_with_key(server, writer, "k1", "other", &test), WRITE_KEY_CONFLICT);
    assert_int_equal(test.job.body.len, 0);
    job_free(&test);
    assert_int_equal(ask(server, "SELECT count(*) FROM shelves"), 2);
    writer_close(writer);
}

static void the_key_of_a_failure_is_free_again(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct test_job test;

    make_job(server, "/found", &test);
    test.takes[0] = integer_value(8);
    test.job.key = slice_str("k2");
    assert_int_equal(job_run(writer, &test), WRITE_MISSING);
    job_free(&test);
    assert_int_equal(ask(server, "SELECT count(*) FROM " WRITER_ANSWERS_TABLE), 0);
    assert_done(run_with_key(server, writer, "k2", "one", &test), &test);
    assert_false(test.job.is_replay);
    job_free(&test);
    writer_close(writer);
}

static void a_key_expires(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct test_job test;

    assert_done(run_with_key(server, writer, "k3", "one", &test), &test);
    job_free(&test);
    make_job(server, "/add", &test);
    test.takes[0] = text_value("a day later");
    test.job.key = slice_str("k3");
    test.job.now_ms += 24 * 3600 * 1000;
    assert_done(job_run(writer, &test), &test);
    assert_false(test.job.is_replay);
    job_free(&test);
    assert_int_equal(ask(server, "SELECT count(*) FROM shelves"), 3);
    writer_close(writer);
}

static void expired_keys_are_deleted(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_sweeping_writer(
        server, 0,
        "INSERT INTO " WRITER_ANSWERS_TABLE " SELECT 'e' || i, 0, 200, '', i FROM "
        "generate_series(1, 1500) AS i; INSERT INTO " WRITER_ANSWERS_TABLE
        " VALUES ('stays', 0, 200, '', 9000000000000)",
        1);

    writer_close(writer);
}

static void of_two_writers_with_one_key_at_once_one_runs(void **state)
{
    enum { JOBS = 12 };
    struct server *server = *state;
    struct writer *writers[] = {start_writer(server, 4, 30000), start_writer(server, 4, 30000)};
    static struct test_job tests[JOBS];
    unsigned replays = 0;

    for (unsigned i = 0; i < JOBS; i++) {
        make_job(server, "/slow", &tests[i]);
        tests[i].takes[0] = text_value("slow");
        tests[i].job.key = slice_str("at once");
        writer_submit(writers[i % 2], &tests[i].job);
    }
    for (unsigned i = 0; i < JOBS; i++) {
        job_wait(&tests[i]);
        assert_done(tests[i].job.outcome, &tests[i]);
        assert_string_equal(buffer_str(&tests[i].job.body), "Created");
        replays += tests[i].job.is_replay;
        job_free(&tests[i]);
    }
    assert_int_equal(replays, JOBS - 1);
    assert_int_equal(ask(server, "SELECT count(*) FROM shelves WHERE name = 'slow'"), 1);
    writer_close(writers[0]);
    writer_close(writers[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_write_is_there_when_it_is_answered),
        SERVER_TEST(the_position_is_that_of_the_first_snapshot_that_holds_the_write),
        SERVER_TEST(what_is_answered_is_on_disk_whatever_the_server_thinks),
        SERVER_TEST(what_the_database_refuses_is_told_apart),
        SERVER_TEST(a_constraint_that_is_checked_at_the_end_refuses_a_commit),
        SERVER_TEST(an_id_is_handed_on_to_the_statement_of_each_item),
        SERVER_TEST(one_item_that_finds_nothing_takes_everything_back),
        SERVER_TEST(what_finds_nothing_changes_nothing),
        SERVER_TEST(a_write_whose_answer_cannot_be_given_is_taken_back),
        SERVER_TEST(rows_of_a_megabyte_are_made),
        SERVER_TEST(the_members_of_a_map_are_names_and_values),
        SERVER_TEST(values_come_back_as_they_went),
        SERVER_TEST(what_json_cannot_say_is_null_and_digits_are_kept),
        SERVER_TEST(all_rows_come_back),
        SERVER_TEST(a_key_runs_once_and_is_replayed),
        SERVER_TEST(the_key_of_a_failure_is_free_again),
        SERVER_TEST(a_key_expires),
        SERVER_TEST(expired_keys_are_deleted),
        SERVER_TEST(of_two_writers_with_one_key_at_once_one_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
