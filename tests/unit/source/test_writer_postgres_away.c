/* Locks, definitions, sessions and servers that come and go. Threads: see pthread_create in writer.c. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "unit/source/writer_postgres_fixture.h"

/* A writer with one connection that has deleted what had expired, for which it is not free a moment. */
static struct writer *start_swept_writer(struct server *server, int64_t timeout_ms)
{
    return start_sweeping_writer(
        server, timeout_ms,
        "INSERT INTO " WRITER_ANSWERS_TABLE " VALUES ('expired', 0, 200, '', 1)", 0);
}

/* ---- others in the way ---- */

static void a_deadlock_is_run_again(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 2, 0);
    struct test_job tests[2];

    assert_done(run_with_text(server, writer, "/add", "makes the tables", &tests[0]), &tests[0]);
    job_free(&tests[0]);
    other_run(server, "INSERT INTO marks VALUES (1, 'm', 0), (2, 'm', 0)");
    for (unsigned i = 0; i < 2; i++) {
        make_job(server, "/swap", &tests[i]);
        tests[i].takes[0] = integer_value(i == 0 ? 1 : 2);
        tests[i].takes[1] = integer_value(i == 0 ? 2 : 1);
        writer_submit(writer, &tests[i].job);
    }
    for (unsigned i = 0; i < 2; i++) {
        job_wait(&tests[i]);
        assert_done(tests[i].job.outcome, &tests[i]);
        job_free(&tests[i]);
    }
    assert_int_equal(ask(server, "SELECT sum(size) FROM marks"), 4);
    writer_close(writer);
}

static void a_lock_that_is_held_for_long_is_a_source_that_is_away(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_swept_writer(server, 4000);
    struct test_job test;
    int64_t started_ms;

    for (unsigned keyed = 0; keyed < 2; keyed++) {
        other_run(server, "BEGIN; LOCK TABLE shelves, " WRITER_ANSWERS_TABLE);
        started_ms = monotonic_ms();
        assert_int_equal(keyed == 1 ? run_with_key(server, writer, "k", "one", &test)
                                    : run_with_text(server, writer, "/add", "one", &test),
                         WRITE_AWAY);
        assert_non_null(strstr(test.job.msg.text, "canceling statement due to lock timeout"));
        assert_in_range(monotonic_ms() - started_ms, 2000, 60000);
        job_free(&test);
        other_run(server, "ROLLBACK");
        assert_done(run_with_text(server, writer, "/add", "two", &test), &test);
        job_free(&test);
    }
    assert_int_equal(ask(server, "SELECT count(*) FROM shelves WHERE name = 'one'"), 0);
    writer_close(writer);
}

static void a_table_that_is_made_anew_is_met_by_the_next_job(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct test_job test;

    for (unsigned i = 0; i < 3; i++) {
        assert_done(run_with_text(server, writer, "/rows", "", &test), &test);
        job_free(&test);
        other_run(server, i == 0 ? "ALTER TABLE shelves ALTER COLUMN id TYPE integer"
                                 : "ALTER TABLE shelves ALTER COLUMN id TYPE bigint");
    }
    writer_close(writer);
}

static void a_role_that_may_create_nothing_writes_where_all_is_there(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 1, 0);
    struct fixture *fixture = &server->fixture;
    struct test_job test;
    char *at;

    assert_done(run_with_text(server, writer, "/add", "makes the tables", &test), &test);
    job_free(&test);
    writer_close(writer);
    other_run(server, "REVOKE CREATE ON SCHEMA public FROM PUBLIC; DROP ROLE IF EXISTS clerk;"
                      "CREATE ROLE clerk LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON shelves, "
                      "marks, " WRITER_ANSWERS_TABLE " TO clerk");
    at = strstr(fixture->url, "postgres@");
    assert_non_null(at);
    memmove(at + strlen("clerk"), at + strlen("postgres"), strlen(at + strlen("postgres")) + 1);
    memcpy(at, "clerk", strlen("clerk"));
    writer = start_writer(server, 2, 0);
    assert_done(run_with_text(server, writer, "/add", "by the clerk", &test), &test);
    job_free(&test);
    assert_done(run_with_key(server, writer, "clerk", "with a key", &test), &test);
    job_free(&test);
    writer_close(writer);
    other_run(server, "DROP OWNED BY clerk; DROP ROLE clerk");
}

