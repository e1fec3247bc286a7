#include "replica/blob.h"

#include <xxhash.h>

_Static_assert(BLOB_HEADER_SIZE == 16, "the header is kind, vectors, rows, narrow, hash");

/* The first eight bytes of a header, as they are before compression. */
static void write_shape(char *p, const struct blob_header *header)
{
    p[0] = (char)header->kind;
    p[1] = (char)header->vector_count;
    store_u16le(p + 2, (uint16_t)header->row_count);
    store_u32le(p + 4, header->narrow_size);
}

/* Fills in the header of the blob that starts at START, once all behind it is known. */
static void finish_header(struct buffer *out, size_t start, const struct blob_header *header)
{
    write_shape(out->ptr + start, header);
    store_u64le(out->ptr + start + 8, header->content_hash);
}

uint64_t blob_hash(const struct blob_header *header, struct slice narrow, struct slice wide)
{
    XXH3_state_t *state = XXH3_createState();
    char shape[8];
    uint64_t hash;

    write_shape(shape, header);
    XXH3_64bits_reset_withSeed(state, load_u64le(shape));
    XXH3_64bits_update(state, narrow.ptr + BLOB_HEADER_SIZE, narrow.len - BLOB_HEADER_SIZE);
    XXH3_64bits_update(state, wide.ptr, wide.len);
    hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}

uint64_t blob_pack(enum blob_kind kind, const struct column *const *columns, unsigned count,
                   struct buffer *wide, struct buffer *out)
{
    static const char blank[BLOB_HEADER_SIZE];
    struct blob_header header = {.kind = kind, .vector_count = count};
    size_t start = out->len;

    buffer_clear(wide);
    buffer_append(out, blank, sizeof blank);
    for (unsigned i = 0; i < count; i++) {
        column_encode(columns[i], out, wide);
    }
    header.row_count = count == 0 ? 0 : columns[0]->row_count;
    header.narrow_size = (uint32_t)(out->len - start);
    buffer_append_slice(out, buffer_slice(wide));
    if (out->overflowed || wide->overflowed) {
        out->overflowed = true;
        return 0;
    }
    write_shape(out->ptr + start, &header);
    header.content_hash =
        XXH3_64bits_withSeed(out->ptr + start + BLOB_HEADER_SIZE,
                             out->len - start - BLOB_HEADER_SIZE, load_u64le(out->ptr + start));
    finish_header(out, start, &header);
    return header.content_hash;
}

void blob_pack_large(const struct blob_large *large, struct buffer *out)
{
    struct blob_header header = {.kind = BLOB_LARGE, .content_hash = large->content_hash};
    size_t start = out->len;
    size_t size = BLOB_HEADER_SIZE + 16 + 8 * (size_t)large->permutation_count;
    char *p = buffer_reserve(out, size);

    if (p == NULL) {
        return;
    }
    out->len += size;
    header.narrow_size = (uint32_t)size;
    finish_header(out, start, &header);
    store_u64le(p + 16, large->row_count);
    store_u64le(p + 24, large->first_chunk);
    for (unsigned i = 0; i < large->permutation_count; i++) {
        store_u64le(p + 32 + 8 * i, large->first_permutations[i]);
    }
}

bool blob_read_header(const char *bytes, uint64_t size, struct blob_header *out)
{
    out->kind = (uint8_t)bytes[0] & ~(unsigned)BLOB_COMPRESSED;
    out->is_compressed = ((uint8_t)bytes[0] & BLOB_COMPRESSED) != 0;
    out->vector_count = (uint8_t)bytes[1];
    out->row_count = load_u16le(bytes + 2);
    out->narrow_size = load_u32le(bytes + 4);
    out->content_hash = load_u64le(bytes + 8);
    return out->kind >= BLOB_ROWS && out->kind <= BLOB_LISTING &&
           out->vector_count <= BLOB_VECTORS_MAX && out->row_count <= COLUMN_ROWS_MAX &&
           out->narrow_size >= BLOB_HEADER_SIZE && out->narrow_size <= size;
}

bool blob_read_large(struct slice bytes, struct blob_large *out)
{
    size_t rest;

    if (bytes.len < BLOB_HEADER_SIZE + 16 || bytes.ptr[0] != BLOB_LARGE) {
        return false;
    }
    rest = bytes.len - BLOB_HEADER_SIZE - 16;
    if (rest % 8 != 0 || rest / 8 > DEFINITION_ORDERS_MAX) {
        return false;
    }
    out->content_hash = load_u64le(bytes.ptr + 8);
    out->row_count = load_u64le(bytes.ptr + 16);
    out->first_chunk = load_u64le(bytes.ptr + 24);
    out->permutation_count = (unsigned)(rest / 8);
    for (unsigned i = 0; i < out->permutation_count; i++) {
        out->first_permutations[i] = load_u64le(bytes.ptr + 32 + 8 * i);
    }
    return out->row_count <= UINT32_MAX && out->first_chunk <= INT64_MAX;
}

bool blob_open_vectors(const struct blob_header *header, struct slice narrow, uint64_t wide_size,
                       const bool *is_text, struct vector *vectors, uint32_t *text_size)
{
    uint64_t limit = header->is_compressed ? COMPRESS_MAX : wide_size;
    size_t at = BLOB_HEADER_SIZE;
    uint64_t wide_at = 0;

    for (unsigned i = 0; i < header->vector_count; i++) {
        struct vector *vector = &vectors[i];

        if (!vector_open(narrow, &at, header->row_count, is_text[i], vector) ||
            limit - wide_at < vector->text_size) {
            return false;
        }
        vector->text_offset = (uint32_t)wide_at;
        wide_at += vector->text_size;
    }
    *text_size = (uint32_t)wide_at;
    return at == narrow.len && (header->is_compressed || wide_at == wide_size);
}

void blob_attach_text(struct vector *vectors, unsigned count, const char *wide)
{
    for (unsigned i = 0; i < count; i++) {
        vectors[i].text = wide + vectors[i].text_offset;
        vectors[i].loaded_from = 0;
        vectors[i].loaded_to = vectors[i].text_size;
    }
}
