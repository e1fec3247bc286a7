/*
 * What the files of the SQLite driver share: source_sqlite.c (opening, snapshot, position),
 * source_sqlite_read.c (streams), source_sqlite_load.c (loading), source_sqlite_record.c (what was
 * loaded), source_sqlite_table.c (the statements that a table definition means) and
 * source_sqlite_prepare.c (what actions need).
 */
#ifndef VITRINE_SOURCE_SOURCE_SQLITE_H
#define VITRINE_SOURCE_SOURCE_SQLITE_H

#include <sqlite3.h>

#include "source/driver.h"
#include "source/prepare_sql.h"
#include "source/source_step.h"

enum {
    SQLITE_POSITION_MAX = 128,
    SQLITE_SQL_MAX = 1 << 20, /* bytes of a generated statement */
};

struct source_sqlite {
    struct source base;
    sqlite3 *db;
    char *path; /* never a URI and never ":memory:": relative ones begin with "./" */
    enum source_mode mode;
    bool in_snapshot;
    char snapshot_position[SQLITE_POSITION_MAX]; /* taken just before the snapshot */
    bool is_bulk;          /* journal and synchronous are set for loading; see bulk_begin */
    bool is_careful;       /* while loading: commits are synced, since others write, too */
    bool owns_temp_folder; /* sqlite3_temp_directory is ours to free */
};

/* Writes the database's complaint and the beginning of SQL; returns ERR_SOURCE or ERR_INTERRUPTED. */
enum err sqlite_error(const struct source_sqlite *source, const char *sql, struct errmsg *msg);

/* Runs statements that return nothing of interest. */
MUST_CHECK enum err sqlite_run(struct source_sqlite *source, const char *sql, struct errmsg *msg);

/* The first integer of the first row, which there has to be. */
MUST_CHECK enum err sqlite_ask(struct source_sqlite *source, const char *sql, int64_t *out,
                               struct errmsg *msg);

/* As sqlite_run for what may last; ERR_INTERRUPTED when a signal arrives meanwhile. */
MUST_CHECK enum err sqlite_run_step(struct source_sqlite *source, const char *sql,
                                    struct source_step *step, struct errmsg *msg);

enum { SQLITE_STATEMENT_SHOWN = 200 /* bytes of a statement in an error message */ };

/* Binds VALUE; KEEPING is SQLITE_STATIC when its text outlives the step, else SQLITE_TRANSIENT. */
int sqlite_bind(sqlite3_stmt *statement, int index, const struct value *value,
                sqlite3_destructor_type keeping);

/* Leaves the settings of loading when source_settle did not; what was committed stays. */
void sqlite_bulk_end(struct source_sqlite *source);

/* ---- the operations ---- */

enum err sqlite_has_table(struct source *base, struct slice table, bool *out, struct errmsg *msg);
enum err sqlite_query(struct source *base, const char *sql, const struct value *parameters,
                      unsigned parameter_count, unsigned column_count, struct source_rows **out,
                      struct errmsg *msg);
enum err sqlite_rows_next(struct source_rows *base, const struct value **row, struct errmsg *msg);
void sqlite_rows_close(struct source_rows *base);
enum err sqlite_load_begin(struct source *base, const struct table *table, struct source_load **out,
                           struct errmsg *msg);
enum err sqlite_load_row(struct source_load *base, const struct value *values, struct errmsg *msg);
enum err sqlite_load_finish(struct source_load *base, struct errmsg *msg);
void sqlite_load_abandon(struct source_load *base);
enum err sqlite_find_record(struct source *base, const struct table *table,
                            struct source_record *out, struct buffer *rejects, bool *found,
                            struct errmsg *msg);
enum err sqlite_has_rows(struct source *base, const struct table *table, bool *out,
                         struct errmsg *msg);
enum err sqlite_settle(struct source *base, struct errmsg *msg);

/* Runs PLAN; mostly there is nothing to do, and then the write lock is left alone. */
MUST_CHECK enum err sqlite_prepare(struct source_sqlite *source, const struct prepare_plan *plan,
                                   struct errmsg *msg);
enum err sqlite_prepare_source(struct source *base, const struct definition *definition,
                               struct errmsg *msg);

/* ---- what was loaded ---- */

/* Within the transaction of a load: keeps RECORD, or that there is none, with the table. */
MUST_CHECK enum err sqlite_keep_record(struct source_sqlite *source, const struct table *table,
                                       const struct source_record *record, struct errmsg *msg);

/* Whether a table was loaded since statistics were made; then, that they are made. */
MUST_CHECK enum err sqlite_needs_settling(struct source_sqlite *source, bool *out,
                                          struct errmsg *msg);
MUST_CHECK enum err sqlite_mark_settled(struct source_sqlite *source, struct errmsg *msg);

/* ---- statements from a definition, appended to SQL ---- */

/* Drops what is there and creates the table. */
void sqlite_create_sql(struct buffer *sql, const struct table *table);
/* Creates the table, which is not there. */
void sqlite_table_sql(struct buffer *sql, const struct table *table);
/* One parameter a column. */
void sqlite_insert_sql(struct buffer *sql, const struct table *table);
void sqlite_index_sql(struct buffer *sql, const struct table *table,
                      const struct table_index *index);

#endif
