#include <inttypes.h>

#include "base/arena.h"
#include "base/number.h"
#include "source/source_postgres.h"
#include "source/source_postgres_wait.h"
#include "source/source_record.h"
#include "source/sql_text.h"

enum { NAME_MAX_BYTES = DEFINITION_NAME_MAX + 1, NUMBER_MAX = 24 };

/* Two imports that are the first ones at the same time: CREATE TABLE IF NOT EXISTS may fail then. */
static const char create_sql[] =
    "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('" SOURCE_RECORD_TABLE "'));"
    " CREATE TABLE IF NOT EXISTS " SOURCE_RECORD_TABLE
    " (table_name text PRIMARY KEY, file_size bigint NOT NULL, file_hash text NOT NULL,"
    " table_hash text NOT NULL, loaded bigint NOT NULL, rejected bigint NOT NULL, rejects bytea,"
    " is_settled boolean NOT NULL, loaded_at timestamptz NOT NULL)";

static const char keep_sql[] =
    "INSERT INTO " SOURCE_RECORD_TABLE " VALUES ($1, $2, $3, $4, $5, $6, $7, false, now())"
    " ON CONFLICT (table_name) DO UPDATE SET file_size = excluded.file_size,"
    " file_hash = excluded.file_hash, table_hash = excluded.table_hash, loaded = excluded.loaded,"
    " rejected = excluded.rejected, rejects = excluded.rejects, is_settled = excluded.is_settled,"
    " loaded_at = excluded.loaded_at";

static const char find_sql[] =
    "SELECT file_size, file_hash, table_hash, loaded, rejected, rejects FROM " SOURCE_RECORD_TABLE
    " WHERE table_name = $1";

static const char unsettled_sql[] =
    "SELECT table_name FROM " SOURCE_RECORD_TABLE " WHERE NOT is_settled"
    " AND to_regclass(quote_ident(table_name)) IS NOT NULL ORDER BY table_name";

enum { PARAMETERS = 7, REJECTS_AT = 6 };

/* ---- keeping ---- */

/* The parameters of keep_sql; all but the rejects are texts. */
struct parameters {
    char table[NAME_MAX_BYTES];
    char numbers[3][NUMBER_MAX];
    char hashes[2][RECORD_HASH_MAX];
    const char *values[PARAMETERS];
    int sizes[PARAMETERS];
    int formats[PARAMETERS];
};

static void fill(struct parameters *p, const struct table *table,
                 const struct source_record *record)
{
    snprintf(p->table, sizeof p->table, "%.*s", SLICE_ARG(table->name));
    snprintf(p->numbers[0], NUMBER_MAX, "%" PRIu64, record->file_size);
    snprintf(p->numbers[1], NUMBER_MAX, "%" PRIu64, record->loaded);
    snprintf(p->numbers[2], NUMBER_MAX, "%" PRIu64, record->rejected);
    source_record_hash_text(record->file_hash, p->hashes[0]);
    source_record_hash_text(record->table_hash, p->hashes[1]);
    p->values[0] = p->table;
    p->values[1] = p->numbers[0];
    p->values[2] = p->hashes[0];
    p->values[3] = p->hashes[1];
    p->values[4] = p->numbers[1];
    p->values[5] = p->numbers[2];
    if (record->keeps_rejects) {
        p->values[REJECTS_AT] = record->rejects.len == 0 ? "" : record->rejects.ptr;
        p->sizes[REJECTS_AT] = (int)record->rejects.len;
        p->formats[REJECTS_AT] = 1; /* as it is */
    }
}

