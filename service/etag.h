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

/* Of the answer to ASK; CONTENT: the hash of its key, when it is FOUND. */
uint64_t etag_of_key(uint64_t seed, const struct ask *ask, bool found, uint64_t content);

/* Of an answer that has no such hash: a listing. */
uint64_t etag_of_body(uint64_t seed, struct slice body);

enum etag_match { ETAG_DIFFERS, ETAG_IS, ETAG_IS_GZIP };

/*
 * Whether LIST, the value of If-None-Match, has ETAG, by the weak comparison of RFC 9110; "*" has any.
 * ETAG_IS_GZIP: it has the tag of its gzip form.
 */
enum etag_match etag_find(struct slice list, uint64_t etag);

#endif
