#include "source/writer_postgres.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    BACKOFF_LEAST_MS = 100,
    BACKOFF_MOST_MS = 5000,
    AWAY_AFTER_MS = 1000, /* without a connection for so long, jobs are not kept waiting any more */
    LOG_SAME_MS = 60000,
    LOG_OTHER_MS = 1000,
    OPEN_AT_ONCE = 4,
    REST_MS = 60000, /* connections that were not used for so long are closed, but for the first */
    SWEEP_MS = 60000,
    SWEEP_SOON_MS = 1000, /* when there was more than one sweep deletes */
    SWEEP_FULL = 1000,    /* rows that a sweep deletes at most */
};

/* ---- opening ---- */

/*
 * What a session needs. The time-outs are a little shorter than a job's, so that the server gives up
 * first and the connection stays of use. What is answered is on disk: where the server's default is not to
 * wait for that, these sessions do.
 */
static void write_settings(struct writer_postgres *writer, int64_t timeout_ms)
{
    buffer_init(&writer->settings, POSTGRES_SQL_MAX);
    buffer_printf(&writer->settings,
                  "SELECT set_config(s.name, w.value, false) FROM (VALUES"
                  " ('TimeZone', 'UTC'), ('client_min_messages', 'warning'),"
                  " ('standard_conforming_strings', 'on'), ('idle_session_timeout', '0'),"
                  " ('statement_timeout', '%" PRId64 "'), ('lock_timeout', '%" PRId64 "'),"
                  " ('idle_in_transaction_session_timeout', '%" PRId64 "'),"
                  " ('client_connection_check_interval', '1s'), ('jit', 'off'),"
                  " ('synchronous_commit', CASE current_setting('synchronous_commit')"
                  " WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END)"
                  ") AS w (name, value) JOIN pg_catalog.pg_settings AS s ON s.name = w.name;"
                  "SELECT pg_catalog.pg_is_in_recovery()",
                  timeout_ms - timeout_ms / 10, timeout_ms - timeout_ms / 4, timeout_ms);
}

/* So that it can be told from a builder in pg_stat_activity. */
static void name_application(struct postgres_parameters *parameters)
{
    for (unsigned i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->names[i], "fallback_application_name") == 0) {
            parameters->values[i] = "vitrine write";
        }
    }
}

static void free_postgres(struct writer *base)
{
    struct writer_postgres *writer = (struct writer_postgres *)base;

    for (unsigned i = 0; i < writer->link_count; i++) {
        arena_free(&writer->links[i].arena);
        free(writer->links[i].items);
    }
    buffer_free(&writer->settings);
    PQconninfoFree(writer->place.options);
    free(writer->place.label);
    free(writer);
}

static enum err open_postgres(const char *place, const struct writer_options *options,
                              struct writer **out, struct errmsg *msg)
{
    struct writer_postgres *writer = memory_calloc(1, sizeof *writer);
    enum err rc;

    writer->base.operations = &writer_postgres_operations;
    writer->backoff_ms = BACKOFF_LEAST_MS;
    writer->chance = (unsigned)monotonic_ms();
    write_settings(writer, options->timeout_ms);
    rc = postgres_read_place(&writer->place, place, msg);
    if (rc != ERR_NONE) {
        free_postgres(&writer->base);
        return rc;
    }
    postgres_collect_parameters(&writer->place, &writer->parameters);
    name_application(&writer->parameters);
    writer->link_count = options->connections;
    for (unsigned i = 0; i < writer->link_count; i++) {
        link_init(&writer->links[i], writer);
    }
    *out = &writer->base;
    return ERR_NONE;
}

/* ---- connections ---- */

void writer_on_link(struct writer_postgres *writer)
{
    writer->backoff_ms = BACKOFF_LEAST_MS;
    writer->retry_ms = 0;
}

/* A reason is told once a minute, and no more than one a second, however often they are met. */
static void log_reason(struct writer_postgres *writer, const struct errmsg *msg)
{
    int64_t since_ms = monotonic_ms() - writer->logged_ms;

    if (since_ms >= (strcmp(writer->logged.text, msg->text) == 0 ? LOG_SAME_MS : LOG_OTHER_MS)) {
        log_warn("writer_connection_lost", "reason=\"%s\"", msg->text);
        writer->logged = *msg;
        writer->logged_ms = monotonic_ms();
    }
}

/* One that was of use is tried again soon; connections that fail together count once. */
void writer_on_link_lost(struct writer_postgres *writer, bool was_new, const struct errmsg *msg)
{
    int64_t now_ms = monotonic_ms();
    int64_t wait_ms;

    log_reason(writer, msg);
    writer->reason = *msg;
    if (now_ms < writer->retry_ms) {
        return;
    }
    if (!was_new) {
        writer->backoff_ms = BACKOFF_LEAST_MS;
    }
    wait_ms = writer->backoff_ms;
    writer->retry_ms = now_ms + wait_ms - rand_r(&writer->chance) % (wait_ms / 4);
    writer->backoff_ms = wait_ms * 2 > BACKOFF_MOST_MS ? BACKOFF_MOST_MS : wait_ms * 2;
}

