/*
 * Packs the rows of one key into the blobs of the release format: columns, chunks, permutations.
 *
 * Good for: keys of any size. A key of at most CHUNK_ROWS rows becomes one blob; a larger one is
 * written chunk by chunk while its rows arrive, so that only what its other orders sort by is held.
 * Thread-safety: none. Memory: a packer is used for all keys of a collection.
 */
#ifndef VITRINE_BUILDER_PACK_H
#define VITRINE_BUILDER_PACK_H

#include "builder/stream.h"
#include "definition/definition.h"
#include "replica/store.h"

struct pack;

enum { PACK_ROWS_MAX = 1 << 30 }; /* of one key */

struct pack *pack_new(const struct collection *collection);
void pack_free(struct pack *pack); /* accepts NULL */

/* Adds a row to the key that is being packed; full chunks go to STORE. */
MUST_CHECK enum err pack_row(struct pack *pack, const struct stream_field *fields,
                             struct store *store, struct errmsg *msg);

/* Rows of the key so far. */
uint64_t pack_row_count(const struct pack *pack);

/*
 * Writes what is left and the group of KEY, and is ready for the next key. *HASH is the hash of what
 * the key holds.
 */
MUST_CHECK enum err pack_finish(struct pack *pack, const struct key *key, struct store *store,
                                uint64_t *hash, struct errmsg *msg);

#endif
