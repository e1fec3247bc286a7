#include "replica/reader_inside.h"
#include "replica/text_pack.h"

/*
 * A blob that fits its page is used where it lies. Of the others, one up to SMALL_BLOB is read whole,
 * in one step: it lies on two pages, and so does the text that is not asked for. Of a larger one the
 * narrow part is read, and text by the page asked for.
 */
enum { SMALL_BLOB = 4096 };

enum err stored_damaged(const struct partition *partition, enum partition_table table, int64_t id,
                        struct errmsg *msg)
{
    static const char *const names[TABLE_COUNT] = {"groups", "chunks", "blocks"};

    return err_set(msg, ERR_CORRUPT, "read %s: %s %lld is damaged", partition->path, names[table],
                   (long long)id);
}

/* Reads by way of SQLite: the row does not fit its page, or is not what it should be. */
static enum err read_copy(struct partition *partition, enum partition_table table, int64_t id,
                          struct arena *arena, struct stored_blob *out, bool *found,
                          struct errmsg *msg)
{
    sqlite3_blob *handle;
    size_t size;
    char *bytes;
    enum err rc = partition_seek(partition, table, id, &handle, msg);

    *found = handle != NULL;
    if (rc != ERR_NONE || !*found) {
        return rc;
    }
    out->size = (uint64_t)sqlite3_blob_bytes(handle);
    if (out->size < BLOB_HEADER_SIZE || out->size > BLOB_SIZE_MAX) {
        return stored_damaged(partition, table, id, msg);
    }
    size = out->size <= SMALL_BLOB ? out->size : (uint64_t)BLOB_HEADER_SIZE;
    bytes = arena_alloc(arena, size);
    rc = partition_read(partition, handle, bytes, 0, size, msg);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (!blob_read_header(bytes, out->size, &out->header)) {
        return stored_damaged(partition, table, id, msg);
    }
    if (size < out->header.narrow_size || (out->header.is_compressed && size < out->size)) {
        size = out->header.is_compressed ? out->size : out->header.narrow_size;
        bytes = arena_alloc(arena, size);
        rc = partition_read(partition, handle, bytes, 0, size, msg);
    }
    out->bytes = slice_of(bytes, size);
    return rc;
}

enum err stored_read(struct reader *reader, struct partition *partition, enum partition_table table,
                     int64_t id, struct arena *arena, struct stored_blob *out, bool *found,
                     struct errmsg *msg)
{
    enum tree_result result = partition_look(partition, table, id, &out->bytes);
    enum err rc = ERR_NONE;

    reader->counts.lookups++;
    *found = result == TREE_FOUND;
    if (result == TREE_ABSENT) {
        return ERR_NONE;
    }
    if (result == TREE_COLD) {
        reader->clock.met_cold = false;
        return err_set(msg, ERR_COLD, "read %s: not in memory", partition->path);
    }
    if (result == TREE_UNSURE) {
        rc = read_copy(partition, table, id, arena, out, found, msg);
        if (rc != ERR_NONE || !*found) {
            return rc;
        }
    } else {
        out->size = out->bytes.len;
        if (out->size < BLOB_HEADER_SIZE ||
            !blob_read_header(out->bytes.ptr, out->size, &out->header)) {
            return stored_damaged(partition, table, id, msg);
        }
    }
    reader->counts.narrow_bytes += out->header.narrow_size;
    reader->counts.text_bytes += out->bytes.len - out->header.narrow_size;
    return ERR_NONE;
}

