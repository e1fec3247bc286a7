/*
 * The digest of a file: BLAKE2b, 256 bits. Who signs a release lists the digests of its files, because
 * XXH3 finds damage but is easily made to fit: anybody can write other bytes with the same XXH3-64.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_DIGEST_H
#define VITRINE_REPLICA_DIGEST_H

#include <stdint.h>

#include "base/err.h"

enum { DIGEST_SIZE = 32 };

/* Reads the file at PATH; OUT has DIGEST_SIZE bytes. ERR_SYSTEM, ERR_INTERRUPTED. */
MUST_CHECK enum err file_digest(const char *path, uint8_t *out, struct errmsg *msg);

#endif
