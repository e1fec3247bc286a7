#include "builder/pack.h"

#include <stdlib.h>
#include <xxhash.h>

#include "replica/blob.h"

struct pack {
    const struct collection *collection;
    struct column *columns;           /* a chunk: stored fields */
    struct column *permutations;      /* of a small group: orders 1 .. */
    struct arena texts;               /* of the chunk */
    struct sort_column *sort_columns; /* indexed by field; filled where needed */
    bool *is_sorted_by;               /* field takes part in an order but the first */
    struct arena sort_texts;          /* of the key */
    uint64_t row_count;               /* of the key */
    uint32_t chunk_rows;              /* in columns */
    XXH3_state_t *content;            /* hashes of the chunks and permutation blocks written */
    struct buffer blob;
    struct buffer wide;
};

struct pack *pack_new(const struct collection *collection)
{
    struct pack *pack = memory_calloc(1, sizeof *pack);

    pack->collection = collection;
    pack->columns = memory_calloc(collection->vector_count, sizeof *pack->columns);
    pack->permutations = memory_calloc(collection->order_count, sizeof *pack->permutations);
    pack->sort_columns = memory_calloc(collection->field_count, sizeof *pack->sort_columns);
    pack->is_sorted_by = memory_calloc(collection->field_count, sizeof *pack->is_sorted_by);
    for (unsigned i = 1; i < collection->order_count; i++) {
        for (unsigned k = 0; k < collection->orders[i].term_count; k++) {
            pack->is_sorted_by[collection->orders[i].terms[k].field] = true;
        }
    }
    for (unsigned i = 0; i < collection->field_count; i++) {
        const struct field *field = &collection->fields[i];

        if (!field->is_hidden) {
            pack->columns[field->vector].is_text = scalar_is_text(&field->scalar);
        }
    }
    arena_init(&pack->texts, 1 << 18);
    arena_init(&pack->sort_texts, 1 << 16);
    buffer_init(&pack->blob, BLOB_SIZE_MAX);
    buffer_init(&pack->wide, BLOB_SIZE_MAX);
    pack->content = XXH3_createState();
    XXH3_64bits_reset(pack->content);
    return pack;
}

void pack_free(struct pack *pack)
{
    if (pack == NULL) {
        return;
    }
    for (unsigned i = 0; i < pack->collection->field_count; i++) {
        sort_column_free(&pack->sort_columns[i]);
    }
    free(pack->columns);
    free(pack->permutations);
    free(pack->sort_columns);
    free(pack->is_sorted_by);
    arena_free(&pack->texts);
    arena_free(&pack->sort_texts);
    buffer_free(&pack->blob);
    buffer_free(&pack->wide);
    XXH3_freeState(pack->content);
    free(pack);
}

uint64_t pack_row_count(const struct pack *pack)
{
    return pack->row_count;
}

static void add_to_column(struct pack *pack, struct column *column,
                          const struct stream_field *value)
{
    uint32_t row = pack->chunk_rows;

    if (row == 0) {
        column->null_count = 0;
    }
    column->row_count = row + 1;
    column->is_null[row] = value->is_null;
    column->null_count += value->is_null;
    if (column->is_text) {
        column->texts[row] =
            value->is_null ? (struct slice){"", 0} : arena_copy(&pack->texts, value->text);
    } else {
        column->integers[row] = value->is_null ? 0 : value->integer;
    }
}

static enum err too_large(struct errmsg *msg)
{
    return err_set(msg, ERR_LIMIT, "%d rows take more than %d bytes; leave out or shorten fields",
                   CHUNK_ROWS, BLOB_SIZE_MAX);
}

/* Packs the chunk into pack->blob, with EXTRA permutation columns. */
static enum err pack_columns(struct pack *pack, unsigned extra, uint64_t *hash, struct errmsg *msg)
{
    const struct column *columns[BLOB_VECTORS_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < pack->collection->vector_count; i++) {
        pack->columns[i].row_count = pack->chunk_rows;
        pack->columns[i].null_count = pack->chunk_rows == 0 ? 0 : pack->columns[i].null_count;
        columns[count++] = &pack->columns[i];
    }
    for (unsigned i = 0; i < extra; i++) {
        columns[count++] = &pack->permutations[i];
    }
    buffer_clear(&pack->blob);
    *hash = blob_pack(BLOB_ROWS, columns, count, &pack->wide, &pack->blob);
    pack->chunk_rows = 0;
    return pack->blob.overflowed ? too_large(msg) : ERR_NONE;
}

static void add_to_content(struct pack *pack, uint64_t hash)
{
    uint8_t bytes[8];

    store_u64le(bytes, hash);
    XXH3_64bits_update(pack->content, bytes, sizeof bytes);
}

static enum err write_chunk(struct pack *pack, struct store *store, struct errmsg *msg)
{
    uint64_t hash;
    uint64_t id;
    enum err rc = pack_columns(pack, 0, &hash, msg);

