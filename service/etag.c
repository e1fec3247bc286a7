#include "service/etag.h"

#include <xxhash.h>

#include "base/number.h"

/* What else decides how answers look: to be raised when rendering changes. */
enum { RENDERING_VERSION = 1 };

uint64_t etag_seed(struct slice text, unsigned route_index)
{
    return XXH3_64bits_withSeed(text.ptr, text.len,
                                (uint64_t)RENDERING_VERSION << 32 | route_index);
}

/*
 * One hash for each request: everything but the text goes into its seed. Multiplying by an odd number
 * loses nothing, so that for the same page another content is another seed.
 */
uint64_t etag_of_key(uint64_t seed, const struct ask *ask, bool found, uint64_t content)
{
    uint64_t page = (ask->page * 0x9e3779b97f4a7c15U + ask->count) * 0xc2b2ae3d27d4eb4fU +
                    (ask->order << 1 | found);

    return XXH3_64bits_withSeed(ask->key_text.ptr, ask->key_text.len,
                                (seed ^ content) * 0x9fb21c651e98df25U + page);
}

/* OPAQUE stands between the quotes. */
static enum etag_match compare(struct slice opaque, const char digits[HEX_TEXT_LEN])
{
    if (opaque.len < HEX_TEXT_LEN || memcmp(opaque.ptr, digits, HEX_TEXT_LEN) != 0) {
        return ETAG_DIFFERS;
    }
    if (opaque.len == HEX_TEXT_LEN) {
        return ETAG_IS;
    }
    return slice_is(slice_of(opaque.ptr + HEX_TEXT_LEN, opaque.len - HEX_TEXT_LEN),
                    ETAG_GZIP_SUFFIX)
               ? ETAG_IS_GZIP
               : ETAG_DIFFERS;
}

/* Takes the next tag off *LIST; false when there is none, or something else. */
static bool next_tag(struct slice *list, struct slice *opaque)
{
    const char *at = list->ptr;
    const char *end = at + list->len;
    const char *quote;

    while (at < end && (*at == ' ' || *at == '\t' || *at == ',')) {
        at++;
    }
    if (end - at > 2 && at[0] == 'W' && at[1] == '/') {
        at += 2;
    }
    if (at == end || *at != '"') {
        return false;
    }
    at++;
    quote = memchr(at, '"', (size_t)(end - at));
    if (quote == NULL) {
        return false;
    }
    *opaque = slice_of(at, (size_t)(quote - at));
    *list = slice_of(quote + 1, (size_t)(end - quote - 1));
    return true;
}

enum etag_match etag_find(struct slice list, uint64_t etag, bool takes_gzip)
{
    char digits[HEX_TEXT_LEN];
    struct slice opaque;

    if (slice_is(list, "*")) {
        return ETAG_IS;
    }
    write_hex(digits, etag);
    while (next_tag(&list, &opaque)) {
        enum etag_match match = compare(opaque, digits);

        if (match == ETAG_IS || (match == ETAG_IS_GZIP && takes_gzip)) {
            return match;
        }
    }
    return ETAG_DIFFERS;
}
