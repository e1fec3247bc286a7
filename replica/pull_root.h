/*
 * What pulling asks of the state of a root: who works in it, which releases it refuses, which it keeps.
 *
 * Thread-safety: none; the lock makes its holder the only one who changes a root.
 */
#ifndef VITRINE_REPLICA_PULL_ROOT_H
#define VITRINE_REPLICA_PULL_ROOT_H

#include <stdbool.h>

#include "base/err.h"
#include "replica/manifest.h"

/* Takes ROOT/.build-lock; closing *FD gives it back. ERR_SYSTEM when somebody else is at work. */
MUST_CHECK enum err pull_lock(const char *root, int *fd, struct errmsg *msg);

/* ERR_REFUSED, with the reason of then, when the release of MANIFEST was refused before. */
MUST_CHECK enum err pull_check_refused(const char *root, const struct manifest *manifest,
                                       struct errmsg *msg);

/* Remembers that, durably, so that it is not fetched again by itself. A failure is logged, no more. */
void pull_refuse(const char *root, const struct manifest *manifest, const char *reason);

/* Removes the oldest releases beyond KEEP, never the current one. A failure is logged, no more. */
void pull_retire(const char *root, int64_t keep);

#endif
