#include <stdlib.h>

#include "base/arena.h"
#include "base/number.h"
#include "source/source_sqlite.h"

struct rows_sqlite {
    struct source_rows base;
    struct source_sqlite *source;
    sqlite3_stmt *statement;
    unsigned column_count;
    struct value values[];
};

void sqlite_rows_close(struct source_rows *base)
{
    struct rows_sqlite *rows = (struct rows_sqlite *)base;

    sqlite3_finalize(rows->statement);
    free(rows);
}

int sqlite_bind(sqlite3_stmt *statement, int index, const struct value *value,
                sqlite3_destructor_type keeping)
{
    switch (value->type) {
    case VALUE_INTEGER:
        return sqlite3_bind_int64(statement, index, value->integer);
    case VALUE_REAL:
        return sqlite3_bind_double(statement, index, value->real);
    case VALUE_TEXT:
        return sqlite3_bind_text64(statement, index, value->text.len == 0 ? "" : value->text.ptr,
                                   value->text.len, keeping, SQLITE_UTF8);
    default:
        return sqlite3_bind_null(statement, index);
    }
}

/*
 * To SQLite "$1" is a name like any other, numbered by appearance: it is bound by its own number.
 */
static enum err bind_parameters(struct rows_sqlite *rows, const char *sql,
                                const struct value *parameters, unsigned count, struct errmsg *msg)
{
    int present = sqlite3_bind_parameter_count(rows->statement);

    for (int i = 1; i <= present; i++) {
        const char *name = sqlite3_bind_parameter_name(rows->statement, i);
        int64_t number = i;

        if (name != NULL && !parse_integer(slice_str(name + 1), &number)) {
            return err_set(msg, ERR_SOURCE, "the parameter %s is not numbered: ?1 (in: %.*s)", name,
                           SQLITE_STATEMENT_SHOWN, sql);
        }
        if (number < 1 || number > count) {
            return err_set(msg, ERR_SOURCE, "there is no value for the parameter %s (in: %.*s)",
                           name == NULL ? "?" : name, SQLITE_STATEMENT_SHOWN, sql);
        }
        if (sqlite_bind(rows->statement, i, &parameters[number - 1], SQLITE_TRANSIENT) !=
            SQLITE_OK) {
            return sqlite_error(rows->source, sql, msg);
        }
    }
    return ERR_NONE;
}

static enum err check_statement(const struct rows_sqlite *rows, const char *sql, const char *tail,
                                struct errmsg *msg)
{
    int columns = sqlite3_column_count(rows->statement);
    sqlite3_stmt *second = NULL;
    bool is_alone = sqlite3_prepare_v2(rows->source->db, tail, -1, &second, NULL) == SQLITE_OK &&
                    second == NULL;

    sqlite3_finalize(second);
    if (rows->statement == NULL || !is_alone || !sqlite3_stmt_readonly(rows->statement)) {
        return err_set(msg, ERR_SOURCE, "this is not one SELECT statement: %.*s",
                       SQLITE_STATEMENT_SHOWN, sql);
    }
    if (columns != (int)rows->column_count) {
        return err_set(msg, ERR_SOURCE, "%d columns where %u are expected (in: %.*s)", columns,
                       rows->column_count, SQLITE_STATEMENT_SHOWN, sql);
    }
    return ERR_NONE;
}

enum err sqlite_query(struct source *base, const char *sql, const struct value *parameters,
                      unsigned parameter_count, unsigned column_count, struct source_rows **out,
                      struct errmsg *msg)
{
    struct source_sqlite *source = (struct source_sqlite *)base;
    struct rows_sqlite *rows =
        memory_calloc(1, sizeof *rows + column_count * sizeof rows->values[0]);
    const char *tail = "";
    enum err rc;

    rows->base.operations = base->operations;
    rows->source = source;
    rows->column_count = column_count;
    if (sqlite3_prepare_v2(source->db, sql, -1, &rows->statement, &tail) != SQLITE_OK) {
        rc = sqlite_error(source, sql, msg);
        goto out;
    }
    rc = check_statement(rows, sql, tail, msg);
    if (rc != ERR_NONE) {
        goto out;
    }
    rc = bind_parameters(rows, sql, parameters, parameter_count, msg);
out:
    if (rc != ERR_NONE) {
        sqlite_rows_close(&rows->base);
        return rc;
    }
    *out = &rows->base;
    return ERR_NONE;
}

static enum err read_column(struct rows_sqlite *rows, int column, struct errmsg *msg)
{
    struct value *value = &rows->values[column];

    switch (sqlite3_column_type(rows->statement, column)) {
    case SQLITE_INTEGER:
        value->type = VALUE_INTEGER;
        value->integer = sqlite3_column_int64(rows->statement, column);
        return ERR_NONE;
    case SQLITE_FLOAT:
        value->type = VALUE_REAL;
        value->real = sqlite3_column_double(rows->statement, column);
        return ERR_NONE;
    case SQLITE_TEXT:
        value->type = VALUE_TEXT;
        value->text.ptr = (const char *)sqlite3_column_text(rows->statement, column);
        value->text.len = (size_t)sqlite3_column_bytes(rows->statement, column);
        return ERR_NONE;
    case SQLITE_NULL:
        value->type = VALUE_NULL;
        return ERR_NONE;
    default:
        return err_set(msg, ERR_SOURCE, "column %s holds a BLOB, which is no value here (in: %.*s)",
                       sqlite3_column_name(rows->statement, column), SQLITE_STATEMENT_SHOWN,
                       sqlite3_sql(rows->statement));
    }
}

enum err sqlite_rows_next(struct source_rows *base, const struct value **row, struct errmsg *msg)
{
    struct rows_sqlite *rows = (struct rows_sqlite *)base;
    int result = sqlite3_step(rows->statement);

    if (result == SQLITE_DONE) {
        *row = NULL;
        return ERR_NONE;
    }
    if (result != SQLITE_ROW) {
        return sqlite_error(rows->source, sqlite3_sql(rows->statement), msg);
    }
    for (unsigned i = 0; i < rows->column_count; i++) {
        enum err rc = read_column(rows, (int)i, msg);

        if (rc != ERR_NONE) {
            return rc;
        }
    }
    *row = rows->values;
    return ERR_NONE;
}

enum err sqlite_has_table(struct source *base, struct slice table, bool *out, struct errmsg *msg)
{
    static const char sql[] =
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1";
    struct value name = {.type = VALUE_TEXT, .text = table};
    struct source_rows *rows;
    const struct value *row = NULL;
    enum err rc = sqlite_query(base, sql, &name, 1, 1, &rows, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    rc = sqlite_rows_next(rows, &row, msg);
    sqlite_rows_close(rows);
    if (rc == ERR_NONE) {
        *out = row != NULL;
    }
    return rc;
}
