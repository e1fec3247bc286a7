#include "builder/listing.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/number.h"
#include "base/progress.h"
#include "builder/delta.h"
#include "builder/keys.h"
#include "builder/query.h"
#include "builder/sorting.h"
#include "replica/blob.h"
#include "replica/logical.h"
#include "replica/store.h"

struct listing_state {
    const struct collection *collection;
    const struct listing *listing;
    const struct manifest_file *base; /* the previous file; NULL: it is built fresh */
    bool is_wasteful;                 /* base is no use after all */
    struct store *store;
    struct column *column; /* the block being filled */
    struct arena texts;    /* its keys */
    struct buffer blob;
    struct buffer wide;
    struct order_check check;
    struct progress progress;
    uint64_t key_count;
    uint64_t logical_hash;
};

/* A changed file of which little is left as it was is given up. */
static enum err check_waste(struct listing_state *state, struct errmsg *msg)
{
    if (state->base == NULL || !delta_is_wasteful(state->store, state->base)) {
        return ERR_NONE;
    }
    state->is_wasteful = true;
    return err_set(msg, ERR_LIMIT, "too much has changed");
}

static enum err write_block(struct listing_state *state, struct errmsg *msg)
{
    const struct column *column = state->column;
    uint64_t hash;
    uint64_t id;
    enum err rc;

    if (column->row_count == 0) {
        return ERR_NONE;
    }
    buffer_clear(&state->blob);
    hash = blob_pack(BLOB_LISTING, &column, 1, &state->wide, &state->blob);
    if (state->blob.overflowed) {
        return err_set(msg, ERR_LIMIT, "%d keys take more than %d bytes", LISTING_BLOCK,
                       BLOB_SIZE_MAX);
    }
    rc = store_chunk(state->store, buffer_slice(&state->blob), &id, msg);
    state->column->row_count = 0;
    arena_reset(&state->texts);
    if (rc != ERR_NONE) {
        return rc;
    }
    state->logical_hash += logical_block(state->listing->order.name, id, hash);
    return check_waste(state, msg);
}

