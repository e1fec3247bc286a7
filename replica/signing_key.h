/*
 * The secret key that a builder signs releases with.
 *
 * Lifetime: held in memory that is locked, kept out of core dumps, and wiped by signing_key_free.
 * Thread-safety: read-only once made.
 */
#ifndef VITRINE_REPLICA_SIGNING_KEY_H
#define VITRINE_REPLICA_SIGNING_KEY_H

#include "base/err.h"
#include "base/slice.h"
#include "replica/signature.h"

struct signing_key;

MUST_CHECK enum err signing_key_generate(struct signing_key **out, struct errmsg *msg);

/* The key pair that SEED (32 bytes) stands for. */
MUST_CHECK enum err signing_key_from_seed(const uint8_t *seed, struct signing_key **out,
                                          struct errmsg *msg);

/*
 * Reads what signing_key_write wrote. ERR_REFUSED when others than the owner may read the file,
 * ERR_INPUT when it holds no secret key.
 */
MUST_CHECK enum err signing_key_read(const char *path, struct signing_key **out,
                                     struct errmsg *msg);

/* Writes the secret to a new file that only its owner can read. ERR_REFUSED when PATH exists. */
MUST_CHECK enum err signing_key_write(const struct signing_key *key, const char *path,
                                      struct errmsg *msg);

const struct public_key *signing_key_public(const struct signing_key *key);

void signing_key_sign(const struct signing_key *key, struct slice text, struct signature *out);

void signing_key_free(struct signing_key *key); /* accepts NULL */

#endif
