#include "source/source_postgres.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/number.h"
#include "source/writer_driver.h"

/* ---- opening ---- */

static void close_postgres(struct source *base)
{
    struct source_postgres *source = (struct source_postgres *)base;

    for (unsigned i = 0; i < source->idle_count; i++) {
        PQfinish(source->idle[i]);
    }
    PQfinish(source->main);
    PQconninfoFree(source->options);
    free(source->label);
    free(source);
}

static enum err open_postgres(const char *place, enum source_mode mode, struct source **out,
                              struct errmsg *msg)
{
    struct source_postgres *source = memory_calloc(1, sizeof *source);
    enum err rc;

    source->base.operations = &source_postgres_operations;
    source->mode = mode;
    rc = postgres_read_place(source, place, msg);
    if (rc == ERR_NONE) {
        rc = postgres_connect(source, &source->main, msg);
    }
    if (rc != ERR_NONE) {
        close_postgres(&source->base);
        return rc;
    }
    *out = &source->base;
    return ERR_NONE;
}

/* ---- snapshot and position ---- */

/*
 * Which transactions had ended, as seen from this snapshot. Only transactions that write have a
 * number, so the text stays the same while nobody writes, and any commit, in any database of the
 * cluster, changes it. On a standby the snapshot does not list what runs on the primary; there the
 * place of replay stands behind it, which moves more often than data change. The database's own
 * number and the cluster's keep the positions of two sources apart.
 */
static const char position_sql[] =
    "SELECT s.system_identifier::text || '.' || d.oid::text || '.' ||"
    " pg_catalog.pg_current_snapshot()::text || CASE WHEN pg_catalog.pg_is_in_recovery()"
    " THEN '@' || pg_catalog.pg_last_wal_replay_lsn()::text ELSE '' END"
    " FROM pg_catalog.pg_control_system() AS s, pg_catalog.pg_database AS d"
    " WHERE d.datname = pg_catalog.current_database()";

static enum err position_postgres(struct source *base, struct buffer *out, struct errmsg *msg)
{
    struct source_postgres *source = (struct source_postgres *)base;

    return postgres_ask(source, source->main, position_sql, out, msg);
}

/*
 * Transactions below xmin had ended when the snapshot was taken: a write of transaction x is in it when
 * x + 1, its position, is not beyond xmin. One that is open for long holds the position back.
 */
static const char write_position_sql[] =
    "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text";

static enum err write_position(struct source *base, uint64_t *out, struct errmsg *msg)
{
    struct source_postgres *source = (struct source_postgres *)base;
    struct buffer text;
    int64_t xmin = 0;
    enum err rc;

    buffer_init(&text, POSTGRES_SQL_MAX);
    rc = postgres_ask(source, source->main, write_position_sql, &text, msg);
    if (rc == ERR_NONE && !parse_integer(buffer_slice(&text), &xmin)) {
        rc = err_set(msg, ERR_SOURCE, "%s: \"%s\" is no number of a transaction", source->label,
                     buffer_str(&text));
    }
    buffer_free(&text);
    if (rc == ERR_NONE) {
        *out = (uint64_t)xmin;
    }
    return rc;
}

static void end_postgres(struct source *base)
{
    struct source_postgres *source = (struct source_postgres *)base;

    if (source->in_snapshot) {
        if (PQtransactionStatus(source->main) != PQTRANS_IDLE) {
            PQclear(PQexec(source->main, "ROLLBACK"));
        }
        source->in_snapshot = false;
        postgres_end_idle(source);
    }
}

static enum err export_snapshot(struct source_postgres *source, struct errmsg *msg)
{
    struct buffer name;
    enum err rc;

    buffer_init(&name, POSTGRES_SNAPSHOT_MAX - 1);
    rc = postgres_ask(source, source->main, "SELECT pg_catalog.pg_export_snapshot()", &name, msg);
    if (rc == ERR_NONE &&
        (name.len == 0 || strspn(buffer_str(&name), "0123456789ABCDEF-") != name.len)) {
        rc = err_set(msg, ERR_SOURCE, "%s: \"%s\" is no name of a snapshot", source->label,
                     buffer_str(&name));
    }
    if (rc == ERR_NONE) {
        memcpy(source->snapshot, buffer_str(&name), name.len + 1);
    }
    buffer_free(&name);
    return rc;
}

/* The others need no transaction on their main connections: their streams' refer to the snapshot. */
static enum err begin_postgres(struct source *const *sources, unsigned count, struct errmsg *msg)
{
    struct source_postgres *first = (struct source_postgres *)sources[0];
    enum err rc;

    assert(!first->in_snapshot);
    rc = postgres_run(first, first->main, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", msg);
    if (rc != ERR_NONE) {
        return rc;
    }
    first->in_snapshot = true;
    rc = export_snapshot(first, msg);
    if (rc != ERR_NONE) {
        end_postgres(sources[0]);
        return rc;
    }
    for (unsigned i = 1; i < count; i++) {
        struct source_postgres *other = (struct source_postgres *)sources[i];

        memcpy(other->snapshot, first->snapshot, sizeof other->snapshot);
        other->in_snapshot = true;
    }
    return ERR_NONE;
}

static enum err has_table(struct source *base, struct slice table, bool *out, struct errmsg *msg)
{
    static const char sql[] = "SELECT 1 FROM pg_catalog.pg_class WHERE relkind IN ('r', 'v', 'm', "
                              "'p', 'f') AND oid = to_regclass(quote_ident($1))";
    struct source_postgres *source = (struct source_postgres *)base;
    struct buffer name;
    const char *parameter;
    PGresult *result;
    enum err rc = ERR_NONE;

    buffer_init(&name, POSTGRES_SQL_MAX);
    buffer_append_slice(&name, table);
    parameter = buffer_str(&name);
    result = PQexecParams(source->main, sql, 1, NULL, &parameter, NULL, NULL, 0);
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        *out = PQntuples(result) > 0;
    } else {
        rc = postgres_error(source, source->main, result, sql, msg);
    }
    PQclear(result);
    buffer_free(&name);
    return rc;
}

const struct source_operations source_postgres_operations = {
    .dialect =
        {
            .text_order = " COLLATE \"C\"",
            .nulls_ascending = " NULLS FIRST",
            .nulls_descending = " NULLS LAST",
            .limits_joined = true,
        },
    .open = open_postgres,
    .close = close_postgres,
    .begin = begin_postgres,
    .end = end_postgres,
    .position = position_postgres,
    .write_position = write_position,
    .has_table = has_table,
    .query = postgres_query,
    .rows_next = postgres_rows_next,
    .rows_close = postgres_rows_close,
    .load_begin = postgres_load_begin,
    .load_row = postgres_load_row,
    .load_finish = postgres_load_finish,
    .load_abandon = postgres_load_abandon,
    .find_record = postgres_find_record,
    .has_rows = postgres_has_rows,
    .settle = postgres_settle,
    .prepare = postgres_prepare_source,
    .writer = &writer_postgres_operations,
};