static enum err take_key(struct listing_state *state, const struct value *value, struct errmsg *msg)
{
    struct column *column = state->column;
    struct key key;
    enum err rc = key_read(state->collection, value, &key, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    column->is_null[column->row_count] = false;
    if (key.is_text) {
        column->texts[column->row_count] = arena_copy(&state->texts, key.text);
    } else {
        column->integers[column->row_count] = key.integer;
    }
    state->key_count++;
    return ++column->row_count == LISTING_BLOCK ? write_block(state, msg) : ERR_NONE;
}

/* The value of one term of the order; NUMBER is where a number becomes text. */
static enum err read_term(const struct field *field, const struct value *value, char *number,
                          struct sort_value *out, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    *out = (struct sort_value){.is_null = value->type == VALUE_NULL};
    if (out->is_null) {
        return ERR_NONE;
    }
    if (!scalar_is_text(&field->scalar)) {
        rc = scalar_from_value(&field->scalar, value, &out->integer, msg);
    } else if (value->type == VALUE_INTEGER) {
        out->text = slice_of(number, write_integer(number, value->integer));
    } else if (value->type == VALUE_REAL) {
        out->text = slice_of(number, write_number(number, value->real));
    } else {
        out->text = value->text;
    }
    return rc == ERR_NONE ? rc : err_wrap(msg, rc, "column %.*s", SLICE_ARG(field->column));
}

/* Keys that are equal in the order are fine: they stand by key. */
static enum err check_order(struct listing_state *state, const struct order *order,
                            const struct value *values, struct errmsg *msg)
{
    char numbers[DEFINITION_TERMS_MAX][NUMBER_TEXT_MAX];
    struct sort_value sort_values[DEFINITION_TERMS_MAX];
    const struct field *fields = state->collection->fields;

    for (unsigned i = 0; i < order->term_count; i++) {
        enum err rc =
            read_term(&fields[order->terms[i].field], &values[i], numbers[i], &sort_values[i], msg);

        if (rc != ERR_NONE) {
            return rc;
        }
    }
    if (order_check_next(&state->check, order, fields, sort_values) > 0) {
        return err_set(msg, ERR_INPUT,
                       "the source sorts the keys in another way than the order; give its columns "
                       "one type in the source");
    }
    return ERR_NONE;
}

static enum err take_keys(struct listing_state *state, struct source *source, struct errmsg *msg)
{
    const struct listing *listing = state->listing;
    struct source_rows *rows = NULL;
    const struct value *row = NULL;
    struct buffer sql;
    enum err rc;

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_listing(state->collection, listing, source_dialect(source), &sql);
    rc = source_query(source, buffer_str(&sql), NULL, 0, 1 + listing->order.term_count, &rows, msg);
    buffer_free(&sql);
    while (rc == ERR_NONE) {
        rc = source_is_stopped(source) ? err_set(msg, ERR_INTERRUPTED, "interrupted")
                                       : source_rows_next(rows, &row, msg);
        if (rc != ERR_NONE || row == NULL) {
            break;
        }
        rc = check_order(state, &listing->order, &row[1], msg);
        if (rc == ERR_NONE) {
            rc = take_key(state, &row[0], msg);
        }
        progress_add(&state->progress, 1);
    }
    source_rows_close(rows);
    if (rc == ERR_NONE) {
        rc = write_block(state, msg);
    }
    if (rc == ERR_NONE) {
        rc = store_key(state->store, NULL, msg);
    }
    return rc == ERR_NONE ? check_waste(state, msg) : rc;
}

static enum err begin_file(struct listing_state *state, const struct release *base,
                           const char *path, struct errmsg *msg)
{
    if (state->base != NULL) {
        state->store = delta_begin(base, state->base, STORE_LISTING, path);
    }
    if (state->store != NULL) {
        return ERR_NONE;
    }
    state->base = NULL;
    return store_create(path, STORE_LISTING, &state->store, msg);
}

/* Writes the file at PATH. A base that is given up is NULL afterwards, and there is no file. */
static enum err write_file(struct listing_state *state, struct source *source,
                           const struct release *base, const char *path, struct errmsg *msg)
{
    struct store *store;
    enum err rc = begin_file(state, base, path, msg);

    if (rc == ERR_NONE) {
        rc = take_keys(state, source, msg);
    }
    store = state->store;
    state->store = NULL;
    if (rc == ERR_NONE) {
        return store_finish(store, msg);
    }
    store_abandon(store);
    return rc;
}

/* One attempt with BASE, or without. */
static enum err attempt(struct listing_state *state, struct source *source,
                        const struct release *base, const char *path, struct errmsg *msg)
{
    enum err rc;

    state->column = memory_calloc(1, sizeof *state->column);
    state->column->is_text = state->collection->key_is_text;
    arena_init(&state->texts, 1 << 16);
    order_check_init(&state->check);
    buffer_init(&state->blob, BLOB_SIZE_MAX);
    buffer_init(&state->wide, BLOB_SIZE_MAX);
    rc = write_file(state, source, base, path, msg);
    arena_free(&state->texts);
    order_check_free(&state->check);
    buffer_free(&state->blob);
    buffer_free(&state->wide);
    free(state->column);
    return rc;
}

enum err listing_build(struct source *source, const struct collection *collection, unsigned index,
                       const char *release_dir, const struct release *base, struct listed *out,
                       struct errmsg *msg)
{
    const struct listing *listing = &collection->listings[index];
    struct listing_state state = {.collection = collection,
                                  .listing = listing,
                                  .base = delta_listing(base, collection, listing)};
    const struct listing_state fresh = {.collection = collection, .listing = listing};
    char name[256]; /* a manifest takes paths of at most 255 bytes */
    char label[2 * DEFINITION_NAME_MAX + 2];
    char *path;
    enum err rc;

    *out = (struct listed){.logical_hash = 0};
    arena_init(&out->arena, 1024);
    snprintf(label, sizeof label, "%.*s/%.*s", SLICE_ARG(collection->name),
             SLICE_ARG(listing->order.name));
    snprintf(name, sizeof name, "%s.listing.db", label);
    path = path_join(release_dir, "%s", name);
    progress_begin(&state.progress, label, "keys", 0);
    rc = attempt(&state, source, base, path, msg);
    progress_end(&state.progress);
    if (delta_is_given_up(state.base, state.is_wasteful, rc, msg)) {
        state = fresh;
        progress_begin(&state.progress, label, "keys", 0);
        rc = attempt(&state, source, NULL, path, msg);
        progress_end(&state.progress);
    }
    out->logical_hash = state.logical_hash;
    out->entry = (struct manifest_file){.kind = FILE_LISTING,
                                        .path = arena_copy(&out->arena, slice_str(name)),
                                        .collection = collection->name,
                                        .listing = listing->order.name,
                                        .row_count = state.key_count};
    free(path);
    return rc == ERR_NONE ? rc
                          : err_wrap(msg, rc, "listing %.*s of %.*s",
                                     SLICE_ARG(listing->order.name), SLICE_ARG(collection->name));
}

void listed_free(struct listed *listed)
{
    arena_free(&listed->arena);
    *listed = (struct listed){.logical_hash = 0};
}
