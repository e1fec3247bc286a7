/*
 * Delta builds: a file of the release is made by changing a copy of the same file of a previous one,
 * and only where an encoded row group differs. Its pages stay where they are, so that little travels.
 *
 * When that would not pay, or the previous file cannot be used, the file is built fresh: when more than
 * DELTA_CHANGED_MOST of a hundred keys (blocks, of a listing) differ, by which time most pages do, or
 * when more than DELTA_FREE_MOST of a hundred pages are unused.
 *
 * Thread-safety: a base release is read-only; delta_begin may be called from any thread.
 */
#ifndef VITRINE_BUILDER_DELTA_H
#define VITRINE_BUILDER_DELTA_H

#include "builder/key_range.h"
#include "definition/definition.h"
#include "replica/release.h"
#include "replica/store.h"

enum {
    DELTA_CHANGED_MOST = 30, /* % of the keys: at three keys a page, two pages of three */
    DELTA_FREE_MOST = 25,    /* % of the pages */
};

/*
 * The newest release in ROOT that was built by DEFINITION, in this format, and has all its files; NULL
 * without one. The caller drops it.
 */
struct release *delta_find_base(const char *root, const struct definition *definition);

/* The partitions of COLLECTION in BASE (NULL: none). The caller frees OUT->items. */
void delta_bases(const struct release *base, const struct collection *collection,
                 struct key_bases *out);

/* The file of LISTING in BASE, or NULL. */
const struct manifest_file *delta_listing(const struct release *base,
                                          const struct collection *collection,
                                          const struct listing *listing);

/*
 * Opens PATH as a copy of FILE of BASE that is going to be changed; NULL when that cannot be done or
 * does not pay: then there is nothing at PATH. A file that is damaged is logged.
 */
struct store *delta_begin(const struct release *base, const struct manifest_file *file,
                          enum store_kind kind, const char *path);

/* Whether so much has changed that the file had better be built fresh. */
bool delta_is_wasteful(const struct store *store, const struct manifest_file *base);

/* Whether a range of so many rows is near enough to its BASE to begin with. */
bool delta_is_promising(const struct manifest_file *base, uint64_t row_count);

/*
 * Whether the file had better be built fresh after an attempt to change BASE that ended with RC and
 * MSG. A BASE that could not be read is logged. False when there was no BASE (NULL).
 */
bool delta_is_given_up(const struct manifest_file *base, bool is_wasteful, enum err rc,
                       const struct errmsg *msg);

#endif
