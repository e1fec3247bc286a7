/*
 * Writes one partition or listing file: an SQLite database that is filled once, in ascending order,
 * and then never changed. The same calls give the same bytes.
 *
 * Lifetime: store_create .. store_finish or store_abandon; both free.
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

/* A line of the table `about`, for people. */
MUST_CHECK enum err store_about(struct store *store, const char *name, struct slice value,
                                struct errmsg *msg);

/* A row of `groups`; keys ascend. ERR_INPUT for a key that is there already. */
MUST_CHECK enum err store_group(struct store *store, const struct key *key, struct slice blob,
                                struct errmsg *msg);

/* A row of `chunks` (partition) or `blocks` (listing); ids run from 0, *ID is the one given. */
MUST_CHECK enum err store_chunk(struct store *store, struct slice blob, uint64_t *id,
                                struct errmsg *msg);

/* Bytes that the rows so far take, about the size of the file. */
uint64_t store_bytes(const struct store *store);

/* Commits and fsyncs; frees STORE in any case. On an error the file is removed. */
MUST_CHECK enum err store_finish(struct store *store, struct errmsg *msg);

/* Closes and removes the file; accepts NULL. */
void store_abandon(struct store *store);

#endif
