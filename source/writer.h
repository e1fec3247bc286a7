/*
 * Writes to the source: actions run in transactions, durably, many at a time.
 *
 * Good for: any number of threads that submit jobs and go on; a job is answered by a callback after its
 * transaction was committed (synced to disk), or was rolled back as a whole.
 * Under the hood: one thread a writer. SQLite: the jobs that wait share one transaction and one fsync,
 * each in a savepoint of its own. PostgreSQL: connections in pipeline mode, as many as are needed, waited
 * for with poll(2).
 *
 *   caller                      the writer's thread
 *   writer_submit(job) ----->   statements ... job->reply(job) ... COMMIT ... job->done(job)
 *
 * A key (Idempotency-Key) is kept with its answer in the transaction of the job, in the table
 * WRITER_ANSWERS_TABLE: whoever submits the same key again gets the same answer and changes nothing.
 *
 * Thread-safety: all functions may be called by any thread, writer_close by one.
 */
#ifndef VITRINE_SOURCE_WRITER_H
#define VITRINE_SOURCE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"
#include "definition/definition.h"

enum {
    WRITER_KEY_MAX = 255,        /* bytes of an Idempotency-Key */
    WRITER_CONNECTIONS_MAX = 64, /* PostgreSQL */
    WRITER_QUEUE_MAX = 10000,    /* jobs that wait; more are WRITE_AWAY at once */
};

#define WRITER_ANSWERS_TABLE "vitrine_answers" /* key, fingerprint, status, body, expiry */
#define WRITER_COUNT_TABLE "vitrine_writes"    /* SQLite: how many transactions were committed */

struct writer;

struct writer_options {
    const char *url;      /* as source_open */
    unsigned connections; /* PostgreSQL: at most, opened as they are needed; 0: 16 */
    int64_t timeout_ms;   /* of a job, waiting included; 0: 5 s */
    int64_t keep_keys_ms; /* how long keys are remembered; 0: a day */
};

enum write_outcome {
    WRITE_DONE,         /* committed; or a replay of an answer that was, is_replay */
    WRITE_MISSING,      /* a statement with `missing` found nothing: `statement` */
    WRITE_INVALID,      /* the database refused a value: a constraint, a range */
    WRITE_KEY_CONFLICT, /* the key was used with another fingerprint */
    WRITE_AWAY, /* the source is not reached, too slow, or the queue is full; nothing is known to be
                           committed. A commit whose confirmation was lost is this, too. */
    WRITE_FAILED, /* anything else: a mistake in a statement */
};

/* The items of a list or map that was taken. */
struct write_items {
    struct value *values;
    struct value *names; /* maps; otherwise NULL */
    unsigned count;
};

/* What a statement that was run once returned; of `each` nothing is kept. */
struct write_rows {
    struct value *values; /* row after row, in job->arena */
    unsigned row_count;
};

struct write_job {
    /* ---- set by the caller, and alive until `done` was called ---- */
    const struct action *action;
    const struct value *takes;       /* by take: TAKE_ONE */
    const struct write_items *items; /* by take: lists and maps */
    int64_t now_ms;
    struct slice key;     /* Idempotency-Key, or empty */
    uint64_t fingerprint; /* of the request that has this key */
    struct arena *arena;  /* the job's own: results go there */
    /*
     * On the writer's thread, within the transaction, after the last statement: sets `status` and appends
     * the body to BODY, from `rows`. Called for WRITE_DONE only, and not for a replay. Must not block.
     * A body that overflowed makes it WRITE_FAILED, and nothing is committed.
     */
    void (*reply)(struct write_job *job);
    /* On the writer's thread, once: the outcome stands, and the job is the caller's again. */
    void (*done)(struct write_job *job);

    /* ---- set by the writer ---- */
    enum write_outcome outcome;
    unsigned statement;      /* WRITE_MISSING */
    struct write_rows *rows; /* by statement */
    bool is_replay;
    uint64_t position; /* WRITE_DONE: a release whose position is not lower holds this write */
    struct errmsg msg; /* INVALID, AWAY, FAILED: what the database said */

    /* ---- the answer: set by `reply`, or by the writer for a replay ---- */
    unsigned status;
    struct buffer body; /* initialized and freed by the caller */

    struct write_job *next; /* the writer's */
    int64_t deadline_ms;    /* the writer's */
    unsigned attempts;      /* the writer's */
};

/*
 * Starts a writer. The source may be away: it is connected to, and prepared (source_prepare), in the
 * background, with back-off, and jobs are WRITE_AWAY meanwhile. ERR_USAGE for a URL that is none.
 */
MUST_CHECK enum err writer_open(const struct writer_options *options,
                                const struct definition *definition, struct writer **out,
                                struct errmsg *msg);

/*
 * Another definition: what its tables need is made in the source before the next jobs run. Neither
 * definition has to outlive the call.
 */
void writer_define(struct writer *writer, const struct definition *definition);

/*
 * Takes JOB over until its `done`, which may be called before this returns: by this very thread when the
 * queue is full.
 */
void writer_submit(struct writer *writer, struct write_job *job);

/* What it is about, for metrics. */
struct writer_state {
    bool is_connected;
    unsigned waiting;   /* jobs that are not answered yet */
    uint64_t committed; /* transactions */
    uint64_t failed;    /* jobs with another outcome than WRITE_DONE */
};
void writer_look(const struct writer *writer, struct writer_state *out);

/* Answers what was submitted (WRITE_AWAY after its time-out), ends the thread and frees; accepts NULL. */
void writer_close(struct writer *writer);

#endif