static void another_definition_has_its_tables_made_first(void **state)
{
    static const char more[] = "name: more\n"
                               "tables:\n"
                               "  later:\n"
                               "    primary_key: id\n"
                               "    columns: {id: integer, name: text}\n"
                               "routes:\n"
                               "  - post: /later\n"
                               "    run: [{sql: \"INSERT INTO later (name) VALUES ('x')\"}]\n"
                               "    text: ok\n";
    struct server *server = *state;
    struct fixture *fixture = &server->fixture;
    struct writer *writer = start_writer(server, 3, 0);
    struct definition *definition;
    struct test_job test;

    assert_done(run_with_text(server, writer, "/add", "a", &test), &test);
    job_free(&test);
    OK(definition_parse("more.yaml", slice_str(more), &definition, &fixture->msg));
    writer_define(writer, definition);
    job_init_action(&test, definition->routes[0].action);
    assert_done(job_run(writer, &test), &test);
    job_free(&test);
    assert_int_equal(ask(server, "SELECT count(*) FROM later"), 1);
    writer_close(writer);
    definition_free(definition);
}

/* ---- connections that go away ---- */

enum { LOAD_JOBS = 64, LOAD_ROUNDS = 40 };

/* Submits all of TESTS, named after their number, each with a key or none. */
static void submit_round(struct server *server, struct writer *writer, struct test_job *tests,
                         char (*names)[32], unsigned round, bool has_keys)
{
    for (unsigned i = 0; i < LOAD_JOBS; i++) {
        snprintf(names[i], sizeof names[i], "load %u %u", round, i);
        make_job(server, "/add", &tests[i]);
        tests[i].takes[0] = text_value(names[i]);
        tests[i].job.key = has_keys ? slice_str(names[i]) : slice_of(NULL, 0);
        writer_submit(writer, &tests[i].job);
    }
}

static void killed_sessions_lose_no_acknowledged_write(void **state)
{
    static struct test_job tests[LOAD_JOBS];
    static char names[LOAD_JOBS][32];
    struct server *server = *state;

    for (unsigned keyed = 0; keyed < 2; keyed++) {
        struct writer *writer = start_writer(server, 8, 0);
        unsigned done = 0;
        unsigned away = 0;
        int64_t stored;

        for (unsigned round = 0; round < LOAD_ROUNDS; round++) {
            submit_round(server, writer, tests, names, round, keyed == 1);
            if (round > 0) {
                other_run(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                                  "application_name = 'vitrine write' AND random() < 0.5");
            }
            for (unsigned i = 0; i < LOAD_JOBS; i++) {
                job_wait(&tests[i]);
                done += tests[i].job.outcome == WRITE_DONE;
                away += tests[i].job.outcome == WRITE_AWAY;
                job_free(&tests[i]);
            }
        }
        writer_close(writer);
        print_message("%u done, %u away\n", done, away);
        assert_int_equal(done + away, LOAD_JOBS * LOAD_ROUNDS);
        stored = ask(server, "SELECT count(*) FROM shelves WHERE name LIKE 'load %'");
        assert_int_equal(
            ask(server, "SELECT count(DISTINCT name) FROM shelves WHERE name LIKE 'load %'"),
            stored);
        assert_in_range(stored, done, done + away);
        assert_in_range(done, LOAD_JOBS * LOAD_ROUNDS / 2, LOAD_JOBS * LOAD_ROUNDS);
        if (keyed == 1) { /* a retry is harmless: nothing needs to be away */
            assert_int_equal(done, LOAD_JOBS * LOAD_ROUNDS);
        }
        other_run(server, "DELETE FROM shelves");
    }
}

