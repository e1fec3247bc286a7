#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "source/source_postgres.h"
#include "source/source_postgres_encode.h"
#include "source/source_postgres_keys.h"
#include "source/source_postgres_wait.h"

enum {
    SEND_SIZE = 256 * 1024,     /* bytes gathered before they are handed to libpq */
    ROWS_SIZE_MAX = 1000 << 20, /* bytes of the rows gathered; PostgreSQL's own limit of a row */
};

struct load_postgres {
    struct source_load base;
    struct source_postgres *source;
    const struct table *table;
    struct buffer rows; /* encoded, not yet sent */
    struct key_set keys;
    char *copy_sql;
    bool in_copy;
    bool was_full; /* said that keys are no longer remembered */
};

static void load_free(struct load_postgres *load)
{
    buffer_free(&load->rows);
    key_set_free(&load->keys);
    free(load->copy_sql);
    free(load);
}

static struct source_step step_of(const struct load_postgres *load, const char *what)
{
    return source_step_begin(what, load->table->name);
}

/* ---- leaving COPY ---- */

/* What is not sent is given up; the server's answer is of no interest. */
static void break_copy(struct load_postgres *load)
{
    PGconn *conn = load->source->main;
    PGresult *result;

    load->in_copy = false;
    if (interrupt_requested()) {
        postgres_cancel(conn); /* it may be busy with something else than reading what we send */
    }
    (void)PQsetnonblocking(conn, 0);
    (void)PQputCopyEnd(conn, "the load was given up");
    while (PQstatus(conn) == CONNECTION_OK && (result = PQgetResult(conn)) != NULL) {
        PQclear(result);
    }
}

static enum err send_end(struct load_postgres *load, struct source_step *step, struct errmsg *msg)
{
    struct source_postgres *source = load->source;
    enum err rc = ERR_NONE;

    if (!postgres_complains(source->main)) {
        rc = postgres_flush(source, source->main, load->copy_sql, step, msg);
    }
    if (rc == ERR_NONE && PQputCopyEnd(source->main, NULL) != 1) {
        rc = postgres_error(source, source->main, NULL, load->copy_sql, msg);
    }
    return rc == ERR_NONE ? postgres_flush(source, source->main, load->copy_sql, step, msg) : rc;
}

static enum err end_copy(struct load_postgres *load, struct errmsg *msg)
{
    struct source_step step = step_of(load, "rows of");
    enum err rc = send_end(load, &step, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    load->in_copy = false;
    (void)PQsetnonblocking(load->source->main, 0);
    return postgres_wait_results(load->source, load->source->main, load->copy_sql, &step, msg);
}

void postgres_load_abandon(struct source_load *base)
{
    struct load_postgres *load = (struct load_postgres *)base;

    if (load->in_copy) {
        break_copy(load);
    }
    PQclear(PQexec(load->source->main, "ROLLBACK"));
    load_free(load);
}

/* ---- the beginning ---- */

static enum err run_buffer(struct load_postgres *load, struct buffer *sql, const char *what,
                           struct errmsg *msg)
{
    struct source_step step = step_of(load, what);

    return sql->overflowed
               ? err_set(msg, ERR_LIMIT, "the definition of table %.*s is too large",
                         SLICE_ARG(load->table->name))
               : postgres_run_step(load->source, load->source->main, buffer_str(sql), &step, msg);
}

static enum err start_copy(struct load_postgres *load, struct errmsg *msg)
{
    PGconn *conn = load->source->main;
    struct buffer sql;
    PGresult *result;
    enum err rc = ERR_NONE;

    buffer_init(&sql, POSTGRES_SQL_MAX);
    postgres_copy_sql(&sql, load->table);
    load->copy_sql = memory_copy_str(buffer_str(&sql));
    buffer_free(&sql);
    result = PQexec(conn, load->copy_sql);
    load->in_copy = PQresultStatus(result) == PGRES_COPY_IN;
    if (!load->in_copy || PQsetnonblocking(conn, 1) != 0) {
        rc = postgres_error(load->source, conn, result, load->copy_sql, msg);
    }
    PQclear(result);
    postgres_encode_header(&load->rows);
    return rc;
}

enum err postgres_load_begin(struct source *base, const struct table *table,
                             struct source_load **out, struct errmsg *msg)
{
    struct load_postgres *load = memory_calloc(1, sizeof *load);
    struct buffer sql;
    enum err rc;

