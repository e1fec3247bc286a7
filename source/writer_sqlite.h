/*
 * What the files of the SQLite writer share: writer_sqlite.c (the thread: connecting, preparing, taking
 * jobs), writer_sqlite_batch.c (the transaction of a batch), writer_sqlite_job.c (the statements of a
 * job), writer_sqlite_rows.c (values in and out), writer_sqlite_keys.c (Idempotency-Key) and
 * writer_sqlite_cache.c (prepared statements).
 *
 * Jobs that wait are one batch: those that only read are answered from what was committed before; the
 * others share one transaction and so one sync to disk, each in a savepoint of its own.
 *
 *   BEGIN IMMEDIATE
 *     SAVEPOINT job ... RELEASE job              -- done, a replay
 *     SAVEPOINT job ... ROLLBACK TO, RELEASE job -- missing, invalid, failed
 *   UPDATE vitrine_writes ... COMMIT             -- then `done` of each
 */
#ifndef VITRINE_SOURCE_WRITER_SQLITE_H
#define VITRINE_SOURCE_WRITER_SQLITE_H

#include "source/source_sqlite.h"
#include "source/writer_driver.h"

enum {
    SQLITE_BATCH_MAX = 256,      /* jobs of one transaction */
    SQLITE_CACHE_SLOTS = 512,    /* a power of two */
    SQLITE_CACHE_MAX = 256,      /* prepared statements that are kept */
    SQLITE_LOCK_SLICE_MS = 100,  /* of waiting for the write lock, before reads are answered */
    SQLITE_RETRY_FIRST_MS = 100, /* connecting anew */
    SQLITE_RETRY_MOST_MS = 5000,
};

struct cached_statement {
    sqlite3_stmt *statement; /* NULL: the slot is free */
    uint64_t hash;           /* of its text */
    char *text;              /* as it was asked for */
    size_t len;
};

struct statement_cache {
    struct cached_statement slots[SQLITE_CACHE_SLOTS];
    unsigned used;
};

struct writer_sqlite {
    struct writer base;
    char *place;
    struct source_sqlite *source; /* NULL: not connected */
    struct prepare_plan *plan;
    bool is_prepared;
    int64_t retry_ms;     /* monotonic: connect not before */
    int64_t wait_ms;      /* between the next two attempts */
    struct errmsg reason; /* why it is not connected */
    struct statement_cache cache;
    const struct write_job *running; /* whose deadline interrupts a statement */
    int failure;                     /* SQLite's extended code of the last one that failed */
    unsigned keys_kept;              /* in this batch */
};

/* ---- prepared statements ---- */

/* The statement SQL, prepared and reset, or NULL: see sqlite3_errmsg. It is the cache's. */
sqlite3_stmt *sqlite_cached(struct writer_sqlite *writer, struct slice sql);
void sqlite_cache_empty(struct statement_cache *cache);

/*
 * Runs a statement without parameters; a row's first integer goes to *OUT when OUT is not NULL. Returns
 * SQLite's code, SQLITE_OK when all went well.
 */
int sqlite_do(struct writer_sqlite *writer, const char *sql, int64_t *out);

/* ---- a job ---- */

/*
 * What became of JOB when a statement fails with RESULT; job->msg is set from what SQLite says of SQL,
 * and writer->failure.
 */
enum write_outcome sqlite_job_failed(struct writer_sqlite *writer, struct write_job *job,
                                     const char *sql, int result);

/* Runs the statements and `reply` within the transaction, the key included. WRITE_DONE or another. */
enum write_outcome sqlite_job_run(struct writer_sqlite *writer, struct write_job *job);

/* Binds the parameters for item number ITEM of `each`. SQLite's code. */
int sqlite_job_bind(const struct write_job *job, const struct statement *statement, unsigned item,
                    sqlite3_stmt *prepared);

/* Appends the row that PREPARED stands on. WRITE_DONE, or job->msg is set. */
enum write_outcome sqlite_job_row(struct write_job *job, const struct statement *statement,
                                  sqlite3_stmt *prepared, struct write_rows *rows);

/* *FOUND: the answer is in the job, WRITE_DONE; or the key belongs to another request. */
enum write_outcome sqlite_key_find(struct writer_sqlite *writer, struct write_job *job,
                                   bool *found);
enum write_outcome sqlite_key_keep(struct writer_sqlite *writer, struct write_job *job);

/* Forgets expired keys, somewhat more than were kept in this batch; at the end of its transaction. */
int sqlite_keys_expire(struct writer_sqlite *writer);

/* ---- a batch ---- */

/* Runs and finishes JOBS, linked by `next`; some may be returned to the queue. False: connect anew. */
bool sqlite_batch_run(struct writer_sqlite *writer, struct write_job *jobs);

#endif
