/* Threads: the writer's own is started by writer_open; see pthread_create there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "unit/source/writer_fixture.h"

static const char add_sql[] = "INSERT INTO shelves (name) VALUES (?1)";

static int64_t shelf_count(struct fixture *fixture)
{
    return file_ask(fixture->path, "SELECT count(*) FROM shelves");
}

/* Runs ACTION once with up to two texts. */
static enum write_outcome run_action(struct writer *writer, const struct made_action *made,
                                     const char *first, const char *second, struct test_job *test)
{
    job_init(test, made);
    test->takes[0] = text_value(first);
    test->takes[1] = text_value(second);
    return job_run(writer, test);
}

/* ---- outcomes ---- */

static void a_write_is_there_when_it_is_answered(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action add;
    struct test_job test;

    make_action(&add, add_sql, 1);
    assert_int_equal(run_action(writer, &add, "it's; DROP TABLE shelves", "", &test), WRITE_DONE);
    assert_int_equal(test.job.status, 201);
    assert_string_equal(buffer_str(&test.job.body), "Created");
    assert_int_equal(test.job.position, 1);
    assert_int_equal(
        file_ask(fixture->path, "SELECT id FROM shelves WHERE name = 'it''s; DROP TABLE shelves'"),
        8);
    job_free(&test);
    writer_close(writer);
}

static void tables_without_a_file_begin_with_their_rows(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action look;
    struct statement *statement =
        make_action(&look, "SELECT id, name, price, made FROM shelves", 0);
    struct test_job test;
    struct value *row;

    look.action.only_reads = true;
    add_returned(statement, "id", SCALAR_INTEGER);
    add_returned(statement, "name", SCALAR_TEXT);
    add_returned(statement, "price", SCALAR_DECIMAL);
    add_returned(statement, "made", SCALAR_TIMESTAMP);
    assert_int_equal(run_action(writer, &look, "", "", &test), WRITE_DONE);
    assert_int_equal(test.job.rows[0].row_count, 1);
    row = test.job.rows[0].values;
    assert_int_equal(row[0].integer, 7);
    assert_true(slice_is(row[1].text, "the 'first'"));
    assert_true(slice_is(row[2].text, "1.50"));
    assert_int_equal(row[3].integer, 1596080481467);
    assert_int_equal(test.job.position, 0);
    job_free(&test);
    writer_close(writer);
    assert_int_equal(
        file_ask(fixture->path, "SELECT count(*) FROM sqlite_schema WHERE name = 'loans'"), 0);
    assert_int_equal(
        file_ask(fixture->path, "SELECT count(*) FROM sqlite_schema WHERE name = 'shelves(name)'"),
        1);
    writer_close(open_writer(fixture, 0));
    assert_int_equal(shelf_count(fixture), 1);
}