/* Waits for a session that waits at the gate, another one than BEFORE; its process id. */
static int64_t wait_at_gate(struct server *server, int64_t before)
{
    int64_t pid = before;

    for (unsigned i = 0; i < 6000 && (pid == before || pid == 0); i++) {
        usleep(10000);
        pid = ask(server, "SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE wait_event = "
                          "'advisory'");
    }
    assert_true(pid != before && pid != 0);
    return pid;
}

/* Ends a session, and waits until it is gone. */
static void terminate(struct server *server, int64_t pid)
{
    char sql[96];
    int64_t left = 1;

    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)::int", (int)pid);
    assert_int_equal(ask(server, sql), 1);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d", (int)pid);
    for (unsigned i = 0; i < 6000 && left != 0; i++) {
        usleep(10000);
        left = ask(server, sql);
    }
    assert_int_equal(left, 0);
}

/* The gate opens before the job without a key has its answer: sent again, it would get through. */
static void only_with_a_key_a_job_is_sent_twice(void **state)
{
    struct server *server = *state;

    for (unsigned keyed = 0; keyed < 2; keyed++) {
        struct writer *writer = start_writer(server, 2, 60000);
        struct test_job test;
        int64_t pid;

        (void)ask(server, "SELECT 1 FROM pg_advisory_lock(7)");
        make_job(server, "/gate", &test);
        test.takes[0] = text_value("gate");
        test.job.key = keyed == 1 ? slice_str("gate") : slice_of(NULL, 0);
        writer_submit(writer, &test.job);
        pid = wait_at_gate(server, 0);
        terminate(server, pid);
        if (keyed == 1) {
            (void)wait_at_gate(server, pid);
        }
        assert_int_equal(ask(server, "SELECT pg_advisory_unlock(7)::int"), 1);
        job_wait(&test);
        assert_int_equal(test.job.outcome, keyed == 1 ? WRITE_DONE : WRITE_AWAY);
        job_free(&test);
        writer_close(writer);
        assert_int_equal(ask(server, "SELECT count(*) FROM shelves WHERE name = 'gate'"), keyed);
    }
}

/* A signal takes effect some time after it was sent. */
static void freeze(pid_t pid)
{
    char path[64];
    char state = ' ';

    assert_int_equal(kill(pid, SIGSTOP), 0);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    for (unsigned i = 0; i < 60000 && state != 'T'; i++) {
        FILE *file = fopen(path, "re");

        assert_non_null(file);
        assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
        usleep(1000);
    }
    assert_int_equal(state, 'T');
}

static void a_session_that_is_stuck_costs_its_job_the_time_out(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_swept_writer(server, 4000);
    struct test_job test;
    int64_t started_ms;
    pid_t pid;

    assert_done(run_with_text(server, writer, "/add", "a", &test), &test);
    job_free(&test);
    pid = (pid_t)ask(server, "SELECT pid FROM pg_stat_activity WHERE application_name = "
                             "'vitrine write' ORDER BY backend_start DESC LIMIT 1");
    assert_true(pid > 1);
    freeze(pid);
    started_ms = monotonic_ms();
    assert_int_equal(run_with_text(server, writer, "/add", "b", &test), WRITE_AWAY);
    assert_string_equal(test.job.msg.text, "postgres driver: the server did not answer in time");
    assert_in_range(monotonic_ms() - started_ms, 3900, 60000);
    job_free(&test);
    assert_done(run_with_text(server, writer, "/add", "c", &test), &test);
    job_free(&test);
    kill(pid, SIGCONT);
    writer_close(writer);
}

/* ---- a server that goes away; who started this starts and stops it ---- */

