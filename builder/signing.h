/*
 * What a builder signs its releases with, and whether those who serve them will take that.
 *
 * KEY may be NULL everywhere: then releases are not signed.
 */
#ifndef VITRINE_BUILDER_SIGNING_H
#define VITRINE_BUILDER_SIGNING_H

#include "base/err.h"
#include "replica/manifest.h"
#include "replica/signing_key.h"
#include "replica/trust.h"

/* ERR_REFUSED when ROOT has a trusted.pub that does not name KEY: nobody would serve the release. */
MUST_CHECK enum err signing_check_root(const char *root, const struct signing_key *key,
                                       struct errmsg *msg);

/* Whether the release in DIR is signed by KEY; otherwise it must be built again to be. */
bool signing_covers(const char *dir, const struct signing_key *key);

/* Fills in the digests of the COUNT files of the release in DIR. */
MUST_CHECK enum err signing_digest(const char *dir, const struct signing_key *key,
                                   struct manifest_file *files, unsigned count, struct errmsg *msg);

/* Signs the release in DIR, whose manifest.json holds, or will hold, MANIFEST. */
MUST_CHECK enum err signing_write(const char *dir, const struct signing_key *key,
                                  struct slice manifest, struct errmsg *msg);

#endif
