/*
 * Builds a listing: the keys of a collection in a declared order, in blocks of LISTING_BLOCK.
 */
#ifndef VITRINE_BUILDER_LISTING_H
#define VITRINE_BUILDER_LISTING_H

#include "base/arena.h"
#include "definition/definition.h"
#include "replica/manifest.h"
#include "replica/release.h"
#include "source/source.h"

/* What became of a listing. */
struct listed {
    struct arena arena; /* what the entry points to */
    struct manifest_file entry;
    uint64_t logical_hash;
};

/*
 * Writes RELEASE_DIR/COLLECTION/NAME.listing.db, whose folder is there: a changed copy of that of BASE
 * (NULL: none) where that pays. The caller passes OUT to listed_free in any case. ERR_INPUT when the
 * source sorts in another way than the order means.
 */
MUST_CHECK enum err listing_build(struct source *source, const struct collection *collection,
                                  unsigned index, const char *release_dir,
                                  const struct release *base, struct listed *out,
                                  struct errmsg *msg);
void listed_free(struct listed *listed);

#endif
