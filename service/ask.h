/*
 * What a request asks of its route: the key, the order and the page, read by the route's rules.
 *
 * Thread-safety: no state. Lifetime: the texts live as long as the request and the arena.
 */
#ifndef VITRINE_SERVICE_ASK_H
#define VITRINE_SERVICE_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "definition/definition.h"
#include "replica/reader.h"
#include "service/route.h"

/* The largest page and count that are told apart: 2^53 - 1, what JSON numbers hold exactly. */
#define ASK_NUMBER_MAX 9007199254740991LL

struct ask {
    struct key key;        /* not for a listing */
    struct slice key_text; /* as it was asked for, decoded: valid UTF-8 */
    unsigned order;        /* of the collection's orders */
    uint64_t page;         /* from 1 */
    uint32_t count;        /* rows a page, clamped */
    uint64_t first;        /* position of the page's first row; UINT64_MAX when beyond 64 bits */
};

/*
 * Reads the parameters of ROUTE from the segments of MATCH and from QUERY. False when the key is
 * absent or not one: the route's invalid_key is the answer. Everything else has a default.
 */
bool ask_read(const struct route *route, const struct route_match *match, struct slice query,
              struct arena *arena, struct ask *out);

/* The same without the key, which OUT keeps: order, page and count of a part, or of many keys. */
void ask_read_page(const struct route *route, const struct route_match *match, struct slice query,
                   struct arena *arena, struct ask *out);

/* Reads TEXT, which is decoded. False when it is no key of that type. */
bool ask_read_key(bool is_text, struct slice text, struct key *out);

#endif
