/*
 * What differs between two releases, key by key.
 *
 * Good for: looking before an activation. Under the hood: both sides' keys are walked in order and
 * merged; a key of both is compared by the content hash of its rows (format.h), so no row is read.
 * A collection whose fields or orders changed holds every key differently.
 * Thread-safety: none; the readers belong to the caller's thread.
 */
#ifndef VITRINE_REPLICA_DIFF_H
#define VITRINE_REPLICA_DIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "replica/reader.h"

enum diff_kind { DIFF_ADDED, DIFF_REMOVED, DIFF_CHANGED, DIFF_KINDS };

struct diff {
    uint64_t rows[2]; /* before, after */
    uint64_t keys[2];
    uint64_t counts[DIFF_KINDS]; /* keys */
};

/* Is given every key that differs, ascending; KEY lives during the call. May be NULL. */
typedef void (*diff_visit)(void *context, enum diff_kind kind, const struct key *key);

/*
 * Compares the collection NAME of BEFORE and AFTER; a side that does not have it, or has keys of
 * another type, has no key in common with the other. ERR_CORRUPT names file and key.
 */
MUST_CHECK enum err diff_collection(struct reader *before, struct reader *after, struct slice name,
                                    diff_visit visit, void *context, struct diff *out,
                                    struct errmsg *msg);

#endif
