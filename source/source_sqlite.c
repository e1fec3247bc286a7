#include "source/source_sqlite.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "source/writer_driver.h"

enum {
    BUSY_TRIES = 5000, /* of about 1 ms */
    BUSY_LEAST_US = 500,
    BUSY_SPREAD_US = 1000,
    TICKS_MOST = 20,
    TICK_MS = 1,
    STEPS_BETWEEN_LOOKS = 20000, /* of SQLite's virtual machine, at the stop flag: some 0.5 ms */
};

enum err sqlite_error(const struct source_sqlite *source, const char *sql, struct errmsg *msg)
{
    if (sqlite3_errcode(source->db) == SQLITE_INTERRUPT) {
        return err_set(msg, ERR_INTERRUPTED, "interrupted");
    }
    return err_set(msg, ERR_SOURCE, "%s: %s (in: %.*s%s)", source->path, sqlite3_errmsg(source->db),
                   SQLITE_STATEMENT_SHOWN, sql, strlen(sql) > SQLITE_STATEMENT_SHOWN ? "..." : "");
}

enum err sqlite_run(struct source_sqlite *source, const char *sql, struct errmsg *msg)
{
    if (sqlite3_exec(source->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return sqlite_error(source, sql, msg);
    }
    return ERR_NONE;
}

enum err sqlite_ask(struct source_sqlite *source, const char *sql, int64_t *out, struct errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    enum err rc = ERR_NONE;

    if (sqlite3_prepare_v2(source->db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
    } else {
        rc = sqlite_error(source, sql, msg);
    }
    sqlite3_finalize(statement);
    return rc;
}

/* Called every so many instructions of a statement; what is not 0 interrupts it. */
static int on_progress(void *arg)
{
    return source_step_goes_on(arg) ? 0 : 1;
}

enum err sqlite_run_step(struct source_sqlite *source, const char *sql, struct source_step *step,
                         struct errmsg *msg)
{
    int result;

    if (!source_step_goes_on(step)) {
        return source_step_interrupted(step, msg);
    }
    sqlite3_progress_handler(source->db, STEPS_BETWEEN_LOOKS, on_progress, step);
    result = sqlite3_exec(source->db, sql, NULL, NULL, NULL);
    sqlite3_progress_handler(source->db, 0, NULL, NULL);
    if (result == SQLITE_INTERRUPT) {
        return source_step_interrupted(step, msg);
    }
    return result == SQLITE_OK ? ERR_NONE : sqlite_error(source, sql, msg);
}

/* ---- waiting for a lock ---- */

/*
 * SQLite's own handler soon looks only every 100 ms: beside a writer that is busy, which leaves the lock
 * alone for moments, it would never get it.
 */
static int on_busy(void *arg, int tries)
{
    struct timespec pause = {.tv_nsec = (BUSY_LEAST_US + random() % BUSY_SPREAD_US) * 1000};

    (void)arg;
    nanosleep(&pause, NULL);
    return tries < BUSY_TRIES;
}

/* ---- opening ---- */

static void close_sqlite(struct source *base)
{
    struct source_sqlite *source = (struct source_sqlite *)base;

    if (source->is_bulk) {
        sqlite_bulk_end(source);
    }
    sqlite3_close_v2(source->db);
    free(source->path);
    free(source);
}

/* "./" keeps SQLite from reading "file:..." and ":memory:" as anything but a file name. */
static char *plain_path(const char *place)
{
    return place[0] == '/' ? memory_copy_str(place) : path_join(".", "%s", place);
}

/* A sort may take long before its first row comes. */
static int stops(void *arg)
{
    return source_is_stopped(arg);
}

static enum err open_database(struct source_sqlite *source, struct errmsg *msg)
{
    int flags = SQLITE_OPEN_NOMUTEX |
                (source->mode == SOURCE_READ ? SQLITE_OPEN_READONLY
                                             : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);

    if (source->mode == SOURCE_READ && !file_exists(source->path)) {
        return err_set(msg, ERR_SOURCE, "%s: there is no such database; %s", source->path,
                       strncmp(source->path, "//", 2) == 0
                           ? "a path in this folder is written as sqlite:FILE, without slashes"
                           : "look at the path, or make one with `vitrine import`");
    }
    if (sqlite3_open_v2(source->path, &source->db, flags, NULL) != SQLITE_OK) {
        return err_set(msg, ERR_SOURCE, "%s: %s", source->path, sqlite3_errmsg(source->db));
    }
    sqlite3_extended_result_codes(source->db, 1);
    sqlite3_busy_handler(source->db, on_busy, NULL);
    if (source->mode == SOURCE_READ) {
        sqlite3_progress_handler(source->db, STEPS_BETWEEN_LOOKS, stops, &source->base);
        /* Opening alone reads nothing: a file that is no database is better refused here. */
        return sqlite_run(source, "PRAGMA cache_size = -65536; SELECT 1 FROM sqlite_schema", msg);
    }
    return sqlite_run(source, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", msg);
}

static enum err open_sqlite(const char *place, enum source_mode mode, struct source **out,
                            struct errmsg *msg)
{
    struct source_sqlite *source = memory_calloc(1, sizeof *source);
    enum err rc;

    source->base.operations = &source_sqlite_operations;
    source->mode = mode;
    source->path = plain_path(place);
    rc = open_database(source, msg);
    if (rc != ERR_NONE) {
        close_sqlite(&source->base);
        return rc;
    }
    *out = &source->base;
    return ERR_NONE;
}

/* ---- snapshot and position ---- */

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/*
 * Size and change time of the database and its write-ahead log. A reader leaves an empty log behind
 * where there was none, so empty and missing are one. A checkpoint changes the position without
 * changing data, which costs a needless look and nothing more. *CHANGED_NS is the later of the two
 * times.
 */
static enum err look(const struct source_sqlite *source, char *text, int64_t *changed_ns,
                     struct errmsg *msg)
{
    size_t log_path_size = strlen(source->path) + sizeof "-wal";
    char *log_path = memory_alloc(log_path_size);
    struct stat database;
    struct stat log;
    int failed = stat(source->path, &database) == 0 ? 0 : errno;

    snprintf(log_path, log_path_size, "%s-wal", source->path);
    if (stat(log_path, &log) != 0 || log.st_size == 0) {
        log = (struct stat){.st_size = 0};
    }
    free(log_path);
    if (failed != 0) {
        return err_sys(msg, failed, "stat %s", source->path);
    }
    snprintf(text, SQLITE_POSITION_MAX, "%" PRId64 ".%" PRId64 ".%" PRId64 ".%" PRId64,
             (int64_t)database.st_size, nanoseconds(&database.st_mtim), (int64_t)log.st_size,
             nanoseconds(&log.st_mtim));
    *changed_ns = nanoseconds(&database.st_mtim);
    if (*changed_ns < nanoseconds(&log.st_mtim)) {
        *changed_ns = nanoseconds(&log.st_mtim);
    }
    return ERR_NONE;
}

static void add_time(char *text)
{
    size_t len = strlen(text);
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text + len, SQLITE_POSITION_MAX - len, "+%" PRId64, nanoseconds(&now));
}

/*
 * A second commit of the same size within the same tick of the clock that files are stamped with (some
 * ms) would leave the position as it is, and nobody would ever build it. So a file that was changed in
 * this very tick is looked at again in the next one. Where somebody writes all the time there is no quiet
 * tick: then the time of the look is part of the position, which so is like no other.
 */
static enum err probe(const struct source_sqlite *source, char *text, struct errmsg *msg)
{
    static const struct timespec tick = {.tv_nsec = TICK_MS * 1000000};

    for (unsigned i = 0;; i++) {
        int64_t changed_ns;
        struct timespec now; /* before the look: what is written after it has a later time */
        enum err rc;

        clock_gettime(CLOCK_REALTIME_COARSE, &now);
        rc = look(source, text, &changed_ns, msg);
        if (rc != ERR_NONE || changed_ns < nanoseconds(&now)) {
            return rc;
        }
        if (i == TICKS_MOST) {
            add_time(text);
            return ERR_NONE;
        }
        nanosleep(&tick, NULL);
    }
}

static enum err position_sqlite(struct source *base, struct buffer *out, struct errmsg *msg)
{
    struct source_sqlite *source = (struct source_sqlite *)base;
    char text[SQLITE_POSITION_MAX];

    if (source->in_snapshot) {
        buffer_append_str(out, source->snapshot_position);
        return ERR_NONE;
    }
    if (probe(source, text, msg) != ERR_NONE) {
        return ERR_SYSTEM;
    }
    buffer_append_str(out, text);
    return ERR_NONE;
}

static enum err write_position_sqlite(struct source *base, uint64_t *out, struct errmsg *msg)
{
    int64_t count = 0;
    bool is_there;
    enum err rc = sqlite_has_table(base, slice_str(WRITER_COUNT_TABLE), &is_there, msg);

    if (rc == ERR_NONE && is_there) {
        rc = sqlite_ask((struct source_sqlite *)base,
                        "SELECT coalesce(max(count), 0) FROM " WRITER_COUNT_TABLE, &count, msg);
    }
    if (rc == ERR_NONE) {
        *out = (uint64_t)count;
    }
    return rc;
}

static void end_sqlite(struct source *base)
{
    struct source_sqlite *source = (struct source_sqlite *)base;

    if (source->in_snapshot) {
        sqlite3_exec(source->db, "ROLLBACK", NULL, NULL, NULL);
        source->in_snapshot = false;
    }
}

/* SQLite takes its snapshot at the first read after BEGIN, hence the read here. */
static enum err begin_one(struct source *base, struct errmsg *msg)
{
    struct source_sqlite *source = (struct source_sqlite *)base;
    enum err rc;

    assert(!source->in_snapshot);
    rc = probe(source, source->snapshot_position, msg);
    if (rc != ERR_NONE) {
        return rc;
    }
    rc = sqlite_run(source, "BEGIN", msg);
    if (rc != ERR_NONE) {
        return rc;
    }
    source->in_snapshot = true;
    rc = sqlite_run(source, "SELECT 1 FROM sqlite_schema", msg);
    if (rc != ERR_NONE) {
        end_sqlite(base);
    }
    return rc;
}

/*
 * A connection that holds the write lock, so that nobody commits while several others begin to read;
 * NULL where we may not write.
 */
static enum err hold_writers(const struct source_sqlite *source, sqlite3 **out, struct errmsg *msg)
{
    int result;

    *out = NULL;
    if (access(source->path, W_OK) != 0) {
        return ERR_NONE;
    }
    result = sqlite3_open_v2(source->path, out, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, NULL);
    if (result == SQLITE_OK) {
        sqlite3_busy_handler(*out, on_busy, NULL);
        result = sqlite3_exec(*out, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    }
    if (result != SQLITE_OK) {
        err_set(msg, ERR_SOURCE, "%s: %s; --jobs 1 needs no lock", source->path,
                sqlite3_errmsg(*out));
        sqlite3_close(*out);
        *out = NULL;
        return ERR_SOURCE;
    }
    return ERR_NONE;
}

/* Without a lock: whether nothing was committed since the first of SOURCES began. */
static enum err check_same(const struct source *first, struct errmsg *msg)
{
    const struct source_sqlite *source = (const struct source_sqlite *)first;
    char position[SQLITE_POSITION_MAX];
    enum err rc = probe(source, position, msg);

    if (rc == ERR_NONE && strcmp(position, source->snapshot_position) != 0) {
        rc = err_set(msg, ERR_LOST,
                     "%s was written while several connections began to read; --jobs 1 needs one",
                     source->path);
    }
    return rc;
}

static enum err begin_sqlite(struct source *const *sources, unsigned count, struct errmsg *msg)
{
    sqlite3 *lock = NULL;
    unsigned begun = 0;
    enum err rc = ERR_NONE;

    if (count > 1) {
        rc = hold_writers((struct source_sqlite *)sources[0], &lock, msg);
    }
    while (rc == ERR_NONE && begun < count) {
        rc = begin_one(sources[begun], msg);
        begun += rc == ERR_NONE;
    }
    if (rc == ERR_NONE && count > 1 && lock == NULL) {
        rc = check_same(sources[0], msg);
    }
    while (rc != ERR_NONE && begun > 0) {
        end_sqlite(sources[--begun]);
    }
    sqlite3_close(lock);
    return rc;
}

const struct source_operations source_sqlite_operations = {
    .dialect =
        {
            .text_order = " COLLATE BINARY",
            .nulls_ascending = "", /* nulls are the least of values already */
            .nulls_descending = "",
        },
    .writer = &writer_sqlite_operations,
    .open = open_sqlite,
    .close = close_sqlite,
    .begin = begin_sqlite,
    .end = end_sqlite,
    .position = position_sqlite,
    .write_position = write_position_sqlite,
    .has_table = sqlite_has_table,
    .query = sqlite_query,
    .rows_next = sqlite_rows_next,
    .rows_close = sqlite_rows_close,
    .load_begin = sqlite_load_begin,
    .load_row = sqlite_load_row,
    .load_finish = sqlite_load_finish,
    .load_abandon = sqlite_load_abandon,
    .find_record = sqlite_find_record,
    .has_rows = sqlite_has_rows,
    .settle = sqlite_settle,
    .prepare = sqlite_prepare_source,
};
