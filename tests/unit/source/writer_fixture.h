/*
 * A writer over a fresh database, and actions on a table of shelves and one of marks, made by hand.
 */
#ifndef VITRINE_TESTS_SOURCE_WRITER_FIXTURE_H
#define VITRINE_TESTS_SOURCE_WRITER_FIXTURE_H

#include <pthread.h>
#include <sqlite3.h>

#include "base/timestamp.h"
#include "source/writer.h"
#include "unit/source/fixture.h"

enum { JOB_TAKES = 4, JOB_ITEMS = 4 };

static struct table_column shelf_columns[] = {
    LOAN_COLUMN("id", COLUMN_INTEGER, true),     LOAN_COLUMN("name", COLUMN_TEXT, true),
    LOAN_COLUMN("price", COLUMN_DECIMAL, false), LOAN_COLUMN("made", COLUMN_TIMESTAMP, false),
    LOAN_COLUMN("open", COLUMN_BOOLEAN, false),
};
static struct table_column mark_columns[] = {
    LOAN_COLUMN("shelf", COLUMN_INTEGER, true),
    LOAN_COLUMN("mark", COLUMN_TEXT, true),
};
static struct value shelf_rows[] = {
    {.type = VALUE_INTEGER, .integer = 7},     {.type = VALUE_TEXT, .text = {"the 'first'", 11}},
    {.type = VALUE_TEXT, .text = {"1.50", 4}}, {.type = VALUE_INTEGER, .integer = 1596080481467},
    {.type = VALUE_INTEGER, .integer = 1},
};
static struct table_index shelf_indexes[] = {{{1}, 1}};
static struct table writer_tables[] = {
    {.name = {"shelves", 7},
     .columns = shelf_columns,
     .column_count = 5,
     .primary_key = 0,
     .indexes = shelf_indexes,
     .index_count = 1,
     .rows = shelf_rows,
     .row_count = 1},
    {.name = {"marks", 5}, .columns = mark_columns, .column_count = 2, .primary_key = -1},
    {.name = {"loans", 5}, .file = {"loans.csv", 9}, .columns = loan_columns, .column_count = 5},
};
static const struct definition writer_definition = {.tables = writer_tables, .table_count = 3};

/* An action with its statements in place; the takes of a test are texts and integers. */
struct made_action {
    struct action action;
    struct statement statements[3];
    struct binding bindings[3][JOB_TAKES];
    struct returned returns[3][JOB_TAKES];
};

static inline struct statement *add_statement(struct made_action *made, const char *sql)
{
    unsigned at = made->action.statement_count++;
    struct statement *statement = &made->statements[at];

    made->action.statements = made->statements;
    statement->sql[SQL_SQLITE] = slice_str(sql);
    statement->bindings[SQL_SQLITE] = made->bindings[at];
    statement->returns = made->returns[at];
    statement->each = -1;
    return statement;
}

static inline void add_binding(struct statement *statement, enum binding_kind kind, unsigned take)
{
    statement->bindings[SQL_SQLITE][statement->binding_count[SQL_SQLITE]++] =
        (struct binding){.kind = kind, .take = take};
}

static inline void add_returned(struct statement *statement, const char *name,
                                enum scalar_type type)
{
    statement->returns[statement->return_count++] =
        (struct returned){.name = slice_str(name), .scalar = {.type = type, .scale = 2}};
}

/* One statement whose parameters are the first TAKES takes. */
static inline struct statement *make_action(struct made_action *made, const char *sql,
                                            unsigned takes)
{
    struct statement *statement;

    memset(made, 0, sizeof *made);
    statement = add_statement(made, sql);
    for (unsigned i = 0; i < takes; i++) {
        add_binding(statement, BINDING_TAKE, i);
    }
    return statement;
}

/* A job that can be waited for. */
struct test_job {
    struct write_job job;
    struct arena arena;
    struct value takes[JOB_TAKES];
    struct write_items items[JOB_TAKES];
    struct value values[JOB_ITEMS];
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    unsigned answers;
};

static inline void reply_created(struct write_job *job)
{
    job->status = 201;
    buffer_append_str(&job->body, "Created");
}

static inline void on_done(struct write_job *job)
{
    struct test_job *test = (struct test_job *)job;

    pthread_mutex_lock(&test->mutex);
    test->answers++;
    pthread_cond_signal(&test->answered);
    pthread_mutex_unlock(&test->mutex);
}

static inline void job_init_action(struct test_job *test, const struct action *action)
{
    memset(test, 0, sizeof *test);
    arena_init(&test->arena, 1024);
    buffer_init(&test->job.body, 1000);
    pthread_mutex_init(&test->mutex, NULL);
    pthread_cond_init(&test->answered, NULL);
    test->job.action = action;
    test->job.takes = test->takes;
    test->job.items = test->items;
    test->job.now_ms = 1600000000000;
    test->job.arena = &test->arena;
    test->job.reply = reply_created;
    test->job.done = on_done;
}

static inline void job_init(struct test_job *test, const struct made_action *made)
{
    job_init_action(test, &made->action);
}

static inline void job_free(struct test_job *test)
{
    arena_free(&test->arena);
    buffer_free(&test->job.body);
    pthread_mutex_destroy(&test->mutex);
    pthread_cond_destroy(&test->answered);
}

static inline void job_wait(struct test_job *test)
{
    pthread_mutex_lock(&test->mutex);
    while (test->answers == 0) {
        pthread_cond_wait(&test->answered, &test->mutex);
    }
    pthread_mutex_unlock(&test->mutex);
}

static inline enum write_outcome job_run(struct writer *writer, struct test_job *test)
{
    writer_submit(writer, &test->job);
    job_wait(test);
    return test->job.outcome;
}

/* Another program's look at the database: the integer that SQL gives. */
static inline int64_t file_ask(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t answer;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
}

static inline struct writer *open_writer(struct fixture *fixture, int64_t timeout_ms)
{
    struct writer_options options = {.url = fixture->url, .timeout_ms = timeout_ms};
    struct writer *writer;

    OK(writer_open(&options, &writer_definition, &writer, &fixture->msg));
    return writer;
}

#endif
