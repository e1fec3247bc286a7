/*
 * Repair: a damaged file of a release is replaced by a good one from elsewhere.
 *
 *   releases/.repair-000042/          a candidate for a file of release 42 arrives here, is compared with
 *                                     the manifest and the page hashes, and made durable
 *   releases/000042/loans/0001.db     then it is renamed over the damaged file
 *
 * A release is immutable for everybody else, and stays so: what is renamed into place holds exactly what
 * the manifest says, and nothing else is ever in its folder. Whoever has the damaged file open or mapped
 * keeps it until it opens the release again.
 *
 * After an error or a kill at any moment the file is the old one or the good one; what a kill leaves
 * beside the release is removed by the next repair, and when old releases are (root_retire in root.h).
 * One repair a release at a time: it holds a flock on the release's folder, and so does an rsync that
 * outlives it.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_REPAIR_H
#define VITRINE_REPLICA_REPAIR_H

#include "base/err.h"
#include "replica/manifest.h"

#define REPAIR_PREFIX ".repair-" /* of the folder beside the release; its name follows */

/* Where good files come from. */
struct repair_source {
    /*
     * Puts a copy of FILE, which is of the release that MANIFEST describes, at PATH. The folder that
     * PATH is in is private: what else is left there is removed.
     */
    enum err (*fetch)(void *context, const struct manifest *manifest,
                      const struct manifest_file *file, const char *path, struct errmsg *msg);
    void *context;
    const char *name; /* messages call it so */
};

/*
 * Replaces FILE of the release in DIR. ERR_CORRUPT when what was fetched is not what the manifest says,
 * ERR_SYSTEM when another process repairs this release, otherwise the errors of the fetch.
 */
MUST_CHECK enum err repair_file(const char *dir, const struct manifest *manifest,
                                const struct manifest_file *file,
                                const struct repair_source *source, struct errmsg *msg);

/*
 * Removes what a killed repair left beside the release in DIR, which may be gone itself; nothing while
 * that is being repaired.
 */
MUST_CHECK enum err repair_remove_rest(const char *dir, struct errmsg *msg);

/*
 * A fetch: copies from the root that CONTEXT, a path, leads to: any of its releases that has a file of
 * that size and hash, the newest first, and holds what it should. ERR_NOT_FOUND when none does.
 */
MUST_CHECK enum err repair_from_root(void *context, const struct manifest *manifest,
                                     const struct manifest_file *file, const char *path,
                                     struct errmsg *msg);

/*
 * A fetch: the file of that name in the release of that number; CONTEXT is a struct transport. Errors are
 * those of transport_fetch.
 */
MUST_CHECK enum err repair_by_transport(void *context, const struct manifest *manifest,
                                        const struct manifest_file *file, const char *path,
                                        struct errmsg *msg);

#endif
