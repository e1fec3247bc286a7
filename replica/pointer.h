/*
 * The pointer of a bucket: the one object there that changes. It names the newest complete release, so a
 * node that looks for one asks for 24 bytes, and it is written when everything else of the release is
 * there.
 *
 *   000042 9c4e1f0a77b3d215\n
 *
 * The number of the release, a blank, and the XXH3-64 of its manifest.json as 16 digits of base 16 in
 * lower case. It is a hint and no proof: what it leads to is believed for its signature and its hashes.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_POINTER_H
#define VITRINE_REPLICA_POINTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define POINTER_NAME "current" /* of the object */

enum { POINTER_TEXT_MAX = 48 };

struct pointer {
    uint64_t number;
    uint64_t manifest_hash;
};

bool pointer_equal(const struct pointer *a, const struct pointer *b);

/* False unless TEXT is what pointer_write writes, to the last byte. */
bool pointer_parse(struct slice text, struct pointer *out);

/* The same of the file at PATH; false also when that cannot be read. */
bool pointer_read(const char *path, struct pointer *out);

/* Into TEXT, of POINTER_TEXT_MAX bytes, terminated; returns TEXT. */
char *pointer_write(const struct pointer *pointer, char *text);

/* Of the text of a manifest. */
uint64_t pointer_hash(struct slice manifest);

#endif