static void control(struct server *server, const char *command)
{
    const char *text = getenv("VITRINE_TEST_CONTROL");
    char answer;
    int fd = text == NULL ? -1 : atoi(text);

    (void)server;
    assert_int_equal(write(fd, command, strlen(command)), strlen(command));
    assert_int_equal(read(fd, &answer, 1), 1);
}

static void a_server_that_is_away_is_told_quickly_and_met_again(void **state)
{
    struct server *server = *state;
    struct writer *writer = start_writer(server, 4, 5000);
    struct fixture *fixture = &server->fixture;
    struct writer_state look;
    struct test_job test;
    int64_t started_ms;
    int64_t least_ms = INT64_MAX;

    if (getenv("VITRINE_TEST_CONTROL") == NULL) {
        writer_close(writer);
        skip();
    }
    assert_done(run_with_text(server, writer, "/add", "a", &test), &test);
    job_free(&test);
    control(server, "stop\n");
    started_ms = monotonic_ms();
    assert_int_equal(run_with_text(server, writer, "/add", "b", &test), WRITE_AWAY);
    assert_in_range(monotonic_ms() - started_ms, 0, 4500);
    job_free(&test);
    usleep(1200000);
    for (unsigned i = 0; i < 20 && least_ms > 200; i++) { /* a busy machine makes it longer */
        started_ms = monotonic_ms();
        assert_int_equal(run_with_text(server, writer, "/add", "c", &test), WRITE_AWAY);
        least_ms = monotonic_ms() - started_ms;
        assert_non_null(
            strstr(test.job.msg.text, "the source is away: postgres driver: connection to "));
        job_free(&test);
    }
    assert_in_range(least_ms, 0, 200);
    writer_look(writer, &look);
    assert_false(look.is_connected);
    control(server, "start\n");
    for (unsigned i = 0; i < 600 && !look.is_connected; i++) {
        usleep(100000);
        writer_look(writer, &look);
    }
    assert_done(run_with_text(server, writer, "/add", "d", &test), &test);
    job_free(&test);
    writer_close(writer);
    source_close(server->other);
    OK(source_open(fixture->url, SOURCE_WRITE, &server->other, &fixture->msg));
    assert_int_equal(ask(server, "SELECT count(*) FROM shelves WHERE name IN ('a', 'd')"), 2);
}

static void a_writer_without_a_server_starts_and_ends(void **state)
{
    struct server *server = *state;
    struct fixture *fixture = &server->fixture;
    struct writer *writer;
    struct test_job test;

    if (server->definition == NULL) {
        skip();
    }
    snprintf(fixture->url, sizeof fixture->url, "postgres:host=/nowhere dbname=x");
    writer = start_writer(server, 2, 3000);
    assert_int_equal(run_with_text(server, writer, "/add", "a", &test), WRITE_AWAY);
    assert_non_null(
        strstr(test.job.msg.text, "the source is away: postgres: connection to server"));
    job_free(&test);
    make_job(server, "/add", &test);
    test.takes[0] = text_value("x");
    writer_submit(writer, &test.job);
    writer_close(writer);
    assert_int_equal(test.answers, 1);
    assert_int_equal(test.job.outcome, WRITE_AWAY);
    job_free(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_deadlock_is_run_again),
        SERVER_TEST(a_lock_that_is_held_for_long_is_a_source_that_is_away),
        SERVER_TEST(a_table_that_is_made_anew_is_met_by_the_next_job),
        SERVER_TEST(a_role_that_may_create_nothing_writes_where_all_is_there),
        SERVER_TEST(another_definition_has_its_tables_made_first),
        SERVER_TEST(killed_sessions_lose_no_acknowledged_write),
        SERVER_TEST(only_with_a_key_a_job_is_sent_twice),
        SERVER_TEST(a_session_that_is_stuck_costs_its_job_the_time_out),
        SERVER_TEST(a_server_that_is_away_is_told_quickly_and_met_again),
        SERVER_TEST(a_writer_without_a_server_starts_and_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
