#include "builder/query.h"

unsigned query_field_columns(const struct field *field)
{
    if (field->nested != NULL) {
        return 0;
    }
    return field->scalar.type == SCALAR_RATIO ? 2 : 1;
}

/* What one level of a path is: its SQL, its fields and the order that its rows are told apart by. */
struct level_view {
    struct slice rows;
    const struct field *fields;
    unsigned field_count;
    const struct order *order; /* NULL: a document, one row a key */
};

static struct level_view view(const struct query_path *path, unsigned level)
{
    const struct collection *collection = path->collection;
    const struct nested *nested;

    if (level == 0) {
        return (struct level_view){collection->rows, collection->fields, collection->field_count,
                                   collection->order_count > 0 ? &collection->orders[0] : NULL};
    }
    nested = path->nested[level - 1];
    return (struct level_view){nested->rows, nested->fields, nested->field_count, &nested->order};
}

unsigned query_identity_count(const struct query_path *path)
{
    unsigned count = 1;

    for (unsigned level = 0; level < path->depth; level++) {
        const struct order *order = view(path, level).order;

        count += order == NULL ? 0 : order->term_count;
    }
    return count;
}

unsigned query_column_count(const struct query_path *path)
{
    struct level_view inner = view(path, path->depth);
    unsigned count = query_identity_count(path);

    for (unsigned i = 0; i < inner.field_count; i++) {
        count += query_field_columns(&inner.fields[i]);
    }
    if (path->depth > 0 && path->nested[path->depth - 1]->shape == NESTED_MAP) {
        count++;
    }
    return count;
}

/* p for the collection's rows, n1 and n2 for nested ones. */
static const char *const aliases[] = {"p", "n1", "n2"};

_Static_assert(sizeof aliases / sizeof aliases[0] == (size_t)DEFINITION_NESTING_MAX + 1,
               "every level has an alias");

/* Always qualified: a lone "name" that is no column would be taken for a text by SQLite. */
static void append_column(struct buffer *out, unsigned level, struct slice column)
{
    buffer_printf(out, "%s.\"%.*s\"", aliases[level], SLICE_ARG(column));
}

static void append_fields(struct buffer *out, const struct query_path *path, unsigned level)
{
    struct level_view inner = view(path, level);

    for (unsigned i = 0; i < inner.field_count; i++) {
        unsigned columns = query_field_columns(&inner.fields[i]);

        if (columns > 0) {
            buffer_append_str(out, ", ");
            append_column(out, level, inner.fields[i].column);
        }
        if (columns > 1) {
            buffer_append_str(out, ", ");
            append_column(out, level, inner.fields[i].divisor);
        }
    }
    if (level > 0 && path->nested[level - 1]->shape == NESTED_MAP) {
        buffer_append_str(out, ", ");
        append_column(out, level, path->nested[level - 1]->name.column);
    }
}

/* A decimal may be text in the source ("99.50"), which must not sort before "100.00" for that. */
static void append_term(struct buffer *out, unsigned level, const struct field *field,
                        bool descending, const struct source_dialect *dialect)
{
    bool is_decimal = field->scalar.type == SCALAR_DECIMAL;

    buffer_append_str(out, is_decimal ? "CAST(" : "");
    append_column(out, level, field->column);
    buffer_append_str(out, is_decimal ? " AS NUMERIC)" : "");
    buffer_append_str(out, scalar_is_text(&field->scalar) ? dialect->text_order : "");
    buffer_append_str(out, descending ? " DESC" : "");
    buffer_append_str(out, descending ? dialect->nulls_descending : dialect->nulls_ascending);
}

/* The columns that order one level, each after a comma; with DIALECT as terms of ORDER BY. */
static void append_order(struct buffer *out, const struct query_path *path, unsigned level,
                         const struct source_dialect *dialect)
{
    struct level_view inner = view(path, level);

    for (unsigned i = 0; inner.order != NULL && i < inner.order->term_count; i++) {
        const struct sort_term *term = &inner.order->terms[i];
        const struct field *field = &inner.fields[term->field];

        buffer_append_str(out, ", ");
        if (dialect == NULL) {
            append_column(out, level, field->column);
        } else {
            append_term(out, level, field, term->descending, dialect);
        }
    }
}

static void append_from(struct buffer *out, const struct query_path *path)
{
    buffer_printf(out, " FROM (%.*s\n) AS p", SLICE_ARG(path->collection->rows));
    for (unsigned level = 1; level <= path->depth; level++) {
        const struct nested *nested = path->nested[level - 1];

        buffer_printf(out, " JOIN (%.*s\n) AS %s ON ", SLICE_ARG(nested->rows), aliases[level]);
        for (unsigned i = 0; i < nested->on_count; i++) {
            buffer_append_str(out, i > 0 ? " AND " : "");
            append_column(out, level, nested->on[i].child_column);
            buffer_append_str(out, " = ");
            append_column(out, level - 1, nested->on[i].parent_column);
        }
    }
}

