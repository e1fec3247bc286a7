/*
 * Repair: a damaged file of a release is replaced by a good one from elsewhere.
 *
 *   DIR/.repair/FILE     a candidate arrives here; it is compared with the manifest and made durable
 *   DIR/loans/0001.db    then it is renamed over the damaged file
 *
 * A release is immutable for everybody else, and stays so: what is renamed into place holds exactly what
 * the manifest says. Whoever has the damaged file open or mapped keeps it until it opens the release again.
 *
 * After an error or a kill at any moment the file is the old one or the good one; what is left in
 * DIR/.repair is removed by the next repair. One repair a release at a time.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_REPAIR_H
#define VITRINE_REPLICA_REPAIR_H

#include "base/err.h"
#include "replica/manifest.h"

/* Where good files come from. */
struct repair_source {
    /*
     * Puts a copy of FILE, which is of the release that MANIFEST describes, at PATH. The folder that
     * PATH is in is private: what else is left there is removed.
     */
    enum err (*fetch)(void *context, const struct manifest *manifest,
                      const struct manifest_file *file, const char *path, struct errmsg *msg);
    void *context;
};

/*
 * Replaces FILE of the release in DIR. ERR_CORRUPT when what was fetched is not what the manifest says,
 * ERR_SYSTEM when another process repairs this release, otherwise the errors of the fetch.
 */
MUST_CHECK enum err repair_file(const char *dir, const struct manifest *manifest,
                                const struct manifest_file *file,
                                const struct repair_source *source, struct errmsg *msg);

/*
 * A fetch: copies from the root that CONTEXT, a path, leads to: any of its releases that has a file of
 * that size and hash, the newest first, and holds what it should. ERR_NOT_FOUND when none does.
 */
MUST_CHECK enum err repair_from_root(void *context, const struct manifest *manifest,
                                     const struct manifest_file *file, const char *path,
                                     struct errmsg *msg);

#endif
