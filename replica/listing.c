/* Listings: the keys of a collection in a declared order, LISTING_BLOCK a block. */
#include "replica/reader_inside.h"

uint64_t reader_listing_count(const struct reader *reader, unsigned collection_index,
                              unsigned listing)
{
    return reader->collections[collection_index].listings[listing].file->row_count;
}

/* Reads the keys of one block from position SKIP on, at most WANT. */
static enum err read_block(struct reader *reader, struct partition *file, uint64_t block,
                           uint32_t skip, uint32_t want, bool is_text, struct arena *arena,
                           struct key *keys, uint32_t *got, struct errmsg *msg)
{
    struct chunk chunk;
    enum err rc = stored_open(reader, file, TABLE_BLOCKS, (int64_t)block, BLOB_LISTING, 1, &is_text,
                              arena, &chunk, msg);

    if (rc == ERR_NONE && is_text && !chunk.is_whole && chunk.row_count > 0) {
        rc = chunk.packed.len > 0
                 ? stored_unpack_text(reader, file, &chunk, arena, msg)
                 : stored_load_text(reader, file, &chunk, 0, 0, chunk.row_count - 1, arena, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    *got = 0;
    for (uint32_t row = skip; row < chunk.row_count && *got < want; row++) {
        struct key *key = &keys[(*got)++];

        *key = (struct key){.is_text = is_text};
        if (is_text ? vector_text(&chunk.vectors[0], row, &key->text) != VECTOR_VALUE
                    : !vector_integer(&chunk.vectors[0], row, &key->integer)) {
            return stored_damaged(file, TABLE_BLOCKS, (int64_t)block, msg);
        }
    }
    return ERR_NONE;
}

enum err reader_listing(struct reader *reader, unsigned collection_index, unsigned listing,
                        uint64_t first, uint32_t count, struct arena *arena, struct key *keys,
                        uint32_t *got, struct errmsg *msg)
{
    struct partition *file = &reader->collections[collection_index].listings[listing];
    bool is_text = reader->release->definition->collections[collection_index].key_is_text;
    uint64_t total = file->file->row_count;

    *got = 0;
    while (*got < count && first < total) {
        uint32_t some = 0;
        enum err rc =
            read_block(reader, file, first / LISTING_BLOCK, (uint32_t)(first % LISTING_BLOCK),
                       count - *got, is_text, arena, keys + *got, &some, msg);

        if (rc != ERR_NONE) {
            return rc;
        }
        if (some == 0) {
            return stored_damaged(file, TABLE_BLOCKS, (int64_t)(first / LISTING_BLOCK), msg);
        }
        *got += some;
        first += some;
    }
    return ERR_NONE;
}
