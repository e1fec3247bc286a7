/* A writer beside those who read, build and import; its thread is the writer's own (pthread_create). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "source/source_sqlite.h"
#include "unit/source/writer_fixture.h"

enum { LOAD_JOBS = 32 };

static const char add_sql[] = "INSERT INTO shelves (name) VALUES ('x')";

static void add_shelf(struct writer *writer, const struct made_action *add, uint64_t *position)
{
    struct test_job test;

    job_init(&test, add);
    assert_int_equal(job_run(writer, &test), WRITE_DONE);
    *position = test.job.position;
    job_free(&test);
}

static int64_t count_shelves(struct fixture *fixture, struct source *source)
{
    struct source_rows *rows;
    const struct value *row;
    int64_t count;

    OK(source_query(source, "SELECT count(*) FROM shelves", NULL, 0, 1, &rows, &fixture->msg));
    OK(source_rows_next(rows, &row, &fixture->msg));
    count = row[0].integer;
    source_rows_close(rows);
    return count;
}

/* ---- load without end ---- */

struct load {
    struct writer *writer;
    struct made_action add;
    struct test_job tests[LOAD_JOBS];
    atomic_bool stops;
    atomic_uint in_flight;
    atomic_uint failed;
    atomic_uint done;
};

static struct load load;

static void on_answer(struct write_job *job)
{
    if (job->outcome != WRITE_DONE) {
        atomic_fetch_add(&load.failed, 1);
    }
    atomic_fetch_add(&load.done, 1);
    if (atomic_load(&load.stops)) {
        atomic_fetch_sub(&load.in_flight, 1);
        return;
    }
    arena_reset(job->arena);
    buffer_clear(&job->body);
    writer_submit(load.writer, job);
}

static void load_begin(struct writer *writer)
{
    memset(&load, 0, sizeof load);
    load.writer = writer;
    make_action(&load.add, add_sql, 0);
    atomic_store(&load.in_flight, LOAD_JOBS);
    for (unsigned i = 0; i < LOAD_JOBS; i++) {
        job_init(&load.tests[i], &load.add);
        load.tests[i].job.done = on_answer;
        writer_submit(writer, &load.tests[i].job);
    }
    while (atomic_load(&load.done) == 0) {
        usleep(1000);
    }
}

static void load_end(void)
{
    atomic_store(&load.stops, true);
    while (atomic_load(&load.in_flight) > 0) {
        usleep(1000);
    }
    for (unsigned i = 0; i < LOAD_JOBS; i++) {
        job_free(&load.tests[i]);
    }
}

/* ---- tests ---- */

static void every_commit_of_an_open_writer_changes_the_position(void **state)
{
    enum { ROUNDS = 100 };
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action add;
    struct source *source;
    struct buffer last;
    struct buffer now;
    uint64_t position;

    make_action(&add, add_sql, 0);
    add_shelf(writer, &add, &position);
    OK(source_open(fixture->url, SOURCE_READ, &source, &fixture->msg));
    buffer_init(&last, 1000);
    buffer_init(&now, 1000);
    OK(source_position(source, &last, &fixture->msg));
    for (int i = 0; i < ROUNDS; i++) {
        add_shelf(writer, &add, &position);
        buffer_clear(&now);
        OK(source_position(source, &now, &fixture->msg));
        assert_string_not_equal(buffer_str(&now), buffer_str(&last));
        buffer_clear(&last);
        OK(source_position(source, &last, &fixture->msg));
        assert_string_equal(buffer_str(&now), buffer_str(&last));
    }
    buffer_free(&last);
    buffer_free(&now);
    source_close(source);
    writer_close(writer);
}

static void commits_without_a_rest_change_the_position_too(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct source *source;
    struct buffer last;

    load_begin(writer);
    OK(source_open(fixture->url, SOURCE_READ, &source, &fixture->msg));
    buffer_init(&last, 1000);
    for (int i = 0; i < 20; i++) {
        unsigned answered = atomic_load(&load.done);
        struct buffer now;

        while (atomic_load(&load.done) < answered + 3 * LOAD_JOBS) { /* a batch from end to end */
            usleep(100);
        }
        buffer_init(&now, 1000);
        OK(source_position(source, &now, &fixture->msg));
        assert_string_not_equal(buffer_str(&now), buffer_str(&last));
        buffer_free(&last);
        last = now;
    }
    buffer_free(&last);
    source_close(source);
    load_end();
    writer_close(writer);
}

static void a_snapshot_holds_the_writes_up_to_its_position(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct made_action add;
    struct source *source;
    uint64_t position;
    uint64_t of_snapshot;

    make_action(&add, add_sql, 0);
    add_shelf(writer, &add, &position);
    OK(source_open(fixture->url, SOURCE_READ, &source, &fixture->msg));
    for (int i = 0; i < 5; i++) {
        OK(source_begin(&source, 1, &fixture->msg));
        OK(source_write_position(source, &of_snapshot, &fixture->msg));
        assert_int_equal(of_snapshot, position);
        assert_int_equal(count_shelves(fixture, source), 1 + position);
        add_shelf(writer, &add, &position);
        OK(source_write_position(source, &of_snapshot, &fixture->msg));
        assert_int_equal(of_snapshot, position - 1);
        source_end(source);
    }
    source_close(source);
    writer_close(writer);
}

