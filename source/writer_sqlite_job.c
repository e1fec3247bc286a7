#include <inttypes.h>

#include "source/writer_sqlite.h"

static enum write_outcome outcome_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return WRITE_INVALID;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_INTERRUPT:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
        return WRITE_AWAY;
    default:
        return WRITE_FAILED;
    }
}

enum write_outcome sqlite_job_failed(struct writer_sqlite *writer, struct write_job *job,
                                     const char *sql, int result)
{
    writer->failure = result;
    if (result == SQLITE_INTERRUPT) {
        err_set(&job->msg, ERR_LOST, "the source took longer than %" PRId64 " ms",
                writer->base.options.timeout_ms);
    } else {
        (void)sqlite_error(writer->source, sql, &job->msg);
    }
    return outcome_of(result);
}

static enum write_outcome mistaken(struct write_job *job, const struct statement *statement,
                                   const char *what)
{
    err_set(&job->msg, ERR_SOURCE, "%s (in: %.*s)", what, SQLITE_STATEMENT_SHOWN,
            statement->sql[SQL_SQLITE].ptr);
    return WRITE_FAILED;
}

/* Prepared, and what the definition says of it. */
static enum write_outcome prepare(struct writer_sqlite *writer, struct write_job *job,
                                  const struct statement *statement, sqlite3_stmt **out)
{
    struct slice sql = statement->sql[SQL_SQLITE];

    *out = sqlite_cached(writer, sql);
    if (*out == NULL) {
        int result = sqlite3_extended_errcode(writer->source->db);

        return result == SQLITE_OK ? mistaken(job, statement, "this is no statement")
                                   : sqlite_job_failed(writer, job, sql.ptr, result);
    }
    if (statement->return_count > 0 && sqlite3_column_count(*out) != (int)statement->return_count) {
        return mistaken(job, statement, "it returns another number of columns than is declared");
    }
    if (sqlite3_bind_parameter_count(*out) != (int)statement->binding_count[SQL_SQLITE]) {
        return mistaken(job, statement, "it has another number of parameters than are bound");
    }
    if (sqlite3_stmt_readonly(*out) && sqlite3_column_count(*out) == 0) {
        return mistaken(job, statement, "this neither reads nor changes rows");
    }
    if (job->action->only_reads && !sqlite3_stmt_readonly(*out)) {
        return mistaken(job, statement, "an action that only reads may not write");
    }
    return WRITE_DONE;
}

/* Steps to the end: rows are kept as the statement declares, *FOUND counts what it met. */
static enum write_outcome step_all(struct writer_sqlite *writer, struct write_job *job,
                                   const struct statement *statement, sqlite3_stmt *prepared,
                                   struct write_rows *rows, uint64_t *found)
{
    int64_t changes = sqlite3_total_changes64(writer->source->db);
    enum write_outcome outcome = WRITE_DONE;
    int result = SQLITE_DONE;

    *found = 0;
    while (outcome == WRITE_DONE && (result = sqlite3_step(prepared)) == SQLITE_ROW) {
        ++*found;
        if (statement->return_count > 0 && statement->each < 0 &&
            (statement->is_rows || rows->row_count == 0)) {
            outcome = sqlite_job_row(job, statement, prepared, rows);
        }
    }
    if (outcome == WRITE_DONE && result != SQLITE_DONE) {
        outcome = sqlite_job_failed(writer, job, statement->sql[SQL_SQLITE].ptr, result);
    }
    sqlite3_reset(prepared);
    *found += (uint64_t)(sqlite3_total_changes64(writer->source->db) - changes);
    return outcome;
}

static enum write_outcome run_once(struct writer_sqlite *writer, struct write_job *job,
                                   unsigned index, unsigned item, sqlite3_stmt *prepared)
{
    const struct statement *statement = &job->action->statements[index];
    uint64_t found;
    enum write_outcome outcome;
    int result = sqlite_job_bind(job, statement, item, prepared);

    if (result != SQLITE_OK) {
        return sqlite_job_failed(writer, job, statement->sql[SQL_SQLITE].ptr, result);
    }
    outcome = step_all(writer, job, statement, prepared, &job->rows[index], &found);
    if (outcome == WRITE_DONE && found == 0 && statement->missing.status != 0) {
        job->statement = index;
        return WRITE_MISSING;
    }
    return outcome;
}

static enum write_outcome run_statement(struct writer_sqlite *writer, struct write_job *job,
                                        unsigned index)
{
    const struct statement *statement = &job->action->statements[index];
    unsigned runs = statement->each < 0 ? 1 : job->items[statement->each].count;
    sqlite3_stmt *prepared = NULL;
    enum write_outcome outcome =
        runs == 0 ? WRITE_DONE : prepare(writer, job, statement, &prepared);

    for (unsigned i = 0; outcome == WRITE_DONE && i < runs; i++) {
        outcome = run_once(writer, job, index, i, prepared);
    }
    return outcome;
}

static enum write_outcome reply(struct writer_sqlite *writer, struct write_job *job)
{
    job->reply(job);
    if (job->body.overflowed) {
        err_set(&job->msg, ERR_LIMIT, "the answer has more than %zu bytes", job->body.max);
        return WRITE_FAILED;
    }
    return job->key.len > 0 ? sqlite_key_keep(writer, job) : WRITE_DONE;
}

enum write_outcome sqlite_job_run(struct writer_sqlite *writer, struct write_job *job)
{
    const struct action *action = job->action;
    enum write_outcome outcome = WRITE_DONE;
    bool is_replayed = false;

    writer->running = job;
    if (job->key.len > 0) {
        outcome = sqlite_key_find(writer, job, &is_replayed);
    }
    if (outcome == WRITE_DONE && !is_replayed) {
        job->rows = arena_calloc(job->arena, action->statement_count, sizeof *job->rows);
        for (unsigned i = 0; outcome == WRITE_DONE && i < action->statement_count; i++) {
            outcome = run_statement(writer, job, i);
        }
        if (outcome == WRITE_DONE) {
            outcome = reply(writer, job);
        }
    }
    writer->running = NULL;
    return outcome;
}