    load->base.operations = base->operations;
    load->source = (struct source_postgres *)base;
    load->table = table;
    buffer_init(&load->rows, ROWS_SIZE_MAX);
    key_set_init(&load->keys, KEY_SLOTS_MAX);
    buffer_init(&sql, POSTGRES_SQL_MAX);
    postgres_create_sql(&sql, table);
    rc = postgres_run(load->source, load->source->main, "BEGIN", msg);
    if (rc == ERR_NONE) {
        rc = run_buffer(load, &sql, "making", msg);
    }
    if (rc == ERR_NONE) {
        rc = start_copy(load, msg);
    }
    buffer_free(&sql);
    if (rc != ERR_NONE) {
        postgres_load_abandon(&load->base);
        return rc;
    }
    *out = &load->base;
    return ERR_NONE;
}

/* ---- rows ---- */

/* What was sent before may still be on its way: it travels while the next rows are made. */
static enum err send_rows(struct load_postgres *load, struct errmsg *msg)
{
    struct source_postgres *source = load->source;
    struct source_step step = step_of(load, "rows of");
    enum err rc;

    if (postgres_complains(source->main)) {
        rc = end_copy(load, msg);
        return rc != ERR_NONE ? rc
                              : err_set(msg, ERR_SOURCE, "%s: COPY ended too early", source->label);
    }
    rc = postgres_flush(source, source->main, load->copy_sql, &step, msg);
    if (rc == ERR_NONE && (PQputCopyData(source->main, load->rows.ptr, (int)load->rows.len) != 1 ||
                           PQflush(source->main) < 0)) {
        rc = postgres_error(source, source->main, NULL, load->copy_sql, msg);
    }
    buffer_clear(&load->rows);
    return rc;
}

/* From here on a key that is there twice is found when the primary key is made. */
static void say_full(struct load_postgres *load)
{
    if (load->keys.is_full && !load->was_full) {
        load->was_full = true;
        log_warn("keys_not_remembered", "table=%.*s remembered=%zu", SLICE_ARG(load->table->name),
                 load->keys.used);
    }
}

static enum err check_key(struct load_postgres *load, const struct value *values,
                          struct errmsg *msg)
{
    const struct table *table = load->table;

    if (table->primary_key < 0) {
        return ERR_NONE;
    }
    if (!key_set_add(&load->keys, &values[table->primary_key])) {
        return source_key_taken(table, values, msg);
    }
    say_full(load);
    return ERR_NONE;
}

enum err postgres_load_row(struct source_load *base, const struct value *values, struct errmsg *msg)
{
    struct load_postgres *load = (struct load_postgres *)base;
    const struct table *table = load->table;
    size_t before = load->rows.len;
    enum err rc;

    if (table->primary_key >= 0 && values[table->primary_key].type == VALUE_NULL) {
        return err_set(msg, ERR_INPUT, "%.*s is null",
                       SLICE_ARG(table->columns[table->primary_key].name));
    }
    rc = postgres_encode_row(table, values, &load->rows, msg);
    if (rc == ERR_NONE && load->rows.overflowed) {
        rc = err_set(msg, ERR_INPUT, "a record of more than %d bytes", ROWS_SIZE_MAX);
        load->rows.overflowed = false;
    }
    if (rc == ERR_NONE) {
        rc = check_key(load, values, msg);
    }
    if (rc != ERR_NONE) {
        load->rows.len = before;
        return rc;
    }
    return load->rows.len < SEND_SIZE ? ERR_NONE : send_rows(load, msg);
}

/* ---- the end ---- */

static enum err end_rows(struct load_postgres *load, struct errmsg *msg)
{
    enum err rc;

    postgres_encode_trailer(&load->rows);
    rc = send_rows(load, msg);
    return rc == ERR_NONE ? end_copy(load, msg) : rc;
}

static enum err make_indexes(struct load_postgres *load, struct errmsg *msg)
{
    struct buffer sql;
    enum err rc = ERR_NONE;

    buffer_init(&sql, POSTGRES_SQL_MAX);
    postgres_index_sql(&sql, load->table);
    if (sql.len > 0) {
        rc = run_buffer(load, &sql, "indexes of", msg);
    }
    if (rc == ERR_NONE && postgres_gives_keys(load->table)) {
        buffer_clear(&sql);
        postgres_sequence_sql(&sql, load->table);
        rc = run_buffer(load, &sql, "the next key of", msg);
    }
    buffer_free(&sql);
    return rc;
}

enum err postgres_load_finish(struct source_load *base, struct errmsg *msg)
{
    struct load_postgres *load = (struct load_postgres *)base;
    struct source_postgres *source = load->source;
    enum err rc = end_rows(load, msg);

    if (rc == ERR_NONE) {
        rc = make_indexes(load, msg);
    }
    if (rc == ERR_NONE) {
        rc = postgres_keep_record(source, load->table, base->record, msg);
    }
    if (rc == ERR_NONE) {
        rc = postgres_run(source, source->main, "COMMIT", msg);
    }
    if (rc != ERR_NONE) {
        postgres_load_abandon(base);
        return rc;
    }
    load_free(load);
    return ERR_NONE;
}
