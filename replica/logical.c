#include "replica/logical.h"

#include <inttypes.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "replica/reader_inside.h"
#include "replica/walk.h"

uint64_t logical_key(const struct key *key, uint64_t content_hash)
{
    uint8_t bytes[8];

    if (key->is_text) {
        return XXH3_64bits_withSeed(key->text.ptr, key->text.len, content_hash);
    }
    store_u64le(bytes, (uint64_t)key->integer);
    return XXH3_64bits_withSeed(bytes, sizeof bytes, content_hash);
}

uint64_t logical_block(struct slice listing, uint64_t id, uint64_t content_hash)
{
    const struct key position = {.integer = (int64_t)id};

    return XXH3_64bits_withSeed(listing.ptr, listing.len, logical_key(&position, content_hash));
}

/* A collection that is being read. */
struct recount {
    struct reader *reader;
    const struct collection *collection;
    struct collection_files *files;
    struct partition *partition;
    struct arena arena; /* of one blob */
    uint64_t row_count; /* of groups */
    uint64_t key_count;
    uint64_t logical_hash;
};

/* A row of TABLE, and all its bytes. */
static enum err read_whole(struct recount *recount, enum partition_table table, int64_t id,
                           struct stored_blob *blob, struct errmsg *msg)
{
    struct partition *partition = recount->partition;
    sqlite3_blob *handle = NULL;
    bool found = false;
    char *bytes;
    enum err rc =
        stored_read(recount->reader, partition, table, id, &recount->arena, blob, &found, msg);

    if (rc != ERR_NONE || (found && blob->bytes.len == blob->size)) {
        return rc;
    }
    rc = found ? partition_seek(partition, table, id, &handle, msg) : ERR_NONE;
    if (rc != ERR_NONE || handle == NULL) {
        return rc == ERR_NONE ? stored_damaged(partition, table, id, msg) : rc;
    }
    bytes = arena_alloc(&recount->arena, blob->size);
    blob->bytes = slice_of(bytes, blob->size);
    return partition_read(partition, handle, bytes, 0, blob->size, msg);
}

/* Whether the blob has the content hash that its header says; it has COUNT vectors and is of KIND. */
static bool is_honest(struct recount *recount, struct stored_blob *blob, enum blob_kind kind,
                      unsigned count, const bool *is_text)
{
    struct slice narrow = slice_of(blob->bytes.ptr, blob->header.narrow_size);
    struct slice wide = slice_of(narrow.ptr + narrow.len, blob->bytes.len - narrow.len);
    struct chunk chunk;

    if (!stored_open_vectors(blob, kind, count, is_text, &recount->arena, &chunk)) {
        return false;
    }
    if (blob->header.is_compressed) {
        const char *text = recount->partition->unpacker == NULL
                               ? NULL
                               : text_unpack(recount->partition->unpacker, wide, chunk.text_size);

        if (text == NULL) {
            return false;
        }
        wide = slice_of(text, chunk.text_size);
    }
    return blob_hash(&blob->header, narrow, wide) == blob->header.content_hash;
}

static enum err check_blob(struct recount *recount, enum partition_table table, int64_t id,
                           enum blob_kind kind, unsigned count, const bool *is_text,
                           struct blob_header *out, struct errmsg *msg)
{
    struct stored_blob blob;
    enum err rc = read_whole(recount, table, id, &blob, msg);

    if (rc == ERR_NONE && !is_honest(recount, &blob, kind, count, is_text)) {
        rc = stored_damaged(recount->partition, table, id, msg);
    }
    if (rc == ERR_NONE) {
        *out = blob.header;
    }
    arena_reset(&recount->arena);
    return rc;
}

/* COUNT chunks from FIRST on, which hold ROWS rows; their hashes go to CONTENT. */
static enum err check_run(struct recount *recount, uint64_t first, uint64_t rows,
                          uint64_t chunk_rows, enum blob_kind kind, XXH3_state_t *content,
                          struct errmsg *msg)
{
    static const bool no_text[1] = {false};
    bool is_rows = kind == BLOB_ROWS;
    enum err rc = ERR_NONE;

    for (uint64_t at = 0; rc == ERR_NONE && at < rows; at += chunk_rows, first++) {
        struct blob_header header;
        uint8_t bytes[8];

        rc = check_blob(recount, TABLE_CHUNKS, (int64_t)first, kind,
                        is_rows ? recount->collection->vector_count : 1,
                        is_rows ? recount->files->is_text : no_text, &header, msg);
        if (rc == ERR_NONE &&
            header.row_count != (rows - at < chunk_rows ? rows - at : chunk_rows)) {
            rc = stored_damaged(recount->partition, TABLE_CHUNKS, (int64_t)first, msg);
        }
        if (rc == ERR_NONE) {
            store_u64le(bytes, header.content_hash);
            XXH3_64bits_update(content, bytes, sizeof bytes);
        }
    }
    return rc;
}

static enum err check_large(struct recount *recount, const struct blob_large *large, int64_t id,
                            struct errmsg *msg)
{
    XXH3_state_t *content = XXH3_createState();
    enum err rc;

    XXH3_64bits_reset(content);
    rc = check_run(recount, large->first_chunk, large->row_count, CHUNK_ROWS, BLOB_ROWS, content,
                   msg);
    for (unsigned i = 0; rc == ERR_NONE && i < large->permutation_count; i++) {
        rc = check_run(recount, large->first_permutations[i], large->row_count, PERMUTATION_ROWS,
                       BLOB_PERMUTATION, content, msg);
    }
    if (rc == ERR_NONE && XXH3_64bits_digest(content) != large->content_hash) {
        rc = stored_damaged(recount->partition, TABLE_GROUPS, id, msg);
    }
    XXH3_freeState(content);
    return rc;
}

