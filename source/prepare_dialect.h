/*
 * What a plan (prepare_sql.h) says differently from one database to another.
 *
 * Thread-safety: constants.
 */
#ifndef VITRINE_SOURCE_PREPARE_DIALECT_H
#define VITRINE_SOURCE_PREPARE_DIALECT_H

#include "base/buffer.h"
#include "source/prepare_sql.h"
#include "source/writer.h"

/* A step while it is written. */
struct prepare_draft {
    struct buffer what;
    struct buffer check;
    struct buffer sql;
};

/* A table of the writer's own. */
struct prepare_own_table {
    const char *name;
    const char *sql; /* makes it */
};

struct prepare_dialect {
    const char *lock; /* a check that waits until nobody else prepares; NULL: a transaction does */
    const struct prepare_own_table *own;
    unsigned own_count;

    /* A SELECT: whether there is a table or view NAME. */
    void (*append_check)(struct buffer *sql, struct slice name);
    /* Makes TABLE with its key and its indexes. */
    void (*append_table)(struct buffer *sql, const struct table *table);
    void (*append_value)(struct buffer *sql, const struct table_column *column,
                         const struct value *value);
    /* After the rows that it begins with, or NULL. */
    void (*append_after_rows)(struct buffer *sql, const struct table *table);
    /* Whether a table that was imported needs a step, which is drafted then; or NULL. */
    bool (*draft_imported)(struct prepare_draft *draft, const struct table *table);
};

extern const struct prepare_dialect prepare_sqlite;
extern const struct prepare_dialect prepare_postgres;

/* A value as the constant that both databases know. */
void prepare_append_plain(struct buffer *sql, const struct value *value);

#endif