enum err postgres_keep_record(const struct source_postgres *source, const struct table *table,
                              const struct source_record *record, struct errmsg *msg)
{
    struct parameters p = {.sizes = {0}};
    PGresult *result;
    enum err rc = postgres_run(source, source->main, create_sql, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    fill(&p, table, record == NULL ? &source_record_none : record);
    result =
        PQexecParams(source->main, keep_sql, PARAMETERS, NULL, p.values, p.sizes, p.formats, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        rc = postgres_error(source, source->main, result, keep_sql, msg);
    }
    PQclear(result);
    return rc;
}

/* ---- finding ---- */

static uint64_t number_at(const PGresult *result, int column)
{
    int64_t number = 0;

    return parse_integer(slice_str(PQgetvalue(result, 0, column)), &number) && number > 0
               ? (uint64_t)number
               : 0;
}

static enum err take_rejects(const PGresult *result, int column, struct source_record *out,
                             struct buffer *rejects, struct errmsg *msg)
{
    size_t before = rejects->len;
    unsigned char *bytes;
    size_t size;

    out->keeps_rejects = PQgetisnull(result, 0, column) == 0;
    if (!out->keeps_rejects) {
        return ERR_NONE;
    }
    bytes = PQunescapeBytea((const unsigned char *)PQgetvalue(result, 0, column), &size);
    if (bytes == NULL) {
        return err_set(msg, ERR_SYSTEM, "no memory for the rejected records of an import");
    }
    buffer_append(rejects, bytes, size);
    PQfreemem(bytes);
    out->rejects = slice_of(rejects->ptr + before, rejects->len - before);
    return ERR_NONE;
}

static enum err take_record(const PGresult *result, struct source_record *out,
                            struct buffer *rejects, struct errmsg *msg)
{
    *out = (struct source_record){
        .file_size = number_at(result, 0),
        .file_hash = source_record_hash(PQgetvalue(result, 0, 1)),
        .table_hash = source_record_hash(PQgetvalue(result, 0, 2)),
        .loaded = number_at(result, 3),
        .rejected = number_at(result, 4),
    };
    return take_rejects(result, 5, out, rejects, msg);
}

enum err postgres_find_record(struct source *base, const struct table *table,
                              struct source_record *out, struct buffer *rejects, bool *found,
                              struct errmsg *msg)
{
    const struct source_postgres *source = (const struct source_postgres *)base;
    char name[NAME_MAX_BYTES];
    const char *parameter = name;
    PGresult *result;
    enum err rc = ERR_NONE;

    snprintf(name, sizeof name, "%.*s", SLICE_ARG(table->name));
    result = PQexecParams(source->main, find_sql, 1, NULL, &parameter, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        rc = postgres_error(source, source->main, result, find_sql, msg);
    } else {
        *found = PQntuples(result) > 0;
        rc = *found ? take_record(result, out, rejects, msg) : ERR_NONE;
    }
    PQclear(result);
    return rc;
}

enum err postgres_has_rows(struct source *base, const struct table *table, bool *out,
                           struct errmsg *msg)
{
    const struct source_postgres *source = (const struct source_postgres *)base;
    struct buffer sql;
    struct buffer answer;
    enum err rc;

    buffer_init(&sql, POSTGRES_SQL_MAX);
    buffer_init(&answer, POSTGRES_SQL_MAX);
    buffer_append_str(&sql, "SELECT EXISTS (SELECT FROM ");
    sql_append_name(&sql, table->name);
    buffer_append_byte(&sql, ')');
    rc = postgres_ask(source, source->main, buffer_str(&sql), &answer, msg);
    *out = answer.len > 0 && answer.ptr[0] == 't';
    buffer_free(&sql);
    buffer_free(&answer);
    return rc;
}

/* ---- settling ---- */

static enum err analyze(struct source_postgres *source, const char *table, struct errmsg *msg)
{
    struct source_step step = source_step_begin("statistics of", slice_str(table));
    char *literal = PQescapeLiteral(source->main, table, strlen(table));
    struct buffer sql;
    enum err rc;

    if (literal == NULL) {
        return err_set(msg, ERR_SOURCE, "%s: %s", source->label, PQerrorMessage(source->main));
    }
    buffer_init(&sql, POSTGRES_SQL_MAX);
    buffer_append_str(&sql, "ANALYZE ");
    sql_append_name(&sql, slice_str(table));
    buffer_printf(&sql,
                  "; UPDATE " SOURCE_RECORD_TABLE " SET is_settled = true WHERE table_name = %s",
                  literal);
    rc = postgres_run_step(source, source->main, buffer_str(&sql), &step, msg);
    buffer_free(&sql);
    PQfreemem(literal);
    return rc;
}

static enum err analyze_unsettled(struct source_postgres *source, struct errmsg *msg)
{
    PGresult *result = PQexec(source->main, unsettled_sql);
    enum err rc = ERR_NONE;

    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        rc = postgres_error(source, source->main, result, unsettled_sql, msg);
    }
    for (int i = 0; rc == ERR_NONE && i < PQntuples(result); i++) {
        rc = analyze(source, PQgetvalue(result, i, 0), msg);
    }
    PQclear(result);
    return rc;
}

enum err postgres_settle(struct source *base, struct errmsg *msg)
{
    bool is_there = false;
    enum err rc = source_has_table(base, slice_str(SOURCE_RECORD_TABLE), &is_there, msg);

    return rc == ERR_NONE && is_there ? analyze_unsettled((struct source_postgres *)base, msg) : rc;
}