static unsigned count_links(const struct writer_postgres *writer, enum link_state state)
{
    unsigned count = 0;

    for (unsigned i = 0; i < writer->link_count; i++) {
        count += writer->links[i].state == state;
    }
    return count;
}

/* Whether a connection is on its way. */
static bool is_opening(const struct writer_postgres *writer)
{
    return count_links(writer, LINK_CONNECTING) + count_links(writer, LINK_SETTING) +
               count_links(writer, LINK_READYING) >
           0;
}

static struct link *find_link(struct writer_postgres *writer, enum link_state state)
{
    for (unsigned i = 0; i < writer->link_count; i++) {
        if (writer->links[i].state == state) {
            return &writer->links[i];
        }
    }
    return NULL;
}

/*
 * Until one has come through, and what the source needs is made, one at a time is enough. From then on
 * some more whenever a job waits.
 */
static unsigned wanted_links(struct writer_postgres *writer)
{
    if (monotonic_ms() < writer->retry_ms) {
        return 0;
    }
    if (!writer->is_usable) {
        return count_links(writer, LINK_DOWN) == writer->link_count ? 1 : 0;
    }
    return is_opening(writer) || find_link(writer, LINK_IDLE) != NULL ||
                   writer_patience_ms(&writer->base) < 0
               ? 0
               : OPEN_AT_ONCE;
}

static void connect_links(struct writer_postgres *writer)
{
    unsigned wanted = wanted_links(writer);

    for (unsigned i = 0; i < writer->link_count && wanted > 0; i++) {
        if (writer->links[i].state == LINK_DOWN) {
            link_connect(&writer->links[i]);
            wanted = writer->links[i].state == LINK_DOWN ? 0 : wanted - 1;
        }
    }
}

/*
 * The first links are used first, so that those which are not needed any more rest. One that remembers
 * too many statements begins anew.
 */
static void close_rested(struct writer_postgres *writer)
{
    int64_t now_ms = monotonic_ms();

    for (unsigned i = 0; i < writer->link_count; i++) {
        struct link *link = &writer->links[i];

        if (link->state == LINK_IDLE && ((i > 0 && now_ms - link->used_ms >= REST_MS) ||
                                         link->prepared_count > LINK_PREPARED_MAX)) {
            link_close(link);
        }
    }
}

/* ---- what has to be made in the source ---- */

static bool plan_is_made(struct writer_postgres *writer)
{
    struct link *link;

    if (writer->plan == NULL) {
        writer->plan = writer_plan(&writer->base);
    }
    if (writer->plan == NULL) {
        return true;
    }
    link = writer->planner == NULL ? find_link(writer, LINK_IDLE) : NULL;
    if (link != NULL && monotonic_ms() >= writer->retry_ms && PQexitPipelineMode(link->conn) == 1) {
        plan_begin(link);
    }
    return false;
}

/* ---- whether it can be used ---- */

static void look_at_use(struct writer_postgres *writer)
{
    bool is_usable = writer->plan == NULL &&
                     (find_link(writer, LINK_IDLE) != NULL || find_link(writer, LINK_BUSY) != NULL);

    if (is_usable == writer->is_usable) {
        return;
    }
    writer->is_usable = is_usable;
    writer->away_since_ms = monotonic_ms();
    writer_set_connected(&writer->base, is_usable);
    if (is_usable) {
        log_info("writer_connected", "source=\"%s\"", writer->place.label);
    }
}

static bool is_away(const struct writer_postgres *writer)
{
    return !writer->is_usable && monotonic_ms() - writer->away_since_ms >= AWAY_AFTER_MS;
}

/* ---- jobs ---- */

static void answer_away(struct writer_postgres *writer)
{
    struct write_job *job;

    while (writer_take(&writer->base, 1, &job) > 0) {
        err_set(&job->msg, ERR_LOST, "the source is away: %s",
                writer->reason.text[0] == '\0' ? "it is being connected to" : writer->reason.text);
        writer_finish(&writer->base, job, WRITE_AWAY);
    }
}

static void return_jobs(struct writer_postgres *writer, struct write_job *first)
{
    while (first != NULL) { /* the last one first, so that they stand as they did */
        struct write_job **last = &first;

        while ((*last)->next != NULL) {
            last = &(*last)->next;
        }
        writer_return(&writer->base, *last);
        *last = NULL;
    }
}

static void sweep(struct writer_postgres *writer)
{
    struct link *link = find_link(writer, LINK_IDLE);

    if (link != NULL && monotonic_ms() >= writer->sweep_ms) {
        writer->sweep_ms = monotonic_ms() + SWEEP_MS;
        run_sweep(link);
    }
}

void writer_on_swept(struct writer_postgres *writer, unsigned row_count)
{
    if (row_count >= SWEEP_FULL) {
        writer->sweep_ms = monotonic_ms() + SWEEP_SOON_MS;
    }
}

