/*
 * Records as rows of COPY ... FROM STDIN (FORMAT binary), by the type of their column in the
 * definition:
 *
 *   integer              bigint            boolean    boolean
 *   text url             text              timestamp  timestamptz
 *   decimal, scale S     numeric(38,S)     number     double precision
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SOURCE_SOURCE_POSTGRES_ENCODE_H
#define VITRINE_SOURCE_SOURCE_POSTGRES_ENCODE_H

#include "base/buffer.h"
#include "definition/definition.h"

/* What stands before the first row and behind the last. */
void postgres_encode_header(struct buffer *out);
void postgres_encode_trailer(struct buffer *out);

/*
 * Appends one row. ERR_INPUT, with OUT as it was, when a column cannot hold its value:
 * `book: PostgreSQL takes no text with a NUL byte`.
 */
MUST_CHECK enum err postgres_encode_row(const struct table *table, const struct value *values,
                                        struct buffer *out, struct errmsg *msg);

#endif
