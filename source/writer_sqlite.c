#include "source/writer_sqlite.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    STEPS_BETWEEN_LOOKS = 20000, /* of SQLite's virtual machine, at the deadline: some 0.5 ms */
};

/* The log may grow while somebody reads an old state; afterwards it is cut back to this. */
static const char settings_sql[] =
    "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;"
    "PRAGMA cache_size = -16384";

static struct writer_sqlite *of(struct writer *base)
{
    return (struct writer_sqlite *)base;
}

/* ---- connecting ---- */

static void disconnect(struct writer_sqlite *writer)
{
    sqlite_cache_empty(&writer->cache);
    if (writer->source != NULL) {
        source_close(&writer->source->base);
    }
    writer->source = NULL;
    writer->is_prepared = false;
    writer_set_connected(&writer->base, false);
}

/* What is written to a file that was moved or removed since it was opened, nobody will find again. */
static bool has_moved(const struct writer_sqlite *writer)
{
    int moved = 0;

    return writer->source != NULL &&
           sqlite3_file_control(writer->source->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
               SQLITE_OK &&
           moved != 0;
}

static int is_late(void *arg)
{
    const struct writer_sqlite *writer = arg;

    return writer->running != NULL && writer->running->deadline_ms <= monotonic_ms();
}

static enum err connect_source(struct writer_sqlite *writer, struct errmsg *msg)
{
    struct source *source;
    enum err rc = source_sqlite_operations.open(writer->place, SOURCE_WRITE, &source, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    writer->source = (struct source_sqlite *)source;
    sqlite3_progress_handler(writer->source->db, STEPS_BETWEEN_LOOKS, is_late, writer);
    return sqlite_run(writer->source, settings_sql, msg);
}

/* ---- being ready ---- */

static void put_off(struct writer_sqlite *writer)
{
    writer->retry_ms = monotonic_ms() + writer->wait_ms;
    writer->wait_ms =
        writer->wait_ms * 2 < SQLITE_RETRY_MOST_MS ? writer->wait_ms * 2 : SQLITE_RETRY_MOST_MS;
}

/* Said once for each reason, not with each attempt. */
static void say_away(struct writer_sqlite *writer, const struct errmsg *msg)
{
    if (strcmp(writer->reason.text, msg->text) != 0) {
        log_warn("source_away", "reason=\"%s\"", msg->text);
        writer->reason = *msg;
    }
}

static void get_ready(struct writer_sqlite *writer)
{
    struct errmsg msg;
    enum err rc = writer->source == NULL ? connect_source(writer, &msg) : ERR_NONE;

    if (rc == ERR_NONE) {
        rc = sqlite_prepare(writer->source, writer->plan, &msg);
    }
    if (rc != ERR_NONE) {
        say_away(writer, &msg);
        disconnect(writer);
        put_off(writer);
        return;
    }
    if (writer->reason.text[0] != '\0') {
        log_info("source_back", "path=\"%s\"", writer->source->path);
        writer->reason.text[0] = '\0';
    }
    writer->is_prepared = true;
    writer->wait_ms = SQLITE_RETRY_FIRST_MS;
    writer_set_connected(&writer->base, true);
}

static void look_for_plan(struct writer_sqlite *writer)
{
    struct prepare_plan *plan = writer_plan(&writer->base);

    if (plan != NULL) {
        prepare_plan_free(writer->plan);
        writer->plan = plan;
        writer->is_prepared = false;
    }
}

static void refuse_all(struct writer_sqlite *writer, struct write_job *job)
{
    while (job != NULL) {
        struct write_job *next = job->next;

        job->msg = writer->reason;
        writer_finish(&writer->base, job, WRITE_AWAY);
        job = next;
    }
}

/* ---- the thread ---- */

/* What woke a thread that is to stop may have been taken back with the last jobs. */
static void wait_for_work(struct writer_sqlite *writer)
{
    struct pollfd wake = {.fd = writer->base.wake_fd, .events = POLLIN};
    int64_t left_ms = writer->retry_ms - monotonic_ms();

    if (!writer_stops(&writer->base)) {
        (void)poll(&wake, 1, writer->is_prepared ? -1 : left_ms > 0 ? (int)left_ms : 0);
    }
}

static void run_sqlite(struct writer *base)
{
    struct writer_sqlite *writer = of(base);
    struct write_job *jobs;

    for (;;) {
        wait_for_work(writer);
        look_for_plan(writer);
        if (has_moved(writer)) {
            log_warn("source_moved", "path=\"%s\"", writer->source->path);
            disconnect(writer);
        }
        if (!writer->is_prepared && writer->retry_ms <= monotonic_ms()) {
            get_ready(writer);
        }
        if (writer_take(base, SQLITE_BATCH_MAX, &jobs) == 0) {
            if (writer_stops(base)) {
                break;
            }
        } else if (!writer->is_prepared) {
            refuse_all(writer, jobs);
        } else if (!sqlite_batch_run(writer, jobs)) {
            disconnect(writer);
        }
    }
    disconnect(writer);
}

/* ---- opening ---- */

static enum err open_sqlite(const char *place, const struct writer_options *options,
                            struct writer **out, struct errmsg *msg)
{
    struct writer_sqlite *writer = memory_calloc(1, sizeof *writer);

    (void)options;
    (void)msg;
    writer->base.operations = &writer_sqlite_operations;
    writer->place = memory_copy_str(place);
    writer->wait_ms = SQLITE_RETRY_FIRST_MS;
    *out = &writer->base;
    return ERR_NONE;
}

static void free_sqlite(struct writer *base)
{
    struct writer_sqlite *writer = of(base);

    prepare_plan_free(writer->plan);
    free(writer->place);
    free(writer);
}

const struct writer_operations writer_sqlite_operations = {
    .dialect = SQL_SQLITE,
    .open = open_sqlite,
    .run = run_sqlite,
    .free = free_sqlite,
};
