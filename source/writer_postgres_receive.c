#include <stdlib.h>

#include "source/writer_postgres.h"

/* ---- errors ---- */

static void fail_by_result(struct link *link, const PGresult *result)
{
    struct error_meaning meaning = postgres_error_meaning(result);
    struct run *run = &link->run;

    if (run->has_failed) {
        return;
    }
    if (run->job != NULL) {
        postgres_error_text(link->writer, result, &run->job->msg);
    }
    run_fail(link, meaning.outcome);
    run->is_passing = meaning.is_passing;
    run->is_stale = meaning.is_stale;
}

/* ---- statements of an action ---- */

static void on_described(struct link *link, struct prepared *prepared, const PGresult *result)
{
    int count = PQnfields(result);

    prepared->column_count = (unsigned)count;
    prepared->columns = arena_calloc(&link->arena, (size_t)count, sizeof *prepared->columns);
    for (int i = 0; i < count; i++) {
        prepared->columns[i] = PQftype(result, i);
    }
    prepared->is_described = true;
}

static void keep_rows(struct write_job *job, const struct statement *statement,
                      struct write_rows *rows, const PGresult *result)
{
    unsigned count = (unsigned)PQntuples(result);
    struct value *value;

    rows->row_count = statement->is_rows || count == 0 ? count : 1;
    value =
        arena_calloc(job->arena, (size_t)rows->row_count * statement->return_count, sizeof *value);
    rows->values = value;
    for (unsigned row = 0; row < rows->row_count; row++) {
        for (unsigned i = 0; i < statement->return_count; i++, value++) {
            int r = (int)row;
            int c = (int)i;

            if (PQgetisnull(result, r, c) == 0) {
                *value = writer_column_value(
                    &statement->returns[i].scalar, PQftype(result, c),
                    slice_of(PQgetvalue(result, r, c), (size_t)PQgetlength(result, r, c)),
                    job->arena);
            }
        }
    }
}

static bool found_nothing(PGresult *result)
{
    return PQntuples(result) == 0 && strtoull(PQcmdTuples(result), NULL, 10) == 0;
}

static void on_statement(struct link *link, unsigned number, PGresult *result)
{
    struct write_job *job = link->run.job;
    const struct statement *statement = &job->action->statements[number];

    if (link->run.has_failed) {
        return;
    }
    if (statement->missing.status != 0 && found_nothing(result)) {
        job->statement = number;
        run_fail(link, WRITE_MISSING);
    } else if (PQntuples(result) > ACTION_ROWS_MAX && statement->is_rows) {
        err_set(&job->msg, ERR_LIMIT, "%s: %d rows come back, at most %d may (in: %.*s)",
                link->writer->place.label, PQntuples(result), ACTION_ROWS_MAX,
                SLICE_ARG(statement->sql[SQL_POSTGRES]));
        run_fail(link, WRITE_FAILED);
    } else if (statement->each < 0 && statement->return_count > 0) {
        keep_rows(job, statement, &job->rows[number], result);
    }
}

/* ---- statements of our own: their results are text ---- */

static void on_replay(struct link *link, const PGresult *result)
{
    struct write_job *job = link->run.job;

    if (PQntuples(result) == 0) {
        return;
    }
    link->run.is_found = true;
    link->run.is_conflict =
        strtoll(PQgetvalue(result, 0, 0), NULL, 10) != (long long)job->fingerprint;
    job->status = (unsigned)strtoul(PQgetvalue(result, 0, 1), NULL, 10);
    buffer_append(&job->body, PQgetvalue(result, 0, 2), (size_t)PQgetlength(result, 0, 2));
    job->position = strtoull(PQgetvalue(result, 0, 3), NULL, 10);
}

/* A release holds transaction N when everything below N + 1 had ended at its snapshot. */
static void on_position(struct write_job *job, const PGresult *result)
{
    if (PQgetisnull(result, 0, 0) == 0) {
        job->position = strtoull(PQgetvalue(result, 0, 0), NULL, 10) + 1;
    }
}

static void on_own(struct link *link, enum own_statement which, PGresult *result)
{
    struct run *run = &link->run;

    switch (which) {
    case OWN_CLAIM:
        run->is_claimed = PQntuples(result) > 0;
        break;
    case OWN_REPLAY:
        on_replay(link, result);
        break;
    case OWN_POSITION:
        on_position(run->job, result);
        break;
    case OWN_SWEEP:
        run->swept = (unsigned)strtoul(PQcmdTuples(result), NULL, 10);
        break;
    case OWN_COMMIT: /* of a transaction that has failed it says ROLLBACK */
        if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
            err_set(&run->job->msg, ERR_SOURCE, "%s: COMMIT was answered with %s",
                    link->writer->place.label, PQcmdStatus(result));
            run_fail(link, WRITE_FAILED);
        }
        break;
    default:
        break;
    }
}

void run_on_result(struct link *link, const struct item *item, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    if (item->prepared != NULL) {
        item->prepared->is_asked = false;
    }
    if (status == PGRES_PIPELINE_ABORTED) {
        return; /* behind a failure */
    }
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fail_by_result(link, result);
        return;
    }
    switch (item->kind) {
    case ITEM_PREPARE:
        item->prepared->is_there = true;
        break;
    case ITEM_DESCRIBE:
        on_described(link, item->prepared, result);
        break;
    case ITEM_STATEMENT:
        on_statement(link, item->number, result);
        break;
    case ITEM_OWN:
        on_own(link, item->number, result);
        break;
    default:
        break;
    }
}
