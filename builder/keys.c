#include "builder/keys.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "builder/kept_key.h"
#include "builder/query.h"
#include "builder/stream.h"

struct keys {
    const struct collection *collection;
    struct source_rows *rows; /* NULL: no more, or none at all */
    const struct value *row;
    struct kept_key current; /* the one given last */
};

int key_compare(const struct key *a, const struct key *b)
{
    return a->is_text ? slice_compare(a->text, b->text)
                      : (a->integer > b->integer) - (a->integer < b->integer);
}

enum err key_unsorted(const struct key *key, struct errmsg *msg)
{
    char text[KEY_TEXT_SIZE];

    return err_set(msg, ERR_INPUT,
                   "%s: the source does not sort keys as the definition's type does; is the "
                   "column of another type?",
                   key_text(text, key));
}

enum err key_missing(const struct collection *collection, uint64_t row_count, struct errmsg *msg)
{
    struct slice column = collection->key_column;

    return err_set(msg, ERR_REFUSED,
                   "key column %.*s: %" PRIu64 " row%s without a key; mend the source, or leave "
                   "such rows out with WHERE %.*s IS NOT NULL",
                   SLICE_ARG(column), row_count, row_count == 1 ? "" : "s", SLICE_ARG(column));
}

enum err key_repeated(const struct key *key, uint64_t row_count, struct errmsg *msg)
{
    char text[KEY_TEXT_SIZE];

    return err_set(msg, ERR_REFUSED,
                   "%s: %" PRIu64 " rows, but the collection has no orders, which means one row a "
                   "key; mend the source, group the rows, or declare orders",
                   key_text(text, key), row_count);
}

enum err key_read(const struct collection *collection, const struct value *value, struct key *out,
                  struct errmsg *msg)
{
    static const struct scalar integer = {.type = SCALAR_INTEGER};
    enum err rc = ERR_NONE;

    *out = (struct key){.is_text = collection->key_is_text};
    if (value->type == VALUE_NULL) {
        return key_missing(collection, 1, msg);
    } else if (!collection->key_is_text) {
        rc = scalar_from_value(&integer, value, &out->integer, msg);
    } else if (value->type != VALUE_TEXT) {
        rc = err_set(msg, ERR_INPUT, "a number where the key is text");
    } else if (!utf8_is_valid(value->text) ||
               memchr(value->text.ptr, '\0', value->text.len) != NULL) {
        rc = err_set(msg, ERR_INPUT, "a key that is not valid UTF-8 text");
    } else {
        out->text = value->text;
    }
    return rc == ERR_NONE ? rc
                          : err_wrap(msg, rc, "key column %.*s", SLICE_ARG(collection->key_column));
}

enum err keys_open(struct source *source, const struct collection *collection,
                   const struct key_range *range, struct keys **out, struct errmsg *msg)
{
    struct keys *keys = memory_calloc(1, sizeof *keys);
    struct buffer sql;
    enum err rc = ERR_NONE;

    keys->collection = collection;
    kept_key_init(&keys->current);
    if (collection->keys.len > 0) {
        buffer_init(&sql, QUERY_SIZE_MAX);
        query_keys(collection, range, source_dialect(source), &sql);
        rc = key_range_query(source, range, buffer_str(&sql), 1, &keys->rows, msg);
        buffer_free(&sql);
        if (rc == ERR_NONE) {
            rc = source_rows_next(keys->rows, &keys->row, msg);
        }
    }
    if (rc != ERR_NONE) {
        keys_close(keys);
        return err_wrap(msg, rc, "%.*s: keys", SLICE_ARG(collection->name));
    }
    *out = keys;
    return ERR_NONE;
}

void keys_close(struct keys *keys)
{
    if (keys != NULL) {
        source_rows_close(keys->rows);
        kept_key_free(&keys->current);
        free(keys);
    }
}

enum err keys_before(struct keys *keys, const struct key *limit, const struct key **key,
                     struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    *key = NULL;
    while (rc == ERR_NONE && *key == NULL && keys->row != NULL) {
        struct key next;
        int order;

        rc = key_read(keys->collection, &keys->row[0], &next, msg);
        if (rc != ERR_NONE) {
            break;
        }
        if (keys->current.is_set && key_compare(&keys->current.key, &next) > 0) {
            rc = key_unsorted(&next, msg);
            break;
        }
        order = limit == NULL ? -1 : key_compare(&next, limit);
        if (order > 0) {
            return ERR_NONE;
        }
        if (order < 0 && !(keys->current.is_set && key_compare(&next, &keys->current.key) == 0)) {
            *key = &keys->current.key;
        }
        kept_key_set(&keys->current, &next);
        rc = source_rows_next(keys->rows, &keys->row, msg);
    }
    return rc == ERR_NONE ? rc : err_wrap(msg, rc, "%.*s: keys", SLICE_ARG(keys->collection->name));
}
