/*
 * The SELECTs of a build. The definition's SQL is wrapped, never changed:
 *
 *   rows    SELECT p.key, p.columns FROM (rows) AS p ORDER BY p.key, p.order
 *   nested  SELECT p.key, p.order, n1.columns FROM (rows) AS p JOIN (nested) AS n1 ON ...
 *           ORDER BY p.key, p.order, n1.order
 *
 * so that nested rows arrive in the order of the rows that they belong to and both streams are
 * merged in one pass. Rows are told apart by key and order columns: orders are total. A range of keys
 * adds WHERE p.key >= ?1 AND p.key < ?2.
 */
#ifndef VITRINE_BUILDER_QUERY_H
#define VITRINE_BUILDER_QUERY_H

#include "base/buffer.h"
#include "builder/key_range.h"
#include "definition/definition.h"
#include "source/source.h"

enum { QUERY_SIZE_MAX = 8 << 20 };

/* Rows of a collection (depth 0) or nested rows within it (depth 1, 2): from the outside in. */
struct query_path {
    const struct collection *collection;
    const struct nested *nested[DEFINITION_NESTING_MAX];
    unsigned depth;
};

/* Columns that come before the fields of the innermost level: the key and the outer levels' orders. */
unsigned query_identity_count(const struct query_path *path);

/* Columns in all. */
unsigned query_column_count(const struct query_path *path);

/* Columns that a field takes: 0 for nested rows, 2 for a ratio, otherwise 1. */
unsigned query_field_columns(const struct field *field);

/* Appends the SELECT of PATH's innermost level, of the keys within RANGE. */
void query_rows(const struct query_path *path, const struct key_range *range,
                const struct source_dialect *dialect, struct buffer *out);

/* Appends the SELECT of every key within RANGE that the collection's `keys` yields. */
void query_keys(const struct collection *collection, const struct key_range *range,
                const struct source_dialect *dialect, struct buffer *out);

/* Appends the SELECT of every key that has rows, ascending, with their count. */
void query_counts(const struct collection *collection, const struct source_dialect *dialect,
                  struct buffer *out);

/* Appends the SELECT of the keys, each with the values it is ordered by, in the order of a listing. */
void query_listing(const struct collection *collection, const struct listing *listing,
                   const struct source_dialect *dialect, struct buffer *out);

#endif
