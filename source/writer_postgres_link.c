#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "source/writer_postgres.h"

enum {
    LIMIT_LEAST_MS = 1000, /* of connecting and of what is done without a job */
    LIMIT_MOST_MS = 10000,
};

/* ---- statements of our own ---- */

enum { INT8 = 20, TEXT = 25 };

static const struct own {
    const char *name;
    const char *sql;
    int count;
    Oid types[4];
} owns[] = {
    [OWN_BEGIN] = {"v_begin", "BEGIN", 0, {0}},
    [OWN_BEGIN_READING] = {"v_read", "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", 0, {0}},
    [OWN_COMMIT] = {"v_commit", "COMMIT", 0, {0}},
    [OWN_ROLLBACK] = {"v_rollback", "ROLLBACK", 0, {0}},
    /* Waits while another transaction holds the key. */
    [OWN_CLAIM] = {"v_claim",
                   "INSERT INTO " WRITER_ANSWERS_TABLE " AS a (key, fingerprint, expires_ms)"
                   " VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET"
                   " fingerprint = excluded.fingerprint, expires_ms = excluded.expires_ms,"
                   " status = NULL, body = NULL WHERE a.expires_ms <= $4 RETURNING 1",
                   4,
                   {TEXT, INT8, INT8, INT8}},
    [OWN_REPLAY] = {"v_replay",
                    "SELECT fingerprint, status, body, pg_catalog.pg_snapshot_xmax("
                    "pg_catalog.pg_current_snapshot()) FROM " WRITER_ANSWERS_TABLE
                    " WHERE key = $1",
                    1,
                    {TEXT}},
    [OWN_KEEP] = {"v_keep",
                  "UPDATE " WRITER_ANSWERS_TABLE " SET status = $2, body = $3 WHERE key = $1",
                  3,
                  {TEXT, INT8, TEXT}},
    [OWN_POSITION] = {"v_position", "SELECT pg_catalog.pg_current_xact_id_if_assigned()", 0, {0}},
    [OWN_SWEEP] = {"v_sweep",
                   "DELETE FROM " WRITER_ANSWERS_TABLE
                   " WHERE key IN (SELECT key FROM " WRITER_ANSWERS_TABLE
                   " WHERE expires_ms <= $1 ORDER BY expires_ms LIMIT 1000"
                   " FOR UPDATE SKIP LOCKED)",
                   1,
                   {INT8}},
};

/* ---- what is on its way ---- */

void link_push(struct link *link, enum item_kind kind, unsigned number, struct prepared *prepared)
{
    if (link->first_item == link->item_count) {
        link->first_item = link->item_count = 0;
    }
    if (link->item_count == link->item_capacity) {
        link->item_capacity = link->item_capacity == 0 ? 32 : link->item_capacity * 2;
        link->items = memory_realloc(link->items, link->item_capacity * sizeof *link->items);
    }
    link->items[link->item_count++] =
        (struct item){.kind = kind, .number = number, .prepared = prepared};
}

bool link_send_own(struct link *link, enum own_statement which, const struct call *call)
{
    link_push(link, ITEM_OWN, which, NULL);
    return PQsendQueryPrepared(link->conn, owns[which].name, call == NULL ? 0 : (int)call->count,
                               call == NULL ? NULL : call->values,
                               call == NULL ? NULL : call->lengths,
                               call == NULL ? NULL : call->formats, 0) == 1;
}

bool link_flush(struct link *link)
{
    int left = PQflush(link->conn);

    link->has_more = left == 1;
    return left >= 0;
}

bool link_sync(struct link *link)
{
    link_push(link, ITEM_SYNC, 0, NULL);
    return PQpipelineSync(link->conn) == 1 && link_flush(link);
}

void link_complain(const struct link *link, struct errmsg *msg)
{
    const char *label = link->writer->place.label;
    struct buffer line;

    buffer_init(&line, sizeof msg->text);
    postgres_one_line(&line, PQerrorMessage(link->conn));
    err_set(msg, ERR_LOST, "%s: %s", label == NULL ? "postgres" : label,
            line.len == 0 ? "the connection is lost" : buffer_str(&line));
    buffer_free(&line);
}

static void fail_by_libpq(struct link *link)
{
    struct errmsg msg;

    link_complain(link, &msg);
    link_fail(link, &msg);
}