bool stored_open_vectors(const struct stored_blob *blob, enum blob_kind kind, unsigned vector_count,
                         const bool *is_text, struct arena *arena, struct chunk *out)
{
    struct slice narrow = slice_of(blob->bytes.ptr, blob->header.narrow_size);

    if (blob->header.kind != kind || blob->header.vector_count != vector_count) {
        return false;
    }
    *out = (struct chunk){.row_count = blob->header.row_count,
                          .vector_count = vector_count,
                          .vectors = arena_alloc(arena, vector_count * sizeof *out->vectors),
                          .narrow_size = blob->header.narrow_size};
    if (!blob_open_vectors(&blob->header, narrow, blob->size - narrow.len, is_text, out->vectors,
                           &out->text_size)) {
        return false;
    }
    if (blob->header.is_compressed) {
        out->packed = slice_of(blob->bytes.ptr + narrow.len, blob->bytes.len - narrow.len);
    } else if (blob->bytes.len == blob->size) {
        out->is_whole = true;
        blob_attach_text(out->vectors, vector_count, blob->bytes.ptr + narrow.len);
    }
    return true;
}

enum err stored_open(struct reader *reader, struct partition *partition, enum partition_table table,
                     int64_t id, enum blob_kind kind, unsigned vector_count, const bool *is_text,
                     struct arena *arena, struct chunk *out, struct errmsg *msg)
{
    struct stored_blob blob;
    bool found;
    enum err rc = stored_read(reader, partition, table, id, arena, &blob, &found, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (!found || !stored_open_vectors(&blob, kind, vector_count, is_text, arena, out)) {
        return stored_damaged(partition, table, id, msg);
    }
    out->table = table;
    out->id = id;
    return ERR_NONE;
}

enum err stored_unpack_text(struct reader *reader, struct partition *partition, struct chunk *chunk,
                            struct arena *arena, struct errmsg *msg)
{
    const char *text = NULL;

    if (partition->unpacker != NULL) {
        text = text_unpack(partition->unpacker, chunk->packed, chunk->text_size);
    }
    if (text == NULL) {
        return stored_damaged(partition, chunk->table, chunk->id, msg);
    }
    if (chunk->table != TABLE_GROUPS) { /* one of several whose text is used at a time */
        text = arena_copy(arena, slice_of(text, chunk->text_size)).ptr;
    }
    blob_attach_text(chunk->vectors, chunk->vector_count, text);
    chunk->is_whole = true;
    reader->counts.unpacked_bytes += chunk->text_size;
    return ERR_NONE;
}

/* The text bytes that rows FIRST .. LAST need: all of a constant or a dictionary. */
static void text_span(const struct vector *vector, uint32_t first, uint32_t last, uint32_t *from,
                      uint32_t *to)
{
    uint32_t ignored;

    *from = 0;
    *to = vector->text_size;
    if (vector->encoding >= ENCODING_PLAIN_1 && vector->encoding <= ENCODING_PLAIN_4) {
        vector_text_range(vector, first, from, &ignored);
        vector_text_range(vector, last, &ignored, to);
    }
}

enum err stored_load_text(struct reader *reader, struct partition *partition,
                          const struct chunk *chunk, unsigned vector_index, uint32_t first,
                          uint32_t last, struct arena *arena, struct errmsg *msg)
{
    struct vector *vector = &chunk->vectors[vector_index];
    sqlite3_blob *handle;
    uint32_t from;
    uint32_t to;
    char *text;
    enum err rc;

    text_span(vector, first, last, &from, &to);
    if (from >= vector->loaded_from && to <= vector->loaded_to) {
        return ERR_NONE;
    }
    if (from > to || to > vector->text_size) {
        return stored_damaged(partition, chunk->table, chunk->id, msg);
    }
    rc = partition_seek(partition, chunk->table, chunk->id, &handle, msg);
    if (rc == ERR_NONE && handle == NULL) {
        rc = stored_damaged(partition, chunk->table, chunk->id, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    text = arena_alloc(arena, to - from);
    rc = partition_read(partition, handle, text,
                        (uint64_t)chunk->narrow_size + vector->text_offset + from, to - from, msg);
    if (rc == ERR_NONE) {
        vector->text = text;
        vector->loaded_from = from;
        vector->loaded_to = to;
        reader->counts.text_bytes += to - from;
    }
    return rc;
}
