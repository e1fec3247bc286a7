/*
 * ETags: one number for what an answer shows, and whether a client has it already.
 *
 * Good for: conditional requests. The content of a key has its hash in the file (docs/format.md), so
 * that the tag of an answer by key is known before anything is rendered, and stays the same in every
 * release that holds the same for that key.
 * Under the hood: a tag is 16 hexadecimal digits in quotes; that of the same answer in gzip ends in
 * "-gzip", for it is another sequence of bytes.
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_ETAG_H
#define VITRINE_SERVICE_ETAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "service/ask.h"

#define ETAG_GZIP_SUFFIX "-gzip"

/* How route ROUTE_INDEX of the definition in TEXT renders: what makes the tags of routes differ. */
uint64_t etag_seed(struct slice text, unsigned route_index);

/* Of the answer to ASK; CONTENT: the hash of its key, when it is FOUND, or of all that it shows. */
uint64_t etag_of_key(uint64_t seed, const struct ask *ask, bool found, uint64_t content);

/* The hash of several contents, one after another: JOINED, 0 before the first, and one more. */
static inline uint64_t etag_join(uint64_t joined, uint64_t content)
{
    uint64_t x = (joined ^ joined >> 32) * 0x9e3779b97f4a7c15U + content;

    return (x ^ x >> 29) * 0xd6e8feb86659fd93U;
}

enum etag_match { ETAG_DIFFERS, ETAG_IS, ETAG_IS_GZIP };

/*
 * Whether LIST, the value of If-None-Match, has ETAG, by the weak comparison of RFC 9110; "*" has any.
 * ETAG_IS_GZIP: it has the tag of its gzip form, which counts only if the client TAKES_GZIP: a cache asks
 * with the tags of all that it keeps, and serves what it is told from there.
 */
enum etag_match etag_find(struct slice list, uint64_t etag, bool takes_gzip);

#endif
