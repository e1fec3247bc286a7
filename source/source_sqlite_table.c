#include "source/source_sqlite.h"
#include "source/sql_text.h"

static const char *sql_type(enum column_type type)
{
    switch (type) {
    case COLUMN_INTEGER:
    case COLUMN_BOOLEAN:
    case COLUMN_TIMESTAMP:
        return "INTEGER";
    case COLUMN_NUMBER:
        return "REAL";
    default:
        return "TEXT";
    }
}

static void append_column(struct buffer *sql, const struct table *table, unsigned index)
{
    const struct table_column *column = &table->columns[index];

    sql_append_name(sql, column->name);
    buffer_printf(sql, " %s", sql_type(column->type));
    if (column->is_required) {
        buffer_append_str(sql, " NOT NULL");
    }
    if ((int)index == table->primary_key) {
        buffer_append_str(sql, " PRIMARY KEY");
    }
}

void sqlite_create_sql(struct buffer *sql, const struct table *table)
{
    buffer_append_str(sql, "DROP TABLE IF EXISTS ");
    sql_append_name(sql, table->name);
    buffer_append_str(sql, "; ");
    sqlite_table_sql(sql, table);
}

void sqlite_table_sql(struct buffer *sql, const struct table *table)
{
    buffer_append_str(sql, "CREATE TABLE ");
    sql_append_name(sql, table->name);
    buffer_append_str(sql, " (");
    for (unsigned i = 0; i < table->column_count; i++) {
        buffer_append_str(sql, i == 0 ? "" : ", ");
        append_column(sql, table, i);
    }
    buffer_append_str(sql, ")");
}

void sqlite_insert_sql(struct buffer *sql, const struct table *table)
{
    buffer_append_str(sql, "INSERT INTO ");
    sql_append_name(sql, table->name);
    buffer_append_str(sql, " VALUES (");
    for (unsigned i = 0; i < table->column_count; i++) {
        buffer_append_str(sql, i == 0 ? "?" : ", ?");
    }
    buffer_append_str(sql, ")");
}

static void append_columns(struct buffer *sql, const struct table *table,
                           const struct table_index *index)
{
    for (unsigned i = 0; i < index->column_count; i++) {
        buffer_append_str(sql, i == 0 ? "" : ", ");
        sql_append_name(sql, table->columns[index->columns[i]].name);
    }
}

/*
 * Indexes and tables share one space of names. A name has no brackets, so "loans(book_id)" is neither a
 * table nor the index of another one.
 */
static void append_index_name(struct buffer *sql, const struct table *table,
                              const struct table_index *index)
{
    struct buffer name;

    buffer_init(&name, SQLITE_SQL_MAX);
    buffer_append_slice(&name, table->name);
    for (unsigned i = 0; i < index->column_count; i++) {
        buffer_append_byte(&name, i == 0 ? '(' : ',');
        buffer_append_slice(&name, table->columns[index->columns[i]].name);
    }
    buffer_append_byte(&name, ')');
    sql_append_name(sql, buffer_slice(&name));
    buffer_free(&name);
}

void sqlite_index_sql(struct buffer *sql, const struct table *table,
                      const struct table_index *index)
{
    buffer_append_str(sql, "CREATE INDEX ");
    append_index_name(sql, table, index);
    buffer_append_str(sql, " ON ");
    sql_append_name(sql, table->name);
    buffer_append_str(sql, " (");
    append_columns(sql, table, index);
    buffer_append_byte(sql, ')');
}
