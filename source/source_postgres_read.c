#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/arena.h"
#include "source/source_postgres.h"
#include "source/source_postgres_bytes.h"
#include "source/source_postgres_decode.h"

/*
 * A stream is the result of COPY ... TO STDOUT (FORMAT binary):
 *
 *   OFFSET SIZE FIELD
 *   0      11   "PGCOPY\n\377\r\n\0"
 *   11     4    flags, which say nothing that matters here
 *   15     4    size of what follows the header, to be skipped
 *   19     ...  rows: count of columns (2, or -1 at the end), then for each its size (4, or -1 for a
 *               null) and its bytes
 *
 * It comes in messages; the server never splits a row, nor the header, over two of them.
 */
enum {
    HEADER_SIZE = 19,
    HEADER_EXTENSION = 15,
    WAIT_MS = 200, /* between looks at the stop flag */
    ARENA_BLOCK = 4096,
};

static const char signature[11] = "PGCOPY\n\377\r\n";

struct rows_postgres {
    struct source_rows base;
    struct source_postgres *source;
    PGconn *conn;
    char *sql;
    char *message; /* of libpq; NULL before the first */
    size_t message_size;
    size_t at; /* in the message */
    bool has_header;
    bool is_done;       /* the last row was read and the server agrees */
    struct arena arena; /* texts made of a row's values */
    unsigned column_count;
    struct column_source {
        const struct postgres_type *type;
        char *name;
    } * columns;
    struct value values[];
};

void postgres_rows_close(struct source_rows *base)
{
    struct rows_postgres *rows = (struct rows_postgres *)base;

    PQfreemem(rows->message);
    if (rows->conn != NULL) {
        postgres_return(rows->source, rows->conn, rows->is_done);
    }
    for (unsigned i = 0; i < rows->column_count; i++) {
        free(rows->columns[i].name);
    }
    arena_free(&rows->arena);
    free(rows->columns);
    free(rows->sql);
    free(rows);
}

static enum err refuse(const struct rows_postgres *rows, const PGresult *result, struct errmsg *msg)
{
    return postgres_error(rows->source, rows->conn, result, rows->sql, msg);
}

static enum err damaged(const struct rows_postgres *rows, struct errmsg *msg)
{
    return err_set(msg, ERR_SOURCE, "%s: what the server sent is no COPY stream (in: %.*s)",
                   rows->source->label, POSTGRES_STATEMENT_SHOWN, rows->sql);
}

/* ---- opening ---- */

/* Waits for the server, which may be sorting or waiting for a lock, without being deaf to signals. */
static enum err wait_for_more(struct rows_postgres *rows, struct errmsg *msg)
{
    struct pollfd socket = {.fd = PQsocket(rows->conn), .events = POLLIN};

    if (source_is_stopped(&rows->source->base)) {
        return err_set(msg, ERR_INTERRUPTED, "interrupted");
    }
    if (poll(&socket, 1, WAIT_MS) < 0 && errno != EINTR) {
        return err_sys(msg, errno, "poll");
    }
    return PQconsumeInput(rows->conn) == 1 ? ERR_NONE : refuse(rows, NULL, msg);
}

static enum err refuse_type(const struct rows_postgres *rows, const PGresult *described, int column,
                            struct errmsg *msg)
{
    struct buffer sql;
    struct buffer name;
    enum err rc;

    buffer_init(&sql, POSTGRES_SQL_MAX);
    buffer_init(&name, POSTGRES_SQL_MAX);
    buffer_printf(&sql, "SELECT pg_catalog.format_type(%u, NULL)", PQftype(described, column));
    rc = postgres_ask(rows->source, rows->conn, buffer_str(&sql), &name, msg);
    if (rc == ERR_NONE) {
        rc = err_set(msg, ERR_SOURCE,
                     "%s: column %s is of type %s, which is no value here; cast it in the SELECT, "
                     "for example %s::text (in: %.*s)",
                     rows->source->label, PQfname(described, column), buffer_str(&name),
                     PQfname(described, column), POSTGRES_STATEMENT_SHOWN, rows->sql);
    }
    buffer_free(&sql);
    buffer_free(&name);
    return rc;
}

