/*
 * What the files of the PostgreSQL driver share: source_postgres.c (opening, snapshot, position),
 * source_postgres_connect.c (connections and their settings), source_postgres_read.c (streams),
 * source_postgres_inline.c (parameters), source_postgres_load.c (loading), source_postgres_keys.c (the
 * keys that a load has seen), source_postgres_record.c (what was loaded, and statistics),
 * source_postgres_table.c (the statements that a table definition means), source_postgres_prepare.c
 * (what actions need), source_postgres_wait.c (waiting) and source_postgres_message.c (error texts).
 * Values of the wire are read in source_postgres_decode.c and written in source_postgres_encode.c.
 *
 * A connection takes one COPY at a time, so every stream has one of its own, inside the snapshot that
 * the main connection exports. Connections whose stream has ended wait in `idle` for the next one.
 */
#ifndef VITRINE_SOURCE_SOURCE_POSTGRES_H
#define VITRINE_SOURCE_SOURCE_POSTGRES_H

#include <libpq-fe.h>

#include "source/driver.h"

enum {
    POSTGRES_IDLE_MAX = 16,         /* connections kept open without a stream */
    POSTGRES_SNAPSHOT_MAX = 64,     /* bytes of the name of an exported snapshot, NUL included */
    POSTGRES_SQL_MAX = 1 << 20,     /* bytes of a generated statement */
    POSTGRES_STATEMENT_SHOWN = 200, /* bytes of a statement in an error message */
    POSTGRES_PARAMETERS_MAX = 96    /* of a connection, the NULL behind the last included */
};

struct source_postgres {
    struct source base;
    enum source_mode mode;
    PQconninfoOption *options; /* the URL, read */
    PGconn *main;              /* holds the snapshot, loads, is asked for small things */
    char *label;               /* "postgres shop": what messages call it; never the password */
    bool in_snapshot;
    char snapshot[POSTGRES_SNAPSHOT_MAX];
    PGconn *idle[POSTGRES_IDLE_MAX]; /* inside a snapshot: in a transaction of that snapshot */
    unsigned idle_count;
};

/* ---- messages ---- */

/* What libpq says, as one line: newlines and tabs become blanks, none at the end. OUT is cleared. */
void postgres_one_line(struct buffer *out, const char *text);

/* The same, with "..." for texts between double quotes: one may be a password. */
void postgres_without_quoted(struct buffer *out, const char *text);

/*
 * Writes the database's complaint, what helps against it, and the beginning of SQL; returns ERR_LOST
 * when a new connection or snapshot may do, otherwise ERR_SOURCE. RESULT may be NULL, when the connection itself is at fault.
 */
enum err postgres_error(const struct source_postgres *source, PGconn *conn, const PGresult *result,
                        const char *sql, struct errmsg *msg);

/* ---- connections ---- */

/* Reads PLACE, the URL behind its scheme, into source->options; ERR_USAGE when it is none. */
MUST_CHECK enum err postgres_read_place(struct source_postgres *source, const char *place,
                                        struct errmsg *msg);

/* What a connection is opened with: PQconnectdbParams and PQconnectStartParams take these. */
struct postgres_parameters {
    const char *names[POSTGRES_PARAMETERS_MAX];
    const char *values[POSTGRES_PARAMETERS_MAX];
    unsigned count;
};
void postgres_collect_parameters(const struct source_postgres *source,
                                 struct postgres_parameters *out);

/* For PQsetNoticeProcessor: into the log. */
void postgres_on_notice(void *arg, const char *text);

/* Names the source after the first database that is reached; ERR_SOURCE for a server that is too old. */
MUST_CHECK enum err postgres_check_server(struct source_postgres *source, const PGconn *conn,
                                          struct errmsg *msg);

/* A new connection with our settings; the caller passes it to PQfinish. The first names the source. */
MUST_CHECK enum err postgres_connect(struct source_postgres *source, PGconn **out,
                                     struct errmsg *msg);

/* A connection for one stream, in a transaction: that of the snapshot or one of its own. */
MUST_CHECK enum err postgres_borrow(struct source_postgres *source, PGconn **out,
                                    struct errmsg *msg);

/* IS_CLEAN: every row was read. Otherwise the statement is cancelled and the connection closed. */
void postgres_return(struct source_postgres *source, PGconn *conn, bool is_clean);

/* Ends the transactions of idle connections. */
void postgres_end_idle(struct source_postgres *source);

/* Runs statements that return nothing of interest. */
MUST_CHECK enum err postgres_run(const struct source_postgres *source, PGconn *conn,
                                 const char *sql, struct errmsg *msg);

/* Appends the first column of the one row that SQL returns. */
MUST_CHECK enum err postgres_ask(const struct source_postgres *source, PGconn *conn,
                                 const char *sql, struct buffer *out, struct errmsg *msg);

/* ---- statements ---- */

/*
 * Appends SQL with ?N and $N replaced by literals[N - 1]; what looks like one in a text, a quoted
 * name or a comment stays. ERR_SOURCE for an N beyond COUNT.
 */
MUST_CHECK enum err postgres_inline(const char *sql, const char *const *literals, unsigned count,
                                    struct buffer *out, struct errmsg *msg);

/* The same with the literals made from PARAMETERS. */
MUST_CHECK enum err postgres_bind(PGconn *conn, const char *sql, const struct value *parameters,
                                  unsigned count, struct buffer *out, struct errmsg *msg);

/* Drops what is there and creates the table, as yet without its primary key. */
void postgres_create_sql(struct buffer *sql, const struct table *table);
/* Creates the table, which is not there, as yet without its primary key. */
void postgres_table_sql(struct buffer *sql, const struct table *table);
void postgres_copy_sql(struct buffer *sql, const struct table *table);
/* The primary key and the indexes, after the load. */
void postgres_index_sql(struct buffer *sql, const struct table *table);
/* Whether the server gives the primary key where an INSERT leaves it out: integers. */
bool postgres_gives_keys(const struct table *table);
/* Sets what the server gives next beyond the highest key that is there. */
void postgres_sequence_sql(struct buffer *sql, const struct table *table);
/* NAME with its quotes as a text constant. */
void postgres_append_name_text(struct buffer *sql, struct slice name);

/* ---- the operations ---- */

enum err postgres_query(struct source *base, const char *sql, const struct value *parameters,
                        unsigned parameter_count, unsigned column_count, struct source_rows **out,
                        struct errmsg *msg);
enum err postgres_rows_next(struct source_rows *base, const struct value **row, struct errmsg *msg);
void postgres_rows_close(struct source_rows *base);
enum err postgres_load_begin(struct source *base, const struct table *table,
                             struct source_load **out, struct errmsg *msg);
enum err postgres_load_row(struct source_load *base, const struct value *values,
                           struct errmsg *msg);
enum err postgres_load_finish(struct source_load *base, struct errmsg *msg);
void postgres_load_abandon(struct source_load *base);
enum err postgres_find_record(struct source *base, const struct table *table,
                              struct source_record *out, struct buffer *rejects, bool *found,
                              struct errmsg *msg);
enum err postgres_has_rows(struct source *base, const struct table *table, bool *out,
                           struct errmsg *msg);
enum err postgres_settle(struct source *base, struct errmsg *msg);
enum err postgres_prepare_source(struct source *base, const struct definition *definition,
                                 struct errmsg *msg);

/* Within the transaction of a load: keeps RECORD, or that there is none, with the table. */
MUST_CHECK enum err postgres_keep_record(const struct source_postgres *source,
                                         const struct table *table,
                                         const struct source_record *record, struct errmsg *msg);

#endif
