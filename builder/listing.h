/*
 * Builds a listing: the keys of a collection in a declared order, in blocks of LISTING_BLOCK.
 */
#ifndef VITRINE_BUILDER_LISTING_H
#define VITRINE_BUILDER_LISTING_H

#include "base/arena.h"
#include "definition/definition.h"
#include "replica/manifest.h"
#include "source/source.h"

/*
 * Writes RELEASE_DIR/COLLECTION/NAME.listing.db; RELEASE_DIR/COLLECTION is there. ENTRY gets its path,
 * which goes to ARENA, and its counts. ERR_INPUT when the source sorts in another way than the order
 * means.
 */
MUST_CHECK enum err listing_build(struct source *source, const struct collection *collection,
                                  unsigned index, const char *release_dir, struct arena *arena,
                                  struct manifest_file *entry, struct errmsg *msg);

#endif