    if (rc == ERR_NONE && pack->row_count <= CHUNK_ROWS) {
        rc = store_run(store, 0, msg);
    }
    if (rc == ERR_NONE) {
        rc = store_chunk(store, buffer_slice(&pack->blob), &id, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    add_to_content(pack, hash);
    arena_reset(&pack->texts);
    return rc;
}

static void keep_sort_value(struct pack *pack, unsigned field, const struct stream_field *value)
{
    struct sort_value kept = {.is_null = value->is_null, .integer = value->integer};

    if (scalar_is_text(&pack->collection->fields[field].scalar) && !value->is_null) {
        kept.text = arena_copy(&pack->sort_texts, value->raw);
    }
    sort_column_add(&pack->sort_columns[field], &kept);
}

enum err pack_row(struct pack *pack, const struct stream_field *fields, struct store *store,
                  struct errmsg *msg)
{
    const struct collection *collection = pack->collection;

    if (pack->row_count == PACK_ROWS_MAX) {
        return err_set(msg, ERR_LIMIT, "more than %d rows in one key; choose a finer key",
                       PACK_ROWS_MAX);
    }
    if (pack->chunk_rows == CHUNK_ROWS) {
        enum err rc = write_chunk(pack, store, msg);

        if (rc != ERR_NONE) {
            return rc;
        }
    }
    for (unsigned i = 0; i < collection->field_count; i++) {
        const struct stream_field *value = &fields[i];

        if (!collection->fields[i].is_hidden) {
            add_to_column(pack, &pack->columns[collection->fields[i].vector], value);
        }
        if (pack->is_sorted_by[i]) {
            keep_sort_value(pack, i, value);
        }
    }
    pack->chunk_rows++;
    pack->row_count++;
    return ERR_NONE;
}

static void fill_permutation(struct column *column, const uint32_t *rows, uint32_t count)
{
    column->is_text = false;
    column->row_count = count;
    column->null_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        column->is_null[i] = false;
        column->integers[i] = rows[i];
    }
}

static enum err finish_small(struct pack *pack, const struct key *key, struct store *store,
                             uint64_t *hash, struct errmsg *msg)
{
    const struct collection *collection = pack->collection;
    uint32_t rows[CHUNK_ROWS];
    unsigned extra = collection->order_count > 0 ? collection->order_count - 1 : 0;
    enum err rc;

    for (unsigned i = 0; i < extra; i++) {
        sort_rows(&collection->orders[i + 1], collection->fields, pack->sort_columns,
                  (uint32_t)pack->row_count, rows);
        fill_permutation(&pack->permutations[i], rows, (uint32_t)pack->row_count);
    }
    rc = pack_columns(pack, extra, hash, msg);
    return rc == ERR_NONE ? store_group(store, key, buffer_slice(&pack->blob), msg) : rc;
}

/* Writes the permutation of one order of a large group, block by block. */
static enum err write_permutation(struct pack *pack, unsigned order, uint32_t *rows,
                                  struct store *store, uint64_t *first, struct errmsg *msg)
{
    const struct collection *collection = pack->collection;
    const struct column *column = &pack->permutations[0];
    uint32_t count = (uint32_t)pack->row_count;
    enum err rc = store_run(store, order, msg);

    sort_rows(&collection->orders[order], collection->fields, pack->sort_columns, count, rows);
    for (uint32_t at = 0; rc == ERR_NONE && at < count; at += PERMUTATION_ROWS) {
        uint32_t some = count - at < PERMUTATION_ROWS ? count - at : PERMUTATION_ROWS;
        uint64_t id;

        fill_permutation(&pack->permutations[0], rows + at, some);
        buffer_clear(&pack->blob);
        add_to_content(pack, blob_pack(BLOB_PERMUTATION, &column, 1, &pack->wide, &pack->blob));
        rc = store_chunk(store, buffer_slice(&pack->blob), &id, msg);
    }
    *first = store_run_first(store);
    return rc;
}

static enum err finish_large(struct pack *pack, const struct key *key, struct store *store,
                             uint64_t *hash, struct errmsg *msg)
{
    struct blob_large large = {.row_count = pack->row_count,
                               .permutation_count = pack->collection->order_count - 1};
    uint32_t *rows = NULL;
    enum err rc;

    rc = write_chunk(pack, store, msg);
    large.first_chunk = store_run_first(store);
    rows = memory_alloc(pack->row_count * sizeof *rows);
    for (unsigned i = 0; rc == ERR_NONE && i < large.permutation_count; i++) {
        rc = write_permutation(pack, i + 1, rows, store, &large.first_permutations[i], msg);
    }
    free(rows);
    if (rc != ERR_NONE) {
        return rc;
    }
    large.content_hash = XXH3_64bits_digest(pack->content);
    *hash = large.content_hash;
    buffer_clear(&pack->blob);
    blob_pack_large(&large, &pack->blob);
    return store_group(store, key, buffer_slice(&pack->blob), msg);
}

enum err pack_finish(struct pack *pack, const struct key *key, struct store *store, uint64_t *hash,
                     struct errmsg *msg)
{
    enum err rc = pack->row_count > CHUNK_ROWS ? finish_large(pack, key, store, hash, msg)
                                               : finish_small(pack, key, store, hash, msg);

    for (unsigned i = 0; i < pack->collection->field_count; i++) {
        pack->sort_columns[i].row_count = 0;
    }
    arena_reset(&pack->texts);
    arena_reset(&pack->sort_texts);
    XXH3_64bits_reset(pack->content);
    pack->row_count = 0;
    pack->chunk_rows = 0;
    return rc;
}
