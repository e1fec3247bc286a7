/*
 * A request for an action on a node without a source: it is forwarded to the primary, and the
 * answer of the primary is the answer.
 *
 * What cannot be forwarded, or is lost on the way, is a 503 with Retry-After, whose text says
 * whether the write may have been made. A request that was forwarded already is not forwarded
 * again.
 *
 * Thread-safety: belongs to the loop's thread.
 */
#ifndef VITRINE_SERVICE_RELAY_H
#define VITRINE_SERVICE_RELAY_H

#include <stdbool.h>

#include "base/buffer.h"
#include "service/address.h"
#include "service/forward.h"
#include "service/http.h"
#include "service/later.h"

struct answerer;

/* Where a loop forwards to. */
struct relay {
    const struct primary *primary;
    struct forwarder *forwarder;
};

/*
 * Forwards REQUEST, which came from PEER. IS_REPEATABLE: once and twice are the same. Appends the
 * answer to OUT and returns NULL when there is one at once; otherwise what will answer.
 */
struct later *relay_start(struct answerer *answerer, const struct request *request,
                          const struct address *peer, bool is_repeatable, struct buffer *out);

#endif
