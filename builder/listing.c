#include "builder/listing.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "builder/keys.h"
#include "builder/query.h"
#include "replica/blob.h"
#include "replica/store.h"

struct listing_state {
    const struct collection *collection;
    struct store *store;
    struct column *column; /* the block being filled */
    struct arena texts;    /* its keys */
    struct buffer blob;
    struct buffer wide;
    uint64_t key_count;
};

static enum err write_block(struct listing_state *state, struct errmsg *msg)
{
    const struct column *column = state->column;
    uint64_t id;
    enum err rc;

    if (column->row_count == 0) {
        return ERR_NONE;
    }
    buffer_clear(&state->blob);
    blob_pack(BLOB_LISTING, &column, 1, &state->wide, &state->blob);
    if (state->blob.overflowed) {
        return err_set(msg, ERR_LIMIT, "%d keys take more than %d bytes", LISTING_BLOCK,
                       BLOB_SIZE_MAX);
    }
    rc = store_chunk(state->store, buffer_slice(&state->blob), &id, msg);
    state->column->row_count = 0;
    arena_reset(&state->texts);
    return rc;
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

static enum err take_keys(struct listing_state *state, struct source *source,
                          const struct listing *listing, struct errmsg *msg)
{
    struct source_rows *rows = NULL;
    const struct value *row = NULL;
    struct buffer sql;
    enum err rc;

    buffer_init(&sql, QUERY_SIZE_MAX);
    query_listing(state->collection, listing, source_dialect(source), &sql);
    rc = source_query(source, buffer_str(&sql), NULL, 0, 1, &rows, msg);
    buffer_free(&sql);
    while (rc == ERR_NONE) {
        rc = interrupt_requested() ? err_set(msg, ERR_INTERRUPTED, "interrupted")
                                   : source_rows_next(rows, &row, msg);
        if (rc != ERR_NONE || row == NULL) {
            break;
        }
        rc = take_key(state, &row[0], msg);
    }
    source_rows_close(rows);
    return rc == ERR_NONE ? write_block(state, msg) : rc;
}

enum err listing_build(struct source *source, const struct collection *collection, unsigned index,
                       const char *release_dir, struct file_list *files, struct errmsg *msg)
{
    const struct listing *listing = &collection->listings[index];
    struct listing_state state = {.collection = collection,
                                  .column = memory_calloc(1, sizeof *state.column)};
    struct manifest_file entry = {
        .kind = FILE_LISTING, .collection = collection->name, .listing = listing->order.name};
    char name[512];
    char *path;
    enum err rc;

    snprintf(name, sizeof name, "%.*s/%.*s.listing.db", SLICE_ARG(collection->name),
             SLICE_ARG(listing->order.name));
    path = path_join(release_dir, "%s", name);
    state.column->is_text = collection->key_is_text;
    arena_init(&state.texts, 1 << 16);
    buffer_init(&state.blob, BLOB_SIZE_MAX);
    buffer_init(&state.wide, BLOB_SIZE_MAX);
    rc = store_create(path, STORE_LISTING, &state.store, msg);
    if (rc == ERR_NONE) {
        rc = take_keys(&state, source, listing, msg);
    }
    if (rc == ERR_NONE) {
        struct store *store = state.store;

        state.store = NULL;
        rc = store_finish(store, msg);
    }
    if (rc == ERR_NONE) {
        entry.path = arena_copy(files->arena, slice_str(name));
        entry.row_count = state.key_count;
        rc = file_list_add(files, release_dir, entry, msg);
    }
    store_abandon(state.store);
    arena_free(&state.texts);
    buffer_free(&state.blob);
    buffer_free(&state.wide);
    free(state.column);
    free(path);
    return rc == ERR_NONE ? rc
                          : err_wrap(msg, rc, "listing %.*s of %.*s",
                                     SLICE_ARG(listing->order.name), SLICE_ARG(collection->name));
}
