#include "source/source_postgres.h"

void postgres_append_name(struct buffer *sql, struct slice name)
{
    buffer_append_byte(sql, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"') {
            buffer_append_byte(sql, '"');
        }
        buffer_append_byte(sql, name.ptr[i]);
    }
    buffer_append_byte(sql, '"');
}

/* Text compares by its bytes, as it does in the embedded source: one definition, one answer. */
static void append_type(struct buffer *sql, const struct table_column *column)
{
    static const char *const names[] = {
        [COLUMN_INTEGER] = "bigint",          [COLUMN_TEXT] = "text COLLATE \"C\"",
        [COLUMN_BOOLEAN] = "boolean",         [COLUMN_TIMESTAMP] = "timestamptz",
        [COLUMN_NUMBER] = "double precision", [COLUMN_URL] = "text COLLATE \"C\"",
    };

    if (column->type == COLUMN_DECIMAL) {
        buffer_printf(sql, "numeric(38,%u)", column->scale);
    } else {
        buffer_append_str(sql, names[column->type]);
    }
}

void postgres_create_sql(struct buffer *sql, const struct table *table)
{
    buffer_append_str(sql, "DROP TABLE IF EXISTS ");
    postgres_append_name(sql, table->name);
    buffer_append_str(sql, "; CREATE TABLE ");
    postgres_append_name(sql, table->name);
    buffer_append_str(sql, " (");
    for (unsigned i = 0; i < table->column_count; i++) {
        buffer_append_str(sql, i == 0 ? "" : ", ");
        postgres_append_name(sql, table->columns[i].name);
        buffer_append_byte(sql, ' ');
        append_type(sql, &table->columns[i]);
        buffer_append_str(sql, table->columns[i].is_required ? " NOT NULL" : "");
    }
    buffer_append_byte(sql, ')');
}

/* FREEZE: the table is of this transaction, so nobody can see rows too early. */
void postgres_copy_sql(struct buffer *sql, const struct table *table)
{
    buffer_append_str(sql, "COPY ");
    postgres_append_name(sql, table->name);
    buffer_append_str(sql, " FROM STDIN (FORMAT binary, FREEZE)");
}

static void append_columns(struct buffer *sql, const struct table *table, const unsigned *columns,
                           unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        buffer_append_str(sql, i == 0 ? " (" : ", ");
        postgres_append_name(sql, table->columns[columns[i]].name);
    }
    buffer_append_byte(sql, ')');
}

void postgres_index_sql(struct buffer *sql, const struct table *table)
{
    if (table->primary_key >= 0) {
        unsigned key = (unsigned)table->primary_key;

        buffer_append_str(sql, "ALTER TABLE ");
        postgres_append_name(sql, table->name);
        buffer_append_str(sql, " ADD PRIMARY KEY");
        append_columns(sql, table, &key, 1);
    }
    for (unsigned i = 0; i < table->index_count; i++) {
        buffer_append_str(sql, sql->len == 0 ? "" : "; ");
        buffer_append_str(sql, "CREATE INDEX ON ");
        postgres_append_name(sql, table->name);
        append_columns(sql, table, table->indexes[i].columns, table->indexes[i].column_count);
    }
}