static enum err take_columns(struct rows_postgres *rows, const PGresult *described,
                             struct errmsg *msg)
{
    int count = PQnfields(described);

    if (count == 0) {
        return err_set(msg, ERR_SOURCE, "this is not one SELECT statement: %.*s",
                       POSTGRES_STATEMENT_SHOWN, rows->sql);
    }
    if (count != (int)rows->column_count) {
        return err_set(msg, ERR_SOURCE, "%d columns where %u are expected (in: %.*s)", count,
                       rows->column_count, POSTGRES_STATEMENT_SHOWN, rows->sql);
    }
    for (int i = 0; i < count; i++) {
        rows->columns[i].name = memory_copy_str(PQfname(described, i));
        rows->columns[i].type = postgres_type_find(PQftype(described, i));
        if (rows->columns[i].type == NULL) {
            return refuse_type(rows, described, i, msg);
        }
    }
    return ERR_NONE;
}

/* The one result of what was sent, which the caller clears; NULL when the connection is lost. */
static enum err take_result(struct rows_postgres *rows, PGresult **out, struct errmsg *msg)
{
    PGresult *next;
    enum err rc = ERR_NONE;

    *out = NULL;
    while (rc == ERR_NONE && PQisBusy(rows->conn)) {
        rc = wait_for_more(rows, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    *out = PQgetResult(rows->conn);
    if (PQresultStatus(*out) == PGRES_COPY_OUT) {
        return ERR_NONE; /* what comes next are rows */
    }
    while ((next = PQgetResult(rows->conn)) != NULL) {
        PQclear(next);
    }
    return ERR_NONE;
}

/* The types of the columns, which a COPY does not tell. */
static enum err describe(struct rows_postgres *rows, struct errmsg *msg)
{
    PGresult *result = NULL;
    enum err rc = ERR_NONE;

    if (PQsendPrepare(rows->conn, "", rows->sql, 0, NULL) != 1) {
        return refuse(rows, NULL, msg);
    }
    rc = take_result(rows, &result, msg);
    if (rc == ERR_NONE && PQresultStatus(result) != PGRES_COMMAND_OK) {
        rc = refuse(rows, result, msg);
    }
    PQclear(result);
    if (rc != ERR_NONE) {
        return rc;
    }
    result = PQdescribePrepared(rows->conn, "");
    rc = PQresultStatus(result) == PGRES_COMMAND_OK ? take_columns(rows, result, msg)
                                                    : refuse(rows, result, msg);
    PQclear(result);
    return rc;
}

/* The statement stands on lines of its own, so that a comment at its end stays there. */
static enum err start_copy(struct rows_postgres *rows, struct errmsg *msg)
{
    struct buffer copy;
    PGresult *result = NULL;
    enum err rc;

    buffer_init(&copy, SIZE_MAX / 2);
    buffer_printf(&copy, "COPY (%s\n) TO STDOUT (FORMAT binary)", rows->sql);
    rc = PQsendQuery(rows->conn, buffer_str(&copy)) == 1 ? take_result(rows, &result, msg)
                                                         : refuse(rows, NULL, msg);
    if (rc == ERR_NONE && PQresultStatus(result) != PGRES_COPY_OUT) {
        rc = refuse(rows, result, msg);
    }
    PQclear(result);
    buffer_free(&copy);
    return rc;
}

/* COPY takes no parameters: they become literals of the statement. */
static enum err write_parameters(struct rows_postgres *rows, const struct value *parameters,
                                 unsigned count, struct errmsg *msg)
{
    struct buffer sql;
    enum err rc;

    buffer_init(&sql, SIZE_MAX / 2);
    rc = postgres_bind(rows->conn, rows->sql, parameters, count, &sql, msg);
    if (rc == ERR_NONE) {
        free(rows->sql);
        rows->sql = memory_copy_str(buffer_str(&sql));
    }
    buffer_free(&sql);
    return rc;
}

enum err postgres_query(struct source *base, const char *sql, const struct value *parameters,
                        unsigned parameter_count, unsigned column_count, struct source_rows **out,
                        struct errmsg *msg)
{
    struct rows_postgres *rows =
        memory_calloc(1, sizeof *rows + column_count * sizeof rows->values[0]);
    enum err rc;

    rows->base.operations = base->operations;
    rows->source = (struct source_postgres *)base;
    rows->sql = memory_copy_str(sql);
    rows->column_count = column_count;
    rows->columns = memory_calloc(column_count, sizeof *rows->columns);
    arena_init(&rows->arena, ARENA_BLOCK);
    rc = postgres_borrow(rows->source, &rows->conn, msg);
    if (rc == ERR_NONE && parameter_count > 0) {
        rc = write_parameters(rows, parameters, parameter_count, msg);
    }
    if (rc == ERR_NONE) {
        rc = describe(rows, msg);
    }
    if (rc == ERR_NONE) {
        rc = start_copy(rows, msg);
    }
    if (rc != ERR_NONE) {
        postgres_rows_close(&rows->base);
        return rc;
    }
    *out = &rows->base;
    return ERR_NONE;
}

/* ---- messages ---- */

/* The next message; *SIZE is 0 at the end of the stream. */
static enum err next_message(struct rows_postgres *rows, int *size, struct errmsg *msg)
{
    PQfreemem(rows->message);
    rows->message = NULL;
    while ((*size = PQgetCopyData(rows->conn, &rows->message, 1)) == 0) {
        enum err rc = wait_for_more(rows, msg);

        if (rc != ERR_NONE) {
            return rc;
        }
    }
    if (*size == -2) {
        return refuse(rows, NULL, msg);
    }
    *size = *size < 0 ? 0 : *size;
    rows->message_size = (size_t)*size;
    rows->at = 0;
    return ERR_NONE;
}

static enum err skip_header(struct rows_postgres *rows, struct errmsg *msg)
{
    uint32_t extension;

    if (rows->message_size < HEADER_SIZE ||
        memcmp(rows->message, signature, sizeof signature) != 0) {
        return damaged(rows, msg);
    }
    extension = load_u32be(rows->message + HEADER_EXTENSION);
    if (rows->message_size - HEADER_SIZE < extension) {
        return damaged(rows, msg);
    }
    rows->at = HEADER_SIZE + extension;
    rows->has_header = true;
    return ERR_NONE;
}

/*
 * TRUNCATE, and dropping a table and making it anew, do not heed snapshots: a stream that starts
 * after one of them finds a table empty, or of later rows. Catalogs do heed them, and what a stream
 * has read stays locked as it was to the end of its transaction. So a table that the catalog of our
 * snapshot has not, or has with another file, was replaced. (Indexes come and go without harm.)
 */
static const char replaced_sql[] =
    "SELECT coalesce(min(l.relation::pg_catalog.regclass::text), '')"
    " FROM pg_catalog.pg_locks AS l LEFT JOIN pg_catalog.pg_class AS c ON c.oid = l.relation"
    " WHERE l.locktype = 'relation' AND l.pid = pg_catalog.pg_backend_pid()"
    " AND l.relation >= 16384 AND l.database ="
    " (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    " AND CASE WHEN c.oid IS NULL THEN pg_catalog.pg_get_indexdef(l.relation) IS NULL"
    " ELSE c.relkind IN ('r', 'm') AND"
    " c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid) END";

static enum err check_not_replaced(struct rows_postgres *rows, struct errmsg *msg)
{
    struct buffer name;
    enum err rc;

    buffer_init(&name, POSTGRES_SQL_MAX);
    rc = postgres_ask(rows->source, rows->conn, replaced_sql, &name, msg);
    if (rc == ERR_NONE && name.len > 0) {
        rc = err_set(msg, ERR_LOST,
                     "%s: the table %s was replaced or truncated after the snapshot was taken; "
                     "try again",
                     rows->source->label, buffer_str(&name));
    }
    buffer_free(&name);
    return rc;
}

/* Behind the last row the server says whether it was. */
static enum err finish(struct rows_postgres *rows, struct errmsg *msg)
{
    PGresult *result;
    enum err rc = ERR_NONE;

    while ((result = PQgetResult(rows->conn)) != NULL) {
        if (rc == ERR_NONE && PQresultStatus(result) != PGRES_COMMAND_OK) {
            rc = refuse(rows, result, msg);
        }
        PQclear(result);
    }
    if (rc == ERR_NONE) {
        rc = check_not_replaced(rows, msg);
    }
    rows->is_done = rc == ERR_NONE;
    return rc;
}

/* ---- rows ---- */

static enum err take_value(struct rows_postgres *rows, unsigned column, struct slice bytes,
                           struct errmsg *msg)
{
    const char *problem =
        rows->columns[column].type->decode(bytes, &rows->arena, &rows->values[column]);

    if (problem == NULL) {
        return ERR_NONE;
    }
    return err_set(msg, ERR_SOURCE, "%s: column %s %s (in: %.*s)", rows->source->label,
                   rows->columns[column].name, problem, POSTGRES_STATEMENT_SHOWN, rows->sql);
}

static enum err take_column(struct rows_postgres *rows, unsigned column, struct errmsg *msg)
{
    size_t at = rows->at + 4;
    uint32_t size;

    if (rows->message_size - rows->at < 4) {
        return damaged(rows, msg);
    }
    size = load_u32be(rows->message + rows->at);
    rows->at = at;
    if (size == UINT32_MAX) {
        rows->values[column].type = VALUE_NULL;
        return ERR_NONE;
    }
    if (rows->message_size - at < size) {
        return damaged(rows, msg);
    }
    rows->at += size;
    return take_value(rows, column, slice_of(rows->message + at, size), msg);
}

/* The next row's count of columns, or -1 at the end. */
static enum err next_count(struct rows_postgres *rows, int *count, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    while (rc == ERR_NONE && rows->at == rows->message_size) {
        int size;

        rc = next_message(rows, &size, msg);
        if (rc == ERR_NONE && size == 0) {
            *count = -1;
            return ERR_NONE;
        }
        if (rc == ERR_NONE && !rows->has_header) {
            rc = skip_header(rows, msg);
        }
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    if (rows->message_size - rows->at < 2) {
        return damaged(rows, msg);
    }
    *count = (int16_t)load_u16be(rows->message + rows->at);
    rows->at += 2;
    return ERR_NONE;
}

enum err postgres_rows_next(struct source_rows *base, const struct value **row, struct errmsg *msg)
{
    struct rows_postgres *rows = (struct rows_postgres *)base;
    int count = -1;
    enum err rc = ERR_NONE;

    *row = NULL;
    if (rows->is_done) {
        return ERR_NONE;
    }
    arena_reset(&rows->arena);
    /* The row of -1 columns ends the rows; the message of no bytes behind it ends the stream. */
    rc = next_count(rows, &count, msg);
    while (rc == ERR_NONE && count == -1 && rows->message_size > 0) {
        rc = next_count(rows, &count, msg);
    }
    if (rc == ERR_NONE && count == -1) {
        return finish(rows, msg);
    }
    if (rc == ERR_NONE && count != (int)rows->column_count) {
        rc = damaged(rows, msg);
    }
    for (unsigned i = 0; rc == ERR_NONE && i < rows->column_count; i++) {
        rc = take_column(rows, i, msg);
    }
    if (rc == ERR_NONE) {
        *row = rows->values;
    }
    return rc;
}
