/*
 * Builds a listing: the keys of a collection in a declared order, in blocks of LISTING_BLOCK.
 */
#ifndef VITRINE_BUILDER_LISTING_H
#define VITRINE_BUILDER_LISTING_H

#include "builder/file_list.h"
#include "definition/definition.h"
#include "source/source.h"

/*
 * Writes RELEASE_DIR/COLLECTION/NAME.listing.db and adds it to FILES. ERR_INPUT when the source sorts
 * in another way than the order means.
 */
MUST_CHECK enum err listing_build(struct source *source, const struct collection *collection,
                                  unsigned index, const char *release_dir, struct file_list *files,
                                  struct errmsg *msg);

#endif
