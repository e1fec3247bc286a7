/* A page of a group: which rows, in which chunks, with which text. */
#include "replica/reader_inside.h"

void group_rows(struct group *group, unsigned order, uint64_t first, uint64_t count,
                uint64_t vectors, struct rows *out)
{
    *out = (struct rows){
        .group = group, .order = order, .at = first, .end = group->row_count, .vectors = vectors};
    if (first < group->row_count && count < group->row_count - first) {
        out->end = first + count;
    }
}

/* Makes rows->permutation the block with POSITION of a large group's order. */
static enum err enter_permutation(struct rows *rows, uint64_t position, struct errmsg *msg)
{
    static const bool no_text[1] = {false};
    struct group *group = rows->group;
    uint64_t block = position / PERMUTATION_ROWS;
    enum err rc;

    if (rows->has_permutation && rows->permutation_block == block) {
        return ERR_NONE;
    }
    rc = stored_open(group->reader, group->partition, TABLE_CHUNKS,
                     (int64_t)(group->first_permutation[rows->order] + block), BLOB_PERMUTATION, 1,
                     no_text, group->arena, &rows->permutation, msg);
    rows->has_permutation = rc == ERR_NONE;
    rows->permutation_block = block;
    return rc;
}

/* The row number at POSITION of an order that is not the stored one. */
static enum err permute(struct rows *rows, uint64_t position, uint64_t *row, struct errmsg *msg)
{
    struct group *group = rows->group;
    const struct vector *permutation;
    uint32_t index = (uint32_t)position;
    int64_t value = -1;

    if (group->is_large) {
        enum err rc = enter_permutation(rows, position, msg);

        if (rc != ERR_NONE) {
            return rc;
        }
        permutation = &rows->permutation.vectors[0];
        index = (uint32_t)(position % PERMUTATION_ROWS);
    } else {
        permutation = &group->chunk.vectors[group->collection->vector_count + rows->order - 1];
    }
    if (index >= permutation->row_count || !vector_integer(permutation, index, &value) ||
        value < 0 || (uint64_t)value >= group->row_count) {
        return err_set(msg, ERR_CORRUPT, "read %s: a permutation is damaged",
                       group->partition->path);
    }
    *row = (uint64_t)value;
    return ERR_NONE;
}

/*
 * Where the chunk and its texts live: those of a large group only until the next chunk is entered, so
 * that a page of any size holds one chunk at a time.
 */
static struct arena *chunk_arena(const struct rows *rows)
{
    return rows->group->is_large ? &rows->group->reader->chunk_arena : rows->group->arena;
}

/* Makes rows->chunk the chunk that holds row number ROW of the group. */
static enum err enter_chunk(struct rows *rows, uint64_t row, struct errmsg *msg)
{
    struct group *group = rows->group;
    const struct collection *collections = group->reader->release->definition->collections;
    uint64_t number = row / CHUNK_ROWS;
    uint64_t expected = group->row_count - number * CHUNK_ROWS;
    struct reader *reader = group->reader;
    enum err rc;

    if (rows->has_chunk && rows->chunk_number == number &&
        (!group->is_large || reader->chunk_owner == rows)) {
        return ERR_NONE;
    }
    rows->chunk_number = number;
    rows->has_chunk = true;
    rows->has_text = false;
    if (!group->is_large) {
        rows->chunk = group->chunk;
        return ERR_NONE;
    }
    arena_reset(&reader->chunk_arena);
    reader->chunk_owner = rows;
    rc = stored_open(reader, group->partition, TABLE_CHUNKS, (int64_t)(group->first_chunk + number),
                     BLOB_ROWS, group->collection->vector_count,
                     reader->collections[group->collection - collections].is_text,
                     chunk_arena(rows), &rows->chunk, msg);
    if (rc == ERR_NONE &&
        rows->chunk.row_count != (expected < CHUNK_ROWS ? expected : CHUNK_ROWS)) {
        rc = stored_damaged(group->partition, TABLE_CHUNKS, rows->chunk.id, msg);
    }
    rows->has_chunk = rc == ERR_NONE;
    return rc;
}

/* Whether any of the fields asked for is text that is not empty. */
static bool needs_text(const struct rows *rows)
{
    for (unsigned i = 0; i < rows->group->collection->vector_count; i++) {
        if ((rows->vectors >> i & 1) != 0 && rows->chunk.vectors[i].text_size > 0) {
            return true;
        }
    }
    return false;
}

/*
 * Makes sure that the text of ROW is there. In the stored order everything up to the end of the page
 * or of the chunk is read at once; otherwise row by row, unless most rows are wanted anyway.
 */
static enum err enter_text(struct rows *rows, uint32_t row, struct errmsg *msg)
{
    struct group *group = rows->group;
    struct chunk *chunk = &rows->chunk;
    uint64_t wanted = rows->end - rows->at;
    uint32_t first = row;
    uint32_t last = row;

    if (chunk->is_whole || (rows->has_text && row >= rows->first_text && row <= rows->last_text)) {
        return ERR_NONE;
    }
    if (chunk->packed.len > 0) {
        return needs_text(rows) ? stored_unpack_text(group->reader, group->partition, chunk,
                                                     chunk_arena(rows), msg)
                                : ERR_NONE;
    }
    if (rows->order == 0) {
        last = wanted < chunk->row_count - row ? row + (uint32_t)wanted - 1 : chunk->row_count - 1;
    } else if (!group->is_large && wanted * 2 >= chunk->row_count) {
        first = 0;
        last = chunk->row_count - 1;
    }
    for (unsigned i = 0; i < group->collection->vector_count; i++) {
        enum err rc;

        if ((rows->vectors >> i & 1) == 0 || chunk->vectors[i].text_size == 0) {
            continue;
        }
        rc = stored_load_text(group->reader, group->partition, chunk, i, first, last,
                              chunk_arena(rows), msg);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    rows->has_text = true;
    rows->first_text = first;
    rows->last_text = last;
    return ERR_NONE;
}

enum err rows_next(struct rows *rows, const struct chunk **chunk, uint32_t *row, struct errmsg *msg)
{
    uint64_t number = rows->at;
    enum err rc = ERR_NONE;

    if (rows->at >= rows->end) {
        *chunk = NULL;
        return ERR_NONE;
    }
    if (rows->order > 0) {
        rc = permute(rows, rows->at, &number, msg);
    }
    if (rc == ERR_NONE) {
        rc = enter_chunk(rows, number, msg);
    }
    if (rc == ERR_NONE) {
        *row = rows->group->is_large ? (uint32_t)(number % CHUNK_ROWS) : (uint32_t)number;
        rc = enter_text(rows, *row, msg);
    }
    if (rc == ERR_NONE) {
        rows->at++;
        *chunk = &rows->chunk;
    }
    return rc;
}
