#include "source/source_record.h"
#include "source/source_sqlite.h"
#include "source/sql_text.h"

static const char create_sql[] =
    "CREATE TABLE IF NOT EXISTS " SOURCE_RECORD_TABLE
    " (table_name TEXT PRIMARY KEY, file_size INTEGER NOT NULL, file_hash TEXT NOT NULL,"
    " table_hash TEXT NOT NULL, loaded INTEGER NOT NULL, rejected INTEGER NOT NULL, rejects BLOB,"
    " is_settled INTEGER NOT NULL, loaded_at TEXT NOT NULL)";

static const char keep_sql[] =
    "INSERT OR REPLACE INTO " SOURCE_RECORD_TABLE " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0,"
    " strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";

static const char find_sql[] =
    "SELECT file_size, file_hash, table_hash, loaded, rejected, rejects FROM " SOURCE_RECORD_TABLE
    " WHERE table_name = ?1";

static const char unsettled_sql[] =
    "SELECT 1 FROM " SOURCE_RECORD_TABLE " WHERE NOT is_settled LIMIT 1";

/* Prepares SQL with the table's name as ?1. */
static enum err prepare(struct source_sqlite *source, const char *sql, const struct table *table,
                        sqlite3_stmt **out, struct errmsg *msg)
{
    if (sqlite3_prepare_v2(source->db, sql, -1, out, NULL) != SQLITE_OK ||
        (table != NULL && sqlite3_bind_text(*out, 1, table->name.ptr, (int)table->name.len,
                                            SQLITE_STATIC) != SQLITE_OK)) {
        return sqlite_error(source, sql, msg);
    }
    return ERR_NONE;
}

/* Steps once: whether there is a row. */
static enum err step(struct source_sqlite *source, sqlite3_stmt *statement, bool *has_row,
                     struct errmsg *msg)
{
    int result = sqlite3_step(statement);

    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        return sqlite_error(source, sqlite3_sql(statement), msg);
    }
    *has_row = result == SQLITE_ROW;
    return ERR_NONE;
}

/* ---- keeping ---- */

static void bind_hash(sqlite3_stmt *statement, int index, uint64_t hash)
{
    char text[RECORD_HASH_MAX];

    source_record_hash_text(hash, text);
    sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
}

static void bind_record(sqlite3_stmt *statement, const struct source_record *record)
{
    sqlite3_bind_int64(statement, 2, (int64_t)record->file_size);
    bind_hash(statement, 3, record->file_hash);
    bind_hash(statement, 4, record->table_hash);
    sqlite3_bind_int64(statement, 5, (int64_t)record->loaded);
    sqlite3_bind_int64(statement, 6, (int64_t)record->rejected);
    if (record->keeps_rejects) {
        sqlite3_bind_blob64(statement, 7, record->rejects.len == 0 ? "" : record->rejects.ptr,
                            record->rejects.len, SQLITE_STATIC);
    }
}

enum err sqlite_keep_record(struct source_sqlite *source, const struct table *table,
                            const struct source_record *record, struct errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    bool has_row;
    enum err rc = sqlite_run(source, create_sql, msg);

    if (rc == ERR_NONE) {
        rc = prepare(source, keep_sql, table, &statement, msg);
    }
    if (rc == ERR_NONE) {
        bind_record(statement, record == NULL ? &source_record_none : record);
        rc = step(source, statement, &has_row, msg);
    }
    sqlite3_finalize(statement);
    return rc;
}

/* ---- finding ---- */

static uint64_t hash_at(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text == NULL ? 0 : source_record_hash(text);
}

static void take_record(sqlite3_stmt *statement, struct source_record *out, struct buffer *rejects)
{
    size_t before = rejects->len;

    *out = (struct source_record){
        .file_size = (uint64_t)sqlite3_column_int64(statement, 0),
        .file_hash = hash_at(statement, 1),
        .table_hash = hash_at(statement, 2),
        .loaded = (uint64_t)sqlite3_column_int64(statement, 3),
        .rejected = (uint64_t)sqlite3_column_int64(statement, 4),
        .keeps_rejects = sqlite3_column_type(statement, 5) == SQLITE_BLOB,
    };
    if (out->keeps_rejects) {
        const void *bytes = sqlite3_column_blob(statement, 5);

        buffer_append(rejects, bytes, (size_t)sqlite3_column_bytes(statement, 5));
        out->rejects = slice_of(rejects->ptr + before, rejects->len - before);
    }
}

enum err sqlite_find_record(struct source *base, const struct table *table,
                            struct source_record *out, struct buffer *rejects, bool *found,
                            struct errmsg *msg)
{
    struct source_sqlite *source = (struct source_sqlite *)base;
    sqlite3_stmt *statement = NULL;
    enum err rc = prepare(source, find_sql, table, &statement, msg);

    if (rc == ERR_NONE) {
        rc = step(source, statement, found, msg);
    }
    if (rc == ERR_NONE && *found) {
        take_record(statement, out, rejects);
    }
    sqlite3_finalize(statement);
    return rc;
}

enum err sqlite_has_rows(struct source *base, const struct table *table, bool *out,
                         struct errmsg *msg)
{
    struct source_sqlite *source = (struct source_sqlite *)base;
    sqlite3_stmt *statement = NULL;
    struct buffer sql;
    enum err rc;

    buffer_init(&sql, SQLITE_SQL_MAX);
    buffer_append_str(&sql, "SELECT 1 FROM ");
    sql_append_name(&sql, table->name);
    buffer_append_str(&sql, " LIMIT 1");
    rc = prepare(source, buffer_str(&sql), NULL, &statement, msg);
    if (rc == ERR_NONE) {
        rc = step(source, statement, out, msg);
    }
    sqlite3_finalize(statement);
    buffer_free(&sql);
    return rc;
}

/* ---- what is settled ---- */

enum err sqlite_needs_settling(struct source_sqlite *source, bool *out, struct errmsg *msg)
{
    sqlite3_stmt *statement = NULL;
    enum err rc = source_has_table(&source->base, slice_str(SOURCE_RECORD_TABLE), out, msg);

    if (rc != ERR_NONE || !*out) {
        return rc;
    }
    rc = prepare(source, unsettled_sql, NULL, &statement, msg);
    if (rc == ERR_NONE) {
        rc = step(source, statement, out, msg);
    }
    sqlite3_finalize(statement);
    return rc;
}

enum err sqlite_mark_settled(struct source_sqlite *source, struct errmsg *msg)
{
    return sqlite_run(source, "UPDATE " SOURCE_RECORD_TABLE " SET is_settled = 1", msg);
}