/* Jobs are late only while every link is busy for long. */
static void answer_late(struct writer_postgres *writer)
{
    struct write_job *job;

    if (writer_patience_ms(&writer->base) == 0 && writer_take(&writer->base, 1, &job) > 0) {
        writer_return(&writer->base, job);
    }
}

/* A definition that came after the jobs were taken may be theirs. */
static void give_out(struct writer_postgres *writer)
{
    struct write_job *jobs = NULL;
    unsigned idle = plan_is_made(writer) ? count_links(writer, LINK_IDLE) : 0;

    if (idle == 0 || writer_take(&writer->base, idle, &jobs) == 0) {
        answer_late(writer);
        return;
    }
    if (!plan_is_made(writer)) {
        return_jobs(writer, jobs);
        return;
    }
    while (jobs != NULL) {
        struct write_job *next = jobs->next;
        struct link *link = find_link(writer, LINK_IDLE);

        jobs->next = NULL;
        if (link == NULL) { /* lost meanwhile */
            jobs->next = next;
            return_jobs(writer, jobs);
            return;
        }
        run_begin(link, jobs);
        jobs = next;
    }
}

/* ---- the thread ---- */

static void shorten(int *timeout_ms, int64_t wait_ms)
{
    if (wait_ms >= 0 && (*timeout_ms < 0 || wait_ms < *timeout_ms)) {
        *timeout_ms = (int)wait_ms;
    }
}

static int64_t until(int64_t time_ms, int64_t now_ms)
{
    return time_ms <= now_ms ? 0 : time_ms - now_ms;
}

/* Whether something can be done about a job that comes. */
static bool may_take(struct writer_postgres *writer)
{
    if (!writer->is_usable) {
        return is_away(writer);
    }
    return find_link(writer, LINK_IDLE) != NULL ||
           (find_link(writer, LINK_DOWN) != NULL && !is_opening(writer) &&
            monotonic_ms() >= writer->retry_ms);
}

static int timeout(struct writer_postgres *writer)
{
    int64_t now_ms = monotonic_ms();
    int timeout_ms = -1;

    for (unsigned i = 0; i < writer->link_count; i++) {
        shorten(&timeout_ms, link_patience_ms(&writer->links[i], now_ms));
    }
    if (!may_take(writer)) {
        shorten(&timeout_ms, writer_patience_ms(&writer->base));
    }
    if (now_ms < writer->retry_ms) {
        shorten(&timeout_ms, until(writer->retry_ms, now_ms));
    }
    if (!writer->is_usable && !is_away(writer)) {
        shorten(&timeout_ms, until(writer->away_since_ms + AWAY_AFTER_MS, now_ms));
    }
    if (writer->is_usable) {
        shorten(&timeout_ms, until(writer->sweep_ms, now_ms) + 1);
        shorten(&timeout_ms, REST_MS);
    }
    return timeout_ms;
}

/*
 * The queue keeps the eventfd readable while jobs wait, so it is looked at only when they can be taken.
 */
static void wait_and_serve(struct writer_postgres *writer)
{
    struct pollfd fds[WRITER_CONNECTIONS_MAX + 1];
    int count;

    for (unsigned i = 0; i < writer->link_count; i++) {
        const struct link *link = &writer->links[i];

        fds[i] = (struct pollfd){.fd = link->conn == NULL ? -1 : PQsocket(link->conn),
                                 .events = link_events(link)};
    }
    fds[writer->link_count] =
        (struct pollfd){.fd = may_take(writer) ? writer->base.wake_fd : -1, .events = POLLIN};
    count = poll(fds, writer->link_count + 1, timeout(writer));
    if (count < 0 && errno != EINTR) {
        log_error("writer_poll_failed", "error=\"%s\"", strerror(errno));
    }
    for (unsigned i = 0; i < writer->link_count; i++) {
        link_serve(&writer->links[i], count > 0 ? fds[i].revents : 0);
    }
}

static bool is_over(struct writer_postgres *writer)
{
    return writer_stops(&writer->base) && find_link(writer, LINK_BUSY) == NULL &&
           writer_patience_ms(&writer->base) < 0;
}

static void run_postgres(struct writer *base)
{
    struct writer_postgres *writer = (struct writer_postgres *)base;

    writer->away_since_ms = monotonic_ms();
    do {
        connect_links(writer);
        wait_and_serve(writer);
        look_at_use(writer);
        if (is_away(writer)) {
            answer_away(writer);
        } else {
            give_out(writer);
        }
        sweep(writer);
        close_rested(writer);
    } while (!is_over(writer));
    for (unsigned i = 0; i < writer->link_count; i++) {
        link_close(&writer->links[i]);
    }
    prepare_plan_free(writer->plan);
}

const struct writer_operations writer_postgres_operations = {
    .dialect = SQL_POSTGRES,
    .open = open_postgres,
    .run = run_postgres,
    .free = free_postgres,
};
