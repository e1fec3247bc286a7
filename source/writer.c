#include "source/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "source/writer_driver.h"

enum {
    CONNECTIONS_DEFAULT = 16,
    TIMEOUT_DEFAULT_MS = 5000,
    KEEP_KEYS_DEFAULT_MS = 24 * 3600 * 1000,
};

/* ---- waking ---- */

/* Within the mutex: the eventfd is readable exactly while jobs wait, or after writer_close. */
static void wake(const struct writer *writer)
{
    uint64_t one = 1;
    ssize_t written = write(writer->wake_fd, &one, sizeof one);

    (void)written; /* it fails when it is readable already */
}

static void take_back_wake(const struct writer *writer)
{
    uint64_t count;
    ssize_t got = read(writer->wake_fd, &count, sizeof count);

    (void)got; /* it fails when it is not readable */
}

/* ---- the queue ---- */

static void push_last(struct writer *writer, struct write_job *job)
{
    job->next = NULL;
    if (writer->first == NULL) {
        writer->first = job;
        wake(writer);
    } else {
        writer->last->next = job;
    }
    writer->last = job;
    writer->queued++;
}

static void push_first(struct writer *writer, struct write_job *job)
{
    if (writer->first == NULL) {
        writer->last = job;
        wake(writer);
    }
    job->next = writer->first;
    writer->first = job;
    writer->queued++;
}

static struct write_job *pop_first(struct writer *writer)
{
    struct write_job *job = writer->first;

    writer->first = job->next;
    writer->queued--;
    job->next = NULL;
    return job;
}

void writer_return(struct writer *writer, struct write_job *job)
{
    pthread_mutex_lock(&writer->mutex);
    push_first(writer, job);
    pthread_mutex_unlock(&writer->mutex);
}

static void finish_all(struct writer *writer, struct write_job *late)
{
    while (late != NULL) {
        struct write_job *next = late->next;

        err_set(&late->msg, ERR_LOST, "the source took longer than %" PRId64 " ms",
                writer->options.timeout_ms);
        writer_finish(writer, late, WRITE_AWAY);
        late = next;
    }
}

unsigned writer_take(struct writer *writer, unsigned most, struct write_job **out)
{
    int64_t now_ms = monotonic_ms();
    struct write_job *late = NULL;
    struct write_job **late_end = &late;
    struct write_job **end = out;
    unsigned count = 0;

    pthread_mutex_lock(&writer->mutex);
    while (writer->first != NULL && count < most) {
        struct write_job *job = pop_first(writer);
        struct write_job ***list = job->deadline_ms <= now_ms ? &late_end : &end;

        count += list == &end;
        **list = job;
        *list = &job->next;
    }
    if (writer->first == NULL) {
        take_back_wake(writer);
    }
    pthread_mutex_unlock(&writer->mutex);
    *end = NULL;
    *late_end = NULL;
    finish_all(writer, late);
    return count;
}

/* ---- jobs ---- */

