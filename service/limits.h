/*
 * How much a client may write: so many requests a second for each address.
 *
 * All loops share one. Thread-safety: limits_admit may be called by any thread; the other functions
 * belong to the owner, before and after that.
 */
#ifndef VITRINE_SERVICE_LIMITS_H
#define VITRINE_SERVICE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "service/proxy.h"
#include "service/rate.h"

enum { LIMITS_BURST_S = 2 }; /* seconds of writes that may come at once */

struct limits {
    struct rate_table *rates; /* NULL: no limit */
    struct proxies proxies;
};

/* PER_SECOND writes an address, 0: any number. PROXIES are believed. */
void limits_init(struct limits *limits, unsigned per_second, const struct proxies *proxies);
void limits_free(struct limits *limits);

/*
 * Counts a write that came from PEER with FORWARDED, the value of X-Forwarded-For. False when its
 * client has written too much: *RETRY_AFTER_S is in how many seconds it may again. NOW_MS is of
 * monotonic_ms.
 */
bool limits_admit(struct limits *limits, const struct address *peer, struct slice forwarded,
                  int64_t now_ms, unsigned *retry_after_s);

#endif
