/*
 * One source stream of a build: the rows of a collection, or the nested rows of one member of it.
 * The stream's own.
 */
#ifndef VITRINE_BUILDER_LEVEL_H
#define VITRINE_BUILDER_LEVEL_H

#include "base/arena.h"
#include "builder/query.h"
#include "builder/sorting.h"
#include "builder/stream.h"
#include "source/source.h"

/* What is the same for all levels of a stream. */
struct level_context {
    struct source *source;
    const struct key_range *range;
    struct arena arena; /* until the next row of the collection */
    struct key key;     /* of the current row, for messages */
    uint64_t bytes;
    uint64_t duplicate_names;
};

struct level {
    struct level_context *context;
    struct query_path path;
    const struct nested *nested; /* NULL: the rows of the collection */
    const struct field *fields;
    unsigned field_count;
    const struct order *order; /* NULL: a document collection */
    unsigned identity_count;   /* key and outer orders, before the fields */
    unsigned *field_columns;   /* where the columns of each field begin */
    unsigned name_column;      /* NESTED_MAP */
    struct source_rows *rows;
    const struct value *row; /* the next row that was not used yet; NULL at the end */
    struct order_check check;
    struct buffer json;          /* nested rows on their way */
    struct stream_field *values; /* of the current row, indexed by field */
    struct level **children;     /* indexed by field; NULL for scalars */
};

MUST_CHECK enum err level_open(struct level_context *context, const struct query_path *path,
                               struct level **out, struct errmsg *msg);
void level_close(struct level *level); /* accepts NULL */

/* Reads the next row into level->row. */
MUST_CHECK enum err level_advance(struct level *level, struct errmsg *msg);

/*
 * Takes level->row: converts its scalars into level->values, checks its order against the row before
 * unless check.has_previous was cleared, and gathers the nested rows of each nested field. IDENTITY
 * are the outer levels' identity values; the row's own are added for its children.
 */
MUST_CHECK enum err level_take(struct level *level, const struct value *const *identity,
                               struct errmsg *msg);

/* After the last row: ERR_INPUT when nested rows are left that met no row they belong to. */
MUST_CHECK enum err level_check_used(const struct level *level, struct errmsg *msg);

#endif