static void what_the_database_refuses_is_told_apart(void **state)
{
    static const struct {
        const char *sql;
        enum scalar_type returns;
        bool only_reads;
        enum write_outcome outcome;
        const char *message;
    } cases[] = {
        {"INSERT INTO shelves (name) VALUES (NULL) RETURNING id", SCALAR_INTEGER, false,
         WRITE_INVALID, "NOT NULL constraint failed: shelves.name"},
        {"INSERT INTO shelves (id, name) VALUES (7, 'x') RETURNING id", SCALAR_INTEGER, false,
         WRITE_INVALID, "UNIQUE constraint failed: shelves.id"},
        {"INSERT INTO shelves (id, name) VALUES ('x', 'x') RETURNING id", SCALAR_INTEGER, false,
         WRITE_INVALID, "datatype mismatch"},
        {"UPDATE shelves SET open = id + 9223372036854775807 RETURNING open", SCALAR_INTEGER, false,
         WRITE_INVALID, "out: "},
        {"INSERT INTO nowhere VALUES (1) RETURNING 1", SCALAR_INTEGER, false, WRITE_FAILED,
         "no such table: nowhere"},
        {"INSERT INTO shelves (name) VALUES ('x') RETURNING id, name", SCALAR_INTEGER, false,
         WRITE_FAILED, "it returns another number of columns than is declared (in: INSERT"},
        {"UPDATE shelves SET name = 'x' RETURNING name", SCALAR_INTEGER, false, WRITE_FAILED,
         "out: \"x\" is not an integer"},
        {"INSERT INTO shelves (name) VALUES (?1) RETURNING id", SCALAR_INTEGER, false, WRITE_FAILED,
         "it has another number of parameters than are bound"},
        {"INSERT INTO shelves (name) VALUES ('x') RETURNING id", SCALAR_INTEGER, true, WRITE_FAILED,
         "an action that only reads may not write"},
        {"", SCALAR_INTEGER, false, WRITE_FAILED, "this is no statement"},
    };
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made_action made;
        struct test_job test;
        struct statement *statement = make_action(&made, cases[i].sql, 0);

        add_returned(statement, "out", cases[i].returns);
        made.action.only_reads = cases[i].only_reads;
        if (run_action(writer, &made, "", "", &test) != cases[i].outcome) {
            fail_msg("%s: outcome %u, %s", cases[i].sql, test.job.outcome, test.job.msg.text);
        }
        if (strstr(test.job.msg.text, cases[i].message) == NULL) {
            fail_msg("%s: \"%s\" is not in \"%s\"", cases[i].sql, cases[i].message,
                     test.job.msg.text);
        }
        assert_int_equal(test.job.body.len, 0);
        job_free(&test);
        assert_int_equal(
            file_ask(fixture->path, "SELECT name = 'the ''first''' AND open = 1 FROM shelves"), 1);
    }
    assert_int_equal(shelf_count(fixture), 1);
    writer_close(writer);
}

static void statements_that_end_transactions_are_refused(void **state)
{
    static const char *const statements[] = {"COMMIT", "ROLLBACK", "SAVEPOINT x", "BEGIN",
                                             "RELEASE job"};
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);

    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct made_action made;
        struct test_job test;

        make_action(&made, statements[i], 0);
        assert_int_equal(run_action(writer, &made, "", "", &test), WRITE_FAILED);
        assert_non_null(strstr(test.job.msg.text, "this neither reads nor changes rows"));
        job_free(&test);
    }
    writer_close(writer);
}

static void a_later_failure_takes_back_the_statements_before_it(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action made;
    struct statement *second;
    struct test_job test;

    make_action(&made, add_sql, 1);
    second = add_statement(&made, "UPDATE shelves SET name = 'y' WHERE name = ?1");
    add_binding(second, BINDING_TAKE, 1);
    second->missing.status = 404;
    assert_int_equal(run_action(writer, &made, "x", "nowhere", &test), WRITE_MISSING);
    assert_int_equal(test.job.statement, 1);
    job_free(&test);
    assert_int_equal(shelf_count(fixture), 1);
    assert_int_equal(run_action(writer, &made, "x", "x", &test), WRITE_DONE);
    job_free(&test);
    assert_int_equal(shelf_count(fixture), 2);
    writer_close(writer);
}

static void returned_values_and_items_go_into_later_statements(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action made;
    struct statement *first = make_action(&made,
                                          "INSERT INTO shelves (name, made) VALUES (?1, ?2)"
                                          " RETURNING id",
                                          1);
    struct statement *second = add_statement(&made, "INSERT INTO marks VALUES (?1, ?2)");
    struct test_job test;

    add_binding(first, BINDING_NOW, 0);
    add_returned(first, "id", SCALAR_INTEGER);
    add_binding(second, BINDING_RETURNED, 0);
    add_binding(second, BINDING_ITEM, 2);
    second->each = 2;
    job_init(&test, &made);
    test.takes[0] = text_value("x");
    test.values[0] = text_value("caf\xc3\xa9");
    test.values[1] = text_value("");
    test.items[2] = (struct write_items){.values = test.values, .count = 2};
    assert_int_equal(job_run(writer, &test), WRITE_DONE);
    job_free(&test);
    assert_int_equal(file_ask(fixture->path, "SELECT made FROM shelves WHERE id = 8"),
                     1600000000000);
    assert_int_equal(file_ask(fixture->path,
                              "SELECT count(*) FROM marks WHERE shelf = 8 AND mark IN"
                              " ('caf\xc3\xa9', '')"),
                     2);
    writer_close(writer);
}