/*
 * LEVEL.COLUMN within RANGE, whose limits are the parameters ?1 and ?2. What has no key is met in the
 * first range, to be refused there.
 */
static void append_within(struct buffer *out, unsigned level, struct slice column,
                          const struct query_path *path, const struct key_range *range,
                          const struct source_dialect *dialect)
{
    const char *collation = path->collection->key_is_text ? dialect->text_order : "";

    buffer_append_str(out, range->has_low ? "" : "(");
    if (range->has_low) {
        append_column(out, level, column);
        buffer_printf(out, "%s >= ?1", collation);
    }
    buffer_append_str(out, range->has_low && range->has_high ? " AND " : "");
    if (range->has_high) {
        append_column(out, level, column);
        buffer_printf(out, "%s < ?2", collation);
    }
    if (!range->has_low) {
        buffer_append_str(out, " OR ");
        append_column(out, level, column);
        buffer_append_str(out, " IS NULL)");
    }
}

/*
 * Nested rows that are joined by the key itself are limited as well where the database does not see
 * what follows from two equal columns and a limit on one of them: PostgreSQL would group and sort the
 * whole table for every range. Texts may be equal to a join without being the same bytes, and to
 * SQLite a number is equal to a text that it compares otherwise, so not these.
 */
static void append_range(struct buffer *out, const struct query_path *path,
                         const struct key_range *range, const struct source_dialect *dialect)
{
    const struct nested *nested = path->depth > 0 ? path->nested[0] : NULL;
    struct slice key = path->collection->key_column;

    if (!range->has_low && !range->has_high) {
        return;
    }
    buffer_append_str(out, " WHERE ");
    append_within(out, 0, key, path, range, dialect);
    for (unsigned i = 0; dialect->limits_joined && nested != NULL && i < nested->on_count; i++) {
        if (!path->collection->key_is_text && slice_equal(nested->on[i].parent_column, key)) {
            buffer_append_str(out, " AND ");
            append_within(out, 1, nested->on[i].child_column, path, range, dialect);
        }
    }
}

static void append_key_order(struct buffer *out, const struct collection *collection,
                             const struct source_dialect *dialect)
{
    append_column(out, 0, collection->key_column);
    if (collection->key_is_text) {
        buffer_append_str(out, dialect->text_order);
    }
    buffer_append_str(out, dialect->nulls_ascending); /* so that a null key is met at once */
}

void query_rows(const struct query_path *path, const struct key_range *range,
                const struct source_dialect *dialect, struct buffer *out)
{
    buffer_append_str(out, "SELECT ");
    append_column(out, 0, path->collection->key_column);
    for (unsigned level = 0; level < path->depth; level++) {
        append_order(out, path, level, NULL);
    }
    append_fields(out, path, path->depth);
    append_from(out, path);
    append_range(out, path, range, dialect);
    buffer_append_str(out, " ORDER BY ");
    append_key_order(out, path->collection, dialect);
    for (unsigned level = 0; level <= path->depth; level++) {
        append_order(out, path, level, dialect);
    }
}

void query_keys(const struct collection *collection, const struct key_range *range,
                const struct source_dialect *dialect, struct buffer *out)
{
    struct query_path path = {.collection = collection};

    buffer_append_str(out, "SELECT ");
    append_column(out, 0, collection->key_column);
    buffer_printf(out, " FROM (%.*s\n) AS p", SLICE_ARG(collection->keys));
    append_range(out, &path, range, dialect);
    buffer_append_str(out, " ORDER BY ");
    append_key_order(out, collection, dialect);
}

void query_counts(const struct collection *collection, const struct source_dialect *dialect,
                  struct buffer *out)
{
    const char *collation = collection->key_is_text ? dialect->text_order : "";
    struct query_path path = {.collection = collection};

    buffer_append_str(out, "SELECT ");
    append_column(out, 0, collection->key_column);
    buffer_printf(out, "%s, count(*)", collation);
    append_from(out, &path);
    buffer_append_str(out, " GROUP BY ");
    append_column(out, 0, collection->key_column);
    buffer_printf(out, "%s ORDER BY ", collation);
    append_key_order(out, collection, dialect);
}

void query_listing(const struct collection *collection, const struct listing *listing,
                   const struct source_dialect *dialect, struct buffer *out)
{
    struct query_path path = {.collection = collection};

    buffer_append_str(out, "SELECT ");
    append_column(out, 0, collection->key_column);
    for (unsigned i = 0; i < listing->order.term_count; i++) {
        buffer_append_str(out, ", ");
        append_column(out, 0, collection->fields[listing->order.terms[i].field].column);
    }
    append_from(out, &path);
    buffer_append_str(out, " ORDER BY ");
    for (unsigned i = 0; i < listing->order.term_count; i++) {
        const struct sort_term *term = &listing->order.terms[i];

        append_term(out, 0, &collection->fields[term->field], term->descending, dialect);
        buffer_append_str(out, ", ");
    }
    append_key_order(out, collection, dialect);
}
