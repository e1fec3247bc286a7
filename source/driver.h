/*
 * What a driver of one kind of database brings: the operations of source.h behind a table.
 *
 * A driver embeds struct source, struct source_rows and struct source_load as the first member of
 * its own structs and sets `operations` in each; source.c passes every call through that table. A
 * new driver is one operations table and one line in the table of schemes in source.c.
 */
#ifndef VITRINE_SOURCE_DRIVER_H
#define VITRINE_SOURCE_DRIVER_H

#include "source/source.h"

struct writer_operations;

struct source_operations {
    struct source_dialect dialect;
    const struct writer_operations *writer; /* source/writer_driver.h */

    /* PLACE is the URL behind its scheme, never empty. */
    enum err (*open)(const char *place, enum source_mode mode, struct source **out,
                     struct errmsg *msg);
    void (*close)(struct source *source);

    enum err (*begin)(struct source *const *sources, unsigned count, struct errmsg *msg);
    void (*end)(struct source *source);
    enum err (*position)(struct source *source, struct buffer *out, struct errmsg *msg);
    enum err (*write_position)(struct source *source, uint64_t *out, struct errmsg *msg);
    enum err (*has_table)(struct source *source, struct slice table, bool *out, struct errmsg *msg);

    enum err (*query)(struct source *source, const char *sql, const struct value *parameters,
                      unsigned parameter_count, unsigned column_count, struct source_rows **out,
                      struct errmsg *msg);
    enum err (*rows_next)(struct source_rows *rows, const struct value **row, struct errmsg *msg);
    void (*rows_close)(struct source_rows *rows);

    enum err (*load_begin)(struct source *source, const struct table *table,
                           struct source_load **out, struct errmsg *msg);
    enum err (*load_row)(struct source_load *load, const struct value *values, struct errmsg *msg);
    enum err (*load_finish)(struct source_load *load, struct errmsg *msg);
    void (*load_abandon)(struct source_load *load);
    /* SOURCE_RECORD_TABLE and TABLE are there. */
    enum err (*find_record)(struct source *source, const struct table *table,
                            struct source_record *out, struct buffer *rejects, bool *found,
                            struct errmsg *msg);
    enum err (*has_rows)(struct source *source, const struct table *table, bool *out,
                         struct errmsg *msg);
    enum err (*settle)(struct source *source, struct errmsg *msg);
    enum err (*prepare)(struct source *source, const struct definition *definition,
                        struct errmsg *msg);
};

struct source {
    const struct source_operations *operations;
    const atomic_bool *stop; /* NULL: only a signal stops its work */
};

struct source_rows {
    const struct source_operations *operations;
};

struct source_load {
    const struct source_operations *operations;
    const struct source_record *record; /* what load_finish keeps, or NULL */
};

extern const struct source_operations source_sqlite_operations;
extern const struct source_operations source_postgres_operations;

/* The operations for URL, and *PLACE: what stands behind its scheme. ERR_USAGE when it is none. */
MUST_CHECK enum err source_find_operations(const char *url, const struct source_operations **out,
                                           const char **place, struct errmsg *msg);

/* For load_row: the refusal of a record whose primary key is there already; returns ERR_INPUT. */
enum err source_key_taken(const struct table *table, const struct value *values,
                          struct errmsg *msg);

#endif
