/*
 * tally: what became of the requests, in all and by route.
 */
#ifndef VITRINE_BENCH_LOAD_TALLY_H
#define VITRINE_BENCH_LOAD_TALLY_H

#include "histogram.h"
#include "mix.h"

/* Why a request has no answer. */
enum failure {
    FAILURE_CONNECT,   /* no connection */
    FAILURE_TIMEOUT,   /* no answer in time, or never sent because no connection came free */
    FAILURE_CUT,       /* the connection ended before the answer did */
    FAILURE_LENGTH,    /* bytes behind the body that Content-Length promised */
    FAILURE_MALFORMED, /* no answer of HTTP that has a length */
    FAILURES,
};

struct counts {
    uint64_t statuses[6]; /* by class; 0: none of 1 to 5 */
    uint64_t failures[FAILURES];
    uint64_t body_bytes;
    struct histogram latency; /* of answers, from the instant that they were due */
};

struct tally {
    struct counts routes[MIX_ROUTES_MAX];
    struct histogram service; /* of answers, from sending: what a closed loop would have said */
    struct histogram late;    /* of sending, with a connection free: the generator's own share */
    uint64_t reopened;        /* connections that the server closed between two requests */
};

/* How a failure is called in a result. */
const char *failure_name(enum failure failure);

/* The counts of all routes together; the caller frees them. */
struct counts *tally_sum(const struct tally *tally);

/* Requests without an answer. */
uint64_t counts_errors(const struct counts *counts);

/* Those, and answers that are no success. */
uint64_t counts_failed(const struct counts *counts);

#endif
