/*
 * Writes one partition or listing file: an SQLite database that is filled once, in ascending order,
 * and then never changed. The same calls give the same bytes.
 *
 * Or turns a copy of such a file (store_change) into one that holds what the calls say: rows whose
 * content is that of the previous file are left as they are, so that its pages stay where they are and
 * few bytes travel; the others are updated, inserted or deleted. Ids, the dictionary and the order on
 * disk then depend on the file before as well, what is read does not.
 *
 * Lifetime: store_create or store_change .. store_finish or store_abandon; both free.
 * Thread-safety: a store belongs to one thread; several may be open at once.
 * Errors: ERR_SYSTEM with the path when SQLite cannot write (a full disk, say).
 */
#ifndef VITRINE_REPLICA_STORE_H
#define VITRINE_REPLICA_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "replica/reader.h"

struct store;

enum store_kind { STORE_PARTITION, STORE_PARTITION_TEXT, STORE_LISTING };

/* Creates the file at PATH; one that is there already is an error. */
MUST_CHECK enum err store_create(const char *path, enum store_kind kind, struct store **out,
                                 struct errmsg *msg);

/*
 * Opens the file at PATH, a copy of the one at BASE, which is only read, as long as the store is open.
 * ERR_CORRUPT, here and in the calls below, when BASE is not what a store wrote. A file at PATH that
 * could not be opened is removed.
 */
MUST_CHECK enum err store_change(const char *path, const char *base, enum store_kind kind,
                                 struct store **out, struct errmsg *msg);

/* Part of the file that nothing uses, 0 .. 1. */
MUST_CHECK enum err store_free_part(struct store *store, double *part, struct errmsg *msg);

/* Groups or blocks that are new, gone or different from the previous file's so far. */
uint64_t store_changes(const struct store *store);

/* A line of the table `about`, for people. */
MUST_CHECK enum err store_about(struct store *store, const char *name, struct slice value,
                                struct errmsg *msg);

/*
 * The key whose chunks and group come next: those of the previous file before it go. NULL: no more
 * keys, or, of a listing, no more blocks. A new file does not need it.
 */
MUST_CHECK enum err store_key(struct store *store, const struct key *key, struct errmsg *msg);

/*
 * The next chunks of the key are RUN: 0 its rows, k the permutation of its order k, in this order. The
 * ids of a run are consecutive. A new file and a listing do not need it.
 */
MUST_CHECK enum err store_run(struct store *store, unsigned run, struct errmsg *msg);

/* A row of `groups`; keys ascend. ERR_INPUT for a key that is there already. */
MUST_CHECK enum err store_group(struct store *store, const struct key *key, struct slice blob,
                                struct errmsg *msg);

/*
 * A row of `chunks` (partition) or `blocks` (listing); *ID is the one given. In a new file ids run from
 * 0; in a changed one a run may yet move, see store_run_first.
 */
MUST_CHECK enum err store_chunk(struct store *store, struct slice blob, uint64_t *id,
                                struct errmsg *msg);

/* The id of the first chunk of the run that was written last, once that is whole. */
uint64_t store_run_first(const struct store *store);

/* Bytes that the rows so far take, about the size of the file. */
uint64_t store_bytes(const struct store *store);

/* Commits and fsyncs; frees STORE in any case. On an error the file is removed. */
MUST_CHECK enum err store_finish(struct store *store, struct errmsg *msg);

/* Closes and removes the file; accepts NULL. */
void store_abandon(struct store *store);

#endif
