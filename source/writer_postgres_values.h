/*
 * Values of a job on PostgreSQL's wire: parameters by their scalar, and the columns that come back as the
 * definition declares them.
 *
 *   scalar      sent as        may come back from
 *   integer     int8           integers, numeric, boolean; what no int64 holds comes as text of digits
 *   number      float8         integers, reals, numeric
 *   boolean     bool           boolean, integers
 *   text        text           texts, uuid, integers, reals, numeric
 *   timestamp   timestamptz    timestamptz, timestamp, date; integers in ms
 *   decimal     numeric        numeric, integers, reals
 *
 * Whether a column fits is known before a statement is run (writer_column_fits); then every value of it
 * can be read, so that nothing can go wrong between a commit and its answer. What JSON cannot say (NaN,
 * infinity, a year beyond 9999) comes back as null.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SOURCE_WRITER_POSTGRES_VALUES_H
#define VITRINE_SOURCE_WRITER_POSTGRES_VALUES_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "definition/action.h"

/* The parameters of one statement, as libpq takes them. Texts are not copied. */
struct call {
    unsigned count;
    Oid types[ACTION_BINDINGS_MAX];
    const char *values[ACTION_BINDINGS_MAX];
    int lengths[ACTION_BINDINGS_MAX];
    int formats[ACTION_BINDINGS_MAX];
    char bytes[ACTION_BINDINGS_MAX][8]; /* of numbers */
};

void call_add(struct call *call, const struct scalar *scalar, const struct value *value);
void call_add_integer(struct call *call, int64_t integer);
void call_add_text(struct call *call, struct slice text);

/* Whether a column of type OID can be read as SCALAR. */
bool writer_column_fits(const struct scalar *scalar, Oid oid);

/* Whether a value of a column that fits may be one that no answer can say: a numeric with a fraction. */
bool writer_column_may_fail(const struct scalar *scalar, Oid oid);

/* BYTES, in the binary format of a type that fits, as a value of SCALAR; texts are copied to ARENA. */
struct value writer_column_value(const struct scalar *scalar, Oid oid, struct slice bytes,
                                 struct arena *arena);

#endif
