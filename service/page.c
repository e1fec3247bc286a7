#include "service/page.h"

#include "service/etag.h"

static enum err append_row(const struct page *page, const struct chunk *chunk, uint32_t row,
                           struct buffer *out, struct errmsg *msg)
{
    struct view view = {.ask = page->ask, .chunk = chunk, .row = row};
    enum err rc = program_run(page->row, &view, out, msg);

    buffer_append_byte(out, ',');
    return rc;
}

/* Takes back the comma after the last row. */
static void end_rows(struct buffer *out, size_t start)
{
    if (out->len > start && !out->overflowed) {
        out->len--;
    }
}

static enum err append_key_rows(void *context, struct buffer *out, struct errmsg *msg)
{
    struct page *page = context;
    const struct ask *ask = page->ask;
    size_t start = out->len;
    struct rows rows;

    if (!page->found || ask->first >= page->group.row_count) {
        return ERR_NONE;
    }
    group_rows(&page->group, ask->order, ask->first, ask->count, page->row->vectors, &rows);
    for (;;) {
        const struct chunk *chunk;
        uint32_t row;
        enum err rc = rows_next(&rows, &chunk, &row, msg);

        if (rc == ERR_NONE && chunk != NULL) {
            rc = append_row(page, chunk, row, out, msg);
        }
        if (rc != ERR_NONE) {
            return rc;
        }
        if (chunk == NULL) {
            end_rows(out, start);
            return ERR_NONE;
        }
    }
}

static enum err find(struct page *page, const struct key *key, struct arena *arena,
                     struct errmsg *msg)
{
    return reader_find(page->reader, page->route->collection_index, key, arena, &page->group,
                       &page->found, msg);
}

/* Row 0 of the key that was found, with VECTORS; *CHUNK = NULL when it has no rows. */
static enum err first_row(struct page *page, uint64_t vectors, const struct chunk **chunk,
                          uint32_t *row, struct errmsg *msg)
{
    group_rows(&page->group, 0, 0, 1, vectors, &page->first);
    return rows_next(&page->first, chunk, row, msg);
}

static enum err append_listed(struct page *page, const struct key *key, struct buffer *out,
                              struct errmsg *msg)
{
    const struct chunk *chunk = NULL;
    uint32_t row;
    enum err rc;

    arena_reset(page->row_arena);
    rc = find(page, key, page->row_arena, msg);
    if (rc == ERR_NONE && page->found) {
        rc = first_row(page, page->row->vectors, &chunk, &row, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    if (chunk == NULL) {
        return err_set(msg, ERR_CORRUPT, "a listing of %.*s has a key without rows",
                       SLICE_ARG(page->route->collection->name));
    }
    page->shown = etag_join(page->shown, page->group.content_hash);
    return append_row(page, chunk, row, out, msg);
}

static enum err append_listing_rows(void *context, struct buffer *out, struct errmsg *msg)
{
    struct page *page = context;
    const struct ask *ask = page->ask;
    size_t start = out->len;
    struct key *keys;
    uint32_t count = 0;
    enum err rc;

    if (ask->first >= page->view.total) {
        return ERR_NONE;
    }
    keys = arena_calloc(page->arena, ask->count, sizeof *keys);
    rc = reader_listing(page->reader, page->route->collection_index, (unsigned)page->route->listing,
                        ask->first, ask->count, page->arena, keys, &count, msg);
    for (uint32_t i = 0; i < count && rc == ERR_NONE; i++) {
        rc = append_listed(page, &keys[i], out, msg);
    }
    end_rows(out, start);
    return rc;
}

enum err page_open(struct page *page, struct errmsg *msg)
{
    enum err rc;

    page->found = false;
    page->shown = 0;
    page->view = (struct view){.ask = page->ask, .context = page};
    if (page->route->listing >= 0) {
        page->view.append_rows = append_listing_rows;
        page->view.total = reader_listing_count(page->reader, page->route->collection_index,
                                                (unsigned)page->route->listing);
        return ERR_NONE;
    }
    page->view.append_rows = append_key_rows;
    rc = find(page, &page->ask->key, page->arena, msg);
    page->view.total = page->found ? page->group.row_count : 0;
    return rc;
}

enum err page_read(struct page *page, uint64_t vectors, struct errmsg *msg)
{
    return vectors == 0 || !page->found
               ? ERR_NONE
               : first_row(page, vectors, &page->view.chunk, &page->view.row, msg);
}
