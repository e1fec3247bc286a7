#include "source/writer_sqlite.h"

static const char count_sql[] =
    "UPDATE " WRITER_COUNT_TABLE " SET count = count + 1 WHERE id = 1 RETURNING count";
static const char position_sql[] = "SELECT count FROM " WRITER_COUNT_TABLE " WHERE id = 1";

struct batch {
    struct writer_sqlite *writer;
    struct write_job *jobs[SQLITE_BATCH_MAX];
    unsigned count;
};

/* What a new connection may mend: anything but a full disk, a lock and a deadline. */
static bool is_harmless(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_BUSY:
    case SQLITE_FULL:
    case SQLITE_INTERRUPT:
    case SQLITE_CONSTRAINT:
        return true;
    default:
        return false;
    }
}

/* Forgets what a run left in a job, so that it can be run again. */
static void reset_job(struct write_job *job)
{
    buffer_clear(&job->body);
    job->rows = NULL;
    job->is_replay = false;
    job->status = 0;
}

/* None of JOBS is answered: the next batch has them again, in their order. */
static void return_all(const struct batch *batch)
{
    for (unsigned i = batch->count; i > 0; i--) {
        reset_job(batch->jobs[i - 1]);
        writer_return(&batch->writer->base, batch->jobs[i - 1]);
    }
}

/* All jobs that were not refused already fail for one reason. False: connect anew. */
static bool fail_all(const struct batch *batch, const struct errmsg *reason, int result)
{
    struct writer_sqlite *writer = batch->writer;

    (void)sqlite_do(writer, "ROLLBACK", NULL);
    for (unsigned i = 0; i < batch->count; i++) {
        struct write_job *job = batch->jobs[i];

        if (job->outcome == WRITE_DONE) {
            reset_job(job);
            job->outcome = WRITE_AWAY;
            job->msg = *reason;
        }
        writer_finish(&writer->base, job, job->outcome);
    }
    return is_harmless(result);
}

/* The same: the reason is SQLite's complaint about SQL. */
static bool fail_on(const struct batch *batch, const char *sql, int result)
{
    struct errmsg reason;

    (void)sqlite_error(batch->writer->source, sql, &reason);
    return fail_all(batch, &reason, result);
}

static void finish_all(const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        writer_finish(&batch->writer->base, batch->jobs[i], batch->jobs[i]->outcome);
    }
}

/* ---- jobs that only read ---- */

static bool run_reads(struct batch *batch)
{
    struct writer_sqlite *writer = batch->writer;
    int result = sqlite_do(writer, "BEGIN", NULL);

    for (unsigned i = 0; i < batch->count; i++) {
        batch->jobs[i]->outcome = WRITE_DONE;
    }
    if (result != SQLITE_OK) {
        return fail_on(batch, "BEGIN", result);
    }
    writer->failure = SQLITE_OK;
    for (unsigned i = 0; i < batch->count; i++) {
        batch->jobs[i]->outcome = sqlite_job_run(writer, batch->jobs[i]);
    }
    (void)sqlite_do(writer, "COMMIT", NULL);
    finish_all(batch);
    return is_harmless(writer->failure);
}

/* ---- jobs that write ---- */

/*
 * The savepoint is for single statements, too: with OR FAIL they keep what they did before they failed.
 * False when the transaction is gone, or cannot go on.
 */
static bool run_write(struct writer_sqlite *writer, struct write_job *job)
{
    int result = sqlite_do(writer, "SAVEPOINT job", NULL);

    if (result != SQLITE_OK) {
        job->outcome = sqlite_job_failed(writer, job, "SAVEPOINT job", result);
        return false;
    }
    job->outcome = sqlite_job_run(writer, job);
    if (sqlite3_get_autocommit(writer->source->db)) {
        return false;
    }
    if (job->outcome != WRITE_DONE) {
        result = sqlite_do(writer, "ROLLBACK TO job", NULL);
    }
    if (result == SQLITE_OK) {
        result = sqlite_do(writer, "RELEASE job", NULL);
    }
    if (result != SQLITE_OK) {
        job->outcome = sqlite_job_failed(writer, job, "RELEASE job", result);
    }
    return result == SQLITE_OK;
}

