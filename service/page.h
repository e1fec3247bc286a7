/*
 * The rows that a request asks for: one page of a key, or one page of a listing.
 *
 * Good for: a view (render.h) over a release's reader.
 * Memory: `arena` holds what lives as long as the request. The rows of a listing come from as many
 * keys as there are rows; each is read into `row_arena`, which is reset for the next one.
 * Thread-safety: none. Errors: ERR_CORRUPT from the reader.
 */
#ifndef VITRINE_SERVICE_PAGE_H
#define VITRINE_SERVICE_PAGE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "replica/reader.h"
#include "service/ask.h"
#include "service/render.h"

struct page {
    struct reader *reader;
    const struct route *route;
    const struct program *row; /* renders one row */
    const struct ask *ask;
    struct arena *arena;
    struct arena *row_arena;
    struct group group; /* of the key looked up last, when found */
    bool found;
    uint64_t shown;    /* of a listing or many keys: etag_join of the contents appended */
    struct rows first; /* where the chunk of a row that stands alone lives */
    struct view view;  /* what the answer's program runs on */
};

/*
 * Fills the rest of PAGE, whose pointers the caller has set, and looks the key up. PAGE must stay where
 * it is while its view is used.
 */
MUST_CHECK enum err page_open(struct page *page, struct errmsg *msg);

/* Reads the row of a document with the stored fields in VECTORS; without any, nothing. */
MUST_CHECK enum err page_read(struct page *page, uint64_t vectors, struct errmsg *msg);

#endif
