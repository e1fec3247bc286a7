/*
 * The logical hash of a collection: what it holds, however it is cut into partitions, compressed and
 * numbered. Equal for a release that was built from nothing and one that was built by changing the one
 * before.
 *
 * Under the hood: the sum, modulo 2^64, of one XXH3-64 for each key with the content hash of its group,
 * and one for each block of a listing. A sum, because ranges of keys are built side by side; each term
 * says which key or which position of which listing it is, so the order is part of it all the same.
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_LOGICAL_H
#define VITRINE_REPLICA_LOGICAL_H

#include "replica/reader.h"

/* The term of KEY, whose group has CONTENT_HASH. */
uint64_t logical_key(const struct key *key, uint64_t content_hash);

/* The term of block ID of LISTING. */
uint64_t logical_block(struct slice listing, uint64_t id, uint64_t content_hash);

/*
 * Reads every blob of every collection, finds its content hash again from what it holds, and compares
 * rows, keys and logical hashes with the manifest. ERR_CORRUPT names the file and the row, or the
 * collection.
 */
MUST_CHECK enum err logical_verify(struct reader *reader, struct errmsg *msg);

#endif
