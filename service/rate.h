/*
 * How many requests an address may make: a token bucket an address.
 *
 * Good for: the limit on writes. One table serves all loops of a process, with a mutex: a client's
 * connections are spread over the loops, so a table a loop would allow it a multiple, and only
 * writes come here, which cost a thousand times what the mutex does. The limit is that of this
 * process.
 * Under the hood: of a bucket only the moment is kept at which it is full again. A bucket that is
 * full is as good as none, so the table, a few places for each hash, forgets the one in a place
 * that is full first; with more busy addresses than places the busiest of them are remembered. IPv6
 * addresses count together by their first 64 bits, which is what one client has at least.
 * Memory: 16 bytes a place, RATE_ADDRESSES places: 1 MiB, whoever comes.
 * Thread-safety: rate_take may be called by any thread.
 */
#ifndef VITRINE_SERVICE_RATE_H
#define VITRINE_SERVICE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "service/address.h"

enum {
    RATE_ADDRESSES = 65536,
    RATE_MAX = 1000000,   /* requests a second */
    RATE_BURST_MAX = 1000 /* seconds of requests that a full bucket may hold */
};

struct rate_table;

/*
 * Buckets that are filled with PER_SECOND (1..RATE_MAX) tokens a second and hold BURST (at least 1,
 * at most RATE_BURST_MAX * PER_SECOND). The caller ends it with rate_table_free.
 */
struct rate_table *rate_table_make(unsigned per_second, unsigned burst);
void rate_table_free(struct rate_table *table); /* accepts NULL */

/*
 * Takes one token of ADDRESS. False when there is none: *RETRY_AFTER_S is when there will be, in
 * whole seconds, at least 1. NOW_MS is of monotonic_ms.
 */
bool rate_take(struct rate_table *table, const struct address *address, int64_t now_ms,
               unsigned *retry_after_s);

#endif
