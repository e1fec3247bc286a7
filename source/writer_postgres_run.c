#include "base/clock.h"
#include "source/writer_postgres.h"

static bool writes(const struct write_job *job)
{
    return !job->action->only_reads || job->key.len > 0;
}

void run_fail(struct link *link, enum write_outcome outcome)
{
    if (!link->run.has_failed) {
        link->run.has_failed = true;
        link->run.outcome = outcome;
    }
}

/* ---- sending ---- */

static void enter(struct link *link, enum run_stage stage)
{
    static bool (*const send[])(struct link *) = {
        [RUN_CLAIMING] = run_send_claim,        [RUN_REPLAYING] = run_send_replay,
        [RUN_STATEMENTS] = run_send_statements, [RUN_COMMITTING] = run_send_commit,
        [RUN_ROLLING_BACK] = run_send_rollback, [RUN_SWEEPING] = run_send_sweep,
    };

    link->run.stage = stage;
    if (!send[stage](link)) {
        struct errmsg msg;

        link_complain(link, &msg);
        link_fail(link, &msg);
    }
}

void run_begin(struct link *link, struct write_job *job)
{
    memset(&link->run, 0, sizeof link->run);
    link->run.job = job;
    link->state = LINK_BUSY;
    link->used_ms = monotonic_ms();
    job->attempts++;
    job->status = 0;
    buffer_clear(&job->body);
    job->rows = arena_calloc(job->arena, job->action->statement_count, sizeof *job->rows);
    enter(link, job->key.len > 0 ? RUN_CLAIMING : RUN_STATEMENTS);
}

void run_sweep(struct link *link)
{
    memset(&link->run, 0, sizeof link->run);
    link->state = LINK_BUSY;
    link_set_limit(link);
    enter(link, RUN_SWEEPING);
}

/* ---- the end of a job ---- */

/* The link is free before the job is answered: `done` may bring the next one. */
static void finish(struct link *link, enum write_outcome outcome)
{
    struct write_job *job = link->run.job;

    link->run.job = NULL;
    writer_finish(&link->writer->base, job, outcome);
}

static void finish_done(struct link *link)
{
    struct write_job *job = link->run.job;

    if (writes(job)) {
        writer_count_commit(&link->writer->base);
    }
    link->state = LINK_IDLE;
    finish(link, WRITE_DONE);
}

static void finish_replay(struct link *link)
{
    struct write_job *job = link->run.job;

    link->state = LINK_IDLE;
    if (!link->run.is_found) { /* gone since the claim: it may be claimed now */
        if (job->attempts < RUN_ATTEMPTS_MAX) {
            run_begin(link, job);
            return;
        }
        err_set(&job->msg, ERR_LOST, "the answer of this key comes and goes");
        finish(link, WRITE_AWAY);
    } else if (link->run.is_conflict) {
        buffer_clear(&job->body);
        finish(link, WRITE_KEY_CONFLICT);
    } else {
        job->is_replay = true;
        finish(link, WRITE_DONE);
    }
}

/* ---- failures ---- */

static bool may_try_again(const struct write_job *job)
{
    return job->attempts < RUN_ATTEMPTS_MAX && writer_job_patience_ms(job) > 0;
}

/* The server has nothing of the job: it goes back to the queue, for another connection. */
static void renew(struct link *link)
{
    struct write_job *job = link->run.job;
    struct errmsg msg = job->msg;

    link->run.job = NULL;
    if (may_try_again(job)) {
        writer_return(&link->writer->base, job);
    } else {
        writer_finish(&link->writer->base, job, WRITE_AWAY);
    }
    link_fail(link, &msg);
}

/* After the Sync behind a failure: nothing of the transaction is left but, perhaps, its end. */
static void on_failed(struct link *link)
{
    struct run *run = &link->run;
    bool is_open = PQtransactionStatus(link->conn) != PQTRANS_IDLE;

    if (run->job != NULL && run->is_stale) {
        renew(link);
        return;
    }
    if (run->job != NULL && !(run->is_passing && may_try_again(run->job))) {
        if (!is_open) {
            link->state = LINK_IDLE;
        }
        finish(link, run->outcome);
    }
    if (is_open) {
        run->has_failed = false;
        link_set_limit(link);
        enter(link, RUN_ROLLING_BACK);
    } else if (run->job != NULL) {
        run_begin(link, run->job);
    } else {
        link->state = LINK_IDLE;
    }
}

static void on_rolled_back(struct link *link)
{
    if (link->run.job != NULL) {
        run_begin(link, link->run.job);
    } else {
        link->state = LINK_IDLE;
    }
}

/*
 * What was not committed is not there: it may run again. With a key it may run again in any case, since
 * the key tells whether it was committed.
 */
void run_on_lost(struct link *link, const struct errmsg *msg)
{
    struct write_job *job = link->run.job;

    if (job == NULL) {
        return;
    }
    link->run.job = NULL;
    if ((!link->run.may_be_committed || job->key.len > 0 || job->action->only_reads) &&
        may_try_again(job)) {
        writer_return(&link->writer->base, job);
        return;
    }
    if (!link->run.has_failed) {
        job->msg = *msg;
    }
    writer_finish(&link->writer->base, job, WRITE_AWAY);
}

/* ---- the next stage ---- */

static void on_statements(struct link *link)
{
    struct run *run = &link->run;
    struct write_job *job = run->job;

    if (run->next < job->action->statement_count) {
        enter(link, RUN_STATEMENTS);
        return;
    }
    job->reply(job);
    if (job->body.overflowed) {
        err_set(&job->msg, ERR_LIMIT, "the answer cannot be given%s",
                run->may_be_committed && writes(job) ? "; what was written stays" : "");
        run_fail(link, WRITE_FAILED);
        on_failed(link);
    } else if (run->may_be_committed) {
        finish_done(link);
    } else {
        enter(link, RUN_COMMITTING);
    }
}

void run_on_sync(struct link *link)
{
    struct run *run = &link->run;

    if (run->has_failed) {
        on_failed(link);
        return;
    }
    switch (run->stage) {
    case RUN_CLAIMING:
        enter(link, run->is_claimed ? RUN_STATEMENTS : RUN_REPLAYING);
        break;
    case RUN_REPLAYING:
        finish_replay(link);
        break;
    case RUN_STATEMENTS:
        on_statements(link);
        break;
    case RUN_COMMITTING:
        finish_done(link);
        break;
    case RUN_ROLLING_BACK:
        on_rolled_back(link);
        break;
    case RUN_SWEEPING:
        link->state = LINK_IDLE;
        writer_on_swept(link->writer, run->swept);
        break;
    }
}
