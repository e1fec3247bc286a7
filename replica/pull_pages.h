/*
 * What two releases have in common, by the hashes of their files and pages.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_PULL_PAGES_H
#define VITRINE_REPLICA_PULL_PAGES_H

#include <stdbool.h>

#include "base/buffer.h"
#include "replica/manifest.h"

/* Whether the file at PATH is there and has the size and the hash of FILE. ERR_INTERRUPTED only. */
MUST_CHECK enum err pull_file_holds(const char *path, const struct manifest_file *file, bool *out,
                                    struct errmsg *msg);

/* The page hashes of the release in DIR; OUT stays empty when they are not there or damaged. */
void pull_pages_read(const char *dir, const struct manifest *manifest, struct buffer *out);

/*
 * Whether at least half of the pages of FILE are somewhere in OLD, so that fetching differences pays:
 * below that, looking for them costs the sender more time than they save. rsync finds a page wherever it
 * is. PAGES and OLD_PAGES are those of their releases.
 */
bool pull_pages_shared(const struct manifest_file *file, const struct buffer *pages,
                       const struct manifest_file *old, const struct buffer *old_pages);

#endif
