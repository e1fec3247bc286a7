/*
 * Whose request it is, when proxies stand in front: X-Forwarded-For, believed as far as those who
 * wrote it are trusted.
 *
 * Each proxy appends the address that it got the request from, so the list is read from the right:
 * the address of the connection wrote the last entry, the address in the last entry the one before,
 * and so on. The first address that is not trusted is the client; what stands left of it, it may
 * have made up.
 *
 * Lifetime: filled at start. Thread-safety: read-only afterwards.
 */
#ifndef VITRINE_SERVICE_PROXY_H
#define VITRINE_SERVICE_PROXY_H

#include "base/err.h"
#include "base/slice.h"
#include "service/address.h"

enum { PROXIES_MAX = 16 };

struct proxies {
    struct network trusted[PROXIES_MAX];
    unsigned count;
};

/* Trusts the addresses of TEXT, see network_parse. ERR_USAGE beyond PROXIES_MAX. */
MUST_CHECK enum err proxies_trust(struct proxies *proxies, const char *text, struct errmsg *msg);

/* Whether ADDRESS is that of one. */
bool proxies_hold(const struct proxies *proxies, const struct address *address);

/*
 * The client of a request that came from PEER with FORWARDED, the value of X-Forwarded-For (several
 * lines joined by commas), or nothing. An entry that is no address ends the walk at the one before
 * it.
 */
struct address proxies_client(const struct proxies *proxies, const struct address *peer,
                              struct slice forwarded);

#endif
