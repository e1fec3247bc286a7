/*
 * Bodies in gzip, for clients that take them.
 *
 * Good for: answers between GZIP_SIZE_MIN and GZIP_SIZE_MAX bytes. A smaller one fits a packet or two
 * with its head as it is; a larger one would keep the other clients of the loop waiting for
 * milliseconds.
 * Under the hood: libdeflate at its first level: half the time of zlib's first level and fewer bytes
 * (docs/performance.md). What does not save an eighth is sent as it is.
 * Memory: a compressor and a buffer, made when they are needed first and kept.
 * Thread-safety: none; one owner, an answerer.
 */
#ifndef VITRINE_SERVICE_GZIP_H
#define VITRINE_SERVICE_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/slice.h"

enum {
    GZIP_SIZE_MIN = 1 << 10,
    GZIP_SIZE_MAX = 512 << 10,
};

struct libdeflate_compressor;

struct gzip {
    bool is_off;                              /* set by the owner: nothing is compressed */
    struct libdeflate_compressor *compressor; /* or NULL */
    struct buffer packed;
};

void gzip_init(struct gzip *gzip);
void gzip_free(struct gzip *gzip);

/* Whether LIST, the value of Accept-Encoding, takes gzip. */
bool gzip_is_accepted(struct slice list);

/* BODY in *OUT, which lives until the next one; false when it is better sent as it is. */
bool gzip_pack(struct gzip *gzip, struct slice body, struct slice *out);

#endif