static void one_item_that_finds_nothing_is_missing(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action made;
    struct statement *statement =
        make_action(&made, "INSERT INTO marks SELECT id, ?1 FROM shelves WHERE name = ?2", 0);
    struct test_job test;

    add_binding(statement, BINDING_ITEM_NAME, 0);
    add_binding(statement, BINDING_ITEM, 0);
    statement->each = 0;
    statement->missing.status = 422;
    for (unsigned count = 0; count <= 2; count++) {
        job_init(&test, &made);
        test.values[0] = text_value("the 'first'");
        test.values[1] = text_value("nowhere");
        test.items[0] =
            (struct write_items){.values = test.values, .names = test.values, .count = count};
        assert_int_equal(job_run(writer, &test), count == 2 ? WRITE_MISSING : WRITE_DONE);
        job_free(&test);
    }
    assert_int_equal(file_ask(fixture->path, "SELECT count(*) FROM marks"), 1);
    writer_close(writer);
}

/* ---- keys ---- */

static enum write_outcome run_keyed(struct writer *writer, const struct made_action *made,
                                    const char *key, uint64_t fingerprint, int64_t now_ms,
                                    struct test_job *test)
{
    job_init(test, made);
    test->takes[0] = text_value("x");
    test->job.key = slice_str(key);
    test->job.fingerprint = fingerprint;
    test->job.now_ms = now_ms;
    return job_run(writer, test);
}

static void a_key_is_run_once_and_answered_alike(void **state)
{
    int64_t now_ms = timestamp_now_ms();
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action add;
    struct test_job test;

    make_action(&add, add_sql, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_keyed(writer, &add, "k", UINT64_MAX, now_ms, &test), WRITE_DONE);
        assert_int_equal(test.job.is_replay, i > 0);
        assert_int_equal(test.job.status, 201);
        assert_string_equal(buffer_str(&test.job.body), "Created");
        assert_int_equal(test.job.position, 1);
        job_free(&test);
    }
    assert_int_equal(run_keyed(writer, &add, "k", 5, now_ms, &test), WRITE_KEY_CONFLICT);
    assert_int_equal(test.job.body.len, 0);
    job_free(&test);
    assert_int_equal(run_keyed(writer, &add, "other", 5, now_ms, &test), WRITE_DONE);
    job_free(&test);
    writer_close(writer);
    writer = open_writer(fixture, 0);
    assert_int_equal(run_keyed(writer, &add, "k", UINT64_MAX, now_ms, &test), WRITE_DONE);
    assert_true(test.job.is_replay);
    job_free(&test);
    writer_close(writer);
    assert_int_equal(shelf_count(fixture), 3);
}

static void keys_of_failures_are_not_kept(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action made;
    struct test_job test;

    make_action(&made, "UPDATE shelves SET name = ?1 WHERE id = 8", 1)->missing.status = 404;
    assert_int_equal(run_keyed(writer, &made, "k", 1, timestamp_now_ms(), &test), WRITE_MISSING);
    job_free(&test);
    assert_int_equal(file_ask(fixture->path, "SELECT count(*) FROM " WRITER_ANSWERS_TABLE), 0);
    writer_close(writer);
}

static void expired_keys_are_forgotten(void **state)
{
    int64_t day_ms = 24 * 3600 * 1000;
    int64_t now_ms = timestamp_now_ms();
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action add;
    struct test_job test;

    make_action(&add, add_sql, 1);
    for (int i = 0; i < 20; i++) {
        char key[20];

        snprintf(key, sizeof key, "old %d", i);
        (void)run_keyed(writer, &add, key, 1, now_ms - 2 * day_ms, &test);
        job_free(&test);
    }
    assert_int_equal(run_keyed(writer, &add, "old 0", 1, now_ms, &test), WRITE_DONE);
    assert_false(test.job.is_replay);
    job_free(&test);
    for (int i = 0; i < 2; i++) {
        char key[20];

        snprintf(key, sizeof key, "new %d", i);
        (void)run_keyed(writer, &add, key, 1, now_ms, &test);
        job_free(&test);
    }
    assert_int_equal(file_ask(fixture->path, "SELECT count(*) FROM " WRITER_ANSWERS_TABLE), 3);
    writer_close(writer);
}

