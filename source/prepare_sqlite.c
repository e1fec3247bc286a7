#include "source/prepare_dialect.h"
#include "source/source_sqlite.h"
#include "source/sql_text.h"

static const struct prepare_own_table own_tables[] = {
    {WRITER_ANSWERS_TABLE,
     "CREATE TABLE " WRITER_ANSWERS_TABLE
     " (key TEXT PRIMARY KEY, fingerprint INTEGER NOT NULL, status INTEGER, body TEXT,"
     " expires_ms INTEGER NOT NULL) WITHOUT ROWID; "
     "CREATE INDEX \"" WRITER_ANSWERS_TABLE "(expires_ms)\" ON " WRITER_ANSWERS_TABLE
     " (expires_ms)"},
    {WRITER_COUNT_TABLE, "CREATE TABLE " WRITER_COUNT_TABLE
                         " (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL); "
                         "INSERT INTO " WRITER_COUNT_TABLE " VALUES (1, 0)"},
};

static void append_check(struct buffer *sql, struct slice name)
{
    buffer_append_str(sql, "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type IN"
                           " ('table', 'view') AND name = ");
    sql_append_text(sql, name);
    buffer_append_str(sql, " COLLATE NOCASE)");
}

static void append_table(struct buffer *sql, const struct table *table)
{
    sqlite_table_sql(sql, table);
    for (unsigned i = 0; i < table->index_count; i++) {
        buffer_append_str(sql, "; ");
        sqlite_index_sql(sql, table, &table->indexes[i]);
    }
}

/* Booleans are 0 and 1, and timestamps milliseconds: as they are. */
static void append_value(struct buffer *sql, const struct table_column *column,
                         const struct value *value)
{
    (void)column;
    prepare_append_plain(sql, value);
}

const struct prepare_dialect prepare_sqlite = {
    .own = own_tables,
    .own_count = sizeof own_tables / sizeof own_tables[0],
    .append_check = append_check,
    .append_table = append_table,
    .append_value = append_value,
};