static void a_source_that_nobody_wrote_to_has_no_position(void **state)
{
    struct fixture *fixture = *state;
    struct source *source;
    uint64_t position = 7;

    OK(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg));
    OK(source_begin(&source, 1, &fixture->msg));
    OK(source_write_position(source, &position, &fixture->msg));
    assert_int_equal(position, 0);
    source_end(source);
    source_close(source);
}

static void snapshots_are_taken_while_writes_go_on_and_none_fails(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct source *sources[2];
    int64_t slowest_ms = 0;

    load_begin(writer);
    for (int i = 0; i < 2; i++) {
        OK(source_open(fixture->url, SOURCE_READ, &sources[i], &fixture->msg));
    }
    for (int i = 0; i < 30; i++) {
        int64_t started_ms = monotonic_ms();
        uint64_t positions[2];

        OK(source_begin(sources, 2, &fixture->msg));
        if (slowest_ms < monotonic_ms() - started_ms) {
            slowest_ms = monotonic_ms() - started_ms;
        }
        for (int k = 0; k < 2; k++) {
            OK(source_write_position(sources[k], &positions[k], &fixture->msg));
        }
        assert_int_equal(positions[0], positions[1]);
        assert_int_equal(count_shelves(fixture, sources[0]), count_shelves(fixture, sources[1]));
        source_end(sources[1]);
        source_end(sources[0]);
    }
    source_close(sources[0]);
    source_close(sources[1]);
    load_end();
    assert_int_equal(atomic_load(&load.failed), 0);
    if (slowest_ms > 30000) {
        fail_msg("a snapshot took %d ms", (int)slowest_ms);
    }
    writer_close(writer);
}

static void load_one(struct fixture *fixture, struct source *source, int expected_sync)
{
    struct value values[5] = {integer_value(1)};
    struct source_load *loading;
    int64_t sync = -1;

    OK(source_load_begin(source, &loans, &loading, &fixture->msg));
    OK(sqlite_ask((struct source_sqlite *)source, "PRAGMA synchronous", &sync, &fixture->msg));
    assert_int_equal(sync, expected_sync);
    OK(source_load_row(loading, values, &fixture->msg));
    OK(source_load_finish(loading, &fixture->msg));
}

static void an_import_syncs_as_soon_as_there_is_a_writer(void **state)
{
    struct fixture *fixture = *state;
    struct made_action add;
    struct writer *writer;
    struct source *source;
    uint64_t position;

    make_action(&add, add_sql, 0);
    OK(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg));
    load_one(fixture, source, 0);
    writer = open_writer(fixture, 0);
    add_shelf(writer, &add, &position);
    load_one(fixture, source, 2);
    add_shelf(writer, &add, &position);
    OK(source_settle(source, &fixture->msg));
    add_shelf(writer, &add, &position);
    assert_int_equal(count_shelves(fixture, source), 4);
    source_close(source);
    writer_close(writer);
}

static void an_import_goes_on_under_load_and_no_write_fails(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 0);
    struct source *source;

    load_begin(writer);
    OK(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg));
    for (int i = 0; i < 5; i++) {
        load_one(fixture, source, 2);
    }
    OK(source_settle(source, &fixture->msg));
    source_close(source);
    load_end();
    assert_int_equal(atomic_load(&load.failed), 0);
    writer_close(writer);
}

static void a_write_during_a_long_import_is_away_after_its_time(void **state)
{
    struct fixture *fixture = *state;
    struct writer *writer = open_writer(fixture, 4000);
    struct source_load *loading;
    struct made_action add;
    struct source *source;
    struct test_job test;
    uint64_t position;

    make_action(&add, add_sql, 0);
    add_shelf(writer, &add, &position);
    OK(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg));
    OK(source_load_begin(source, &loans, &loading, &fixture->msg));
    job_init(&test, &add);
    assert_int_equal(job_run(writer, &test), WRITE_AWAY);
    job_free(&test);
    OK(source_load_finish(loading, &fixture->msg));
    add_shelf(writer, &add, &position);
    assert_int_equal(position, 2);
    assert_int_equal(count_shelves(fixture, source), 3);
    source_close(source);
    writer_close(writer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_commit_of_an_open_writer_changes_the_position),
        TEST(commits_without_a_rest_change_the_position_too),
        TEST(a_snapshot_holds_the_writes_up_to_its_position),
        TEST(a_source_that_nobody_wrote_to_has_no_position),
        TEST(snapshots_are_taken_while_writes_go_on_and_none_fails),
        TEST(an_import_syncs_as_soon_as_there_is_a_writer),
        TEST(an_import_goes_on_under_load_and_no_write_fails),
        TEST(a_write_during_a_long_import_is_away_after_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