/* ---- opening and closing ---- */

void link_init(struct link *link, struct writer_postgres *writer)
{
    link->writer = writer;
    link->state = LINK_DOWN;
    arena_init(&link->arena, 4096);
}

void link_set_limit(struct link *link)
{
    int64_t limit_ms = link->writer->base.options.timeout_ms;

    limit_ms = limit_ms < LIMIT_LEAST_MS  ? LIMIT_LEAST_MS
               : limit_ms > LIMIT_MOST_MS ? LIMIT_MOST_MS
                                          : limit_ms;
    link->limit_ms = monotonic_ms() + limit_ms;
}

void link_connect(struct link *link)
{
    const struct postgres_parameters *parameters = &link->writer->parameters;

    link_set_limit(link);
    link->state = LINK_CONNECTING;
    link->polling = PGRES_POLLING_WRITING;
    link->conn = PQconnectStartParams(parameters->names, parameters->values, 0);
    if (PQstatus(link->conn) == CONNECTION_BAD) {
        fail_by_libpq(link);
    }
}

void link_close(struct link *link)
{
    PQfinish(link->conn);
    link->conn = NULL;
    link->state = LINK_DOWN;
    link->is_ready = link->has_more = link->has_result = false;
    link->first_item = link->item_count = 0;
    memset(link->prepared, 0, sizeof link->prepared);
    link->prepared_count = 0;
    arena_reset(&link->arena);
}

void link_fail(struct link *link, const struct errmsg *msg)
{
    struct writer_postgres *writer = link->writer;
    bool was_planner = writer->planner == link;
    bool was_busy = link->state == LINK_BUSY;
    bool was_new = !was_busy && link->state != LINK_IDLE;

    link_close(link);
    if (was_planner) {
        writer->planner = NULL;
        writer_prepared(&writer->base, writer->plan, false);
        writer->plan = NULL;
    }
    writer_on_link_lost(writer, was_new, msg);
    if (was_busy) {
        run_on_lost(link, msg);
    }
}

/* ---- the first steps of a connection ---- */

static void on_connected(struct link *link)
{
    struct writer_postgres *writer = link->writer;
    struct errmsg msg;

    PQsetNoticeProcessor(link->conn, postgres_on_notice, NULL);
    if (postgres_check_server(&writer->place, link->conn, &msg) != ERR_NONE) {
        link_fail(link, &msg);
        return;
    }
    link->state = LINK_SETTING;
    if (PQsetnonblocking(link->conn, 1) != 0 ||
        PQsendQuery(link->conn, buffer_str(&writer->settings)) != 1 || !link_flush(link)) {
        fail_by_libpq(link);
    }
}

static void go_on_connecting(struct link *link)
{
    link->polling = PQconnectPoll(link->conn);
    if (link->polling == PGRES_POLLING_OK) {
        on_connected(link);
    } else if (link->polling == PGRES_POLLING_FAILED) {
        fail_by_libpq(link);
    }
}

/* The last result of the settings says what kind of server this is. */
static void on_setting(struct link *link, const PGresult *result)
{
    struct errmsg msg;

    if (PQntuples(result) != 1) {
        return;
    }
    if (PQgetvalue(result, 0, 0)[0] == 't') {
        err_set(&msg, ERR_LOST, "%s: the server is a standby, which takes no writes",
                link->writer->place.label);
        link_fail(link, &msg);
    }
}

static void on_set(struct link *link)
{
    struct writer_postgres *writer = link->writer;

    writer_on_link(writer);
    if (writer->plan == NULL) {
        writer->plan = writer_plan(&writer->base);
    }
    if (writer->plan != NULL && writer->planner == NULL) {
        plan_begin(link);
    } else {
        link_make_ready(link);
    }
}

void link_make_ready(struct link *link)
{
    link_set_limit(link);
    if (PQenterPipelineMode(link->conn) != 1) {
        fail_by_libpq(link);
        return;
    }
    if (link->is_ready) {
        link->state = LINK_IDLE;
        return;
    }
    link->state = LINK_READYING;
    for (unsigned i = 0; i < OWN_STATEMENTS; i++) {
        link_push(link, ITEM_OWN, i, NULL);
        if (PQsendPrepare(link->conn, owns[i].name, owns[i].sql, owns[i].count, owns[i].types) !=
            1) {
            fail_by_libpq(link);
            return;
        }
    }
    if (!link_sync(link)) {
        fail_by_libpq(link);
    }
}

