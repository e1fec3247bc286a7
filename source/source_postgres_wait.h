/*
 * Waiting for PostgreSQL without being deaf to signals: statements that may last, and the sending
 * of rows.
 *
 * Thread-safety: as the connection's.
 * Errors: ERR_SOURCE or ERR_LOST with the text of the server; ERR_SYSTEM; ERR_INTERRUPTED when a
 * signal arrived, the statement is then cancelled.
 */
#ifndef VITRINE_SOURCE_SOURCE_POSTGRES_WAIT_H
#define VITRINE_SOURCE_SOURCE_POSTGRES_WAIT_H

#include "source/source_postgres.h"
#include "source/source_step.h"

/* Asks the server to give up what CONN is doing; it then says so there. */
void postgres_cancel(PGconn *conn);

/* Runs statements that return nothing of interest. */
MUST_CHECK enum err postgres_run_step(const struct source_postgres *source, PGconn *conn,
                                      const char *sql, struct source_step *step,
                                      struct errmsg *msg);

/* Reads the results of what was sent; the first error is the one to tell. */
MUST_CHECK enum err postgres_wait_results(const struct source_postgres *source, PGconn *conn,
                                          const char *sql, struct source_step *step,
                                          struct errmsg *msg);

/* Whether an error message has arrived while rows are sent. */
bool postgres_complains(PGconn *conn);

/* Waits until what libpq holds is sent; CONN does not block (PQsetnonblocking). */
MUST_CHECK enum err postgres_flush(const struct source_postgres *source, PGconn *conn,
                                   const char *sql, struct source_step *step, struct errmsg *msg);

#endif
