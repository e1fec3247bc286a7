/*
 * What a request is called, in its answer and in logs: X-Request-Id.
 *
 * Good for: finding one request again in the logs of everything that it passed. What a client or a proxy
 * calls it is taken over, unless that would be no good in a log; otherwise it gets a number.
 * Thread-safety: none; one owner, a loop.
 */
#ifndef VITRINE_SERVICE_REQUEST_ID_H
#define VITRINE_SERVICE_REQUEST_ID_H

#include <stdint.h>

#include "base/number.h"
#include "base/slice.h"

enum { REQUEST_ID_MAX = 64 };

struct request_ids {
    uint64_t at; /* where the numbers are, which begin anywhere */
    char text[HEX_TEXT_LEN];
};

void request_ids_init(struct request_ids *ids);

/*
 * ASKED when it is 1 to REQUEST_ID_MAX visible characters without quotes and backslashes; otherwise a
 * new one, in memory of IDS: until the next.
 */
struct slice request_id(struct request_ids *ids, struct slice asked);

/* A copy of ID in OWN, for an answer that comes later. */
struct slice request_id_keep(char own[REQUEST_ID_MAX], struct slice id);

#endif