int writer_job_patience_ms(const struct write_job *job)
{
    int64_t left_ms = job->deadline_ms - monotonic_ms();

    if (left_ms <= 0) {
        return 0;
    }
    return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

struct value writer_bound_value(const struct write_job *job, const struct binding *binding,
                                unsigned item)
{
    const struct write_rows *rows;

    switch (binding->kind) {
    case BINDING_TAKE:
        return job->takes[binding->take];
    case BINDING_ITEM:
        return job->items[binding->take].values[item];
    case BINDING_ITEM_NAME:
        return job->items[binding->take].names[item];
    case BINDING_RETURNED:
        rows = &job->rows[binding->statement];
        return rows->row_count == 0 ? (struct value){.type = VALUE_NULL}
                                    : rows->values[binding->column];
    default:
        return (struct value){.type = VALUE_INTEGER, .integer = job->now_ms};
    }
}

int writer_patience_ms(struct writer *writer)
{
    int patience_ms;

    pthread_mutex_lock(&writer->mutex);
    patience_ms = writer->first == NULL ? -1 : writer_job_patience_ms(writer->first);
    pthread_mutex_unlock(&writer->mutex);
    return patience_ms;
}

void writer_finish(struct writer *writer, struct write_job *job, enum write_outcome outcome)
{
    job->outcome = outcome;
    if (outcome != WRITE_DONE) {
        atomic_fetch_add(&writer->failed, 1);
    }
    atomic_fetch_sub(&writer->waiting, 1);
    job->done(job);
}

void writer_submit(struct writer *writer, struct write_job *job)
{
    bool is_full;

    job->deadline_ms = monotonic_ms() + writer->options.timeout_ms;
    job->attempts = 0;
    job->rows = NULL;
    job->is_replay = false;
    job->position = 0;
    job->msg.text[0] = '\0';
    atomic_fetch_add(&writer->waiting, 1);
    pthread_mutex_lock(&writer->mutex);
    is_full = writer->queued >= WRITER_QUEUE_MAX;
    if (!is_full) {
        push_last(writer, job);
    }
    pthread_mutex_unlock(&writer->mutex);
    if (is_full) {
        err_set(&job->msg, ERR_LIMIT, "%d writes wait already", WRITER_QUEUE_MAX);
        writer_finish(writer, job, WRITE_AWAY);
    }
}

/* ---- what a driver tells, and asks ---- */

bool writer_stops(struct writer *writer)
{
    bool is_stopping;

    pthread_mutex_lock(&writer->mutex);
    is_stopping = writer->is_stopping;
    pthread_mutex_unlock(&writer->mutex);
    return is_stopping;
}

void writer_set_connected(struct writer *writer, bool is_connected)
{
    atomic_store(&writer->is_connected, is_connected);
}

void writer_count_commit(struct writer *writer)
{
    atomic_fetch_add(&writer->committed, 1);
}

struct prepare_plan *writer_plan(struct writer *writer)
{
    struct prepare_plan *plan;

    pthread_mutex_lock(&writer->mutex);
    plan = writer->plan;
    writer->plan = NULL;
    pthread_mutex_unlock(&writer->mutex);
    return plan;
}

/* A newer plan that came meanwhile is the one to be made. */
void writer_prepared(struct writer *writer, struct prepare_plan *plan, bool is_done)
{
    pthread_mutex_lock(&writer->mutex);
    if (!is_done && writer->plan == NULL) {
        writer->plan = plan;
        plan = NULL;
    }
    pthread_mutex_unlock(&writer->mutex);
    prepare_plan_free(plan);
}

void writer_define(struct writer *writer, const struct definition *definition)
{
    struct prepare_plan *plan = prepare_plan_make(definition, writer->operations->dialect);
    struct prepare_plan *old;

    pthread_mutex_lock(&writer->mutex);
    old = writer->plan;
    writer->plan = plan;
    pthread_mutex_unlock(&writer->mutex);
    prepare_plan_free(old);
}

void writer_look(const struct writer *writer, struct writer_state *out)
{
    *out = (struct writer_state){.is_connected = atomic_load(&writer->is_connected),
                                 .waiting = atomic_load(&writer->waiting),
                                 .committed = atomic_load(&writer->committed),
                                 .failed = atomic_load(&writer->failed)};
}

/* ---- opening and closing ---- */

static void free_writer(struct writer *writer)
{
    close(writer->wake_fd);
    pthread_mutex_destroy(&writer->mutex);
    prepare_plan_free(writer->plan);
    writer->operations->free(writer);
}

static void *run_thread(void *arg)
{
    struct writer *writer = arg;

    writer->operations->run(writer);
    return NULL;
}

/* Signals are for the threads that expect them. */
static enum err start_thread(struct writer *writer, struct errmsg *msg)
{
    sigset_t all;
    sigset_t before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&writer->thread, NULL, run_thread, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? ERR_NONE : err_sys(msg, failed, "start the thread of the writer");
}

static struct writer_options with_defaults(const struct writer_options *options)
{
    struct writer_options full = *options;

    full.connections = full.connections == 0 ? CONNECTIONS_DEFAULT : full.connections;
    if (full.connections > WRITER_CONNECTIONS_MAX) {
        full.connections = WRITER_CONNECTIONS_MAX;
    }
    full.timeout_ms = full.timeout_ms <= 0 ? TIMEOUT_DEFAULT_MS : full.timeout_ms;
    full.keep_keys_ms = full.keep_keys_ms <= 0 ? KEEP_KEYS_DEFAULT_MS : full.keep_keys_ms;
    return full;
}

enum err writer_open(const struct writer_options *options, const struct definition *definition,
                     struct writer **out, struct errmsg *msg)
{
    struct writer_options full = with_defaults(options);
    const struct source_operations *operations;
    const char *place;
    struct writer *writer = NULL;
    enum err rc = source_find_operations(options->url, &operations, &place, msg);

    if (rc == ERR_NONE) {
        rc = operations->writer->open(place, &full, &writer, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    full.url = NULL;
    writer->options = full;
    pthread_mutex_init(&writer->mutex, NULL);
    writer_define(writer, definition);
    writer->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rc = writer->wake_fd < 0 ? err_sys(msg, errno, "open an eventfd") : start_thread(writer, msg);
    if (rc != ERR_NONE) {
        free_writer(writer);
        return rc;
    }
    *out = writer;
    return ERR_NONE;
}

void writer_close(struct writer *writer)
{
    if (writer == NULL) {
        return;
    }
    pthread_mutex_lock(&writer->mutex);
    writer->is_stopping = true;
    wake(writer);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    free_writer(writer);
}
