/*
 * What a driver of one kind of database brings to a writer, and what it finds there: the queue, the
 * deadlines, the counters and the thread of writer.c.
 *
 * A driver embeds struct writer as the first member of its own struct and sets `operations`. Its `run`
 * is the whole of the writer's thread: it waits with poll(2) for `wake_fd` and whatever else it has,
 * takes jobs, and finishes each of them exactly once, whatever happens.
 *
 *   for (;;) {
 *       poll(wake_fd and others, writer_patience_ms(writer) at most)
 *       jobs = writer_take(writer, ...)          -- answers those that waited too long by itself
 *       ...
 *       writer_finish(writer, job, outcome)      -- each
 *       nothing taken, nothing in flight, and writer_stops(writer): return
 *   }
 *
 * Thread-safety: all of this belongs to the writer's thread, `open` and `free` apart.
 */
#ifndef VITRINE_SOURCE_WRITER_DRIVER_H
#define VITRINE_SOURCE_WRITER_DRIVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "source/driver.h"
#include "source/prepare_sql.h"
#include "source/writer.h"

struct writer_operations {
    enum sql_dialect dialect;

    /*
     * PLACE is the URL behind its scheme, never empty. Allocates (memory_calloc) and reads PLACE;
     * connects to nothing. OPTIONS have their defaults filled in. ERR_USAGE.
     */
    enum err (*open)(const char *place, const struct writer_options *options, struct writer **out,
                     struct errmsg *msg);

    /* The thread: returns when writer_stops and every job that was taken is finished. */
    void (*run)(struct writer *writer);

    /* After the thread has ended, or before it began: what is the driver's own, and the struct. */
    void (*free)(struct writer *writer);
};

extern const struct writer_operations writer_sqlite_operations;
extern const struct writer_operations writer_postgres_operations;

struct writer {
    /* ---- set by the driver's `open` ---- */
    const struct writer_operations *operations;

    /* ---- set by writer_open, then constant ---- */
    struct writer_options options; /* defaults filled in; `url` does not outlive writer_open */
    int wake_fd;                   /* an eventfd, readable while jobs wait and when it is to stop */

    /* ---- writer.c's own ---- */
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    struct write_job *first;
    struct write_job *last;
    unsigned queued;
    bool is_stopping;
    struct prepare_plan *plan; /* not made in the source yet, or NULL */
    atomic_bool is_connected;
    atomic_uint waiting;
    atomic_ullong committed;
    atomic_ullong failed;
};

/*
 * Up to MOST jobs in the order of their submission, linked by `next`; *OUT is NULL when there are
 * none. Jobs whose deadline has passed are answered WRITE_AWAY instead. Look at writer_stops after
 * this, not before: what wakes a stopping thread is taken back here.
 */
unsigned writer_take(struct writer *writer, unsigned most, struct write_job **out);

/* Puts back a job that was taken, as the first; its deadline stays. */
void writer_return(struct writer *writer, struct write_job *job);

/*
 * Sets the outcome, counts it, calls job->done. For the outcomes that have a message job->msg is set
 * before, for WRITE_DONE of a write job->position.
 */
void writer_finish(struct writer *writer, struct write_job *job, enum write_outcome outcome);

/* Milliseconds to the deadline of the first job that waits, 0 when it has passed; -1: none waits. */
int writer_patience_ms(struct writer *writer);

/* The same for one job. */
int writer_job_patience_ms(const struct write_job *job);

/*
 * What BINDING is bound to, for item number ITEM of `each`. What an earlier statement returned is that of
 * its first row; null when it returned none.
 */
struct value writer_bound_value(const struct write_job *job, const struct binding *binding,
                                unsigned item);

/* Whether writer_close was called: answer what there is, then return from `run`. */
bool writer_stops(struct writer *writer);

/* For writer_look: whether the source is reached; one more transaction was committed. */
void writer_set_connected(struct writer *writer, bool is_connected);
void writer_count_commit(struct writer *writer);

/*
 * What has to be made in the source before jobs can run (source/prepare_sql.h), or NULL when that was
 * done. It is the caller's: afterwards he gives it back to writer_prepared, which frees it, or keeps it
 * for the next look when IS_DONE is false. Look whenever jobs were taken: writer_define brings another.
 */
struct prepare_plan *writer_plan(struct writer *writer);
void writer_prepared(struct writer *writer, struct prepare_plan *plan, bool is_done);

#endif