/* ---- many at once ---- */

/* Holds the write lock, so that what is submitted meanwhile is one batch. */
static sqlite3 *hold(struct fixture *fixture)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void jobs_of_one_batch_fail_each_for_itself(void **state)
{
    enum { COUNT = 6 };
    static const char *const statements[COUNT] = {
        add_sql,
        "INSERT INTO shelves (id, name) VALUES (7, ?1)",
        "INSERT OR ROLLBACK INTO shelves (id, name) VALUES (7, ?1)",
        "UPDATE shelves SET name = ?1 WHERE id = 1000",
        "INSERT INTO marks VALUES (1, ?1)",
        add_sql,
    };
    static const enum write_outcome outcomes[COUNT] = {WRITE_DONE,    WRITE_INVALID, WRITE_INVALID,
                                                       WRITE_MISSING, WRITE_DONE,    WRITE_DONE};
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action made[COUNT];
    struct test_job tests[COUNT];
    sqlite3 *lock;

    assert_int_equal(
        (make_action(&made[0], add_sql, 1), run_action(writer, &made[0], "warm", "", &tests[0])),
        WRITE_DONE);
    job_free(&tests[0]);
    lock = hold(fixture);
    for (unsigned i = 0; i < COUNT; i++) {
        make_action(&made[i], statements[i], 1)->missing.status = 404;
        job_init(&tests[i], &made[i]);
        tests[i].takes[0] = text_value("x");
        writer_submit(writer, &tests[i].job);
    }
    sqlite3_close(lock);
    for (unsigned i = 0; i < COUNT; i++) {
        job_wait(&tests[i]);
        assert_int_equal(tests[i].job.outcome, outcomes[i]);
        if (outcomes[i] == WRITE_DONE) {
            assert_string_equal(buffer_str(&tests[i].job.body), "Created");
        }
    }
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(tests[i].answers, 1);
        job_free(&tests[i]);
    }
    writer_close(writer);
    assert_int_equal(shelf_count(fixture), 4);
    assert_int_equal(file_ask(fixture->path, "SELECT count(*) FROM marks"), 1);
}

static void a_single_statement_that_fails_keeps_nothing_beside_others(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action add;
    struct made_action fail;
    struct test_job tests[2];
    sqlite3 *lock;

    make_action(&add, add_sql, 1);
    make_action(&fail, "INSERT OR FAIL INTO shelves (id, name) VALUES (20, ?1), (7, ?1)", 1);
    (void)run_action(writer, &add, "warm", "", &tests[0]);
    job_free(&tests[0]);
    lock = hold(fixture);
    for (unsigned i = 0; i < 2; i++) {
        job_init(&tests[i], i == 0 ? &fail : &add);
        tests[i].takes[0] = text_value("x");
        writer_submit(writer, &tests[i].job);
    }
    sqlite3_close(lock);
    for (unsigned i = 0; i < 2; i++) {
        job_wait(&tests[i]);
        assert_int_equal(tests[i].job.outcome, i == 0 ? WRITE_INVALID : WRITE_DONE);
        job_free(&tests[i]);
    }
    assert_int_equal(file_ask(fixture->path, "SELECT count(*) FROM shelves WHERE id = 20"), 0);
    writer_close(writer);
}