/* ---- results ---- */

static void fail_by_result(struct link *link, const PGresult *result)
{
    struct errmsg msg;

    postgres_error_text(link->writer, result, &msg);
    link_fail(link, &msg);
}

static void on_result(struct link *link, PGresult *result)
{
    if (link->state == LINK_BUSY) {
        run_on_result(link, &link->items[link->first_item], result);
    } else if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
        fail_by_result(link, result);
    } else if (link->state == LINK_SETTING) {
        on_setting(link, result);
    } else if (link->state == LINK_PLANNING) {
        plan_on_result(link, result);
    }
}

static void on_sync(struct link *link)
{
    if (link->state == LINK_READYING) {
        link->is_ready = true;
        link->used_ms = monotonic_ms();
        link->state = LINK_IDLE;
    } else {
        run_on_sync(link);
    }
}

/* Outside of pipeline mode: everything of one query was read. */
static void on_query_end(struct link *link)
{
    if (link->state == LINK_SETTING) {
        on_set(link);
    } else if (link->state == LINK_PLANNING) {
        plan_on_end(link);
    }
}

/* NULL behind the results of an item, and also when there is nothing at all. */
static bool on_null(struct link *link)
{
    if (!link->has_result) {
        return false;
    }
    link->has_result = false;
    if (PQpipelineStatus(link->conn) == PQ_PIPELINE_OFF) {
        on_query_end(link);
    } else if (link->items[link->first_item].kind != ITEM_SYNC) {
        link->first_item++; /* a Sync ends with a result of its own, also behind an error */
    }
    return true;
}

/* Whether to look for another one. */
static bool take_result(struct link *link)
{
    PGresult *result = PQgetResult(link->conn);

    if (result == NULL) {
        return on_null(link);
    }
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        link->first_item++;
        on_sync(link);
    } else {
        link->has_result = true;
        on_result(link, result);
    }
    PQclear(result);
    return true;
}

static bool expects_results(const struct link *link)
{
    return link->state == LINK_SETTING || link->state == LINK_PLANNING ||
           link->first_item < link->item_count;
}

/* An idle connection that has something to say says good-bye. */
static void receive(struct link *link)
{
    if (PQconsumeInput(link->conn) != 1) {
        fail_by_libpq(link);
        return;
    }
    while (link->state != LINK_DOWN && expects_results(link) && PQisBusy(link->conn) == 0) {
        if (PQstatus(link->conn) == CONNECTION_BAD || !take_result(link)) {
            break;
        }
    }
    if (link->state != LINK_DOWN && PQstatus(link->conn) == CONNECTION_BAD) {
        fail_by_libpq(link);
    }
}

/* ---- poll(2) ---- */

short link_events(const struct link *link)
{
    if (link->state == LINK_CONNECTING) {
        return link->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    }
    return (short)(POLLIN | (link->has_more ? POLLOUT : 0));
}

int link_patience_ms(const struct link *link, int64_t now_ms)
{
    if (link->state == LINK_DOWN || link->state == LINK_IDLE) {
        return -1;
    }
    if (link->state == LINK_BUSY && link->run.job != NULL) {
        return writer_job_patience_ms(link->run.job);
    }
    return link->limit_ms <= now_ms ? 0 : (int)(link->limit_ms - now_ms);
}

static void give_up(struct link *link)
{
    struct errmsg msg;

    err_set(&msg, ERR_LOST, "%s: the server did not answer in time",
            link->writer->place.label == NULL ? "postgres" : link->writer->place.label);
    link_fail(link, &msg);
}

void link_serve(struct link *link, short revents)
{
    if (link->state == LINK_DOWN) {
        return;
    }
    if (revents != 0 && link->state == LINK_CONNECTING) {
        go_on_connecting(link);
    } else if (revents != 0) {
        if ((revents & POLLOUT) != 0 && !link_flush(link)) {
            fail_by_libpq(link);
            return;
        }
        if ((revents & ~POLLOUT) != 0) {
            receive(link);
        }
    }
    if (link_patience_ms(link, monotonic_ms()) == 0) {
        give_up(link);
    }
}
