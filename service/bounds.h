/*
 * What a client may take of a loop: time, connections, descriptors and bytes.
 *
 * Filled at start from the options of `vitrine serve`; read-only afterwards.
 */
#ifndef VITRINE_SERVICE_BOUNDS_H
#define VITRINE_SERVICE_BOUNDS_H

#include <stddef.h>
#include <stdint.h>

enum {
    BOUNDS_CONNECTIONS = 10000, /* of all loops together */
    BOUNDS_SPARED = 32,         /* for the admin listener, and what it looks at */
    BOUNDS_ANSWER_MAX = 64 << 20,
};

struct crowd;
struct held;

struct bounds {
    unsigned connections; /* open at a time; more are closed at once */
    unsigned spared;      /* descriptors that its connections leave to others; acceptor.h */
    struct crowd *crowd;  /* how many each address may have; NULL: any number */
    struct held *held;    /* what all of them hold; NULL: nobody counts */
    int64_t first_ms;     /* for the first byte of a connection */
    int64_t head_ms;      /* for a request's target and headers, from their first byte */
    int64_t body_ms;      /* for its body */
    int64_t idle_ms;      /* between requests */
    int64_t send_ms;      /* without a byte of an answer taken */
    uint32_t body_size;   /* bytes of a request's body, HTTP_BODY_MAX at most: 413 */
    size_t answer_size;   /* bytes of a body; instead of a larger one: 500 */
};

/* The defaults of the options. */
static inline struct bounds bounds_usual(void)
{
    return (struct bounds){
        .connections = BOUNDS_CONNECTIONS,
        .first_ms = 10000,
        .head_ms = 10000,
        .body_ms = 60000,
        .idle_ms = 60000,
        .send_ms = 60000,
        .body_size = 64 << 10,
        .answer_size = BOUNDS_ANSWER_MAX,
    };
}

#endif