static void jobs_that_wait_share_a_transaction_and_a_key(void **state)
{
    enum { COUNT = 100 };
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct test_job *tests = calloc(COUNT, sizeof *tests);
    struct writer_state before;
    struct writer_state after;
    struct made_action add;
    unsigned replays = 0;
    sqlite3 *lock;

    make_action(&add, add_sql, 1);
    (void)run_action(writer, &add, "warm", "", &tests[0]);
    job_free(&tests[0]);
    writer_look(writer, &before);
    lock = hold(fixture);
    for (unsigned i = 0; i < COUNT; i++) {
        job_init(&tests[i], &add);
        tests[i].takes[0] = text_value("x");
        tests[i].job.key = slice_str("the same");
        tests[i].job.now_ms = timestamp_now_ms(); /* keys of long ago expire with their batch */
        writer_submit(writer, &tests[i].job);
    }
    writer_look(writer, &after);
    assert_int_equal(after.waiting, COUNT);
    sqlite3_close(lock);
    for (unsigned i = 0; i < COUNT; i++) {
        job_wait(&tests[i]);
        assert_int_equal(tests[i].job.outcome, WRITE_DONE);
        replays += tests[i].job.is_replay;
        job_free(&tests[i]);
    }
    writer_look(writer, &after);
    assert_int_equal(replays, COUNT - 1);
    assert_true(after.committed - before.committed <= 2);
    assert_int_equal(after.waiting, 0);
    assert_int_equal(after.failed, 0);
    assert_true(after.is_connected);
    free(tests);
    writer_close(writer);
    assert_int_equal(shelf_count(fixture), 3);
}

static void a_lock_is_waited_for_until_the_deadline_while_reads_go_on(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 4000);
    int64_t started_ms = monotonic_ms();
    struct made_action add;
    struct made_action look;
    struct test_job test;
    struct test_job reading;
    sqlite3 *lock;

    make_action(&add, add_sql, 1);
    make_action(&look, "SELECT 1 FROM shelves", 0)->missing.status = 404;
    look.action.only_reads = true;
    (void)run_action(writer, &add, "warm", "", &test);
    job_free(&test);
    lock = hold(fixture);
    job_init(&test, &add);
    test.takes[0] = text_value("x");
    writer_submit(writer, &test.job);
    assert_int_equal(run_action(writer, &look, "", "", &reading), WRITE_DONE);
    assert_int_equal(test.answers, 0); /* what was read did not wait for the lock */
    job_wait(&test);
    assert_int_equal(test.job.outcome, WRITE_AWAY);
    assert_string_equal(test.job.msg.text, "the source took longer than 4000 ms");
    assert_true(monotonic_ms() - started_ms < 60000);
    sqlite3_close(lock);
    job_free(&test);
    job_free(&reading);
    assert_int_equal(run_action(writer, &add, "x", "", &test), WRITE_DONE);
    job_free(&test);
    writer_close(writer);
}

static void a_slow_statement_is_given_up_without_the_others(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 4000);
    struct made_action slow;
    struct made_action add;
    struct test_job late;
    struct test_job test;

    make_action(&slow,
                "INSERT INTO marks WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                " LIMIT 1000000000) SELECT max(i), ?1 FROM n",
                1);
    make_action(&add, add_sql, 1);
    job_init(&late, &slow);
    late.takes[0] = text_value("x");
    writer_submit(writer, &late.job);
    job_wait(&late);
    assert_int_equal(late.job.outcome, WRITE_AWAY);
    assert_string_equal(late.job.msg.text, "the source took longer than 4000 ms");
    assert_int_equal(run_action(writer, &add, "x", "", &test), WRITE_DONE);
    job_free(&late);
    job_free(&test);
    writer_close(writer);
}

/* ---- the source away ---- */

static void a_source_that_is_away_is_told_at_once_and_comes_back(void **state)
{
    struct fixture *fixture = *state;
    char folder[80];
    struct writer *writer;
    struct writer_state look;
    struct made_action add;
    struct test_job test;

    snprintf(folder, sizeof folder, "%s/later", fixture->folder);
    snprintf(fixture->path, sizeof fixture->path, "%s/a.db", folder);
    snprintf(fixture->url, sizeof fixture->url, "sqlite:%s", fixture->path);
    writer = open_writer(fixture, 5000);
    make_action(&add, add_sql, 1);
    assert_int_equal(run_action(writer, &add, "x", "", &test), WRITE_AWAY);
    assert_non_null(strstr(test.job.msg.text, "unable to open database file"));
    job_free(&test);
    writer_look(writer, &look);
    assert_false(look.is_connected);
    assert_int_equal(look.failed, 1);
    assert_int_equal(mkdir(folder, 0755), 0);
    for (int i = 0; i < 1200; i++) {
        enum write_outcome outcome = run_action(writer, &add, "x", "", &test);

        job_free(&test);
        if (outcome == WRITE_DONE) {
            break;
        }
        usleep(50000);
    }
    assert_int_equal(shelf_count(fixture), 2);
    writer_close(writer);
}

