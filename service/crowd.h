/*
 * How many connections each address has open, and whether it may have another.
 *
 * Good for: a limit that one client cannot pass, so that it cannot have all there are. One table serves
 * all loops, with a mutex: a client's connections are spread over the loops, and the table is looked at
 * when a connection comes and goes, never for a request.
 * IPv6 addresses count together by their first 64 bits, as for rates. Proxies that are trusted, 127.0.0.1
 * and ::1 are not counted: behind those are many.
 * Memory: 16 bytes a place, two to four places for each connection that there may be at all.
 * Thread-safety: crowd_enter and crowd_leave may be called by any thread.
 */
#ifndef VITRINE_SERVICE_CROWD_H
#define VITRINE_SERVICE_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "service/address.h"
#include "service/proxy.h"

struct crowd;

/* MOST connections an address, TOTAL of all; PROXIES must outlive it. */
struct crowd *crowd_make(unsigned most, unsigned total, const struct proxies *proxies);
void crowd_free(struct crowd *crowd); /* accepts NULL */

/*
 * Counts a connection of ADDRESS; false when it has its fill. *MEMBER is what to give back with
 * crowd_leave, or 0 for one that is not counted.
 */
bool crowd_enter(struct crowd *crowd, const struct address *address, uint64_t *member);

/* MEMBER 0: nothing; then CROWD may be NULL. */
void crowd_leave(struct crowd *crowd, uint64_t member);

#endif
