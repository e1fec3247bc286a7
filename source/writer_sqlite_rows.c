#include "source/writer_sqlite.h"

/* ---- in ---- */

/* SQLITE_STATIC: what is bound lives as long as its job, and is bound anew before every run. */
int sqlite_job_bind(const struct write_job *job, const struct statement *statement, unsigned item,
                    sqlite3_stmt *prepared)
{
    for (unsigned i = 0; i < statement->binding_count[SQL_SQLITE]; i++) {
        struct value value = writer_bound_value(job, &statement->bindings[SQL_SQLITE][i], item);
        int result = sqlite_bind(prepared, (int)i + 1, &value, SQLITE_STATIC);

        if (result != SQLITE_OK) {
            return result;
        }
    }
    return SQLITE_OK;
}

/* ---- out ---- */

static struct value column_value(sqlite3_stmt *prepared, int column, struct arena *arena)
{
    struct value value = {.type = VALUE_NULL};

    switch (sqlite3_column_type(prepared, column)) {
    case SQLITE_INTEGER:
        value.type = VALUE_INTEGER;
        value.integer = sqlite3_column_int64(prepared, column);
        break;
    case SQLITE_FLOAT:
        value.type = VALUE_REAL;
        value.real = sqlite3_column_double(prepared, column);
        break;
    case SQLITE_NULL:
        break;
    default:
        value.type = VALUE_TEXT;
        value.text.ptr = (const char *)sqlite3_column_text(prepared, column);
        value.text.len = (size_t)sqlite3_column_bytes(prepared, column);
        value.text = arena_copy(arena, value.text);
        break;
    }
    return value;
}

/* A sum beyond 64 bits becomes a REAL in SQLite: a value out of range, as PostgreSQL would say. */
static enum write_outcome refuse(struct write_job *job, const struct returned *returned,
                                 const struct value *value)
{
    bool is_too_large = returned->scalar.type == SCALAR_INTEGER && value->type == VALUE_REAL;

    err_wrap(&job->msg, ERR_SOURCE, "%.*s", SLICE_ARG(returned->name));
    return is_too_large ? WRITE_INVALID : WRITE_FAILED;
}

/* VALUE as its type is held: decimals stay as they came, everything else is a number or a text. */
static enum write_outcome convert(struct write_job *job, const struct returned *returned,
                                  struct value *value)
{
    int64_t held;

    if (value->type == VALUE_NULL) {
        return WRITE_DONE;
    }
    if (scalar_from_value(&returned->scalar, value, &held, &job->msg) != ERR_NONE) {
        return refuse(job, returned, value);
    }
    if (returned->scalar.type == SCALAR_NUMBER) {
        value->type = VALUE_REAL;
        memcpy(&value->real, &held, sizeof held);
    } else if (returned->scalar.type != SCALAR_DECIMAL) {
        value->type = VALUE_INTEGER;
        value->integer = held;
    }
    return WRITE_DONE;
}

static struct value text_value(sqlite3_stmt *prepared, int column, struct arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(prepared, column);
    struct value value = {.type = text == NULL ? VALUE_NULL : VALUE_TEXT};

    if (text != NULL) {
        value.text =
            arena_copy(arena, slice_of(text, (size_t)sqlite3_column_bytes(prepared, column)));
    }
    return value;
}

/* Room for one more row: it doubles when the count reaches a power of two. */
static struct value *next_row(struct write_job *job, struct write_rows *rows, unsigned columns)
{
    if ((rows->row_count & (rows->row_count - 1)) == 0) {
        size_t room = rows->row_count == 0 ? 1 : 2 * (size_t)rows->row_count;
        struct value *values = arena_alloc(job->arena, room * columns * sizeof *values);

        if (rows->row_count > 0) {
            memcpy(values, rows->values, rows->row_count * columns * sizeof *values);
        }
        rows->values = values;
    }
    return &rows->values[rows->row_count++ * columns];
}

enum write_outcome sqlite_job_row(struct write_job *job, const struct statement *statement,
                                  sqlite3_stmt *prepared, struct write_rows *rows)
{
    struct value *row;

    if (rows->row_count == ACTION_ROWS_MAX) {
        err_set(&job->msg, ERR_LIMIT, "a statement returned more than %d rows", ACTION_ROWS_MAX);
        return WRITE_FAILED;
    }
    row = next_row(job, rows, statement->return_count);
    for (unsigned i = 0; i < statement->return_count; i++) {
        const struct returned *returned = &statement->returns[i];
        enum write_outcome outcome;

        if (scalar_is_text(&returned->scalar)) {
            row[i] = text_value(prepared, (int)i, job->arena);
            continue;
        }
        row[i] = column_value(prepared, (int)i, job->arena);
        outcome = convert(job, returned, &row[i]);
        if (outcome != WRITE_DONE) {
            return outcome;
        }
    }
    return WRITE_DONE;
}