static void a_file_that_was_moved_away_is_left_behind(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action add;
    struct test_job test;
    char moved[120];

    make_action(&add, add_sql, 1);
    assert_int_equal(run_action(writer, &add, "x", "", &test), WRITE_DONE);
    job_free(&test);
    snprintf(moved, sizeof moved, "%s.old", fixture->path);
    assert_int_equal(rename(fixture->path, moved), 0);
    assert_int_equal(run_action(writer, &add, "y", "", &test), WRITE_DONE);
    assert_int_equal(test.job.position, 1);
    job_free(&test);
    assert_int_equal(file_ask(fixture->path, "SELECT count(*) FROM shelves WHERE name = 'y'"), 1);
    writer_close(writer);
}

static void closing_answers_what_waits(void **state)
{
    enum { COUNT = 1000 };
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct test_job *tests = calloc(COUNT, sizeof *tests);
    struct made_action add;

    make_action(&add, add_sql, 1);
    for (unsigned i = 0; i < COUNT; i++) {
        job_init(&tests[i], &add);
        tests[i].takes[0] = text_value("x");
        writer_submit(writer, &tests[i].job);
    }
    writer_close(writer);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(tests[i].answers, 1);
        assert_int_equal(tests[i].job.outcome, WRITE_DONE);
        job_free(&tests[i]);
    }
    free(tests);
    assert_int_equal(shelf_count(fixture), 1 + COUNT);
    writer_close(NULL);
}

static void another_definition_is_prepared_before_the_next_jobs(void **state)
{
    struct table shelf = writer_tables[0];
    struct definition definition = {.tables = &shelf, .table_count = 1};
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action add;
    struct test_job test;

    make_action(&add, "INSERT INTO racks (name) VALUES (?1)", 1);
    assert_int_equal(run_action(writer, &add, "x", "", &test), WRITE_FAILED);
    job_free(&test);
    shelf.name = slice_str("racks");
    writer_define(writer, &definition);
    assert_int_equal(run_action(writer, &add, "x", "", &test), WRITE_DONE);
    job_free(&test);
    assert_int_equal(file_ask(fixture->path, "SELECT count(*) FROM racks"), 2);
    writer_close(writer);
}

static void a_url_that_is_none_is_refused(void **state)
{
    struct writer_options options = {.url = "mysql://x"};
    struct fixture *fixture = *state;
    struct writer *writer;

    assert_int_equal(writer_open(&options, &writer_definition, &writer, &fixture->msg), ERR_USAGE);
    assert_non_null(strstr(fixture->msg.text, "a source is written as sqlite:FILE"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_write_is_there_when_it_is_answered),
        TEST(tables_without_a_file_begin_with_their_rows),
        TEST(what_the_database_refuses_is_told_apart),
        TEST(statements_that_end_transactions_are_refused),
        TEST(a_later_failure_takes_back_the_statements_before_it),
        TEST(returned_values_and_items_go_into_later_statements),
        TEST(one_item_that_finds_nothing_is_missing),
        TEST(a_key_is_run_once_and_answered_alike),
        TEST(keys_of_failures_are_not_kept),
        TEST(expired_keys_are_forgotten),
        TEST(jobs_of_one_batch_fail_each_for_itself),
        TEST(a_single_statement_that_fails_keeps_nothing_beside_others),
        TEST(jobs_that_wait_share_a_transaction_and_a_key),
        TEST(a_lock_is_waited_for_until_the_deadline_while_reads_go_on),
        TEST(a_slow_statement_is_given_up_without_the_others),
        TEST(a_source_that_is_away_is_told_at_once_and_comes_back),
        TEST(a_file_that_was_moved_away_is_left_behind),
        TEST(closing_answers_what_waits),
        TEST(another_definition_is_prepared_before_the_next_jobs),
        TEST(a_url_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
