/*
 * The public keys that a node trusts: with any, only releases signed by one of them are opened.
 *
 * A file of keys has one `ed25519 BASE64 ID` a line, as `vitrine keygen` writes them; empty lines and
 * lines that begin with # are skipped. During a rotation the old and the new key stand there together.
 *
 *   ROOT/trusted.pub     keys of a root: whoever opens its releases heeds them, asked or not
 *
 * Lifetime: plain memory. Thread-safety: read-only once filled.
 */
#ifndef VITRINE_REPLICA_TRUST_H
#define VITRINE_REPLICA_TRUST_H

#include "base/err.h"
#include "base/slice.h"
#include "replica/signature.h"

enum {
    TRUST_KEYS_MAX = 16,
    TRUST_FILE_MAX = 65536, /* bytes */
};

struct trust {
    struct public_key keys[TRUST_KEYS_MAX];
    unsigned count; /* 0: nothing needs a signature */
};

/* A key that is there already is not added again. ERR_LIMIT beyond TRUST_KEYS_MAX. */
MUST_CHECK enum err trust_add(struct trust *trust, const struct public_key *key,
                              struct errmsg *msg);

/* Adds the keys of a file, or of its TEXT. ERR_INPUT names the line; a file without a key is one. */
MUST_CHECK enum err trust_add_file(struct trust *trust, const char *path, struct errmsg *msg);
MUST_CHECK enum err trust_add_text(struct trust *trust, const char *path, struct slice text,
                                   struct errmsg *msg);

/* Adds the keys of ROOT/trusted.pub when there is such a file. */
MUST_CHECK enum err trust_add_root(struct trust *trust, const char *root, struct errmsg *msg);

/*
 * Whether the release in DIR, whose manifest.json holds MANIFEST, is signed by a trusted key; with
 * no keys it need not be. ERR_REFUSED and ERR_CORRUPT name the keys and what to do.
 */
MUST_CHECK enum err trust_check(const struct trust *trust, const char *dir, struct slice manifest,
                                struct errmsg *msg);

/* Whether what KEY signs would pass; ERR_REFUSED otherwise. WHERE names who trusts. */
MUST_CHECK enum err trust_check_signer(const struct trust *trust, const char *where,
                                       const struct public_key *key, struct errmsg *msg);

#endif
