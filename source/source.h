/*
 * The source of truth behind one interface.
 *
 * A source is one connection with, at most, one read snapshot: every stream opened between
 * source_begin and source_end sees the same state of the data, whatever others commit meanwhile.
 * Several streams may be open at once. Several sources of one URL, each in a thread of its own, may
 * share a snapshot.
 *
 * URLs: sqlite:FILE
 *       postgres://USER@HOST:PORT/DATABASE?OPTIONS, or postgresql:, or postgres: and what libpq calls
 *       a connection string: "postgres:service=shop"
 *
 * Thread-safety: a source and its streams belong to one thread at a time.
 * Errors: ERR_SOURCE with the text of the database; ERR_LOST when the connection or the snapshot is
 * gone and a new one may do; ERR_USAGE for a URL it does not know; ERR_INTERRUPTED.
 */
#ifndef VITRINE_SOURCE_SOURCE_H
#define VITRINE_SOURCE_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "definition/definition.h"
#include "definition/scalar.h"

struct source;
struct source_rows;
struct source_load;

/* SOURCE_READ refuses a database that does not exist; SOURCE_WRITE creates it. */
enum source_mode { SOURCE_READ, SOURCE_WRITE };

MUST_CHECK enum err source_open(const char *url, enum source_mode mode, struct source **out,
                                struct errmsg *msg);
void source_close(struct source *source); /* accepts NULL; ends a snapshot */

/* What generated SQL must say differently from one database to another. */
struct source_dialect {
    const char *text_order;       /* after a text column in ORDER BY: bytewise order */
    const char *nulls_ascending;  /* after an ascending term: nulls first */
    const char *nulls_descending; /* after a descending term: nulls last */
    bool limits_joined;           /* a limit on a key is said of the columns joined to it, too */
};
const struct source_dialect *source_dialect(const struct source *source);

/*
 * From here on long waits and sorts of SOURCE end with ERR_INTERRUPTED soon after *STOP is set, by any
 * thread, as they do after a signal.
 */
void source_stop_on(struct source *source, const atomic_bool *stop);

/* Whether that is so: loops over rows that are there already look for themselves. */
bool source_is_stopped(const struct source *source);

/*
 * One consistent read snapshot from here to source_end for all SOURCES, which were opened from one
 * URL: each is ended on its own, the first one last.
 */
MUST_CHECK enum err source_begin(struct source *const *sources, unsigned count, struct errmsg *msg);
void source_end(struct source *source);

/*
 * Appends a text that changes whenever the data may have changed: compare for equality only. Taken
 * outside a snapshot it is a cheap probe; inside, it is a position not later than the snapshot.
 */
MUST_CHECK enum err source_position(struct source *source, struct buffer *out, struct errmsg *msg);

/*
 * Within a snapshot: which writes (source/writer.h) it holds, all those whose position is not higher. 0
 * when there is no such thing as a write yet.
 */
MUST_CHECK enum err source_write_position(struct source *source, uint64_t *out, struct errmsg *msg);

/* Whether the source has a table of this name. */
MUST_CHECK enum err source_has_table(struct source *source, struct slice table, bool *out,
                                     struct errmsg *msg);

/* ---- reading ---- */

/*
 * Starts a stream over one SELECT with parameters bound to ?1, ?2, ... (or $1, ...). The caller closes
 * it. COLUMN_COUNT columns must come back, otherwise ERR_SOURCE.
 */
MUST_CHECK enum err source_query(struct source *source, const char *sql,
                                 const struct value *parameters, unsigned parameter_count,
                                 unsigned column_count, struct source_rows **out,
                                 struct errmsg *msg);

/* The next row, or *ROW = NULL at the end. Values live until the next call on this stream. */
MUST_CHECK enum err source_rows_next(struct source_rows *rows, const struct value **row,
                                     struct errmsg *msg);
void source_rows_close(struct source_rows *rows); /* accepts NULL */

/* ---- loading (vitrine import) ---- */

/*
 * Begins to load a table: creates it by its definition (dropping what was there), inside a
 * transaction that source_load_finish commits. Text is text, integers and booleans (0/1) and
 * timestamps (ms) are integers, decimals are text with their scale ("140.00").
 */
MUST_CHECK enum err source_load_begin(struct source *source, const struct table *table,
                                      struct source_load **out, struct errmsg *msg);

/*
 * Adds one record; VALUES has one value a column, in the table's order. ERR_INPUT when the record
 * itself is refused (a primary key that is there already): the load goes on without it.
 */
MUST_CHECK enum err source_load_row(struct source_load *load, const struct value *values,
                                    struct errmsg *msg);

/*
 * What a load came from and what became of it. The source keeps it in a table of its own, in the
 * transaction of the load, so that an import that was cut short can go on.
 */
#define SOURCE_RECORD_TABLE "vitrine_import"

struct source_record {
    uint64_t file_size;  /* bytes of the export */
    uint64_t file_hash;  /* XXH3-64 of them */
    uint64_t table_hash; /* of what the definition says of the table */
    uint64_t loaded;     /* records */
    uint64_t rejected;
    bool keeps_rejects;   /* `rejects` holds what was rejected; otherwise that was too much */
    struct slice rejects; /* lines of the rejects file */
};

/* What source_load_finish keeps with the table; RECORD lives until then. Without it nothing is. */
void source_load_describe(struct source_load *load, const struct source_record *record);

/*
 * The record of a table that is still there with rows in it, if it has to have any; otherwise *FOUND
 * is false. `rejects` is appended to REJECTS and points into it.
 */
MUST_CHECK enum err source_find_record(struct source *source, const struct table *table,
                                       struct source_record *out, struct buffer *rejects,
                                       bool *found, struct errmsg *msg);

/*
 * Builds the indexes, commits, frees LOAD in any case. ERR_INTERRUPTED, as below, when a signal
 * arrives meanwhile; what takes longer says in the log what it is.
 */
MUST_CHECK enum err source_load_finish(struct source_load *load, struct errmsg *msg);

/* Rolls back and frees; accepts NULL. */
void source_load_abandon(struct source_load *load);

/*
 * After the last table: brings statistics up to date, also those of loads that were not settled when
 * they were made, and leaves the files compact and closed.
 */
MUST_CHECK enum err source_settle(struct source *source, struct errmsg *msg);

/*
 * Makes what the actions of DEFINITION need and is not there yet (prepare_sql.h): tables without a
 * `file`, and the writer's own. Nothing is changed when it is all there. A writer does this by itself.
 */
MUST_CHECK enum err source_prepare(struct source *source, const struct definition *definition,
                                   struct errmsg *msg);

#endif