/* Whether SQLite rolled everything back for a fault of one job: too slow, or OR ROLLBACK in it. */
static bool is_own_fault(int result)
{
    return result == SQLITE_INTERRUPT || (result & 0xff) == SQLITE_CONSTRAINT;
}

/*
 * Job number AT ended the transaction of all. When it alone is to blame, the others are run again without
 * it: nothing of them was committed.
 */
static bool lose(struct batch *batch, unsigned at)
{
    struct writer_sqlite *writer = batch->writer;
    struct write_job *culprit = batch->jobs[at];

    if (!is_own_fault(writer->failure)) {
        struct errmsg reason = culprit->msg;

        return fail_all(batch, &reason, writer->failure);
    }
    batch->count--;
    for (unsigned i = at; i < batch->count; i++) {
        batch->jobs[i] = batch->jobs[i + 1];
    }
    return_all(batch);
    writer_finish(&writer->base, culprit, culprit->outcome);
    return true;
}

/* Ends the transaction: *IS_WRITTEN says whether there is anything to commit. */
static int commit(struct batch *batch, bool is_written, int64_t *position)
{
    struct writer_sqlite *writer = batch->writer;
    int result;

    if (!is_written) {
        result = sqlite_do(writer, position_sql, position);
        return result == SQLITE_OK ? sqlite_do(writer, "ROLLBACK", NULL) : result;
    }
    result = sqlite_keys_expire(writer);
    if (result == SQLITE_OK) {
        result = sqlite_do(writer, count_sql, position);
    }
    if (result == SQLITE_OK) {
        result = sqlite_do(writer, "COMMIT", NULL);
    }
    if (result == SQLITE_OK) {
        writer_count_commit(&writer->base);
    }
    return result;
}

static bool end_writes(struct batch *batch)
{
    bool is_written = false;
    int64_t position = 0;
    int result;

    for (unsigned i = 0; i < batch->count; i++) {
        is_written |= batch->jobs[i]->outcome == WRITE_DONE && !batch->jobs[i]->is_replay;
    }
    result = commit(batch, is_written, &position);
    if (result != SQLITE_OK) {
        return fail_on(batch, "COMMIT", result);
    }
    for (unsigned i = 0; i < batch->count; i++) {
        batch->jobs[i]->position = (uint64_t)position;
    }
    finish_all(batch);
    return true;
}

/* The lock is waited for in slices, and by nobody longer than his deadline. */
static int begin_writes(const struct batch *batch)
{
    int patience_ms = writer_job_patience_ms(batch->jobs[0]);

    sqlite3_busy_timeout(batch->writer->source->db,
                         patience_ms < SQLITE_LOCK_SLICE_MS ? patience_ms : SQLITE_LOCK_SLICE_MS);
    return sqlite_do(batch->writer, "BEGIN IMMEDIATE", NULL);
}

static bool run_writes(struct batch *batch)
{
    struct writer_sqlite *writer = batch->writer;
    int result = begin_writes(batch);

    if ((result & 0xff) == SQLITE_BUSY) {
        return_all(batch);
        return true;
    }
    for (unsigned i = 0; i < batch->count; i++) {
        batch->jobs[i]->outcome = WRITE_DONE;
    }
    if (result != SQLITE_OK) {
        return fail_on(batch, "BEGIN IMMEDIATE", result);
    }
    writer->failure = SQLITE_OK;
    writer->keys_kept = 0;
    for (unsigned i = 0; i < batch->count; i++) {
        if (!run_write(writer, batch->jobs[i])) {
            return lose(batch, i);
        }
    }
    return end_writes(batch);
}

/* ---- both ---- */

/* A key makes a write of anything: its answer is kept. */
static bool only_reads(const struct write_job *job)
{
    return job->action->only_reads && job->key.len == 0;
}

bool sqlite_batch_run(struct writer_sqlite *writer, struct write_job *jobs)
{
    struct batch reads = {.writer = writer};
    struct batch writes = {.writer = writer};
    bool goes_on = true;

    for (struct write_job *job = jobs; job != NULL; job = job->next) {
        struct batch *batch = only_reads(job) ? &reads : &writes;

        batch->jobs[batch->count++] = job;
    }
    if (reads.count > 0) {
        goes_on = run_reads(&reads);
    }
    if (writes.count > 0) {
        goes_on = run_writes(&writes) && goes_on;
    }
    return goes_on;
}