/* The group in row ID: its rows and the hash of its content. */
static enum err check_group(struct recount *recount, int64_t id, uint64_t *hash, struct errmsg *msg)
{
    const struct collection *collection = recount->collection;
    unsigned others = collection->order_count > 0 ? collection->order_count - 1 : 0;
    struct blob_large large;
    struct stored_blob blob;
    enum err rc = read_whole(recount, TABLE_GROUPS, id, &blob, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    *hash = blob.header.content_hash;
    if (blob.header.kind != BLOB_LARGE) {
        recount->row_count += blob.header.row_count;
        return is_honest(recount, &blob, BLOB_ROWS, collection->vector_count + others,
                         recount->files->is_text)
                   ? ERR_NONE
                   : stored_damaged(recount->partition, TABLE_GROUPS, id, msg);
    }
    if (!blob_read_large(blob.bytes, &large) || large.permutation_count != others ||
        large.row_count <= CHUNK_ROWS) {
        return stored_damaged(recount->partition, TABLE_GROUPS, id, msg);
    }
    recount->row_count += large.row_count;
    return check_large(recount, &large, id, msg);
}

static enum err recount_key(struct recount *recount, const struct key *key, struct errmsg *msg)
{
    int64_t id = key->integer;
    bool found = true;
    uint64_t hash = 0;
    enum err rc = key->is_text ? partition_find_key(recount->partition, key->text, &id, &found, msg)
                               : ERR_NONE;

    if (rc == ERR_NONE && found) {
        rc = check_group(recount, id, &hash, msg);
    }
    arena_reset(&recount->arena);
    recount->key_count++;
    recount->logical_hash += logical_key(key, hash);
    return rc;
}

static enum err recount_keys(struct recount *recount, unsigned index, struct errmsg *msg)
{
    struct walk walk;
    struct key key;
    bool found = true;
    enum err rc = ERR_NONE;

    walk_open(&walk, recount->reader, index);
    while (rc == ERR_NONE) {
        rc = walk_next(&walk, &key, &found, msg);
        if (rc != ERR_NONE || !found) {
            break;
        }
        recount->partition = &recount->files->partitions[walk.partition];
        rc = recount_key(recount, &key, msg);
    }
    walk_close(&walk);
    return rc;
}

static enum err recount_listing(struct recount *recount, unsigned listing, struct errmsg *msg)
{
    struct slice name = recount->collection->listings[listing].order.name;
    uint64_t keys;
    enum err rc = ERR_NONE;

    recount->partition = &recount->files->listings[listing];
    keys = recount->partition->file->row_count;
    for (uint64_t at = 0; rc == ERR_NONE && at < keys; at += LISTING_BLOCK) {
        int64_t id = (int64_t)(at / LISTING_BLOCK);
        struct blob_header header;

        rc = check_blob(recount, TABLE_BLOCKS, id, BLOB_LISTING, 1,
                        &recount->collection->key_is_text, &header, msg);
        if (rc == ERR_NONE &&
            header.row_count != (keys - at < LISTING_BLOCK ? keys - at : LISTING_BLOCK)) {
            rc = stored_damaged(recount->partition, TABLE_BLOCKS, id, msg);
        }
        if (rc == ERR_NONE) {
            recount->logical_hash += logical_block(name, (uint64_t)id, header.content_hash);
        }
    }
    return rc;
}

static enum err compare(const struct recount *recount, struct errmsg *msg)
{
    const struct release *release = recount->reader->release;
    struct slice name = recount->collection->name;
    const struct manifest_collection *said = manifest_collection(release->manifest, name);

    if (said == NULL) {
        return err_set(msg, ERR_CORRUPT, "%s: the manifest does not list the collection %.*s",
                       release->dir, SLICE_ARG(name));
    }
    if (said->row_count != recount->row_count || said->key_count != recount->key_count) {
        return err_set(msg, ERR_CORRUPT,
                       "%s: %.*s has %" PRIu64 " rows of %" PRIu64
                       " keys, the manifest says %" PRIu64 " of %" PRIu64,
                       release->dir, SLICE_ARG(name), recount->row_count, recount->key_count,
                       said->row_count, said->key_count);
    }
    return said->logical_hash == recount->logical_hash
               ? ERR_NONE
               : err_set(msg, ERR_CORRUPT, "%s: the logical hash of %.*s differs from the manifest",
                         release->dir, SLICE_ARG(name));
}

enum err logical_verify(struct reader *reader, struct errmsg *msg)
{
    const struct definition *definition = reader->release->definition;
    enum err rc = ERR_NONE;

    for (unsigned i = 0; rc == ERR_NONE && i < definition->collection_count; i++) {
        struct recount recount = {.reader = reader,
                                  .collection = &definition->collections[i],
                                  .files = &reader->collections[i]};

        arena_init(&recount.arena, 1 << 16);
        rc = recount_keys(&recount, i, msg);
        for (unsigned k = 0; rc == ERR_NONE && k < recount.collection->listing_count; k++) {
            rc = recount_listing(&recount, k, msg);
        }
        if (rc == ERR_NONE) {
            rc = compare(&recount, msg);
        }
        arena_free(&recount.arena);
    }
    return rc;
}
